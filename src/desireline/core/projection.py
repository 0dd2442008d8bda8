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
    rows = np.atleast_2d(given)
    peak = rows.max(axis=1, keepdims=True)
    rows = np.where(peak > 0, np.maximum(rows / np.where(peak > 0, peak, 1.0), 1e-12), 1.0)
    weights = rows / rows.sum(axis=1, keepdims=True)
    low, high = bounds(rows.shape[1], low, high)
    outside = (weights.min(axis=1) < low) | (weights.max(axis=1) > high)
    if outside.any():
        weights[outside] = _bounded(rows[outside], low, high)
    projected: Array = weights.reshape(given.shape)
    return projected


def _bounded(rows: Array, low: float, high: float) -> Array:
    """The sum is piecewise linear in s: find the piece, then solve it for the free weights."""
    knots = np.sort(np.concatenate([low / rows, high / rows], axis=1), axis=1)
    sums = np.clip(knots[:, :, None] * rows[:, None, :], low, high).sum(axis=2)
    index = np.clip((sums < 1).sum(axis=1), 1, knots.shape[1] - 1)
    picked = np.arange(len(rows))
    middle = (knots[picked, index - 1] + knots[picked, index]) / 2
    at_low = middle[:, None] * rows <= low
    at_high = middle[:, None] * rows >= high
    free = ~(at_low | at_high)
    total = np.where(free, rows, 0.0).sum(axis=1)
    rest = 1.0 - low * at_low.sum(axis=1) - high * at_high.sum(axis=1)
    scale = np.where(total > 0, rest / np.where(total > 0, total, 1.0), middle)
    return np.clip(np.where(free, scale[:, None] * rows, np.where(at_low, low, high)), low, high)
