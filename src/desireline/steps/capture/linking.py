"""Which execution an interaction belongs to, and which of its documents it acted on.

Memory first (`retriever-api.md` 4.5); what memory can't tell is `pending`, and a single create may
ask the log once. Knows nothing of rewards.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from desireline.core import signals
from desireline.core.ids import derived_id, is_id, strip
from desireline.core.queries import query_key
from desireline.core.recall import execution_of, shown_of
from desireline.errors import DesirelineError, Invalid
from desireline.ports import EventLog, RecentExecution, RecentExecutions, Shown
from desireline.steps.capture.sent import Sent

ORDINARY_MS = 60 * 60_000
CONVERSION_MS = 7 * 24 * 60 * 60_000


class Link(msgspec.Struct, frozen=True, gc=False):
    """What an interaction was linked to. `reason` says why it can't teach ("": nothing against it).

    `execution_id` is the row's: bare hex, "" when none is known. `query_key`: of the
    execution, else as the client says.
    """

    attribution: str
    reason: str = ""
    execution_id: str = ""
    query_key: str = ""
    execution: RecentExecution | None = None
    shown: Shown | None = None


def bare_execution_id(sent: str) -> str:
    """The row's id of an execution as sent; a foreign id becomes a stable one of our shape.

    >>> bare_execution_id("exec_018bcfe5680070008000000000000000")
    '018bcfe5680070008000000000000000'
    >>> len(bare_execution_id("exec_abc123xyz"))
    32
    """
    bare = sent.removeprefix("exec_")
    if not bare or is_id(bare):
        return bare
    try:
        return strip(bare)
    except Invalid:
        return derived_id(bare)


def is_foreign(sent: str, bare: str) -> bool:
    """Whether an execution id as sent can't be told from the row's (it was made up elsewhere)."""
    foreign = sent.removeprefix("exec_")
    return foreign != bare and derived_id(foreign) == bare


def from_memory(
    recent: RecentExecutions, namespace: str, sent: Sent, types: Sequence[str], now_ms: int
) -> Link:
    """The link as far as the last hour in memory tells; `pending` when the log may know more."""
    if sent.execution_id:
        bare = bare_execution_id(sent.execution_id)
        execution = recent.get(bare)
        if execution is not None and execution.namespace == namespace:
            return linked(execution, sent, "logged")
        return Link("pending", "pending", bare, query_key=said_query(sent))
    said = said_query(sent)
    if sent.historical or not sent.document_id:
        return unlinked(sent, said)
    execution = _last_shown(recent, namespace, sent, said, now_ms)
    if execution is not None:
        return linked(execution, sent, "inferred")
    if (sent.session_id or sent.user_id) and any(map(signals.is_conversion, types)):
        return Link("pending", "pending", query_key=said)
    return unlinked(sent, said)


def linked(execution: RecentExecution, sent: Sent, attribution: str) -> Link:
    """The link to a known execution; a document it did not show has no arm."""
    own, asked = execution.execution_id, execution.query_key
    if not sent.document_id:
        return Link("none", "query_level", own, asked, execution)
    shown = _place(execution.shown, sent)
    if shown is None:
        return Link("none", "not_shown", own, asked, execution)
    return Link(attribution, "", own, asked, execution, shown)


def unlinked(sent: Sent, said: str) -> Link:
    """The link of an interaction whose execution is not known: the client's word, or nothing."""
    attribution = "client" if sent.feature_uri else "none"
    if sent.execution_id:
        bare = bare_execution_id(sent.execution_id)
        return Link(attribution, "unknown_execution", bare, query_key=said)
    if sent.historical:
        return Link(attribution, "backfill", query_key=said)
    reason = "no_execution" if sent.document_id else "query_level"
    return Link(attribution, reason, query_key=said)


def _place(shown: Sequence[Shown], sent: Sent) -> Shown | None:
    """The document among those shown; usually it stands where the client says."""
    document_id, position = sent.document_id, sent.position
    if (
        position is not None
        and position < len(shown)
        and shown[position].document_id == document_id
    ):
        return shown[position]
    return next((each for each in shown if each.document_id == document_id), None)


def _last_shown(
    recent: RecentExecutions, namespace: str, sent: Sent, asked: str, now_ms: int
) -> RecentExecution | None:
    for visitor in (sent.session_id, sent.user_id):
        if visitor:
            found = recent.last_shown(
                namespace, visitor, sent.document_id, asked, now_ms - ORDINARY_MS
            )
            if found is not None:
                return found
    return None


def said_query(sent: Sent) -> str:
    """The query key of `metadata.query` ("" when not sent)."""
    query = (sent.metadata or {}).get("query")
    return query_key(query) if isinstance(query, str) else ""


async def from_log(log: EventLog, namespace: str, sent: Sent, now_ms: int, limit_ms: int) -> Link:
    """The link after asking the log for at most `limit_ms`; `pending` when it did not answer."""
    try:
        execution = await asyncio.wait_for(_read(log, namespace, sent, now_ms), limit_ms / 1000)
    except (TimeoutError, DesirelineError):
        bare = bare_execution_id(sent.execution_id)
        return Link("pending", "pending", bare, query_key=said_query(sent))
    if execution is None:
        return unlinked(sent, said_query(sent))
    return linked(execution, sent, "logged" if sent.execution_id else "inferred")


async def _read(log: EventLog, namespace: str, sent: Sent, now_ms: int) -> RecentExecution | None:
    execution_id = bare_execution_id(sent.execution_id)
    if not execution_id:
        found = await log.query(
            "last_shown", namespace=namespace, document_id=sent.document_id, user_id=sent.user_id,
            session_id=sent.session_id, query_key=said_query(sent),
            since_ms=now_ms - CONVERSION_MS, before_ms=now_ms,
        )  # fmt: skip
        if not found:
            return None
        execution_id = found[0]["execution_id"]
    rows, impressions = await asyncio.gather(
        log.query("execution_by_id", namespace=namespace, execution_id=execution_id),
        log.query("impressions_of_execution", namespace=namespace, execution_id=execution_id),
    )
    return execution_of(rows[0], [shown_of(each) for each in impressions]) if rows else None
