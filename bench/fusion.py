"""Fusion, side by side with plain Python, and the propensities of one page.

`python bench/fusion.py` prints p50 and p99 in microseconds: lists of 100, a pool of 250.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from desireline.core.fusion import candidates, fuse
from desireline.core.propensity import rank_propensities
from desireline.types.retriever import FusionMethod, Run

METHODS: tuple[FusionMethod, ...] = ("rrf", "dbsf", "weighted", "max", "learned")
ROUNDS = 2_000


def lists(count: int, rng: np.random.Generator) -> list[Run]:
    """Lists of 100 hits each, ids as a shop has them."""
    pool = [f"B0{n:08d}" for n in rng.permutation(250)]
    runs = []
    for search in range(count):
        ids = [pool[n] for n in rng.permutation(250)[:100]]
        runs.append(Run(f"search{search}", ids, np.sort(rng.random(100))[::-1].tolist()))
    return runs


def completed(runs: list[Run], rng: np.random.Generator) -> list[Run]:
    """The same lists with a score by id for every document of the union."""
    union = candidates(runs).ids
    full = []
    for run in runs:
        rest = [name for name in union if name not in set(run.ids)]
        scores = run.scores + rng.random(len(rest)).tolist()
        full.append(Run(run.feature_uri, run.ids + rest, scores, len(run.ids)))
    return full


def plain_rrf(runs: list[Run], weights: list[float]) -> list[tuple[str, float]]:
    """Reciprocal rank fusion as one writes it first: the baseline."""
    scores: dict[str, float] = {}
    for run, weight in zip(runs, weights, strict=True):
        for rank, document_id in enumerate(run.ids):
            scores[document_id] = scores.get(document_id, 0.0) + weight / (61 + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def timed(call: Callable[[], object]) -> str:
    """p50 and p99 in microseconds."""
    taken = np.empty(ROUNDS)
    for place in range(ROUNDS):
        begin = time.perf_counter()
        call()
        taken[place] = time.perf_counter() - begin
    p50, p99 = np.percentile(taken, [50, 99]) * 1e6
    return f"{p50:5.0f} / {p99:5.0f}"


def main() -> None:
    rng = np.random.default_rng(0)
    print("us p50 / p99   ", *(f"{name:>14}" for name in ("plain rrf", *METHODS, "learned full")))
    for count in (2, 3, 5):
        runs, weights = lists(count, rng), [1 / count] * count
        full = completed(runs, rng)
        cells = [timed(lambda: plain_rrf(runs, weights))]  # noqa: B023
        cells += [timed(lambda: fuse(runs, weights, method)) for method in METHODS]  # noqa: B023
        cells += [timed(lambda: fuse(full, weights, "learned"))]  # noqa: B023
        print(f"{count} lists of 100", *(f"{cell:>14}" for cell in cells))
    norm, draws = rng.random((150, 3)), rng.dirichlet(np.ones(3), size=64)
    found = timed(lambda: rank_propensities(norm, draws, np.arange(10)))
    print(f"propensities, 64 draws x 150 documents x top 10: {found}")


if __name__ == "__main__":
    main()
