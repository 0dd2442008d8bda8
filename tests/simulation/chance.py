"""Whether a measured difference is what chance makes of none: for tests of what is drawn by lot."""

from __future__ import annotations

STANDARD_ERRORS = 4
"""Chance alone goes further once in 16,000 times; a 95 % interval misses once in 20."""
ROUNDED = 0.001


def is_chance(mean: float, low: float, high: float) -> bool:
    """Whether a mean lies within four standard errors of 0, by its 95 % interval.

    >>> is_chance(0.03, 0.01, 0.05), is_chance(0.06, 0.04, 0.08)
    (True, False)
    """
    error = (high - low) / (2 * 1.96)
    return abs(mean) <= STANDARD_ERRORS * error + ROUNDED
