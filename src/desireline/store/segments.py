"""Segment files and the flusher's journal: the bytes of the durable intake, and how they are read
back.

Knows frames, files, torn tails and positions; knows nothing of threads, of waiting requests or of
the event log.

    frame    uint32 length, uint32 crc32(payload), payload     (little endian)
    payload  1 byte: the table (`TABLE_CODES`), then the JSON of one row
    segment  frames; `<12 digits>.segment`, numbered without reuse
    journal  frames with the table byte 0: {"to": …, "token": …} before, {"done": …} after an insert
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from desireline import errors
from desireline.types.log import TABLES

HEADER = struct.Struct("<II")
TABLE_CODES = {table: bytes([code]) for code, table in enumerate(TABLES, start=1)}
TABLE_NAMES = {code[0]: table for table, code in TABLE_CODES.items()}
TABLE_CRCS = {table: zlib.crc32(code) for table, code in TABLE_CODES.items()}
JOURNAL_CODE = b"\0"
LONGEST_FRAME = 64 << 20
SUFFIX = ".segment"


class System(msgspec.Struct, frozen=True):
    """The calls that durability rests on, so that a test can watch their order or make one fail."""

    writev: Callable[[int, Sequence[bytes | memoryview]], int] = os.writev
    fdatasync: Callable[[int], None] = os.fdatasync
    ftruncate: Callable[[int, int], None] = os.ftruncate


class CorruptSegment(errors.StartupError):
    """A bad frame with good ones after it: rows that were acknowledged can't be read."""

    code = "corrupt_segment"


class Place(msgspec.Struct, frozen=True, order=True):
    """A byte in the intake: everything in earlier segments and before `offset` in this one."""

    segment: int
    offset: int


