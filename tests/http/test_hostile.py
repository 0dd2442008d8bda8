"""Bad input of every kind: a clear error in the one envelope, never a traceback, never a 500.

Each case names the place and the code; `checked_error` (of `live.refused`) looks at the rest.
"""

from __future__ import annotations

import gzip
import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import (
    Live,
    a_filter,
    a_name,
    a_search,
    a_stage,
    execute,
    make_collection,
    make_retriever,
)

SRC = Path(__file__).parents[2] / "src" / "desireline"
STAGE = "$.stages[0].config.parameters"
DEEP: Any = reduce(lambda inner, _: {"NOT": inner}, range(200), {"a": 1})


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


@pytest.fixture(scope="module")
def shop(live: Live, products: str) -> str:
    return make_retriever(live, products)


def places(error: Any) -> dict[str, str]:
    """Code by path of everything that is wrong."""
    found = error["details"].get("validation_errors", [])
    return {place["path"]: place["type"] for place in found}


# Definitions.


def create(live: Live, *stages: Any, **fields: Any) -> Any:
    body = {"retriever_name": a_name("bad"), "stages": list(stages), **fields}
    return live.refused("POST", "/v1/retrievers", body)


@pytest.mark.parametrize(
    ("stage", "path", "code", "hint"),
    [
        (a_stage(fuson="rrf"), f"{STAGE}.fuson", "unknown_field", "fusion"),
        (a_stage([a_search(weigth=1)]), f"{STAGE}.searches[0].weigth", "unknown_field", "weight"),
        (a_stage() | {"stage_nam": "x"}, "$.stages[0].stage_nam", "unknown_field", "stage_name"),
        (a_stage(fusion="learned", learning_config={"min_interaction": 3}),
         f"{STAGE}.learning_config.min_interaction", "unknown_field", "min_interactions"),
        (a_stage(fusion="learned", learning_config={"static_fusion": {"fuson": "max"}}),
         f"{STAGE}.learning_config.static_fusion.fuson", "unknown_field", "fusion"),
        (a_stage(fusion="rff"), f"{STAGE}.fusion", "wrong_value", "rrf"),
        (a_stage(fusion=3), f"{STAGE}.fusion", "wrong_type", ""),
        (a_stage([a_search(top_k="5")]), f"{STAGE}.searches[0].top_k", "wrong_type", ""),
        (a_stage([a_search(top_k=0)]), f"{STAGE}.searches[0].top_k", "wrong_value", ""),
        (a_stage([a_search(weight=2)]), f"{STAGE}.searches[0].weight", "wrong_value", ""),
        (a_stage(weights=[1]), f"{STAGE}.weights", "length", ""),
        (a_stage(weights=[-1, 0.2]), f"{STAGE}.weights[0]", "wrong_value", ""),
        (a_stage([]), f"{STAGE}.searches", "empty", "add a search"),
        (a_stage([a_search(), a_search()]), f"{STAGE}.searches[1].feature_uri", "duplicate_name",
         "once"),
        (a_stage([{"query": "x"}]), f"{STAGE}.searches[0].feature_uri", "required_field", ""),
        (a_stage() | {"on_error": "panic"}, "$.stages[0].on_error", "wrong_value", "skip"),
        (a_stage() | {"stage_type": "sort"}, "$.stages[0].stage_type", "wrong_value", "filter"),
        (a_stage(fusion="learned", learning_config={"min_interactions": 0}),
         f"{STAGE}.learning_config.min_interactions", "wrong_value", ""),
        (a_stage(fusion="learned", learning_config={"reward_map": {"click": "much"}}),
         f"{STAGE}.learning_config.reward_map.click", "wrong_type", ""),
        (a_stage(fusion="learned", learning_config={"reward_map": {"click": 1e-106}}),
         f"{STAGE}.learning_config.reward_map.click", "out_of_range", "1e-30"),
        (a_stage(fusion="learned", learning_config={"reward_map": {"Bad Type!": 1}}),
         f"{STAGE}.learning_config.reward_map.Bad Type!", None, ""),
        (a_stage(fusion="learned", learning_config={"reward_map": {"Click": 1}}),
         f"{STAGE}.learning_config.reward_map.Click", "wrong_value", "click"),
        (a_stage(fusion="learned", learning_config={"context_features": ["user_id"]}),
         f"{STAGE}.learning_config.context_features[0]", "wrong_value", "INPUT"),
        (a_filter({"price": {"gtee": 1}}), f"{STAGE}.conditions.price.gtee", "unknown_operator",
         "gte"),
        (a_filter({"price": {"$gtee": 1}}), f"{STAGE}.conditions.price.$gtee", "unknown_operator",
         "$gte"),
        (a_filter(None), f"{STAGE}.conditions", "required_field", "conditions"),
        (a_filter({"a": 1}, field="b"), f"{STAGE}.conditions", "contradiction", ""),
        (a_stage(pre_filters={"AND": 3}), f"{STAGE}.pre_filters.AND", "invalid_filter", ""),
        (a_stage(pre_filters=DEEP), f"{STAGE}.pre_filters" + ".NOT" * 20, "filter_too_deep", ""),
        (a_stage([a_search(query="{% for x in INPUT.q %}{{x}}{% endfor %}")]),
         f"{STAGE}.searches[0].query", "invalid_template", "expressions"),
        (a_stage([a_search(query="{{INPUT.__class__}}")]), f"{STAGE}.searches[0].query",
         "invalid_template", "expressions"),
        (a_stage([a_search(query="{{INPUT.query.upper()}}")]), f"{STAGE}.searches[0].query",
         "invalid_template", "expressions"),
        (a_stage([a_search(query="{{INPUT.query")]), f"{STAGE}.searches[0].query",
         "invalid_template", "expressions"),
        ({"config": {"stage_id": "feature_serch"}}, "$.stages[0].config.stage_id",
         "stage_not_available", "feature_search"),
        ({"config": {}}, "$.stages[0].config.stage_id", "stage_not_available", ""),
        ("x", "$.stages[0]", "wrong_type", ""),
    ],
)  # fmt: skip
def test_a_bad_stage_is_named_with_its_place(
    live: Live, stage: Any, path: str, code: str | None, hint: str
):
    error = create(live, stage)
    assert error["status"] == 422
    assert path in places(error), error
    assert code in (None, places(error)[path])
    assert path in error["message"]
    assert hint in error["hint"]


