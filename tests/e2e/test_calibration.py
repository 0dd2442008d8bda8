"""Logged propensities are calibrated, and a logged ranking follows from its row alone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from desireline.core import fusion, policy
from desireline.core.contexts import context_of
from desireline.core.fusion import Candidates
from desireline.core.snapshot import Served
from desireline.steps.serve import Answer
from desireline.types.log import NOT_RETURNED
from desireline.wiring import System
from tests.systems import NS, a_retriever, a_system, now, prefer, search, stages

EXECUTIONS = 2_000
DRAWS = 200
SHARE = 0.2
TOLERANCE = 0.03
WEIGHTS = [1.0, 0.4]


@asynccontextmanager
async def taught(folder: Path, **config: Any) -> AsyncIterator[tuple[System, Served]]:
    """A system with a retriever that has learned a little from both tastes: wide draws."""
    async with a_system(folder) as system:
        served = await a_retriever(system, **config)
        await prefer(system, served, 0, ["a", "b", "c"])
        await prefer(system, served, 1, ["d", "e", "f"])
        yield system, served


def redrawn(system: System, served: Served, answer: Answer, rng: np.random.Generator) -> np.ndarray:
    """(depth,) how often each document shown stands at its place under fresh draws and swaps."""
    fused = answer.fused
    assert fused is not None
    current, count = now(system, served), len(fused.ids)
    context = context_of(current.learning, answer.request.inputs, answer.request.user_id)
    ready = policy.ready(current.state.nodes, context, current.learning, 2, system.clock())
    ties = fusion.id_order(fused.ids)
    scores = policy.draw_many(ready, rng, DRAWS) @ fused.norm.T
    order = np.lexsort((np.broadcast_to(ties, scores.shape), -scores), axis=1)
    swapped = np.flatnonzero(rng.random(DRAWS) < SHARE)
    at = rng.integers(count - 1, size=len(swapped))
    order[swapped, at], order[swapped, at + 1] = order[swapped, at + 1], order[swapped, at]
    hits: np.ndarray = (order == np.arange(count)).mean(axis=0)
    return hits[: len(answer.propensities)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("algorithm", ["logistic", "thompson_sampling"])
def test_predicted_and_observed_frequencies_of_ranks_agree(tmp_path: Path, algorithm: str) -> None:
    """Over 2,000 executions, for every document at every rank of every query that was logged at
    least 100 times: the mean logged propensity against the frequency under fresh draws.
    """
    pairs: dict[tuple[str, int, str], list[tuple[float, float]]] = defaultdict(list)

    async def story() -> None:
        rng = np.random.Generator(np.random.PCG64(5))
        config = {"algorithm": algorithm, "exploration_traffic": SHARE}
        async with taught(tmp_path, **config) as (system, served):
            for number in range(EXECUTIONS):
                query = ("red lamp", "lamp kind", "red chair words", "desk lamp")[number % 4]
                answer = search(system, served, f"n{number}", query=query)
                again = redrawn(system, served, answer, rng)
                for rank, document in enumerate(answer.shown):
                    found = (answer.propensities[rank], again[rank])
                    pairs[query, rank, document.document_id].append(found)

    asyncio.run(story())
    groups = np.array([np.mean(each, axis=0) for each in pairs.values() if len(each) >= 100])
    assert len(groups) >= 30
    assert (groups[:, 1] < 0.9).mean() > 0.5, "the draws are not wide: nothing is tested"
    differences = np.abs(groups[:, 0] - groups[:, 1])
    print(
        f"{algorithm}: {len(groups)} ranks, difference {differences.mean():.4f} on average,"
        f" at most {differences.max():.4f}"
    )
    assert differences.max() < TOLERANCE


def row_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = rows
    return row


def recomputed(row: dict[str, Any]) -> list[str]:
    """The ranking of a logged execution from nothing but its row (at most the top 100)."""
    extras = msgspec.json.decode(row["payload"])
    raw = np.array(row["candidate_scores"], dtype=np.float64).T
    ranks = np.array(row["candidate_ranks"], dtype=np.uint16).T
    if row["fusion"] != "learned":
        raw = np.where(ranks == NOT_RETURNED, np.nan, raw)
    bounds = np.array(extras["bounds"]) if row["fusion"] == "learned" else None
    found = Candidates(list(row["candidate_ids"]), raw, ranks, bounds)
    ids = fusion.score(found, row["weights"], row["fusion"], base=row["base"] or "minmax").ids
    at = extras.get("explored_at", -1)
    if at >= 0:
        ids[at], ids[at + 1] = ids[at + 1], ids[at]
    return ids


def questions() -> Iterator[dict[str, Any]]:
    for number in range(60):
        query = ("red lamp", "desk", "chair lamp words", "kind", "red")[number % 5]
        yield {"user": f"q{number}", "query": query}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("base", ["minmax", "raw"])
def test_a_learned_ranking_follows_from_its_row(tmp_path: Path, base: str) -> None:
    async def story() -> None:
        async with taught(tmp_path, algorithm="logistic", exploration_traffic=0.3, base=base) as (
            system,
            served,
        ):
            answers = [search(system, served, **each) for each in questions()]
            assert await system.intake.flushed(timeout_ms=10_000)
            assert any(answer.explored_at >= 0 for answer in answers)
            for answer in answers:
                row = row_of(
                    await system.event_log.query(
                        "execution_by_id", namespace=NS, execution_id=answer.execution_id
                    )
                )
                assert row["fusion"] == "learned"
                assert list(row["candidate_ids"]) == answer.fused.ids  # type: ignore[union-attr]
                assert recomputed(row) == answer.fused.ids  # type: ignore[union-attr]

    asyncio.run(story())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", ["rrf", "dbsf", "weighted", "max"])
def test_a_static_ranking_follows_from_its_row(tmp_path: Path, method: str) -> None:
    """`rrf` needs the logged ranks, `dbsf` all returned scores: with more than 100 candidates (the
    row keeps the top 100) its mean and deviation could not be had again.
    """

    async def story() -> None:
        async with a_system(tmp_path) as system:
            sent = stages()
            parameters = sent[0]["config"]["parameters"]
            del parameters["learning_config"]
            parameters |= {"fusion": method, "final_top_k": 100}
            if method != "max":
                parameters["weights"] = WEIGHTS
            served = await system.retrievers.create(NS, "static", sent)
            answers = [search(system, served, **each) for each in questions()]
            assert await system.intake.flushed(timeout_ms=10_000)
            for answer in answers:
                row = row_of(
                    await system.event_log.query(
                        "execution_by_id", namespace=NS, execution_id=answer.execution_id
                    )
                )
                assert recomputed(row) == answer.fused.ids  # type: ignore[union-attr]

    asyncio.run(story())


@pytest.mark.timeout(120)
def test_what_learned_traffic_would_have_been_follows_from_a_static_row(tmp_path: Path) -> None:
    """A learned stage that serves static fusion logs the complete scores: both rankings follow."""

    async def story() -> None:
        async with taught(tmp_path, algorithm="logistic", shadow_mode=True) as (system, served):
            answers = [search(system, served, **each) for each in questions()]
            assert await system.intake.flushed(timeout_ms=10_000)
            for answer in answers:
                row = row_of(
                    await system.event_log.query(
                        "execution_by_id", namespace=NS, execution_id=answer.execution_id
                    )
                )
                assert row["fusion"] == "rrf"
                assert recomputed(row) == answer.fused.ids  # type: ignore[union-attr]
                extras, shadow = (
                    msgspec.json.decode(row["payload"]),
                    msgspec.json.decode(row["shadow"]),
                )
                raw = np.array(row["candidate_scores"], dtype=np.float64).T
                ranks = np.array(row["candidate_ranks"], dtype=np.uint16).T
                found = Candidates(
                    list(row["candidate_ids"]), raw, ranks, np.array(extras["bounds"])
                )
                own = fusion.score(found, shadow["weights"], "learned").ids
                assert own[:50] == shadow["top"]

    asyncio.run(story())
