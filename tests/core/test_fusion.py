"""Fusion: cases by hand, the laws of every method, and a row that gives its ranking again."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.fusion import Candidates, candidates, dbsf, fuse, id_order, minmax, score
from desireline.types.retriever import Run

METHODS = ("rrf", "dbsf", "weighted", "max", "learned")
TITLE = Run("title", ["d1", "d2", "d3"], [4.0, 2.0, 1.0])
VECTOR = Run("vector", ["d2", "d4"], [0.75, 0.25])

finite = st.floats(-1e6, 1e6, width=32)


@st.composite
def run_lists(draw, minimum=0.0, searches=(1, 4), complete=False):
    count = draw(st.integers(*searches))
    pool = [f"d{n:02d}" for n in range(12)]
    runs = []
    union = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=12, unique=True))
    for search in range(count):
        ids = draw(st.permutations(union))
        if not complete:
            ids = ids[: draw(st.integers(0, len(ids)))]
        scores = draw(
            st.lists(st.floats(minimum, 100, width=32), min_size=len(ids), max_size=len(ids))
        )
        runs.append(Run(f"s{search}", list(ids), sorted(scores, reverse=True)))
    weights = draw(st.lists(st.floats(0.0625, 1, width=32), min_size=count, max_size=count))
    return runs, weights


def by_id(fused, values):
    return dict(zip(fused.ids, np.asarray(values).tolist(), strict=True))


def test_rrf_by_hand():
    fused = fuse([TITLE, VECTOR], [1.0, 0.5], "rrf")
    assert by_id(fused, fused.scores) == {
        "d2": pytest.approx(1 / (60 + 2) + 0.5 / (60 + 1)),
        "d1": pytest.approx(1 / (60 + 1)),
        "d3": pytest.approx(1 / (60 + 3)),
        "d4": pytest.approx(0.5 / (60 + 2)),
    }
    assert fused.ids == ["d2", "d1", "d3", "d4"]
    assert fuse([TITLE], [1], "rrf", rrf_k=2).scores[0] == pytest.approx(1 / (2 + 1))


def test_weighted_by_hand():
    fused = fuse([TITLE, VECTOR], [0.5, 2.0], "weighted")
    assert by_id(fused, fused.scores) == {"d1": 2.0, "d2": 0.5 * 2 + 2 * 0.75, "d3": 0.5, "d4": 0.5}
    assert fused.ids == ["d2", "d1", "d3", "d4"]
    assert by_id(fused, fused.winner) == {"d1": 0, "d2": 1, "d3": 0, "d4": 1}


def test_max_by_hand():
    fused = fuse([TITLE, VECTOR], [0.1, 0.9], "max")
    assert by_id(fused, fused.scores) == {"d1": 4.0, "d2": 2.0, "d3": 1.0, "d4": 0.25}
    assert by_id(fused, fused.contributions)["d4"] == [0.0, 1.0]


def test_dbsf_by_hand():
    fused = fuse([TITLE, VECTOR], [1.0, 1.0], "dbsf")
    mean, sd = 7 / 3, math.sqrt(((4 - 7 / 3) ** 2 + (2 - 7 / 3) ** 2 + (1 - 7 / 3) ** 2) / 2)
    other = math.sqrt(2 * 0.25**2)
    expected = (2 - mean + 3 * sd) / (6 * sd) + (0.75 - 0.5 + 3 * other) / (6 * other)
    assert by_id(fused, fused.scores)["d2"] == pytest.approx(expected)
    assert dbsf([5.0, 5.0, 5.0]).tolist() == [0.5, 0.5, 0.5]
    assert dbsf([5.0]).tolist() == [1.0]
    assert dbsf([]).tolist() == minmax([]).tolist() == []
    assert dbsf([0.0] * 200 + [1.0])[-1] == 1.0


def test_learned_by_hand_scores_the_union_and_reports_every_part():
    scored = Run("vector", ["d2", "d4", "d1", "d3"], [0.75, 0.25, 0.0, -0.25], returned=2)
    full = Run("title", ["d1", "d2", "d3", "d4"], [4.0, 2.0, 1.0, 0.0], returned=3)
    fused = fuse([full, scored], [0.25, 0.75], "learned")
    assert by_id(fused, fused.norm) == {
        "d1": [1.0, 0.25], "d2": [0.5, 1.0], "d3": [0.25, 0.0], "d4": [0.0, 0.5],
    }  # fmt: skip
    assert fused.ids == ["d2", "d1", "d4", "d3"]
    assert by_id(fused, fused.ranks) == {
        "d1": [0, 65535], "d2": [1, 0], "d3": [2, 65535], "d4": [65535, 1],
    }  # fmt: skip
    assert by_id(fused, fused.contributions)["d2"] == [0.125, 0.75]
    assert by_id(fused, fused.winner) == {"d1": 0, "d2": 1, "d3": 0, "d4": 1}


def test_a_search_that_says_nothing_adds_nothing_and_wins_nothing():
    flat = Run("flat", ["d1", "d2", "d3"], [0.0, 0.0, 0.0])
    fused = fuse([flat, TITLE], [0.9, 0.1], "learned")
    assert fused.ids == ["d1", "d2", "d3"]
    assert fused.contributions[:, 0].tolist() == [0, 0, 0]
    assert fused.winner[:2].tolist() == [1, 1]


def test_scores_by_id_do_not_count_in_a_static_fusion():
    scored = Run("vector", ["d2", "d1"], [0.75, 0.5], returned=1)
    for method in ("rrf", "dbsf", "weighted", "max"):
        bare = fuse([TITLE, Run("vector", ["d2"], [0.75])], [1, 1], method)
        fused = fuse([TITLE, scored], [1, 1], method)
        assert fused.ids == bare.ids
        assert fused.scores.tolist() == bare.scores.tolist()


def test_equal_scores_stand_in_the_order_of_ids():
    runs = [Run("a", ["z", "b"], [1, 1]), Run("b", ["a", "y"], [1, 1])]
    assert fuse(runs, [1, 1], "weighted").ids == ["a", "b", "y", "z"]
    assert fuse(runs, [1, 1], "rrf").ids == ["a", "z", "b", "y"]


def test_a_repeated_id_keeps_its_better_place():
    fused = fuse([Run("a", ["d1", "d2", "d1"], [3, 2, 1])], [1], "weighted")
    assert by_id(fused, fused.scores) == {"d1": 3.0, "d2": 2.0}
    assert by_id(fused, fused.ranks) == {"d1": [0], "d2": [1]}


@pytest.mark.parametrize("method", METHODS)
def test_scores_that_are_no_numbers_count_as_absent(method):
    bad = Run("bad", ["d1", "d2", "d9", "d8"], [1e300, math.inf, math.nan, -math.inf])
    fused = fuse([TITLE, bad], [1, 1], method)
    assert set(fused.ids) == {"d1", "d2", "d3", "d8", "d9"}
    for array in (fused.scores, fused.norm, fused.contributions):
        assert np.isfinite(array).all()
    assert (fused.ranks[:, 1] == 65535).all()


@pytest.mark.parametrize("method", METHODS)
def test_nothing_in_nothing_out(method):
    fused = fuse([Run("a", [], []), Run("b", [], [])], [1, 1], method)
    assert fused.ids == []
    assert fused.norm.shape == (0, 2)
    assert fuse([Run("a", [], []), TITLE], [1, 1], method).ids == ["d1", "d2", "d3"]


@given(run_lists(), st.sampled_from(METHODS))
def test_the_result_is_the_union_best_first_with_parts_that_add_up(given_runs, method):
    runs, weights = given_runs
    fused = fuse(runs, weights, method)
    assert sorted(fused.ids) == sorted({i for run in runs for i in run.ids})
    pairs = list(zip((-fused.scores).tolist(), fused.ids, strict=True))
    assert pairs == sorted(pairs)
    if method != "max":
        assert fused.contributions.sum(axis=1) == pytest.approx(fused.scores)
    assert not np.isnan(fused.norm).any()
    if method in ("rrf", "dbsf", "learned"):
        assert (fused.winner == fused.contributions.argmax(axis=1)).all()
        assert ((fused.norm >= 0) & (fused.norm <= 1)).all()


@given(run_lists(searches=(2, 4)), st.sampled_from(METHODS), st.randoms())
def test_the_order_of_the_searches_does_not_matter(given_runs, method, random):
    runs, weights = given_runs
    order = list(range(len(runs)))
    random.shuffle(order)
    one = fuse(runs, weights, method)
    other = fuse([runs[n] for n in order], [weights[n] for n in order], method)
    expected = by_id(one, one.scores)
    assert by_id(other, other.scores) == {key: pytest.approx(v) for key, v in expected.items()}
    assert one.norm[:, order] == pytest.approx(other.norm[[other.ids.index(i) for i in one.ids]])


@given(run_lists(searches=(1, 3)), st.sampled_from(METHODS), st.data())
def test_a_better_score_never_lowers_the_fused_score(given_runs, method, data):
    runs, weights = given_runs
    weights = [weight for run, weight in zip(runs, weights, strict=True) if run.ids]
    runs = [run for run in runs if run.ids]
    if not runs or method == "dbsf":  # there a higher score also moves mean and deviation
        return
    target = data.draw(st.sampled_from(range(len(runs))))
    run = runs[target]
    place = data.draw(st.sampled_from(range(len(run.ids))))
    above = run.scores[place - 1] if place else run.scores[0] + (0 if method == "learned" else 5)
    raised = [*run.scores[:place], above, *run.scores[place + 1 :]]
    changed = [*runs[:target], Run(run.feature_uri, run.ids, raised), *runs[target + 1 :]]
    before, after = fuse(runs, weights, method), fuse(changed, weights, method)
    document = run.ids[place]
    slack = 1e-9
    if method == "learned" and place == len(run.ids) - 1:
        return  # raising the lowest moves the scale
    assert by_id(after, after.scores)[document] >= by_id(before, before.scores)[document] - slack


@given(run_lists(searches=(2, 2)), st.sampled_from(("rrf", "weighted", "dbsf", "learned")))
def test_weights_one_and_zero_give_the_first_list(given_runs, method):
    runs, _ = given_runs
    first = runs[0]
    fused = fuse(runs, [1.0, 0.0], method)
    alone = fuse([first], [1.0], method)
    inside = set(first.ids)
    kept = [document_id for document_id in fused.ids if document_id in inside]
    assert kept == alone.ids


@given(run_lists(searches=(1, 3)))
def test_rrf_sees_ranks_only(given_runs):
    runs, weights = given_runs
    stretched = [Run(r.feature_uri, r.ids, [s**3 + 7 for s in r.scores]) for r in runs]
    assert fuse(runs, weights, "rrf").ids == fuse(stretched, weights, "rrf").ids


@given(run_lists(searches=(1, 3), complete=True))
def test_learned_does_not_see_the_scale_of_a_search(given_runs):
    runs, weights = given_runs
    scaled = [Run(r.feature_uri, r.ids, [4 * s for s in r.scores]) for r in runs]
    one, other = fuse(runs, weights, "learned"), fuse(scaled, weights, "learned")
    assert one.ids == other.ids
    assert one.norm == pytest.approx(other.norm)


@given(st.lists(finite, min_size=1, max_size=20))
def test_minmax_is_what_learned_uses(scores):
    ids = [f"d{n:02d}" for n in range(len(scores))]
    fused = fuse([Run("a", ids, scores)], [1.0], "learned")
    assert [by_id(fused, fused.norm)[i][0] for i in ids] == minmax(np.float32(scores)).tolist()


def test_base_raw_weights_the_scores_themselves():
    fused = fuse([TITLE, VECTOR], [0.5, 0.5], "learned", base="raw")
    assert by_id(fused, fused.scores) == {"d1": 2.0, "d2": 1.375, "d3": 0.5, "d4": 0.125}


@given(run_lists(searches=(1, 4)), st.sampled_from(METHODS), st.integers(1, 6))
def test_a_row_of_float32_gives_its_ranking_again(given_runs, method, kept):
    """What the log keeps (the top candidates, float32 scores and weights, bounds) is enough."""
    runs, weights = given_runs
    weights = (np.array(weights) / sum(weights)).tolist()
    fused = fuse(runs, weights, method)
    raw, ranks = fused.raw[:kept].astype(np.float32).astype(np.float64), fused.ranks[:kept]
    row = Candidates(fused.ids[:kept][::-1], raw[::-1], ranks[::-1], fused.bounds)
    again = score(row, np.float32(weights).tolist(), method)
    assert again.ids == fused.ids[:kept]
    assert again.scores.tolist() == fused.scores[:kept].tolist()
    assert again.norm.tolist() == fused.norm[:kept].tolist()


@given(st.lists(st.text(max_size=3), unique=True, max_size=12))
def test_id_order_is_the_place_among_the_sorted(names):
    assert [sorted(names)[place] for place in id_order(names)] == names


def test_candidates_lay_out_the_union():
    found = candidates([TITLE, VECTOR])
    assert found.ids == ["d1", "d2", "d3", "d4"]
    assert np.isnan(found.raw[3, 0])
