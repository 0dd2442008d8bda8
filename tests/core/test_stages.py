"""Stages behind a search: laws, and that every parameter of every stage changes an outcome."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.seeds import generator
from desireline.core.shapes import convert
from desireline.core.stages import diversity, grouping, ordering, reduction, scoring
from desireline.core.stages.candidates import Candidate, Candidates, merged
from desireline.core.stages.table import LATER, Given, boost_of, needs_vectors
from desireline.types.retriever import Document

URI, OTHER = "own://a", "own://b"
ROWS = [
    # id, score, brand, year, text, direction of the vectors
    ("a", 9.0, "x", 2020, "one two three four five", (1.0, 0.0), (3.0, 0.0)),
    ("b", 8.0, "x", 2024, "one two three four five", (0.99, 0.1), (0.0, 0.2)),
    ("c", 7.0, "y", None, "ONE two three four FIVE", (0.0, 1.0), (2.0, 2.0)),
    ("d", 4.0, "X", 2019, "one two three four six", (0.7, 0.7), (0.1, 0.1)),
    ("e", 2.0, "z", 2024, "seven", (-1.0, 0.0), (-1.0, 1.0)),
    ("f", -1.0, "y", 2021, "eight nine", (0.0, -1.0), (0.0, -3.0)),
]
VECTORS = {URI: {row[0]: row[5] for row in ROWS}, OTHER: {row[0]: row[6] for row in ROWS}}
POPULAR = scoring.Popularity({"d": 3.0, "e": 9.0, "a": 0.5}, 2.0)
GIVEN = Given(seed=1, searched=URI, vectors=VECTORS, popularity=POPULAR)


def candidates() -> Candidates:
    found = []
    for place, (name, score, brand, year, text, *_) in enumerate(ROWS):
        fields: dict[str, Any] = {
            "brand": brand,
            "content": text,
            "meta": {"place": place % 2, "last": place == 5},
        }
        fields |= {"year": year} if year else {}
        written = {"scores.other": 10.0 - score} if name != "b" else {}
        document = Document(document_id=name, collection_id="c1", fields=fields)
        found.append(Candidate(document=document, score=score, row=place, written=written))
    return found


def run(stage_id: str, parameters: dict[str, Any], given_: Given = GIVEN) -> Any:
    stage = LATER[stage_id]
    how = convert(parameters, stage.parameters)
    out = stage.run(candidates(), how, given_)
    return [(c.document.document_id, round(c.score, 6), dict(c.written)) for c in out]


def ids(stage_id: str, parameters: dict[str, Any]) -> str:
    return "".join(row[0] for row in run(stage_id, parameters))


# Two sets of parameters that differ in one: their outcomes must differ.
BOOST = {"interaction_types": ["click"], "boost_multiplier": 3.0}
PAIRS: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("sort_relevance", "score_field"): ({}, {"score_field": "scores.other"}),
    ("sort_relevance", "direction"): ({}, {"direction": "asc"}),
    ("sort_relevance", "missing_score"): (
        {"score_field": "scores.other"},
        {"score_field": "scores.other", "missing_score": "top"},
    ),
    ("sort_attribute", "field"): ({"field": "brand"}, {"field": "year"}),
    ("sort_attribute", "direction"): ({"field": "year"}, {"field": "year", "direction": "asc"}),
    ("sort_attribute", "nulls_last"): (
        {"field": "year", "direction": "asc"},
        {"field": "year", "direction": "asc", "nulls_last": False},
    ),
    ("mmr", "lambda_"): ({}, {"lambda": 0.1}),
    ("mmr", "top_k"): ({}, {"top_k": 2}),
    ("mmr", "diversity_feature_uri"): ({}, {"diversity_feature_uri": OTHER, "lambda": 0.7}),
    ("mmr", "diversity_features"): (
        {"lambda": 0.3},
        {
            "lambda": 0.3,
            "diversity_features": [{"feature_uri": URI}, {"feature_uri": OTHER, "weight": 0.2}],
        },
    ),
    ("mmr", "diversity_fields"): ({}, {"diversity_fields": ["brand"]}),
    ("mmr", "diversity_field_weights"): (
        {"diversity_fields": ["brand", "meta.place"], "lambda": 0.3},
        {
            "diversity_fields": ["brand", "meta.place"],
            "lambda": 0.3,
            "diversity_field_weights": {"brand": 0.1},
        },
    ),
    ("mmr", "score_field"): ({}, {"score_field": "scores.other"}),
    ("mmr", "mmr_score_field"): ({}, {"mmr_score_field": "scores.mine"}),
    ("mmr", "similarity_metric"): (
        {"diversity_feature_uri": OTHER},
        {"diversity_feature_uri": OTHER, "similarity_metric": "euclidean"},
    ),
    ("rerank", "boost_by_interaction_count"): (
        {"boost_by_interaction_count": BOOST},
        {"boost_by_interaction_count": BOOST | {"boost_multiplier": 1.1}},
    ),
    ("rerank", "top_k"): (
        {"boost_by_interaction_count": BOOST},
        {"boost_by_interaction_count": BOOST, "top_k": 2},
    ),
    ("interaction_boost", "boost_multiplier"): ({}, {"boost_multiplier": 5.0}),
    ("score_normalize", "method"): ({}, {"method": "softmax"}),
    ("score_normalize", "score_field"): ({}, {"score_field": "scores.other"}),
    ("score_normalize", "output_field"): ({}, {"output_field": "scores.norm"}),
    ("score_normalize", "min_value"): ({}, {"min_value": 0.0}),
    ("score_normalize", "max_value"): ({}, {"max_value": 5.0}),
    ("limit", "limit"): ({}, {"limit": 2}),
    ("limit", "offset"): ({}, {"offset": 2}),
    ("deduplicate", "strategy"): ({"fields": ["brand"]}, {"strategy": "content"}),
    ("deduplicate", "fields"): ({}, {"fields": ["brand"]}),
    ("deduplicate", "content_field"): (
        {"strategy": "content"},
        {"strategy": "content", "content_field": "brand"},
    ),
    ("deduplicate", "similarity_threshold"): (
        {"strategy": "content"},
        {"strategy": "content", "similarity_threshold": 0.4},
    ),
    ("deduplicate", "keep"): ({"fields": ["brand"]}, {"fields": ["brand"], "keep": "last"}),
    ("deduplicate", "case_sensitive"): (
        {"fields": ["brand"]},
        {"fields": ["brand"], "case_sensitive": False},
    ),
    ("sample", "count"): ({"count": 2}, {"count": 3}),
    ("sample", "strategy"): (
        {"count": 3, "seed": 7},
        {"count": 3, "seed": 7, "strategy": "stratified", "stratify_by": "brand"},
    ),
    ("sample", "stratify_by"): (
        {"count": 3, "seed": 7, "strategy": "stratified", "stratify_by": "brand"},
        {"count": 3, "seed": 7, "strategy": "stratified", "stratify_by": "meta.place"},
    ),
    ("sample", "min_per_stratum"): (
        {"count": 2, "strategy": "stratified", "stratify_by": "meta.last"},
        {
            "count": 2, "strategy": "stratified", "stratify_by": "meta.last",
            "min_per_stratum": 0,
        },
    ),
    ("sample", "seed"): ({"count": 2, "seed": 1}, {"count": 2, "seed": 2}),
    ("sample", "preserve_top_k"): (
        {"count": 2, "seed": 1},
        {"count": 2, "seed": 1, "preserve_top_k": 2},
    ),
    ("group_by", "group_by_field"): (
        {"group_by_field": "brand"},
        {"group_by_field": "meta.place"},
    ),
    ("group_by", "max_per_group"): (
        {"group_by_field": "brand"},
        {"group_by_field": "brand", "max_per_group": 1},
    ),
    ("group_by", "output_mode"): (
        {"group_by_field": "brand"},
        {"group_by_field": "brand", "output_mode": "flatten"},
    ),
}  # fmt: skip
# What is counted is decided where counts are made (tests/store/test_usage.py).
COUNTED = {("interaction_boost", "interaction_types"), ("interaction_boost", "time_window_days")}


@pytest.mark.parametrize(("stage_id", "name"), PAIRS, ids=str)
def test_a_parameter_changes_the_outcome(stage_id: str, name: str) -> None:
    one, other = PAIRS[stage_id, name]
    assert run(stage_id, one) != run(stage_id, other)


def test_no_parameter_is_without_such_a_pair() -> None:
    every = {
        (stage_id, name)
        for stage_id, stage in LATER.items()
        for name in stage.parameters.__struct_fields__
    }
    assert every == PAIRS.keys() | COUNTED


@pytest.mark.parametrize("stage_id", LATER)
def test_nothing_in_nothing_out(stage_id: str) -> None:
    parameters = {"boost_by_interaction_count": BOOST} if stage_id == "rerank" else {}
    stage = LATER[stage_id]
    assert stage.run([], convert(parameters, stage.parameters), GIVEN) == []


@pytest.mark.parametrize("stage_id", LATER)
def test_no_stage_invents_or_repeats_documents(stage_id: str) -> None:
    parameters = {"boost_by_interaction_count": BOOST} if stage_id == "rerank" else {}
    out = run(stage_id, parameters)
    names = [row[0] for row in out]
    assert len(set(names)) == len(names)
    assert set(names) <= set("abcdef")
    assert not LATER[stage_id].keeps_order or names == sorted(names)


def test_orders() -> None:
    assert ids("sort_relevance", {"direction": "asc"}) == "fedcba"
    assert ids("sort_relevance", {"score_field": "scores.other"}) == "fedcab"
    mixed = {"score_field": "scores.other", "missing_score": "preserve"}
    assert ids("sort_relevance", mixed) == "fbedca"
    assert ids("sort_attribute", {"field": "year"}) == "befadc"
    assert ids("sort_attribute", {"field": "year", "direction": "asc"}) == "dafbec"
    assert ids("sort_attribute", {"field": "nowhere"}) == "abcdef"


def test_duplicates() -> None:
    assert ids("deduplicate", {"fields": ["brand"]}) == "acde"
    assert ids("deduplicate", {"fields": ["brand"], "case_sensitive": False}) == "ace"
    assert ids("deduplicate", {"fields": ["brand"], "keep": "last"}) == "bdef"
    assert ids("deduplicate", {"fields": ["nowhere"]}) == "a"
    folded = {"strategy": "content", "case_sensitive": False}
    assert ids("deduplicate", {"strategy": "content"}) == "acdef"
    assert ids("deduplicate", folded) == "adef"
    assert ids("deduplicate", folded | {"similarity_threshold": 0.5}) == "aef"
    assert ids("deduplicate", {"strategy": "content", "content_field": "nowhere"}) == "abcdef"


def test_groups() -> None:
    by_brand = run("group_by", {"group_by_field": "brand"})
    assert [row[0] for row in by_brand] == list("abcfde")
    assert by_brand[3][2]["group"] == {"key": "y", "size": 2, "place": 1}
    assert ids("group_by", {"group_by_field": "brand", "output_mode": "first"}) == "acde"
    flat = {"group_by_field": "brand", "output_mode": "flatten", "max_per_group": 1}
    assert ids("group_by", flat) == "acde"
    found = grouping.group_by(candidates(), grouping.GroupBy(group_by_field="brand"), groups=2)
    assert [c.document.document_id for c in found] == list("abcf")


def test_facets_count_each_document_once_per_value() -> None:
    wanted = (grouping.Facet(key="brand", limit=2), grouping.Facet(key="year"))
    found = grouping.facets_of(candidates(), wanted)
    assert found["brand"] == [{"value": "x", "count": 2}, {"value": "y", "count": 2}]
    assert found["year"][0] == {"value": 2024, "count": 2}


def test_diversity() -> None:
    assert ids("mmr", {"lambda": 1.0}) == "abcdef"
    assert ids("mmr", {"lambda": 0.0})[:2] == "ac"
    assert ids("mmr", {"lambda": 0.5, "diversity_fields": ["brand"]})[:2] == "ac"
    values = [row[2]["scores.mmr"] for row in run("mmr", {})]
    assert values[0] == pytest.approx(0.7)


def test_a_document_without_vector_is_like_no_other() -> None:
    how = diversity.Mmr(lambda_=0.0)
    features = diversity.features_of(how, URI)
    alike = diversity.likeness(candidates(), how, {URI: {"a": (1.0, 0.0)}}, features)
    table = np.array([alike(place) for place in range(6)])
    assert table[0, 0] == 1.0
    assert table.sum() == 1.0


def test_a_boost_never_exceeds_its_multiplier_and_half_of_it_is_for_the_median() -> None:
    how = scoring.InteractionBoost(boost_multiplier=1.2)
    popular = scoring.Popularity({"a": 2.0, "b": 1e9}, 2.0)
    found = scoring.interaction_boost(candidates()[:3], how, popular)
    factors = {c.document.document_id: c.written["scores.interaction_boost"] for c in found}
    assert factors["a"] == pytest.approx(1.1)
    assert factors["c"] == 1.0
    assert 1.19 < factors["b"] <= 1.2


def test_a_boost_of_negative_scores_raises() -> None:
    how = scoring.InteractionBoost(boost_multiplier=2.0)
    found = scoring.interaction_boost(candidates(), how, scoring.Popularity({"f": 5.0}, 1.0))
    assert all(0 <= c.score <= 2 for c in found)


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    count=st.integers(0, 60),
    least=st.integers(0, 5),
)
def test_shares_of_strata(sizes: list[int], count: int, least: int) -> None:
    shares = reduction._shares(sizes, count, least)
    assert sum(shares) == min(count, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))
    if count >= least * len(sizes):
        assert all(s >= min(least, size) for s, size in zip(shares, sizes, strict=True))


def test_samples_are_uniform() -> None:
    for strategy in ("random", "reservoir"):
        how = reduction.Sample(count=2, strategy=strategy)  # type: ignore[arg-type]
        rng = generator(5)
        seen = [c.document.document_id for _ in range(3000) for c in reduction.sample(
            candidates(), how, rng)]  # fmt: skip
        counts = np.array([seen.count(name) for name in "abcdef"])
        assert (abs(counts - 1000) < 5 * np.sqrt(1000 * 2 / 3)).all(), (strategy, counts)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_normalisation_keeps_the_order(values: list[float]) -> None:
    for method in ("min_max", "z_score", "softmax", "l2"):
        scaled = scoring.normalised(np.array(values), scoring.ScoreNormalize(method=method))  # type: ignore[arg-type]
        order = np.argsort(values, kind="stable")
        assert (np.diff(scaled[order]) >= -1e-9).all()
        assert np.isfinite(scaled).all()


def test_what_stages_need() -> None:
    assert needs_vectors(diversity.Mmr(), URI) == (URI,)
    assert needs_vectors(diversity.Mmr(diversity_fields=("brand",)), URI) == ()
    assert needs_vectors(ordering.SortRelevance(), URI) == ()
    assert boost_of(scoring.Rerank(boost_by_interaction_count=scoring.InteractionBoost()))
    assert boost_of(scoring.InteractionBoost())
    assert boost_of(ordering.SortRelevance()) is None


def test_written_names_lie_over_the_documents_own() -> None:
    assert merged({"scores": 3}, {"scores.mmr": 1.0}) == {"scores": {"mmr": 1.0}}


def test_parameters_are_strict() -> None:
    with pytest.raises(Exception, match="unknown field"):
        convert({"limits": 3}, reduction.Limit)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"limit": 0}, reduction.Limit)
