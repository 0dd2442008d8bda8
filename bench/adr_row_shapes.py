"""What the row shapes cost and buy: derived tables, reads by document, deletions (ADR 0009).

    python bench/adr_row_shapes.py [--ranges 6] [--folder DIR]

Variants take turns, so that a busy machine hits all alike; CPU seconds of the process are printed
beside the wall clock for the same reason.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from desireline.store.clickhouse import ClickHouse
from desireline.store.inserts import SETTINGS
from desireline.types.log import Interaction

RANGE = 50_000
AT = "2026-11-04 05:06:07.890"
VIEWS = ("interactions_to_counts", "interactions_to_document")


def block(first: int, count: int) -> bytes:
    """Interactions; every seventh is on the one popular document, spread over all users."""
    encode = msgspec.json.Encoder().encode
    return b"\n".join(
        encode(
            Interaction(
                namespace="default",
                occurred_at=AT,
                received_at=AT,
                seq=i,
                user_id=f"user-{i * 7919 % 20011}",
                session_id=f"s-{i % 29989}",
                interaction_id=f"{i:032x}",
                execution_id=f"{i // 8:032x}",
                retriever_id="ret_1",
                document_id="popular" if i % 7 == 0 else f"B{i % 50021:09d}",
                interaction_type=("click",),
                position=i % 10,
                reward=1.0,
                context_keys=("global", f"personal:{i % 9973:016x}"),
            )
        )
        for i in range(first, first + count)
    )


def measured(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def report(what: str, times: list[tuple[float, float]]) -> None:
    """Medians in milliseconds."""
    wall, cpu = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    print(f"{what}: {wall:.0f} ms wall, {cpu:.0f} ms CPU (median of {len(times)})")


def inserts(log: ClickHouse, ranges: int) -> int:
    """The same size of range with views and without, collapsing at insert or at merge."""
    times: dict[str, list[tuple[float, float]]] = {}
    first = 0
    log._run("CREATE TABLE plain AS interactions")
    for turn in range(ranges * 3):
        table = ("interactions", "interactions", "plain")[turn % 3]
        collapse = "1" if turn % 3 == 1 else "0"
        SETTINGS["optimize_on_insert"] = collapse
        rows, token = block(first, RANGE), f"range-{first}"
        name = f"{table}, optimize_on_insert={collapse}"
        took = measured(lambda t=table, r=rows, k=token: log.insert(t, r, k))
        times.setdefault(name, []).append(took)
        first += RANGE
    for name, found in times.items():
        report(f"insert {RANGE} rows into {name}", found)
    SETTINGS["optimize_on_insert"] = "0"
    return first


def reads(log: ClickHouse) -> None:
    """The newest 50 of a popular document: from the log itself, and from the narrow copy."""
    for table in ("interactions", "interactions_by_document"):
        sql = (
            f"SELECT interaction_id FROM {table} WHERE namespace = 'default' "  # noqa: S608
            "AND document_id = 'popular' ORDER BY occurred_at DESC LIMIT 50"
        )
        report(
            f"popular document from {table}",
            [measured(lambda s=sql: log._read(s, {})) for _ in range(9)],
        )
    sql = (
        "SELECT interaction_id FROM interactions WHERE namespace = 'default' AND user_id = 'user-7'"
    )
    report("one user from interactions", [measured(lambda: log._read(sql, {})) for _ in range(9)])


def main() -> None:
    """Print the lines of the ADR's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranges", type=int, default=6)
    parser.add_argument("--folder", type=Path, default=Path("adr-row-shapes"))
    options = parser.parse_args()
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    log = ClickHouse(f"chdb://{folder}/events", folder)
    inserts(log, options.ranges)
    for table in ("interactions", "interactions_by_document"):
        log._run(f"OPTIMIZE TABLE {table} FINAL")
    reads(log)
    (held,) = log._ask("SELECT count() AS rows FROM interactions")
    sizes = log._ask(
        "SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active "
        "AND table LIKE 'interaction%' GROUP BY table"
    )
    for row in sizes:
        print(f"{row['table']}: {row['bytes'] / held['rows']:.1f} bytes an interaction")
    ids = [f"{number:032x}" for number in range(20)]
    deletions = [
        measured(lambda one=one: log.delete_interactions_blocking("default", [one])) for one in ids
    ]
    report(f"delete one interaction of {held['rows']} (one merged part a table)", deletions)
    log.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
