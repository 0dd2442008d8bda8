"""Answers: typed where declared, whole everywhere; and the errors."""

from __future__ import annotations

import copy
import json

import msgspec
import pytest

from desireline import ApiError, errors
from desireline.client import errors as raised
from desireline.client.answers import Execution, Page, Retriever
from desireline.client.calls import Target, path_of
from desireline.client.errors import NotUnderstood, refusal
from desireline.client.reading import Open, read

ANSWER = {
    "retriever_id": "ret_1", "execution_id": "exec_1", "status": "completed", "new_key": {"a": [1]},
    "documents": [
        {"document_id": "d1", "score": 1, "title": "boots", "get": "a field",
         "colour": {"name": "red"},
         "attribution": [{"feature_uri": "u", "weight": 0.5, "later": True}]},
    ],
    "pagination": {"total": 1}, "learned_fusion_context": {"sampled_weights": {"u": 1.0}},
}  # fmt: skip


def test_nested_objects_read_as_attributes_and_as_mappings():
    answer = read(Execution, ANSWER)
    first = answer.documents[0]
    assert (first.document_id, first["document_id"], first.score) == ("d1", "d1", 1.0)
    assert first.title == first["title"] == answer["documents"][0]["title"] == "boots"
    assert first.colour.name == first["colour"]["name"] == "red"
    assert first.attribution[0].weight == 0.5
    assert first.attribution[0].later is True
    assert first["get"] == "a field"  # a field may be named like a method: read it by key
    assert answer.learned_fusion_context.sampled_weights["u"] == 1.0
    assert answer["learned_fusion_context"]["sampled_weights"] == {"u": 1.0}
    assert answer.pagination.total == answer.pagination["total"] == 1


def test_what_is_not_declared_is_kept_and_what_is_not_sent_has_a_default():
    answer = read(Execution, ANSWER)
    assert answer.new_key.a == [1]
    assert answer.warnings == []
    assert "warnings" not in answer
    assert answer.get("warnings", "none") == "none"
    with pytest.raises(KeyError):
        answer["warnings"]
    with pytest.raises(AttributeError, match="no `nothing`"):
        answer.nothing  # noqa: B018
    assert json.loads(json.dumps(answer.sent)) == ANSWER
    assert dict(answer).keys() == ANSWER.keys()
    assert copy.deepcopy(answer.pagination) == Open(total=1)


def test_a_declared_field_of_another_type_is_said():
    with pytest.raises(NotUnderstood, match=r"\$.version"):
        read(Retriever, {"retriever_id": "r", "retriever_name": "n", "version": "one"})


def test_values_do_not_change():
    answer = read(Execution, ANSWER)
    with pytest.raises(AttributeError):
        answer.status = "failed"


def test_a_page_holds_rows_of_its_kind():
    page = read(
        Page[Retriever], {"results": [{"retriever_id": "r", "retriever_name": "n", "x": 1}]}
    )
    assert (page.results[0].x, page.pagination.next_cursor) == (1, None)


KINDS = [
    (400, "not_json", "BadRequest"), (401, "unauthorized", "Unauthorized"),
    (403, "forbidden", "Forbidden"), (403, "not_offered", "NotAvailable"),
    (404, "not_found", "NotFound"), (404, "no_such_route", "NotAvailable"),
    (405, "method_not_allowed", "NotAvailable"), (409, "already_exists", "AlreadyExists"),
    (409, "version_conflict", "VersionConflict"), (413, "payload_too_large", "PayloadTooLarge"),
    (422, "wrong_type", "Invalid"), (422, "not_available", "NotAvailable"),
    (422, "stage_not_available", "NotAvailable"), (429, "too_many_requests", "TooManyRequests"),
    (503, "intake_full", "Unavailable"), (507, "storage_full", "StorageFull"),
    (500, "internal_error", "ServerError"), (418, "teapot", "ApiError"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "kind"), KINDS)
def test_an_error_is_of_the_kind_its_code_says(status: int, code: str, kind: str):
    body = msgspec.json.encode({"error": {"code": code, "message": "m"}, "request_id": "r7"})
    error = refusal(status, {}, body, "GET /v1/x")
    assert type(error).__name__ == kind
    assert (error.status, error.code, error.request_id) == (status, code, "r7")
    assert isinstance(error, ApiError)
    assert isinstance(error, errors.DesirelineError)
    assert error.retryable == (status in (429, 503))
    assert "r7" in str(error)


def test_each_kind_is_also_the_servers_own():
    names = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    ours = {
        n: k for n, k in vars(raised).items() if isinstance(k, type) and issubclass(k, ApiError)
    }
    shared = [name for name in ours if name in names]
    assert len(shared) >= 11
    assert all(issubclass(ours[name], getattr(errors, name)) for name in shared)


def test_an_error_names_its_places():
    places = [{"path": "$.stages[0].fusion", "type": "wrong_value", "message": "no", "hint": "rrf"}]
    body = {
        "error": {"code": "wrong_value", "message": "no", "details": {"validation_errors": places}}
    }
    error = refusal(422, {}, msgspec.json.encode(body), "POST /v1/retrievers")
    assert error.path == "$.stages[0].fusion"
    assert (error.fields[0].code, error.fields[0].hint) == ("wrong_value", "rrf")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"error": "text"}', b'{"error": null}'])
def test_any_refusal_can_be_read(content: bytes):
    error = refusal(503, {"retry-after": "2"}, content, "GET /v1/x")
    assert (error.status, error.retry_after_s, error.path) == (503, 2.0, "")


def test_where_and_who_come_from_arguments_else_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DESIRELINE_API_KEY", "key-1")
    monkeypatch.setenv("DESIRELINE_BASE_URL", "https://host/api/v1/")
    monkeypatch.setenv("DESIRELINE_NAMESPACE", "shop")
    named = Target.of(None, None, None)
    assert named.base_url == "https://host/api/v1"
    assert named.headers()["Authorization"] == "Bearer key-1"
    assert named.headers()["X-Namespace"] == "shop"
    given = Target.of("http://other", "", "")
    assert given.base_url == "http://other/v1"
    assert not {"Authorization", "X-Namespace"} & given.headers().keys()


@pytest.mark.parametrize("wrong", ["", None, 7])
def test_an_id_is_a_text(wrong: object):
    with pytest.raises(ValueError, match="behind `retrievers`"):
        path_of("retrievers", wrong)  # type: ignore[arg-type]
