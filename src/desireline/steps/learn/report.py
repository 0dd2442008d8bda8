"""What was learned, in numbers people can read: weights, levels, counts of a retriever.

Reads the snapshot in memory only; formulas are `core.policy`'s. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from desireline.core import beta, policy, posterior, rollout
from desireline.core.contexts import context_of, subject_of
from desireline.core.seeds import generator, seed_of
from desireline.core.snapshot import Served
from desireline.ports import Clock
from desireline.steps.learn.decisions import Labelled
from desireline.types.learning import Context, Weights

SPREAD_DRAWS = 400


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """A context's weights by feature_uri: mean, one draw, and two 95 % intervals.

    `low`, `high`: of what is believed about the best weight; `drawn_low`, `drawn_high`: of what is
    drawn, which exploration narrows or widens.
    """

    weights: Weights
    mean: dict[str, float]
    drawn: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    drawn_low: dict[str, float]
    drawn_high: dict[str, float]
    alpha_beta: dict[str, dict[str, float]]


class Exploration(msgspec.Struct, frozen=True, kw_only=True):
    """How far draws are spread: `effective` now, falling from `start` to `floor`, which is reached
    after `interactions_left` more interactions (0: it is there, None: never). `variance_ratio`: the
    variance of draws, as a multiple of that of the belief, before weights are made to fit bounds.
    """

    effective: float
    variance_ratio: float
    floor: float
    start: float
    interactions_left: int | None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A demographic level: the name it goes by (None: not in the log of these days), what taught
    it, how often it was served, and what is believed about it.
    """

    name: str | None
    context_key: str
    interactions: int
    executions: int
    belief: Weighed
    exploration: Exploration


class Report:
    """Answers about what is learned right now."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def belief(self, served: Served, context: Context, subject: str) -> Weighed:
        """What the policy believes about a context, and how sure it is."""
        return weighed(served, context, subject, self.clock())

    def exploration(self, served: Served, belief: Weighed) -> Exploration:
        """How far draws for a context are spread, by the interactions behind its weights."""
        config, n = served.learning, belief.weights.interactions
        effective = beta.bonus(n, config)
        return Exploration(
            effective=effective, variance_ratio=posterior.variance_ratio(effective, config),
            floor=config.exploration_floor, start=config.exploration_bonus,
            interactions_left=beta.interactions_left(n, config),
        )  # fmt: skip

    def segments(self, served: Served, logged: Sequence[Labelled], limit: int) -> list[Segment]:
        """Demographic levels, those with most interactions first; `logged` has names and counts."""
        known = {each.context_key: each for each in logged}
        keys = {key for key in served.state.nodes if key.startswith("demographic:")} | known.keys()
        counted = {key: self._count(served, key) for key in keys}
        executions = {key: known[key].executions if key in known else 0 for key in keys}
        ordered = sorted(keys, key=lambda key: (-counted[key], -executions[key], key))
        found = []
        for key in ordered[:limit]:
            belief = self.belief(served, Context(demographic=key), key)
            found.append(Segment(
                name=known[key].segment if key in known else None, context_key=key,
                interactions=counted[key], executions=executions[key], belief=belief,
                exploration=self.exploration(served, belief),
            ))  # fmt: skip
        return found

    def overall(self, served: Served) -> Weighed:
        """The global level."""
        return self.belief(served, Context(), "global")

    def of_user(self, served: Served, user_id: str, inputs: Mapping[str, Any]) -> Weighed:
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


def weighed(served: Served, context: Context, subject: str, now_ms: int) -> Weighed:
    """As `Report.belief`, at a moment: the same state, subject and number give the same draws."""
    config, uris, nodes = served.learning, served.uris, served.state.nodes
    seed = seed_of(served.retriever.retriever_id, subject, str(served.snapshot_id))
    ready = policy.ready(nodes, context, config, len(uris), now_ms)
    plain = posterior.believed(nodes, context, config, len(uris), now_ms)
    drawn, mean = policy.draw(ready, generator(seed)), policy.mean(ready)
    low, high = posterior.interval(_draws(plain, seed))
    drawn_low, drawn_high = posterior.interval(_draws(ready, seed))
    return Weighed(
        weights=drawn, mean=_by(uris, mean.values), drawn=_by(uris, drawn.values),
        low=_by(uris, low), high=_by(uris, high), drawn_low=_by(uris, drawn_low),
        drawn_high=_by(uris, drawn_high), alpha_beta=_alpha_beta(uris, mean),
    )  # fmt: skip


def _draws(ready: policy.Ready, seed: int) -> Any:
    return policy.draw_many(ready, generator(seed_of(str(seed), "spread")), SPREAD_DRAWS)


def _by(uris: tuple[str, ...], values: Any) -> dict[str, float]:
    return {uri: float(value) for uri, value in zip(uris, values, strict=True)}


def _alpha_beta(uris: tuple[str, ...], weights: Weights) -> dict[str, dict[str, float]]:
    if not weights.alpha:
        return {}
    rows = zip(uris, weights.alpha, weights.beta, strict=True)
    return {uri: {"alpha": alpha, "beta": beta} for uri, alpha, beta in rows}
