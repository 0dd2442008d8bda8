"""Stages that are stored nowhere: in all four shapes, logged, and never learned from."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.e2e.live import (
    OWN,
    TEXT,
    Live,
    a_filter,
    a_search,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)
from tests.sdk_environment import sdk_python

Q = "wireless earbuds"


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


def ad_hoc(live: Live, *stages: Any, query: str = Q, **body: Any) -> Any:
    inputs = {"query": query, **body.pop("inputs", {})}
    return live.ok("POST", "/v1/retrievers/execute", {"stages": stages, "inputs": inputs, **body})


def refused(live: Live, *stages: Any, **body: Any) -> Any:
    sent = {"stages": stages, "inputs": {"query": Q}, **body}
    return live.refused("POST", "/v1/retrievers/execute", sent)


def test_the_four_shapes_of_a_stage(live: Live, products: str):
    parameters = {"searches": [a_search(TEXT)], "final_top_k": 10}
    nested = {"stage_name": "s", "config": {"stage_id": "feature_search", "parameters": parameters}}
    flat = {"stage_id": "feature_search", "parameters": parameters}
    stored = make_retriever(live, products, nested)
    whole = ids(execute(live, stored))
    for stage in (nested, flat, {"type": "feature_search", **parameters}):
        assert ids(ad_hoc(live, stage, collection_identifiers=[products])) == whole
    short = {"type": "feature_search", "feature_extractor": {"type": "text"}, "query": Q,
             "collection_ids": [products], "limit": 6}  # fmt: skip
    found = ad_hoc(live, short)
    assert len(found["documents"]) == 6
    assert found["status"] == "completed"
    assert {a["feature_uri"] for a in found["documents"][0]["attribution"]} > {TEXT}


def test_it_is_as_a_retriever_that_is_not_stored(live: Live, products: str):
    stages = [a_stage(final_top_k=25)]
    one = ad_hoc(live, *stages, collection_identifiers=[products], limit=5)
    two = ad_hoc(live, *stages, collection_identifiers=[products], limit=9, query="model3")
    other = ad_hoc(live, a_stage(final_top_k=24), collection_identifiers=[products])
    assert one["retriever_id"] == two["retriever_id"] != other["retriever_id"]
    assert one["execution_id"] != two["execution_id"]
    assert live.call("GET", f"/v1/retrievers/{one['retriever_id']}").status == 404
    listed = live.ok("POST", "/v1/retrievers/list", {"page_size": 1000})["results"]
    assert one["retriever_id"] not in [each["retriever_id"] for each in listed]
    live.ok("POST", "/v1/admin/flush")
    logged = live.ok("GET", f"/v1/retrievers/executions/{one['execution_id']}")
    assert [d["document_id"] for d in logged["documents"]] == ids(one)


def test_pages_streams_filters_and_inputs(live: Live, products: str):
    named, stage = {"collection_identifiers": [products]}, a_stage(final_top_k=25)
    whole = ids(ad_hoc(live, stage, **named))
    one = ad_hoc(live, stage, **named, pagination={"limit": 10})
    cursor = {"limit": 20, "cursor": one["pagination"]["next_cursor"]}
    two = ad_hoc(live, stage, **named, pagination=cursor)
    assert ids(one) + ids(two) == whole
    assert two["execution_id"] == one["execution_id"]
    cheap = ad_hoc(live, stage, **named, filters={"price": {"lt": 5}})
    assert {d["price"] for d in cheap["documents"]} == {0, 1, 2, 3, 4}
    reply = live.call(
        "POST", "/v1/retrievers/execute",
        {"stages": [stage], "inputs": {"query": Q}, "stream": True, **named},
    )  # fmt: skip
    assert reply.content.startswith(b'data: {"event_type":"stage_start"')
    assert b'"execution_complete"' in reply.content
    schema = {"input_schema": {"colour": {"type": "string", "required": True}}}
    where = a_filter({"colour": "{{INPUT.colour}}"})
    red = ad_hoc(live, where, stage, **named, **schema, inputs={"colour": "red"})
    assert {d["colour"] for d in red["documents"]} == {"red"}
    error = refused(live, where, stage, **named, **schema)
    assert error["details"]["validation_errors"][0]["path"] == "$.inputs.colour"
    idle = ad_hoc(live, stage, **named, budget_limits={"max_time_ms": 5})
    assert "`budget_limits` has no effect" in idle["warnings"]
    vectors = ad_hoc(live, stage, **named, limit=1, return_vectors=True, explain=True)
    assert len(vectors["documents"][0]["_vectors"][OWN]) == 8
    assert vectors["explain_plan"]["execution_plan"][0]["actual_output"] == 25


def test_braces_in_a_repeated_query_are_text(live: Live, products: str):
    def search(query: str) -> dict[str, Any]:
        return {"type": "feature_search", "query": query, "collection_ids": [products], "limit": 3}

    plain = ad_hoc(live, search("wireless earbuds"), query="wireless earbuds")
    for query in (
        "wireless {{INPUT.secret}} earbuds",
        "wireless {{ earbuds",
        "wireless {% earbuds",
    ):
        found = ad_hoc(live, search(query), query=query)
        assert ids(found) == ids(plain)
    template = ad_hoc(live, search("{{INPUT.words}}"), inputs={"words": "wireless earbuds"})
    assert ids(template) == ids(plain)


def test_what_it_shows_can_be_acted_on_and_teaches_nothing(live: Live, products: str):
    found = ad_hoc(live, a_stage(), collection_identifiers=[products], user_id="u9")
    receipt = click(live, found, 1, retriever_id=found["retriever_id"], user_id="u9")
    assert (receipt["attribution"], receipt["rank"]) == ("logged", 1)
    assert (receipt["teaches"], receipt["teaches_reason"]) == (False, "ad_hoc")
    assert receipt["warning"].startswith("the search ran stages that are stored nowhere")
    assert "contradicts" not in receipt["warning"]
    assert "client_retriever_id" not in receipt["metadata"]
    assert receipt["retriever_id"] == found["retriever_id"]


def test_what_is_refused(live: Live, products: str):
    error = refused(live, a_filter({"colour": "red"}), a_stage(fusion="learned"))
    assert error["code"] == "not_available"
    assert (
        error["details"]["validation_errors"][0]["path"] == "$.stages[1].config.parameters.fusion"
    )
    assert "POST /v1/retrievers" in error["hint"]
    named = [products]
    short = {"type": "feature_search", "query": Q, "collection_ids": ["nowhere"]}
    for stages, body, status, code in (
        ([], {}, 422, "empty"), ([a_stage()], {"stagse": []}, 422, "unknown_field"),
        ([a_stage()], {"collection_identifiers": ["nowhere"]}, 404, "collection_not_found"),
        ([short], {}, 404, "collection_not_found"),
        ([short | {"collection_ids": [3]}], {}, 422, "wrong_type"),
        ([short | {"collection_ids": "products"}], {}, 422, "wrong_type"),
        ([a_stage()], {"collection_identifiers": named, "collection_ids": ["x"]}, 422,
         "contradiction"),
        ([{"type": "llm_filter"}], {}, 422, "stage_not_available"),
        ([a_stage()], {"input_schema": {"a": {"type": "strnig"}}}, 422, "wrong_value"),
        ([a_stage()], {"limit": 5, "pagination": {"limit": 5}}, 422, "contradiction"),
        ([a_stage()], {"target_collection_id": products}, 422, "not_available"),
        ([a_stage()], {"cache_config": {}}, 422, "unknown_field"),
    ):  # fmt: skip
        error = refused(live, *stages, **body)
        assert (error["status"], error["code"]) == (status, code), (stages, body)
    assert live.refused("POST", "/v1/retrievers/execute", {})["code"] == "required_field"


STORY = """
import json, sys
from mixpeek import Mixpeek
url, collection, shop, own = sys.argv[1:]
client, red = Mixpeek(api_key="your-api-key", base_url=url), {"colour": "red"}
found = client.search("wireless {{earbuds}}", collection=collection, filters=red, limit=4)
act = client.retrievers.create_interaction_from_result(found, position=2, user_id="u1")
everywhere = client.search("model3 wireless")
queries = [{"query": "noise"}, {"inputs": {"query": "model5"}}]
batch = client.retrievers.execute_batch(shop, queries=queries)
vector = {"input_mode": "vector", "value": [1.0] + [0.0] * 7}
vectors = [{"feature_uri": own, "query": vector, "top_k": 3}]
near = client.search(queries=vectors, limit=3, filters=red)
print(json.dumps([found, act, everywhere, batch, near]))
"""


@pytest.mark.parametrize("prefix", ["", "/v1", "/api/v1"])
def test_the_published_client_searches_without_a_retriever(live: Live, products: str, prefix: str):
    shop = make_retriever(live, products)
    command = [str(sdk_python()), "-c", STORY, f"{live.url}{prefix}", products, shop, OWN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Warning" not in done.stderr
    found, act, everywhere, batch, near = json.loads(done.stdout)
    assert len(found["documents"]) == 4
    assert {d["colour"] for d in found["documents"]} == {"red"}
    assert found["degraded"] == []
    assert (act["feature_id"], act["retriever_id"]) == (ids(found)[2], found["retriever_id"])
    assert (act["attribution"], act["teaches_reason"]) == ("logged", "ad_hoc")
    assert everywhere["documents"]
    assert [each["status"] for each in batch["results"]] == ["completed", "completed"]
    assert len(near["documents"]) == 3
    assert {d["colour"] for d in near["documents"]} == {"red"}


def test_a_short_form_searches_the_collections_it_names(live: Live):
    features = [
        {"feature_uri": f"own://{n}", "kind": "lexical", "fields": ["title"]} for n in range(11)
    ]
    rows = [{"document_id": "one", "title": Q}]
    wide, narrow = make_collection(live, rows, features), make_collection(live, rows, features[:1])
    short = {"type": "feature_search", "feature_extractor": {"type": "text"}, "query": Q}
    error = refused(live, {**short, "collection_ids": [wide]})
    assert error["code"] == "too_many"
    assert "name the collections" in error["hint"]
    found = ad_hoc(live, {**short, "collection_ids": [narrow]})
    assert [a["feature_uri"] for a in found["documents"][0]["attribution"]] == ["own://0"]
    missing = refused(live, {**short, "collection_ids": ["narow"]})
    assert missing["code"] == "collection_not_found"
    assert "narow" in missing["message"]
