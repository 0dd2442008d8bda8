"""`thompson_sampling`: counts that add up in any order, decay, exposure, bounds of draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core import beta, policy
from desireline.errors import NotAvailable
from desireline.types.learning import LearningConfig, Weights
from tests.core import teaching
from tests.core.teaching import ADA, DAY, SEARCHES, a_document, a_lesson, lessons

CONFIG = LearningConfig()
LAST = 600 * DAY


def counts(nodes: dict[str, policy.Node], key: str = "global", config: LearningConfig = CONFIG):
    node = nodes[key]
    assert isinstance(node, beta.BetaNode)
    return beta.counts(node, SEARCHES, LAST, config)


def learned(taught: list[policy.Lesson], config: LearningConfig = CONFIG) -> dict[str, policy.Node]:
    return policy.fold_all(policy.State(), taught, config, SEARCHES).nodes


@given(st.lists(lessons, min_size=1, max_size=12), st.randoms())
def test_order_does_not_matter(taught: list[policy.Lesson], random):
    shuffled = list(taught)
    random.shuffle(shuffled)
    one, other = learned(taught), learned(shuffled)
    assert one.keys() == other.keys()
    for key in one:
        for a, b in zip(_arrays(one, key), _arrays(other, key), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def _arrays(nodes: dict[str, policy.Node], key: str):
    found = counts(nodes, key)
    return found.n, found.positive, found.negative


@given(st.lists(lessons, min_size=2, max_size=12), st.integers(1, 11))
def test_parts_merge_to_the_whole(taught: list[policy.Lesson], cut: int):
    first, second = learned(taught[:cut]), learned(taught[cut:])
    if "global" not in second:
        return
    merged = beta.merge(first.get("global"), second["global"], SEARCHES, CONFIG)
    for a, b in zip(_arrays({"global": merged}, "global"), _arrays(learned(taught), "global"),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@given(st.lists(lessons, max_size=8), st.sampled_from([1.0, 4.0]), st.integers(0, 2**32))
def test_draws_are_weights_within_bounds(taught: list[policy.Lesson], contrast: float, seed: int):
    config = LearningConfig(contrast=contrast)
    rng = np.random.default_rng(seed)
    drawn = teaching.draws(learned(taught, config), ADA, config, SEARCHES, LAST, rng, 50)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, atol=1e-9)
    assert drawn.min() >= 0.05 - 1e-12
    assert drawn.max() <= 0.95 + 1e-12


def test_evidence_decays_by_the_day_and_ends_with_the_window():
    nodes = learned([a_lesson(a_document((1, 0, 0), 1.0), day=0)])
    node = nodes["global"]
    assert isinstance(node, beta.BetaNode)
    for day, weight in [(0, 1), (1, 0.995), (100, 0.995**100), (365, 0.995**365), (366, 0)]:
        found = beta.counts(node, SEARCHES, int(day * DAY), CONFIG)
        assert found.positive[0] == pytest.approx(weight)
        assert found.n == (1 if weight else 0)


def test_days_beyond_the_window_are_forgotten():
    config = LearningConfig(decay_window_days=10)
    nodes = learned([a_lesson(a_document(), day=day) for day in range(40)], config)
    node = nodes["global"]
    assert isinstance(node, beta.BetaNode)
    assert len(node.days) // 4 == 11


def test_cascade_counts_down_to_the_lowest_click_and_everything_without_one():
    page = [a_document((1, 0, 0), position=place) for place in range(4)]
    clicked = [page[0], a_document((1, 0, 0), 1.0, position=1), *page[2:]]
    for exposure, pages, ignored in [("served", clicked, 3), ("cascade", clicked, 1),
                                     ("cascade", page, 4)]:  # fmt: skip
        config = LearningConfig(exposure=exposure, decay_factor=1.0, decay_window_days=3650)
        nodes = learned([a_lesson(*pages)], config)
        assert counts(nodes, config=config).negative.tolist() == [ignored, 0, 0]


def test_viewport_is_refused_by_name():
    with pytest.raises(NotAvailable, match="viewport"):
        learned([a_lesson(a_document())], LearningConfig(exposure="viewport"))


def test_a_late_reward_keeps_the_ignored_document():
    config = LearningConfig(decay_factor=1.0, decay_window_days=3650)
    taught = [a_lesson(a_document((1, 0, 0))), a_lesson(a_document((1, 0, 0), 3.0), kind="late")]
    found = counts(learned(taught, config), config=config)
    assert (found.n, found.positive[0], found.negative[0]) == (1, 3, 1)


def test_debiasing_is_capped():
    config = LearningConfig(position_bias="inverse_propensity", decay_factor=1.0,
                            decay_window_days=3650)  # fmt: skip
    for theta, weight in [(0.5, 2), (0.01, 10)]:
        nodes = learned([a_lesson(a_document((1, 0, 0), 1.0, theta=theta))], config)
        assert counts(nodes, config=config).positive[0] == weight


def test_rewards_count_in_clicks():
    config = LearningConfig(reward_map={"click": 2.0}, decay_factor=1.0, decay_window_days=3650)
    nodes = learned([a_lesson(a_document((1, 0, 0), 2.0))], config)
    assert counts(nodes, config=config).positive[0] == 1


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_exploration_narrows_with_interactions(floor: float):
    config = LearningConfig(exploration_floor=floor, exploration_decay=0.9)
    spreads = []
    for count in (1, 20, 4000):
        alpha = beta_count = np.array([50.0, 50.0, 50.0])
        widen = beta.bonus(count, config)
        rng = np.random.default_rng(5)
        drawn = beta.draws(alpha, beta_count, widen, config, rng, 2000)
        spreads.append(drawn.std())
    assert spreads == sorted(spreads, reverse=True)


def test_means_favour_the_search_that_is_credited():
    nodes = learned([a_lesson(a_document((0.1, 0.9, 0.0), 1.0), day=d) for d in range(590, 600)])
    weights: Weights = policy.mean(policy.ready(nodes, ADA, CONFIG, SEARCHES, LAST))
    assert weights.values[1] == max(weights.values)
    assert weights.alpha[1] > weights.alpha[0] == 1.0


FEASIBLE = st.builds(
    LearningConfig,
    exploration_bonus=st.floats(0.1, 10),
    exploration_decay=st.floats(0.9, 1),
    exploration_floor=st.floats(0, 5),
)


@given(FEASIBLE, st.integers(0, 5_000))
def test_the_floor_is_reached_when_it_says_and_not_before(config: LearningConfig, n: int):
    left = beta.interactions_left(n, config)
    floor = config.exploration_floor
    if left is None:
        assert config.exploration_decay == 1 or floor == 0
        assert beta.bonus(n, config) > floor
        return
    assert left >= 0
    assert beta.bonus(n + left, config) == floor
    assert left == 0 or beta.bonus(n + left - 1, config) > floor
