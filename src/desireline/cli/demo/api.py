"""What the demo asks of its server before and after the simulation: a library, a way to search it.

Everything the demo knows it learns through the public client, as any program could.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from desireline.cli.demo.corpus import LibraryDocument
from desireline.cli.import_ import create_collection
from desireline.client import Client
from desireline.client.errors import NotFound
from desireline.core.seeds import generator, seed_of

COLLECTION = "demo-library"
LEARNED = "demo-learned"
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
TRIAL: dict[str, Any] = {
    "inputs": {"query": "create temporary directory", "user_id": "you", "user_segment": "classes"},
    "session_id": "yours",
}


def make_library(
    client: Client, documents: Sequence[LibraryDocument], advance: Callable[[int], None]
) -> list[str]:
    """A fresh collection with all documents; returns the feature_uris that are searched."""
    _remove_library(client)
    uris = create_collection(client, COLLECTION, [dict(feature) for feature in FEATURES])
    order = generator(seed_of("demo-import")).permutation(len(documents)).tolist()
    for start in range(0, len(order), BATCH):  # mixed: the first ones tell BM25 the usual length
        batch = [msgspec.to_builtins(documents[place]) for place in order[start : start + BATCH]]
        client.documents.upsert(COLLECTION, batch)
        advance(len(batch))
    return uris


def _remove_library(client: Client) -> None:
    """What an earlier demo left in the same data directory."""
    with suppress(NotFound):
        client.retrievers.delete(LEARNED)
    with suppress(NotFound):
        client.collections.delete(COLLECTION)


def make_retriever(client: Client, uris: Sequence[str]) -> None:
    """A retriever that learns how much to listen to each search."""
    learning = {
        "algorithm": "logistic",
        "demographic_features": ["INPUT.user_segment"],
        "static_fusion": {"fusion": STATIC_FUSION, "weights": {}},
    }
    searches = [{"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 100} for uri in uris]
    parameters = {
        "searches": searches, "final_top_k": PAGE, "fusion": "learned", "learning_config": learning
    }  # fmt: skip
    stage = {
        "stage_name": "search",
        "stage_type": "filter",
        "config": {"stage_id": "feature_search", "parameters": parameters},
    }
    client.retrievers.create(LEARNED, stages=[stage], collection_identifiers=[COLLECTION])


def try_out(client: Client) -> dict[str, Any]:
    """Search as `TRIAL` does; returns a click on a result (the session keeps their order)."""
    found = client.retrievers.execute(LEARNED, **TRIAL, purpose="test")
    shown = [hit.document_id for hit in found.documents]
    liked = next((at for at, name in enumerate(shown) if name == TRIAL_ANSWER), 0)
    return {
        "document_id": shown[liked], "interaction_type": ["click"], "position": liked,
        "session_id": "yours", "user_id": "you",
    }  # fmt: skip
