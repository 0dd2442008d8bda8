"""Bad collections and documents: each refused alone, by its place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live import (
    OWN,
    Live,
    a_document,
    a_name,
    a_stage,
    execute,
    make_collection,
    make_retriever,
)


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


LEXICAL = {"feature_uri": "x", "kind": "lexical", "fields": ["title"]}


@pytest.mark.parametrize(
    ("feature", "place", "code"),
    [
        (LEXICAL | {"kind": "lexica"}, "kind", "wrong_value"),
        (LEXICAL | {"feilds": ["a"]}, "feilds", "unknown_field"),
        ({"feature_uri": "x", "kind": "lexical"}, "fields", "required_field"),
        (LEXICAL | {"dimension": 3}, "dimension", "wrong_place"),
        (LEXICAL | {"fields": [""]}, "fields[0]", "wrong_value"),
        ({"feature_uri": "x", "kind": "dense"}, "dimension", "required_field"),
        ({"feature_uri": "x", "kind": "dense", "dimension": 0}, "dimension", "wrong_value"),
        ({"feature_uri": "x", "kind": "dense", "model": "statik", "fields": ["a"]}, "model",
         "unknown_model"),
        ({"feature_uri": "x", "kind": "field"}, "field", "required_field"),
        ({"kind": "field", "field": "a"}, "feature_uri", "required_field"),
    ],
)  # fmt: skip
def test_a_bad_feature_is_named_with_its_place(live: Live, feature: Any, place: str, code: str):
    body = {"collection_name": a_name("bad"), "features": [feature]}
    error = live.refused("POST", "/v1/collections", body)
    assert (error["status"], places(error)) == (422, {f"$.features[0].{place}": code})


def test_names_are_taken_once(live: Live, products: str, shop: str):
    error = live.refused("POST", "/v1/collections", {"collection_name": products})
    assert (error["status"], error["code"]) == (409, "collection_name_taken")
    other = make_collection(live, 0)
    renamed = {"collection_name": products}
    assert live.refused("PATCH", f"/v1/collections/{other}", renamed)["status"] == 409
    name = live.ok("GET", f"/v1/retrievers/{shop}")["retriever_name"]
    body = {"retriever_name": name, "stages": [a_stage()]}
    assert live.refused("POST", "/v1/retrievers", body)["code"] == "retriever_name_taken"


@pytest.mark.parametrize(
    ("document", "place", "code"),
    [
        ("x", "", "wrong_type"),
        ({"title": "a"}, ".document_id", "required_field"),
        ({"document_id": ""}, ".document_id", "required_field"),
        ({"document_id": "a" * 513}, ".document_id", "required_field"),
        ({"document_id": "z", "_vectors": {OWN: [1.0]}}, f'._vectors["{OWN}"]', "wrong_dimension"),
        ({"document_id": "z", "_vectors": {OWN: [1e300] * 8}}, f'._vectors["{OWN}"]',
         "not_finite"),
        ({"document_id": "z", "_vectors": {OWN: [10**60] * 8}}, f'._vectors["{OWN}"]',
         "not_finite"),
        ({"document_id": "z", "_vectors": {OWN: "abc"}}, f'._vectors["{OWN}"]', "not_finite"),
        ({"document_id": "z", "_vectors": {"nope": [1.0]}}, '._vectors["nope"]',
         "unknown_feature"),
        ({"document_id": "z", "_vectors": []}, None, None),
        ({"document_id": "z", "n": 10**30}, ".n", "not_storable"),
    ],
)  # fmt: skip
def test_a_bad_document_costs_only_itself(
    live: Live, products: str, document: Any, place: str | None, code: str | None
):
    rows = [a_document(0), document, a_document(1)]
    path = f"/v1/collections/{products}/documents/upsert"
    answer = live.ok("POST", path, {"documents": rows})
    if code is None:
        assert answer["failed"] == 0
        return
    assert (answer["upserted"], answer["failed"]) == (2, 1)
    error = answer["results"][1]["error"]
    assert (error["path"], error["code"]) == (f"$.documents[1]{place}", code)
    assert error["message"]


def test_updates_add_up_and_refuse_one_by_one(live: Live):
    collection = make_collection(live, 3)
    root = f"/v1/collections/{collection}/documents"
    updates = [
        {"document_id": "d00", "a": 1}, {"document_id": "d00", "fields": {"b": 2}},
        {"document_id": "nope", "a": 1}, {"a": 1}, {"document_id": "d01", "fields": 3}, "x",
        {"document_id": "d02", "_vectors": {OWN: [1]}}, {"document_id": "d01", "colour": None},
    ]  # fmt: skip
    answer = live.ok("POST", f"{root}/batch", {"updates": updates})
    codes = [result["error"] and result["error"]["code"] for result in answer["results"]]
    assert codes == [None, None, "document_not_found", "required_field", "wrong_type",
                     "wrong_type", "wrong_dimension", None]  # fmt: skip
    paths = [result["error"]["path"] for result in answer["results"] if result["error"]]
    assert paths == [
        "$.updates[2].document_id", "$.updates[3].document_id", "$.updates[4].fields",
        "$.updates[5]", f'$.updates[6]._vectors["{OWN}"]',
    ]  # fmt: skip
    changed = live.ok("GET", f"{root}/d00")
    assert (changed["a"], changed["b"], list(changed["_vectors"])) == (1, 2, [OWN])
    assert "colour" not in live.ok("GET", f"{root}/d01")
    error = live.refused("PATCH", f"{root}/d02", {"_vectors": {OWN: [1]}})
    assert places(error) == {f'$._vectors["{OWN}"]': "wrong_dimension"}
    assert live.refused("PATCH", f"{root}/d02", {"document_id": "d9"})["code"] == "contradiction"
    assert live.refused("PATCH", f"{root}/d99", {"a": 1})["code"] == "document_not_found"


def test_deleted_and_unknown_ids_are_not_found(live: Live):
    collection = make_collection(live, 2)
    retriever = make_retriever(live, collection)
    live.ok("DELETE", f"/v1/collections/{collection}/documents/d00")
    live.ok("DELETE", f"/v1/collections/{collection}/documents/d00")
    root = f"/v1/collections/{collection}"
    assert live.refused("GET", f"{root}/documents/d00")["code"] == "document_not_found"
    live.ok("DELETE", root)
    for method, path in (("GET", root), ("DELETE", root), ("POST", f"{root}/documents/list")):
        error = live.refused(method, path)
        assert (error["status"], error["code"]) == (404, "collection_not_found")
        assert collection in error["message"]
    assert execute(live, retriever)["documents"] == []
    live.ok("DELETE", f"/v1/retrievers/{retriever}")
    root = f"/v1/retrievers/{retriever}"
    for method, path in (
        ("GET", root), ("PATCH", root), ("DELETE", root), ("POST", f"{root}/execute"),
        ("GET", f"{root}/versions"), ("GET", f"{root}/learned-fusion/weights"),
        ("POST", f"{root}/learned-fusion/disable"),
        ("GET", f"/v1/analytics/retrievers/{retriever}/signals"),
    ):  # fmt: skip
        error = live.refused(method, path)
        assert (error["status"], error["code"]) == (404, "retriever_not_found"), (method, path)
        assert error["details"] == {"resource": "retriever", "id": retriever}
    for kind in ("execution", "interaction"):
        error = live.refused("GET", f"/v1/retrievers/{kind}s/{'0' * 32}")
        assert (error["status"], error["code"]) == (404, f"{kind}_not_found")
        kind = f"{kind}s"
        assert live.refused("GET", f"/v1/retrievers/{kind}/nonsense")["code"] == "invalid_id"
