"""Event-log engines side by side: start, memory, disk, durable inserts, three reads (ADR 0002).

    python bench/adr_event_log.py chdb|duckdb [--rows 500000] [--folder DIR]

Run it with the Python of an environment that has `chdb-core-lite`, `chdb-core` or `duckdb`; nothing
else is needed. All get the same rows as JSON lines in ranges of 20,000, synced after each.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import random
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RANGE = 20_000
COLUMNS = {
    "namespace": "String", "user_id": "String", "occurred_at": "DateTime64(3, 'UTC')",
    "interaction_id": "String", "execution_id": "String", "document_id": "String",
    "interaction_type": "String", "position": "Int32", "query_key": "String", "reward": "Float32",
}  # fmt: skip
DUCK_TYPES = {"String": "VARCHAR", "Int32": "INTEGER", "Float32": "FLOAT"}
READS = {
    "one user's newest 50": "SELECT * FROM interactions WHERE namespace = 'default' AND "
    "user_id = 'user-7' ORDER BY occurred_at DESC LIMIT 50",
    "clicks by position": "SELECT position, count(*), sum(reward) FROM interactions "
    "WHERE interaction_type = 'click' GROUP BY position ORDER BY position",
    "ten thousand users' sums": "SELECT user_id, count(*), sum(reward) FROM interactions "
    "GROUP BY user_id ORDER BY user_id LIMIT 10000",
}


def rows(first: int, count: int) -> bytes:
    """JSON lines of `count` interactions."""
    draw = random.Random(first)
    lines = []
    for i in range(first, first + count):
        at = f"2026-11-{1 + i % 28:02d} {i % 24:02d}:{i % 60:02d}:{i // 60 % 60:02d}.{i % 1000:03d}"
        lines.append(
            json.dumps(
                {
                    "namespace": "default",
                    "user_id": f"user-{int(draw.paretovariate(0.8)) % 50000}",
                    "occurred_at": at,
                    "interaction_id": f"{i:032x}",
                    "execution_id": f"{i // 8:032x}",
                    "document_id": f"B{draw.randrange(50000):09d}",
                    "interaction_type": draw.choice(["click", "skip", "purchase"]),
                    "position": i % 10,
                    "query_key": f"query {draw.randrange(20000)}",
                    "reward": 1.0,
                }
            )
        )
    return "\n".join(lines).encode()


class Chdb:
    """`chdb-core` or `chdb-core-lite`, table as in the log: sorted by user, fsync, dedup window."""

    def __init__(self, folder: Path) -> None:
        self.connection: Any = importlib.import_module("chdb").connect(
            f"{folder}/db?max_server_memory_usage=2000000000&background_pool_size=2"
        )
        listed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        self.connection.query(
            f"CREATE TABLE interactions ({listed}) ENGINE = ReplacingMergeTree "
            "PARTITION BY toYYYYMM(occurred_at) "
            "ORDER BY (namespace, user_id, occurred_at, interaction_id) "
            "SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, "
            "fsync_part_directory = 1"
        )

    def insert(self, path: Path, token: str) -> None:
        """One range, once per token."""
        self.connection.query(
            f"INSERT INTO interactions FROM INFILE '{path}' SETTINGS "
            f"insert_deduplication_token = '{token}', optimize_on_insert = 0 FORMAT JSONEachRow"
        )

    def read(self, sql: str) -> None:
        """Run a query to its end, on one thread."""
        self.connection.query(f"{sql} SETTINGS max_threads = 1", "JSONEachRow").bytes()

    def close(self) -> None:
        """Release the directory."""
        self.connection.close()


class Duckdb:
    """DuckDB, a plain table in order of arrival; every insert is a durable commit."""

    def __init__(self, folder: Path) -> None:
        self.connection: Any = importlib.import_module("duckdb").connect(
            f"{folder}/db", config={"memory_limit": "2GB", "threads": "1"}
        )
        self.kinds = {name: DUCK_TYPES.get(kind, "TIMESTAMP") for name, kind in COLUMNS.items()}
        listed = ", ".join(f"{name} {kind}" for name, kind in self.kinds.items())
        self.connection.execute(f"CREATE TABLE interactions ({listed})")

    def insert(self, path: Path, token: str) -> None:
        """One range; there is no token, a replay has to be found some other way."""
        listed = ", ".join(f"{name}: '{kind}'" for name, kind in self.kinds.items())
        self.connection.execute(
            f"INSERT INTO interactions SELECT {', '.join(COLUMNS)} FROM "  # noqa: S608
            f"read_json('{path}', format = 'newline_delimited', columns = {{{listed}}})"
        )

    def read(self, sql: str) -> None:
        """Run a query to its end, on one thread."""
        self.connection.execute(sql).fetchall()

    def close(self) -> None:
        """Release the file."""
        self.connection.close()


ENGINES: dict[str, Callable[[Path], Chdb | Duckdb]] = {"chdb": Chdb, "duckdb": Duckdb}


def timed(call: Callable[[], None]) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1e3


def rss() -> int:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def installed(module: str) -> str:
    """Name, version and size of what provides the module."""
    providers = importlib.metadata.packages_distributions()[module]
    name = next((name for name in providers if "core" in name), providers[0])
    files = importlib.metadata.files(name) or []
    size = sum(Path(str(file.locate())).stat().st_size for file in files if file.locate().exists())
    return f"{name} {importlib.metadata.version(name)}, {size / 1e6:.0f} MB installed"


def insert_all(engine: Chdb | Duckdb, folder: Path, count: int) -> None:
    """Ranges of 20,000 rows, then single rows; prints rows a second and milliseconds."""
    spent, file = 0.0, folder / "range"
    for first in range(0, count, RANGE):
        file.write_bytes(rows(first, RANGE))
        spent += timed(lambda at=first: engine.insert(file, f"range-{at}"))
    print(f"ranges of {RANGE}: {count / spent * 1e3:,.0f} rows/s; peak memory {rss()} MB")
    singles = []
    for extra in range(count, count + 40):
        file.write_bytes(rows(extra, 1))
        singles.append(timed(lambda at=extra: engine.insert(file, f"one-{at}")))
    print(f"one row: p50 {statistics.median(singles):.1f} ms")


def main() -> None:
    """Print one engine's column of the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, default=Path("adr-event-log"))
    options = parser.parse_args()
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(installed(options.engine), f"on {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    took = timed(lambda: importlib.import_module(options.engine) and None)
    print(f"import {took:.0f} ms, {rss()} MB")
    began = time.perf_counter()
    engine = ENGINES[options.engine](folder)
    print(f"open and create {1e3 * (time.perf_counter() - began):.0f} ms, {rss()} MB")
    insert_all(engine, folder, options.rows)
    for what, sql in READS.items():
        times = sorted(timed(lambda sql=sql: engine.read(sql)) for _ in range(9))
        print(f"{what}: p50 {times[4]:.1f} ms")
    engine.close()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"disk {size / 1e6:.0f} MB for {options.rows} rows; peak memory {rss()} MB")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
