"""Bring your own engine on the wire: runs to fuse, and executions that were ranked elsewhere."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from desireline.http.wire.interactions import Identifier, Score, Text
from desireline.http.wire.retrievers import ExecuteRequest
from desireline.types.retriever import Hit, Run

MOST_HITS, MOST_SHOWN, MOST_RUNS = 5_000, 500, 100


class _Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who searched for what, as `execute` takes it; `external_id` is the caller's own id of it."""

    inputs: dict[str, Any] = {}
    query: str | dict[str, Any] | None = None
    user_id: str | None = None
    session_id: str | None = None
    segment: str | None = None
    purpose: str | None = None
    external_id: Text = ""

    def executed(self, limit: int | None = None) -> ExecuteRequest:
        """The same of an `execute` request."""
        return ExecuteRequest(
            inputs=self.inputs, query=self.query, user_id=self.user_id, session_id=self.session_id,
            segment=self.segment, purpose=self.purpose, limit=limit,
        )  # fmt: skip


class FoundHit(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A document that an engine found, and its score there."""

    document_id: Identifier
    score: Score


class SentRun(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The hits of one search of the retriever, in any order."""

    feature_uri: Text
    hits: Annotated[list[FoundHit], msgspec.Meta(max_length=MOST_HITS)]


class FuseRequest(_Asked, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/{id}/fuse`: what your engine found for one query, one run a search."""

    runs: Annotated[list[SentRun], msgspec.Meta(max_length=MOST_RUNS)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] | None = None

    def to_runs(self) -> list[Run]:
        """The runs as they were sent."""
        return [
            Run(run.feature_uri, [h.document_id for h in run.hits], [h.score for h in run.hits])
            for run in self.runs
        ]


class ShownDocument(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A document that was shown, and its score if there was one."""

    document_id: Identifier
    score: Score = 0.0


class LogExecutionRequest(_Asked, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/{id}/executions`: what was shown, best first. No document: no results.

    `occurred_at` is for the past. Under the same `external_id` (or `Idempotency-Key`) it is one
    execution, however often it is sent.
    """

    shown: Annotated[list[ShownDocument], msgspec.Meta(max_length=MOST_SHOWN)]
    occurred_at: Text | None = None

    def to_hits(self) -> list[Hit]:
        """What was shown, by 0-based place."""
        return [Hit(each.document_id, each.score, place) for place, each in enumerate(self.shown)]


class ExecutionLogged(msgspec.Struct, kw_only=True):
    """A logged execution; `deduplicated`: this one was logged before, nothing was stored again."""

    execution_id: str
    deduplicated: bool
    warnings: list[str] = []
