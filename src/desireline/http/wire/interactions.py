"""Interactions on the wire: create, batch, list, and what comes back.

Knows names, aliases and limits of fields; what an interaction must satisfy is the step's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.core import signals, times
from desireline.core.ids import execution_id_or_none, wire_id
from desireline.errors import invalid
from desireline.http.wire.common import MOST_ROWS, Pagination, Paging, Place, Sort
from desireline.steps.capture import Erased, Page, Result, Selection, Sent, warning_of
from desireline.steps.capture.linking import bare_execution_id
from desireline.steps.capture.receipts import teaches_of
from desireline.steps.capture.rows import Kept
from desireline.types.log import Interaction

Text = Annotated[str, msgspec.Meta(max_length=512)]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Types = Annotated[list[str], msgspec.Meta(min_length=1, max_length=32)] | str
Score = Annotated[float, msgspec.Meta(ge=-3e38, le=3e38)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
_kept = msgspec.json.Decoder(Kept).decode


class InteractionRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """One act of a user on a result: `POST /v1/retrievers/interactions`.

    `feature_id` is the `document_id` of the execute answer (either name), `interaction_type` one
    or more signals of this one act, `position` the 0-based place in the list shown. With
    `execution_id` the server knows query, user and the search that found the document.
    `occurred_at` and `backfill` are for past acts.
    """

    feature_id: Identifier | None = None
    document_id: Identifier | None = None
    interaction_type: Types
    position: Count | None = None
    metadata: dict[str, Any] | None = None
    user_id: Text | None = None
    session_id: Text | None = None
    execution_id: Text | None = None
    retriever_id: Text | None = None
    query_snapshot: dict[str, Any] | None = None
    document_score: float | None = None
    result_set_size: Count | None = None
    feature_uri: Text | None = None
    occurred_at: Text | None = None
    backfill: bool = False

    def to_noun(self) -> Sent:
        """Aliases folded. Raises Invalid when both names of the document are sent and differ."""
        feature_id, document_id = self.feature_id, self.document_id
        if feature_id and document_id and feature_id != document_id:
            raise invalid(
                "$.document_id", "contradiction", "`document_id` differs from `feature_id`",
                "send one of them",
            )  # fmt: skip
        return Sent(
            document_id=feature_id or document_id or "",
            interaction_type=self.interaction_type,
            position=self.position,
            metadata=self.metadata,
            user_id=self.user_id or "",
            session_id=self.session_id or "",
            execution_id=self.execution_id or "",
            retriever_id=self.retriever_id or "",
            query_snapshot=self.query_snapshot,
            document_score=self.document_score,
            result_set_size=self.result_set_size,
            feature_uri=self.feature_uri or "",
            occurred_at=self.occurred_at or "",
            backfill=self.backfill,
        )


class InteractionOut(msgspec.Struct, kw_only=True):
    """An interaction as answered. `position` is as sent, `rank` the absolute place in the log.

    `feature_uri` is the search that the act is credited to, `client_feature_uri` what was sent.
    `teaches` is null while the execution is not known yet (`attribution: pending`).
    """

    interaction_id: str | None
    feature_id: str
    document_id: str
    interaction_type: tuple[str, ...]
    position: int
    rank: int | None
    metadata: dict[str, Any]
    timestamp: str
    deduplicated: bool
    attribution: str
    teaches: bool | None
    teaches_reason: str
    warning: str | None
    user_id: str | None
    session_id: str | None
    execution_id: str | None
    retriever_id: str | None
    query_snapshot: dict[str, Any] | None
    document_score: float | None
    result_set_size: int | None
    feature_uri: str | None
    client_feature_uri: str | None
    warnings: list[str] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, row: Interaction, *, deduplicated: bool = False) -> InteractionOut:
        """The answer about a row; `deduplicated`: it was not stored."""
        kept = _kept(row.attributes)
        return cls(
            interaction_id=None if deduplicated else f"int_{row.interaction_id}",
            feature_id=row.document_id,
            document_id=row.document_id,
            interaction_type=row.interaction_type,
            position=max(row.position_as_sent, 0),
            rank=row.position if row.attribution in ("logged", "inferred") else None,
            metadata=kept.metadata,
            timestamp=times.iso(times.from_row_time(row.occurred_at)),
            deduplicated=deduplicated,
            attribution=row.attribution,
            teaches=False if deduplicated else teaches_of(row),
            teaches_reason="deduplicated" if deduplicated else row.teaches_reason,
            warning=warning_of(row, deduplicated=deduplicated),
            user_id=row.user_id or None,
            session_id=row.session_id or None,
            execution_id=_execution_id(row, kept),
            retriever_id=_retriever_id(row.retriever_id),
            query_snapshot=kept.query_snapshot,
            document_score=row.document_score,
            result_set_size=row.result_set_size,
            feature_uri=row.feature_uri or None,
            client_feature_uri=row.client_feature_uri or None,
        )


def _execution_id(row: Interaction, kept: Kept) -> str | None:
    if kept.execution_id:
        return kept.execution_id
    return execution_id_or_none(row.execution_id)


def _retriever_id(stored: str) -> str | None:
    return wire_id("ret", stored) or None


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /v1/retrievers/interactions/batch`: 1 to 1,000 acts, live or past, each taken alone."""

    interactions: Annotated[
        list[InteractionRequest], msgspec.Meta(min_length=1, max_length=MOST_ROWS)
    ]


class BatchEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    """The same body as it is really decoded: the rows stay bytes, so that each can fail alone."""

    interactions: list[msgspec.Raw]


class BatchAnswer(msgspec.Struct, kw_only=True):
    """What became of each row of a batch; `errors` repeats the failed ones as `index: message`."""

    created: int
    failed: int
    deduplicated: int
    errors: list[str]
    results: list[Result]

    @classmethod
    def of(cls, results: list[Result]) -> BatchAnswer:
        """The totals of these results."""
        statuses = [result.status for result in results]
        return cls(
            created=statuses.count("created"),
            failed=statuses.count("failed"),
            deduplicated=statuses.count("deduplicated"),
            errors=[f"{each.index}: {each.error}" for each in results if each.error is not None],
            results=results,
        )


class ListInteractionsRequest(Paging, forbid_unknown_fields=True, kw_only=True):
    """Which interactions: every field narrows. `days` counts back from now."""

    execution_id: str | None = None
    retriever_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    feature_id: str | None = None
    document_id: str | None = None
    interaction_type: list[str] | str | None = None
    attribution: Literal["logged", "client", "inferred", "none", "pending"] | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    created_after: str | None = None
    created_before: str | None = None
    sort: Sort | None = None
    sorts: Annotated[list[Sort], msgspec.Meta(max_length=1)] | None = None
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"filters", "search", "variant", "case_sensitive"}
    )

    def to_noun(
        self, namespace: str, now_ms: int, retriever_ids: Callable[[str], tuple[str, ...]]
    ) -> Selection:
        """The selection; `retriever_ids` finds a retriever by id or name."""
        sort = self.sort or (self.sorts or [Sort()])[0]
        after = times.parse_iso(self.created_after, "$.created_after") if self.created_after else 0
        return Selection(
            namespace=namespace,
            execution_ids=(bare_execution_id(self.execution_id),) if self.execution_id else (),
            retriever_ids=retriever_ids(self.retriever_id) if self.retriever_id else (),
            session_ids=_any(self.session_id),
            user_ids=_any(self.user_id),
            document_ids=_any(self.feature_id or self.document_id),
            interaction_types=signals.check(self.interaction_type) if self.interaction_type else (),
            attributions=_any(self.attribution),
            after_ms=max(after, now_ms - self.days * times.DAY_MS) if self.days else after,
            before_ms=times.parse_iso(self.created_before, "$.created_before")
            if self.created_before
            else times.LATEST_MS,
            direction=1 if sort.direction == "asc" else -1,
        )


def _any(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


class InteractionsPage(msgspec.Struct, kw_only=True):
    """A page of interactions; `items` repeats `results` (an older name)."""

    results: list[InteractionOut]
    items: list[InteractionOut]
    pagination: Pagination
    warnings: list[str] = []

    @classmethod
    def of(cls, page: Page, place: Place) -> InteractionsPage:
        """The answer about a page."""
        rows = [InteractionOut.of(row) for row in page.rows]
        pagination = place.pagination(page.cursor, page.total)
        return cls(results=rows, items=rows, pagination=pagination, warnings=list(page.warnings))


class InteractionDeleted(msgspec.Struct, kw_only=True):
    """A deletion; `deleted` is false when there was nothing (any more)."""

    interaction_id: str
    deleted: bool
    message: str
    success: bool = True


class DeleteInteractionsRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Query of the deletion of all interactions of a user; nothing is deleted without one."""

    user_id: Annotated[
        str, msgspec.Meta(min_length=1, max_length=512, description="whose interactions to delete")
    ]
    not_available: ClassVar[frozenset[str]] = frozenset({"session_id"})
    not_available_hint: ClassVar[str] = "interactions are deleted by `user_id`, or one by one"


class UserErased(msgspec.Struct, kw_only=True):
    """The receipt of an erasure. Executions keep what was shown: this route redacts none, so
    `executions_redacted` is 0; there are no models and data sets made of interactions yet.

    `contexts_recomputed`: learned contexts in which the deleted ones had taught; their state is
    made again without them at the next turns of the learner.
    """

    user_id: str
    deleted: int
    at: str
    rows_deleted: int
    contexts_recomputed: int
    completed_at: str
    executions_redacted: int = 0
    models_flagged_for_retraining: list[str] = []
    datasets_affected: list[str] = []

    @classmethod
    def of(cls, user_id: str, erased: Erased) -> UserErased:
        """The receipt about a user, as named in the request."""
        at = times.iso(erased.at_ms)
        return cls(
            user_id=user_id, deleted=erased.deleted, at=at, rows_deleted=erased.deleted,
            contexts_recomputed=erased.contexts, completed_at=at,
        )  # fmt: skip