class Intent(msgspec.Struct, frozen=True):
    """A range that is about to be inserted under a token; persisted before the insert."""

    start: Place
    end: Place
    token: str


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record of the journal: an intent, or the place up to which everything is inserted."""

    intent: Intent | None = None
    done: Place | None = None


def frames(rows: Sequence[tuple[str, bytes]]) -> bytes:
    """The rows as frames, one after the other; raises `KeyError` for a table that does not exist.

    >>> len(frames([("interactions", b"{}")]))
    11
    """
    parts: list[bytes] = []
    pack, crc32 = HEADER.pack, zlib.crc32
    for table, row in rows:
        parts += (pack(len(row) + 1, crc32(row, TABLE_CRCS[table])), TABLE_CODES[table], row)
    return b"".join(parts)


def group_rows(block: bytes, most: int) -> tuple[dict[str, list[bytes]], int]:
    """The first `most` whole frames of a block by table, and the bytes that they take.

    Checksums are not compared here: a segment is checked once, when it is opened after a start.

    >>> group_rows(frames([("marks", b"{}"), ("marks", b"[]")]), 1)
    ({'marks': [b'{}']}, 11)
    """
    groups: dict[int, list[bytes]] = {code: [] for code in TABLE_NAMES}
    unpack, offset, last = HEADER.unpack_from, 0, len(block) - 8
    while offset < last and most:
        start = offset + 8
        end = start + unpack(block, offset)[0]
        if end > len(block):
            break
        groups[block[start]].append(block[start + 1 : end])
        offset, most = end, most - 1
    return {TABLE_NAMES[code]: rows for code, rows in groups.items() if rows}, offset


def good_prefix(data: bytes) -> int:
    """How many bytes from the start are whole frames whose checksums hold."""
    offset, size = 0, len(data)
    while offset + 8 < size:
        length, crc = HEADER.unpack_from(data, offset)
        end = offset + 8 + length
        if (
            not 1 <= length <= LONGEST_FRAME
            or end > size
            or zlib.crc32(data[offset + 8 : end]) != crc
        ):
            break
        offset = end
    return offset


def has_frame_after(data: bytes, offset: int) -> bool:
    """Whether any whole, valid frame begins after `offset`: then the bad place is no torn tail."""
    for code in TABLE_NAMES:
        found = data.find(bytes([code]) + b"{", offset + 9)
        while found >= 0:
            length, crc = HEADER.unpack_from(data, found - 8)
            payload = data[found : found + length]
            if 1 <= length == len(payload) and zlib.crc32(payload) == crc:
                return True
            found = data.find(bytes([code]) + b"{", found + 1)
    return False


def segment_path(folder: Path, number: int) -> Path:
    """Where a segment lies."""
    return folder / f"{number:012d}{SUFFIX}"


def segment_numbers(folder: Path) -> list[int]:
    """The segments of a folder in order."""
    return sorted(int(path.name[: -len(SUFFIX)]) for path in folder.glob(f"*{SUFFIX}"))


def check(folder: Path, number: int, system: System, begin: int = 0) -> tuple[int, int]:
    """Cut a torn tail off a segment; returns its good size and how many bytes were cut.

    `begin`: what lies before is already inserted and not looked at. Raises `CorruptSegment`, naming
    segment and offset, when good frames follow a bad one: nothing is skipped silently.
    """
    path = segment_path(folder, number)
    data = path.read_bytes()
    good = begin + good_prefix(data[begin:])
    if good == len(data):
        return good, 0
    if has_frame_after(data, good):
        raise CorruptSegment(
            f"segment {path} is damaged at offset {good}: rows after it can still be read",
            hint="restore the file, or move it away and accept that its rows are lost",
        )
    with path.open("r+b") as file:
        system.ftruncate(file.fileno(), good)
        system.fdatasync(file.fileno())
    return good, len(data) - good


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, content: bytes, beside: Path | None = None) -> None:
    """Write a small file so that after a crash it is the old one or the new one, never a part.

    `beside` is where it is written first, where the folder is not ours to put files in.
    """
    beside = beside or path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


class Journal:
    """What was or is about to be inserted: intents before an insert, places after it.

    A file beside the segments rather than rows of the catalogue: one synced append of 120 bytes, on
    the disk that the segments are on, with no other writer to wait for.
    """

    compact_bytes = 1 << 20

    def __init__(self, path: Path, system: System) -> None:
        self._path, self._system = path, system
        self._broken = False
        self.done, self.intent = journal_state(path)
        self._file = self._rewrite()

    def intend(self, intent: Intent) -> None:
        """Persist (synced) that this range is about to be inserted under this token."""
        if self._broken or os.fstat(self._file).st_size > self.compact_bytes:
            os.close(self._file)
            self._file, self._broken = self._rewrite(), False
        self._append(Entry(intent=intent))
        self.sync()
        self.intent = intent

    def finish(self, place: Place) -> None:
        """Note that everything up to `place` is inserted. Not synced: a replay changes nothing."""
        self.done, self.intent = place, None
        self._append(Entry(done=place))

    def sync(self) -> None:
        """Make what was noted durable (before a segment is removed)."""
        self._system.fdatasync(self._file)

    def close(self) -> None:
        """Sync and close the file."""
        self.sync()
        os.close(self._file)

    def _append(self, entry: Entry) -> None:
        frame = _journal_frame(entry)
        self._broken = True  # until written whole: else a later record would follow a torn one
        if self._system.writev(self._file, [frame]) < len(frame):
            raise OSError(errno.ENOSPC, "the journal could not be written whole", str(self._path))
        self._broken = False

    def _rewrite(self) -> int:
        entries = [Entry(done=self.done)]
        if self.intent is not None:
            entries.append(Entry(intent=self.intent))
        replace_file(self._path, b"".join(map(_journal_frame, entries)))
        return os.open(self._path, os.O_WRONLY | os.O_APPEND)


def _journal_frame(entry: Entry) -> bytes:
    payload = JOURNAL_CODE + msgspec.json.encode(entry)
    return HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def _entries(data: bytes) -> Iterator[Entry]:
    offset, end = 0, good_prefix(data)
    while offset < end:
        start, offset = offset + 9, offset + 8 + HEADER.unpack_from(data, offset)[0]
        yield msgspec.json.decode(data[start:offset], type=Entry)


def journal_state(path: Path) -> tuple[Place, Intent | None]:
    """Up to where everything is inserted, and what was being inserted when the process ended."""
    done, intent = Place(0, 0), None
    for entry in _entries(path.read_bytes() if path.exists() else b""):
        if entry.intent is not None:
            intent = entry.intent
        elif entry.done is not None:
            done, intent = entry.done, None
    return done, intent
