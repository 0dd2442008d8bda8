"""The segments on disk that are not yet in the event log: written at one end, read at the other.

Knows where each group of frames lies and what of it is inserted; two threads use it, a committer
that appends and a flusher that takes ranges. Knows nothing of requests, waiting or the event log.

A *position* counts the bytes ever given to `append`, also those of a group that failed.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from desireline.store import segments
from desireline.store.segments import CorruptSegment, Intent, Journal, Place, System

VECTOR_LIMIT = 1024


class Segment(msgspec.Struct):
    """A segment file: its number, the position of its first byte, how much of it is good."""

    number: int
    begin: int
    size: int = 0


class Range(msgspec.Struct, frozen=True):
    """Rows to insert together, by table in frame order, under one token."""

    intent: Intent
    groups: dict[str, list[bytes]]

    @property
    def rows(self) -> int:
        """How many rows."""
        return sum(map(len, self.groups.values()))


class Backlog:
    """Opening checks every segment, cuts a torn tail and removes what is already inserted.

    `cut_bytes` counts what was cut. Raises `segments.CorruptSegment` for damage in the middle.
    """

    def __init__(
        self, folder: Path, node: str, *, system: System, segment_bytes: int, sync: bool = True
    ) -> None:
        self._folder, self._node, self._system = folder, node, system
        self._segment_bytes, self._sync = segment_bytes, sync
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = Journal(folder / "journal", system)
        self._lock = threading.Lock()
        self._file = -1
        self.cut_bytes = 0
        self._offset = 0
        self._segments = self._open()

    @property
    def appended(self) -> int:
        """The position up to which groups were appended."""
        last = self._segments[-1]
        return last.begin + last.size

    @property
    def flushed(self) -> int:
        """The position up to which everything is in the event log."""
        with self._lock:
            first = self._segments[0]
            whole = self._offset == first.size and len(self._segments) > 1
            return self._segments[1].begin if whole else first.begin + self._offset

    def append(self, blocks: Sequence[bytes], fail_point: Callable[[str], None]) -> None:
        """Write a group and sync it once; on an `OSError` the group is cut off again,
        and raised.
        """
        size = sum(map(len, blocks))
        try:
            self._write(blocks)
            fail_point("before_sync")
            if self._sync:
                self._system.fdatasync(self._file)
            fail_point("after_sync")
        except OSError:
            self._cut(size)
            raise
        last = self._segments[-1]
        last.size += size
        if last.size >= self._segment_bytes:
            self._next_segment(last.begin + last.size)

    def open_intent(self) -> Range | None:
        """The range that was being inserted when the process died, with its old boundaries."""
        intent = self._journal.intent
        if intent is None:
            return None
        path = segments.segment_path(self._folder, intent.start.segment)
        block = _read(path, intent.start.offset, intent.end.offset - intent.start.offset)
        if token(self._node, intent.start, block) != intent.token:
            raise CorruptSegment(
                f"segment {path} is not what was being inserted from offset {intent.start.offset}",
                hint="restore the intake folder and the event log from the same moment",
            )
        return Range(intent, segments.group_rows(block, -1)[0])

    def next_range(self, most_rows: int, most_bytes: int) -> Range | None:
        """The oldest rows that are not inserted yet, of one segment; None when there are none."""
        with self._lock:
            self._drop_inserted()
            segment, offset = self._segments[0], self._offset
        path = segments.segment_path(self._folder, segment.number)
        waiting = segment.size - offset
        if not waiting:
            return None
        block = _read(path, offset, min(waiting, most_bytes))
        groups, used = segments.group_rows(block, most_rows)
        if not used:  # one row is longer than `most_bytes`
            block = _read(path, offset, waiting)
            groups, used = segments.group_rows(block, 1)
        start, end = Place(segment.number, offset), Place(segment.number, offset + used)
        return Range(Intent(start, end, token(self._node, start, block[:used])), groups)

    def intend(self, chosen: Range) -> None:
        """Persist the boundaries and the token of a range before it is inserted."""
        if not self._sync:
            self._sync_segment(chosen.intent.start.segment)
        self._journal.intend(chosen.intent)

    def finish(self, chosen: Range) -> None:
        """The range is in the event log, synced."""
        with self._lock:
            self._offset = chosen.intent.end.offset
        self._journal.finish(chosen.intent.end)

    def close(self) -> None:
        """Sync and close the files."""
        if self._file >= 0:
            self._system.fdatasync(self._file)
            os.close(self._file)
            self._file = -1
        self._journal.close()

    def _open(self) -> deque[Segment]:
        done = self._journal.done
        found: deque[Segment] = deque()
        position = 0
        for number in segments.segment_numbers(self._folder):
            begin = done.offset if number == done.segment else 0
            size = self._check(number, begin) if number >= done.segment else 0
            if size <= begin:
                segments.segment_path(self._folder, number).unlink()
                continue
            found.append(Segment(number, position - begin, size))
            self._offset = begin if len(found) == 1 else self._offset
            position += size - begin
        newest = max([done.segment, *(segment.number for segment in found)])
        found.append(Segment(newest + 1, position))
        return found

    def _check(self, number: int, begin: int) -> int:
        size, cut = segments.check(self._folder, number, self._system, begin)
        self.cut_bytes += cut
        return size

    def _write(self, blocks: Sequence[bytes]) -> None:
        if self._file < 0:
            path = segments.segment_path(self._folder, self._segments[-1].number)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            segments.sync_folder(self._folder)
        for vector in _vectors(blocks):
            while vector:
                vector = _rest(vector, self._system.writev(self._file, vector))

    def _cut(self, failed: int) -> None:
        # After a failed sync the kernel may have dropped the pages: never append to that file
        # again.
        last = self._segments[-1]
        if self._file >= 0:
            try:
                self._system.ftruncate(self._file, last.size)
                self._system.fdatasync(self._file)
            except OSError:
                pass  # at the next start whole frames count, as for a crash before the sync
        self._next_segment(last.begin + last.size + failed)

    def _next_segment(self, begin: int) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        with self._lock:
            self._segments.append(Segment(self._segments[-1].number + 1, begin))

    def _drop_inserted(self) -> None:
        while len(self._segments) > 1 and self._offset >= self._segments[0].size:
            self._journal.sync()
            path = segments.segment_path(self._folder, self._segments[0].number)
            path.unlink(missing_ok=True)
            self._segments.popleft()
            self._offset = 0

    def _sync_segment(self, number: int) -> None:
        handle = os.open(segments.segment_path(self._folder, number), os.O_RDONLY)
        try:
            self._system.fdatasync(handle)
        finally:
            os.close(handle)


def token(node: str, start: Place, block: bytes) -> str:
    """The name of a range: its place and its bytes, so that no two ranges share one.

    The checksum is there for a folder restored from an older copy, whose places are used again.

    >>> token("a", Place(1, 0), b"")
    'a-000000000001-0-0-00000000'
    """
    return f"{node}-{start.segment:012d}-{start.offset}-{len(block)}-{zlib.crc32(block):08x}"


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        return file.read(size)


def _vectors(blocks: Sequence[bytes]) -> Iterator[Sequence[bytes | memoryview]]:
    for first in range(0, len(blocks), VECTOR_LIMIT):
        yield blocks[first : first + VECTOR_LIMIT]


def _rest(vector: Sequence[bytes | memoryview], written: int) -> Sequence[bytes | memoryview]:
    for index, block in enumerate(vector):
        if written < len(block):
            return [memoryview(block)[written:], *vector[index + 1 :]]
        written -= len(block)
    return ()
