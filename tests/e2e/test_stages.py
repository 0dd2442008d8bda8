"""Every stage through HTTP, alone and together; the examples of docs/reference/stages.md are run.

That each parameter changes an outcome is shown on pure functions in tests/core/test_stages.py.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from desireline.core.recipe.shape import CATEGORIES, REFUSED
from desireline.core.stages.table import LATER
from docs.generating.stages import EXAMPLES
from tests.e2e.live import (
    IMAGE,
    OWN,
    TEXT,
    Live,
    a_filter,
    a_name,
    a_search,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)

INPUTS = json.loads(EXAMPLES["collection"]["inputs"])
FOUND = ["s1", "s2", "s3", "s4"]  # by the search of the examples


@pytest.fixture(scope="module")
def shoes(live: Live) -> str:
    """The collection of the reference."""
    held = EXAMPLES["collection"]
    return make_collection(live, json.loads(held["documents"]), json.loads(held["features"]))


SEARCH = json.loads(EXAMPLES["stages"]["feature_search"]["stage"])


def stage(stage_id: str, **parameters: Any) -> dict[str, Any]:
    return {"config": {"stage_id": stage_id, "parameters": parameters}}


def run(live: Live, collection: str, *stages: Any, **body: Any) -> Any:
    """The answer of these stages to the inputs of the examples."""
    retriever = make_retriever(live, collection, *stages)
    return execute(live, retriever, inputs=INPUTS | body.pop("inputs", {}), **body)


def found(live: Live, collection: str, *stages: Any, **body: Any) -> list[str]:
    return ids(run(live, collection, *stages, **body))


# The reference.


def test_every_stage_has_an_example():
    assert set(EXAMPLES["stages"]) == set(CATEGORIES)


@pytest.mark.parametrize("name", EXAMPLES["stages"])
def test_the_example_of_a_stage_gives_what_the_reference_says(live: Live, shoes: str, name: str):
    example = EXAMPLES["stages"][name]
    before = [] if name == "feature_search" else [SEARCH]
    answer = run(live, shoes, *before, json.loads(example["stage"]))
    assert ids(answer) == example["gives"]
    assert answer["status"] == "completed"
    assert answer["warnings"] == []


@pytest.mark.parametrize("name", EXAMPLES["shapes"])
def test_the_example_of_a_shape_is_stored_nested(live: Live, shoes: str, name: str):
    example = EXAMPLES["shapes"][name]
    retriever = make_retriever(live, shoes, *json.loads(example["stages"]))
    assert ids(execute(live, retriever, inputs=INPUTS)) == example["gives"]
    for stored in live.ok("GET", f"/v1/retrievers/{retriever}")["stages"]:
        assert stored.keys() >= {"stage_name", "stage_type", "config"}
        assert stored["config"]["stage_id"] in CATEGORIES


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_stage_that_is_not_run_is_refused_by_name(live: Live, name: str):
    body = {"retriever_name": a_name(), "stages": [SEARCH, {"type": name}]}
    error = live.refused("POST", "/v1/retrievers", body)
    assert (error["status"], error["code"]) == (422, "stage_not_available")
    assert name in error["message"]


# Each stage changes what is answered.


def test_sorting_and_cutting(live: Live, shoes: str):
    assert found(live, shoes, SEARCH) == FOUND
    assert found(live, shoes, SEARCH, stage("sort_relevance", direction="asc")) == FOUND[::-1]
    up = stage("sort_attribute", field="price", direction="asc")
    assert found(live, shoes, SEARCH, up) == ["s2", "s4", "s1", "s3"]
    assert found(live, shoes, SEARCH, up, stage("limit", limit=2)) == ["s2", "s4"]
    assert found(live, shoes, SEARCH, stage("limit", limit=2), up) == ["s2", "s1"]
    assert found(live, shoes, SEARCH, stage("limit", limit=2, offset=1)) == ["s2", "s3"]


def test_normalised_scores_are_shown_and_filtered_on(live: Live, shoes: str):
    share = stage("score_normalize", method="softmax", output_field="scores.share")
    answer = run(live, shoes, SEARCH, share)
    shares = [document["scores"]["share"] for document in answer["documents"]]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    least = a_filter({"scores.share": {"gte": shares[1]}})
    assert found(live, shoes, SEARCH, share, least) == FOUND[:2]
    words = a_stage([{"feature_uri": "own://title"}])
    nothing = run(live, shoes, words, share, least, inputs={"query": "umbrella"})
    assert (ids(nothing), nothing["warnings"]) == ([], [])
    in_place = run(live, shoes, SEARCH, stage("score_normalize"))
    assert [d["score"] for d in in_place["documents"]][::3] == [1.0, 0.0]


def test_groups_are_written_and_filtered_on(live: Live, shoes: str):
    by_brand = stage("group_by", group_by_field="brand")
    answer = run(live, shoes, SEARCH, by_brand)
    groups = {d["document_id"]: d["group"] for d in answer["documents"]}
    assert groups["s2"] == {"key": "Acme", "size": 2, "place": 0}
    assert groups["s4"] == {"key": "Cord", "size": 1, "place": 2}
    big = a_filter({"group.size": {"gte": 2}})
    assert found(live, shoes, SEARCH, by_brand, big) == ["s1", "s2"]
    first = stage("group_by", group_by_field="brand", output_mode="first")
    assert found(live, shoes, SEARCH, first) == ["s1", "s3", "s4"]


def test_duplicates_by_field_and_by_content(live: Live, shoes: str):
    assert found(live, shoes, SEARCH, stage("deduplicate", fields=["brand"])) == ["s1", "s3", "s4"]
    last = stage("deduplicate", fields=["brand"], keep="last")
    assert found(live, shoes, SEARCH, last) == ["s2", "s3", "s4"]
    alike = {"strategy": "content", "content_field": "title", "similarity_threshold": 0.3}
    assert found(live, shoes, SEARCH, stage("deduplicate", **alike)) == ["s1", "s3", "s4"]


def test_samples_repeat_under_a_seed_and_keep_the_first(live: Live, shoes: str):
    one = stage("sample", count=2, seed=3)
    assert found(live, shoes, SEARCH, one) == found(live, shoes, SEARCH, one)
    seen = {tuple(found(live, shoes, SEARCH, stage("sample", count=2, seed=n))) for n in range(6)}
    assert len(seen) > 1
    kept = [found(live, shoes, SEARCH, stage("sample", count=2, seed=n, preserve_top_k=1))
            for n in range(3)]  # fmt: skip
    assert {names[0] for names in kept} == {"s1"}
    retriever = make_retriever(live, shoes, SEARCH, stage("sample", count=2))
    drawn = {tuple(ids(execute(live, retriever, inputs=INPUTS))) for _ in range(20)}
    assert len(drawn) > 1  # without a seed each execution draws anew


def test_diversity_by_vectors_and_by_fields(live: Live, shoes: str):
    near = {"lambda": 0.2, "diversity_feature_uri": "own://look"}
    assert found(live, shoes, SEARCH, stage("mmr", **near))[:2] == ["s1", "s4"]
    assert found(live, shoes, SEARCH, stage("mmr", **{"lambda": 1.0})) == FOUND
    by_brand = {"lambda": 0.2, "diversity_fields": ["brand"]}
    assert found(live, shoes, SEARCH, stage("mmr", **by_brand))[1] != "s2"
    answer = run(live, shoes, SEARCH, stage("mmr", mmr_score_field="scores.mine"))
    assert all("mine" in document["scores"] for document in answer["documents"])


@pytest.mark.parametrize("boost", [
    stage("interaction_boost", boost_multiplier=10),
    stage("rerank", boost_by_interaction_count={"boost_multiplier": 10}),
], ids=["stage", "option"])  # fmt: skip
def test_what_is_used_comes_first(live: Live, boost: Any):
    prefix = a_name("used")
    documents = [{"document_id": f"{prefix}-{n}", "title": f"shoe {'red ' * n}"} for n in range(4)]
    collection = make_collection(live, documents, [
        {"feature_uri": TEXT, "kind": "lexical", "fields": ["title"]},
    ])  # fmt: skip
    retriever = make_retriever(live, collection, a_stage([a_search()]), boost)
    shown = execute(live, retriever, "shoe")
    for user in range(3):
        click(live, shown, 3, user_id=a_name(f"user{user}"))
    live.ok("POST", "/v1/admin/flush", {})
    assert ids(execute(live, retriever, "shoe"))[0] == ids(shown)[3]


# What stages share.


def test_a_stage_that_fails_is_an_error_unless_it_may_be_skipped(live: Live, shoes: str):
    lost = stage("mmr", diversity_feature_uri="own://nowhere")
    retriever = make_retriever(live, shoes, SEARCH, lost)
    body = {"inputs": INPUTS}
    error = live.refused("POST", f"/v1/retrievers/{retriever}/execute", body)
    assert (error["status"], error["code"]) == (422, "no_feature")
    assert "$.stages.mmr" in error["message"]
    answer = run(live, shoes, SEARCH, lost | {"on_error": "skip"}, stage("limit", limit=3))
    assert ids(answer) == FOUND[:3]
    assert answer["status"] == "degraded"
    assert [each["id"] for each in answer["degraded"]] == ["mmr"]


def test_templates_stand_for_parameters(live: Live, shoes: str):
    retriever = make_retriever(live, shoes, SEARCH, stage("limit", limit="{{INPUT.k}}"))
    for k in (1, 3):
        assert ids(execute(live, retriever, inputs=INPUTS | {"k": k})) == FOUND[:k]
    path = f"/v1/retrievers/{retriever}/execute"
    without = {name: value for name, value in INPUTS.items() if name != "k"}
    assert live.refused("POST", path, {"inputs": without})["code"] == "missing_input"
    for wrong in (0, "many", None, 1e99, [1]):
        error = live.refused("POST", path, {"inputs": INPUTS | {"k": wrong}})
        assert error["status"] == 422
        assert error["details"]["validation_errors"][0]["path"] == "$.stages.limit.limit", wrong


def test_templates_stand_for_every_kind_of_parameter(live: Live, shoes: str):
    up = stage("sort_attribute", field="{{INPUT.by}}", direction="{{INPUT.way}}")
    retriever = make_retriever(live, shoes, SEARCH, up)
    sent = {"by": "price", "way": "asc"}
    assert ids(execute(live, retriever, inputs=INPUTS | sent)) == ["s2", "s4", "s1", "s3"]
    one = stage("deduplicate", fields="{{INPUT.fields}}")
    retriever = make_retriever(live, shoes, SEARCH, one)
    assert ids(execute(live, retriever, inputs=INPUTS | {"fields": ["brand"]})) == [
        "s1", "s3", "s4"]  # fmt: skip


def test_a_listing_goes_through_later_stages(live: Live, shoes: str):
    listing = a_filter({"brand": {"in": ["Acme", "Bolt"]}})
    assert found(live, shoes, listing) == ["s1", "s2", "s3", "s5"]
    down = stage("sort_attribute", field="price")
    answer = run(live, shoes, listing, down, stage("limit", limit=2))
    assert ids(answer) == ["s3", "s1"]
    assert answer["pagination"]["total"] == 2
    assert {document["score"] for document in answer["documents"]} == {0.0}
    bare = stage("feature_search", searches=[], pre_filters={"brand": "Bolt"})
    assert found(live, shoes, bare, down) == ["s3", "s5"]


def test_facets_count_candidates_or_all_that_match(live: Live, shoes: str):
    search = [{"feature_uri": "own://title", "query": "trail"}]
    for exact, counts in ((False, {"Bolt": 1}), (True, {"Acme": 2, "Bolt": 2, "Cord": 1})):
        facets = [{"key": "brand", "exact": exact}]
        answer = run(live, shoes, a_stage(search, facets=facets))
        assert ids(answer) == ["s3"]
        found_counts = {each["value"]: each["count"] for each in answer["facets"]["brand"]}
        assert found_counts == counts
    facets = [{"key": "brand", "exact": True, "limit": 1}, {"key": "price"}]
    answer = run(live, shoes, a_stage(search, facets=facets, pre_filters={"price": {"gt": 90}}))
    assert answer["facets"] == {
        "brand": [{"value": "Acme", "count": 1}], "price": [{"value": 150, "count": 1}],
    }  # fmt: skip


def test_a_listing_that_is_cut_before_later_stages_says_so(live: Live):
    features = [{"feature_uri": "own://price", "kind": "field", "field": "price"}]
    rows = [{"document_id": f"d{n}", "price": n} for n in range(5001)]
    shelf = make_collection(live, rows[:1000], features)
    for first in range(1000, len(rows), 1000):
        path = f"/v1/collections/{shelf}/documents/upsert"
        live.ok("POST", path, {"documents": rows[first : first + 1000]})
    down = stage("sort_attribute", field="price")
    cut = run(live, shelf, a_filter({"price": {"gte": 0}}), down)
    assert [(each["requested"], each["applied"]) for each in cut["limits"]] == [(5001, 5000)]
    assert run(live, shelf, a_filter({"price": {"gt": 0}}), down)["limits"] == []


def test_groups_inside_a_search_are_formed_before_it_is_cut(live: Live, shoes: str):
    search = [{"feature_uri": "own://title"}]
    inside = a_stage(search, final_top_k=3, group_by={"field": "brand"})
    assert found(live, shoes, inside) == ["s1", "s3", "s4"]
    behind = stage("group_by", group_by_field="brand", max_per_group=1)
    assert found(live, shoes, a_stage(search, final_top_k=3), behind) == ["s1", "s3"]
    two = {"field": "brand", "group_size": 2, "limit": 2}
    assert found(live, shoes, a_stage(search, group_by=two)) == ["s1", "s2", "s3", "s5"]
    flat = a_stage(search, group_by=two | {"output_mode": "flatten", "limit": 25})
    assert found(live, shoes, flat) == [*FOUND, "s5"]


def test_a_filter_may_be_rooted_at_any_tree(live: Live, shoes: str):
    parts = [{"brand": "Acme"}, {"price": {"lt": 100}}]
    for root, kept in (("AND", ["s2"]), ("OR", ["s1", "s2", "s4"]), ("NOT", ["s3"])):
        assert found(live, shoes, SEARCH, stage("attribute_filter", **{root: parts})) == kept
        assert found(live, shoes, stage("attribute_filter", **{root: parts}), SEARCH) == (
            kept if root != "NOT" else ["s3", "s5"])  # fmt: skip
    flat = {"stage_id": "attribute_filter",
            "parameters": {"field": "brand", "operator": "ne", "value": "Acme"}}  # fmt: skip
    assert found(live, shoes, SEARCH, flat) == ["s3", "s4"]


def test_stage_statistics_name_every_stage_once(live: Live, shoes: str):
    answer = run(live, shoes, SEARCH, a_filter({"price": {"lt": 130}}), stage("limit", limit=1),
                 stage("limit", limit=1))  # fmt: skip
    counted = answer["stage_statistics"]["stages"]
    assert list(counted) == ["search", "attribute_filter", "limit", "limit_2"]
    counts = [(each["input_count"], each["output_count"]) for each in counted.values()]
    assert counts == [(5, 4), (4, 3), (3, 1), (1, 1)]


# Learned fusion: what is known of the chance that put a document where it stands.


def propensities(live: Live, *stages: Any) -> set[bool]:
    """Whether the log knows them, for an execution that was served learned weights."""
    collection = make_collection(live)
    retriever = make_retriever(live, collection, *stages)
    for number in range(3):
        who = {"user_id": f"u{number}", "session_id": a_name("s")}
        click(live, execute(live, retriever, inputs=who), 0)
    live.learn()
    answer = execute(live, retriever, inputs={"user_id": "u1"})
    assert answer["learned_fusion_context"]["served"] is True
    return logged_propensities(live, answer)


def logged_propensities(live: Live, answer: Any) -> set[bool]:
    live.ok("POST", "/v1/admin/flush", {})
    logged = live.ok("GET", f"/v1/retrievers/executions/{answer['execution_id']}")
    return {document["propensity"] is None for document in logged["documents"]}


LEARNED = a_stage([a_search(TEXT), a_search(IMAGE)], fusion="learned")
COMPARED = {"diversity_feature_uri": OWN}
NEEDED = {"rerank": {"boost_by_interaction_count": {}}, "mmr": COMPARED}


@pytest.mark.parametrize("name", [name for name in LATER if not LATER[name].keeps_places])
def test_a_stage_that_moves_documents_leaves_propensities_unknown(live: Live, name: str):
    assert propensities(live, LEARNED, stage(name, **NEEDED.get(name, {}))) == {True}


def test_a_filter_behind_the_search_leaves_propensities_unknown(live: Live):
    assert propensities(live, LEARNED, a_filter({"price": {"lt": 1e6}})) == {True}
    assert propensities(live, a_filter({"price": {"lt": 1e6}}), LEARNED) == {False}


@pytest.mark.parametrize("name", [name for name in LATER if LATER[name].keeps_places])
def test_a_stage_that_keeps_places_keeps_propensities(live: Live, name: str):
    assert propensities(live, LEARNED, stage(name)) == {False}


def test_a_sample_of_a_static_ranking_has_unknown_propensities(live: Live):
    retriever = make_retriever(live, make_collection(live), a_stage(), stage("sample", count=5))
    answer = execute(live, retriever)
    assert logged_propensities(live, answer) == {True}
