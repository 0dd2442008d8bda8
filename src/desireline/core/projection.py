"""Weights within bounds that sum to 1: exact projection that keeps ratios inside the bounds.

Knows numbers only. Clamping and then renormalising can leave the bounds; this can't
(`learning.md` 4.5, `retriever-api.md` 6.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def bounds(count: int, low: float, high: float) -> tuple[float, float]:
    """Bounds that `count` weights can meet: `low` becomes .5/count when count x low > 1.

    >>> bounds(3, 0.05, 0.95), bounds(24, 0.05, 0.95)[0] == 0.5 / 24, bounds(1, 0.05, 0.95)
    ((0.05, 0.95), True, (0.05, 1.0))
    """
    return (0.5 / count if count * low > 1 else low), (1.0 if count * high < 1 else high)


def project(theta: ArrayLike, low: float, high: float) -> Array:
    """`w_i = clip(s theta_i, low, high)` with the one s that makes the sum 1.

    theta: (F,) or (m, F), each >= 0; a row of zeros becomes equal weights. Same shape back.

    >>> project([0.98, 0.01, 0.01], 0.05, 0.95).tolist()
    [0.9, 0.05, 0.05]
    """
    given = np.asarray(theta, dtype=np.float64)
    columns = np.ascontiguousarray(given.T if given.ndim == 2 else given[:, None])
    total = _added(columns)
    if not total.all():
        columns = np.where(total > 0, columns, 1.0)
        total = _added(columns)
    low, high = bounds(len(columns), low, high)
    # Where all others at `low` leave no more than `high` to one, no weight can pass `high`.
    floor_only = high + (len(columns) - 1) * low >= 1.0 - 1e-12
    shares = columns / total
    weights = _floored(shares, low).T if floor_only else _bounded(shares.T, low, high)
    return weights.reshape(given.shape)


def _added(columns: Array) -> Array:
    """(m,) sums over (F, m): of few long columns that is faster than a reduction."""
    total: Array = columns[0]
    for column in columns[1:]:
        total = total + column
    return total


def _floored(shares: Array, low: float) -> Array:
    """`max(s share_i, low)` of (F, m) shares that sum to 1, with the s that makes the sum 1.

    The sum grows with s and is the largest, over k, of `k low + s (the F - k largest shares)`: so
    s is the smallest of those that each k alone would give.
    """
    ordered, last = np.sort(shares, axis=0), len(shares) - 1
    kept = ordered[last]
    scale = (1.0 - low * last) / kept
    for held in range(last - 1, -1, -1):
        kept = kept + ordered[held]
        scale = np.minimum(scale, (1.0 - low * held) / kept)
    weights: Array = np.maximum(shares * scale, low)
    return weights


def _bounded(rows: Array, low: float, high: float) -> Array:
    """The sum is piecewise linear in s: find the piece, then solve it for the free weights."""
    rows = np.maximum(rows / rows.max(axis=1, keepdims=True), 1e-12)
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
