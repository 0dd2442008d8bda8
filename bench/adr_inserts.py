"""What an insert into the embedded engine costs, by how the columns are read (ADR 0004).

    python bench/adr_inserts.py [--rows 75000] [--rounds 8]

Ranges of interactions, of the fields that a click has, go in as the product inserts them (words are
read as plain strings) and straight into the columns' own types, in turn, merges stopped; into a
table that throws everything away, too: that is the reading alone.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from intake import rows

from desireline.store.clickhouse import ClickHouse
from desireline.store.inserts import SETTINGS

Insert = Callable[[str], None]


def straight(log: ClickHouse, table: str, block: bytes, token: str) -> None:
    """Into the columns' own types, with as many threads as the engine likes."""
    settings = SETTINGS | {"insert_deduplication_token": token}
    clause = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
    with log._file(block) as path:
        log._run(f"INSERT INTO {table} FROM INFILE '{path}' SETTINGS {clause} FORMAT JSONEachRow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=75_000)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    block = b"\n".join(row for _, row in rows(0, options.rows))
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as name:
        folder = Path(name).absolute()
        log = ClickHouse(f"chdb://{folder}/events", folder)
        log._run("SYSTEM STOP MERGES")
        log._run("CREATE TABLE nothing AS interactions ENGINE = Null")
        ways: dict[str, Insert] = {
            "read straight": lambda token: straight(log, "nothing", block, token),
            "read as strings": lambda token: log.insert("nothing", block, token),
            "inserted straight": lambda token: straight(log, "interactions", block, token),
            "inserted as strings": lambda token: log.insert("interactions", block, token),
        }
        spent: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for turn in range(options.rounds + 1):
            for way, insert in ways.items():
                processor, began = time.process_time(), time.perf_counter()
                insert(f"{way} {turn}")
                took = time.process_time() - processor, time.perf_counter() - began
                spent[way].append((took[0] / options.rows * 1e6, took[1] / options.rows * 1e6))
        log.close()
    print(
        "| | processor, us a row, median (lowest to highest) | elapsed, us a row |\n|---|---|---|"
    )
    for way, found in spent.items():
        processor, elapsed = zip(*found[1:], strict=True)  # the first of each warms up
        print(
            f"| {way} | {statistics.median(processor):.1f} ({min(processor):.1f} to "
            f"{max(processor):.1f}) | {statistics.median(elapsed):.1f} |"
        )


if __name__ == "__main__":
    main()
