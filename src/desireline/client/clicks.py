"""What an interaction says about the document it is on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desireline.client.calls import given
from desireline.client.fields import Body


def named_document(feature_id: str | None, document_id: str | None) -> str | None:
    """The document under either name. Raises ValueError when both are given and differ."""
    if feature_id and document_id and feature_id != document_id:
        raise ValueError("`document_id` differs from `feature_id`: give one of them")
    return feature_id or document_id


def act_on(result: Any, position: int) -> dict[str, Any]:
    """The fields of an act on the document at `position` (0-based) of an execution.

    No `feature_uri`: the server knows from its log which search the document came from.

    >>> answer = {"execution_id": "exec_1", "documents": [{"document_id": "d7", "score": 0.5}]}
    >>> act_on(answer, 0)
    {'feature_id': 'd7', 'position': 0, 'execution_id': 'exec_1', 'document_score': 0.5}
    """
    documents = result["documents"]
    if not 0 <= position < len(documents):
        raise IndexError(f"the page has {len(documents)} documents, none at position {position}")
    shown = documents[position]
    return given(
        feature_id=shown["document_id"], position=position, execution_id=result.get("execution_id"),
        retriever_id=result.get("retriever_id"), document_score=shown.get("score"),
    )  # fmt: skip


def backfilled(row: Body) -> Mapping[str, Any]:
    """A past act, marked as such.

    >>> backfilled({"feature_id": "d1"})["backfill"]
    True
    """
    return row if row.get("occurred_at") else {**row, "backfill": True}
