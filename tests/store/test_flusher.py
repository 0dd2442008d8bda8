"""The flusher: each row once, over restarts, retries, damage, deletions that overtake a flush."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from desireline.store.backlog import Backlog
from desireline.store.clickhouse import ClickHouse
from desireline.store.flusher import Flusher, Pace
from desireline.store.intake import Bounds, SegmentIntake
from desireline.store.segments import CorruptSegment, System, frames, segment_numbers, segment_path
from tests.builders import an_execution, an_impression, an_interaction
from tests.store.event_logs import ask, embedded

QUICK = Pace(interval=0.02, floor=0.01)


class Died(BaseException):
    """Ends the flusher's work at a named place, as a crash would."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ClickHouse]:
    with embedded(tmp_path) as opened:
        yield opened


def clicks(first: int, count: int, **changes: str) -> list[tuple[str, bytes]]:
    rows = (an_interaction(number, **changes) for number in range(first, first + count))
    return [("interactions", msgspec.json.encode(row)) for row in rows]


def totals(log: ClickHouse) -> tuple[int, int]:
    """Interactions in the log, and what the counters say."""
    (total,) = ask(log, "interactions_count", namespace="default")
    counted = ask(log, "interaction_counts", namespace="default")
    return total["total"], sum(row["interactions"] for row in counted)


def test_rows_arrive_by_table_and_segments_go(tmp_path: Path, log: ClickHouse) -> None:
    folder = tmp_path / "intake"

    async def scenario() -> None:
        intake = SegmentIntake(folder, "n", bounds=Bounds(segment_bytes=4000))
        flusher = Flusher(intake, log, pace=QUICK)
        flusher.start()
        for n in range(10):
            rows = [
                ("executions", msgspec.json.encode(an_execution(n + 1))),
                ("impressions", msgspec.json.encode(an_impression(n + 1, 0))),
                *clicks(n * 20 + 1, 20),
            ]
            ticket = intake.append(rows)
            await intake.synced(ticket)
        assert await intake.flushed(ticket, timeout_ms=5000)
        assert totals(log) == (200, 200)
        assert intake.backlog_bytes == 0
        await intake.close()
        assert flusher.inserted_rows == 220

    asyncio.run(scenario())
    assert len(ask(log, "executions_list", namespace="default")) == 10
    assert len(segment_numbers(folder)) <= 1


@pytest.mark.parametrize("point", ["between_intent_and_insert", "after_insert"])
def test_an_open_intent_is_replayed_with_its_boundaries(
    tmp_path: Path, log: ClickHouse, point: str
) -> None:
    folder = tmp_path / "intake"

    def die(name: str) -> None:
        if name == point:
            raise Died

    async def before() -> None:
        intake = SegmentIntake(folder, "n")
        await intake.synced(intake.append(clicks(1, 30)))
        with pytest.raises(Died):
            Flusher(intake, log, fail_point=die).flush()
        await intake.synced(intake.append(clicks(31, 10)))  # a new range must not swallow these
        await intake.close()

    async def after() -> None:
        intake = SegmentIntake(folder, "n")
        flusher = Flusher(intake, log)
        assert flusher.replay() == 30
        assert flusher.flush() == 10
        assert flusher.flush() == 0
        await intake.close()

    asyncio.run(before())
    asyncio.run(after())
    assert totals(log) == (40, 40)


def test_an_event_log_that_is_away_delays_and_loses_nothing(
    tmp_path: Path, log: ClickHouse
) -> None:
    class Away:
        """The real log, after some refusals, one of them after the rows were stored."""

        refusals = 3

        def insert(self, table: str, rows: bytes, token: str) -> None:
            self.refusals -= 1
            if self.refusals == 0:
                log.insert(table, rows, token)
            if self.refusals >= 0:
                raise ConnectionError("not there")
            log.insert(table, rows, token)

    async def scenario() -> None:
        intake = SegmentIntake(tmp_path / "intake", "n")
        flusher = Flusher(intake, Away(), pace=QUICK)
        flusher.start()
        await intake.synced(intake.append(clicks(1, 50)))
        assert await intake.flushed(timeout_ms=5000)
        assert (flusher.failures, flusher.last_error) == (3, "not there")
        await intake.close()

    asyncio.run(scenario())
    assert totals(log) == (50, 50)


