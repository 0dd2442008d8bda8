"""Rewards moved to another order: unbiased under the model they assume."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.counterfactual import best_dcg, debiased_dcg, moved_rewards, support
from desireline.core.propensity import examined

places = st.lists(st.integers(0, 30), max_size=6, unique=True)


@given(places)
def test_what_does_not_move_counts_what_was_there(positions: list[int]):
    assert moved_rewards(positions, positions, 31) == pytest.approx(len(positions))


@given(places, st.integers(1, 20))
def test_an_ndcg_is_one_at_most_and_one_for_the_ideal_order(positions: list[int], k: int):
    best = sorted(range(len(positions)), key=lambda each: -positions[each])
    ideal = [best.index(each) for each in range(len(positions))]
    found = debiased_dcg(positions, ideal, k)
    assert found == pytest.approx(best_dcg(positions, k))
    assert 0 <= debiased_dcg(positions, positions, k) <= found + 1e-12


def test_the_order_shown_has_no_advantage_among_equally_attractive_documents():
    """Simulated: looked at as 1 / rank; the other order is any order."""
    rng = np.random.Generator(np.random.PCG64(11))
    looks = np.array([examined(place) for place in range(10)])
    shown, other, best = [], [], []
    for _ in range(6_000):
        places, acted = rng.permutation(10), np.flatnonzero(rng.random(10) < 0.4 * looks)
        shown.append(debiased_dcg(acted.tolist(), acted.tolist()))
        other.append(debiased_dcg(acted.tolist(), places[acted].tolist()))
        best.append(best_dcg(acted.tolist()))
    differences = np.subtract(other, shown) / np.mean(best)
    error = differences.std() / np.sqrt(len(differences))
    assert abs(differences.mean()) < 4 * error < 0.05


def test_support_of_equal_weights_is_their_number():
    assert support([3] * 250) == (pytest.approx(250), pytest.approx(1 / 250))
    effective, largest = support([0] * 200 + [99])
    assert effective < 200
    assert largest > 0.05


def test_moved_rewards_estimate_what_the_other_order_really_draws():
    """Simulated: 10 documents of known attractiveness, looked at as 1 / rank."""
    rng = np.random.Generator(np.random.PCG64(7))
    attractive = np.array([0.05, 0.5, 0.1, 0.4, 0.02, 0.3, 0.2, 0.6, 0.1, 0.05])
    other = np.argsort(np.argsort(-attractive))  # the place of each document in the other order
    looks = np.array([examined(place) for place in range(10)])
    truth = float((attractive * looks[other]).sum())
    estimates = []
    for _ in range(8_000):
        acted = np.flatnonzero(rng.random(10) < attractive * looks)
        estimates.append(moved_rewards(acted.tolist(), other[acted].tolist()))
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - truth) < 4 * error
    shown = float((attractive * looks).sum())
    assert truth > 1.5 * shown
