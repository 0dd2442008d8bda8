"""What the server answers, as typed objects.

Declared are the fields that programs read; whatever else an answer holds is there too, as attribute
and by key (`reading.Answer`). Times are texts (ISO 8601, UTC), ids opaque texts.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from desireline.client.reading import Answer, Open

T = TypeVar("T")
Weights = dict[str, float]


class Pagination(Answer, frozen=True):
    """Where a page stands; `total` is counted on request only."""

    total: int | None = None
    page: int | None = None
    page_size: int | None = None
    next_page: int | None = None
    next_cursor: str | None = None


class Page(Answer, Generic[T], frozen=True):
    """One page of a list."""

    results: list[T]
    pagination: Pagination = Pagination()
    total: int | None = None
    warnings: list[str] = []


class Done(Answer, frozen=True):
    """Something happened; deleting again what is gone is no error."""

    message: str = ""
    success: bool = True


class Namespace(Answer, frozen=True):
    """A boundary between data sets."""

    namespace_id: str
    namespace_name: str = ""


class Feature(Answer, frozen=True):
    """What one search of a collection reads: its key is `feature_uri`."""

    feature_uri: str
    kind: str = ""
    fields: list[str] = []
    field: str = ""
    dimension: int = 0
    distance: str = ""


class Collection(Answer, frozen=True):
    """A named set of documents and the features that make them searchable."""

    collection_id: str
    collection_name: str
    namespace_id: str = ""
    features: list[Feature] = []
    description: str = ""
    metadata: Open = msgspec.field(default_factory=Open)
    document_count: int = 0
    index_version: int = 0
    created_at: str = ""
    updated_at: str = ""
    warnings: list[str] = []


class Document(Answer, frozen=True):
    """A stored document: its own fields are attributes beside these."""

    document_id: str
    collection_id: str = ""


class DocumentResult(Answer, frozen=True):
    """What became of one document that was sent; `error` has code, path, message and hint."""

    index: int
    document_id: str = ""
    status: str = ""
    error: Open | None = None


class Upserted(Answer, frozen=True):
    """What became of all documents that were sent, in their order."""

    upserted: int = 0
    failed: int = 0
    results: list[DocumentResult] = []
    warnings: list[str] = []


class VectorsUpserted(Answer, frozen=True):
    """What became of documents with vectors of one's own, in their order."""

    inserted: int = 0
    failed: int = 0
    document_ids: list[str] = []
    unsearchable_document_ids: list[str] = []
    results: list[DocumentResult] = []
    warnings: list[str] = []


class Retriever(Answer, frozen=True):
    """A named, versioned recipe of stages."""

    retriever_id: str
    retriever_name: str
    namespace_id: str = ""
    version: int = 1
    description: str = ""
    collection_identifiers: list[str] = []
    stages: list[Open] = []
    input_schema: Open = msgspec.field(default_factory=Open)
    tags: list[str] = []
    metadata: Open = msgspec.field(default_factory=Open)
    feature_dependencies: Any = None
    fusion: str | None = None
    is_published: bool = False
    created_at: str = ""
    updated_at: str = ""
    warnings: list[str] = []


class Patched(Answer, frozen=True):
    """A retriever after a change; a clone also names its source."""

    retriever: Retriever
    source_retriever_id: str = ""
    warnings: list[str] = []


class Publication(Answer, frozen=True):
    """Under which name a retriever answers without a key."""

    retriever_id: str = ""
    public_id: str = ""
    public_name: str = ""
    public_url: str = ""
    display_name: str | None = None
    is_active: bool = True


class Attribution(Answer, frozen=True):
    """What one search said about a document, and the term it added to the fused score."""

    feature_uri: str
    rank: int | None = None
    raw_score: float | None = None
    norm_score: float | None = None
    weight: float | None = None
    contribution: float | None = None


class Hit(Answer, frozen=True):
    """A document of a ranked list: `position` is 0-based in the page, `rank` in the whole list.

    The document's own fields are attributes beside these.
    """

    document_id: str
    collection_id: str = ""
    score: float | None = None
    position: int | None = None
    rank: int | None = None
    scores: Open = msgspec.field(default_factory=Open)
    attribution: list[Attribution] = []


