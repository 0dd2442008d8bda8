"""The `logistic` learner: Bayesian logistic Thompson sampling with the position model inside.

Knows `learning.md` 4.2: `P(click | d, k, context) = theta_k sigmoid(b + v . x(d))`, where (b, v) is
a global mean plus a deviation per deeper level. Knows nothing of reporting levels (`core.policy`).

Every level of one lesson is held in arrays (L, ...) so that one call inverts them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from desireline.core.beta import bonus
from desireline.core.projection import project
from desireline.core.reward import click_unit, rewards_of
from desireline.types.learning import LearningConfig, Taught, TaughtDocument

PRIOR_INTERCEPT = -3.0
PRIOR_SLOPE = 2.0
DRAW_SCALE = 0.5
SMALLEST_SLOPE = 1e-3
SMALLEST_SCALE = 1e-50  # an exploration that has decayed to nothing
_LOGIT_BOUND = 30.0

Array = NDArray[np.float64]


class LogisticNode(msgspec.Struct, frozen=True, tag="logistic", gc=False):
    """A Gaussian over (intercept, slope per search): `mean` (F+1,), `precision` (F+1, F+1).

    Little-endian float64 bytes: immutable, compact, and the same after a round trip. Global nodes
    hold the coefficients, all others a deviation from them. `n` counts interactions.
    """

    mean: bytes
    precision: bytes
    n: int = 0
    owner: str = ""


class Levels(msgspec.Struct, frozen=True):
    """One context, widest level first: `mean` (L, F+1), `precision` (L, F+1, F+1), `n` (L,)."""

    mean: Array
    precision: Array
    n: tuple[int, ...]


class Rows(msgspec.Struct, frozen=True):
    """Examined documents: `features` (D, F+1), first column 1; `theta`, `click`, `weight` (D,)."""

    features: Array
    theta: Array
    click: Array
    weight: Array
    interactions: int


def prior_scale(key: str, config: LearningConfig) -> float:
    """Prior standard deviation of a level's coefficients: 1 for global, tau for deviations."""
    if key == "global":
        return 1.0
    return config.tau_demographic if key.startswith("demographic") else config.tau_user


def levels_of(
    keys: Sequence[str], nodes: Sequence[LogisticNode | None], config: LearningConfig, searches: int
) -> Levels:
    """Stack the nodes of `keys`; a missing one (or one of another size) is its prior.

    >>> level = levels_of(["global"], [None], LearningConfig(), 2)
    >>> level.mean.tolist(), level.precision[0].diagonal().tolist()
    ([[-3.0, 2.0, 2.0]], [1.0, 1.0, 1.0])
    """
    return _stacked(_found(keys, nodes, config, searches), searches + 1)


def _found(
    keys: Sequence[str], nodes: Sequence[LogisticNode | None], config: LearningConfig, searches: int
) -> tuple[LogisticNode, ...]:
    size = searches + 1
    return tuple(
        [
            node
            if node is not None and len(node.mean) == 8 * size
            else _prior(size, prior_scale(key, config), centred=key != "global")
            for key, node in zip(keys, nodes, strict=True)
        ]
    )


def _stacked(found: Sequence[LogisticNode], size: int) -> Levels:
    mean = np.frombuffer(b"".join([node.mean for node in found]), "<f8")
    precision = np.frombuffer(b"".join([node.precision for node in found]), "<f8")
    return Levels(
        mean.reshape(-1, size),
        precision.reshape(-1, size, size),
        tuple([node.n for node in found]),
    )


@lru_cache(maxsize=256)
def _prior(size: int, scale: float, *, centred: bool) -> LogisticNode:
    mean = np.full(size, 0.0 if centred else PRIOR_SLOPE)
    if not centred:
        mean[0] = PRIOR_INTERCEPT
    precision = np.eye(size) / scale**2
    return LogisticNode(mean.astype("<f8").tobytes(), precision.astype("<f8").tobytes())


def rows_of(taught: Taught, config: LearningConfig, searches: int, *, late: bool = False) -> Rows:
    """The likelihood terms of a lesson; documents of another number of searches are left out.

    Positive rewards of a document are one click of weight r / R0; negative ones a non-click known
    to be examined (theta = 1) of weight |r| / R0; a document without any is a non-click, unless
    `late`.
    """
    unit = click_unit(rewards_of(config))
    documents = [d for d in taught.documents if len(d.norm_scores) == searches]
    terms = [(d, *term) for d in documents for term in _terms(d, unit, late=late)]
    features = np.ones((len(terms), searches + 1))
    if terms:
        features[:, 1:] = [term[0].norm_scores for term in terms]
    columns = np.array([term[1:] for term in terms]).reshape(-1, 3).T
    interactions = sum(1 for d in documents for _, value in d.rewards if value)
    return Rows(np.nan_to_num(features), columns[0], columns[1], columns[2], interactions)


