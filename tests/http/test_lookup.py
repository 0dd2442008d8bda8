"""Documents by words without a retriever, typeahead, and what is refused by name."""

from __future__ import annotations

import pytest

from desireline.http import not_offered
from tests.e2e.live import (
    OWN,
    TEXT,
    Live,
    a_name,
    a_search,
    a_stage,
    execute,
    ids,
    make_collection,
    make_retriever,
)


def search(live: Live, **body: object) -> list[str]:
    return ids(live.ok("POST", "/v1/documents/search", body))


def test_documents_are_found_by_words_over_all_text_features(live: Live):
    shop = make_collection(live)
    found = live.ok("POST", "/v1/documents/search", {"query": "model7", "collection_ids": [shop]})
    assert ids(found) == ["d07"]
    assert found["results"] == found["documents"]
    assert found["results"][0]["score"] > 0
    assert found["results"][0]["title"].endswith("model7")
    caption = search(live, query="cancelling", collection_ids=[shop], page_size=50)
    assert len(caption) == 15
    assert len(search(live, query="wireless", collection_ids=[shop])) == 10
    assert len(search(live, query="wireless", collection_ids=[shop], limit=3)) == 3


def test_documents_are_filtered_and_without_words_come_by_id(live: Live):
    shop = make_collection(live)
    green = search(live, filters={"colour": "green"}, collection_ids=[shop], limit=2)
    assert green == ["d01", "d04"]
    assert search(live, query="model7", filters={"colour": "red"}, collection_ids=[shop]) == []
    assert search(live, query="nothing like it", collection_ids=[shop]) == []
    refused = live.refused("POST", "/v1/documents/search", {"filters": {"score": {"gt": 1}}})
    assert refused["code"] == "wrong_place"
    refused = live.refused("POST", "/v1/documents/search", {"collection_ids": ["nope"]})
    assert refused["code"] == "collection_not_found"
    refused = live.refused("POST", "/v1/documents/search", {"query": "x", "cursor": "y"})
    assert refused["code"] == "not_available"


def test_collections_of_vectors_only_have_no_words(live: Live):
    features = [{"feature_uri": OWN, "kind": "dense", "dimension": 8}]
    shop = make_collection(live, documents=3, features=features)
    assert search(live, query="wireless", collection_ids=[shop]) == []
    assert search(live, collection_ids=[shop]) == ["d00", "d01", "d02"]


def test_looking_something_up_leaves_no_trace(live: Live):
    shop = make_collection(live)
    word = a_name("trace")
    search(live, query=word, collection_ids=[shop])
    live.ok("POST", "/v1/admin/flush")
    assert live.ok("GET", f"/v1/retrievers/typeahead?q={word}&user_id=u")["suggestions"] == []


def test_typeahead_completes_what_several_visitors_searched(live: Live):
    name = a_name("typing")
    live.ok("POST", "/v1/namespaces", {"namespace_name": name})
    who = {"X_Namespace": name}
    features = [{"feature_uri": TEXT, "kind": "lexical", "fields": ["title"]}]
    body = {"collection_name": "earbuds", "features": features}
    live.ok("POST", "/v1/collections", body, **who)
    documents = [{"document_id": f"d{n}", "brand": ["Acme", "Earwig"][n % 2]} for n in range(6)]
    path = "/v1/collections/earbuds/documents/upsert"
    live.ok("POST", path, {"documents": documents}, **who)
    body = {"retriever_name": "s", "stages": [a_stage([a_search(TEXT)])]}
    live.ok("POST", "/v1/retrievers", body, **who)
    for query, users in (("Ear plugs", 3), ("earbuds red", 4), ("ear secret", 2)):
        for number in range(users):
            inputs = {"query": query, "user_id": f"u{number}"}
            live.ok("POST", "/v1/retrievers/s/execute", {"inputs": inputs}, **who)
    live.ok("POST", "/v1/admin/flush")
    found = live.ok("GET", "/v1/retrievers/typeahead?q=EAR&fields=brand,colour", **who)
    assert found["suggestions"] == ["earbuds red", "ear plugs", "Earwig"]
    assert found["values"] == [{"field": "brand", "value": "Earwig", "count": 3}]
    assert [each["collection_name"] for each in found["collections"]] == ["earbuds"]
    assert found["recent_searches"] == []
    own = live.ok("GET", "/v1/retrievers/typeahead?q=ear&user_id=u1&limit=2", **who)
    assert own["recent_searches"] == ["ear secret", "earbuds red"]
    assert live.ok("GET", "/v1/retrievers/typeahead?q=zzz", **who)["suggestions"] == []
    assert live.refused("GET", "/v1/retrievers/typeahead")["code"] == "required_field"


def test_values_come_from_a_bounded_number_of_documents(live: Live):
    name = a_name("many")
    live.ok("POST", "/v1/namespaces", {"namespace_name": name})
    who = {"X_Namespace": name}
    for collection, brand in (("first", "acme"), ("second", "acute")):
        live.ok("POST", "/v1/collections", {"collection_name": collection}, **who)
        rows = [{"document_id": f"d{n}", "brand": [brand, "act"]} for n in range(1_200)]
        path = f"/v1/collections/{collection}/documents/upsert"
        live.ok("POST", path, {"documents": rows}, **who)
    found = live.ok("GET", "/v1/retrievers/typeahead?q=ac&fields=brand", **who)
    counts = {each["value"]: each["count"] for each in found["values"]}
    assert counts == {"act": 2000, "acme": 1200, "acute": 800}
    assert found["warnings"] == ["`values` are those of the first 2000 documents"]


REFUSED = [
    (method, each) for each in (*not_offered.NEVER, *not_offered.LATER) for method in each.methods
]


@pytest.mark.parametrize(
    ("method", "refused"), REFUSED, ids=[f"{method} {each.path}" for method, each in REFUSED]
)
def test_what_is_not_offered_says_so_with_what_to_do(
    live: Live, method: str, refused: not_offered.Refused
):
    path = refused.path
    for part in ("rest:path", "collection:str", "namespace:str", "retriever:str", "dataset:str",
                 "evaluation:str"):  # fmt: skip
        path = path.replace(f"{{{part}}}", "some/thing" if part == "rest:path" else "some")
    error = live.refused(method, f"/v1{path}", {"any": "body"} if method != "GET" else None)
    assert (error["status"], error["type"]) == (403, "NotEnabledError")
    assert error["code"] in ("not_offered", "not_available")
    assert refused.what in error["message"]
    assert error["hint"] == refused.instead
    assert error["details"]["retryable"] is False


def test_a_new_word_in_a_path_hides_no_retriever(live: Live):
    shop = make_collection(live)
    retriever = make_retriever(live, shop)
    assert execute(live, retriever)["documents"]
    assert live.refused("GET", "/v1/retrievers/typeaheads")["code"] == "retriever_not_found"
