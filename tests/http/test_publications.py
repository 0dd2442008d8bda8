"""Clones and publications over HTTP, and what strangers may do with what is published."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.live import (
    IMAGE,
    TEXT,
    Live,
    a_name,
    a_search,
    a_stage,
    click,
    execute,
    ids,
    key,
    make_collection,
    make_retriever,
    serving,
)

LEARNED = a_stage(fusion="learned", learning_config={"exploration_traffic": 0.0})


@pytest.fixture(scope="module")
def shop(live: Live) -> str:
    return make_collection(live)


def publish(live: Live, retriever: str, **body: Any) -> Any:
    return live.ok("POST", f"/v1/retrievers/{retriever}/publish", body or None)


def public(live: Live, name: str, **inputs: Any) -> Any:
    body = {"inputs": {"query": "wireless earbuds", **inputs}}
    return live.ok("POST", f"/v1/public/retrievers/{name}/execute", body)


def act(answer: Any, place: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "document_id": ids(answer)[place], "interaction_type": ["CLICK"], "position": place,
        "execution_id": answer["execution_id"], **fields,
    }  # fmt: skip


# Clones.


def test_a_clone_is_the_same_recipe_without_what_was_learned(live: Live, shop: str):
    source = make_retriever(
        live, shop, LEARNED, description="ours", tags=["a"], metadata={"k": 1},
        input_schema={"query": {"type": "string", "required": True}},
    )  # fmt: skip
    click(live, execute(live, source, inputs={"user_id": "u1"}), 0)
    live.learn()
    live.ok("POST", f"/v1/retrievers/{source}/learned-fusion/opt-out/u9")
    made = live.ok("POST", f"/v1/retrievers/{source}/clone", {"retriever_name": a_name("clone")})
    clone, before = made["retriever"], live.ok("GET", f"/v1/retrievers/{source}")
    assert made["source_retriever_id"] == source
    same = ("stages", "description", "tags", "metadata", "input_schema", "collection_identifiers")
    assert {name: clone[name] for name in same} == {name: before[name] for name in same}
    assert (clone["version"], clone["is_published"]) == (1, False)
    assert "learned nothing" in made["warnings"][0]
    stats = live.ok("GET", f"/v1/retrievers/{clone['retriever_id']}/learned-fusion/stats")
    assert (stats["lessons"], stats["opted_out_users"]) == (0, 0)
    assert live.ok("GET", f"/v1/retrievers/{source}/learned-fusion/stats")["lessons"] == 1


@pytest.mark.parametrize("form", ["flat", "nested"])
def test_overrides_replace_what_they_name(live: Live, shop: str, form: str):
    source = make_retriever(live, shop, a_stage(fusion="rrf"), tags=["a"])
    other = a_stage([a_search(TEXT, weight=0.7), a_search(IMAGE, weight=0.3)], fusion="weighted")
    changes = {"stages": [other], "tags": ["b"], "collection_ids": [], "description": "new",
               "input_schema": {"query": {"type": "string"}}}  # fmt: skip
    sent = changes if form == "flat" else {"overrides": changes}
    path = f"/v1/retrievers/{source}/clone"
    clone = live.ok("POST", path, {"retriever_name": a_name("clone"), **sent})["retriever"]
    assert (clone["fusion"], clone["tags"], clone["description"]) == ("weighted", ["b"], "new")
    assert clone["collection_identifiers"] == []
    assert clone["input_schema"]["query"]["type"] == "string"
    assert live.ok("GET", f"/v1/retrievers/{source}")["fusion"] == "rrf"


def test_a_clone_needs_a_free_name(live: Live, shop: str):
    source = make_retriever(live, shop)
    name = live.ok("GET", f"/v1/retrievers/{source}")["retriever_name"]
    path = f"/v1/retrievers/{source}/clone"
    assert live.refused("POST", path, {"retriever_name": name})["code"] == "retriever_name_taken"
    assert live.refused("POST", path, {})["code"] == "required_field"
    assert live.refused("POST", path, {"retriever_name": "list"})["code"] == "reserved_name"
    wrong = {"retriever_name": a_name(), "overrides": {"tag": []}}
    assert live.refused("POST", path, wrong)["code"] == "unknown_field"
    wrong = {"retriever_name": a_name(), "input_schema": {"q": {"type": "word"}}}
    assert live.refused("POST", path, wrong)["code"] == "wrong_value"


# Publications.


def test_publishing_without_a_body_makes_a_name(live: Live, shop: str):
    retriever = make_retriever(live, shop, retriever_name=a_name("My Shop!"))
    assert live.refused("GET", f"/v1/retrievers/{retriever}/publish")["code"] == "not_published"
    made = publish(live, retriever)
    assert made["public_name"].startswith("my-shop-")
    assert made["public_url"].startswith(live.url)
    assert made["public_url"].endswith(f"/v1/public/retrievers/{made['public_name']}/execute")
    assert live.ok("GET", f"/v1/retrievers/{retriever}/publish") == made
    assert live.ok("GET", f"/v1/retrievers/{retriever}")["is_published"] is True
    assert live.ok("POST", made["public_url"].removeprefix(live.url), {
        "inputs": {"query": "wireless"}})["documents"]  # fmt: skip


def test_names_of_a_publication_change_and_are_taken_back(live: Live, shop: str):
    retriever, first, second = make_retriever(live, shop), a_name("first"), a_name("second")
    path = f"/v1/retrievers/{retriever}/publish"
    assert live.refused("PATCH", path, {"display_name": "x"})["code"] == "not_published"
    publish(live, retriever, public_name=first, display_name="The shop")
    changed = live.ok("PATCH", path, {"public_name": second, "description": "all of it"})
    assert changed["display_name"] == "The shop"
    assert changed["public_id"] == second
    assert live.refused("GET", f"/v1/public/retrievers/{first}/config")["status"] == 404
    config = live.ok("GET", f"/v1/public/retrievers/{second}/config")
    assert (config["display_name"], config["description"]) == ("The shop", "all of it")
    assert "stages" not in config
    assert live.ok("DELETE", path)["message"] == "not public any more"
    assert live.ok("DELETE", path)["message"] == "it was not published"
    assert live.refused("GET", f"/v1/public/retrievers/{second}/config")["code"] == "not_published"
    assert live.ok("GET", f"/v1/retrievers/{retriever}")["is_published"] is False


def test_a_public_name_is_one_retrievers(live: Live, shop: str):
    one, other, name = make_retriever(live, shop), make_retriever(live, shop), a_name("mine")
    publish(live, one, public_name=name)
    path = f"/v1/retrievers/{other}/publish"
    taken = live.refused("POST", path, {"public_name": name})
    assert (taken["status"], taken["code"]) == (409, "public_name_taken")
    assert live.refused("POST", path, {"public_name": "No Slug"})["status"] == 422
    assert live.refused("POST", path, {"password_secret_name": "x"})["code"] == "not_available"
    live.ok("DELETE", f"/v1/retrievers/{one}")
    assert live.refused("GET", f"/v1/public/retrievers/{name}/config")["status"] == 404
    publish(live, other, public_name=name)


def test_the_stages_of_what_is_published_stay(live: Live, shop: str):
    retriever = make_retriever(live, shop)
    name = publish(live, retriever)["public_name"]
    path = f"/v1/retrievers/{retriever}"
    refused = live.refused("PATCH", path, {"stages": [a_stage(fusion="max")]})
    assert (refused["status"], refused["code"]) == (422, "published")
    assert name in refused["message"]
    assert "clone" in refused["hint"]
    changed = live.ok("PATCH", path, {"description": "still mine"})["retriever"]
    assert (changed["description"], changed["is_published"]) == ("still mine", True)
    live.ok("DELETE", f"{path}/publish")
    assert live.ok("PATCH", path, {"stages": [a_stage(fusion="max")]})["retriever"]["fusion"] == (
        "max")  # fmt: skip


def test_a_publication_outlives_a_restart(tmp_path: Any):
    with serving(tmp_path) as server:
        name = publish(server, make_retriever(server, make_collection(server)))["public_name"]
    with serving(tmp_path) as server:
        assert public(server, name)["documents"]


# Strangers.


def test_strangers_search_and_act_in_a_session(live: Live, shop: str):
    retriever = make_retriever(live, shop, LEARNED)
    name = publish(live, retriever)["public_name"]
    path, who = f"/v1/public/retrievers/{name}", {"X_Session_ID": "visit-1"}
    body = {"inputs": {"query": "wireless earbuds"}}
    answer = live.ok("POST", f"{path}/execute", body, **who)
    assert answer["documents"]
    sent = live.ok("POST", f"{path}/interactions", act(answer, 1, metadata={"a": 1}), **who)
    assert set(sent) == {"success", "interaction_id", "deduplicated", "attribution", "warning"}
    assert (sent["attribution"], sent["deduplicated"]) == ("logged", False)
    again = live.ok("POST", f"{path}/interactions", act(answer, 1), **who)
    assert (again["interaction_id"], again["deduplicated"]) == (None, True)
    live.ok("POST", "/v1/admin/flush")
    row = live.ok("GET", f"/v1/retrievers/interactions/{sent['interaction_id']}")
    assert (row["interaction_type"], row["session_id"]) == (["click"], "visit-1")
    assert row["user_id"] is None
    assert row["rank"] == 1


def test_strangers_see_the_fields_that_are_exposed(live: Live):
    rows = [{"document_id": "d", "title": "wireless", "cost": {"own": 3, "sale": 9}, "note": "x"}]
    shop = make_collection(live, rows)
    config = {"exposed_fields": ["title", "cost.sale", "nothing.here", "note.deep"]}
    retriever = make_retriever(live, shop, a_stage([a_search(TEXT)]), display_config=config)
    name = publish(live, retriever)["public_name"]
    (document,) = public(live, name)["documents"]
    assert set(document) >= {"document_id", "score", "position", "rank", "attribution"}
    assert (document["title"], document["cost"]) == ("wireless", {"sale": 9})
    assert "note" not in document
    body = {"query": "wireless", "include_legacy_results": True}
    answer = live.ok("POST", f"/v1/public/retrievers/{name}/execute", body)
    assert answer["results"] == answer["documents"]
    assert execute(live, retriever)["documents"][0]["note"] == "x"


def test_strangers_are_anonymous(live: Live, shop: str):
    name = publish(live, make_retriever(live, shop))["public_name"]
    path = f"/v1/public/retrievers/{name}"
    for body in ({"inputs": {"query": "x", "user_id": "u"}}, {"query": "x", "user_id": "u"},
                 {"query": {"query": "x", "user_id": "u"}}, {"query": "x", "purpose": "test"},
                 {"query": "x", "stream": True}, {"query": "x", "explain": True},
                 {"query": "x", "return_vectors": True}):  # fmt: skip
        assert live.refused("POST", f"{path}/execute", body)["code"] == "anonymous"
    answer = public(live, name)
    refused = live.refused("POST", f"{path}/interactions", act(answer, user_id="u"))
    assert refused["details"]["validation_errors"][0]["path"] == "$.user_id"
    long = {"X_Session_ID": "s" * 513}
    assert live.refused("POST", f"{path}/execute", {"query": "x"}, **long)["code"] == "too_long"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("execution_id", None, "required_field"), ("position", None, "required_field"),
     ("document_id", None, "required_field"), ("result_set_size", 0, "wrong_value"),
     ("position", -1, "wrong_value"), ("interaction_type", ["Bad Type!"], "interaction_type_name"),
     ("execution_id", "exec_nope", "unknown_execution")],
)  # fmt: skip
def test_what_a_strangers_act_needs(live: Live, shop: str, field: str, value: Any, code: str):
    name = publish(live, make_retriever(live, shop))["public_name"]
    body = act(public(live, name)) | {field: value}
    sent = {name: value for name, value in body.items() if value is not None}
    path = f"/v1/public/retrievers/{name}/interactions"
    refused = live.refused("POST", path, sent)
    places = refused["details"]["validation_errors"]
    assert places[0]["type"] == code
    assert refused["status"] == 422


def test_strangers_act_on_this_retriever_only(live: Live, shop: str):
    name = publish(live, make_retriever(live, shop))["public_name"]
    foreign = execute(live, make_retriever(live, shop))
    path = f"/v1/public/retrievers/{name}/interactions"
    assert live.refused("POST", path, act(foreign))["code"] == "unknown_execution"
    live.ok("POST", "/v1/admin/flush")
    assert live.refused("POST", path, act(foreign))["code"] == "unknown_execution"


def test_a_batch_of_strangers_acts(live: Live, shop: str):
    name = publish(live, make_retriever(live, shop))["public_name"]
    answer, foreign = public(live, name), execute(live, make_retriever(live, shop))
    rows = [
        act(answer, 0),
        act(answer, 0),
        {"document_id": "x"},
        act(foreign),
        act(answer, 1, interaction_type="Bad Type!"),
        act(answer, 2, interaction_type="save"),
    ]
    path = f"/v1/public/retrievers/{name}/interactions/batch"
    done = live.ok("POST", path, {"interactions": rows})
    statuses = [each["status"] for each in done["results"]]
    assert statuses == ["created", "deduplicated", "failed", "failed", "failed", "created"]
    assert [each["index"] for each in done["results"]] == list(range(6))
    assert (done["created"], done["failed"]) == (2, 3)
    many = {"interactions": [act(answer)] * 101}
    assert live.refused("POST", path, many)["status"] == 422
    assert live.refused("POST", path, {"interactions": []})["status"] == 422


def test_a_page_elsewhere_may_ask(live: Live, shop: str):
    name = publish(live, make_retriever(live, shop))["public_name"]
    asking = {
        "Origin": "https://shop.example", "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "x-public-api-key,x-session-id,content-type",
    }  # fmt: skip
    reply = live.call("OPTIONS", f"/v1/public/retrievers/{name}/execute", **asking)
    assert reply.status < 300
    allowed = reply.headers["access-control-allow-headers"].lower()
    assert "x-public-api-key" in allowed
    assert "x-session-id" in allowed
    body = b'{"inputs": {"query": "wireless"}}'
    headers = {"Origin": "https://shop.example", "Content_Type": "text/plain;charset=UTF-8"}
    reply = live.call("POST", f"/v1/public/retrievers/{name}/execute", body, **headers)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] in ("*", "https://shop.example")


def test_public_keys_open_public_routes_only(tmp_path: Any):
    admin = f"Bearer {key(tmp_path / 'data')}"
    page = key(tmp_path / "data", "--public")
    assert page.startswith("prk_")
    with serving(tmp_path) as server:
        features = [{"feature_uri": TEXT, "kind": "lexical", "fields": ["title"]}]
        who = {"Authorization": admin}
        server.ok("POST", "/v1/namespaces", {"namespace_name": "acme"}, **who)
        foreign = key(tmp_path / "data", "--public", "--namespace", "acme")
        time.sleep(1.5)  # a running server notices a new key within a second
        body = {"collection_name": "c", "features": features}
        server.ok("POST", "/v1/collections", body, **who)
        body = {"retriever_name": "shop", "stages": [a_stage([a_search(TEXT)])]}
        made = server.ok("POST", "/v1/retrievers", body, **who)
        path = f"/v1/retrievers/{made['retriever_id']}"
        server.ok("POST", f"{path}/publish", **who)
        ask = {"inputs": {"query": "x"}}
        run = "/v1/public/retrievers/shop/execute"
        assert server.call("POST", run, ask).status == 200
        assert server.call("POST", run, ask, X_Public_API_Key=page).status == 200
        assert server.refused("POST", run, ask, X_Public_API_Key="prk_x")["status"] == 401
        until = time.monotonic() + 10  # made beside the server: it is noticed within a second
        while server.refused("POST", run, ask, X_Public_API_Key=foreign)["status"] == 401:
            assert time.monotonic() < until
            time.sleep(0.1)
        assert server.refused("POST", run, ask, X_Public_API_Key=foreign)["status"] == 403
        assert server.refused("POST", f"{path}/execute", ask)["status"] == 401
        bearer = {"Authorization": f"Bearer {page}"}
        assert server.refused("POST", f"{path}/execute", ask, **bearer)["code"] == "scope"
        wrong = {"X_Public_API_Key": admin.removeprefix("Bearer ")}
        assert server.refused("POST", run, ask, **wrong)["status"] == 401


def test_a_public_key_alone_closes_nothing(tmp_path: Any):
    page = key(tmp_path / "data", "--public")
    with serving(tmp_path) as server:
        assert server.call("GET", "/v1/collections").status == 200
        bearer = {"Authorization": f"Bearer {page}"}
        assert server.call("GET", "/v1/collections", **bearer).status == 200


def test_strangers_fill_no_disk(live: Live, shop: str):
    retriever = make_retriever(live, shop, LEARNED)
    name = publish(live, retriever)["public_name"]
    route, much = f"/v1/public/retrievers/{name}", {"k": "x" * (65 << 10)}
    refused = live.refused("POST", f"{route}/execute", {"inputs": {"query": "earbuds", **much}})
    assert (refused["status"], refused["code"]) == (422, "too_long")
    answer = public(live, name)
    for field in ("metadata", "query_snapshot"):
        refused = live.refused("POST", f"{route}/interactions", act(answer, **{field: much}))
        assert (refused["status"], refused["code"]) == (422, "too_long")
        assert field in refused["details"]["validation_errors"][0]["path"]
    found = live.ok("POST", f"{route}/interactions/batch", {"interactions": [
        act(answer, metadata=much), act(answer),
    ]})  # fmt: skip
    assert [each["status"] for each in found["results"]] == ["failed", "created"]
