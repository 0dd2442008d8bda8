"""Interaction types as read, and what they are worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core import signals
from desireline.core.reward import COMPATIBLE, EXTENDED, click_unit, reward, rewards_of
from desireline.errors import Invalid
from desireline.types.learning import LearningConfig

types_sent = st.lists(st.sampled_from(sorted(signals.SIGNALS)), min_size=1, max_size=6)


def test_the_table_has_the_published_types_and_defaults():
    assert len(signals.SIGNALS) == 22
    assert len(COMPATIBLE) == 10
    assert {name: EXTENDED[name] for name in COMPATIBLE} == COMPATIBLE
    assert (EXTENDED["purchase"], EXTENDED["skip"], EXTENDED["wishlist"]) == (3.0, -0.5, 1.5)
    assert all(name in signals.SIGNALS for preset in signals.PRESETS.values() for name in preset)


@given(types_sent)
def test_types_are_sorted_and_each_once(types: list[str]):
    read = signals.check([name.upper() for name in types])
    assert read == tuple(sorted(set(types)))
    assert signals.check(list(read)) == read


@pytest.mark.parametrize(
    ("sent", "path", "code"),
    [
        ([], "$.interaction_type", "interaction_type_empty"),
        (None, "$.interaction_type", "interaction_type_type"),
        (["click", 7], "$.interaction_type[1]", "interaction_type_type"),
        (["cl ick"], "$.interaction_type[0]", "interaction_type_name"),
        ("", "$.interaction_type", "interaction_type_name"),
        (["a" * 65], "$.interaction_type[0]", "interaction_type_name"),
    ],
)
def test_a_wrong_type_is_refused_at_its_place(sent: object, path: str, code: str):
    with pytest.raises(Invalid) as refused:
        signals.check(sent)
    assert (refused.value.fields[0].path, refused.value.code) == (path, code)


def test_custom_types_are_accepted_and_worth_nothing_unless_mapped():
    types = signals.check("Swiped_Up")
    assert reward(types, EXTENDED) == 0.0
    assert reward(types, {"swiped_up": 2.5}) == 2.5


@given(types_sent, st.floats(0.1, 100))
def test_a_reward_is_the_clipped_sum(types: list[str], cap: float):
    total = sum(EXTENDED.get(name, 0) for name in set(types) if name != "rating")
    assert reward(types, EXTENDED, cap) == pytest.approx(min(max(total, -cap), cap))


def test_a_map_replaces_the_defaults_or_is_merged_into_them():
    replaced = rewards_of(LearningConfig(reward_map={"skip": -1.0}))
    merged = rewards_of(LearningConfig(reward_map={"skip": -1.0}, reward_map_mode="merge"))
    assert replaced == {"skip": -1.0}
    assert merged == EXTENDED | {"skip": -1.0}


@pytest.mark.parametrize(("rating", "worth"), [(1, -2), (2, -1), (3, 0), (5, 2), (9, 2), (None, 0)])
def test_a_rating_is_worth_its_distance_from_three(rating: float | None, worth: float):
    assert reward(["rating"], EXTENDED, rating=rating) == worth
    assert reward(["rating"], COMPATIBLE, rating=rating) == 0


def test_rewards_are_measured_in_clicks():
    assert click_unit(EXTENDED) == 1.0
    assert click_unit({"click": 0.5}) == 0.5
    assert click_unit({"click": -1.0}) == click_unit({}) == 1.0
