"""Numbers of docs/adr/0008: how the catalogue writes, and what that costs the event loop.

    python bench/adr_catalog.py [--folder DIR] [--writes 200]

Runs on SQLite below DIR (choose the disk you mean), and on a PostgreSQL of its own, fsync on.
Knows the catalogue's own code and bare sqlite3; prints one line per option.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from desireline.store.catalog import Catalog
from desireline.store.database import Database, _write, sqlite_dsn
from desireline.store.state import _insert
from desireline.store.tables import audit
from desireline.types.catalog import AuditRecord
from tests.postgres_server import postgres_server

NOTE = AuditRecord(namespace="default", action="bench", subject="s", at_ms=0)
Write = Callable[[], Awaitable[object]]


def quantiles(milliseconds: list[float]) -> str:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return f"p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"


def bare_commits(folder: Path, journal: str, synchronous: str, writes: int) -> str:
    """One row a transaction with bare sqlite3."""
    connection = sqlite3.connect(folder / f"{journal}-{synchronous}.sqlite", isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    connection.execute("CREATE TABLE t (a TEXT)")
    taken = []
    for _ in range(writes):
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?)", ["x" * 200])
        connection.execute("COMMIT")
        taken.append((time.perf_counter() - start) * 1000)
    return quantiles(taken)


def upgrades(folder: Path, begin: str, threads: int = 4, writes: int = 25) -> str:
    """Read-then-write transactions of several connections: how many are refused."""
    path, refused = folder / f"upgrade-{begin}.sqlite", []
    with sqlite3.connect(path) as first:
        first.execute("PRAGMA journal_mode=WAL")
        first.execute("CREATE TABLE t (a INTEGER)")
        first.execute("INSERT INTO t VALUES (0)")

    def work() -> None:
        connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        for _ in range(writes):
            try:
                connection.execute(begin)
                value = connection.execute("SELECT a FROM t").fetchone()[0]
                connection.execute("UPDATE t SET a = ?", [value + 1])
                connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                refused.append(str(error))
                connection.execute("ROLLBACK")

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return f"{len(refused)} of {threads * writes} refused ({', '.join(set(refused)) or 'none'})"


async def stalls(write: Write, writes: int) -> tuple[str, float]:
    """Latency of writes, and by how much a timer of 1 ms is late in the worst percent meanwhile."""
    gaps, stop = [], False

    async def watch() -> None:
        while not stop:
            start = time.perf_counter()
            await asyncio.sleep(0.001)
            gaps.append((time.perf_counter() - start) * 1000)

    watching = asyncio.create_task(watch())
    taken = []
    for _ in range(writes):
        start = time.perf_counter()
        await write()
        taken.append((time.perf_counter() - start) * 1000)
    stop = True
    await watching
    return quantiles(taken), float(np.percentile(gaps, 99)) - 1


async def through_catalog(dsn: str, writes: int) -> None:
    catalog = Catalog(dsn)
    engine = dsn.split(":", maxsplit=1)[0]
    told, stall = await stalls(lambda: catalog.audit.add(NOTE), writes)
    print(f"{engine:10} on the writer thread   {told}  a timer is late by {stall:5.2f} ms (p99)")
    database = catalog._database

    async def on_loop() -> None:
        await asyncio.sleep(0.002)
        database_write(database)

    told, stall = await stalls(on_loop, writes)
    print(f"{engine:10} on the event loop      {told}  a timer is late by {stall:5.2f} ms (p99)")
    told, _ = await stalls(catalog.revision, writes)
    print(f"{engine:10} a read                 {told}")
    start = time.perf_counter()
    await asyncio.gather(*(catalog.audit.add(NOTE) for _ in range(writes)))
    print(f"{engine:10} {writes} at once            {writes / (time.perf_counter() - start):.0f}/s")
    await catalog.close()


def database_write(database: Database) -> None:
    """The same transaction without the thread: what we do not do."""
    _write(database._writes, lambda connection: _insert(connection, audit, NOTE), False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--writes", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        for journal, synchronous in (("DELETE", "FULL"), ("WAL", "FULL"), ("WAL", "NORMAL")):
            told = bare_commits(folder, journal, synchronous, given.writes)
            print(f"bare sqlite3 {journal:6} {synchronous:6}      {told}")
        for begin in ("BEGIN DEFERRED", "BEGIN IMMEDIATE"):
            print(f"4 writers, {begin:15}  {upgrades(folder, begin)}")
        asyncio.run(through_catalog(sqlite_dsn(folder / "catalog.sqlite"), given.writes))
    with postgres_server(fsync="on") as dsn:
        asyncio.run(through_catalog(dsn, given.writes))


if __name__ == "__main__":
    main()
