"""Learned fusion on the wire: switches, weights, numbers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec


class Switch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of enable and disable."""

    reason: str = ""


class Switched(msgspec.Struct, kw_only=True):
    """Where the kill switch stands now; `changed` is false when it stood there already."""

    retriever_id: str
    enabled: bool
    changed: bool
    at: str


class SetRollout(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of rollout: a live override in per cent; 100 clears it."""

    rollout_pct: Annotated[float, msgspec.Meta(ge=0, le=100)]


class RolloutOut(msgspec.Struct, kw_only=True):
    """The share of traffic that is served learned weights."""

    retriever_id: str
    rollout_pct: float
    effective_rollout_pct: float
    rollout_override: bool
    config_rollout_pct: float


class OptedOut(msgspec.Struct, kw_only=True):
    """Whether a user is served static fusion for good."""

    user_id: str
    opted_out: bool
    changed: bool


class ResetDone(msgspec.Struct, kw_only=True):
    """A user's own preferences are forgotten; rows stay."""

    user_id: str
    reset: bool
    at: str
    message: str


class FeatureWeight(msgspec.Struct, kw_only=True):
    """One search: Beta parameters (0 under `logistic`), its mean weight, its 95 % interval."""

    alpha: float
    beta: float
    mean_weight: float
    weight: float
    low: float
    high: float
    interaction_count: int


class WeightsOut(msgspec.Struct, kw_only=True):
    """What everyone's weights are: `weights` sum to 1."""

    feature_weights: dict[str, FeatureWeight]
    weights: dict[str, float]
    total_interactions: int
    learner_count: int
    levels: dict[str, int]
    posterior_version: int
    generation: int
    as_of: str
    source: str = "desireline"
    warning: str | None = None
    hint: str | None = None


class UserWeightsOut(msgspec.Struct, kw_only=True):
    """A user's weights at the active level: mean and one draw, and everyone's for comparison.

    `intervals` holds 95 % of the draws of each weight: [low, high].
    """

    user_id: str
    context_level: str
    resolved_level: str
    interaction_count: int
    personal_weights: dict[str, float]
    global_weights: dict[str, float]
    sampled_weights: dict[str, float]
    mean_weights: dict[str, float]
    intervals: dict[str, list[float]]
    alpha_beta: dict[str, dict[str, float]]
    posterior_version: int
    source: str = "desireline"
    warning: str | None = None
    hint: str | None = None


class StatsOut(msgspec.Struct, kw_only=True):
    """The learner in numbers. `state_sha256` is equal for equal states (replay)."""

    total_learners: int
    active_learners: int
    avg_interactions_per_user: float
    weight_spread: float
    context_level_distribution: dict[str, int]
    context_hit_rate: float
    enabled: bool
    rollout_pct: float
    rollout_override: bool
    config_rollout_pct: float
    shadow_mode: bool
    opted_out_users: int
    open_executions: int
    lessons: int
    posterior_version: int
    generation: int
    state_sha256: str
    source: str = "desireline"
    warning: str | None = None
    hint: str | None = None


class Signal(msgspec.Struct, kw_only=True):
    """One logged decision of a learned stage."""

    timestamp: str
    execution_id: str
    signal_type: str
    signal_data: dict[str, Any]
    metadata: dict[str, Any]
