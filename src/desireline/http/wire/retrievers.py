"""Retrievers on the wire: create, patch, list, and what comes back."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from desireline.core.ids import prefixed
from desireline.errors import invalid
from desireline.http.wire.common import Name, Pagination
from desireline.http.wire.paging import PageAsked
from desireline.types.retriever import Retriever

INPUT_TYPES = (
    "string", "number", "integer", "float", "boolean", "object", "array", "date", "datetime",
    "text", "image", "audio", "video", "pdf", "excel", "document_reference",
)  # fmt: skip


Stages = Annotated[
    list[dict[str, Any]],
    msgspec.Meta(
        description="stages in order, each `{config: {stage_id, parameters}}`, flat `{stage_id, "
        "parameters}` or short `{type, …parameters}`; see the stages reference",
        examples=[
            [
                {
                    "config": {
                        "stage_id": "feature_search",
                        "parameters": {"searches": [{"feature_uri": "desireline://title@v1/bm25"}]},
                    }
                }
            ]
        ],
    ),
]


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
    stages: Stages
    budget_limits: dict[str, Any] | None = None
    visibility: str | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({"cache_config", "marketplace_listing_id"})


class PatchRetriever(_Editable, forbid_unknown_fields=True, kw_only=True):
    """`PATCH /v1/retrievers/{id}`."""

    retriever_name: Name | None = None
    stages: Stages | None = None
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
        cls, retriever: Retriever, uris: list[str], fusion: str | None, warnings: list[str],
        *, is_published: bool = False,
    ) -> RetrieverOut:  # fmt: skip
        """The answer about a retriever that depends on the features `uris`."""
        return cls(
            retriever_id=prefixed("ret", retriever.retriever_id),
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
            is_published=is_published,
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


class ExcludeInteracted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Leave out documents on which the request's user (without one: session) acted in these ways.

    The latest 10,000 of them; more are reported in `limits[]`.
    """

    interaction_types: Annotated[
        Annotated[str, msgspec.Meta(min_length=1)]
        | Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)],
        msgspec.Meta(
            description="any of these types, such as purchase; 1 to 50 of them, or one as a text"
        ),
    ]  # fmt: skip
    days: Annotated[
        float, msgspec.Meta(gt=0, le=3650, description="acts older than this are not asked for")
    ] = 90  # fmt: skip


Documents = Annotated[int, msgspec.Meta(ge=1, le=500)]


class ExecuteSettings(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`settings` of an execution: another place for `limit`."""

    limit: Documents | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({"max_chunks"})


class ExecuteRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/{id}/execute`. `inputs` wins over the same value at top level.

    `limit`, or one page of the ranking by `pagination`. `stream` answers stage by stage.
    """

    inputs: dict[str, Any] = {}
    query: str | dict[str, Any] | None = None
    filters: Any = None
    exclude_interacted: ExcludeInteracted | None = None
    limit: Documents | None = None
    page_size: Documents | None = None
    pagination: PageAsked | None = None
    user_id: str | None = None
    session_id: str | None = None
    segment: str | None = None
    purpose: str | None = None
    settings: ExecuteSettings | None = None
    stream: bool = False
    explain: bool = False
    return_vectors: bool = False
    skip_cache: bool = False
    include_legacy_results: bool = False
    return_presigned_urls: bool = False
    not_available: ClassVar[frozenset[str]] = frozenset({"expand", "target_collection_id"})
    not_available_hint: ClassVar[str] = (
        "leave it out; to search in one collection, filter on `collection_id`"
    )


class Attribution(msgspec.Struct, kw_only=True):
    """What one search said about a document, and the term it added to the fused score.

    `rank` and `raw_score` are absent where an execution is read back: impressions lack them.
    """

    feature_uri: str
    rank: int | msgspec.UnsetType | None = msgspec.UNSET
    raw_score: float | msgspec.UnsetType | None = msgspec.UNSET
    norm_score: float
    weight: float
    contribution: float


class LearnedFusionContext(msgspec.Struct, kw_only=True, omit_defaults=False):
    """The decision of a learned stage: which weights, from which level, and what was served.

    `swapped`: the two neighbouring ranks that exploration exchanged in this answer, or null.
    """

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
    shadow: dict[str, Any] | None
    swapped: list[int] | None


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
    explain_plan: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    error: str | None = None
