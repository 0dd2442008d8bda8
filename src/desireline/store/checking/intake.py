"""The intake's files: every frame by its checksum, the journal, the numbers.

Knows the bytes (`segments`). Reads only; what a start would cut or send again is said, not done.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import msgspec

from desireline.store import segments
from desireline.store.backlog import token
from desireline.store.segments import HEADER, Intent, Place
from desireline.types.checking import Finding

STORE = "intake"


class Intake(msgspec.Struct, frozen=True):
    """What was found, up to which number rows may have one, whether rows wait for the event log."""

    findings: list[Finding]
    reserved: int
    waiting: bool


def check(folder: Path, node: str) -> Intake:
    """Journal, numbers, then each segment from where the event log stands."""
    journal, (done, intent) = _journal(folder / "journal")
    found = [journal]
    newest, waiting = 0, False
    numbers = segments.segment_numbers(folder)
    for number in numbers:
        begin = done.offset if number == done.segment else 0
        if number >= done.segment:
            finding, rows, highest = _segment(segments.segment_path(folder, number), begin)
            found.append(finding)
            newest, waiting = max(newest, highest), waiting or rows > 0
    if intent is not None:
        found.append(_intent(folder, node, intent))
    if not numbers:
        found.append(Finding(STORE, "segments", "ok", "none: every row is in the event log"))
    sequence, reserved = _sequence(folder / "sequence", newest)
    return Intake([*found, *sequence], reserved, waiting or intent is not None)


def _journal(path: Path) -> tuple[Finding, tuple[Place, Intent | None]]:
    data = path.read_bytes() if path.exists() else b""
    state = segments.journal_state(path)
    good = segments.good_prefix(data)
    if good == len(data):
        return Finding(STORE, "journal", "ok", f"inserted up to {_shown(state[0])}"), state
    rest = f"{len(data) - good} of {len(data)} bytes cannot be read from offset {good}"
    if _has_entry_after(data, good):
        hint = "rows may be inserted again; the event log drops the ranges it still remembers"
        return Finding(STORE, "journal", "bad", f"damaged: {rest}", hint), state
    return Finding(STORE, "journal", "warn", f"torn tail: {rest}"), state


def _has_entry_after(data: bytes, offset: int) -> bool:
    found = data.find(segments.JOURNAL_CODE + b"{", offset + 9)
    while found >= 0:
        length, crc = HEADER.unpack_from(data, found - 8)
        if zlib.crc32(data[found : found + length]) == crc:
            return True
        found = data.find(segments.JOURNAL_CODE + b"{", found + 1)
    return False


def _segment(path: Path, begin: int) -> tuple[Finding, int, int]:
    """What is wrong with a segment, how many rows of it wait, the highest number among them."""
    data = path.read_bytes()
    if begin > len(data):
        hint = "restore the file; rows that were acknowledged may be gone"
        detail = f"ends at {len(data)}, before {begin}, up to where it was inserted"
        return Finding(STORE, path.name, "bad", detail, hint), 0, 0
    good = begin + segments.good_prefix(data[begin:])
    rows, highest = _rows(data[begin:good])
    waiting = f"{rows} rows wait for the event log" if rows else "nothing waits"
    if good == len(data):
        return Finding(STORE, path.name, "ok", waiting), rows, highest
    if segments.has_frame_after(data, good):
        return Finding(
            STORE, path.name, "bad",
            f"damaged at offset {good}: rows after it can still be read; {waiting} before it",
            "restore the file, or move it away and accept that its rows are lost",
        ), rows, highest  # fmt: skip
    detail = f"torn tail: a start would cut {len(data) - good} bytes at {good}; {waiting}"
    return Finding(STORE, path.name, "warn", detail), rows, highest


def _rows(data: bytes) -> tuple[int, int]:
    """How many rows, and the highest number among them."""

    class Numbered(msgspec.Struct):
        seq: int = 0

    groups, _ = segments.group_rows(data, -1)
    decode = msgspec.json.Decoder(Numbered).decode
    numbers = [decode(row).seq for rows in groups.values() for row in rows]
    return len(numbers), max(numbers, default=0)


def _intent(folder: Path, node: str, intent: Intent) -> Finding:
    """The range that was being inserted has to be there as it was: it is inserted again."""
    path = segments.segment_path(folder, intent.start.segment)
    data = path.read_bytes() if path.exists() else b""
    block = data[intent.start.offset : intent.end.offset]
    if token(node, intent.start, block) != intent.token:
        return Finding(
            STORE, "open range", "bad", f"{path.name} is not what was being inserted",
            "restore the intake and the event log from the same moment",
        )  # fmt: skip
    return Finding(STORE, "open range", "ok", f"{len(block)} bytes would be inserted again")


def _sequence(path: Path, newest: int) -> tuple[list[Finding], int]:
    text = path.read_text(errors="replace").strip() if path.exists() else "1"
    if not (text.isascii() and text.isdecimal()):
        hint = "write a number above the highest `seq` of the event log into it"
        bad = Finding(STORE, "sequence", "bad", f"{text[:40]!r} is no number", hint)
        return [bad], 0
    if int(text) <= newest:
        return [number_reused(int(text), newest)], int(text)
    return [Finding(STORE, "sequence", "ok", f"the next number is at most {text}")], int(text)


def number_reused(reserved: int, newest: int) -> Finding:
    """Rows have numbers that were not reserved: a start would give them again."""
    hint = f"write {newest + 1} into the file `intake/sequence`"
    detail = f"{reserved} is not above {newest}, the highest number of a row"
    return Finding(STORE, "sequence", "bad", detail, hint)


def _shown(place: Place) -> str:
    return f"segment {place.segment}, offset {place.offset}"
