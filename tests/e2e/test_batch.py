"""Several queries at once: an answer or an error for each, in order, and nothing shared."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.e2e.live import (
    IMAGE,
    OWN,
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


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


@pytest.fixture(scope="module")
def shop(live: Live, products: str) -> str:
    return make_retriever(live, products, a_stage(final_top_k=25))


def batch(live: Live, retriever: str, queries: list[Any], **body: Any) -> Any:
    return live.ok(
        "POST", f"/v1/retrievers/{retriever}/execute/batch", {"queries": queries, **body}
    )


def a_query(query: str = "wireless earbuds", **body: Any) -> dict[str, Any]:
    return {"inputs": {"query": query}, **body}


def test_each_query_is_answered_as_if_alone(live: Live, shop: str):
    texts = ["wireless", "earbuds", "model3", "noise", "wireless earbuds model7"]
    answer = batch(live, shop, [a_query(text) for text in texts], settings={"limit": 7})
    assert (answer["total"], answer["failed"], answer["warnings"]) == (5, 0, [])
    assert [each["index"] for each in answer["results"]] == [0, 1, 2, 3, 4]
    for text, each in zip(texts, answer["results"], strict=True):
        assert each["status"] == "completed"
        assert "error" not in each
        assert ids(each["response"]) == ids(execute(live, shop, text, limit=7))
    names = {each["response"]["execution_id"] for each in answer["results"]}
    assert len(names) == 5
    assert click(live, answer["results"][2]["response"], 0)["attribution"] == "logged"


def test_how_many_documents(live: Live, shop: str):
    own = a_query(limit=3)
    page = a_query(pagination={"limit": 4})
    counts = [
        len(each["response"]["documents"])
        for each in batch(live, shop, [a_query(), own, page])["results"]
    ]
    assert counts == [10, 3, 4]
    shared = batch(live, shop, [a_query(), own], settings={"limit": 2})["results"]
    assert [len(each["response"]["documents"]) for each in shared] == [2, 3]


def test_a_bad_query_costs_only_itself(live: Live, shop: str):
    queries = [
        a_query(), {"inputs": {}}, {"inputs": {"query": "x"}, "limt": 3}, a_query(limit=0),
        a_query(stream=True), a_query(filters={"nowhere": 1}), a_query("earbuds"),
    ]  # fmt: skip
    answer = batch(live, shop, queries)
    assert (answer["total"], answer["failed"]) == (7, 5)
    codes = [each.get("error", {}).get("code") for each in answer["results"]]
    assert codes == [
        None, "missing_input", "unknown_field", "wrong_value", "wrong_place", "unknown_field", None,
    ]  # fmt: skip
    for each in answer["results"]:
        assert ("response" in each) == (each["status"] != "failed")
        if "error" in each:
            assert each["error"]["status"] == 422
            assert each["error"]["hint"]
    places = answer["results"][2]["error"]["details"]["validation_errors"]
    assert places[0]["path"] == "$.queries[2].limt"


def test_the_bounds_of_a_batch(live: Live, shop: str):
    path = f"/v1/retrievers/{shop}/execute/batch"
    assert batch(live, shop, [a_query(limit=1)] * 50)["total"] == 50
    error = live.refused("POST", path, {"queries": [a_query()] * 51})
    assert (error["status"], error["code"]) == (422, "too_many")
    assert error["details"]["limits"] == {"max_queries": 50}
    for body, place, code in (
        ({"queries": []}, "$.queries", "empty"), ({}, "$.queries", "required_field"),
        ({"queries": ["x"]}, "$.queries[0]", "wrong_type"),
        ({"queries": [a_query()], "concurrency": 21}, "$.concurrency", "wrong_value"),
        ({"queries": [a_query()], "settings": {"limit": 501}}, "$.settings.limit", "wrong_value"),
        ({"queries": [a_query()], "settings": {"max_chunks": 1}}, "$.settings.max_chunks",
         "not_available"),
        ({"queries": [a_query()], "target_collection_id": "x"}, "$.target_collection_id",
         "not_available"),
    ):  # fmt: skip
        error = live.refused("POST", path, body)
        assert error["code"] == code
        assert error["details"]["validation_errors"][0]["path"] == place
    nowhere = live.refused("POST", "/v1/retrievers/none/execute/batch", {"queries": [{}]})
    assert nowhere["status"] == 404


def test_what_has_no_effect_is_said(live: Live, shop: str):
    answer = batch(live, shop, [a_query()], concurrency=8, return_presigned_urls=True)
    assert [warning.split("`")[1] for warning in answer["warnings"]] == [
        "concurrency", "return_presigned_urls",
    ]  # fmt: skip


def test_vectors_of_every_query(live: Live, shop: str):
    answer = batch(live, shop, [a_query(limit=2)], return_vectors=True)
    for document in answer["results"][0]["response"]["documents"]:
        assert len(document["_vectors"][OWN]) == 8
    assert (
        "_vectors" not in batch(live, shop, [a_query()])["results"][0]["response"]["documents"][0]
    )


def test_learned_weights_and_sessions_are_those_of_each_query(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage(fusion="learned"))
    queries = [{"inputs": {"query": "wireless", "user_id": f"u{n}", "session_id": a_name("s")}}
               for n in range(3)]  # fmt: skip
    answers = [each["response"] for each in batch(live, retriever, queries)["results"]]
    assert {a["learned_fusion_context"]["context_level"] for a in answers} == {"prior"}
    assert all(click(live, answer, 0)["teaches"] for answer in answers)


def test_a_batch_is_streamed_query_by_query(live: Live, shop: str):
    body = {
        "queries": [a_query(limit=2), {"inputs": {}}, a_query("noise", limit=2)],
        "stream": True,
    }
    reply = live.call("POST", f"/v1/retrievers/{shop}/execute/batch", body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    blocks = reply.content.decode().strip().split("\n\n")
    *each, last = [json.loads(block.removeprefix("data: ")) for block in blocks]
    assert [m["event_type"] for m in each] == ["query_complete"] * 3
    assert [(m["index"], m["status"]) for m in each] == [
        (0, "completed"), (1, "failed"), (2, "completed"),
    ]  # fmt: skip
    assert len(ids(each[2]["response"])) == 2
    assert (last["event_type"], last["total"], last["failed"]) == ("batch_complete", 3, 1)
    too_many = live.refused(
        "POST", f"/v1/retrievers/{shop}/execute/batch", {"queries": [{}] * 51, "stream": True}
    )
    assert too_many["code"] == "too_many"


def test_others_have_their_turn_between_two_queries(live: Live, shop: str):
    """A request that arrives during a batch is answered before the batch is."""
    import httpx

    async def story() -> list[str]:
        done = []
        async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:

            async def ask(name: str, path: str, body: Any) -> None:
                (await client.post(path, json=body)).raise_for_status()
                done.append(name)

            slow = {"queries": [a_query(limit=25)] * 50}
            await asyncio.gather(
                ask("batch", f"/v1/retrievers/{shop}/execute/batch", slow),
                ask("one", f"/v1/retrievers/{shop}/execute", a_query(limit=1)),
            )
        return done

    assert asyncio.run(story()) == ["one", "batch"]


# What would be done.


def plan_of(live: Live, retriever: str, body: Any) -> Any:
    return live.ok("POST", f"/v1/retrievers/{retriever}/execute/explain", body)


def test_a_plan_names_searches_filters_and_bounds(live: Live, products: str):
    stages = (
        a_filter({"colour": "{{INPUT.colour}}"}), a_stage(pre_filters={"price": {"lt": 20}}),
        {"stage_id": "limit", "parameters": {"limit": 4}},
    )  # fmt: skip
    retriever = make_retriever(live, products, *stages)
    body = {"inputs": {"query": "wireless", "colour": "red"}, "filters": {"price": {"gt": 1}}}
    plan = plan_of(live, retriever, body)
    assert plan["retriever_id"] == retriever
    assert plan["retriever_name"].startswith("search")
    assert plan["total_estimated_stages"] == 3
    before, search, limit = plan["execution_plan"]
    assert before["filters"] == [{"field": "colour", "operator": "eq", "value": "red"}]
    assert "pushed down" in before["optimization_notes"][0]
    assert plan["optimization_applied"] is True
    assert [(s["query"], s["top_k"], s["collections"]) for s in search["searches"]] == [
        ("wireless", 100, [products])] * 2  # fmt: skip
    pushed = json.dumps(search["filters"])
    assert all(name in pushed for name in ('"colour"', '"gt"', '"lt"'))
    assert (search["estimated_input"], search["estimated_output"]) == (30, 25)
    assert (limit["estimated_input"], limit["estimated_output"]) == (25, 4)
    assert search["measured_executions"] == 0
    assert search["estimated_duration_ms"] == 0
    listed = live.ok("POST", f"/v1/retrievers/{retriever}/executions/list", {})
    assert listed["results"] == []
    for _ in range(3):
        live.ok("POST", f"/v1/retrievers/{retriever}/execute", body)
    again = plan_of(live, retriever, body)
    assert again["execution_plan"][1]["measured_executions"] == 3
    assert again["execution_plan"][1]["estimated_duration_ms"] > 0
    assert "feature_search" in again["bottleneck_stages"]


def test_a_plan_without_inputs_says_what_is_missing(live: Live, shop: str):
    (search,) = plan_of(live, shop, {})["execution_plan"]
    assert search["searches"][0]["query"] is None
    assert "inputs.query" in search["warnings"][0]


def test_suggestions_are_true(live: Live, products: str):
    unknown = make_retriever(
        live, products, a_stage([a_search(), a_search("desireline://none@v1")])
    )
    kinds = {s["type"]: s for s in plan_of(live, unknown, a_query())["optimization_suggestions"]}
    assert set(kinds) == {"register_feature"}
    assert "desireline://none@v1" in kinds["register_feature"]["message"]
    behind = make_retriever(live, products, a_stage(), a_filter({"colour": "red"}))
    (found,) = plan_of(live, behind, a_query())["optimization_suggestions"]
    assert (found["type"], found["stage"]) == ("reorder_stages", "attribute_filter")
    scored = make_retriever(live, products, a_stage(), a_filter({"score": {"gt": 0}}))
    assert plan_of(live, scored, a_query())["optimization_suggestions"] == []
    one = make_retriever(live, products, a_stage([a_search(IMAGE)], fusion="learned"))
    (found,) = plan_of(live, one, a_query())["optimization_suggestions"]
    assert found["type"] == "add_search"


def test_an_execution_can_bring_its_plan(live: Live, shop: str):
    for answer in (execute(live, shop, explain=True), live.ok(
        "POST", f"/v1/retrievers/{shop}/execute?explain=true", a_query()
    )):  # fmt: skip
        (stage,) = answer["explain_plan"]["execution_plan"]
        assert stage["actual_output"] == len(answer["documents"]) == 25
        assert stage["actual_duration_ms"] > 0
    assert "explain_plan" not in execute(live, shop)


# Which stages there are.


def test_every_stage_is_listed_with_its_schema(live: Live, products: str):
    kinds = {each["stage_id"]: each for each in live.ok("GET", "/v1/retrievers/stages")}
    assert {
        "feature_search",
        "attribute_filter",
        "limit",
        "mmr",
        "rerank",
        "sample",
    } <= kinds.keys()
    for each in kinds.values():
        assert each["description"]
        assert each["icon"]
        schema = each["parameter_schema"]
        named = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        assert named["type"] == "object"
        assert named["additionalProperties"] is False
    search = kinds["feature_search"]["parameter_schema"]["$defs"]["FeatureSearch"]["properties"]
    assert search["final_top_k"]["maximum"] == 5000
    reduce = live.ok("GET", "/v1/retrievers/stages?category=reduce")
    assert {each["stage_id"] for each in reduce} == {"limit", "deduplicate", "sample"}
    assert live.ok("GET", "/v1/retrievers/stages?category=enrich") == []
    error = live.refused("GET", "/v1/retrievers/stages?category=fliter")
    assert "filter" in error["hint"]
