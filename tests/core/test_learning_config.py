"""Every field of `learning_config` changes something: one pair of configurations for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from desireline.core import fusion, policy, rollout
from desireline.core.closing import close
from desireline.core.contexts import context_of
from desireline.core.recipe import compile_stages, normalise
from desireline.core.reward import reward, rewards_of
from desireline.core.seeds import generator
from desireline.types.learning import LearningConfig, Rollout
from desireline.types.retriever import Run, StaticFusion
from tests.core.teaching import ADA, DAY, SEARCHES, a_document, a_lesson, some_lessons
from tests.core.test_closing import an_execution

LESSONS = [
    *some_lessons(60),
    a_lesson(a_document((0.9, 0.2, 0.1), 1.0, position=3), a_document((0.1, 0.9, 0.3)), day=40),
    a_lesson(a_document((0.2, 0.8, 0.5), 3.0, position=1), day=41, variant="static"),
    msgspec.structs.replace(a_lesson(day=42), kind="opt_out", user_id="ada"),
    a_lesson(a_document((0.1, 0.1, 0.9), 2.0), a_document((0.9, 0.1, 0.2), position=1), day=43),
]
NOW = 44 * DAY


def learned(config: LearningConfig) -> Any:
    """The weights that are drawn, and believed, after the lessons."""
    state = policy.fold_all(policy.State(), LESSONS, config, SEARCHES)
    session = None
    for hour in (0.0, 0.5):
        lesson = a_lesson(a_document((0.2, 0.3, 0.9), 1.0), kind="late", day=44 - hour / 24)
        session = policy.adapt(session, state.nodes, ADA, lesson, config, SEARCHES)
    found = policy.ready(state.nodes, ADA, config, SEARCHES, NOW, session)
    drawn = [policy.draw(found, generator(seed)).values for seed in range(20)]
    return np.round(drawn, 9).tolist(), found.standing, sorted(state.nodes)


def early(config: LearningConfig) -> Any:
    """The level that few interactions reach."""
    state = policy.fold_all(policy.State(), LESSONS[:8], config, SEARCHES)
    return policy.standing(state.nodes, ADA, config, SEARCHES, NOW)


def context(config: LearningConfig) -> Any:
    inputs = {"user_id": "ada", "country": "pt", "user_segment": "new"}
    return context_of(config, inputs, "ada", "s", "new")


def rewarded(config: LearningConfig) -> Any:
    rewards = rewards_of(config)
    types = (["click"], ["wishlist"], ["purchase", "add_to_cart", "bookmark"])
    return [reward(each, rewards, config.max_reward_per_interaction) for each in types]


def decided(config: LearningConfig) -> Any:
    return [rollout.decide(config, Rollout(), False, f"u{n}", "ret", False) for n in range(40)]


def fused(config: LearningConfig) -> Any:
    runs = [Run("a", ["x", "y", "z"], [9.0, 8.0, 1.0]), Run("b", ["z", "y", "x"], [0.9, 0.2, 0.1])]
    return fusion.fuse(runs, (0.5, 0.5), "learned", base=config.base).scores.tolist()


def closed(config: LearningConfig) -> Any:
    return close(an_execution([("i", 1.0)], [], [], []), config)


def compiled(config: LearningConfig) -> Any:
    parameters = {
        "searches": [{"feature_uri": "a"}, {"feature_uri": "b"}],
        "fusion": "learned",
        "learning_config": msgspec.to_builtins(config),
    }
    stages = [{"config": {"stage_id": "feature_search", "parameters": parameters}}]
    search = compile_stages(normalise(stages)).search
    assert search is not None
    return search.static


LOGISTIC: dict[str, Any] = {"algorithm": "logistic"}
TASTE: dict[str, Any] = {"demographic_features": ("INPUT.user_segment",)}
PAIRS: dict[str, tuple[Callable[[LearningConfig], Any], dict[str, Any], Any]] = {
    "algorithm": (learned, {}, "logistic"),
    "context_features": (context, {}, ("INPUT.country",)),
    "demographic_features": (context, {}, ("INPUT.country",)),
    "fallback_strategy": (context, TASTE, "global"),
    "min_interactions": (early, {}, 100),
    "reward_map": (rewarded, {}, {"wishlist": 2.0}),
    "reward_map_mode": (rewarded, {"reward_map": {"wishlist": 2.0}}, "merge"),
    "reward_defaults": (rewarded, {}, "compatible"),
    "max_reward_per_interaction": (rewarded, {}, 2.5),
    "prior_alpha": (learned, {}, 3.0),
    "prior_beta": (learned, {}, 3.0),
    "contrast": (learned, {}, 4.0),
    "exploration_bonus": (learned, {}, 5.0),
    "exploration_decay": (learned, {}, 0.9),
    "exploration_floor": (learned, {"exploration_decay": 0.9}, 3.0),
    "decay_factor": (learned, {}, 0.9),
    "decay_window_days": (learned, {}, 2),
    "gamma": (learned, LOGISTIC, 0.9),
    "tau_demographic": (learned, LOGISTIC, 0.1),
    "tau_user": (learned, LOGISTIC, 0.1),
    "min_weight": (learned, {"exploration_bonus": 5.0, "contrast": 8.0}, 0.3),
    "max_weight": (learned, {"exploration_bonus": 5.0, "contrast": 20.0, "min_weight": 0.0}, 0.5),
    "credit": (learned, {}, "share"),
    "position_bias": (learned, {}, "inverse_propensity"),
    "exposure": (learned, {}, "cascade"),
    "examined_depth": (closed, {}, 2),
    "base": (fused, {}, "raw"),
    "static_fusion": (compiled, {}, StaticFusion(fusion="max")),
    "session_boost": (learned, {}, 0.0),
    "session_ttl_minutes": (learned, {}, 1),
    "salt": (decided, {"rollout_pct": 50.0}, "spring"),
    "learn_from": (learned, {}, "served"),
    "opt_out_scope": (learned, {}, "serve"),
    "rollout_pct": (decided, {}, 10.0),
    "shadow_mode": (decided, {}, True),
}
# Shown where more of the loop is needed: a clock, an execution, a claim of a client.
ELSEWHERE = {
    "attribution": "tests/steps/test_learning.py",
    "attribution_window_seconds": "tests/steps/test_pending.py",
    "circuit_breaker_timeout_ms": "tests/steps/test_decide.py",
    "exploration_traffic": "tests/e2e/test_learned_fusion.py",
}
# Rewards are always computed, so the older field decides nothing: a warning says so.
WITHOUT = {"reward_signal"}


@pytest.mark.parametrize("name", PAIRS)
def test_a_field_changes_an_outcome(name: str) -> None:
    outcome, base, value = PAIRS[name]
    one = LearningConfig(**base)
    other = LearningConfig(**{**base, name: value})
    assert getattr(one, name) != value
    assert outcome(one) != outcome(other)


def test_no_field_is_without_such_a_pair() -> None:
    assert {*PAIRS, *ELSEWHERE, *WITHOUT} == set(LearningConfig.__struct_fields__)


def test_a_field_without_effect_is_warned_of() -> None:
    parameters = {
        "searches": [{"feature_uri": "a"}, {"feature_uri": "b"}],
        "fusion": "learned",
        "learning_config": {"reward_signal": "purchase"},
    }
    stages = [{"config": {"stage_id": "feature_search", "parameters": parameters}}]
    assert any("reward_signal" in each for each in compile_stages(normalise(stages)).warnings)
