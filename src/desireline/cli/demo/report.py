"""What the demo has found so far, as values: weights, points of the curve, the closing sentence.

Pure: numbers in, words out. Knows nothing of terminals or of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from desireline.core.inference import Difference, mean_interval, paired_difference, verdict
from desireline.core.seeds import generator, seed_of


class Range(msgspec.Struct, frozen=True):
    """A mean with a lower and an upper bound."""

    mean: float
    low: float
    high: float


class Point(msgspec.Struct, frozen=True):
    """NDCG@10 over held-out queries after so many searches: learned (with interval) and static."""

    searches: int
    learned: Range
    static: float


class View(msgspec.Struct, frozen=True):
    """Everything the screen shows. `weights`: segment -> label of the search -> weight."""

    title: str
    phase: str
    done: int
    total: int
    rate: float = 0.0
    weights: Mapping[str, Mapping[str, Range]] = {}
    curve: tuple[Point, ...] = ()


def point(searches: int, learned: Sequence[float], static: Sequence[float]) -> Point:
    """A point of the curve from one NDCG per query, with a 95 % interval over queries.

    >>> point(100, [0.5, 0.7], [0.5, 0.5]).learned.mean
    0.6
    """
    found = mean_interval(learned)
    return Point(searches, Range(found.mean, found.low, found.high), float(np.mean(static)))


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


def difference(learned: Sequence[float], static: Sequence[float], seed: int) -> Difference:
    """Learned minus static, query by query, with a 95 % bootstrap interval."""
    return paired_difference(learned, static, generator(seed_of("demo-difference", str(seed))))


def sentence(found: Difference, learned: float, static: float, searches: int) -> str:
    """The one sentence at the end, with its interval.

    >>> print(sentence(Difference(.1, .08, .12, 360, .001, .03), .7, .6, 3000))
    After 3,000 searches of simulated users the learned ranking is better than the static one:
    NDCG@10 .700 against .600, +.100 [+.080, +.120] (95 % interval, 360 held-out queries).
    """
    change = f"{signed(found.mean)} [{signed(found.low)}, {signed(found.high)}]"
    numbers = (
        f"NDCG@10 {plain(learned)} against {plain(static)}, {change}"
        f" (95 % interval, {found.n} held-out queries)."
    )
    known = verdict(found)
    start = f"After {searches:,} searches of simulated users"
    if known == "not known yet":
        return f"{start} no gain is shown, learned or static better is not known yet: {numbers}"
    return f"{start} the learned ranking is {known} than the static one: {numbers}"


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
