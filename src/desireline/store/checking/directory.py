"""The data directory itself: who owns it, which version wrote it; and scratch room for copies.

Knows the layout. Makes nothing but its scratch room, and removes that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from desireline.errors import DataDirectoryLocked, StartupError
from desireline.store.directory import LAYOUT_VERSION, Layout
from desireline.types.checking import Finding

STORE = "directory"
# Files of the engines that are written once; a second name for them costs no room.
WRITTEN_ONCE = (".bin", ".idx", ".cidx", ".mrk4", ".cmrk4", ".mrk2", ".cmrk2", ".mrk3", ".cmrk3")


@contextmanager
def held(path: Path) -> Iterator[Layout]:
    """The layout of a directory that no server holds, and none can take meanwhile.

    Raises `errors.DataDirectoryLocked` naming the process, `errors.StartupError` when there is no
    data directory.
    """
    layout = Layout(path.absolute())
    if not layout.version.exists() and not layout.lock.exists():
        raise StartupError(
            f"{layout.path} is no data directory: it has no `version` and no `lock`",
            hint="name the directory that `desireline serve --data` was given",
        )
    lock = _lock(layout)
    try:
        yield layout
    finally:
        if lock >= 0:
            os.close(lock)


def _lock(layout: Layout) -> int:
    try:
        lock = os.open(layout.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # never served, or not ours to write: then nobody of us serves it either
        return -1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = layout.lock.read_text().strip() or "unknown"
        os.close(lock)
        raise DataDirectoryLocked(
            f"the data directory {layout.path} is being served by the process {holder}",
            hint="stop that server first, or check a copy of the directory",
            details={"path": str(layout.path), "pid": holder},
        ) from error
    return lock


@contextmanager
def scratch(layout: Layout) -> Iterator[Path]:
    """An empty folder on the directory's own disk if it can be written, gone afterwards."""
    beside = layout.tmp if os.access(layout.tmp, os.W_OK) else None
    room = Path(tempfile.mkdtemp(prefix="check-", dir=beside))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def copy(source: Path, target: Path, same: Callable[[Path], bool] = lambda _: False) -> None:
    """Copy a folder with its links; a file that is `same` gets a second name instead.

    Raises `OSError` when there is no room.
    """

    def one(name: str, copied: str) -> None:
        if same(Path(name)):
            try:
                os.link(name, copied)
                return
            except OSError:  # another disk, or a file system without links
                pass
        shutil.copy2(name, copied)

    shutil.copytree(source, target, symlinks=True, copy_function=one)


def is_written_once(path: Path) -> bool:
    """Whether the event log's engine never changes this file."""
    return path.suffix in WRITTEN_ONCE


def check(layout: Layout) -> list[Finding]:
    """The version, and the parts that have to be there."""
    found = [_version(layout)]
    for part in (layout.intake, layout.event_log, layout.index):
        if not part.is_dir():
            hint = "restore it; a start would begin with an empty one"
            found.append(Finding(STORE, part.name, "bad", "the folder is missing", hint))
    return found


def _version(layout: Layout) -> Finding:
    text = layout.version.read_text(errors="replace").strip() if layout.version.exists() else ""
    if not (text.isascii() and text.isdecimal()):
        hint = "restore the file `version` from a copy"
        return Finding(STORE, "version", "bad", f"{text[:40]!r} is no version", hint)
    if int(text) > LAYOUT_VERSION:
        return Finding(
            STORE, "version", "bad", f"{text}; this desireline knows up to {LAYOUT_VERSION}",
            "use the newer desireline that wrote it",
        )  # fmt: skip
    if int(text) < LAYOUT_VERSION:
        return Finding(STORE, "version", "warn", f"{text}: a start would make it {LAYOUT_VERSION}")
    return Finding(STORE, "version", "ok", f"{text}, as this desireline writes it")
