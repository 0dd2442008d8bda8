"""How much a document is used: the count `c` that `boost_by_interaction_count` compares.

Knows what one act weighs and how acts add up. The event log adds them up in SQL
(`store/queries/popularity.sql`) with the half-life, the position weights and the cap of this page;
`tests/laws` holds the two to the same numbers. Knows no boost: `core.stages.scoring` does that.

`c(document) = sum over visitors of the 3 heaviest of w(act)`, with
`w(act) = 2^(-age / half_life) * min(1 / examined(position), 10)` and `half_life = window / 2`.

- Half of the window: an act fades to a quarter before the window's edge drops it. With a half-life
  of a whole window the edge would drop halves, a cliff; with a quarter the older half of the window
  would hold 6 % of the weight, and the window asked for would be one in name only.
- 3 a visitor: one person, or one script, cannot make a document popular. The heaviest, not the
  latest: so a further act never lowers a count.
- Position: a click far down was won against fewer looks, so it weighs as many times more; 10 at
  most, because there the prior curve is a guess. An unknown position weighs 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import count as numbers

import msgspec

from desireline.core.propensity import examined
from desireline.core.times import DAY_MS

PER_VISITOR = 3
STEEPEST = 10.0
HALF_LIVES = 2


class Act(msgspec.Struct, frozen=True):
    """One interaction as it is counted: by whom, how long ago (>= 0), where (-1: unknown)."""

    visitor: str
    age_ms: float
    position: int = -1


def half_life_ms(window_days: float) -> float:
    """The age at which an act weighs half, ms.

    >>> half_life_ms(7) / 86_400_000
    3.5
    """
    return window_days * DAY_MS / HALF_LIVES


def position_weights() -> tuple[float, ...]:
    """What an act at 0-based positions 0, 1, … weighs; deeper ones weigh as the last.

    >>> position_weights()[:3], position_weights()[-1]
    ((1.0, 2.0, 3.0), 10.0)
    """
    found: list[float] = []
    for position in numbers():
        found.append(min(1 / examined(position), STEEPEST))
        if found[-1] == STEEPEST:
            break
    return tuple(found)


def weight(act: Act, window_days: float) -> float:
    """What one act weighs, above 0 and at most 10.

    >>> weight(Act("ann", age_ms=0, position=3), 7), weight(Act("ann", age_ms=302_400_000), 7)
    (4.0, 0.5)
    """
    known = position_weights()
    seen = known[min(act.position, len(known) - 1)] if act.position >= 0 else 1.0
    return seen * 2 ** (-act.age_ms / half_life_ms(window_days))


def used(acts: Iterable[Act], window_days: float) -> float:
    """The count of one document from its acts inside the window (older ones are not asked).

    >>> used([Act("ann", 0), Act("ann", 0), Act("ann", 0), Act("ann", 0), Act("bob", 0)], 7)
    4.0
    """
    weights: dict[str, list[float]] = defaultdict(list)
    for act in acts:
        if 0 <= act.age_ms <= window_days * DAY_MS:
            weights[act.visitor].append(weight(act, window_days))
    return sum(sum(sorted(own, reverse=True)[:PER_VISITOR]) for own in weights.values())
