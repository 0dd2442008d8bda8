"""Namespaces over HTTP: made, listed, filled with own vectors, deleted; with keys and without."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.live import (
    Live,
    a_name,
    a_search,
    a_stage,
    execute,
    ids,
    key,
    make_collection,
    serving,
)

RED, BLUE = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]


def standalone(live: Live, **fields: Any) -> Any:
    configs = [{"name": "text", "dimension": 4}]
    body = {"namespace_name": a_name("vectors"), "vector_configs": configs, **fields}
    return live.ok("POST", "/v1/namespaces/standalone", body)


def fill(live: Live, namespace: str, *documents: dict[str, Any], **fields: Any) -> Any:
    body = {"documents": list(documents), **fields}
    return live.ok("POST", f"/v1/namespaces/{namespace}/documents/upsert", body)


def nearest(live: Live, namespace: str, vector: list[float], name: str = "text") -> list[str]:
    search = a_search(name, query=vector)
    body = {"retriever_name": a_name("near"), "stages": [a_stage([search])]}
    made = live.ok("POST", "/v1/retrievers", body, X_Namespace=namespace)
    sent = {"inputs": {}}
    path = f"/v1/retrievers/{made['retriever_id']}/execute"
    return ids(live.ok("POST", path, sent, X_Namespace=namespace))


def test_a_managed_namespace_is_a_world_of_its_own(live: Live):
    name = a_name("acme")
    made = live.ok("POST", "/v1/namespaces", {"namespace_name": name, "description": "a shop"})
    assert (made["mode"], made["vector_configs"], made["collection_count"]) == ("managed", None, 0)
    assert made["namespace_id"].startswith("ns_")
    for reference in (name, made["namespace_id"], made["namespace_id"][3:]):
        assert live.ok("GET", f"/v1/namespaces/{reference}")["namespace_name"] == name
    body = {"collection_name": "things", "features": []}
    live.ok("POST", "/v1/collections", body, X_Namespace=name)
    assert live.ok("GET", f"/v1/namespaces/{name}")["collection_count"] == 1
    listed = live.ok("GET", "/v1/collections", X_Namespace=made["namespace_id"])["results"]
    assert [each["collection_name"] for each in listed] == ["things"]
    assert live.refused("GET", "/v1/collections/things")["status"] == 404
    taken = live.refused("POST", "/v1/namespaces", {"namespace_name": name})
    assert (taken["status"], taken["code"]) == (409, "namespace_name_taken")


def test_namespaces_are_listed_and_searched(live: Live):
    name = a_name("listed")
    live.ok("POST", "/v1/namespaces", {"namespace_name": name})
    page = live.ok("POST", "/v1/namespaces/list", {"search": name.upper()})
    assert ([each["namespace_name"] for each in page["results"]], page["total_count"]) == (
        [name],
        1,
    )
    whole = live.ok("GET", "/v1/namespaces?page_size=1000")
    assert {"default", name} <= {each["namespace_name"] for each in whole["results"]}
    assert len(live.ok("GET", "/v1/namespaces?page_size=1")["results"]) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required_field"),
        ({"namespace_name": "ab"}, "wrong_value"),
        ({"namespace_name": "a" * 65}, "wrong_value"),
        ({"namespace_name": "a/b/c"}, "wrong_value"),
        ({"namespace_name": "standalone"}, "reserved_name"),
        ({"namespace_name": "0" * 32}, "reserved_name"),
        ({"namespace_name": "acme", "namespace_id": "other"}, "not_available"),
        ({"namespace_name": "acme", "ttl_seconds": 60}, "not_available"),
        ({"namespace_name": "acme", "mode": "managed", "vector_configs": []}, "contradiction"),
        ({"namespace_name": "acme", "nme": 1}, "unknown_field"),
        ({"namespace_name": "acme", "vector_configs": [{"name": "a", "dimension": 0}]},
         "wrong_value"),
        ({"namespace_name": a_name("twice"), "vector_configs": [
            {"name": "a", "dimension": 4}, {"name": "a", "dimension": 4}]}, "duplicate_name"),
    ],
)  # fmt: skip
def test_what_no_namespace_can_be_made_of(live: Live, body: dict[str, Any], code: str):
    assert live.refused("POST", "/v1/namespaces", body)["details"]["validation_errors"][0][
        "type"] == code  # fmt: skip


def test_fields_without_effect_are_named(live: Live):
    body = {"namespace_name": a_name(), "feature_extractors": [{"a": 1}], "scope": "ORG"}
    warnings = live.ok("POST", "/v1/namespaces", body)["warnings"]
    assert warnings == ["`feature_extractors` has no effect", "`scope` has no effect"]


def test_own_vectors_are_searched_by_their_name(live: Live):
    made = standalone(live)
    name = made["namespace_name"]
    assert made["mode"] == "standalone"
    assert made["vector_configs"] == [{"name": "text", "dimension": 4, "metric": "cosine"}]
    sent = fill(
        live, name,
        {"document_id": "red", "vectors": {"text": RED}, "payload": {"colour": "red"},
         "metadata": {"shop": 1}},
        {"document_id": "blue", "_vectors": {"text": BLUE}, "colour": "blue"},
        {"document_id": "bare", "payload": {"colour": "none"}},
        options={"write_token": True},
    )  # fmt: skip
    assert (sent["inserted"], sent["failed"]) == (3, 0)
    assert sent["unsearchable_document_ids"] == ["bare"]
    assert "write_token" in sent["warnings"][0]
    assert nearest(live, name, BLUE)[0] == "blue"
    assert nearest(live, name, RED)[0] == "red"
    (collection,) = live.ok("GET", "/v1/collections", X_Namespace=name)["results"]
    assert collection["collection_id"] == made["collection_id"]
    path = f"/v1/collections/{made['collection_id']}/documents/red"
    document = live.ok("GET", path, X_Namespace=name)
    assert (document["colour"], document["metadata"]) == ("red", {"shop": 1})
    assert live.ok("GET", f"/v1/namespaces/{name}")["document_count"] == 3


def test_distance_is_the_one_that_was_configured(live: Live):
    configs = [{"name": "text", "dimension": 4, "metric": "dot_product"}]
    made = standalone(live, vector_configs=configs)
    long, near = {"text": [9.0, 9.0, 0.0, 0.0]}, {"text": [1.0, 0.0, 0.0, 0.0]}
    namespace = made["namespace_id"]
    fill(live, namespace, {"document_id": "long", "vectors": long},
         {"document_id": "near", "vectors": near})  # fmt: skip
    assert nearest(live, namespace, RED) == ["long", "near"]
    twin = standalone(live)["namespace_id"]
    fill(live, twin, {"document_id": "long", "vectors": long},
         {"document_id": "near", "vectors": near})  # fmt: skip
    assert nearest(live, twin, RED) == ["near", "long"]


def test_without_configs_vector_names_come_with_the_documents(live: Live):
    made = live.ok("POST", "/v1/namespaces/standalone", {"namespace_id": a_name("open")})
    name = made["namespace_name"]
    assert made["vector_configs"] == []
    fill(live, name, {"document_id": "red", "vectors": {"text": RED}})
    fill(live, name, {"document_id": "blue", "vectors": {"text": BLUE, "image": [1.0, 2.0]}})
    names = {each["name"]: each["dimension"] for each in
             live.ok("GET", f"/v1/namespaces/{name}")["vector_configs"]}  # fmt: skip
    assert names == {"text": 4, "image": 2}
    assert nearest(live, name, BLUE)[0] == "blue"
    assert nearest(live, name, [1.0, 2.0], "image") == ["blue"]


def test_new_vector_names_of_many_requests_at_once_are_all_kept(live: Live):
    made = live.ok("POST", "/v1/namespaces/standalone", {"namespace_id": a_name("busy")})
    name = made["namespace_name"]

    def put(number: int) -> int:
        vectors = {f"v{number}": [1.0, 0.5]}
        body = {"documents": [{"document_id": f"d{number}", "vectors": vectors}]}
        path = f"{live.url}/v1/namespaces/{name}/documents/upsert"
        return httpx.post(path, json=body, timeout=30).status_code

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(put, range(6))) == {200}
    after = live.ok("GET", f"/v1/namespaces/{name}")
    assert {each["name"] for each in after["vector_configs"]} == {f"v{n}" for n in range(6)}
    assert after["document_count"] == 6
    for number in range(6):
        assert nearest(live, name, [1.0, 0.5], f"v{number}") == [f"d{number}"]


def test_a_standalone_namespace_outlives_a_restart(tmp_path: Path):
    with serving(tmp_path) as server:
        server.ok("POST", "/v1/namespaces/standalone", {"namespace_id": "kept"})
        fill(server, "kept", {"document_id": "red", "vectors": {"text": RED}})
    with serving(tmp_path) as server:
        assert server.ok("GET", "/v1/namespaces/kept")["mode"] == "standalone"
        fill(server, "kept", {"document_id": "blue", "vectors": {"other": BLUE}})
        assert nearest(server, "kept", RED) == ["red"]
        server.ok("DELETE", "/v1/namespaces/kept")
    with serving(tmp_path) as server:
        assert server.refused("GET", "/v1/namespaces/kept")["status"] == 404
        index = tmp_path / "data" / "index"
        assert not [path for path in index.rglob("*") if path.is_file()]


def test_one_bad_document_costs_only_itself(live: Live):
    name = standalone(live)["namespace_name"]
    sent = fill(
        live, name,
        {"document_id": "a", "vectors": {"text": RED}, "acl": {"public": True}},
        {"document_id": "b", "vectors": {"text": [1.0]}},
        {"document_id": "c", "vectors": {"other": RED}},
        {"document_id": "d", "vectors": {"text": RED}},
    )  # fmt: skip
    assert [each["status"] for each in sent["results"]] == ["failed"] * 3 + ["upserted"]
    assert sent["document_ids"] == ["d"]
    paths = [each["error"]["path"] for each in sent["results"][:3]]
    assert paths[0] == "$.documents[0].acl"
    assert paths[1].startswith("$.documents[1].vectors")
    assert paths[2].startswith("$.documents[2].vectors")


def test_a_managed_namespace_has_no_collection_of_its_own(live: Live):
    collection = make_collection(live, documents=0)
    path = "/v1/namespaces/default/documents/upsert"
    body = {"documents": [{"document_id": "x", "title": "earbuds"}]}
    assert live.refused("POST", path, body)["code"] == "managed_namespace"
    sent = live.ok("POST", path, {**body, "collection_id": collection})
    assert sent["document_ids"] == ["x"]
    assert live.refused("POST", path, {"documents": []})["code"] == "empty"


def test_deletion_takes_everything_defined_and_names_what_stays(live: Live):
    made = standalone(live)
    name = made["namespace_name"]
    fill(live, name, {"document_id": "red", "vectors": {"text": RED}})
    nearest(live, name, RED)
    gone = live.ok("DELETE", f"/v1/namespaces/{name}")
    assert gone["removed"] == {"collections": 1, "retrievers": 1, "keys_revoked": 0}
    assert "log" in gone["kept"][0]["what"]
    assert "DELETE /v1/retrievers/interactions" in gone["kept"][0]["erase"]
    refused = live.refused("GET", "/v1/collections", X_Namespace=name)
    assert (refused["status"], refused["code"]) == (404, "namespace_not_found")
    assert name in refused["message"]
    assert live.refused("DELETE", f"/v1/namespaces/{name}")["status"] == 404
    again = standalone(live, namespace_name=name)
    assert again["namespace_id"] != made["namespace_id"]
    assert again["document_count"] == 0


def test_the_default_namespace_stays(live: Live):
    refused = live.refused("DELETE", "/v1/namespaces/default")
    assert (refused["status"], refused["code"]) == (409, "default_namespace")


@pytest.mark.parametrize("action", ["clone", "promote"])
def test_copies_and_promotion_are_refused_by_name(live: Live, action: str):
    refused = live.refused("POST", f"/v1/namespaces/default/{action}", {"namespace_name": "x"})
    assert (refused["status"], refused["type"]) == (403, "NotEnabledError")
    assert refused["code"] == "not_offered"


def test_an_execution_names_no_other_namespace(live: Live):
    collection = make_collection(live)
    body = {"retriever_name": a_name(), "stages": [a_stage()],
            "collection_identifiers": [collection]}  # fmt: skip
    made = live.ok("POST", "/v1/retrievers", body)
    assert execute(live, made["retriever_id"])["documents"]
    other = standalone(live)["namespace_name"]
    path = f"/v1/retrievers/{made['retriever_id']}/execute"
    assert (
        live.refused("POST", path, {"inputs": {"query": "x"}}, X_Namespace=other)["status"] == 404
    )


# With keys.


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server with an admin key of `default` and one of `acme`."""
    folder = tmp_path_factory.mktemp("keyed")
    operator = key(folder / "data")
    with serving(folder) as live:
        authorized = f"Bearer {operator}"
        live.ok("POST", "/v1/namespaces", {"namespace_name": "acme"}, Authorization=authorized)
        tenant = f"Bearer {key(live.data, '--namespace', 'acme')}"
        wait_for(live, tenant)
        yield live, authorized, tenant