UNBUILT_STAGES = ("ltr", "llm_filter", "query_expand", "aggregate", "agentic_enrich")


@pytest.mark.parametrize("stage_id", UNBUILT_STAGES)
def test_other_stages_of_the_reference_are_refused_by_name(live: Live, stage_id: str):
    error = create(live, a_stage(), {"config": {"stage_id": stage_id, "parameters": {}}})
    assert (error["status"], error["code"]) == (422, "stage_not_available")
    assert error["type"] == "NotEnabledError"
    assert stage_id in error["message"]
    assert "feature_search" in error["hint"]


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        (a_stage([a_search(lexical=True)]), f"{STAGE}.searches[0].lexical"),
        (a_stage([a_search(on_empty="random")]), f"{STAGE}.searches[0].on_empty"),
        (a_stage([a_search(query={"input_mode": "document", "value": "x"})]),
         f"{STAGE}.searches[0].query.input_mode"),
        (a_stage([a_search(query={"input_mode": "multi_content", "values": ["x"]})]),
         f"{STAGE}.searches[0].query.values"),
        (a_stage([a_search(query="{{SECRET.key}}")]), f"{STAGE}.searches[0].query"),
        (a_stage(pre_filters={"at": {"geo_radius": {}}}), f"{STAGE}.pre_filters.at.geo_radius"),
        (a_stage(fusion="learned", learning_config={"algorithm": "ucb"}),
         f"{STAGE}.learning_config.algorithm"),
        (a_stage(fusion="learned", learning_config={"exposure": "viewport"}),
         f"{STAGE}.learning_config.exposure"),
        (a_stage(fusion="learned", learning_config={"evaluation_dataset_id": "x"}),
         f"{STAGE}.learning_config.evaluation_dataset_id"),
    ],
)  # fmt: skip
def test_stage_fields_that_are_not_built_are_refused_by_name(live: Live, stage: Any, path: str):
    error = create(live, stage)
    assert (error["status"], places(error)[path]) == (422, "not_available")
    assert path.rpartition(".")[2] in json.dumps(error) or "SECRET" in error["message"]


