"""Propensities: the same order as `fuse`, calibrated, and equal by both ways of counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core import propensity
from desireline.core.fusion import fuse, id_order
from desireline.core.propensity import examination, linear_scores, rank_propensities
from desireline.types.retriever import Run


def logged(seed, documents=60, searches=3, levels=5):
    """A fused list with many equal scores, ids in no order."""
    rng = np.random.default_rng(seed)
    ids = [f"d{n:03d}" for n in rng.permutation(documents)]
    runs = []
    for search in range(searches):
        scores = rng.integers(levels, size=documents) / levels
        order = np.argsort(-scores, kind="stable")
        runs.append(Run(str(search), [ids[n] for n in order], scores[order].tolist()))
    weights = rng.dirichlet(np.ones(searches))
    return fuse(runs, weights.tolist(), "learned"), weights, rng


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_a_redraw_with_the_logged_weights_reproduces_the_logged_ranking(seed, searches):
    fused, weights, _ = logged(seed, searches=searches)
    shown = np.arange(len(fused.ids))
    for depth in (10, len(shown)):
        found = rank_propensities(fused.norm, [weights], shown[:depth], id_order(fused.ids))
        assert found.tolist() == [1.0] * depth


@given(st.integers(0, 10_000), st.integers(1, 9))
def test_linear_scores_are_the_bits_of_fuse(seed, searches):
    fused, weights, _ = logged(seed, searches=searches)
    assert linear_scores(fused.norm, [weights])[0].tolist() == fused.scores.tolist()


@given(st.integers(0, 10_000))
def test_counting_and_sorting_agree_with_fuse(seed):
    fused, _, rng = logged(seed, documents=20)
    draws = rng.dirichlet(np.ones(3), size=16)
    shown, ties = np.arange(8), id_order(fused.ids)
    scores = linear_scores(fused.norm, draws)
    ranks = propensity._by_counting(scores, shown, lambda: ties)
    runs = [Run(str(f), fused.ids, fused.norm[:, f].tolist()) for f in range(3)]
    expected = np.zeros(8)
    for draw in draws:
        again = fuse(runs, draw.tolist(), "learned", base="raw")
        expected += np.array([again.ids[rank] == fused.ids[rank] for rank in range(8)])
    assert ranks.tolist() == propensity._by_sorting(scores, shown, ties).tolist()
    # float32 rounding of the normalised scores may swap near equals, never more
    counted = (ranks == np.arange(8)).mean(axis=0)
    assert np.abs(counted - expected / 16).max() <= 0.2


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 14), st.booleans())
def test_scores_alone_tell_who_stands_near_its_rank(seed, documents, depth, equals):
    rng = np.random.default_rng(seed)
    norm = rng.integers(3, size=(documents, 2)) / 2 if equals else rng.random((documents, 2))
    draws = rng.dirichlet(np.ones(2), size=16)
    shown = rng.permutation(documents)[:depth]
    near = propensity.near_propensities(norm, draws, shown)
    scores = linear_scores(norm, draws)
    ranks = propensity._by_sorting(scores, shown, np.arange(documents))
    for away, found in zip((-1, 0, 1), near, strict=True):
        assert found.tolist() == (ranks == np.arange(len(shown)) + away).mean(axis=0).tolist()


@given(st.integers(0, 10_000), st.sampled_from([1.0, 1e-3, 1e7]), st.booleans())
def test_what_float32_cannot_tell_is_counted_exactly(seed, reach, close):
    """Scores of any size and sign, some of them a hair apart: the same as by sorting."""
    rng = np.random.default_rng(seed)
    norm = (rng.random((40, 3)) - 0.3) * reach
    if close:
        norm[20:] = norm[:20] + rng.choice([0, 1e-9, -1e-8], size=(20, 1)) * reach
    draws = rng.dirichlet(np.ones(3), size=64)
    shown = np.argsort(-linear_scores(norm, draws[:1])[0], kind="stable")[:10]
    near = propensity.near_propensities(norm, draws, shown)
    ranks = propensity._by_sorting(linear_scores(norm, draws), shown, np.arange(40))
    expected = [(ranks == np.arange(10) + away).mean(axis=0).tolist() for away in (-1, 0, 1)]
    assert near.tolist() == expected
    if close:
        assert propensity._roughly(norm, draws, shown) is None


def test_most_rankings_are_told_by_float32():
    rng = np.random.default_rng(2)
    told = 0
    for _ in range(100):
        norm, draws = rng.random((150, 3)), rng.dirichlet(np.ones(3), size=64)
        told += propensity._roughly(norm, draws, np.arange(10)) is not None
    assert told > 80


def test_rows_sorted_by_id_need_no_tie_order():
    norm = np.zeros((4, 2))
    assert rank_propensities(norm, [[0.5, 0.5]], [0, 1, 2]).tolist() == [1, 1, 1]
    assert rank_propensities(norm, [[0.5, 0.5]], [1, 0, 2]).tolist() == [0, 0, 1]


def test_ranks_are_shared_out_completely():
    """Over all documents, the probabilities of one rank sum to 1."""
    rng = np.random.default_rng(3)
    norm, draws = rng.random((6, 3)), rng.dirichlet(np.ones(3), size=64)
    total = np.zeros(6)
    for document in range(6):
        total += rank_propensities(norm, draws, np.full(6, document))
    assert total == pytest.approx(np.ones(6))


def test_predicted_propensities_are_calibrated():
    rng = np.random.default_rng(5)
    predicted, observed = [], []
    for _ in range(300):
        norm = rng.random((30, 3))
        draws = rng.dirichlet(np.ones(3), size=65)
        order = np.argsort(-linear_scores(norm, draws[:1])[0], kind="stable")[:10]
        predicted.append(rank_propensities(norm, draws[1:], order))
        fresh = rng.dirichlet(np.ones(3), size=64)
        observed.append(rank_propensities(norm, fresh, order))
    assert abs(np.mean(predicted) - np.mean(observed)) < 0.01


def test_examination_is_one_over_the_rank():
    assert examination(3).tolist() == [1, 1 / 2, 1 / 3]
    assert examination(0).tolist() == []
