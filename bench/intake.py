"""How many durable interactions a second: raw appends, the intake alone, the intake with its
flusher, which inserts at a fixed interval or rests longer after a long insert.

    python bench/intake.py [--seconds 5] [--clients 8] [--batch 500]

Every row has its own id; "end to end" counts rows that the event log holds afterwards, and compares
that number with the acknowledged ones. No HTTP, no decoding: `bench/ingest.py` has those.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from desireline.store.clickhouse import ClickHouse
from desireline.store.flusher import Flusher, Pace
from desireline.store.intake import Bounds, SegmentIntake
from desireline.store.segments import frames
from desireline.types.log import Interaction

AT = "2026-03-04 05:06:07.890"


def rows(first: int, count: int) -> list[tuple[str, bytes]]:
    """Interactions of about 480 bytes with the fields that a shop's click has."""
    encode = msgspec.json.Encoder().encode
    return [
        (
            "interactions",
            encode(
                Interaction(
                    namespace="default", occurred_at=AT, received_at=AT, source="mixpeek", node="a",
                    seq=i, user_id=f"user-{i % 9973}", session_id=f"s-{i % 29989}",
                    interaction_id=f"{i:032x}", execution_id=f"{i // 8:032x}", retriever_id="ret_1",
                    document_id=f"B{i % 50021:09d}", interaction_type=("click",), position=i % 10,
                    query_key="running shoes", reward=1.0, reward_map_version=1,
                    attribution="logged", teaches=1,
                    context_keys=("global", f"personal:{i % 9973:016x}"),
                )
            ),
        )
        for i in range(first, first + count)
    ]  # fmt: skip


def raw(folder: Path, seconds: float, batch: int) -> None:
    """Frames of one batch appended and synced, nothing else: what the disk gives."""
    block = frames(rows(0, batch))
    handle = os.open(folder / "raw", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    waits, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        os.write(handle, block)
        os.fdatasync(handle)
        waits.append(time.perf_counter() - began)
    os.close(handle)
    report(f"raw append + fdatasync, {batch} rows", len(waits) * batch, seconds, waits)


async def load(
    intake: SegmentIntake,
    prepared: list[list[tuple[str, bytes]]],
    seconds: float,
    clients: int,
    rate: float = 0.0,
) -> tuple[int, float, list[float]]:
    """Clients that append a batch, wait for its sync and go on; returns rows, seconds, waits.

    `rate`: rows a second of all clients together (0: as many as they can).
    """
    waits: list[float] = []
    supply = iter(prepared)
    began = time.perf_counter()

    async def client() -> int:
        sent = 0
        while time.perf_counter() < began + seconds and (batch := next(supply, None)):
            at = time.perf_counter()
            await intake.synced(intake.append(batch))
            waits.append(time.perf_counter() - at)
            sent += len(batch)
            if rate:
                due = began + sent * clients / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return sent

    sent = sum(await asyncio.gather(*(client() for _ in range(clients))))
    return sent, time.perf_counter() - began, waits


async def alone(
    folder: Path, prepared: list[list[tuple[str, bytes]]], options: argparse.Namespace
) -> None:
    """Group commit without a flusher."""
    intake = SegmentIntake(folder / "alone", "a", bounds=Bounds(backlog_bytes=8 << 30))
    sent, took, waits = await load(intake, prepared, options.seconds, options.clients)
    await intake.close()
    report("intake alone", sent, took, waits)


async def end_to_end(
    folder: Path,
    prepared: list[list[tuple[str, bytes]]],
    options: argparse.Namespace,
    rate: float,
    pace: Pace,
) -> None:
    """Group commit with the flusher and chDB beside it; ends when the last row is in the log."""
    folder.mkdir()
    log = ClickHouse(f"chdb://{folder}/events", folder)
    intake = SegmentIntake(folder / "intake", "a", bounds=Bounds(backlog_bytes=8 << 30))
    flusher = Flusher(intake, log, pace=pace)
    flusher.start()
    processor = time.process_time()
    sent, took, waits = await load(intake, prepared, options.seconds, options.clients, rate)
    wanted = f"{rate:,.0f} a second" if rate else "as many as go in"
    report(f"{wanted}, flusher rests {pace.rests:g} times an insert", sent, took, waits)
    behind = intake.backlog_bytes
    began = time.perf_counter()
    while not await intake.flushed(timeout_ms=60_000):
        print(f"  not flushed yet: {flusher.last_error}")
    drained = time.perf_counter() - began
    held = next(row for row in await log.query("table_rows") if row["name"] == "interactions")
    reached = sent / (took + drained)
    print(f"  backlog at the end {behind / 1e6:.0f} MB, drained in {drained:.2f} s")
    spent = (time.process_time() - processor) / sent * 1e6
    print(f"  end to end {reached:,.0f} rows/s, {spent:.1f} us of processor time a row; "
          f"acknowledged {sent}, in the log {held['total_rows']}")  # fmt: skip
    await intake.close()
    log.close()


def report(what: str, count: int, seconds: float, waits: list[float]) -> None:
    """One line: rows a second, p50 and p99 of a batch in milliseconds."""
    cuts = statistics.quantiles(waits, n=100)
    p50, p99 = cuts[49] * 1e3, cuts[98] * 1e3
    print(f"{what}: {count / seconds:,.0f} rows/s, p50 {p50:.1f} p99 {p99:.1f} ms")


def main() -> None:
    """Run the three, side by side, in a folder below the current one (a real disk)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50_000, help="rows a second, when paced")
    parser.add_argument("--most", type=int, default=1_000_000, help="rows prepared in memory")
    options = parser.parse_args()
    prepared = [rows(at, options.batch) for at in range(0, options.most, options.batch)]
    print(f"{os.cpu_count()} cores; a row is {len(prepared[0][0][1])} bytes")
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name).absolute()
        raw(folder, options.seconds, options.batch)
        asyncio.run(alone(folder, prepared, options))
        for rate in (0.0, options.rate):
            for pace in (Pace(rests=0), Pace()):
                place = folder / f"{rate}-{pace.rests}"
                asyncio.run(end_to_end(place, prepared, options, rate, pace))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:.0f} MB, prepared rows included")


if __name__ == "__main__":
    main()
