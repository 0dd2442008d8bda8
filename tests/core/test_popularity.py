"""Properties of the count behind boosts: bounded, fading, never lowered by a further act."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.popularity import PER_VISITOR, STEEPEST, Act, half_life_ms, used, weight

WEEK_MS = 7 * 86_400_000
ACTS = st.lists(
    st.builds(
        Act, st.sampled_from(["ann", "bob", "cid"]), st.floats(0, WEEK_MS), st.integers(-1, 40)
    ),
    max_size=20,
)


@given(ACTS)
def test_a_visitor_counts_for_at_most_three_of_the_heaviest(acts: list[Act]):
    visitors = {act.visitor for act in acts}
    assert 0 <= used(acts, 7) <= len(visitors) * PER_VISITOR * STEEPEST
    apart = sum(used([act for act in acts if act.visitor == who], 7) for who in visitors)
    assert used(acts, 7) == pytest.approx(apart)


@given(ACTS, st.builds(Act, st.just("ann"), st.floats(0, WEEK_MS), st.integers(-1, 40)))
def test_a_further_act_never_lowers_the_count(acts: list[Act], more: Act):
    assert used([*acts, more], 7) >= used(acts, 7) - 1e-9


@given(ACTS, st.integers(0, 2))
def test_later_all_counts_are_smaller_by_one_factor(acts: list[Act], days: int):
    early = [act for act in acts if act.age_ms <= WEEK_MS / 2]
    aged = [Act(a.visitor, a.age_ms + days * 86_400_000, a.position) for a in early]
    factor = 2 ** (-days * 86_400_000 / half_life_ms(7))
    assert used(aged, 7) == pytest.approx(factor * used(early, 7))


@given(st.floats(1, 365), st.integers(-1, 40))
def test_at_the_edge_of_the_window_an_act_weighs_a_quarter(window_days: float, position: int):
    edge = window_days * 86_400_000
    now, then = (weight(Act("a", age, position), window_days) for age in (0, edge))
    assert then == pytest.approx(now / 4)
    assert used([Act("a", edge + 1, position)], window_days) == 0


def test_a_position_weighs_by_what_was_examined_there():
    assert [weight(Act("a", 0, k), 7) for k in (-1, 0, 4, 9, 40)] == [1, 1, 5, 10, 10]