def test_a_second_search_stage_is_refused(live: Live):
    error = create(live, a_stage(), a_stage() | {"stage_name": "second"})
    assert places(error) == {"$.stages[1]": "not_available"}
    twice = create(live, a_stage(), a_filter({"a": 1}) | {"stage_name": "feature_search"})
    assert places(twice) == {"$.stages[1].stage_name": "duplicate_name"}


def test_what_has_no_effect_is_said(live: Live, products: str):
    stage = a_stage() | {"output_alias": "x", "batch_size": 3}
    body = {
        "retriever_name": a_name("odd"), "stages": [stage], "visibility": "PUBLIC",
        "budget_limits": {"max_time_ms": 5}, "collection_identifiers": [products, "nowhere"],
    }  # fmt: skip
    said = " ".join(live.ok("POST", "/v1/retrievers", body)["warnings"])
    for word in ("output_alias", "batch_size", "visibility", "budget_limits", "nowhere"):
        assert word in said


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"retriver": 1}, "$.retriver", "unknown_field"),
        ({"retriever_name": ""}, "$.retriever_name", "wrong_value"),
        ({"retriever_name": "a/b"}, "$.retriever_name", "wrong_value"),
        ({"retriever_name": "interactions"}, "$.retriever_name", "reserved_name"),
        ({"stages": []}, "$.stages", "empty"),
        ({"stages": None}, "$.stages", "wrong_type"),
        ({"cache_config": {}}, "$.cache_config", "not_available"),
        ({"marketplace_listing_id": "x"}, "$.marketplace_listing_id", "not_available"),
        ({"collection_identifiers": ["a"], "collection_ids": ["b"]}, "$.collection_ids",
         "contradiction"),
        ({"input_schema": {"q": {"type": "strin"}}}, "$.input_schema.q.type", "wrong_value"),
        ({"input_schema": {"q": {"type": "string", "requird": True}}}, "$.input_schema.q.requird",
         "unknown_field"),
    ],
)  # fmt: skip
def test_a_bad_retriever_is_named_with_its_place(live: Live, fields: Any, path: str, code: str):
    body = {"retriever_name": a_name("bad"), "stages": [a_stage()], **fields}
    error = live.refused("POST", "/v1/retrievers", body)
    assert (error["status"], places(error).get(path)) == (422, code), error


def test_missing_fields_are_named(live: Live):
    assert places(live.refused("POST", "/v1/retrievers", {"stages": [a_stage()]})) == {
        "$.retriever_name": "required_field"
    }
    assert places(live.refused("POST", "/v1/retrievers")) == {"$.retriever_name": "required_field"}


