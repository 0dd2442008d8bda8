"""What learned weights would have shown, against what was shown: the report of shadow mode.

Rewards fell on the static ranking only, so the learned one is judged by moving them
(`core.counterfactual`), and the answer says what that cannot see. Knows the log, no HTTP.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from desireline.core import counterfactual, inference
from desireline.core.seeds import generator, seed_of
from desireline.core.snapshot import Served
from desireline.ports import EventLog

MOST_EXECUTIONS = 20_000
FEW_USERS = 30
FEW_REWARDS = 200
HEAVY = 0.05
RESAMPLES = 2_000


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One ranking: debiased NDCG@10 (sum of DCG over sum of the best) with its 95 % interval, and
    rewarded documents expected in the first ten per execution. NaN without data.
    """

    ndcg: float
    low: float
    high: float
    rewarded: float


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """`summary` is the row of `shadow_summary`; the rest is about the newest executions of it."""

    summary: dict[str, Any]
    clicks: int
    rewarded_executions: int
    coverage: float
    static: Side
    learned: Side
    delta: inference.Difference
    verdict: inference.Verdict
    caveats: list[str]


async def report(log: EventLog, served: Served, since_ms: int, now_ms: int) -> Shadow:
    """The report about the executions since then."""
    where = {
        "namespace": served.retriever.namespace, "retriever_id": served.retriever.retriever_id,
        "searches": served.uris, "since_ms": since_ms, "before_ms": now_ms,
    }  # fmt: skip
    summary = await log.query("shadow_summary", **where)
    rows = await log.query("shadow_clicks", **where, limit=MOST_EXECUTIONS)
    return judged(served, summary[0], rows)


def judged(served: Served, summary: dict[str, Any], rows: list[dict[str, Any]]) -> Shadow:
    """The numbers, from rows of `shadow_clicks`."""
    rewarded = [row for row in rows if row["positions"]]
    groups = [row["visitor"] for row in rewarded]
    best = float(np.mean([counterfactual.best_dcg(row["positions"]) for row in rewarded] or [1.0]))
    ndcg = [
        [counterfactual.debiased_dcg(row["positions"], row[side]) / best for row in rewarded]
        for side in ("positions", "places")
    ]
    moved = [
        [counterfactual.moved_rewards(row["positions"], row[side]) for row in rows]
        for side in ("positions", "places")
    ]
    seed = seed_of(served.retriever.retriever_id, str(len(rows)), "shadow")
    sides = [_side(values, groups, found, seed) for values, found in zip(ndcg, moved, strict=True)]
    rng = generator(seed_of(str(seed), "delta"))
    delta = inference.clustered_difference(ndcg[1], ndcg[0], groups, rng, RESAMPLES)
    depth = sum(row["depth"] for row in rows)
    lacks = _lacks([place for row in rewarded for place in row["positions"]])
    return Shadow(
        summary=summary, clicks=sum(len(row["positions"]) for row in rows),
        rewarded_executions=len(rewarded),
        coverage=sum(row["seen"] for row in rows) / depth if depth else math.nan,
        static=sides[0], learned=sides[1], delta=delta,
        verdict="not known yet" if lacks else inference.verdict(delta),
        caveats=_caveats(int(summary["executions"]), rows, len(set(groups))) + lacks,
    )  # fmt: skip


def _lacks(positions: list[int]) -> list[str]:
    """Why rewards at these positions carry no verdict; [] when they do."""
    effective, largest = counterfactual.support(positions)
    found = []
    if effective < FEW_REWARDS:
        found.append(f"no verdict: {effective:.0f} effective rewards, {FEW_REWARDS} needed")
    if positions and largest > HEAVY:
        found.append(f"no verdict: one reward carries {largest:.0%} of all weight")
    return found


def _side(values: list[float], groups: list[str], moved: list[float], seed: int) -> Side:
    rng = generator(seed_of(str(seed), "side"))
    found = inference.clustered_interval(values, groups, rng, RESAMPLES)
    return Side(
        ndcg=found.mean, low=found.low, high=found.high,
        rewarded=float(np.mean(moved)) if moved else math.nan,
    )  # fmt: skip


def _caveats(executions: int, rows: list[dict[str, Any]], users: int) -> list[str]:
    """What these numbers cannot see."""
    found = [
        "documents that only the learned ranking would have shown could not be acted on: numbers "
        "of `learned` are lower bounds (see `coverage`)",
        "looks are assumed to fall as 1 / rank (the prior examination curve), whatever is shown",
    ]
    if executions > len(rows):
        found.append(f"rewards are counted on the newest {len(rows)} of {executions} executions")
    if users < FEW_USERS:
        found.append(f"only {users} users acted: the intervals say little")
    return found
