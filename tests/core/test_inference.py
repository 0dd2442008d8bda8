"""Inference: against scipy, by coverage, and the three words."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from desireline.core import inference
from desireline.core.inference import (
    Difference,
    clustered_difference,
    clustered_interval,
    mean_interval,
    paired_difference,
    verdict,
    wilson_interval,
)


@given(st.floats(1e-9, 1 - 1e-9))
def test_normal_quantiles_equal_scipy(p):
    assert inference.normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("degrees", "relative"), [(1, 1e-9), (2, 1e-9), (3, 2e-3), (5, 2e-4), (30, 1e-6)]
)
def test_student_quantiles_equal_scipy(degrees, relative):
    for p in (0.9, 0.975):
        expected = stats.t.ppf(p, degrees)
        assert inference.student_quantile(p, degrees) == pytest.approx(expected, rel=relative)


def test_a_mean_interval_is_student_s():
    values = np.random.default_rng(1).normal(3, 2, 40)
    expected = stats.t.interval(0.95, 39, values.mean(), stats.sem(values))
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-6)
    drawn = mean_interval(values, rng=np.random.default_rng(2))
    assert (drawn.low, drawn.high) == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("values", [[], [2.0]])
def test_too_few_values_have_no_interval(values):
    found = mean_interval(values)
    assert found.n == len(values)
    assert math.isnan(found.low)
    rng = np.random.default_rng(0)
    difference = paired_difference(values, values, rng)
    assert (difference.p, difference.detectable) == (1.0, math.inf)
    assert verdict(difference) == "not known yet"
    assert clustered_interval(values, values, rng).n == len(values)


@given(st.integers(0, 60), st.integers(1, 60))
def test_wilson_equals_scipy(hits, extra):
    n = hits + extra
    expected = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
    found = wilson_interval(hits, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.low <= found.mean <= found.high


def test_wilson_without_trials_knows_nothing():
    assert (wilson_interval(0, 0).low, wilson_interval(0, 0).high) == (0, 1)


def test_a_paired_difference_finds_what_is_there():
    rng = np.random.default_rng(3)
    base = rng.random(150)
    better = base + rng.normal(0.05, 0.1, 150)
    found = paired_difference(better, base, rng)
    assert found.low < 0.05 < found.high
    assert found.mean == pytest.approx((better - base).mean())
    assert found.p == pytest.approx(stats.ttest_rel(better, base).pvalue, abs=0.002)
    assert found.detectable == pytest.approx(
        2.8016 * (better - base).std(ddof=1) / 150**0.5, rel=1e-3
    )
    assert verdict(found) == "better"
    mirrored = paired_difference(base, better, rng)
    assert mirrored.mean == pytest.approx(-found.mean)
    assert verdict(mirrored) == "worse"


def test_the_sign_flip_p_is_that_of_scipy():
    rng = np.random.default_rng(4)
    sample = rng.normal(0.2, 1, 30)
    found = paired_difference(sample, np.zeros(30), rng, 20_000)
    expected = stats.permutation_test(
        (sample,), np.mean, permutation_type="samples", n_resamples=20_000, rng=5
    )
    assert found.p == pytest.approx(expected.pvalue, abs=0.02)


def test_equal_lists_are_not_known_yet():
    found = paired_difference([0.5] * 20, [0.5] * 20, np.random.default_rng(0))
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert verdict(found) == "not known yet"


def test_one_seed_gives_one_answer():
    a, b = np.random.default_rng(1).random((2, 50))
    one = paired_difference(a, b, np.random.default_rng(7))
    assert one == paired_difference(a, b, np.random.default_rng(7))


def test_slices_of_memory_do_not_change_how_many_resamples_there_are():
    assert sum(inference._slices(5_000, 10_000)) == 10_000
    assert max(inference._slices(5_000, 10_000)) * 5_000 <= 4_000_000
    values = np.random.default_rng(1).random(3_000)
    found = mean_interval(values, rng=np.random.default_rng(2))
    plain = mean_interval(values)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=5e-4)


def test_clusters_of_equal_users_widen_the_interval():
    rng = np.random.default_rng(5)
    users = np.repeat(np.arange(40), 25)
    values = np.repeat(rng.normal(0, 1, 40), 25)
    naive = paired_difference(values, np.zeros(1_000), rng, 2_000)
    honest = clustered_difference(values, np.zeros(1_000), users, rng, 2_000)
    assert honest.n == 40
    assert honest.mean == pytest.approx(naive.mean)
    assert (honest.high - honest.low) / (naive.high - naive.low) == pytest.approx(5, rel=0.25)
    assert honest.detectable / naive.detectable == pytest.approx(5, rel=0.25)
    interval = clustered_interval(values, users, rng, 2_000)
    assert (interval.low, interval.high) == pytest.approx((honest.low, honest.high), abs=0.05)


def test_clusters_of_one_are_the_plain_difference():
    rng = np.random.default_rng(6)
    a, b = rng.random((2, 80))
    plain = paired_difference(a, b, np.random.default_rng(1))
    single = clustered_difference(a, b, np.arange(80), np.random.default_rng(1))
    assert (plain.low, plain.high, plain.p) == pytest.approx((single.low, single.high, single.p))


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(8)
    inside = 0
    for _ in range(300):
        sample = rng.normal(0.1, 0.3, 68)
        found = paired_difference(sample, np.zeros(68), rng, 500)
        inside += found.low <= 0.1 <= found.high
    assert 0.90 <= inside / 300 <= 0.985


def test_under_no_difference_the_verdict_is_rarely_wrong():
    rng = np.random.default_rng(9)
    wrong = sum(
        verdict(paired_difference(*rng.random((2, 68)), rng, 500)) != "not known yet"
        for _ in range(300)
    )
    assert wrong / 300 <= 0.02


@pytest.mark.parametrize(
    ("mean", "low", "high", "detectable", "word"),
    [
        (0.05, 0.01, 0.09, 0.04, "better"),
        (-0.05, -0.09, -0.01, 0.04, "worse"),
        (0.03, 0.01, 0.05, 0.04, "not known yet"),
        (0.05, -0.01, 0.11, 0.04, "not known yet"),
        (math.nan, math.nan, math.nan, math.inf, "not known yet"),
    ],
)
def test_the_three_words(mean, low, high, detectable, word):
    assert verdict(Difference(mean, low, high, 68, 0.01, detectable)) == word


def test_pairs_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="one length"):
        paired_difference([1, 2], [1], np.random.default_rng(0))
