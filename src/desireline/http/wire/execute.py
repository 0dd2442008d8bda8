"""Executions on the wire beyond one of a stored retriever: batches, ad hoc, kinds of stages."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from desireline.errors import FieldError, Invalid
from desireline.http.wire.retrievers import (
    ExecuteRequest,
    ExecuteResponse,
    ExecuteSettings,
    InputField,
    Stages,
)

MOST_QUERIES, DEFAULT_LIMIT = 50, 10


class BatchRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/{id}/execute/batch`: 1 to 50 bodies of `execute`, each alone.

    `settings.limit` is for queries without a limit or page of their own.
    """

    queries: list[dict[str, Any]]
    settings: ExecuteSettings | None = None
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=20)] | None = None
    stream: bool = False
    return_vectors: bool = False
    return_presigned_urls: bool = False
    not_available: ClassVar[frozenset[str]] = frozenset({"target_collection_id", "expand"})

    def check(self) -> None:
        """Raises Invalid for no query, or too many."""
        count = len(self.queries)
        if 1 <= count <= MOST_QUERIES:
            return
        code = "too_many" if count else "empty"
        message = f"a batch has 1 to {MOST_QUERIES} queries, not {count}"
        place = FieldError("$.queries", code, message, "split it into several requests")
        raise Invalid(
            message, code=code, hint=place.hint, fields=(place,),
            details={"limits": {"max_queries": MOST_QUERIES}},
        )  # fmt: skip


class BatchedResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One query's answer, or why there is none: `status` is that of the answer, else `failed`."""

    index: int
    status: str
    response: ExecuteResponse | msgspec.UnsetType = msgspec.UNSET
    error: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class BatchResponse(msgspec.Struct, kw_only=True):
    """The answers in the order of the queries."""

    results: list[BatchedResult]
    total: int
    failed: int
    warnings: list[str] = []


class AdHocRequest(ExecuteRequest, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/execute`: stages that are stored nowhere, and what `execute` takes."""

    stages: Stages
    collection_identifiers: tuple[str, ...] | None = None
    collection_ids: tuple[str, ...] | None = None
    input_schema: dict[str, InputField] | None = None
    budget_limits: dict[str, Any] | None = None


class StageKind(msgspec.Struct, kw_only=True):
    """A kind of stage, with the JSON schema of its parameters."""

    stage_id: str
    description: str
    category: str
    icon: str
    parameter_schema: dict[str, Any]
