"""What a simulation has found so far, as values: weights, points of the curve, the verdict.

Pure: numbers in, words out. Knows nothing of terminals or of HTTP.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from desireline.core.inference import (
    Difference,
    Interval,
    Verdict,
    mean_interval,
    paired_difference,
    verdict,
)
from desireline.core.posterior import interval
from desireline.core.seeds import generator, seed_of

MEASURE = "ndcg_at_10"
DIGITS = 6


class Range(msgspec.Struct, frozen=True):
    """A mean with a lower and an upper bound: NaN (null in JSON) where n is too small."""

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
    """Mean NDCG@10 of `n` held-out queries after so many searches, 95 % intervals over queries.

    `over_*` is learned minus a baseline, query by query (paired bootstrap).
    """

    searches: int
    n: int
    learned: Range
    static: Range
    equal: Range
    over_static: Range
    over_equal: Range


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known so far, as a task's `outputs` carry it.

    `weights`: segment -> feature_uri -> mean and the middle 95 % of what was drawn at the last
    point. `final` is the judgement of all held-out queries, made once, at the end.
    """

    retriever_id: str
    retriever_name: str
    taste: str
    seed: int
    users: int
    segments: tuple[str, ...]
    segments_shown_as: str | None
    held_out: int
    measure: str = MEASURE
    curve: tuple[Point, ...] = ()
    final: Point | None = None
    weights: Mapping[str, Mapping[str, Range]] = {}
    verdict: Verdict = "not known yet"
    sentence: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a simulation is: `done` of `total` in its present phase, and `searches` of all.

    `rate` is in searches/s of simulated users; 0: nobody searches right now.
    """

    phase: str = ""
    done: int = 0
    total: int = 0
    rate: float = 0.0
    searches: int = 0
    findings: Findings | None = None


class Compared(msgspec.Struct, frozen=True):
    """Three rankings of the same queries: their means, and learned minus each baseline."""

    learned: Interval
    static: Interval
    equal: Interval
    over_static: Difference
    over_equal: Difference


def compared(
    judged: Judged, seed: int, resamples: int = 10_000, *, equal_is_shown: bool = True
) -> Compared:
    """Means with Student's t, differences query by query with a bootstrap over queries; 95 %.

    Not `equal_is_shown`: other stages change what the learned fusion ranks, and did not change
    `equal`. Then no difference to it is large enough to be one.
    """

    def over(baseline: Sequence[float]) -> Difference:
        rng = generator(seed_of("demo-difference", str(seed)))
        return paired_difference(judged.learned, baseline, rng, resamples)

    over_equal = over(judged.equal)
    if not equal_is_shown:
        over_equal = msgspec.structs.replace(over_equal, detectable=math.inf)
    return Compared(
        mean_interval(judged.learned), mean_interval(judged.static), mean_interval(judged.equal),
        over(judged.static), over_equal,
    )  # fmt: skip


def point(searches: int, found: Compared) -> Point:
    """A point of the curve.

    >>> point(100, compared(Judged([0.5, 0.7], [0.5, 0.5], [0.5, 0.6]), 0)).over_static.mean
    0.1
    """
    ranges = (_of(getattr(found, name)) for name in found.__struct_fields__)
    return Point(searches, found.learned.n, *ranges)


def _of(found: Interval | Difference) -> Range:
    return _range(found.mean, found.low, found.high)


def _range(mean: float, low: float, high: float) -> Range:
    return Range(round(mean, DIGITS), round(low, DIGITS), round(high, DIGITS))


def weight_ranges(draws: Sequence[Mapping[str, float]]) -> dict[str, Range]:
    """Mean and the middle 95 % of the weights as drawn, by search, in the order of the first draw.

    >>> weight_ranges([{"a": 0.2}, {"a": 0.4}])["a"].mean.__round__(6)
    0.3
    """
    if not draws:
        return {}
    labels = list(draws[0])
    values = np.array([[draw[label] for label in labels] for draw in draws])
    bounds = np.stack([values.mean(axis=0), *interval(values)], axis=1).tolist()
    return {label: _range(*each) for label, each in zip(labels, bounds, strict=True)}


def sentence(found: Compared, searches: int) -> str:
    """The one sentence at the end, with its intervals.

    Both baselines stand in it: a gain over the static ranking alone may come from normalising the
    scores, only a gain over equal weights as well comes from learning.

    >>> judged = Judged([0.7, 0.8] * 60, [0.5, 0.7] * 60, [0.6, 0.8] * 60)
    >>> print(sentence(compared(judged, 0), 3000))
    After 3,000 searches of simulated users the learned ranking is better than before: NDCG@10\
 .750 against .600 of the static ranking it started from, +.150 [+.141, +.159], and against .700\
 of equal weights, +.050 [+.041, +.059] (95 % intervals, 120 held-out queries).
    """
    return (
        f"After {searches:,} searches of simulated users {_known(found)}:"
        f" NDCG@10 {plain(found.learned.mean)}"
        f" against {plain(found.static.mean)} of the static ranking it started from,"
        f" {_change(found.over_static)},"
        f" and against {plain(found.equal.mean)} of equal weights, {_change(found.over_equal)}"
        f" (95 % intervals, {found.learned.n} held-out queries)."
    )


def nothing_served(found: Compared, searches: int) -> str:
    """The sentence where no held-out query was answered with learned weights: too early, in shadow
    mode, or changed meanwhile. There is nothing to judge then.

    >>> print(nothing_served(compared(Judged([0.5, 0.7], [0.5, 0.7], [0.5, 0.6]), 0), 3))
    After 3 searches of simulated users nothing learned is served (2 held-out queries): whether\
 learning helps is not known yet.
    """
    return (
        f"After {searches:,} searches of simulated users nothing learned is served"
        f" ({found.learned.n} held-out queries): whether learning helps is not known yet."
    )


def learned_is(found: Compared) -> Verdict:
    """`better` only than both baselines; `worse` if it is worse than either."""
    known = {verdict(found.over_static), verdict(found.over_equal)}
    if "worse" in known:
        return "worse"
    return "better" if known == {"better"} else "not known yet"


def _known(found: Compared) -> str:
    """What two comparisons allow to say of learning."""
    static, equal = verdict(found.over_static), verdict(found.over_equal)
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
