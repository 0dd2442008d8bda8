"""What a client is told about an interaction: whether it was stored, and whether it teaches.

Everything is derived from the row, so that an answer can be given again from the log.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

import msgspec

from desireline.core.signals import SIGNALS
from desireline.types.log import Interaction

TEACHING = ("open", "late")
"""Reasons of rows that teach: with their execution's closing, or as a late reward."""

_SENTENCES = {
    "pending": "the execution is not in memory; whether this teaches is settled later",
    "unknown_execution": "execution_id is unknown here; send the one of the execute answer",
    "no_execution": "no execution showed this document to this session or user lately; "
    "send execution_id, or the session_id of the search",
    "backfill": "a past interaction without execution_id is stored but teaches nothing; "
    "send its execution_id",
    "not_shown": "the execution did not show this document; send as feature_id the document_id of "
    "one of its documents, and the execution_id of the answer it stood in",
    "query_level": "a statement about the query, not about a document, teaches no weights",
    "not_logged": "the search was answered while the log was full, or before the retriever "
    "learned, so it can't teach",
    "log_only": "the search was ranked elsewhere and only logged here: it counts, but no search of "
    "this retriever can be credited; send what your engine found to /fuse",
    "ad_hoc": "the search ran stages that are stored nowhere; store them as a retriever with "
    "fusion `learned` to learn from it",
    "not_traffic": "the search was not made for a user (its purpose is not traffic)",
    "retriever_deleted": "the retriever of this execution was deleted",
    "nothing_to_learn": "the retriever has no stage with fusion `learned`",
    "opted_out": "this user opted out of learning",
    "static_traffic": "the search was served static and learn_from is `served`",
    "zero_reward": "these interaction types earn no reward",
    "deduplicated": "the same interaction was stored less than 5 minutes ago; not stored again",
    "user_id_contradicts": "user_id differs from the execution's, which is kept "
    "(yours is metadata.client_user_id)",
    "session_id_contradicts": "session_id differs from the execution's, which is kept "
    "(yours is metadata.client_session_id)",
    "retriever_id_contradicts": "retriever_id differs from the execution's, which is kept "
    "(yours is metadata.client_retriever_id)",
    "unknown_retriever": "retriever_id is unknown here",
    "occurred_at_in_future": "occurred_at was in the future and became the time of arrival",
}


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The row, stored, or not stored because the same act was stored a moment ago."""

    row: Interaction
    deduplicated: bool = False


class Result(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """One row of a batch. `interaction_id` is as the wire shows it, "" when nothing was stored.

    `teaches` is null while the execution is not known in memory (`attribution: pending`).
    """

    index: int
    interaction_id: str
    status: str
    error: str | None = None
    attribution: str | None = None
    teaches: bool | None = None
    teaches_reason: str | None = None
    warning: str | None = None


def teaches_of(row: Interaction) -> bool | None:
    """Whether a row teaches; None while that is open."""
    return None if row.teaches_reason == "pending" else bool(row.teaches)


def warning_of(row: Interaction, *, deduplicated: bool = False) -> str | None:
    """What the client should know; never None for a row that teaches nothing.

    >>> row = Interaction(namespace="n", occurred_at="", received_at="", interaction_id="1" * 32,
    ...                   teaches_reason="zero_reward")
    >>> warning_of(row)
    'these interaction types earn no reward'
    >>> warning_of(msgspec.structs.replace(row, interaction_type=["clik"]))
    'these interaction types earn no reward; did you mean `click`?'
    """
    if row.teaches and not row.conformance and not deduplicated:
        return None
    first = "deduplicated" if deduplicated else "" if row.teaches else row.teaches_reason
    said = _said((first, *row.conformance))
    return said + _meant(tuple(row.interaction_type)) if first == "zero_reward" and said else said


@lru_cache(maxsize=1024)
def _meant(types: tuple[str, ...]) -> str:
    """The known type that an unknown one was probably to be."""
    own = [name for name in types if name not in SIGNALS]
    near = [close for name in own for close in get_close_matches(name, SIGNALS, n=1)]
    return f"; did you mean `{near[0]}`?" if near else ""


@lru_cache(maxsize=1024)
def _said(codes: tuple[str, ...]) -> str | None:
    """The sentences of these codes; all combinations are few."""
    return "; ".join(_SENTENCES[code] for code in codes if code in _SENTENCES) or None


def result_of(index: int, row: Interaction, *, deduplicated: bool = False) -> Result:
    """A batch's line about a row."""
    return Result(
        index=index,
        interaction_id="" if deduplicated else f"int_{row.interaction_id}",
        status="deduplicated" if deduplicated else "created",
        attribution=row.attribution,
        teaches=False if deduplicated else teaches_of(row),
        teaches_reason="deduplicated" if deduplicated else row.teaches_reason,
        warning=warning_of(row, deduplicated=deduplicated),
    )
