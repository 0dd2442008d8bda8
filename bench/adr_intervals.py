"""How often two intervals hold the weights that are learned in the end (ADR 0018).

    python bench/adr_intervals.py [--runs 40] [--lessons 2000] [--world levels]

Simulated clicks with a known truth: a document is clicked with theta_position x sigmoid(b + v . x).
Rankings follow drawn weights, as served. The end is the mean of long folds' weights (their second
halves). Calls the product's core for every draw, lesson and interval.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of 4 x 4: threads only get in the way

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from desireline.core import policy, posterior
from desireline.core.seeds import generator, seed_of
from desireline.types.learning import Context, LearningConfig, Taught, TaughtDocument

Array = NDArray[np.float64]
TRUTH, INTERCEPT = np.array([3.5, 2.0, 0.5]), -3.5
CANDIDATES, PAGE, DRAWS = 30, 10, 400
EVERY_MS = 86_400  # a thousand searches a day
ALGORITHMS = {
    "logistic": LearningConfig(algorithm="logistic"),
    "thompson_sampling": LearningConfig(),
}
WORLDS = {"global": "one level", "levels": "150 users in 3 segments, all of one taste"}


def context_of(world: str, rng: np.random.Generator) -> Context:
    """Who searches: nobody in particular, or one of 150 users."""
    if world == "global":
        return Context()
    user = int(rng.integers(150))
    return Context(personal=f"personal:{user}", demographic=f"demographic:{user % 3}")


def lesson(weights: Array, context: Context, at_ms: int, rng: np.random.Generator) -> policy.Lesson:
    """One page ranked by these weights, and what was clicked on it."""
    found = rng.random((CANDIDATES, len(TRUTH))) ** 2
    shown = found[np.argsort(-found @ weights)[:PAGE]]
    theta = 1.0 / np.arange(1, PAGE + 1)
    attraction = 1 / (1 + np.exp(-(INTERCEPT + shown @ TRUTH)))
    clicked = rng.random(PAGE) < theta * attraction
    documents = tuple(
        TaughtDocument(
            document_id=str(place), position=place, norm_scores=tuple(scores.tolist()),
            contributions=tuple((scores * weights).tolist()), theta=float(theta[place]),
            rewards=(("i", 1.0),) if clicked[place] else (),
        )
        for place, scores in enumerate(shown)
    )  # fmt: skip
    return policy.Lesson(
        kind="close", at_ms=at_ms, context_keys=context.keys,
        taught=Taught(documents=documents, variant="learned"),
    )  # fmt: skip


def folds(
    config: LearningConfig, world: str, seed: str, count: int
) -> Iterator[tuple[int, dict[str, policy.Node], int]]:
    """(number, nodes, now) after each lesson of one run."""
    rng = generator(seed_of("adr_intervals", seed))
    nodes: dict[str, policy.Node] = {}
    for number in range(1, count + 1):
        now_ms, context = number * EVERY_MS, context_of(world, rng)
        ready = policy.ready(nodes, context, config, len(TRUTH), now_ms)
        weights = np.array(policy.draw(ready, rng).values)
        taught = lesson(weights, context, now_ms, rng)
        nodes.update(policy.update(nodes, taught, config, len(TRUTH)))
        yield number, nodes, now_ms


def limit(config: LearningConfig, world: str, count: int) -> Array:
    """(F,) the weights of everyone in the end."""
    kept = []
    for seed in ("long 1", "long 2", "long 3"):
        for number, nodes, now_ms in folds(config, world, seed, count):
            if number > count // 2 and number % 100 == 0:
                ready = policy.ready(nodes, Context(), config, len(TRUTH), now_ms)
                kept.append(policy.mean(ready).values)
    return np.mean(kept, axis=0)


def intervals(
    nodes: policy.Nodes, config: LearningConfig, now_ms: int, seed: str
) -> dict[str, tuple[Array, Array]]:
    """Everyone's 95 % intervals: of what is believed, and of what is drawn."""
    given = (nodes, Context(), config, len(TRUTH), now_ms)
    found = {"believed": posterior.believed(*given), "drawn": policy.ready(*given)}
    return {
        name: posterior.interval(policy.draw_many(ready, generator(seed_of(name, seed)), DRAWS))
        for name, ready in found.items()
    }


def report(name: str, world: str, runs: int, lessons: int) -> None:
    config, began = ALGORITHMS[name], time.process_time()
    target = limit(config, world, 4 * lessons)
    stops = sorted({stop for stop in (100, 300, 1000, lessons) if stop <= lessons})
    held = {(stop, kind): [] for stop in stops for kind in ("believed", "drawn")}
    wide = {key: [] for key in held}
    for run in range(runs):
        for number, nodes, now_ms in folds(config, world, f"run {run}", lessons):
            if number not in stops:
                continue
            for kind, (low, high) in intervals(nodes, config, now_ms, f"{run}").items():
                held[number, kind].append(((low <= target) & (target <= high)).mean())
                wide[number, kind].append((high - low).mean())
    truth = np.round(TRUTH / TRUTH.sum(), 3).tolist()
    print(f"\n{name}, {WORLDS[world]}: in the end {np.round(target, 3).tolist()}, truth {truth}")
    print("| lessons | believed holds it, % | width | drawn holds it, % | width |")
    print("|---|---|---|---|---|")
    for stop in stops:
        cells = []
        for kind in ("believed", "drawn"):
            share = held[stop, kind]
            error = 196 * np.std(share) / len(share) ** 0.5
            cells += [f"{100 * np.mean(share):.0f} ± {error:.0f}",
                      f"{np.mean(wide[stop, kind]):.3f}"]  # fmt: skip
        print(f"| {stop} | " + " | ".join(cells) + " |", flush=True)
    print(f"({runs} runs, {time.process_time() - began:.0f} s of CPU)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--lessons", type=int, default=2000)
    parser.add_argument("--world", choices=list(WORLDS), default=None)
    chosen = parser.parse_args()
    for world in [chosen.world] if chosen.world else WORLDS:
        for name in ALGORITHMS:
            report(name, world, chosen.runs, chosen.lessons)


if __name__ == "__main__":
    main()
