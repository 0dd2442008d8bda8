"""Every parameter of the stages that find documents changes an answer: two executions that differ
in it alone. Those of later stages are in tests/core/test_stages.py.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from desireline.core.recipe.filtering import AttributeFilter
from desireline.core.recipe.searching import FeatureSearch, SearchEntry, VectorQuery
from desireline.core.stages.grouping import Facet, SearchGroups
from tests.e2e.live import Live, a_stage, execute, make_collection, make_retriever

TITLE, LOOK, LOST = "own://title", "own://look", "own://lost"
SHELF = [
    {"document_id": "a", "title": "shoe shoe shoe", "brand": "Acme", "price": 30,
     "_vectors": {LOOK: [0.0, 1.0]}},
    {"document_id": "b", "title": "shoe shoe box", "brand": "Acme", "price": 20,
     "_vectors": {LOOK: [0.6, 0.8]}},
    {"document_id": "c", "title": "shoe box or bag", "brand": "Bolt", "price": 10,
     "_vectors": {LOOK: [1.0, 0.0]}},
    {"document_id": "d", "title": "umbrella", "brand": "bolt", "price": 40,
     "_vectors": {LOOK: [0.98, 0.2]}},
]  # fmt: skip
FEATURES = [
    {"feature_uri": TITLE, "kind": "lexical", "fields": ["title"]},
    {"feature_uri": LOOK, "kind": "dense", "dimension": 2},
]


@pytest.fixture(scope="module")
def shelves(live: Live) -> list[str]:
    """Two collections; the second has one document of the same kind."""
    more = [{"document_id": "z", "title": "shoe", "brand": "Zeta", "price": 5}]
    return [make_collection(live, SHELF, FEATURES), make_collection(live, more, FEATURES[:1])]


def one(**fields: Any) -> list[Any]:
    """A single search over titles."""
    return [{"feature_uri": TITLE, "query": "shoe", **fields}]


def two(**fields: Any) -> list[Any]:
    """Titles, then looks; fields are of the first search."""
    return [*one(**fields), {"feature_uri": LOOK, "query": [1.0, 0.0]}]


def outcome(live: Live, shelves: list[str], stage: Any) -> Any:
    """Everything an answer says that depends on its stages; a refusal is its code."""
    made = live.call("POST", "/v1/retrievers", {
        "retriever_name": f"pair-{id(stage)}", "stages": [stage],
        "collection_identifiers": shelves})  # fmt: skip
    if made.status != 200:
        return made.json["error"]["code"]
    path = f"/v1/retrievers/{made.json['retriever_id']}"
    reply = live.call("POST", f"{path}/execute", {"inputs": {"query": "box"}})
    live.ok("DELETE", path)
    if reply.status != 200:
        return reply.json["error"]["code"]
    shown = [
        (d["document_id"], round(d["score"], 6), d.get("group")) for d in reply.json["documents"]
    ]
    reasons = [each["reason"] for each in reply.json["degraded"]]
    return shown, reply.json.get("facets"), reasons, reply.json["warnings"]


Pair = tuple[dict[str, Any], dict[str, Any]]
FILTER = {"brand": "Acme"}
SEARCH: dict[str, Pair] = {
    "searches": ({"searches": one()}, {"searches": two()}),
    "final_top_k": ({"searches": one()}, {"searches": one(), "final_top_k": 1}),
    "fusion": ({"searches": two()}, {"searches": two(), "fusion": "weighted"}),
    "rrf_k": ({"searches": two()}, {"searches": two(), "rrf_k": 1}),
    "weights": ({"searches": two()}, {"searches": two(), "weights": [0.1, 0.9]}),
    "learning_config": (
        {"searches": two(), "fusion": "learned"},
        {"searches": two(), "fusion": "learned",
         "learning_config": {"static_fusion": {"fusion": "max"}}},
    ),
    "collection_identifiers": (
        {"searches": one()}, {"searches": one(), "collection_identifiers": ["SECOND"]},
    ),
    "pre_filters": ({"searches": one()}, {"searches": one(), "pre_filters": FILTER}),
    "facets": ({"searches": one()}, {"searches": one(), "facets": [{"key": "brand"}]}),
    "group_by": ({"searches": one()}, {"searches": one(), "group_by": {"field": "brand"}}),
}  # fmt: skip
ENTRY: dict[str, Pair] = {
    "feature_uri": (
        {"searches": [{"feature_uri": TITLE, "query": "box"}]},
        {"searches": [{"feature_uri": LOOK, "query": [1.0, 0.0]}]},
    ),
    "vector_name": ({"searches": two()}, {"searches": [
        {"vector_name": LOOK, "query": [1.0, 0.0]}]}),
    "query": ({"searches": one()}, {"searches": one(query="{{INPUT.query}}")}),
    "vector": (
        {"searches": [{"feature_uri": LOOK, "vector": [1.0, 0.0]}]},
        {"searches": [{"feature_uri": LOOK, "vector": [0.0, 1.0]}]},
    ),
    "top_k": ({"searches": one()}, {"searches": one(top_k=2)}),
    "min_score": ({"searches": one()}, {"searches": one(min_score=0.4)}),
    "weight": ({"searches": two()}, {"searches": two(weight=0.1)}),
    "optional": (
        {"searches": [*one(), {"feature_uri": LOST, "query": "x"}]},
        {"searches": [*one(), {"feature_uri": LOST, "query": "x", "optional": True}]},
    ),
    "on_empty": (
        {"searches": two(query="{{INPUT.gone}}")},
        {"searches": two(query="{{INPUT.gone}}", on_empty="skip")},
    ),
    "filters": ({"searches": one()}, {"searches": one(filters=FILTER)}),
    "collection_identifiers": (
        {"searches": one()}, {"searches": one(collection_identifiers=["SECOND"])},
    ),
}  # fmt: skip
FACET: dict[str, Pair] = {
    name: ({"searches": one(query="bag"), "facets": [{"key": "brand"} | before]},
           {"searches": one(query="bag"), "facets": [{"key": "brand"} | after]})
    for name, before, after in (
        ("key", {}, {"key": "price"}),
        ("limit", {"exact": True}, {"exact": True, "limit": 1}),
        ("exact", {}, {"exact": True}),
    )
}  # fmt: skip
GROUPS: dict[str, Pair] = {
    name: ({"searches": one(), "group_by": {"field": "brand"} | before},
           {"searches": one(), "group_by": {"field": "brand"} | after})
    for name, before, after in (
        ("field", {}, {"field": "price"}),
        ("max_per_group", {}, {"max_per_group": 2}),
        ("group_size", {}, {"group_size": 2}),
        ("limit", {}, {"limit": 1}),
        ("output_mode", {}, {"output_mode": "flatten"}),
    )
}  # fmt: skip
QUERY: dict[str, Pair] = {
    "value": tuple({"searches": one(query={"input_mode": "text", "value": value})}
                   for value in ("shoe", "box")),
    "input_mode": tuple({"searches": one(query={"input_mode": mode, "value": value})}
                        for mode, value in (("text", "shoe"), ("vector", [1.0]))),
}  # type: ignore[dict-item]  # fmt: skip
LEAF = {"field": "price", "operator": "gt", "value": 15}
MATCH: dict[str, Pair] = {
    "field": (LEAF | {"field": "price"}, LEAF | {"field": "title", "operator": "eq"}),
    "operator": (LEAF, LEAF | {"operator": "lt"}),
    "value": (LEAF, LEAF | {"value": 25}),
    "conditions": ({"conditions": {"brand": "Acme"}}, {"conditions": {"brand": "Bolt"}}),
    "AND": ({"AND": [FILTER]}, {"AND": [FILTER, {"price": 20}]}),
    "OR": ({"OR": [FILTER]}, {"OR": [FILTER, {"price": 40}]}),
    "NOT": ({"NOT": FILTER}, {"NOT": {"price": 40}}),
    "case_insensitive": (
        {"conditions": {"brand": "bolt"}},
        {"conditions": {"brand": "bolt"}, "case_insensitive": True},
    ),
}
TABLES: dict[str, tuple[Any, dict[str, Pair]]] = {
    "feature_search": (FeatureSearch, SEARCH), "a search": (SearchEntry, ENTRY),
    "a facet": (Facet, FACET), "group_by": (SearchGroups, GROUPS), "a query": (VectorQuery, QUERY),
    "attribute_filter": (AttributeFilter, MATCH),
}  # fmt: skip
# Said to have no effect, and named in `warnings[]`; the time limit is in test_retrievers.py.
IDLE = {"interactive", "cache_behavior", "cache_ttl_seconds", "batch_size", "hard_timeout_ms"}
CASES = [(table, name) for table, (_, pairs) in TABLES.items() for name in pairs]


@pytest.mark.parametrize("table", TABLES)
def test_no_parameter_is_without_a_pair(table: str):
    kind, pairs = TABLES[table]
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert names - IDLE == pairs.keys()


@pytest.mark.parametrize(("table", "name"), CASES)
def test_a_parameter_changes_the_answer(live: Live, shelves: list[str], table: str, name: str):
    kind, pairs = TABLES[table]
    filtering = kind is AttributeFilter
    found = []
    for parameters in pairs[name]:
        text = msgspec.json.encode(parameters).decode().replace("SECOND", shelves[1])
        stage = a_stage()
        stage["stage_name"] = "found"
        stage["config"] = {"stage_id": "attribute_filter" if filtering else "feature_search",
                           "parameters": msgspec.json.decode(text)}  # fmt: skip
        found.append(outcome(live, shelves, stage))
    assert found[0] != found[1], found[0]


@pytest.mark.parametrize("name", sorted(IDLE - {"hard_timeout_ms", "batch_size"}))
def test_what_has_no_effect_is_said(live: Live, shelves: list[str], name: str):
    value = {"interactive": True, "cache_behavior": "aggressive", "cache_ttl_seconds": 5}[name]
    retriever = make_retriever(live, shelves, a_stage(one(), **{name: value}))
    warnings = live.ok("GET", f"/v1/retrievers/{retriever}")["warnings"]
    assert any(name in each for each in warnings)
    assert execute(live, retriever)["documents"]