def _terms(
    document: TaughtDocument, unit: float, *, late: bool
) -> list[tuple[float, float, float]]:
    """(theta, click, weight) of a document: at most a click and a known non-click."""
    gain = sum(value for _, value in document.rewards if value > 0) / unit
    loss = -sum(value for _, value in document.rewards if value < 0) / unit
    terms = [(document.theta, 1.0, gain)] if gain else []
    if loss:
        terms.append((1.0, 0.0, loss))
    if not terms and not late:
        terms.append((document.theta, 0.0, 1.0))
    return terms


def gradient(rows: Rows, mean: Array) -> tuple[Array, Array]:
    """(gradient (F+1,), information (F+1, F+1)) of the rows' log likelihood at `mean`.

    z = sigmoid(v.m), p = theta z: a click adds (1-z) v, a non-click -p(1-z)/(1-p) v, and either
    theta z (1-z)^2/(1-p) v v'; both times the row's weight.
    """
    z = 1.0 / (1.0 + np.exp(-np.clip(rows.features @ mean, -_LOGIT_BOUND, _LOGIT_BOUND)))
    miss = rows.theta * z * (1.0 - z) / (1.0 - rows.theta * z)
    slope = rows.weight * np.where(rows.click > 0, 1.0 - z, -miss)
    information = (rows.features.T * (rows.weight * miss * (1.0 - z))) @ rows.features
    return slope @ rows.features, information


def learn(keys: Sequence[str], levels: Levels, rows: Rows, config: LearningConfig) -> Levels:
    """All levels after one lesson: the joint correction is shared out by their own covariances.

    With C_l = P_l^-1 and C their sum, K = (C^-1 + I)^-1 g and delta_l = C_l C^-1 K, which is
    C_l (1 + I C)^-1 g; then P_l = gamma (P_l + I) + (1 - gamma) P0_l.
    """
    step, information = gradient(rows, levels.mean.sum(axis=0))
    covariances = np.linalg.inv(levels.precision)
    size = len(step)
    shared = np.linalg.solve(np.eye(size) + information @ covariances.sum(axis=0), step)
    scales = np.array([prior_scale(key, config) for key in keys]) ** -2.0
    prior = scales[:, None, None] * np.eye(size)
    kept = config.gamma * (levels.precision + information) + (1.0 - config.gamma) * prior
    counted = tuple(n + rows.interactions for n in levels.n)
    return Levels(levels.mean + covariances @ shared, kept, counted)


def node_at(levels: Levels, place: int, owner: str = "") -> LogisticNode:
    """One level of the stack as a node."""
    mean, precision = levels.mean[place], levels.precision[place]
    return LogisticNode(
        mean.astype("<f8").tobytes(), precision.astype("<f8").tobytes(), levels.n[place], owner
    )


def slopes_of(
    keys: Sequence[str], nodes: Sequence[LogisticNode | None], config: LearningConfig, searches: int
) -> tuple[Array, Array]:
    """What the slopes of a context are drawn from: their mean (F,), and (F, F) the lower L of
    `L L'` = their covariance, both over all levels; read-only.

    Every level is drawn on its own, `s^2 P^-1` with `s = .5 sqrt(bonus)` of its own interactions
    (what is known well is explored little), and added: that is one draw under the sum of the
    covariances. Kept for the contexts asked for last: nodes change rarely, searches are many.
    """
    found = _found(keys, nodes, config, searches)
    scales = tuple([DRAW_SCALE * bonus(node.n, config) ** 0.5 for node in found])
    return _slopes(found, scales, searches + 1)


@lru_cache(maxsize=4096)
def _slopes(
    nodes: tuple[LogisticNode, ...], scales: tuple[float, ...], size: int
) -> tuple[Array, Array]:
    levels = _stacked(nodes, size)
    variances = np.square(scales)[:, None, None]
    covariance = (variances * np.linalg.inv(levels.precision)[:, 1:, 1:]).sum(axis=0)
    known = max(scales) < SMALLEST_SCALE
    spread: Array = np.zeros_like(covariance) if known else np.linalg.cholesky(covariance)
    mean: Array = levels.mean.sum(axis=0)[1:]
    for each in (mean, spread):
        each.setflags(write=False)
    return mean, spread


def draws(mean: Array, spread: Array, normal: Array, config: LearningConfig) -> Array:
    """(count, F) weights: slopes `m + L z`, projected. `mean`, `spread` are from `slopes_of`,
    `normal` (F, count) are standard normal draws z.
    """
    # So small a product is not worth the matrix library, whose code is seldom in the cache.
    slopes = np.add.reduce(spread[:, :, None] * normal, axis=1) + mean[:, None]
    return _weights(slopes.T, config)


def mean_weights(mean: Array, config: LearningConfig) -> Array:
    """(F,) weights of the posterior mean of the slopes."""
    return _weights(mean, config)


def _weights(slopes: Array, config: LearningConfig) -> Array:
    return project(np.maximum(slopes, SMALLEST_SLOPE), config.min_weight, config.max_weight)
