"""Weights within bounds that sum to 1: exact projection that keeps ratios inside the bounds.

Knows numbers only. Clamping and then renormalising can leave the bounds; this can't
(`learning.md` 4.5, `retriever-api.md` 6.2).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
_SMALL = 1e-300  # what is below, 1 can't be divided by


def bounds(count: int, low: float, high: float) -> tuple[float, float]:
    """Bounds that `count` weights can meet: `low` becomes .5/count when count x low > 1.

    >>> bounds(3, 0.05, 0.95), bounds(24, 0.05, 0.95)[0] == 0.5 / 24, bounds(1, 0.05, 0.95)
    ((0.05, 0.95), True, (0.05, 1.0))
    """
    return (0.5 / count if count * low > 1 else low), (1.0 if count * high < 1 else high)


def project(theta: ArrayLike, low: float, high: float) -> Array:
    """`w_i = clip(s theta_i, low, high)` with the one s that makes the sum 1.

    theta: (F,) or (m, F), m >= 1, each >= 0, sums finite; a row of zeros becomes equal weights.
    Same shape back.

    >>> project([0.98, 0.01, 0.01], 0.05, 0.95).tolist()
    [0.9, 0.05, 0.05]
    """
    given = np.asarray(theta, dtype=np.float64)
    columns = given.T if given.ndim == 2 else given[:, None]
    if len(columns) == 1:
        return np.ones_like(given)
    largest = np.maximum.reduce(columns, axis=0)
    if not np.minimum.reduce(largest) > _SMALL:
        some, tiny = largest > 0, largest <= _SMALL
        columns = np.divide(columns, largest, out=np.where(some, columns, 1.0), where=some & tiny)
    low, high = bounds(len(columns), low, high)
    # Where all others at `low` leave no more than `high` to one, no weight can pass `high`.
    floor_only = high + (len(columns) - 1) * low >= 1.0 - 1e-12
    weights = _floored(columns, low).T if floor_only else _bounded(columns.T, low, high)
    return weights.reshape(given.shape)


def _floored(columns: Array, low: float) -> Array:
    """`max(s theta_i, low)` of (F, m) columns, with the s that makes each sum 1.

    The sum grows with s and is the largest, over k, of `k low + s (the F - k largest)`: so s is the
    smallest of those that each k alone would give.
    """
    kept = np.add.accumulate(np.sort(columns, axis=0)[::-1], axis=0)
    scale = np.minimum.reduce(_left(len(columns), low) / kept, axis=0)
    weights: Array = np.maximum(columns * scale, low)
    return weights


@lru_cache(maxsize=256)
def _left(count: int, low: float) -> Array:
    """(count, 1): what `low` leaves to the 1, 2, … `count` largest; read-only."""
    left: Array = 1.0 - low * np.arange(count - 1, -1, -1.0)[:, None]
    left.setflags(write=False)
    return left


def _bounded(rows: Array, low: float, high: float) -> Array:
    """The sum is piecewise linear in s: find the piece, then solve it for the free weights."""
    rows = np.maximum(rows / rows.max(axis=1, keepdims=True), _SMALL)
    knots = np.concatenate([low / rows, high / rows], axis=1)
    knots.sort(axis=1)
    sums = np.minimum(np.maximum(knots[:, :, None] * rows[:, None, :], low), high).sum(axis=2)
    index = np.minimum(np.maximum((sums < 1).sum(axis=1), 1), knots.shape[1] - 1)
    picked = np.arange(len(rows))
    middle = ((knots[picked, index - 1] + knots[picked, index]) / 2)[:, None]
    scaled = middle * rows
    held = np.minimum(np.maximum(scaled, low), high)
    free = (scaled > low) & (scaled < high)
    total = (rows * free).sum(axis=1, keepdims=True)
    rest = 1.0 - (held * ~free).sum(axis=1, keepdims=True)
    scale = np.divide(rest, total, out=middle, where=total > 0)
    weights: Array = np.where(free, np.minimum(np.maximum(scale * rows, low), high), held)
    return weights
