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
    """One search: Beta parameters (0 under `logistic`), its mean weight, and two 95 % intervals.

    `low` to `high`: where the learner believes the best weight to be. `drawn_low` to `drawn_high`:
    where weights are drawn; exploration makes that narrower or wider than the belief.
    """

    alpha: float
    beta: float
    mean_weight: float
    weight: float
    low: float
    high: float
    drawn_low: float
    drawn_high: float
    interaction_count: int


class ExplorationOut(msgspec.Struct, kw_only=True):
    """How far draws are spread: `effective` now, `start` before the first interaction, `floor` in
    the end; there after `interactions_left` more interactions (0: it is there, null: never).
    `variance_ratio` is the variance of draws as a multiple of that of the belief.
    """

    effective: float
    variance_ratio: float
    floor: float
    start: float
    interactions_left: int | None


class WeightsOut(msgspec.Struct, kw_only=True):
    """What everyone's weights are: `weights` sum to 1. `exploration` is the global level's."""

    feature_weights: dict[str, FeatureWeight]
    weights: dict[str, float]
    total_interactions: int
    learner_count: int
    levels: dict[str, int]
    exploration: ExplorationOut
    posterior_version: int
    generation: int
    as_of: str
    source: str = "desireline"
    warning: str | None = None
    hint: str | None = None


class UserWeightsOut(msgspec.Struct, kw_only=True):
    """A user's weights at the active level: mean and one draw, and everyone's for comparison.

    `intervals` is where the best weight of each search is believed to be, `drawn_intervals` where
    its weights are drawn: [low, high] of 95 % each. `exploration` is that of the active level.
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
    drawn_intervals: dict[str, list[float]]
    exploration: ExplorationOut
    alpha_beta: dict[str, dict[str, float]]
    posterior_version: int
    source: str = "desireline"
    warning: str | None = None
    hint: str | None = None


class SegmentWeight(msgspec.Struct, kw_only=True):
    """One search: mean weight, the 95 % interval of belief, and that of draws."""

    mean: float
    low: float
    high: float
    drawn_low: float
    drawn_high: float


class SegmentOut(msgspec.Struct, kw_only=True):
    """A demographic level. `segment` is the value of its feature as it was sent; of several
    features `name=value, name=value`; null when no execution of the last 30 days had it.

    `weights` are what a user without weights of their own is drawn from there; `context_level`
    is whose they are: `demographic`, or a wider level where the segment taught too little.
    """

    segment: str | None
    context_level: str
    context_key: str
    interactions: int
    executions: int
    weights: dict[str, SegmentWeight]
    exploration: ExplorationOut


class SegmentsOut(msgspec.Struct, kw_only=True):
    """Segments, those with most interactions first; `executions` are those of the last 30 days."""

    segments: list[SegmentOut]
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
