"""Where the normal numbers of a draw come from: time per search, and calibration (ADR 0019).

    python bench/adr_draws.py [--searches 3] [--rounds 1000] [--seeds 20000]

Time is of 65 draws (the one that is served, and 64 for propensities), each way in turn, with warm
caches and after a walk through 128 MB, as an index of 100,000 documents walks. Calibration: 65
rankings of 12 *simulated* documents for every seed; how often the first 10 stand at their rank in
the ranking that is served, against the mean of what the 64 others say.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from desireline.core import logistic, propensity
from desireline.core.seeds import generator, light_generator, normals, seed_of
from desireline.types.learning import LearningConfig

Array = NDArray[np.float64]
Way = Callable[[int, tuple[int, int]], Array]
DOCUMENTS, PAGE, DRAWS = 12, 10, 65
CONFIG = LearningConfig(algorithm="logistic")
WALK = np.zeros(2**24)


@lru_cache
def others(shape: tuple[int, int]) -> Array:
    return generator(0).standard_normal(shape)


def shared(seed: int, shape: tuple[int, int]) -> Array:
    """The served draw of the seed's own, the others the same for all seeds."""
    searches, draws = shape
    own = light_generator(seed).standard_normal((searches, 1))
    return np.hstack([own, others((searches, draws - 1))])


WAYS: dict[str, Way] = {
    "a generator for each seed": lambda seed, size: generator(seed).standard_normal(size),
    "the same, born of one SHA-256": lambda seed, size: light_generator(seed).standard_normal(size),
    "one set of others for all": shared,
    "a window of one table": normals,
}  # fmt: skip


def microseconds(shape: tuple[int, int], rounds: int, walk: Callable[[], object]) -> Array:
    """(ways, rounds) time of each way, after a walk."""
    taken = np.empty((len(WAYS), rounds))
    for turn in range(rounds):
        for place, way in enumerate(WAYS.values()):
            walk()
            began = time.perf_counter_ns()
            way(seed_of(str(turn)), shape)
            taken[place, turn] = (time.perf_counter_ns() - began) / 1000
    return taken


def calibration(way: Way, searches: int, seeds: int) -> tuple[float, float]:
    """Mean and largest difference between predicted and observed frequency of a rank."""
    rng = generator(1)
    norm, mean = rng.random((DOCUMENTS, searches)), np.full(searches, 1.0)
    spread = 0.5 * np.eye(searches)
    order = np.argsort(-norm @ mean)[:PAGE]
    observed, predicted = np.zeros(PAGE), np.zeros(PAGE)
    for seed in range(seeds):
        normal = way(seed_of(str(seed)), (searches, DRAWS))
        weights = logistic.draws(mean, spread, normal, CONFIG)
        served = np.argsort(-norm @ weights[0])[:PAGE]
        observed += served == order
        predicted += propensity.rank_propensities(norm, weights[1:], order)
    apart = np.abs(observed - predicted) / seeds
    return float(apart.mean()), float(apart.max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--searches", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=20_000)
    options = parser.parse_args()
    shape = (options.searches, DRAWS)
    warm = np.median(microseconds(shape, options.rounds, lambda: None), axis=1)
    cold = np.median(microseconds(shape, options.rounds // 4, lambda: WALK.sum()), axis=1)
    print("| numbers from | warm, us | after a walk, us | off on average | at most |")
    print("|---" * 5 + "|")
    for place, (name, way) in enumerate(WAYS.items()):
        average, most = calibration(way, options.searches, options.seeds)
        print(f"| {name} | {warm[place]:.1f} | {cold[place]:.1f} | {average:.4f} | {most:.4f} |")


if __name__ == "__main__":
    main()
