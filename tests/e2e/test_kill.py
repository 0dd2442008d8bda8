"""Fifty deaths at named places under load: what was acknowledged is in the log, exactly once."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from desireline.store.clickhouse import ClickHouse
from tests.e2e.load import Load
from tests.e2e.restarts import Server

# Passages until the process dies: groups are committed every few milliseconds, ranges are flushed
# some times a second; the first range may be the one that the death before left half done.
PLACES = {
    "before_sync": (3, 20),
    "after_sync": (3, 20),
    "between_intent_and_insert": (2, 4),
    "after_insert": (3, 5),
}
ROUNDS = 50
SHARE = 0.3
LONGEST_LOAD_S = 20
SATURATED_S = 2.0


def saturation(server: Server) -> float:
    """Acknowledged rows a second when two clients send as fast as they can."""
    live = server.start()
    load = Load(live.url, "full")
    load.start()
    time.sleep(SATURATED_S)
    rate = load.stop()
    assert server.stop() == 0
    return rate


def one_round(server: Server, number: int, point: str, passages: int) -> tuple[list[str], float]:
    """Start, load, die; acknowledged ids and their rate (none: it died while starting)."""
    try:
        live = server.start(fail_point=f"{point}:{passages}")
    except AssertionError:
        assert server.died() == -9  # while it was repairing what the death before had left
        return [], 0.0
    load = Load(live.url, f"r{number}")
    load.start()
    assert server.died(LONGEST_LOAD_S) == -9, point
    rate = load.wait()
    assert load.broken == 2
    assert load.statuses <= {200}
    return load.acknowledged, rate


@pytest.mark.timeout(400)
def test_fifty_deaths_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    rng = np.random.Generator(np.random.PCG64(11))
    hits: Counter[str] = Counter()
    acknowledged: list[str] = []
    rates: list[float] = []
    with Server(tmp_path) as server:
        full = saturation(server)
        number = 0
        while sum(hits.values()) < ROUNDS:
            point = list(PLACES)[number % len(PLACES)]
            ids, rate = one_round(server, number, point, int(rng.integers(*PLACES[point])))
            number += 1
            acknowledged += ids
            if ids:  # it died under load
                hits[point] += 1
                rates.append(rate)
        server.start()
        assert server.stop() == 0
    print(
        f"saturation {full:,.0f}/s, load {np.mean(rates):,.0f}/s, {len(acknowledged):,} rows"
        f" acknowledged, deaths {dict(hits)}, while starting {number - ROUNDS}"
    )
    assert hits.keys() == PLACES.keys()
    assert np.mean(rates) >= SHARE * full
    check(server.data, acknowledged)


def check(data: Path, acknowledged: list[str]) -> None:
    """Each acknowledged row once, in every table that has it; counters equal to raw counts."""
    log = ClickHouse(f"chdb://{data / 'events'}", data)
    try:
        rows = log._ask("SELECT lower(hex(interaction_id)) AS id FROM interactions")
        held = Counter(row["id"] for row in rows)
        assert len(set(acknowledged)) == len(acknowledged)
        assert not set(acknowledged) - held.keys()
        assert max(held.values()) == 1
        copies = log._ask("SELECT lower(hex(interaction_id)) AS id FROM interactions_by_document")
        assert Counter(row["id"] for row in copies) == held
        raw = log._ask(
            "SELECT arrayJoin(interaction_type) AS type, count() AS n"
            " FROM interactions GROUP BY type"
        )
        counted = log._ask(
            "SELECT interaction_type AS type, toUInt64(sum(interactions)) AS n"
            " FROM interaction_counts GROUP BY type"
        )
        as_numbers = {row["type"]: int(row["n"]) for row in raw}
        assert {row["type"]: int(row["n"]) for row in counted} == as_numbers
        assert as_numbers["click"] == len(held)
    finally:
        log.close()
