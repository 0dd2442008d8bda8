"""Bad runs and bad lists of other engines: refused with the place and the next step, no 5xx."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.e2e.live import IMAGE, TEXT, Live, a_name, a_stage

HIT = {"document_id": "x", "score": 1.0}


@pytest.fixture(scope="module")
def shop(live: Live) -> str:
    body = {
        "retriever_name": a_name("foreign"), "stages": [a_stage()],
        "input_schema": {"query": {"type": "string", "required": True}},
    }  # fmt: skip
    made: str = live.ok("POST", "/v1/retrievers", body)["retriever_id"]
    return made


def a_run(*hits: Any, uri: Any = TEXT, **more: Any) -> dict[str, Any]:
    return {"feature_uri": uri, "hits": list(hits), **more}


def places(error: Any) -> dict[str, str]:
    return {each["path"]: each["type"] for each in error["details"]["validation_errors"]}


def refused(live: Live, shop: str, route: str, body: Any) -> Any:
    """The refusal of a body, which may hold NaN and Infinity as Python writes them."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return live.refused("POST", f"/v1/retrievers/{shop}/{route}", sent)


RUNS = [
    ({}, "$.runs", "required_field", "feature_uri"),
    ({"runs": []}, "$.runs", "empty", TEXT),
    ({"runs": [a_run(HIT)], "filters": {"a": 1}}, "$.filters", "unknown_field", ""),
    ({"runs": [a_run(HIT)], "limit": 0}, "$.limit", "wrong_value", "1"),
    ({"runs": [a_run(HIT)], "limit": 501}, "$.limit", "wrong_value", "500"),
    ({"runs": [a_run(HIT)], "purpose": "fun"}, "$.purpose", "wrong_value", "traffic"),
    ({"runs": [a_run(HIT)], "inputs": {"user_id": [1]}}, "$.inputs.user_id", "wrong_type", ""),
    ({"runs": [a_run(HIT)], "external_id": "x" * 513}, "$.external_id", None, "512"),
    ({"runs": {"feature_uri": TEXT}}, "$.runs", "wrong_type", "list"),
    ({"runs": [TEXT]}, "$.runs[0]", "wrong_type", ""),
    ({"runs": [{"hits": []}]}, "$.runs[0].feature_uri", "required_field", ""),
    ({"runs": [{"feature_uri": TEXT}]}, "$.runs[0].hits", "required_field", ""),
    ({"runs": [a_run(uri=None)]}, "$.runs[0].feature_uri", "wrong_type", ""),
    ({"runs": [a_run(HIT, weight=2)]}, "$.runs[0].weight", "unknown_field", ""),
    ({"runs": [a_run(HIT, uri=TEXT[:-1])]}, "$.runs[0].feature_uri", "unknown_search", TEXT),
    ({"runs": [a_run(HIT), a_run(HIT)]}, "$.runs[1].feature_uri", "duplicate_name", "one run"),
    ({"runs": [a_run(HIT, HIT)]}, "$.runs[0].hits[1].document_id", "duplicate_name", "once"),
    ({"runs": [a_run({"document_id": "x"})]}, "$.runs[0].hits[0].score", "required_field", ""),
    ({"runs": [a_run({"score": 1})]}, "$.runs[0].hits[0].document_id", "required_field", ""),
    ({"runs": [a_run(HIT | {"rank": 1})]}, "$.runs[0].hits[0].rank", "unknown_field", ""),
    ({"runs": [a_run(HIT | {"document_id": ""})]}, "$.runs[0].hits[0].document_id", None, ""),
    ({"runs": [a_run(HIT | {"document_id": 7})]}, "$.runs[0].hits[0].document_id", "wrong_type",
     ""),
    ({"runs": [a_run(HIT | {"score": "1"})]}, "$.runs[0].hits[0].score", "wrong_type", ""),
    ({"runs": [a_run(HIT | {"score": None})]}, "$.runs[0].hits[0].score", "wrong_type", ""),
    ({"runs": [a_run(HIT | {"score": True})]}, "$.runs[0].hits[0].score", "wrong_type", ""),
    ({"runs": [a_run(HIT | {"score": 1e39})]}, "$.runs[0].hits[0].score", "wrong_value", ""),
    ({"runs": [a_run(), a_run(HIT, HIT | {"document_id": "y", "score": math.nan}, uri=IMAGE)]},
     "$.runs[1].hits[1].score", "not_finite", "finite"),
    ({"runs": [a_run(HIT | {"score": -math.inf})]}, "$.runs[0].hits[0].score", "not_finite",
     "finite"),
    (b'{"runs": [{"feature_uri": "a", "hits": [{"document_id": "x", "score": 1e999}]}]}',
     "$.runs[0].hits[0].score", "not_finite", "finite"),
    ({"runs": [a_run(*[{"document_id": str(n), "score": n} for n in range(5001)])]},
     "$.runs[0].hits", None, "5000"),
    ({"runs": [a_run(HIT, uri=f"es://{n}") for n in range(101)]}, "$.runs", None, "100"),
    ({"runs": [a_run(HIT)], "inputs": {}}, "$.inputs.query", "missing_input", "query"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "path", "code", "hint"), RUNS)