class LearnedFusionContext(Answer, frozen=True):
    """The decision of a learned stage: which weights, from which level, and what was served."""

    context_key: str = ""
    context_level: str = ""
    sampled_weights: Weights = {}
    feature_uris: list[str] = []
    effective_exploration: float = 0.0
    served: bool = False
    reason: str | None = None
    variant: str = ""
    bucket: float | None = None
    shadow: Open | None = None
    swapped: list[int] | None = None


class Execution(Answer, frozen=True):
    """A ranked list, and everything that was decided and degraded on the way."""

    retriever_id: str | None = None
    execution_id: str = ""
    status: str = ""
    documents: list[Hit] = []
    pagination: Open = msgspec.field(default_factory=Open)
    stage_statistics: Open = msgspec.field(default_factory=Open)
    warnings: list[str] = []
    degraded: list[Open] = []
    limits: list[Open] = []
    facets: Any = None
    learned_fusion_context: LearnedFusionContext | None = None
    error: Any = None


class ExecutionLogged(Answer, frozen=True):
    """A list that somebody else ranked, in the log; `deduplicated`: it was there before."""

    execution_id: str
    deduplicated: bool = False
    warnings: list[str] = []


class BatchedExecution(Answer, frozen=True):
    """One query of a batch: its answer, or why there is none."""

    index: int
    status: Any = None
    response: Execution | None = None
    error: Open | None = None


class ExecutionBatch(Answer, frozen=True):
    """The answers of a batch, in the order of its queries."""

    results: list[BatchedExecution] = []
    total: int = 0
    failed: int = 0


class Plan(Answer, frozen=True):
    """What a retriever would do; nothing was run."""

    retriever_id: str | None = None
    retriever_name: str | None = None
    execution_plan: list[Open] = []
    optimization_suggestions: list[Any] = []
    total_estimated_stages: int = 0
    bottleneck_stages: list[Any] = []


class Interaction(Answer, frozen=True):
    """One act of a user on a result, and whether it teaches.

    `interaction_id` is None when the act was a duplicate, `warning` says why it teaches nothing.
    """

    interaction_id: str | None = None
    feature_id: str = ""
    document_id: str = ""
    interaction_type: list[str] = []
    position: int = 0
    rank: int | None = None
    metadata: Open = msgspec.field(default_factory=Open)
    timestamp: str = ""
    deduplicated: bool = False
    attribution: str = ""
    teaches: bool | None = None
    teaches_reason: str = ""
    warning: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    execution_id: str | None = None
    retriever_id: str | None = None
    query_snapshot: Open | None = None
    document_score: float | None = None
    result_set_size: int | None = None
    feature_uri: str | None = None
    client_feature_uri: str | None = None


class TraceStep(Answer, frozen=True):
    """One step on the way of an interaction; `done` false: not yet, or never (see `sentence`)."""

    step: str = ""
    done: bool = False
    at: str | None = None
    sentence: str = ""
    details: Open = msgspec.field(default_factory=Open)


class Trace(Answer, frozen=True):
    """An interaction from receipt to posterior: received, stored, credited, rewarded, closed,
    learned.
    """

    interaction_id: str = ""
    retriever_id: str = ""
    retriever_name: str = ""
    execution_id: str | None = None
    document_id: str = ""
    simulated: bool = False
    teaches: bool | None = None
    teaches_reason: str = ""
    steps: list[TraceStep] = []


class Happening(Answer, frozen=True):
    """Something that happened; `kind` is execution, interaction, lesson, weights or task, and says
    what else is there. `lost`: so many were left out, because they came too fast.
    """

    kind: str
    at: str = ""
    retriever_id: str = ""
    retriever_name: str = ""
    simulated: bool = False


class InteractionResult(Answer, frozen=True):
    """What became of one row of a batch: created, deduplicated or failed."""

    index: int
    interaction_id: str = ""
    status: str = ""
    error: str | None = None