# Executing.


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"input": {}}, "$.input", "unknown_field"),
        ({"inputs": []}, "$.inputs", "wrong_type"),
        ({"inputs": {"query": {"a": 1}}}, None, "wrong_type"),
        ({"inputs": {"query": ["a"]}}, None, "text_needed"),
        ({"inputs": {}}, None, "missing_input"),
        ({"inputs": {"query": "a", "user_id": {"a": 1}}}, "$.inputs.user_id", "wrong_type"),
        ({"inputs": {"query": "a", "user_id": "u" * 600}}, "$.inputs.user_id", "too_long"),
        ({"inputs": {"query": "q" * 10_001}}, "$.inputs.query", "too_long"),
        ({"inputs": {"query": "a"}, "limit": 0}, "$.limit", "wrong_value"),
        ({"inputs": {"query": "a"}, "limit": 501}, "$.limit", "wrong_value"),
        ({"inputs": {"query": "a"}, "limit": 1, "page_size": 2}, "$.page_size", "contradiction"),
        ({"inputs": {"query": "a"}, "purpose": "fun"}, "$.purpose", "wrong_value"),
        ({"inputs": {"query": "a"}, "filters": []}, "$.filters", "invalid_filter"),
        ({"inputs": {"query": "a"}, "filters": {"a": {"liek": 1}}}, "$.filters.a.liek",
         "unknown_operator"),
        ({"inputs": {"query": "a"}, "filters": {"a": {"in": 3}}}, "$.filters.a.in",
         "invalid_filter"),
        ({"inputs": {"query": "a"}, "filters": {"a": {"regex": "(a+)+$"}}}, "$.filters.a.regex",
         "invalid_regex"),
        ({"inputs": {"query": "a"}, "filters": {"a": {"gt": "soon"}}}, "$.filters.a.gt",
         "invalid_time"),
        ({"inputs": {"query": "a"}, "filters": DEEP}, "$.filters" + ".NOT" * 20,
         "filter_too_deep"),
        *[({"inputs": {"query": "a"}, name: value}, f"$.{name}", "not_available")
          for name, value in (("expand", []), ("consistency", "x"), ("target_collection_id", "x"))],
        ({"inputs": {"query": "a"}, "settings": {"max_chunks": 2}}, "$.settings.max_chunks",
         "not_available"),
        ({"inputs": {"query": "a"}, "settings": {"limti": 2}}, "$.settings.limti", "unknown_field"),
        ({"inputs": {"query": "a"}, "settings": {"limit": 2}, "limit": 3}, "$.settings.limit",
         "contradiction"),
        ({"inputs": {"query": "a"}, "stream": "yes"}, "$.stream", "wrong_type"),
    ],
)  # fmt: skip
def test_a_bad_execution_is_named_with_its_place(
    live: Live, shop: str, body: Any, path: str | None, code: str
):
    error = live.refused("POST", f"/v1/retrievers/{shop}/execute", body)
    assert error["status"] == 422
    assert error["code"] == code
    assert path is None or places(error)[path] == code


def test_query_parameters_are_checked(live: Live, shop: str):
    path = f"/v1/retrievers/{shop}/execute"
    body = {"inputs": {"query": "wireless"}}
    for name in ("explain", "stream", "return_vectors"):
        error = live.refused("POST", f"{path}?{name}=perhaps", body)
        assert places(error) == {f"query.{name}": "wrong_type"}
    assert live.refused("POST", f"{path}?explain=maybe", body)["code"] == "wrong_type"
    error = live.refused("POST", f"{path}?skip_cahce=true", body)
    assert places(error) == {"query.skip_cahce": "unknown_field"}
    assert "skip_cache" in error["hint"]
    warned = live.ok("POST", f"{path}?skip_cache=true&include_legacy_results=true", body)
    assert any("skip_cache" in each for each in warned["warnings"])
    assert warned["results"] == warned["documents"]
    for query in ("page=0", "page=x", "page_size=1001", "foo=1"):
        error = live.refused("GET", f"/v1/retrievers?{query}")
        assert list(places(error)) == [f"query.{query.partition('=')[0]}"]
    for sent, code in (({"limit": -1}, "wrong_value"), ({"page": 0}, "wrong_value"),
                       ({"filters": {}}, "not_available"), ({"serch": "x"}, "unknown_field"),
                       ({"limit": 1, "page_size": 2}, "contradiction")):  # fmt: skip
        for kind in ("retrievers", "collections"):
            assert live.refused("POST", f"/v1/{kind}/list", sent)["code"] == code


# Bodies.

