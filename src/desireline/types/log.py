"""Rows of the event log: one struct a table, one field a column, in the words of the glossary.

An intake frame *is* one of these as a JSON object. Fields at their default are left out of the
frame (the column has the same default: a test compares struct and migration). Knows nothing of
engines.

Times are UTC strings `YYYY-MM-DD hh:mm:ss.mmm`; ids are 32 lower-case hex without prefix.
"""

from __future__ import annotations

import math

import msgspec

NO_ID = "0" * 32
NOT_RETURNED = 65535
EPOCH = "1970-01-01 00:00:00.000"
SIMULATION = "simulation"
COUNTED = ("traffic", SIMULATION)
"""Purposes that count: learned from, and as use."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What every table has: where it came from, when, in which order, of whom."""

    namespace: str
    occurred_at: str
    received_at: str
    source: str = ""
    node: str = ""
    seq: int = 0
    user_id: str = ""
    session_id: str = ""
    purpose: str = "traffic"
    attributes: str = "{}"


class Execution(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One run of a retriever for one request: the request, the decision, the candidates."""

    execution_id: str
    retriever_id: str
    external_id: str = ""
    retriever_version: int = 0
    page_of: str = NO_ID
    page_offset: int = 0
    query: str = ""
    query_key: str = ""
    inputs: str = "{}"
    filters: str = "{}"
    segment: str = ""
    device: str = ""
    locale: str = ""
    country: str = ""
    total: int = 0
    shown: int = 0
    latency_ms: float = 0.0
    stages: str = "[]"
    degraded: tuple[str, ...] = ()
    cache: str = ""
    searches: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    static_weights: tuple[float, ...] = ()
    fusion: str = ""
    base: str = ""
    algorithm: str = ""
    context_level: str = ""
    context_key: str = ""
    context_keys: tuple[str, ...] = ()
    snapshot_id: int = 0
    draw_seed: int = 0
    variant: str = ""
    reason: str = ""
    explore: int = 0
    bucket: float = 0.0
    experiment_id: str = ""
    arm: str = ""
    model_id: str = ""
    shadow: str = ""
    candidate_ids: tuple[str, ...] = ()
    candidate_scores: tuple[tuple[float, ...], ...] = ()
    candidate_ranks: tuple[tuple[int, ...], ...] = ()
    candidate_fused: tuple[float, ...] = ()
    score_kind: str = ""
    payload: str = "{}"


class Impression(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One document at one place in one execution; `position` is absolute and 0-based."""

    execution_id: str
    document_id: str
    retriever_id: str = ""
    position: int = 0
    query_key: str = ""
    device: str = ""
    segment: str = ""
    variant: str = ""
    experiment_id: str = ""
    team: str = ""
    score: float = 0.0
    norm_scores: tuple[float, ...] = ()
    contributions: tuple[float, ...] = ()
    winner: str = ""
    propensity: float = math.nan
    viewed: int = 0
    features: tuple[float, ...] = ()
    feature_version: str = ""
    price: float = 0.0
    currency: str = ""


class Interaction(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One act of a user on a result. `position` is absolute and 0-based, -1 when unknown."""

    interaction_id: str
    external_id: str = ""
    client_event_id: str = ""
    execution_id: str = NO_ID
    retriever_id: str = ""
    document_id: str = ""
    variant_id: str = ""
    interaction_type: tuple[str, ...] = ()
    position: int = -1
    position_as_sent: int = -1
    position_base: int = 0
    duration_ms: int | None = None
    query: str = ""
    query_key: str = ""
    document_score: float | None = None
    result_set_size: int | None = None
    reward: float = 0.0
    reward_map_version: int = 0
    feature_uri: str = ""
    client_feature_uri: str = ""
    attribution: str = "none"
    teaches: int = 0
    teaches_reason: str = ""
    context_keys: tuple[str, ...] = ()
    value: float = 0.0
    currency: str = ""
    quantity: int = 0
    order_id: str = ""
    shop_id: str = ""
    page_type: str = ""
    discovery_source: str = ""
    referrer_type: str = ""
    device: str = ""
    locale: str = ""
    country: str = ""
    user_agent_class: str = ""
    variant: str = ""
    experiment_id: str = ""
    arm: str = ""
    team: str = ""
    conformance: tuple[str, ...] = ()
    bot_score: float = 0.0
    consent: str = ""


class Lesson(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The only input of a learner: state is the fold of these in `seq` order.

    `kind` is close, late, reset, opt_out or opt_in; `payload` is the JSON of a
    `desireline.types.learning.Taught` (empty for the last three); `occurred_at` is when it was
    learned.
    """

    retriever_id: str
    generation: int
    kind: str
    execution_id: str = NO_ID
    context_keys: tuple[str, ...] = ()
    payload: str = "{}"


class RejectedInteraction(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event that was refused: its bytes as sent, why, and what it was fixed as."""

    rejected_id: str
    raw: str = ""
    code: str = ""
    path: str = ""
    hint: str = ""
    fixed_as: str = NO_ID


class Mark(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A reversible statement about a user, session, execution or interaction; the last
    one holds.
    """

    subject: str
    subject_id: str
    mark: str
    value: int = 1
    reason: str = ""
    by: str = ""
    score: float = 0.0


class IdentityLink(Row, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Anonymous to known: applied at read time, reversible."""

    from_user_id: str
    revoked_at: str = EPOCH


TABLES: dict[str, type[Row]] = {
    "executions": Execution,
    "impressions": Impression,
    "interactions": Interaction,
    "lessons": Lesson,
    "rejected_interactions": RejectedInteraction,
    "marks": Mark,
    "identity_links": IdentityLink,
}