class InteractionBatch(Answer, frozen=True):
    """What became of all rows that were sent, in their order."""

    created: int = 0
    failed: int = 0
    deduplicated: int = 0
    errors: list[str] = []
    results: list[InteractionResult] = []


class InteractionDeleted(Answer, frozen=True):
    """A deletion; `deleted` is false when there was nothing (any more)."""

    interaction_id: str = ""
    deleted: bool = False
    message: str = ""


class UserErased(Answer, frozen=True):
    """The receipt for deleting all interactions of a user."""

    user_id: str
    deleted: int = 0
    contexts_recomputed: int = 0
    completed_at: str = ""


class Switched(Answer, frozen=True):
    """Where the kill switch stands; `changed` is false when it stood there already."""

    retriever_id: str = ""
    enabled: bool = False
    changed: bool = False
    at: str = ""


class Rollout(Answer, frozen=True):
    """The share of traffic, in per cent, that is served learned weights."""

    retriever_id: str = ""
    rollout_pct: float = 0.0
    effective_rollout_pct: float = 0.0
    rollout_override: bool = False
    config_rollout_pct: float = 0.0


class OptedOut(Answer, frozen=True):
    """Whether a user is served static fusion for good."""

    user_id: str
    opted_out: bool = False
    changed: bool = False


class UserReset(Answer, frozen=True):
    """A user's own preferences are forgotten."""

    user_id: str
    reset: bool = False
    at: str = ""


class LearnedWeights(Answer, frozen=True):
    """Everyone's weights, by `feature_uri`."""

    feature_weights: dict[str, Open] = {}
    weights: Weights = {}
    total_interactions: int = 0
    learner_count: int = 0
    exploration: Open = msgspec.field(default_factory=Open)
    warning: str | None = None
    hint: str | None = None


class UserWeights(Answer, frozen=True):
    """A user's weights at the active level: mean and one draw, and everyone's for comparison.

    `intervals`: where the best weights are believed to be; `drawn_intervals`: where draws fall.
    """

    user_id: str
    context_level: str = ""
    interaction_count: int = 0
    personal_weights: Weights = {}
    global_weights: Weights = {}
    sampled_weights: Weights = {}
    mean_weights: Weights = {}
    intervals: dict[str, list[float]] = {}
    drawn_intervals: dict[str, list[float]] = {}
    exploration: Open = msgspec.field(default_factory=Open)
    hint: str | None = None


class LearningStats(Answer, frozen=True):
    """The learner in numbers."""

    total_learners: int = 0
    avg_interactions_per_user: float = 0.0
    weight_spread: float = 0.0
    context_level_distribution: dict[str, int] = {}
    enabled: bool = False
    rollout_pct: float = 0.0
    rollout_override: bool = False
    shadow_mode: bool = False
    hint: str | None = None


class Signal(Answer, frozen=True):
    """One logged decision of a learned stage."""

    timestamp: str = ""
    execution_id: str = ""
    signal_type: str = ""
    signal_data: Open = msgspec.field(default_factory=Open)
    metadata: Open = msgspec.field(default_factory=Open)


class Progress(Answer, frozen=True):
    """How far a task is: `done` of `total` (0: not known yet), counted in `unit`."""

    done: int = 0
    total: int = 0
    unit: str = ""
    percent: float | None = None
    seconds_left: float | None = None


class Task(Answer, frozen=True):
    """A long job. `status` is PENDING, IN_PROGRESS, COMPLETED, COMPLETED_WITH_ERRORS, FAILED or
    CANCELED.
    """

    task_id: str
    task_type: str = ""
    status: str = ""
    inputs: list[Open] = []
    outputs: list[Open] = []
    progress: Progress = Progress()
    message: str = ""
    error: str | None = None
    created_at: str = ""
    finished_at: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status not in ("PENDING", "QUEUED", "IN_PROGRESS", "PROCESSING")


class Flushed(Answer, frozen=True):
    """Everything acknowledged is visible; `closed` executions have taught what they could."""

    flushed: bool = False
    closed: int = 0
    snapshot: int = 0
