"""The intake: acknowledgement after the sync, bounds, failing disks, restarts.

`Recorded` makes the real calls and writes down their order; it pretends nothing but the one error
that a test asks for.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from desireline import errors
from desireline.store.backlog import Backlog
from desireline.store.intake import Bounds, SegmentIntake
from desireline.store.segments import System, segment_numbers, segment_path

ROW = ("interactions", b'{"interaction_id":"1"}')
FRAME = 9 + len(ROW[1])


class Recorded:
    """The order of writes, syncs and acknowledgements; `failing` calls raise that error instead."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: dict[str, int] = {}
        self.short = 0
        self.system = System(
            writev=self._writev,
            fdatasync=lambda handle: self._do("sync", os.fdatasync, handle),
            ftruncate=lambda handle, size: self._do("cut", os.ftruncate, handle, size),
        )

    def _do(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        if name in self.failing:
            raise OSError(self.failing[name], os.strerror(self.failing[name]))
        self.calls.append(name)
        return call(*arguments)

    def _writev(self, handle: int, blocks: Sequence[bytes | memoryview]) -> int:
        if self.short:
            blocks = [memoryview(blocks[0])[: self.short]]
        return int(self._do("write", os.writev, handle, blocks))


def held_rows(folder: Path) -> int:
    """Rows that a restart finds."""
    backlog = Backlog(folder, "n", system=System(), segment_bytes=1 << 20)
    found = sum(segment.size for segment in backlog._segments) // FRAME
    backlog.close()
    return found


def test_one_sync_between_a_groups_last_byte_and_its_first_acknowledgement(tmp_path: Path) -> None:
    seen = Recorded()
    gate = threading.Event()

    def hold(name: str) -> None:
        if name == "before_sync":
            gate.wait(5)

    async def request(intake: SegmentIntake, size: int) -> None:
        await intake.synced(intake.append([ROW] * size))
        seen.calls.append(f"acknowledged {size}")

    async def scenario() -> None:
        intake = SegmentIntake(tmp_path, "n", system=seen.system, fail_point=hold)
        first = asyncio.create_task(request(intake, 1))
        while "write" not in seen.calls:
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(request(intake, 3)) for _ in range(20)]
        await asyncio.sleep(0.01)  # they wait together for the group after the first
        gate.set()
        await asyncio.gather(first, *others)
        calls = list(seen.calls)
        await intake.close()
        order = [call for call in calls if call != "acknowledged 1"]
        assert order == ["write", "sync", "write", "sync", *["acknowledged 3"] * 20]
        assert calls.index("acknowledged 1") > calls.index("sync")

    asyncio.run(scenario())
    assert held_rows(tmp_path) == 61


def test_short_writes_and_more_blocks_than_a_vector_takes(tmp_path: Path) -> None:
    seen = Recorded()
    seen.short = 7
    backlog = Backlog(tmp_path, "n", system=seen.system, segment_bytes=1 << 20)
    backlog.append([b"0123456789"] * 3, lambda name: None)
    seen.short = 0
    backlog.append([b"x"] * 2500, lambda name: None)
    assert segment_path(tmp_path, 1).read_bytes() == b"0123456789" * 3 + b"x" * 2500
    backlog.close()