def test_bad_runs_are_named_with_their_place(
    live: Live, shop: str, body: Any, path: str, code: str | None, hint: str
):
    if isinstance(body, dict) and "inputs" not in body:
        body = {"inputs": {"query": "lamp"}, **body}
    error = refused(live, shop, "fuse", body)
    assert error["status"] == 422
    found = places(error)
    assert path in found, error
    assert code in (None, found[path])
    assert hint in f"{error['hint']} {error['message']}", error


SHOWN = [
    ({}, "$.shown", "required_field"),
    ({"shown": [HIT, HIT]}, "$.shown[1].document_id", "duplicate_name"),
    ({"shown": [{"score": 1}]}, "$.shown[0].document_id", "required_field"),
    ({"shown": [HIT | {"score": math.inf}]}, "$.shown[0].score", "not_finite"),
    ({"shown": [HIT | {"position": 0}]}, "$.shown[0].position", "unknown_field"),
    ({"shown": [{"document_id": str(n)} for n in range(501)]}, "$.shown", None),
    ({"shown": [HIT], "occurred_at": "yesterday"}, "$.occurred_at", "invalid_time"),
    ({"shown": [HIT], "occurred_at": 17}, "$.occurred_at", "wrong_type"),
    ({"shown": [HIT], "limit": 10}, "$.limit", "unknown_field"),
    ({"shown": [HIT], "runs": []}, "$.runs", "unknown_field"),
    ({"shown": [HIT], "session_id": "x" * 513}, "$.inputs.session_id", "too_long"),
]


@pytest.mark.parametrize(("body", "path", "code"), SHOWN)
def test_bad_lists_are_named_with_their_place(
    live: Live, shop: str, body: Any, path: str, code: str | None
):
    error = refused(live, shop, "executions", body)
    assert error["status"] == 422
    found = places(error)
    assert path in found, error
    assert code in (None, found[path])


BODIES = {
    b"{": (400, "not_json"), b'{"a": "\xff"}': (400, "not_utf8"), b"[" * 100_000: (400, "too_deep"),
    b"[]": (422, "wrong_type"), b"null": (422, "wrong_type"),
    b'{"shown": [NaN': (400, "not_json"), b'"NaN"': (422, "wrong_type"),
}  # fmt: skip


@pytest.mark.parametrize("route", ["fuse", "executions"])
def test_what_is_no_body_is_refused(live: Live, shop: str, route: str):
    for body, expected in BODIES.items():
        error = refused(live, shop, route, body)
        assert (error["status"], error["code"]) == expected, body
    error = live.refused("POST", f"/v1/retrievers/nobody/{route}", {"runs": [], "shown": []})
    assert error["status"] in (404, 422)
    error = live.refused("POST", f"/v1/retrievers/{shop}/{route}?fast=true", {})
    assert places(error) == {"query.fast": "unknown_field"}
    error = live.refused(
        "POST", f"/v1/retrievers/{shop}/executions", {"shown": []}, Idempotency_Key="k" * 256
    )
    assert error["code"] == "too_long"


def test_odd_ids_pass_through_and_can_be_clicked(live: Live, shop: str):
    names = ["a/b?c#d", "ünï\u0000cödé", "  ", "0", "x" * 512, "$.runs[0]", "{{INPUT.query}}"]
    hits = [{"document_id": name, "score": -number} for number, name in enumerate(names)]
    body = {"inputs": {"query": "q"}, "runs": [a_run(*hits), a_run(uri=IMAGE)]}
    answer = live.ok("POST", f"/v1/retrievers/{shop}/fuse", body)
    assert [each["document_id"] for each in answer["documents"]] == names
    logged = live.ok("POST", f"/v1/retrievers/{shop}/executions", {"shown": hits})
    live.learn()
    for each in (answer, logged):
        found = live.ok("GET", f"/v1/retrievers/executions/{each['execution_id']}")
        assert [document["document_id"] for document in found["documents"]] == names
