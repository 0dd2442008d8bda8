"""The exploration swap falls where it should, as often as it should, and enters propensities."""

from __future__ import annotations

import numpy as np
import pytest

from desireline.core.propensity import near_propensities
from desireline.steps.serve import rank
from desireline.steps.serve.request import Choice
from desireline.types.learning import Context, Decision, Weights

IDS = [f"d{n}" for n in range(10)]


def a_choice(seed: int) -> Choice:
    return Choice(
        decision=Decision(learned=True), context=Context(),
        weights=Weights(values=(0.5, 0.5), level="global", context_key="global"),
        draws=None, seed=seed, snapshot_id=1, served=True, reason="", variant="learned",
    )  # fmt: skip


def test_the_share_of_explored_executions_is_the_configured_one():
    places = [rank._explored(IDS, a_choice(7), f"execution {n}", 0.05) for n in range(10_000)]
    swapped = [at for at in places if at >= 0]
    assert abs(len(swapped) - 500) <= 3 * np.sqrt(10_000 * 0.05 * 0.95)
    counts = np.bincount(swapped, minlength=9)
    assert len(counts) == 9
    assert np.abs(counts - len(swapped) / 9).max() <= 4 * np.sqrt(len(swapped) / 9)
    assert rank._explored(IDS, a_choice(7), "x", 0.0) == -1
    assert rank._explored(IDS, a_choice(7), "x", 1.0) >= 0


@pytest.mark.parametrize("count", [1, 2, 5])
def test_with_a_certain_order_the_swap_alone_moves_documents(count: int):
    """One order of `count` documents, one of count - 1 pairs swapped in a fifth of the cases."""
    near = np.zeros((3, count))
    near[1] = 1.0
    once = 0.2 / max(1, count - 1)
    expected = [1 - once * ((k > 0) + (k < count - 1)) for k in range(count)]
    assert rank._mixed(near.T.tolist(), count, 0.2) == pytest.approx(expected)


@pytest.mark.parametrize("swapped", [-1, 0, 3, 4, 5, 8])
def test_of_one_search_the_order_is_certain_save_the_swapped_pair(swapped: int):
    """The same as counting re-drawn rankings, whose only weight is 1."""
    norm = np.array([1.0, 0.9, 0.9, 0.5, 0.4, 0.4, 0.4, 0.1, 0.0, 0.0])[:, None]
    order = np.arange(10)
    if swapped >= 0:
        order[[swapped, swapped + 1]] = order[[swapped + 1, swapped]]
    counted = near_propensities(norm, np.ones((1, 1)), order[:5])
    assert np.array(rank._of_one(5, swapped)).T.tolist() == counted.tolist()
