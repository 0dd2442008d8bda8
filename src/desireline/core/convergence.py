"""Whether learned weights have settled: what each day believed, and three words about it.

Knows means and standard deviations of a posterior, one per search and day. Knows no log and no
learner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

SETTLED_SD = 0.05
SETTLED_DAYS = 3
DOMINANT = 0.9
CHANGE_SDS = 3.0
SHIFT = 0.05


class Belief(msgspec.Struct, frozen=True):
    """Everyone's weights at the end of a day: posterior mean and sd by search; empty: unknown."""

    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    lessons: int = 0


def is_settled(days: Sequence[Belief]) -> bool:
    """Whether on each of the last three days the sd of every weight was below 0.05.

    >>> sure = Belief((0.6, 0.4), (0.01, 0.01))
    >>> is_settled([sure] * 3), is_settled([sure] * 2), is_settled([sure, sure, Belief()])
    (True, False, False)
    """
    last = days[-SETTLED_DAYS:]
    return len(last) == SETTLED_DAYS and all(day.sd and max(day.sd) < SETTLED_SD for day in last)


def is_change(before: Belief, after: Belief) -> bool:
    """Whether a mean moved further in one day than three times both days' uncertainty.

    >>> is_change(Belief((0.2, 0.8), (0.01, 0.01)), Belief((0.5, 0.5), (0.02, 0.02)))
    True
    >>> is_change(Belief(), Belief((0.5, 0.5), (0.02, 0.02)))
    False
    """
    if not before.mean or len(before.mean) != len(after.mean):
        return False
    moved = np.abs(np.subtract(after.mean, before.mean))
    spread = np.hypot(before.sd, after.sd)
    return bool((moved > np.maximum(CHANGE_SDS * spread, SHIFT)).any())


def shifts(before: Belief, after: Belief) -> list[int]:
    """Searches whose mean moved by more than 0.05 between two days.

    >>> shifts(Belief((0.2, 0.8), (0.1, 0.1)), Belief((0.3, 0.7), (0.1, 0.1)))
    [0, 1]
    """
    if not before.mean or len(before.mean) != len(after.mean):
        return []
    moved = np.abs(np.subtract(after.mean, before.mean))
    return [int(place) for place in np.flatnonzero(moved > SHIFT)]


def dominant(weights: Mapping[str, float]) -> str | None:
    """The search that has at least 0.9 of the weight, if one has.

    >>> dominant({"a": 0.95, "b": 0.05}), dominant({"a": 0.6, "b": 0.4})
    ('a', None)
    """
    return next((uri for uri, weight in weights.items() if weight >= DOMINANT), None)


def slope(days: Sequence[int], values: Sequence[float]) -> float:
    """Change a day, by least squares; 0 for fewer than two days.

    >>> round(slope([0, 1, 2], [0.5, 0.6, 0.7]), 3), slope([4], [0.5])
    (0.1, 0.0)
    """
    if len(set(days)) < 2:
        return 0.0
    return float(np.polyfit(days, values, 1)[0])
