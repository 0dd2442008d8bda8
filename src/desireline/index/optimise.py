"""Optimise a folder without stopping the server: a copy, a child process, a catch-up, a swap.

The engine holds the interpreter while it optimises (14 s for 20,000 documents), so it never does so
in the server. As a program (`python -m desireline.index.optimise FILES PARENT`) this module is the
child. Knows files and processes; does not know documents.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID, uuid4

from qdrant_edge import EdgeShard, Point, UpdateOperation

from desireline.errors import DesirelineError
from desireline.index.folder import PAGE, Folder, generation_path, open_shard

Progress = Callable[[int, int], None]
"""Called with documents done and documents in all."""
Cancelled = Callable[[], bool]

_NICENESS = 10
_POLL_S = 0.1
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


async def optimise(
    folder: Folder, writing: asyncio.Lock, progress: Progress, cancelled: Cancelled
) -> bool:
    """Serve an optimised copy of the folder from now on; False when cancelled (nothing changed).

    Searches go on all the time; writes wait for the copy of the files only. `progress` is coarse:
    the child can't report from inside the engine. One at a time per folder.
    """
    files = folder.path / f"copy-{uuid4().hex}"
    try:
        count = await _copied(folder, writing, files)
        progress(0, count)
        if not await _child(files, cancelled):
            return False
        old = await _swapped(folder, writing, files, count)
        progress(count, count)
    finally:
        folder.changed = None
        await asyncio.to_thread(shutil.rmtree, files, ignore_errors=True)
    await asyncio.to_thread(shutil.rmtree, old, ignore_errors=True)
    return True


async def _copied(folder: Folder, writing: asyncio.Lock, files: Path) -> int:
    async with writing:
        folder.shard.flush()
        folder.changed = set()
        source = generation_path(folder.path, folder.state.generation)
        await asyncio.to_thread(copy_files, source, files)
        return folder.count()


def copy_files(source: Path, target: Path) -> None:
    """Copy a folder; holes stay holes (the engine allocates 32 MB files and fills few of it)."""
    shutil.copytree(source, target, copy_function=_copy_sparse)


def _copy_sparse(source: str, target: str) -> None:
    with open(source, "rb") as reader, open(target, "wb") as writer:
        size, place = os.fstat(reader.fileno()).st_size, 0
        writer.truncate(size)
        with contextlib.suppress(OSError):  # ENXIO: no data after `place`
            while place < size:
                place = os.lseek(reader.fileno(), place, os.SEEK_DATA)
                end = os.lseek(reader.fileno(), place, os.SEEK_HOLE)
                _copy_range(reader.fileno(), writer.fileno(), place, end)
                place = end


def _copy_range(reader: int, writer: int, start: int, end: int) -> None:
    while start < end:
        start += os.pwrite(writer, os.pread(reader, min(end - start, 1 << 20), start), start)


async def _child(files: Path, cancelled: Cancelled) -> bool:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "desireline.index.optimise", str(files), str(os.getpid()),
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    ended = asyncio.ensure_future(child.communicate())
    try:
        while not cancelled():
            if (await asyncio.wait([ended], timeout=_POLL_S))[0]:
                return _succeeded(child.returncode, ended.result()[1])
        return False
    finally:
        if child.returncode is None:
            child.kill()
            await ended


def _succeeded(returncode: int | None, stderr: bytes) -> bool:
    if returncode:
        text = stderr.decode(errors="replace")[-500:]
        raise DesirelineError(
            f"optimising the index failed: {text}", code="optimise_failed",
            hint="the index in place goes on serving; look at memory and disk, then retry the task",
        )  # fmt: skip
    return True


async def _swapped(folder: Folder, writing: asyncio.Lock, files: Path, count: int) -> Path:
    """Catch up with what was written meanwhile, the last part with writes held back."""
    generation = folder.state.generation + 1
    target = generation_path(folder.path, generation)
    files.rename(target)
    shard = open_shard(target)
    while len(folder.changed or ()) > PAGE:
        _replay(folder, shard, _taken(folder))
        await asyncio.sleep(0)
    async with writing:
        _replay(folder, shard, _taken(folder))
        return folder.switch(generation, shard, count)


def _taken(folder: Folder) -> Sequence[UUID]:
    changed = folder.changed or set()
    return [changed.pop() for _ in range(min(PAGE, len(changed)))]


def _replay(folder: Folder, shard: EdgeShard, ids: Sequence[UUID]) -> None:
    """Make these points in the copy what they are now in the folder: there, or gone."""
    found = folder.shard.retrieve(list(ids), True, True)
    points = [Point(id=r.id, vector=r.vector or {}, payload=r.payload) for r in found]
    gone = set(ids).difference(record.id for record in found)
    if points:
        shard.update(UpdateOperation.upsert_points(points))
    if gone:
        shard.update(UpdateOperation.delete_points(list(gone)))


def main(files: str, parent: str) -> None:
    """The child: low priority, the engine's own optimiser until it finds nothing to do."""
    _die_with(int(parent))
    os.nice(_NICENESS)
    shard = EdgeShard.load(files)
    shard.optimize()
    shard.flush()
    shard.close()


def _die_with(parent: int) -> None:
    """End with the server, also when that is killed: nobody would take the result.

    The kernel sees to it (where it is Linux), because the engine lets no other thread run.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
