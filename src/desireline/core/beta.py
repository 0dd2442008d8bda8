"""The `thompson_sampling` learner: one Beta distribution per search and context level.

Knows counts, credit, decay and draws (`learning.md` 4.1, `retriever-api.md` 6.2); knows nothing of
the ladder between levels (`core.policy`).

A node keeps undecayed sums per UTC day and applies `decay_factor^(whole days of age)` when it is
read, so a lesson counts the same whenever it is folded, nodes merge by addition, and the window of
`decay_window_days` is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from desireline.core.projection import project
from desireline.core.reward import click_unit, rewards_of
from desireline.core.times import DAY_MS
from desireline.errors import NotAvailable
from desireline.types.learning import LearningConfig, Taught, TaughtDocument

MAX_DEBIAS = 10.0
_TINY = 1e-3

Array = NDArray[np.float64]


class BetaNode(msgspec.Struct, frozen=True, tag="beta", gc=False):
    """What one context taught: `days` (D,) int32 since 1970, ascending; `sums` (D, 1 + 2F) float64.

    A row of `sums` is one day: interactions, positive reward per search, negative per search, in
    clicks. Little-endian bytes: immutable, compact, and the same after a round trip. `owner` is the
    user of a personal node.
    """

    days: bytes
    sums: bytes
    n: int = 0
    owner: str = ""


class Counts(msgspec.Struct, frozen=True):
    """Decayed sums as of a moment: `positive`, `negative` (F,) in clicks; `n` interactions."""

    n: int
    positive: Array
    negative: Array


def credit(contributions: Array, rule: str) -> Array:
    """How much of a document falls on each search: (D, F) contributions to (D, F) credits.

    `winner`: 1 for the largest (the first of equals); `share`: by its share; `any`: 1 for each that
    contributed. A document to which no search contributed credits none.

    >>> credit(np.array([[0.4, 0.1, 0.0]]), "winner").tolist()
    [[1.0, 0.0, 0.0]]
    >>> credit(np.array([[0.3, 0.1, 0.0]]), "any").tolist()
    [[1.0, 1.0, 0.0]]
    """
    given = np.maximum(np.nan_to_num(contributions), 0.0)
    if rule == "any":
        return (given > 0).astype(np.float64)
    total = given.sum(axis=1, keepdims=True)
    if rule == "share":
        shares: Array = given / np.where(total > 0, total, 1.0)
        return shares
    winners = given.argmax(axis=1)[:, None] == np.arange(given.shape[1])
    credits: Array = (winners & (total > 0)).astype(np.float64)
    return credits


def counted(taught: Taught, config: LearningConfig, searches: int, *, late: bool = False) -> Array:
    """One lesson as a row (1 + 2F,) of a node: interactions, positives, negatives per search.

    Documents whose arrays are of another number of searches are left out. A late reward adds no
    ignored document. Raises `errors.NotAvailable` for `exposure: viewport`.
    """
    rows = [d for d in taught.documents if len(d.contributions) == searches]
    if not rows:
        return np.zeros(1 + 2 * searches)
    credits = credit(np.array([d.contributions for d in rows], dtype=np.float64), config.credit)
    last = -1 if late else _last_examined(rows, config.exposure)
    unit = click_unit(rewards_of(config))
    gains = np.array([_gain(d, config) for d in rows]) / unit
    losses = np.array([_loss(d) / unit + _ignored(d, last) for d in rows])
    interactions = sum(1 for d in rows for _, value in d.rewards if value)
    return np.concatenate([[float(interactions)], gains @ credits, losses @ credits])


def _gain(document: TaughtDocument, config: LearningConfig) -> float:
    total = sum(value for _, value in document.rewards if value > 0)
    if config.position_bias == "inverse_propensity":
        return total * min(1.0 / max(document.theta, 1e-9), MAX_DEBIAS)
    return total


def _loss(document: TaughtDocument) -> float:
    return sum(-value for _, value in document.rewards if value < 0)


def _engaged(document: TaughtDocument) -> bool:
    return any(value for _, value in document.rewards)


def _ignored(document: TaughtDocument, last: int) -> bool:
    return document.position <= last and not _engaged(document)


def _last_examined(rows: Sequence[TaughtDocument], exposure: str) -> int:
    """The last position taken as seen: all served; `cascade`: the lowest engaged one."""
    if exposure == "viewport":
        raise NotAvailable(
            "exposure: viewport is not available in this version",
            hint="use served (recommended) or cascade",
        )
    engaged = [d.position for d in rows if _engaged(d)]
    if exposure == "cascade" and engaged:
        return max(engaged)
    return max(d.position for d in rows)


def add(
    node: BetaNode | None, row: Array, at_ms: int, config: LearningConfig, owner: str = ""
) -> BetaNode:
    """The node with a row added to the day of `at_ms`; days past the window are dropped."""
    day = at_ms // DAY_MS
    days, sums = _tables(node, len(row))
    place = int(np.searchsorted(days, day))
    if place < len(days) and days[place] == day:
        sums = sums.copy()
        sums[place] += row
    else:
        days = np.insert(days, place, day)
        sums = np.insert(sums, place, row, axis=0)
    keep = days >= days[-1] - config.decay_window_days
    days, sums = days[keep], sums[keep]
    return BetaNode(
        days.astype("<i4").tobytes(), sums.astype("<f8").tobytes(), int(sums[:, 0].sum()), owner
    )


def merge(one: BetaNode | None, other: BetaNode, searches: int, config: LearningConfig) -> BetaNode:
    """The node that has learned what both have: sums add up, in any order."""
    days, sums = _tables(other, 1 + 2 * searches)
    merged = one or BetaNode(b"", b"", 0, other.owner)
    for day, row in zip(days.tolist(), sums, strict=True):
        merged = add(merged, row, day * DAY_MS, config, merged.owner)
    return merged


def counts(node: BetaNode | None, searches: int, now_ms: int, config: LearningConfig) -> Counts:
    """The node's sums decayed to `now_ms`; days of the future count as today."""
    days, sums = _tables(node, 1 + 2 * searches)
    age = np.maximum(now_ms // DAY_MS - days, 0)
    inside = age <= config.decay_window_days
    decayed = np.where(inside, np.power(config.decay_factor, age), 0.0) @ sums
    return Counts(int(sums[inside, 0].sum()), decayed[1 : 1 + searches], decayed[1 + searches :])


def _tables(node: BetaNode | None, width: int) -> tuple[NDArray[np.int32], Array]:
    """Days and rows of a node; a node of another number of searches is as good as none."""
    if node is None or len(node.sums) != width * 8 * (len(node.days) // 4):
        return np.zeros(0, dtype="<i4"), np.zeros((0, width))
    return np.frombuffer(node.days, "<i4"), np.frombuffer(node.sums, "<f8").reshape(-1, width)


def parameters(
    level: Counts, session: Counts | None, config: LearningConfig
) -> tuple[Array, Array]:
    """(alpha, beta), each (F,): prior + counts of the level + `session_boost` x the session's.

    >>> level = Counts(1, np.array([1.0, 0.0]), np.array([0.0, 2.0]))
    >>> [each.tolist() for each in parameters(level, None, LearningConfig())]
    [[2.0, 1.0], [1.0, 3.0]]
    """
    alpha, beta = config.prior_alpha + level.positive, config.prior_beta + level.negative
    if session is None:
        return alpha, beta
    boost = config.session_boost
    return alpha + boost * session.positive, beta + boost * session.negative


def bonus(n: int, config: LearningConfig) -> float:
    """`max(exploration_floor, exploration_bonus * exploration_decay^n)`: what widens the variance.

    >>> bonus(0, LearningConfig()), bonus(10_000, LearningConfig())
    (1.0, 0.1)
    """
    return max(config.exploration_floor, config.exploration_bonus * config.exploration_decay**n)


def draws(
    alpha: Array,
    beta: Array,
    widen: float,
    config: LearningConfig,
    rng: np.random.Generator,
    count: int,
) -> Array:
    """(count, F) weights: Beta(alpha / widen, beta / widen) to the power of contrast, projected."""
    widen = max(widen, 1e-9)  # an exploration floor of 0 means: the mean
    theta = rng.beta(_TINY + alpha / widen, _TINY + beta / widen, size=(count, len(alpha)))
    return project(theta**config.contrast, config.min_weight, config.max_weight)


def mean_weights(alpha: Array, beta: Array, config: LearningConfig) -> Array:
    """(F,) weights of the posterior means, contrasted and projected as a draw would be."""
    means = (alpha / (alpha + beta)) ** config.contrast
    return project(means, config.min_weight, config.max_weight)


def interactions_left(n: int, config: LearningConfig) -> int | None:
    """How many interactions more until `bonus` is at its floor: 0 there, None when it never will.

    >>> interactions_left(0, LearningConfig()), interactions_left(500, LearningConfig())
    (230, 0)
    >>> interactions_left(0, LearningConfig(exploration_decay=1.0)) is None
    True
    """
    start, decay, floor = (
        config.exploration_bonus,
        config.exploration_decay,
        config.exploration_floor,
    )
    if bonus(n, config) <= floor:
        return 0
    if decay >= 1.0 or floor <= 0.0:
        return None
    reached = math.ceil(math.log(floor / start) / math.log(decay))
    while start * decay**reached > floor:  # the quotient of logarithms is not exact
        reached += 1
    while start * decay ** (reached - 1) <= floor:
        reached -= 1
    return reached - n