@pytest.mark.parametrize("call", ["sync", "write"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failing_disk_acknowledges_nobody_and_recovers(
    tmp_path: Path, call: str, code: int
) -> None:
    seen = Recorded()

    async def scenario() -> None:
        bounds = Bounds(pause_seconds=0.05)
        intake = SegmentIntake(tmp_path, "n", system=seen.system, bounds=bounds)
        await intake.synced(intake.append([ROW]))
        seen.failing[call] = code
        tickets = [intake.append([ROW] * 2) for _ in range(5)]
        results = await asyncio.gather(*map(intake.synced, tickets), return_exceptions=True)
        assert [type(result) for result in results] == [errors.StorageFull] * 5
        with pytest.raises(errors.StorageFull):
            await intake.synced(tickets[0])  # also for who asks later
        with pytest.raises(errors.StorageFull):
            intake.append([ROW])  # refused at once for a moment
        seen.failing.clear()
        await asyncio.sleep(0.06)
        await intake.synced(intake.append([ROW] * 3))
        assert intake.failures >= 1
        await intake.close()

    asyncio.run(scenario())
    assert held_rows(tmp_path) == 4


def test_a_failed_group_is_cut_off_its_segment(tmp_path: Path) -> None:
    seen = Recorded()
    backlog = Backlog(tmp_path, "n", system=seen.system, segment_bytes=1 << 20)
    backlog.append([b"good"], lambda name: None)

    def fail(name: str) -> None:
        if name == "before_sync":
            raise OSError(errno.EIO, "the device does not answer")

    with pytest.raises(OSError, match="does not answer"):
        backlog.append([b"bad"], fail)
    assert segment_path(tmp_path, 1).read_bytes() == b"good"
    backlog.append([b"next"], lambda name: None)
    assert segment_path(tmp_path, 2).read_bytes() == b"next"
    assert backlog.appended == len(b"goodbadnext")
    backlog.close()


def test_the_backlog_is_bounded_and_nothing_of_a_refused_request_is_stored(tmp_path: Path) -> None:
    async def scenario() -> None:
        intake = SegmentIntake(tmp_path, "n", bounds=Bounds(backlog_bytes=10 * FRAME))
        await intake.synced(intake.append([ROW] * 8))
        with pytest.raises(errors.IntakeFull) as caught:
            intake.append([ROW] * 3)
        assert caught.value.details == {"retry_after_seconds": 1}
        await intake.synced(intake.append([ROW] * 2))
        assert intake.backlog_bytes == 10 * FRAME
        await intake.close()
        with pytest.raises(errors.Unavailable, match="closing"):
            intake.append([ROW])

    asyncio.run(scenario())
    assert held_rows(tmp_path) == 10


def test_rows_waiting_for_the_disk_are_bounded(tmp_path: Path) -> None:
    gate = threading.Event()

    async def scenario() -> None:
        intake = SegmentIntake(
            tmp_path,
            "n",
            bounds=Bounds(waiting_bytes=4 * FRAME),
            fail_point=lambda name: gate.wait(5) and None,
        )
        ticket = intake.append([ROW] * 4)
        with pytest.raises(errors.IntakeFull):
            intake.append([ROW])
        gate.set()
        await intake.synced(ticket)
        await intake.synced(intake.append([ROW]))
        await intake.close()

    asyncio.run(scenario())


def test_numbers_rise_over_restarts_and_are_never_given_twice(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        intake = SegmentIntake(tmp_path, "n")
        first = intake.next_seq(3)
        taken = [first, first + 1, first + 2, *(intake.next_seq() for _ in range(2))]
        many = intake.next_seq(3 << 20)  # more than are reserved at a time
        await intake.close()
        return [*taken, many, many + (3 << 20) - 1]

    taken = [number for _ in range(3) for number in asyncio.run(scenario())]
    assert taken == sorted(set(taken))
    os.remove(tmp_path / "journal")  # the numbers do not hang on it
    assert asyncio.run(scenario())[0] > taken[-1]


def test_segments_are_numbered_on_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        intake = SegmentIntake(tmp_path, "n", bounds=Bounds(segment_bytes=2 * FRAME))
        for _ in range(5):
            await intake.synced(intake.append([ROW]))
        await intake.close()

    asyncio.run(scenario())
    assert segment_numbers(tmp_path) == [1, 2, 3]
    asyncio.run(scenario())
    assert segment_numbers(tmp_path) == [1, 2, 3, 4, 5, 6]
    assert held_rows(tmp_path) == 10


def test_acknowledgement_from_memory_needs_no_sync(tmp_path: Path) -> None:
    seen = Recorded()

    async def scenario() -> None:
        intake = SegmentIntake(tmp_path, "n", system=seen.system, ack="memory")
        await intake.synced(intake.append([ROW]))
        assert seen.calls == ["write"]
        await intake.close()
        assert "sync" in seen.calls

    asyncio.run(scenario())
    assert held_rows(tmp_path) == 1


def test_who_gave_up_waiting_disturbs_nobody(tmp_path: Path) -> None:
    gate = threading.Event()

    async def scenario() -> None:
        intake = SegmentIntake(tmp_path, "n", fail_point=lambda name: gate.wait(5) and None)
        tickets = [intake.append([ROW]) for _ in range(3)]
        tasks = [asyncio.create_task(intake.synced(ticket)) for ticket in tickets]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [result is None for result in results] == [True, False, True]
        assert not await intake.flushed(timeout_ms=10)  # no flusher
        await intake.close()

    asyncio.run(scenario())


def test_an_unknown_table_is_refused_before_anything_is_queued(tmp_path: Path) -> None:
    async def scenario() -> None:
        intake = SegmentIntake(tmp_path, "n")
        with pytest.raises(KeyError):
            intake.append([ROW, ("nonsense", b"{}")])
        assert intake.backlog_bytes == 0
        await intake.close()

    asyncio.run(scenario())
