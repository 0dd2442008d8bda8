"""What counting use from the log costs, and what one visitor's documents cost (ADR 0011).

    python bench/adr_popularity.py [--rows 1000000] [--folder DIR]

Interactions of 50,000 users over two weeks, half of them inside the window of 7 days. Variants take
turns; CPU seconds of the process stand beside the wall clock, because the machine may be busy.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from desireline.core.popularity import PER_VISITOR, half_life_ms, position_weights
from desireline.store import queries
from desireline.store.clickhouse import ClickHouse, Limits

DAY_MS = 86_400_000
FILL = """
INSERT INTO interactions (namespace, occurred_at, received_at, user_id, session_id, interaction_id,
    document_id, interaction_type, position, purpose)
SELECT 'default',
    fromUnixTimestamp64Milli({{now:Int64}} - toInt64(rand(1) % 1209600) * 1000, 'UTC'), now64(3),
    concat('user-', toString(rand(2) % 50000)), concat('s', toString(rand(3) % 200000)),
    generateUUIDv4(number),
    concat('doc-', toString(toUInt32(pow(rand(4) % 100000 / 1000., 2) * 10))),
    if(rand(5) % 5 = 0, ['click', 'purchase'], ['click']), rand(6) % 20, 'traffic'
FROM numbers({rows})
"""
BIG = """
INSERT INTO interactions (namespace, occurred_at, received_at, user_id, interaction_id, document_id,
    interaction_type) SELECT 'default', now64(3), now64(3), 'big', generateUUIDv4(number),
    concat('own-', toString(number)), ['click'] FROM numbers(10000)
"""


def readings(log: ClickHouse, now_ms: int) -> dict[str, Callable[[], object]]:
    """The product's question, and what it is compared with."""
    bound = {
        "namespace": "default", "interaction_types": ["click"], "purposes": ["traffic"],
        "since_ms": now_ms - 7 * DAY_MS, "before_ms": now_ms, "half_life_ms": half_life_ms(7),
        "position_weights": list(position_weights()), "per_visitor": PER_VISITOR, "limit": 100_000,
    }  # fmt: skip
    asked = queries.load("popularity").sql
    narrow = asked.replace("counted_interactions", "interactions_by_document FINAL")
    narrow = narrow.replace("execution_id", "interaction_id")
    rows = "SELECT document_id, count() FROM counted_interactions WHERE namespace = 'default' "
    within = "AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC') "
    return {
        "popularity": lambda: log._read(asked, bound),
        "from the narrow copy, marks not honoured": lambda: log._read(narrow, bound),
        "rows counted, no cap, decay or position": lambda: log._read(
            f"{rows}{within}GROUP BY document_id", {"since_ms": bound["since_ms"]}
        ),
        "documents of a user": lambda: _used(log, "user-7"),
        "documents of a user with 10,000": lambda: _used(log, "big"),
    }  # fmt: skip


def _used(log: ClickHouse, user_id: str) -> object:
    return log.query_blocking(
        "documents_used", namespace="default", user_id=user_id, session_id="", since_ms=0,
        before_ms=2**42, interaction_types=["click"], limit=10_000,
    )  # fmt: skip


def main() -> None:
    """Fill, read in turns, print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("bench-popularity"))
    given = parser.parse_args()
    log = ClickHouse(f"chdb://{given.folder / 'events'}", given.folder, Limits(read_seconds=60))
    try:
        now_ms = time.time_ns() // 1_000_000
        log._ask(FILL.format(rows=given.rows), {"now": now_ms})
        log._run(BIG)
        times: dict[str, list[tuple[float, float]]] = {}
        for _ in range(given.rounds):
            for name, read in readings(log, now_ms).items():
                wall, cpu = time.perf_counter(), time.process_time()
                read()
                spent = time.perf_counter() - wall, time.process_time() - cpu
                times.setdefault(name, []).append(spent)
        for name, found in times.items():
            wall, cpu = (statistics.median(column) * 1e3 for column in zip(*found, strict=True))
            print(f"{name}: {wall:.0f} ms wall, {cpu:.0f} ms CPU (median of {len(found)})")
    finally:
        log.close()
        shutil.rmtree(given.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
