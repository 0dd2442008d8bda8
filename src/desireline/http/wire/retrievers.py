"""Retrievers on the wire: create, patch, list, and what comes back."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from desireline.errors import invalid
from desireline.http.wire.common import Name, Pagination
from desireline.types.retriever import Retriever

INPUT_TYPES = (
    "string", "number", "integer", "float", "boolean", "object", "array", "date", "datetime",
    "text", "image", "audio", "video", "pdf", "excel", "document_reference",
)  # fmt: skip


class StageConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which stage, with which parameters (see the stages reference)."""

    stage_id: str | None = None
    parameters: dict[str, Any] = {}


class Stage(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One stage of a retriever."""

    config: StageConfig
    stage_name: str | None = None
    stage_type: str | None = None
    on_error: str | None = None
    description: str | None = None
    output_alias: str | None = None
    batch_size: Any = None
    not_available: ClassVar[frozenset[str]] = frozenset({"type", "stage_id", "parameters"})
    not_available_hint: ClassVar[str] = (
        'use the nested form {"stage_name", "config": {"stage_id", "parameters"}}'
    )


class InputField(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One declared input of a retriever."""

    type: str
    required: bool = False
    default: Any = None
    description: str | None = None
    enum: list[Any] | None = None
    examples: list[Any] | None = None
    items: Any = None
    properties: Any = None


class _Editable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    description: str | None = None
    collection_identifiers: tuple[str, ...] | None = None
    collection_ids: tuple[str, ...] | None = None
    input_schema: dict[str, InputField] | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
    display_config: dict[str, Any] | None = None

    def identifiers(self) -> tuple[str, ...] | None:
        """Collections under either name. Raises Invalid when both are sent and differ."""
        first, second = self.collection_identifiers, self.collection_ids
        if first is not None and second is not None and first != second:
            raise invalid(
                "$.collection_ids", "contradiction",
                "`collection_ids` differs from `collection_identifiers`", "send one of them",
            )  # fmt: skip
        return second if first is None else first


class CreateRetriever(_Editable, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers`."""

    retriever_name: Name
    stages: list[Stage]
    budget_limits: dict[str, Any] | None = None
    visibility: str | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({"cache_config", "marketplace_listing_id"})


class PatchRetriever(_Editable, forbid_unknown_fields=True, kw_only=True):
    """`PATCH /v1/retrievers/{id}`."""

    retriever_name: Name | None = None
    stages: list[Stage] | None = None
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"cache_config", "budget_limits", "visibility"}
    )


class RetrieverOut(msgspec.Struct, kw_only=True):
    """A retriever as answered."""

    retriever_id: str
    retriever_name: str
    namespace_id: str
    version: int
    description: str
    collection_identifiers: tuple[str, ...]
    collection_ids: tuple[str, ...]
    stages: list[dict[str, Any]]
    input_schema: dict[str, Any]
    budget_limits: dict[str, Any]
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    display_config: dict[str, Any]
    feature_dependencies: list[str]
    fusion: str | None
    is_published: bool
    created_at: str
    updated_at: str
    created_by: str = ""
    updated_by: str = ""
    warnings: list[str] = []

    @classmethod
    def of(
        cls, retriever: Retriever, uris: list[str], fusion: str | None, warnings: list[str]
    ) -> RetrieverOut:
        """The answer about a retriever that depends on the features `uris`."""
        return cls(
            retriever_id=f"ret_{retriever.retriever_id}",
            retriever_name=retriever.retriever_name,
            namespace_id=retriever.namespace,
            version=retriever.version,
            description=retriever.description,
            collection_identifiers=retriever.collection_identifiers,
            collection_ids=retriever.collection_identifiers,
            stages=retriever.stages,
            input_schema=retriever.input_schema or {},
            budget_limits=retriever.budget_limits or {},
            tags=retriever.tags,
            metadata=retriever.metadata,
            display_config=retriever.display_config or {},
            feature_dependencies=uris,
            fusion=fusion,
            is_published=False,
            created_at=retriever.created_at,
            updated_at=retriever.updated_at,
            warnings=warnings,
        )


class RetrieverPatched(msgspec.Struct, kw_only=True):
    """Answer of a PATCH."""

    retriever: RetrieverOut


class RetrieversPage(msgspec.Struct, kw_only=True):
    """A page of retrievers."""

    results: list[RetrieverOut]
    total: int
    pagination: Pagination
    warnings: list[str] = []


class RetrieverVersions(msgspec.Struct, kw_only=True):
    """All versions of a retriever, newest first."""

    results: list[RetrieverOut]
    pagination: Pagination


class ExecuteRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/{id}/execute`. `inputs` wins over the same value at top level."""

    inputs: dict[str, Any] = {}
    query: str | dict[str, Any] | None = None
    filters: Any = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] | None = None
    page_size: Annotated[int, msgspec.Meta(ge=1, le=500)] | None = None
    user_id: str | None = None
    session_id: str | None = None
    segment: str | None = None
    purpose: str | None = None
    settings: dict[str, Any] | None = None
    skip_cache: bool = False
    include_legacy_results: bool = False
    return_presigned_urls: bool = False
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"pagination", "stream", "expand", "explain", "return_vectors", "target_collection_id"}
    )


class Attribution(msgspec.Struct, kw_only=True):
    """What one search said about a document, and the term it added to the fused score."""

    feature_uri: str
    rank: int | None
    raw_score: float | None
    norm_score: float
    weight: float
    contribution: float


class LearnedFusionContext(msgspec.Struct, kw_only=True, omit_defaults=False):
    """The decision of a learned stage: which weights, from which level, and what was served."""

    context_key: str
    context_level: str
    sampled_weights: dict[str, float]
    feature_uris: list[str]
    effective_exploration: float
    served: bool
    reason: str | None
    variant: str
    bucket: float
    experiment_id: str | None
    posterior_version: int
    seed: int
    shadow: dict[str, Any] | None = None


class ExecuteResponse(msgspec.Struct, kw_only=True):
    """A ranked list, and everything that was decided and degraded on the way.

    Every document has `document_id`, `collection_id`, `score`, `position` (0-based in the page),
    `rank` (0-based, absolute), `attribution[]`, and the stored fields at root.
    """

    retriever_id: str
    execution_id: str
    status: str
    documents: list[dict[str, Any]]
    pagination: dict[str, Any]
    stage_statistics: dict[str, Any]
    warnings: list[str]
    degraded: list[dict[str, Any]]
    limits: list[dict[str, Any]]
    interpretation: dict[str, Any]
    budget: dict[str, Any]
    cache_hit: bool = False
    facets: dict[str, Any] = {}
    learned_fusion_context: LearnedFusionContext | msgspec.UnsetType = msgspec.UNSET
    results: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    error: str | None = None
