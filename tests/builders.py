"""Values for tests with defaults for all that a test does not care about."""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.types.log import Execution, Impression, Interaction, Row
from desireline.types.retriever import Collection, Document, Feature

TITLE = Feature(feature_uri="desireline://title@v1/bm25", kind="lexical", fields=("title",))
OWN = Feature(feature_uri="desireline://own@v1/vec", kind="dense", dimension=4)
POPULARITY = Feature(feature_uri="desireline://popularity@v1", kind="field", field="popularity")


def a_collection(*features: Feature, **changes: Any) -> Collection:
    """A collection `col1` with a title (BM25), vectors of the caller and a numeric field."""
    defaults: dict[str, Any] = {
        "collection_id": "col1",
        "collection_name": "products",
        "namespace": "default",
        "features": features or (TITLE, OWN, POPULARITY),
    }
    return Collection(**(defaults | changes))


def a_document(
    document_id: str, vector: list[float] | None = None, collection_id: str = "col1", **fields: Any
) -> Document:
    """A document with these fields, and the caller's vector if given."""
    vectors = {} if vector is None else {OWN.feature_uri: vector}
    return Document(
        document_id=document_id, collection_id=collection_id, fields=fields, vectors=vectors
    )


def an_interaction(number: int, **changes: Any) -> Interaction:
    """A click of `user-0` on `doc-0`, unless said otherwise; its id is `number`."""
    at = "2026-11-02 03:04:05.678"
    defaults: dict[str, Any] = {
        "namespace": "default",
        "occurred_at": at,
        "received_at": at,
        "seq": number,
        "user_id": "user-0",
        "interaction_id": f"{number:032x}",
        "document_id": "doc-0",
        "interaction_type": ("click",),
        "retriever_id": "ret-0",
        "context_keys": ("global",),
    }
    return Interaction(**(defaults | changes))


def an_execution(number: int, **changes: Any) -> Execution:
    """An execution of `ret-0`; its id is `number`."""
    at = "2026-11-02 03:04:05.000"
    defaults: dict[str, Any] = {
        "namespace": "default",
        "occurred_at": at,
        "received_at": at,
        "seq": number,
        "execution_id": f"{number:032x}",
        "retriever_id": "ret-0",
    }
    return Execution(**(defaults | changes))


def an_impression(execution: int, position: int, **changes: Any) -> Impression:
    """`doc-{position}` at `position` of an execution."""
    at = "2026-11-02 03:04:05.000"
    defaults: dict[str, Any] = {
        "namespace": "default",
        "occurred_at": at,
        "received_at": at,
        "execution_id": f"{execution:032x}",
        "document_id": f"doc-{position}",
        "position": position,
    }
    return Impression(**(defaults | changes))


def json_lines(*rows: Row) -> bytes:
    """Rows as the event log takes them."""
    return b"\n".join(map(msgspec.json.encode, rows))
