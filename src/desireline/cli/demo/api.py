"""The demo's side of the HTTP API: collection, retrievers, searches, clicks, reading back.

Everything the demo knows it learns through these routes, as any program could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from desireline.cli.caller import Caller, Refused
from desireline.cli.demo.corpus import LibraryDocument
from desireline.cli.demo.users import PlannedSearch, Query
from desireline.cli.import_ import create_collection
from desireline.core.seeds import generator, seed_of

COLLECTION = "demo-library"
LEARNED, STATIC = "demo-learned", "demo-static"
BATCH = 400
PAGE = 10
FEATURES = (
    {"feature_uri": "desireline://name@v1/bm25", "kind": "lexical", "fields": ["name"]},
    {"feature_uri": "desireline://text@v1/bm25", "kind": "lexical", "fields": ["text"]},
    {
        "feature_uri": "desireline://text@v1/static",
        "kind": "dense", "fields": ["summary", "text"], "model": "static",
    },
)  # fmt: skip
LABELS = {
    "desireline://name@v1/bm25": "words of name",
    "desireline://text@v1/bm25": "words of text",
    "desireline://text@v1/static": "meaning (dense)",
}
STATIC_FUSION = "dbsf"  # the strongest of the fusions that learn nothing


TRIAL_ANSWER = "tempfile.TemporaryDirectory"
TRIAL = {
    "inputs": {"query": "create temporary directory", "user_id": "you", "user_segment": "classes"},
    "session_id": "yours",
}


class Evaluated(msgspec.Struct, frozen=True):
    """An execution of a held-out query, as read back: what was shown, with which learned weights.

    `weights` is empty where nothing learned was served. `shadow` is what the retriever in shadow
    mode computed beside it, best first.
    """

    query: Query
    shown: tuple[str, ...]
    weights: dict[str, float]
    shadow: tuple[str, ...] = ()


def make_library(
    caller: Caller, documents: Sequence[LibraryDocument], advance: Callable[[int], None]
) -> list[str]:
    """A fresh collection with all documents; returns the feature_uris that are searched."""
    for path in (f"retrievers/{LEARNED}", f"retrievers/{STATIC}", f"collections/{COLLECTION}"):
        _remove(caller, f"/v1/{path}")
    uris = create_collection(caller, COLLECTION, [dict(feature) for feature in FEATURES])
    order = generator(seed_of("demo-import")).permutation(len(documents)).tolist()
    for start in range(0, len(order), BATCH):  # mixed: the first ones tell BM25 the usual length
        batch = [msgspec.to_builtins(documents[place]) for place in order[start : start + BATCH]]
        caller.post(f"/v1/collections/{COLLECTION}/documents/upsert", {"documents": batch})
        advance(len(batch))
    return uris


def _remove(caller: Caller, path: str) -> None:
    try:
        caller.delete(path)
    except Refused as error:
        if error.status != 404:
            raise


def make_retrievers(caller: Caller, uris: Sequence[str]) -> None:
    """Two retrievers that differ in one switch: one serves what it learned, the other never does.

    The other is in shadow mode: it serves the static fusion and logs what its own weights would
    have shown. As nobody ever clicks there, those weights stay equal: the second baseline, which
    tells what learning adds from what normalising the scores adds.
    """
    learning = {
        "algorithm": "logistic",
        "demographic_features": ["INPUT.user_segment"],
        "static_fusion": {"fusion": STATIC_FUSION, "weights": {}},
    }
    _make_retriever(caller, LEARNED, uris, learning)
    _make_retriever(caller, STATIC, uris, {**learning, "shadow_mode": True})


def _make_retriever(
    caller: Caller, name: str, uris: Sequence[str], learning: Mapping[str, Any]
) -> None:
    searches = [{"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 100} for uri in uris]
    parameters = {
        "searches": searches, "final_top_k": PAGE, "fusion": "learned", "learning_config": learning
    }  # fmt: skip
    stage = {
        "stage_name": "search",
        "stage_type": "filter",
        "config": {"stage_id": "feature_search", "parameters": parameters},
    }
    body = {"retriever_name": name, "collection_identifiers": [COLLECTION], "stages": [stage]}
    caller.post("/v1/retrievers", body)


def search(caller: Caller, planned: PlannedSearch) -> tuple[str, list[str]]:
    """One search of a simulated user: (execution_id, document ids as shown)."""
    person = planned.person
    answer = caller.post(f"/v1/retrievers/{LEARNED}/execute", {
        "inputs": {
            "query": planned.query.text,
            "user_id": person.user_id,
            "user_segment": person.segment,
        },
        "session_id": f"visit_of_{person.user_id}",
        "purpose": "simulation",
    })  # fmt: skip
    return answer["execution_id"], [found["document_id"] for found in answer["documents"]]


def send_clicks(caller: Caller, clicks: Sequence[dict[str, Any]]) -> None:
    """Clicks of several users at once (at most 1,000)."""
    if clicks:
        caller.post("/v1/retrievers/interactions/batch", {"interactions": clicks})


def try_out(caller: Caller) -> dict[str, Any]:
    """Search as `TRIAL` does; returns a click on a result (the session keeps their order)."""
    answer = caller.post(f"/v1/retrievers/{LEARNED}/execute", {**TRIAL, "purpose": "test"})
    shown = [found["document_id"] for found in answer["documents"]]
    liked = next((at for at, name in enumerate(shown) if name == TRIAL_ANSWER), 0)
    return {
        "document_id": shown[liked], "interaction_type": ["click"], "position": liked,
        "session_id": "yours", "user_id": "you",
    }  # fmt: skip


def learn_now(caller: Caller) -> None:
    """Close open executions and learn from them (else: at a user's next search, or later)."""
    caller.post("/v1/admin/flush", {"close_executions": True})


def click(
    execution_id: str, planned: PlannedSearch, document_id: str, position: int
) -> dict[str, Any]:
    """A click as the API takes it."""
    return {
        "execution_id": execution_id,
        "document_id": document_id,
        "interaction_type": ["click"],
        "position": position,
        "user_id": planned.person.user_id,
        "session_id": f"visit_of_{planned.person.user_id}",
    }


def evaluate(
    caller: Caller,
    retriever: str,
    queries: Sequence[Query],
    round_name: str,
    advance: Callable[[int], None] = lambda steps: None,
) -> Iterator[Evaluated]:
    """Run held-out queries (purpose `evaluation`: nothing is learned from them), then read back.

    `advance(1)` is called twice for each query.
    """
    started = []
    for number, query in enumerate(queries):
        answer = caller.post(f"/v1/retrievers/{retriever}/execute", {
            "inputs": {
                "query": query.text,
                "user_id": f"nobody_{query.segment}",
                "user_segment": query.segment,
            },
            "session_id": f"judge_{round_name}_{number}",
            "purpose": "evaluation",
        })  # fmt: skip
        started.append((query, answer["execution_id"]))
        advance(1)
    for query, execution_id in started:
        advance(1)
        yield _evaluated(query, caller.get(f"/v1/retrievers/{retriever}/executions/{execution_id}"))


def _evaluated(query: Query, detail: Mapping[str, Any]) -> Evaluated:
    shown = tuple(found["document_id"] for found in detail["documents"])
    context = detail["learned_fusion_context"]
    weights = context["sampled_weights"] if context["served"] else {}
    shadow = (context["shadow"] or {"top": []})["top"]
    return Evaluated(query, shown, weights, tuple(shadow[:PAGE]))
