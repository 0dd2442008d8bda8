"""A served execution out of the rows of the log, as memory holds one.

Knows which column becomes which field. What its reader knows beyond the rows (whether it is still
open, what it was rewarded with) comes in by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from desireline.core.times import from_row_time
from desireline.ports import RecentExecution, Shown

Row = Mapping[str, Any]


def execution_of(row: Row, shown: list[Shown], **known: Any) -> RecentExecution:
    """The execution of a row of `executions`: closed, unless `known` says otherwise.

    Raises `KeyError` for a row without one of the columns of `executions_since`.
    """
    at_ms = from_row_time(str(row["occurred_at"]))
    fields: dict[str, Any] = {
        "execution_id": row["execution_id"],
        "namespace": row["namespace"],
        "retriever_id": row["retriever_id"],
        "at_ms": at_ms,
        "closes_at_ms": at_ms,
        "query_key": row["query_key"],
        "user_id": row["user_id"],
        "session_id": row["session_id"],
        "context_keys": tuple(row["context_keys"]),
        "searches": tuple(row["searches"]),
        "variant": row["variant"],
        "shown": shown,
        "teaches": bool(row["variant"]),
        "open": False,
        "purpose": row["purpose"],
        "source": row["source"],
        "reason": row["reason"],
    }
    return RecentExecution(**(fields | known))


def shown_of(row: Row, **known: Any) -> Shown:
    """One shown document, of a row of `impressions`.

    >>> shown_of({"document_id": "d", "position": 2, "score": 1, "norm_scores": [1.0],
    ...           "contributions": [0.5], "winner": "a"}).norm_scores
    (1.0,)
    """
    return Shown(
        document_id=row["document_id"],
        position=int(row["position"]),
        score=float(row["score"]),
        norm_scores=tuple(row["norm_scores"]),
        contributions=tuple(row["contributions"]),
        winner=row["winner"],
        **known,
    )
