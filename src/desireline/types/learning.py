"""What is learned: a retriever's learning configuration, contexts, weights, lessons, decisions.

Values only; the formulas are in `core`. Times are integer milliseconds since 1970 UTC (`*_ms`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from desireline.types.retriever import StaticFusion

Level = Literal["personal", "demographic", "global", "prior"]


class LearningConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`learning_config` of a learned stage; limits are checked at the door, defaults live here."""

    algorithm: Literal["thompson_sampling", "logistic"] = "thompson_sampling"
    context_features: tuple[str, ...] = ("INPUT.user_id",)
    demographic_features: tuple[str, ...] = ()
    fallback_strategy: Literal["hierarchical", "global"] = "hierarchical"
    min_interactions: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    reward_signal: str = "click"
    reward_map: dict[str, float] | None = None
    reward_map_mode: Literal["replace", "merge"] = "replace"
    reward_defaults: Literal["compatible", "extended"] = "extended"
    max_reward_per_interaction: Annotated[float, msgspec.Meta(ge=0.1, le=100)] = 5.0
    prior_alpha: Annotated[float, msgspec.Meta(ge=0.1)] = 1.0
    prior_beta: Annotated[float, msgspec.Meta(ge=0.1)] = 1.0
    contrast: Annotated[float, msgspec.Meta(ge=0.1, le=20)] = 1.0
    exploration_bonus: Annotated[float, msgspec.Meta(ge=0.1, le=10)] = 1.0
    exploration_decay: Annotated[float, msgspec.Meta(ge=0.9, le=1)] = 0.99
    exploration_floor: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.1
    decay_factor: Annotated[float, msgspec.Meta(ge=0.9, le=1)] = 0.995
    decay_window_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365
    gamma: Annotated[float, msgspec.Meta(ge=0.9, le=1)] = 0.999
    tau_demographic: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    tau_user: Annotated[float, msgspec.Meta(gt=0, le=10)] = 0.5
    min_weight: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.05
    max_weight: Annotated[float, msgspec.Meta(ge=0.5, le=1)] = 0.95
    credit: Literal["winner", "share", "any"] = "winner"
    position_bias: Literal["none", "inverse_propensity"] = "none"
    exposure: Literal["served", "cascade", "viewport"] = "served"
    examined_depth: Annotated[int, msgspec.Meta(ge=1, le=500)] = 10
    attribution_window_seconds: Annotated[int, msgspec.Meta(ge=1, le=604800)] = 1800
    base: Literal["minmax", "raw"] = "minmax"
    static_fusion: StaticFusion | None = None
    session_boost: Annotated[float, msgspec.Meta(ge=0, le=100)] = 3.0
    session_ttl_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 60
    exploration_traffic: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.01
    salt: str = ""
    learn_from: Literal["all", "served"] = "all"
    attribution: Literal["logged", "client"] = "logged"
    opt_out_scope: Literal["serve", "serve_and_learn"] = "serve_and_learn"
    rollout_pct: Annotated[float, msgspec.Meta(ge=0, le=100)] = 100.0
    shadow_mode: bool = False
    circuit_breaker_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=30000)] = 1000
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"evaluation_dataset_id", "shipped_weight_set", "reward_preset"}
    )
    not_available_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "algorithm": ("epsilon_greedy", "ucb", "counterfactual")
    }


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Who is searching: the keys of the levels that exist for this request ("" = no such level).

    `subject` is what draws and buckets stick to: session_id, else user_id, else execution_id.
    """

    personal: str = ""
    demographic: str = ""
    session: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Node keys, widest first: global, demographic, personal."""
        return tuple(key for key in ("global", self.demographic, self.personal) if key)


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Fusion weights as chosen: `values` in search order sum to 1.

    `alpha`, `beta` are the Beta parameters drawn from (`thompson_sampling` only).
    """

    values: tuple[float, ...]
    level: Level
    context_key: str
    exploration: float = 0.0
    interactions: int = 0
    alpha: tuple[float, ...] = ()
    beta: tuple[float, ...] = ()


class TaughtDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One shown document of a closed execution (or the one document of a late reward).

    `rewards` are the (interaction_id, reward) that fell on it; none means it was ignored.
    `theta` is the examination propensity used, `position` 0-based and absolute.
    """

    document_id: str
    position: int
    norm_scores: tuple[float, ...]
    contributions: tuple[float, ...]
    theta: float
    rewards: tuple[tuple[str, float], ...] = ()


class Taught(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of a lesson: what a closed execution or a late reward has to teach."""

    searches: tuple[str, ...] = ()
    documents: tuple[TaughtDocument, ...] = ()
    user_id: str = ""
    session_id: str = ""
    variant: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this request is served learned weights, and if not, why."""

    learned: bool
    reason: str = ""
    bucket: float = 0.0
    shadow: bool = False


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """Live switches of a retriever: the kill switch and the override of `rollout_pct`."""

    enabled: bool = True
    override_pct: float | None = None
    changed_at_ms: int = 0
    changed_by: str = ""
    reason: str = ""