TAKERS = (
    ("POST", "/v1/retrievers"), ("PATCH", "/v1/retrievers/{shop}"), ("POST", "/v1/collections"),
    ("POST", "/v1/retrievers/{shop}/execute"), ("POST", "/v1/retrievers/interactions"),
    ("POST", "/v1/retrievers/interactions/batch"), ("POST", "/v1/retrievers/interactions/list"),
    ("POST", "/v1/retrievers/executions/list"),
    ("POST", "/v1/collections/{products}/documents/upsert"),
    ("PATCH", "/v1/collections/{products}/documents/d00"),
    ("POST", "/v1/retrievers/{shop}/learned-fusion/rollout"), ("POST", "/v1/admin/flush"),
)  # fmt: skip
BODIES = {
    "half": (b"{", 400, "not_json"),
    "NaN": (b'{"limit": NaN}', 400, "not_json"),
    "Infinity": (b'{"limit": -Infinity}', 400, "not_json"),
    "too large a number": (b'{"limit": 1e999}', 400, "not_json"),
    "latin-1": (b'{"limit": "\xff"}', 400, "not_utf8"),
    "deep": (b"[" * 100_000, 400, "too_deep"),
    "a list": (b"[]", 422, "wrong_type"),
    "a text": (b'"x"', 422, "wrong_type"),
    "null": (b"null", 422, "wrong_type"),
    "unknown": (b'{"xyzzy": {"a": [1]}}', 422, "unknown_field"),
}


@pytest.mark.parametrize("taker", TAKERS, ids=[f"{m} {p}" for m, p in TAKERS])
def test_every_route_refuses_what_is_no_body(
    live: Live, shop: str, products: str, taker: tuple[str, str]
):
    method, path = taker[0], taker[1].format(shop=shop, products=products)
    for name, (body, status, code) in BODIES.items():
        if name == "unknown" and path.endswith("d00"):
            continue  # a document takes any field
        error = live.refused(method, path, body)
        assert (error["status"], error["code"]) == (status, code), (name, error)
        assert code != "wrong_type" or error["hint"].startswith("send "), error


@pytest.mark.parametrize("taker", TAKERS, ids=[f"{m} {p}" for m, p in TAKERS])
def test_every_route_limits_and_unpacks_bodies(
    live: Live, shop: str, products: str, taker: tuple[str, str]
):
    method, path = taker[0], taker[1].format(shop=shop, products=products)
    large = b'{"a": "' + b"x" * (17 << 20) + b'"}'
    for body, encoding, code in (
        (large, "", "payload_too_large"),
        (gzip.compress(b" " * (100 << 20), 1), "gzip", "payload_too_large"),
        (b"no gzip", "gzip", "not_gzip"),
        (gzip.compress(b'{"a": 1}')[:-9], "gzip", "not_gzip"),
        (b"{}", "br", "unknown_encoding"),
    ):
        error = live.refused(
            method, path, body, **({"Content-Encoding": encoding} if encoding else {})
        )
        assert error["code"] == code
        assert error["status"] == (413 if code == "payload_too_large" else 400)
        assert error["hint"]


def test_deep_values_are_kept_or_refused_and_never_break_a_list(live: Live):
    collection = make_collection(live, 1)
    deep: Any = reduce(lambda inner, _: {"a": inner}, range(200), 1)
    rows = [{"document_id": "deep", "m": deep}, {"document_id": "fine", "m": {"a": [1]}}]
    answer = live.ok("POST", f"/v1/collections/{collection}/documents/upsert", {"documents": rows})
    assert (answer["upserted"], answer["failed"]) == (1, 1)
    assert answer["results"][0]["document_id"] == "deep"
    assert answer["results"][0]["error"]["code"] == "too_deep"
    assert len(live.ok("GET", f"/v1/collections/{collection}/documents")["results"]) == 2
    many = {"documents": [{}] * 5001}
    error = live.refused("POST", f"/v1/collections/{collection}/documents/upsert", many)
    assert error["code"] == "too_many"
    retriever = make_retriever(live, collection)
    found = execute(live, retriever, inputs={"anything": deep})
    live.ok("POST", "/v1/admin/flush")
    logged = live.ok("GET", f"/v1/retrievers/executions/{found['execution_id']}")
    assert logged["inputs"]["anything"] == deep


