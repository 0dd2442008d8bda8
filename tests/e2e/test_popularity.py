"""Seed 000's popularity configuration, verbatim: what is used is raised, by at most a fifth."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live import Live, a_document, a_name, execute, make_collection

MODEL = "static"
STAGES = [
    {"type": "vector_search", "top_k": 100},
    {
        "type": "rerank",
        "boost_by_interaction_count": {
            "interaction_types": ["click", "purchase"], "time_window_days": 7,
            "boost_multiplier": 1.2,
        },
    },
]  # fmt: skip


def boosts(answer: Any) -> dict[str, float]:
    """The factor of each document that has one other than 1."""
    found = {d["document_id"]: d["scores"]["interaction_boost"] for d in answer["documents"]}
    return {document_id: boost for document_id, boost in found.items() if boost != 1.0}


def collection_of(live: Live, retriever: str) -> Any:
    """What the retriever searches."""
    return live.ok("GET", f"/v1/retrievers/{retriever}")["collection_identifiers"]


@pytest.fixture
def trending(live: Live) -> str:
    # Ids of its own, because all documents of a namespace are counted together.
    prefix = a_name("pop")
    documents = [
        {"document_id": f"{prefix}-{n:02d}", "title": a_document(n)["title"]} for n in range(12)
    ]
    features = [
        {"feature_uri": "desireline://meaning@v1/vec", "kind": "dense", "fields": ["title"],
         "model": MODEL},
    ]  # fmt: skip
    collection = make_collection(live, documents, features)
    body = {"retriever_name": prefix, "stages": STAGES, "collection_identifiers": [collection]}
    return live.ok("POST", "/v1/retrievers", body)["retriever_id"]


def test_what_is_used_is_raised_by_at_most_the_multiplier(live: Live, trending: str):
    shown = [d["document_id"] for d in execute(live, trending)["documents"]]
    last, other = shown[-1], shown[-2]
    for kind, document_id, user in (
        ("click", last, "a"), ("purchase", last, "b"), ("click", other, "a"),
        ("skip", shown[0], "a"),
    ):  # fmt: skip
        row = {"feature_id": document_id, "interaction_type": kind, "position": 4,
               "user_id": a_name(user)}  # fmt: skip
        live.ok("POST", "/v1/retrievers/interactions", row)
    live.ok("POST", "/v1/admin/flush", {})
    answer = execute(live, trending)
    found = boosts(answer)
    assert found.keys() == {last, other}
    assert 1 < found[other] < found[last] <= 1.2
    assert answer["warnings"] == []
    # Another window is another question: read before the first use.
    wider = [STAGES[0], {"stage_name": "x", "type": "interaction_boost", "time_window_days": 30}]
    body = {"retriever_name": a_name("wide"), "stages": wider,
            "collection_identifiers": collection_of(live, trending)}  # fmt: skip
    made = live.ok("POST", "/v1/retrievers", body)
    factors = boosts(execute(live, made["retriever_id"]))
    assert {last, other} <= factors.keys()
