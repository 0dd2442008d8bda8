"""What the demo has found so far, as values: weights, points of the curve, the closing sentence.

Pure: numbers in, words out. Knows nothing of terminals or of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from desireline.core.inference import (
    Difference,
    Verdict,
    mean_interval,
    paired_difference,
    verdict,
)
from desireline.core.seeds import generator, seed_of


class Range(msgspec.Struct, frozen=True):
    """A mean with a lower and an upper bound."""

    mean: float
    low: float
    high: float


class Judged(msgspec.Struct, frozen=True):
    """NDCG@10 query by query, of three rankings of the same queries, in the same order.

    `static` is what is served before anything is learned; `equal` is the learned fusion with equal
    weights: as well normalised as `learned`, without anything learned.
    """

    learned: list[float]
    static: list[float]
    equal: list[float]


class Point(msgspec.Struct, frozen=True):
    """Mean NDCG@10 after so many searches: learned (with interval) and the two baselines."""

    searches: int
    learned: Range
    static: float
    equal: float


class View(msgspec.Struct, frozen=True):
    """Everything the screen shows. `weights`: segment -> label of the search -> weight."""

    title: str
    phase: str
    done: int
    total: int
    rate: float = 0.0
    weights: Mapping[str, Mapping[str, Range]] = {}
    curve: tuple[Point, ...] = ()


def point(searches: int, judged: Judged) -> Point:
    """A point of the curve from one NDCG per query, with a 95 % interval over queries.

    >>> point(100, Judged([0.5, 0.7], [0.5, 0.5], [0.5, 0.6])).learned.mean
    0.6
    """
    found = mean_interval(judged.learned)
    learned = Range(found.mean, found.low, found.high)
    return Point(searches, learned, float(np.mean(judged.static)), float(np.mean(judged.equal)))


def weight_ranges(draws: Sequence[Mapping[str, float]]) -> dict[str, Range]:
    """Mean and the middle 95 % of the weights as drawn, by search, in the order of the first draw.

    >>> weight_ranges([{"a": 0.2}, {"a": 0.4}])["a"].mean.__round__(6)
    0.3
    """
    if not draws:
        return {}
    ranges = {}
    for label in draws[0]:
        values = [draw[label] for draw in draws]
        low, high = np.quantile(values, (0.025, 0.975))
        ranges[label] = Range(float(np.mean(values)), float(low), float(high))
    return ranges


def difference(learned: Sequence[float], baseline: Sequence[float], seed: int) -> Difference:
    """Learned minus a baseline, query by query, with a 95 % bootstrap interval over queries."""
    return paired_difference(learned, baseline, generator(seed_of("demo-difference", str(seed))))


def sentence(judged: Judged, searches: int, seed: int) -> str:
    """The one sentence at the end, with its intervals.

    Both baselines stand in it: a gain over the static ranking alone may come from normalising the
    scores, only a gain over equal weights as well comes from learning.

    >>> print(sentence(Judged([0.7, 0.8] * 60, [0.5, 0.7] * 60, [0.6, 0.8] * 60), 3000, 0))
    After 3,000 searches of simulated users the learned ranking is better than before: NDCG@10\
 .750 against .600 of the static ranking it started from, +.150 [+.141, +.159], and against .700\
 of equal weights, +.050 [+.041, +.059] (95 % intervals, 120 held-out queries).
    """
    static = difference(judged.learned, judged.static, seed)
    equal = difference(judged.learned, judged.equal, seed)
    return (
        f"After {searches:,} searches of simulated users {_known(verdict(static), verdict(equal))}:"
        f" NDCG@10 {plain(float(np.mean(judged.learned)))}"
        f" against {plain(float(np.mean(judged.static)))} of the static ranking it started from,"
        f" {_change(static)},"
        f" and against {plain(float(np.mean(judged.equal)))} of equal weights, {_change(equal)}"
        f" (95 % intervals, {static.n} held-out queries)."
    )


def _known(static: Verdict, equal: Verdict) -> str:
    """What two comparisons allow to say of learning."""
    if static == equal and static != "not known yet":
        return f"the learned ranking is {static} than before"
    if equal == "worse":
        return "the learned ranking is worse than equal weights"
    if static == "better":
        return "the ranking is better than before, but whether by learning is not known yet"
    if static == "worse":
        return "the learned ranking is worse than the static one"
    return "no gain is shown; whether learning helps is not known yet"


def _change(found: Difference) -> str:
    return f"{signed(found.mean)} [{signed(found.low)}, {signed(found.high)}]"


def plain(value: float) -> str:
    """Three decimals, as measures between 0 and 1 are written.

    >>> plain(0.5871), plain(1.0)
    ('.587', '1.000')
    """
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def signed(value: float) -> str:
    """`plain` with its sign.

    >>> signed(0.02), signed(-0.5)
    ('+.020', '-.500')
    """
    return ("-" if value < 0 else "+") + plain(abs(value))