# Routes.


def test_unknown_routes_and_methods(live: Live, shop: str):
    for path in ("/v1/nothing", "/nothing", "/api/v1/nothing", f"/v1/retrievers/{shop}/explain"):
        error = live.refused("GET", path)
        assert (error["status"], error["code"]) == (404, "no_such_route")
        assert error["message"].startswith("there is no route GET /v1/")
        assert "/docs" in error["hint"]
    for method, path in (("PUT", "/v1/retrievers"), ("GET", f"/v1/retrievers/{shop}/execute"),
                         ("PUT", "/v1/retrievers/interactions"), ("DELETE", "/healthz"),
                         ("GET", "/v1/retrievers/interactions/batch")):  # fmt: skip
        error = live.refused(method, path)
        assert (error["status"], error["code"]) == (405, "method_not_allowed")
        assert path in error["message"]
    assert live.refused("GET", f"/v1/retrievers/{shop}/execute")["hint"] == "send POST"
    reply = live.call("PUT", "/v1/retrievers")
    assert reply.json["error"]["hint"] == "send GET or POST"
    assert "POST" in reply.headers["allow"]
    for route in ("executes", "learned-fusion/none"):
        assert live.refused("POST", f"/v1/retrievers/{shop}/{route}", {})["status"] == 404


def test_an_unknown_namespace_is_named(live: Live, shop: str):
    for method, path in (
        ("GET", "/v1/retrievers"), ("POST", f"/v1/retrievers/{shop}/execute"),
        ("POST", "/v1/retrievers/interactions"), ("GET", "/v1/collections"),
    ):  # fmt: skip
        error = live.refused(method, path, None, X_Namespace="acme")
        assert (error["status"], error["code"]) == (404, "namespace_not_found")
        assert "`acme`" in error["message"]
        assert error["details"] == {"resource": "namespace", "id": "acme"}


def test_paths_must_be_utf8_and_ids_of_sane_length(live: Live, shop: str):
    root = f"/v1/retrievers/{shop}/learned-fusion"
    assert live.refused("GET", f"{root}/weights/%ff%fe")["code"] == "not_utf8"
    assert live.refused("POST", f"{root}/opt-out/{'u' * 600}")["code"] == "too_long"
    assert live.ok("GET", f"{root}/weights/a%2Fb%3Fc%23d")["user_id"] == "a/b?c#d"


def test_a_body_nobody_reads_is_refused(live: Live, shop: str):
    root = f"/v1/retrievers/{shop}/learned-fusion"
    for method, path in (("POST", f"{root}/opt-out/u"), ("DELETE", f"/v1/retrievers/{shop}")):
        error = live.refused(method, path, {"reason": "x"})
        assert places(error) == {"$.reason": "unknown_field"}
    assert live.ok("GET", f"/v1/retrievers/{shop}")["retriever_id"] == shop
    live.ok("POST", f"{root}/opt-in/u", {})


def test_learned_fusion_refuses_what_it_does_not_know(live: Live, shop: str):
    root = f"/v1/retrievers/{shop}/learned-fusion"
    assert places(live.refused("POST", f"{root}/rollout")) == {"$.rollout_pct": "required_field"}
    for value, code in ((101, "wrong_value"), (-1, "wrong_value"), ("10", "wrong_type")):
        error = live.refused("POST", f"{root}/rollout", {"rollout_pct": value})
        assert places(error) == {"$.rollout_pct": code}
    assert live.refused("POST", f"{root}/disable", {"why": "x"})["code"] == "unknown_field"
    assert live.refused("DELETE", f"{root}/user/u?erase=true")["code"] == "not_available"
    signals = f"/v1/analytics/retrievers/{shop}/signals"
    assert live.refused("GET", f"{signals}?signal_type=foo")["code"] == "not_available"
    assert places(live.refused("GET", f"{signals}?hours=0")) == {"query.hours": "wrong_value"}


def test_nothing_went_wrong_inside(live: Live):
    assert '"request failed"' not in live.log.read_text()
