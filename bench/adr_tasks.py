"""What a row of the catalogue costs a task: begin, progress, end, and reading the list (ADR 0014).

    python bench/adr_tasks.py [--tasks 1000]

SQLite on this disk, through the catalogue's own writer thread, each write durable when it returns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from desireline.core.times import iso
from desireline.store.catalog import Catalog
from desireline.store.database import sqlite_dsn
from desireline.types.catalog import TaskRecord


async def took(name: str, times: int, one: Callable[[int], Awaitable[object]]) -> None:
    """Print the median and the 95th percentile."""
    ms = []
    for number in range(times):
        started = time.perf_counter()
        await one(number)
        ms.append((time.perf_counter() - started) * 1000)
    low, high = statistics.median(ms), sorted(ms)[int(0.95 * len(ms))]
    print(f"{name:34} median {low:6.2f} ms   p95 {high:6.2f} ms")


def a_task(number: int) -> TaskRecord:
    """A running optimisation."""
    now = iso(1_700_000_000_000 + number)
    return TaskRecord(
        task_id=f"{number:032x}", namespace="n", kind="optimize", status="running",
        parameters={"collection_ids": ["c" * 32]}, created_at=now, updated_at=now,
    )  # fmt: skip


async def main(count: int) -> None:
    """Fill the table with ended tasks, then ask."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(sqlite_dsn(Path(folder) / "catalog.sqlite"))
        rows = catalog.tasks
        await took("a new task", count, lambda n: rows.create(a_task(n)))
        await took("progress or checkpoint", count // 2, lambda n: rows.save(a_task(n)))
        await took("unfinished (each turn of the runner)", 50, lambda _: rows.unfinished())
        await took("a page of 50", 50, lambda _: rows.newest("n", limit=50))
        await catalog.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    asyncio.run(main(parser.parse_args().tasks))
