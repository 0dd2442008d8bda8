"""What an interaction is worth: the reward map of a retriever and the sum over its types.

Knows `retriever-api.md` 4.4; knows neither documents nor learners. Rewards are written with the
interaction, so a later change of the map acts on later interactions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from desireline.core.signals import SIGNALS
from desireline.types.learning import LearningConfig

EXTENDED = {name: s.extended for name, s in SIGNALS.items() if s.extended}
COMPATIBLE = {name: s.compatible for name, s in SIGNALS.items() if s.compatible}
NEUTRAL_RATING = 3.0


def rewards_of(config: LearningConfig | None) -> Mapping[str, float]:
    """Reward by interaction type; a type that is absent counts 0.

    A `reward_map` replaces the defaults entirely; `reward_map_mode: merge` lays it over them.
    `reward_signal` is a legacy field: rewards are always computed, so the map wins over it.

    >>> rewards_of(LearningConfig(reward_map={"click": 2.0}))
    {'click': 2.0}
    >>> rewards_of(None)["wishlist"]
    1.5
    >>> "wishlist" in rewards_of(LearningConfig(reward_defaults="compatible"))
    False
    """
    if config is None:
        return EXTENDED
    defaults = COMPATIBLE if config.reward_defaults == "compatible" else EXTENDED
    if config.reward_map is None:
        return defaults
    if config.reward_map_mode == "replace":
        return config.reward_map
    return defaults | config.reward_map


def reward(
    types: Iterable[str],
    rewards: Mapping[str, float],
    cap: float = 5.0,
    rating: float | None = None,
) -> float:
    """`clip(sum of the rewards of the types, -cap, +cap)`: co-occurring signals add up.

    A `rating` (1..5, clipped) counts its steps from 3, times the reward of `rating`; without a
    number it counts 0.

    >>> reward(["click", "long_view"], EXTENDED), reward(["rating"], EXTENDED, rating=5)
    (2.0, 2.0)
    >>> reward(["purchase", "add_to_cart", "click"], EXTENDED)
    5.0
    """
    total = sum(rewards.get(name, 0.0) * _scale(name, rating) for name in sorted(set(types)))
    return float(min(max(total, -cap), cap))


def _scale(name: str, rating: float | None) -> float:
    if name != "rating":
        return 1.0
    return 0.0 if rating is None else min(max(rating, 1.0), 5.0) - NEUTRAL_RATING


def click_unit(rewards: Mapping[str, float]) -> float:
    """`R0`, the reward of one click, which learners measure rewards in; 1 when clicks earn nothing.

    >>> click_unit({"click": 2.0}), click_unit({"purchase": 3.0})
    (2.0, 1.0)
    """
    unit = rewards.get("click", 0.0)
    return unit if unit > 0 else 1.0
