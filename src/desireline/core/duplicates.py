"""Which interactions are one and the same act, and under which names answers are remembered.

Knows the rule of `retriever-api.md` 4.2. Does not know where keys are kept: the capture step writes
them, the memory of recent executions rebuilds them from the log after a restart; both ask here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from desireline.types.log import NO_ID, Interaction

WINDOW_MS = 5 * 60_000
"""An act repeated within this time is stored once."""

STORED = "stored"
"""What is remembered under the key of an act: one word for all, so that keys stay small."""

ANSWERS_MS = 60 * 60_000
"""How long the answer to an `Idempotency-Key` is remembered."""

_SEPARATOR = "\x1f"


def duplicate_key(
    namespace: str, execution_id: str, visitor: str, query_key: str, document_id: str,
    types: Sequence[str],
) -> str:  # fmt: skip
    """The key of an act; "" for one that is never taken for a duplicate.

    `execution_id` is the one the client sent ("" or zeros: none; an inferred one does not count),
    `visitor` the session, else the user; `types` sorted. Without execution and visitor there is
    no key: two anonymous clicks may be two people.

    >>> duplicate_key("n", "", "s1", "shoes", "d1", ["click"]) != ""
    True
    >>> duplicate_key("n", "", "", "shoes", "d1", ["click"])
    ''
    """
    if execution_id and execution_id != NO_ID:
        return _SEPARATOR.join(("act", namespace, execution_id, document_id, *types))
    if not visitor:
        return ""
    return _SEPARATOR.join(("visit", namespace, visitor, query_key, document_id, *types))


def key_of(row: Interaction) -> str:
    """The key of a row of the log.

    >>> key_of(Interaction(namespace="n", occurred_at="", received_at="", interaction_id="1" * 32))
    ''
    """
    sent = "" if row.attribution == "inferred" else row.execution_id
    return duplicate_key(
        row.namespace, sent, row.session_id or row.user_id, row.query_key, row.document_id,
        row.interaction_type,
    )  # fmt: skip


def key_of_row(row: Mapping[str, Any]) -> str:
    """The key of a row as the log answers it (`interactions_since`); "" for past acts too.

    >>> key_of_row({"occurred_at": "2026-01-01", "received_at": "2026-02-01"})
    ''
    """
    if row["occurred_at"] != row["received_at"]:
        return ""
    sent = "" if row["attribution"] == "inferred" else row["execution_id"]
    return duplicate_key(
        row["namespace"], sent, row["session_id"] or row["user_id"], row["query_key"],
        row["document_id"], row["interaction_type"],
    )  # fmt: skip


def answer_key(namespace: str, client_event_id: str) -> str:
    """Where the answer to an `Idempotency-Key` is remembered; after a restart, the row's id.

    >>> answer_key("n", "k") == answer_key("n", "k") != answer_key("m", "k")
    True
    """
    return _SEPARATOR.join(("answer", namespace, client_event_id))


def batch_event_id(key: str, index: int) -> str:
    """The `client_event_id` of row `index` of a batch sent under an `Idempotency-Key`.

    >>> batch_event_id("k", 3)
    'k#3'
    """
    return f"{key}#{index}"
