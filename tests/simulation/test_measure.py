"""What a simulation says of its numbers: better, worse, or not known yet."""

from __future__ import annotations

import numpy as np
import pytest

from desireline.simulation import measure
from desireline.simulation.measure import Judged


def judged(learned=0.0, equal=0.0):
    """Three rankings of 120 queries: how much learned and equal weights gain on the static one."""
    noise = np.random.default_rng(1).normal(0, 0.05, (2, 120))
    static = np.linspace(0.2, 0.8, 120)
    return Judged(
        list(static + learned + noise[0]), list(static), list(static + equal + noise[1])
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (judged(learned=0.2, equal=0.1), "the learned ranking is better than before"),
        (judged(learned=-0.2, equal=-0.1), "the learned ranking is worse than before"),
        (judged(learned=0.1, equal=0.2), "the learned ranking is worse than equal weights"),
        (judged(learned=-0.1, equal=-0.1), "the learned ranking is worse than the static one"),
        (judged(learned=0.1, equal=0.1), "but whether by learning is not known yet"),
        (judged(), "no gain is shown; whether learning helps is not known yet"),
    ],
)
def test_the_closing_sentence_says_what_is_known(found, words):
    said = measure.sentence(measure.compared(found, 0), 3000)
    assert said.startswith("After 3,000 searches of simulated users ")
    assert f"{words}: NDCG@10" in said
    assert said.endswith("(95 % intervals, 120 held-out queries).")


@pytest.mark.parametrize(
    ("found", "known"),
    [
        (judged(learned=0.2, equal=0.1), "better"),
        (judged(learned=-0.2, equal=-0.1), "worse"),
        (judged(learned=0.1, equal=0.2), "worse"),
        (judged(learned=0.1, equal=0.1), "not known yet"),
        (judged(), "not known yet"),
    ],
)
def test_the_verdict_asks_for_a_gain_over_both_baselines(found, known):
    assert measure.learned_is(measure.compared(found, 0)) == known


@pytest.mark.parametrize(
    ("found", "known"), [(0.2, "not known yet"), (-0.1, "worse"), (0, "not known yet")]
)
def test_nothing_is_concluded_from_equal_weights_that_were_not_shown(found, known):
    for equal in (0.0, 0.4):
        rankings = judged(learned=found, equal=equal)
        one = measure.compared(rankings, 0, equal_is_shown=False)
        assert measure.learned_is(one) == known
        assert "equal weights:" not in measure.sentence(one, 10)
    assert measure.learned_is(measure.compared(judged(learned=0.2), 0)) == "better"


def test_equal_rankings_are_not_known_to_differ():
    found = measure.compared(Judged(*[[0.5, 0.2, 0.9]] * 3), 3)
    assert (found.over_equal.mean, found.over_equal.low, found.over_equal.high) == (0, 0, 0)
    assert "not known yet" in measure.sentence(found, 100)


def test_a_point_carries_intervals_of_all_it_says():
    point = measure.point(300, measure.compared(judged(learned=0.2), 0, resamples=2_000))
    assert (point.searches, point.n) == (300, 120)
    for name in ("learned", "static", "equal", "over_static", "over_equal"):
        each = getattr(point, name)
        assert each.low < each.mean < each.high
    assert point.over_static.mean == pytest.approx(0.2, abs=0.02)


def test_weights_of_a_segment_are_summarised_over_draws():
    ranges = measure.weight_ranges([{"a": n / 100, "b": 1 - n / 100} for n in range(101)])
    assert list(ranges) == ["a", "b"]
    assert ranges["a"].low == pytest.approx(0.025)
    assert ranges["a"].high == pytest.approx(0.975)
    assert measure.weight_ranges([]) == {}