def test_an_operator_makes_namespaces_and_keys_keep_to_theirs(closed: Any):
    live, operator, tenant = closed
    name = a_name("shop")
    body = {"namespace_name": name, "vector_configs": [{"name": "text", "dimension": 4}]}
    refused = live.refused("POST", "/v1/namespaces", body, Authorization=tenant)
    assert (refused["status"], refused["code"]) == (403, "namespace")
    made = live.ok("POST", "/v1/namespaces", body, Authorization=operator)
    assert f"--namespace {name}" in made["warnings"][0]
    seen = live.ok("GET", "/v1/namespaces", Authorization=tenant)["results"]
    assert [each["namespace_name"] for each in seen] == ["acme"]
    assert live.ok("GET", "/v1/namespaces/acme", Authorization=tenant)["mode"] == "managed"
    path = f"/v1/namespaces/{name}"
    assert live.refused("GET", path, Authorization=tenant)["status"] == 403
    documents = {"documents": [{"document_id": "a", "vectors": {"text": RED}}]}
    for who in (operator, tenant):
        refused = live.refused("POST", f"{path}/documents/upsert", documents, Authorization=who)
        assert (refused["status"], refused["code"]) == (403, "namespace")
    own = f"Bearer {key(live.data, '--namespace', name)}"
    wait_for(live, own)
    live.ok("POST", f"{path}/documents/upsert", documents, Authorization=own)
    assert live.ok("DELETE", path, Authorization=operator)["removed"]["keys_revoked"] == 1
    assert live.refused("GET", "/v1/collections", Authorization=own)["status"] == 401


def wait_for(live: Live, secret: str) -> None:
    """Until the server noticed a key that was made beside it."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if live.call("GET", "/v1/collections", Authorization=secret).status == 200:
            return
        time.sleep(0.1)
    pytest.fail("the key was not noticed")