def test_a_deletion_that_overtakes_the_flush_holds(tmp_path: Path, log: ClickHouse) -> None:
    gone = [f"{number:032x}" for number in (3, 4)]

    def delete(tables: frozenset[str]) -> None:
        assert tables == {"interactions"}
        log.delete_interactions_blocking("default", gone)

    async def scenario() -> None:
        intake = SegmentIntake(tmp_path / "intake", "n")
        flusher = Flusher(intake, log, pace=QUICK, after_insert=delete)
        flusher.start()
        ticket = intake.append(clicks(1, 10))
        assert await intake.flushed(ticket, timeout_ms=5000)
        assert totals(log) == (8, 8)
        await intake.close()

    asyncio.run(scenario())


def test_ranges_are_bounded_in_rows_and_bytes(tmp_path: Path) -> None:
    backlog = Backlog(tmp_path, "n", system=System(), segment_bytes=1 << 20)
    block = frames(clicks(1, 10))
    backlog.append([block], lambda name: None)
    sizes = []
    for most_rows, most_bytes in [
        (3, 1 << 20),
        (100, len(block) // 10 * 2 + 50),
        (100, 20),
        (100, 1 << 20),
    ]:
        chosen = backlog.next_range(most_rows, most_bytes)
        assert chosen is not None
        backlog.intend(chosen)
        backlog.finish(chosen)
        sizes.append(chosen.rows)
    assert sizes == [3, 2, 1, 4]
    assert backlog.next_range(1, 1) is None
    assert backlog.flushed == backlog.appended
    backlog.close()


def test_a_segment_that_changed_under_an_open_intent_is_an_error(tmp_path: Path) -> None:
    backlog = Backlog(tmp_path, "n", system=System(), segment_bytes=1 << 20)
    backlog.append([frames(clicks(1, 5))], lambda name: None)
    chosen = backlog.next_range(5, 1 << 20)
    assert chosen is not None
    backlog.intend(chosen)
    backlog.close()
    segment_path(tmp_path, 1).write_bytes(frames(clicks(2, 5)))
    backlog = Backlog(tmp_path, "n", system=System(), segment_bytes=1 << 20)
    with pytest.raises(CorruptSegment, match="not what was being inserted from offset 0"):
        backlog.open_intent()
    backlog.close()


def test_closing_flushes(tmp_path: Path, log: ClickHouse) -> None:
    async def scenario() -> None:
        intake = SegmentIntake(tmp_path / "intake", "n")
        Flusher(intake, log).start()
        intake.append(clicks(1, 5))
        await intake.close()

    asyncio.run(scenario())
    assert totals(log) == (5, 5)


def test_who_waits_is_not_kept_for_the_whole_interval(tmp_path: Path, log: ClickHouse) -> None:
    async def scenario(clock: Callable[[], float]) -> None:
        intake = SegmentIntake(tmp_path / "intake", "n")
        Flusher(intake, log, pace=Pace(interval=30, floor=0.01)).start()
        began = clock()
        for n in range(5):
            assert await intake.flushed(intake.append(clicks(n + 1, 1)), timeout_ms=5000)
        assert clock() - began < 5
        await intake.close()

    import time

    asyncio.run(scenario(time.monotonic))


@pytest.mark.parametrize("comes", ["somebody waits", "a range is full"])
def test_after_a_long_insert_it_rests_until_somebody_waits_or_a_range_is_full(
    tmp_path: Path, log: ClickHouse, comes: str
) -> None:
    pace = Pace(interval=0.01, floor=0.01, rests=1e6, longest=60, most_bytes=20_000)

    async def scenario() -> tuple[int, int]:
        intake = SegmentIntake(tmp_path / "intake", "n")
        flusher = Flusher(intake, log, pace=pace)
        flusher.start()
        assert await intake.flushed(intake.append(clicks(1, 1)), timeout_ms=5000)
        ticket = intake.append(clicks(2, 1))
        await asyncio.sleep(0.3)  # thirty intervals
        before = flusher.inserted_rows
        if comes == "a range is full":
            ticket = intake.append(clicks(3, 100))
            while intake.backlog_bytes >= pace.most_bytes:  # what is left of it rests again
                await asyncio.sleep(0.01)
        assert await intake.flushed(ticket, timeout_ms=5000)
        await intake.close()
        return before, flusher.inserted_rows

    assert asyncio.run(scenario()) == (1, 2 if comes == "somebody waits" else 102)
