"""What the demo asks of its server: collection, retrievers, searches, clicks, reading back.

Everything the demo knows it learns through the public client, as any program could.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from desireline.cli.demo.corpus import LibraryDocument
from desireline.cli.demo.users import PlannedSearch, Query
from desireline.cli.import_ import create_collection
from desireline.client import Client
from desireline.client.answers import Execution, LearnedFusionContext
from desireline.client.errors import NotFound
from desireline.core.seeds import generator, seed_of

COLLECTION = "demo-library"
LEARNED, STATIC = "demo-learned", "demo-static"
BATCH = 400
PAGE = 10
READ_AT_ONCE = 200
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
    for name in (LEARNED, STATIC):
        with suppress(NotFound):
            client.retrievers.delete(name)
    with suppress(NotFound):
        client.collections.delete(COLLECTION)


def make_retrievers(client: Client, uris: Sequence[str]) -> None:
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
    _make_retriever(client, LEARNED, uris, learning)
    _make_retriever(client, STATIC, uris, {**learning, "shadow_mode": True})


def _make_retriever(
    client: Client, name: str, uris: Sequence[str], learning: Mapping[str, Any]
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
    client.retrievers.create(name, stages=[stage], collection_identifiers=[COLLECTION])


def search(client: Client, planned: PlannedSearch) -> tuple[str, list[str]]:
    """One search of a simulated user: (execution_id, document ids as shown)."""
    person = planned.person
    inputs = {
        "query": planned.query.text, "user_id": person.user_id, "user_segment": person.segment,
    }  # fmt: skip
    found = client.retrievers.execute(
        LEARNED, inputs, session_id=f"visit_of_{person.user_id}", purpose="simulation"
    )
    return found.execution_id, [hit.document_id for hit in found.documents]


def send_clicks(client: Client, clicks: Sequence[dict[str, Any]]) -> None:
    """Clicks of several users at once (at most 1,000)."""
    if clicks:
        client.interactions.batch(clicks)


def try_out(client: Client) -> dict[str, Any]:
    """Search as `TRIAL` does; returns a click on a result (the session keeps their order)."""
    found = client.retrievers.execute(LEARNED, **TRIAL, purpose="test")
    shown = [hit.document_id for hit in found.documents]
    liked = next((at for at, name in enumerate(shown) if name == TRIAL_ANSWER), 0)
    return {
        "document_id": shown[liked], "interaction_type": ["click"], "position": liked,
        "session_id": "yours", "user_id": "you",
    }  # fmt: skip


def learn_now(client: Client) -> None:
    """Close open executions and learn from them (else: at a user's next search, or later)."""
    client.admin.flush(close_executions=True)


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
    client: Client,
    retriever: str,
    queries: Sequence[Query],
    round_name: str,
    advance: Callable[[int], None] = lambda steps: None,
) -> Iterator[Evaluated]:
    """Run held-out queries (purpose `evaluation`: nothing is learned from them), then read back.

    `advance` is told of every query twice: when it was run, and when it was read.
    """
    started = []
    for number, query in enumerate(queries):
        inputs = {
            "query": query.text, "user_id": f"nobody_{query.segment}",
            "user_segment": query.segment,
        }  # fmt: skip
        found = client.retrievers.execute(
            retriever, inputs, session_id=f"judge_{round_name}_{number}", purpose="evaluation"
        )
        started.append((query, found.execution_id))
        advance(1)
    for start in range(0, len(started), READ_AT_ONCE):
        part = started[start : start + READ_AT_ONCE]
        read = _read_back(client, retriever, [execution_id for _, execution_id in part])
        advance(len(part))
        yield from (_evaluated(query, read[execution_id]) for query, execution_id in part)


def _read_back(
    client: Client, retriever: str, execution_ids: Sequence[str]
) -> dict[str, Execution]:
    """Executions as logged, by id, in one question."""
    listed = client.executions.list(
        retriever, execution_ids=execution_ids, limit=len(execution_ids)
    )
    return {each.execution_id: each for each in listed.page().results}


def _evaluated(query: Query, execution: Execution) -> Evaluated:
    shown = tuple(hit.document_id for hit in execution.documents)
    context = execution.learned_fusion_context or LearnedFusionContext()
    weights = context.sampled_weights if context.served else {}
    shadow = context.shadow.top if context.shadow else []
    return Evaluated(query, shown, weights, tuple(shadow[:PAGE]))
