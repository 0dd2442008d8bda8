"""Frames, torn tails, damage in the middle, and the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.store.segments import (
    CorruptSegment,
    Intent,
    Journal,
    Place,
    System,
    check,
    frames,
    good_prefix,
    group_rows,
    segment_path,
)
from desireline.types.log import TABLES

rows = st.lists(st.tuples(st.sampled_from(list(TABLES)), st.binary(max_size=40)), max_size=20)
ROW = ("interactions", b'{"interaction_id":"1"}')


@given(rows)
def test_frames_are_read_back_by_table_in_order(sent: list[tuple[str, bytes]]) -> None:
    block = frames(sent)
    groups, used = group_rows(block, -1)
    assert used == len(block) == good_prefix(block)
    for table in TABLES:
        assert groups.get(table, []) == [row for name, row in sent if name == table]


@given(rows, st.data())
def test_a_block_cut_anywhere_gives_its_whole_frames(
    sent: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    block = frames(sent)
    part = block[: data.draw(st.integers(0, len(block)))]
    groups, used = group_rows(part, -1)
    whole = sum(map(len, groups.values()))
    assert used == len(frames(sent[:whole])) <= len(part) < used + 9 + 41
    assert good_prefix(part) == used


@given(st.lists(st.just(ROW), min_size=1, max_size=5), st.data())
def test_a_changed_byte_ends_the_good_prefix(
    sent: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    block = bytearray(frames(sent))
    at = data.draw(st.integers(0, len(block) - 1))
    block[at] ^= data.draw(st.integers(1, 255))
    frame = len(block) // len(sent)
    assert good_prefix(bytes(block)) == at // frame * frame


@pytest.mark.parametrize(
    "tail", [b"\0", b"\0" * 4096, b"\x10\0\0\0", frames([ROW])[:-1], b"\xff" * 100]
)
def test_a_torn_tail_is_cut(tmp_path: Path, tail: bytes) -> None:
    good = frames([ROW] * 3)
    segment_path(tmp_path, 1).write_bytes(good + tail)
    assert check(tmp_path, 1, System()) == (len(good), len(tail))
    assert segment_path(tmp_path, 1).read_bytes() == good


@pytest.mark.parametrize("at", [0, 5, 9, 40])
def test_damage_in_the_middle_is_an_error_that_names_segment_and_offset(
    tmp_path: Path, at: int
) -> None:
    block = bytearray(frames([ROW] * 4))
    block[at] ^= 0xFF
    segment_path(tmp_path, 7).write_bytes(block)
    frame = len(block) // 4
    with pytest.raises(CorruptSegment) as caught:
        check(tmp_path, 7, System())
    assert f"{segment_path(tmp_path, 7)} is damaged at offset {at // frame * frame}" in str(
        caught.value
    )
    assert segment_path(tmp_path, 7).read_bytes() == block


def test_an_empty_segment_is_good(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).touch()
    assert check(tmp_path, 1, System()) == (0, 0)


INTENT = Intent(Place(1, 0), Place(1, 10), "t")


def test_a_journal_remembers_the_open_intent_and_the_place(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, System())
    journal.intend(INTENT)
    journal.close()
    again = Journal(path, System())
    assert again.intent == INTENT
    again.finish(INTENT.end)
    again.close()
    again = Journal(path, System())
    assert (again.intent, again.done) == (None, Place(1, 10))


@pytest.mark.parametrize("cut", [1, 8, 20])
def test_a_torn_record_of_the_journal_is_as_if_never_written(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, System())
    journal.intend(INTENT)
    journal.finish(INTENT.end)
    path.write_bytes(path.read_bytes()[:-cut])
    assert Journal(path, System()).intent == INTENT


def test_a_journal_that_could_not_be_written_is_written_anew(tmp_path: Path) -> None:
    room = [3]

    def short(handle: int, blocks: object) -> int:
        import os

        (block,) = blocks  # type: ignore[misc]
        return os.write(handle, block[: room.pop()] if room else block)

    journal = Journal(tmp_path / "journal", System(writev=short))
    with pytest.raises(OSError, match="could not be written whole"):
        journal.intend(INTENT)
    assert journal.intent is None
    journal.intend(INTENT)
    assert Journal(tmp_path / "journal", System()).intent == INTENT


def test_a_journal_stays_small(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", System())
    journal.compact_bytes = 500
    for offset in range(100):
        journal.intend(Intent(Place(1, offset), Place(1, offset + 1), "token"))
        journal.finish(Place(1, offset + 1))
    assert (tmp_path / "journal").stat().st_size < 1000
    assert Journal(tmp_path / "journal", System()).done == Place(1, 100)
