"""The data directory: what lies where, who owns it, which version wrote it.

    DIR/
      version          the layout's version, one number
      lock             held (flock) by the one process that serves; its pid inside
      catalog.sqlite   definitions and small state (unless a DSN is given)
      intake/          accepted rows on their way
      events/          the embedded event log
      index/           documents, one folder per collection
      tmp/             scratch, emptied at start

Knows the layout and the lock. Does not know what the parts hold.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import msgspec

from desireline.errors import DataDirectoryLocked, StartupError

LAYOUT_VERSION = 1
_MODE = 0o700


class Layout(msgspec.Struct, frozen=True):
    """Paths below a data directory; nothing is opened, nothing is made.

    >>> Layout(Path("/data")).catalog.name
    'catalog.sqlite'
    """

    path: Path

    @property
    def version(self) -> Path:
        return self.path / "version"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def catalog(self) -> Path:
        return self.path / "catalog.sqlite"

    @property
    def intake(self) -> Path:
        return self.path / "intake"

    @property
    def event_log(self) -> Path:
        return self.path / "events"

    @property
    def index(self) -> Path:
        return self.path / "index"

    @property
    def tmp(self) -> Path:
        return self.path / "tmp"


class DataDirectory:
    """A data directory owned by this process, from construction to `release` (or `with`).

    Commands that only touch the catalogue beside a running server use `prepare` instead.
    """

    def __init__(self, path: Path, version: int = LAYOUT_VERSION) -> None:
        """Make what is missing and take the lock.

        Raises `errors.DataDirectoryLocked` naming the directory and the pid that holds it, and
        `errors.StartupError` when it is unusable or was written by a newer version.
        """
        self.layout = _made(path)
        self._lock = _locked(self.layout)
        try:
            _check_version(self.layout, version)
            _fill(self.layout)
        except BaseException:
            self.release()
            raise

    def __enter__(self) -> Layout:
        return self.layout

    def __exit__(self, *_raised: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the directory back; again changes nothing."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def prepare(path: Path, version: int = LAYOUT_VERSION) -> Layout:
    """The layout of a directory that another process may own: made and checked, not locked.

    Raises `errors.StartupError` as `DataDirectory` does.
    """
    layout = _made(path)
    _check_version(layout, version)
    return layout


def _made(path: Path) -> Layout:
    layout = Layout(path.absolute())
    try:
        layout.path.mkdir(_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(layout, error) from error
    return layout


def _fill(layout: Layout) -> None:
    try:
        shutil.rmtree(layout.tmp, ignore_errors=True)
        for folder in (layout.intake, layout.event_log, layout.index, layout.tmp):
            folder.mkdir(_MODE, exist_ok=True)
    except OSError as error:
        raise _unusable(layout, error) from error


def _locked(layout: Layout) -> int:
    try:
        lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(layout, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            raise _taken(layout) from error
        raise _unusable(layout, error) from error
    return lock


def _check_version(layout: Layout, version: int) -> None:
    try:
        if not layout.version.exists():
            _write_version(layout, version)
        found = layout.version.read_text().strip()
    except OSError as error:
        raise _unusable(layout, error) from error
    if not found.isascii() or not found.isdecimal():
        raise StartupError(
            f"{layout.version} holds {found[:40]!r}, which is no version",
            hint="is this a data directory of desireline? restore the file from a copy",
        )
    if int(found) > version:
        raise StartupError(
            f"the data directory {layout.path} has version {found}, "
            f"this desireline knows versions up to {version}",
            hint="start the newer desireline that wrote it",
        )


def _write_version(layout: Layout, version: int) -> None:
    """All or nothing: a start that is killed here leaves no half-written version behind."""
    draft = layout.version.with_name(f"version.{os.getpid()}")
    with draft.open("w") as file:
        file.write(f"{version}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(layout.version)
    folder = os.open(layout.path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _taken(layout: Layout) -> DataDirectoryLocked:
    holder = layout.lock.read_text().strip() or "unknown"
    return DataDirectoryLocked(
        f"the data directory {layout.path} is in use by the process {holder}",
        hint="stop that process, or choose another directory with --data or DESIRELINE_DATA",
        details={"path": str(layout.path), "pid": holder},
    )


def _unusable(layout: Layout, error: OSError) -> StartupError:
    return StartupError(
        f"the data directory {layout.path} cannot be used: {error.strerror or error}",
        hint="choose a directory that this user may write, with --data or DESIRELINE_DATA",
    )
