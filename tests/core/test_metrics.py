"""Metrics: by hand, by their laws, and against an independent implementation of trec_eval."""

import gzip
import json
import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, R, nDCG

from desireline.core import metrics
from tests.shared import shared_data

grade_lists = st.lists(st.integers(0, 3), min_size=1, max_size=15)
depths = st.integers(1, 12)


def test_ndcg_by_hand():
    shown, judged = [3, 0, 2], [3, 2, 2, 0]
    got = 7 / math.log2(2) + 0 + 3 / math.log2(4)
    ideal = 7 / math.log2(2) + 3 / math.log2(3) + 3 / math.log2(4)
    assert metrics.ndcg_at(shown, judged, 3) == pytest.approx(got / ideal)
    linear = (3 + 2 / 2) / (3 + 2 / math.log2(3) + 2 / 2)
    assert metrics.ndcg_at(shown, judged, 3, "linear") == pytest.approx(linear)


def test_err_by_hand():
    first, second, third = 7 / 8, 1 / 8, 3 / 8
    expected = first + (1 - first) * second / 2 + (1 - first) * (1 - second) * third / 3
    assert metrics.err_at([3, 1, 2], 10) == pytest.approx(expected)
    assert metrics.err_at([3, 1, 2], 1) == pytest.approx(first)


def test_others_by_hand():
    assert metrics.average_precision_at([0, 1, 1], [1, 1, 1], 3) == pytest.approx(
        (1 / 2 + 2 / 3) / 3
    )
    assert metrics.f1_at([1, 0, 1, 0], [1, 1, 1], 4) == pytest.approx(
        2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3)
    )
    assert metrics.ctr_at([[0, 0, 1], [0, 1, 0]], 2) == 0.5
    assert math.isnan(metrics.ctr_at([], 1))


def test_nothing_relevant_is_zero_everywhere():
    for shown in ([], [0, 0]):
        assert metrics.ndcg_at(shown, [0], 10) == 0
        assert metrics.recall_at(shown, [], 10) == 0
        assert metrics.average_precision_at(shown, [], 10) == 0
        assert metrics.reciprocal_rank_at(shown, 10) == 0
        assert metrics.err_at(shown, 10) == 0
        assert metrics.f1_at(shown, [], 10) == 0


@given(grade_lists, depths, st.sampled_from(("exp", "linear")))
def test_ndcg_is_between_0_and_1_and_1_for_the_best_order(grades, k, gain):
    value = metrics.ndcg_at(grades, grades, k, gain)
    assert 0 <= value <= 1 + 1e-12
    if any(grades):
        best = sorted(grades, reverse=True)
        assert metrics.ndcg_at(best, grades, k, gain) == pytest.approx(1)


@given(grade_lists, depths, st.data())
def test_moving_a_better_document_up_never_lowers(grades, k, data):
    place = data.draw(st.integers(0, len(grades) - 1))
    other = data.draw(st.integers(0, len(grades) - 1))
    high, low = min(place, other), max(place, other)
    if grades[low] < grades[high]:
        return
    swapped = list(grades)
    swapped[high], swapped[low] = grades[low], grades[high]
    for metric in (
        lambda shown: metrics.ndcg_at(shown, grades, k),
        lambda shown: metrics.err_at(shown, k),
        lambda shown: metrics.average_precision_at(shown, grades, k),
        lambda shown: metrics.reciprocal_rank_at(shown, k),
        lambda shown: metrics.precision_at(shown, k),
        lambda shown: metrics.recall_at(shown, grades, k),
    ):
        assert metric(swapped) >= metric(grades) - 1e-12


def oracle(qrels, run, gains):
    """Per query and metric at 10, by ir_measures (trec_eval)."""
    wanted = {
        "precision": P @ 10, "recall": R @ 10, "ap": AP @ 10, "rr": RR @ 10, "linear": nDCG @ 10,
    }  # fmt: skip
    found = {}
    for name, measure in wanted.items():
        for metric in ir_measures.iter_calc([measure], qrels, run):
            found[name, metric.query_id] = metric.value
    for metric in ir_measures.iter_calc([nDCG @ 10], gains, run):
        found["exp", metric.query_id] = metric.value
    return found


def ours(shown, judged):
    return {
        "precision": metrics.precision_at(shown, 10),
        "recall": metrics.recall_at(shown, judged, 10),
        "ap": metrics.average_precision_at(shown, judged, 10),
        "rr": metrics.reciprocal_rank_at(shown, 10),
        "linear": metrics.ndcg_at(shown, judged, 10, "linear"),
        "exp": metrics.ndcg_at(shown, judged, 10, "exp"),
    }


def agree(qrels, seed):
    """Random runs over judged and unjudged documents: every metric equals the oracle's."""
    rng = np.random.default_rng(seed)
    run, shown = {}, {}
    for query, judged in qrels.items():
        pool = [*judged, *(f"unjudged{n}" for n in range(len(judged)))]
        order = [pool[n] for n in rng.permutation(len(pool))[:30]]
        run[query] = {document: 1.0 - rank / 100 for rank, document in enumerate(order)}
        shown[query] = [judged.get(document, 0) for document in order]
    gains = {q: {d: 2**grade - 1 for d, grade in judged.items()} for q, judged in qrels.items()}
    found = oracle(qrels, run, gains)
    for query, judged in qrels.items():
        for name, value in ours(shown[query], list(judged.values())).items():
            assert value == pytest.approx(found[name, query], abs=1e-9), (name, query)


def test_metrics_equal_trec_eval_on_random_judgments():
    rng = np.random.default_rng(11)
    agree({f"q{q}": {f"d{d}": int(rng.integers(4)) for d in range(25)} for q in range(40)}, 1)


def test_metrics_equal_trec_eval_on_real_judgments():
    qrels: dict[str, dict[str, int]] = {}
    with gzip.open(shared_data("esci/judgments_dev.jsonl.gz"), "rt") as lines:
        for line in lines:
            row = json.loads(line)
            qrels.setdefault(row["query"], {})[row["document_id"]] = row["grade"]
    assert len(qrels) == 68
    agree(qrels, 2)
