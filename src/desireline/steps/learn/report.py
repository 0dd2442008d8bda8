"""What was learned, in numbers people can read: weights, levels, counts of a retriever.

Reads the snapshot in memory only; formulas are `core.policy`'s. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from desireline.core import policy, rollout
from desireline.core.contexts import context_of, subject_of
from desireline.core.seeds import generator, seed_of
from desireline.core.snapshot import Served
from desireline.ports import Clock
from desireline.types.learning import Context, Weights

SPREAD_DRAWS = 400


class Belief(msgspec.Struct, frozen=True, kw_only=True):
    """A context's weights: mean, one draw, and the 95 % interval of draws, all by feature_uri."""

    weights: Weights
    mean: dict[str, float]
    drawn: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    alpha_beta: dict[str, dict[str, float]]


class Report:
    """Answers about what is learned right now."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def belief(self, served: Served, context: Context, subject: str) -> Belief:
        """What the policy believes about a context, and how sure it is."""
        config, count, now_ms = served.learning, len(served.uris), self.clock()
        nodes, uris = served.state.nodes, served.uris
        seed = seed_of(served.retriever.retriever_id, subject, str(served.snapshot_id))
        ready = policy.ready(nodes, context, config, count, now_ms)
        drawn, mean = policy.draw(ready, generator(seed)), policy.mean(ready)
        spread = generator(seed_of(str(seed), "spread"))
        draws = policy.draw_many(ready, spread, SPREAD_DRAWS)
        low, high = np.quantile(draws, [0.025, 0.975], axis=0)
        return Belief(
            weights=drawn, mean=_by(uris, mean.values), drawn=_by(uris, drawn.values),
            low=_by(uris, low), high=_by(uris, high), alpha_beta=_alpha_beta(uris, mean),
        )  # fmt: skip

    def overall(self, served: Served) -> Belief:
        """The global level."""
        return self.belief(served, Context(), "global")

    def of_user(self, served: Served, user_id: str, inputs: Mapping[str, Any]) -> Belief:
        """A user's active level; `inputs` may carry what demographic features read."""
        context = context_of(served.learning, inputs, user_id)
        return self.belief(served, context, subject_of("", user_id, "user"))

    def personal_interactions(self, served: Served, user_id: str, inputs: Mapping[str, Any]) -> int:
        """Interactions behind the user's own node."""
        context = context_of(served.learning, inputs, user_id)
        return self._count(served, context.personal)

    def total_interactions(self, served: Served) -> int:
        """Interactions behind the global node."""
        return self._count(served, "global")

    def _count(self, served: Served, key: str) -> int:
        node = served.state.nodes.get(key)
        return policy.interactions(node, len(served.uris), self.clock(), served.learning)

    def levels(self, served: Served) -> dict[str, int]:
        """How many nodes exist per level, personal ones counted by what their users would get."""
        found = {"personal": 0, "demographic": 0, "global": 0}
        for key, node in served.state.nodes.items():
            level = key.partition(":")[0]
            n = policy.interactions(node, len(served.uris), self.clock(), served.learning)
            if level == "personal" and n < served.learning.min_interactions:
                level = "demographic" if served.learning.demographic_features else "global"
            found[level] = found.get(level, 0) + 1
        return found

    def effective_pct(self, served: Served) -> float:
        """The share of traffic served learned weights."""
        return rollout.effective_pct(served.learning, served.rollout)

    def fingerprint(self, served: Served) -> str:
        """SHA-256 of the learned state: equal after a replay."""
        return policy.fingerprint(served.state.nodes, served.state.opted_out)

    def contexts(self, served: Served) -> list[str]:
        """Keys of all nodes, widest first."""
        return sorted(served.state.nodes, key=lambda key: (key != "global", key))


def _by(uris: tuple[str, ...], values: Any) -> dict[str, float]:
    return {uri: float(value) for uri, value in zip(uris, values, strict=True)}


def _alpha_beta(uris: tuple[str, ...], weights: Weights) -> dict[str, dict[str, float]]:
    if not weights.alpha:
        return {}
    rows = zip(uris, weights.alpha, weights.beta, strict=True)
    return {uri: {"alpha": alpha, "beta": beta} for uri, alpha, beta in rows}
