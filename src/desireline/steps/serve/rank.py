"""From runs and a decision to the order that is served, and how probable it was.

Knows fusion, the exploration swap and propensities (all formulas in `core`); knows no storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from desireline.core import fusion, propensity, rollout
from desireline.core.recipe import SearchStage
from desireline.core.seeds import generator, seed_of
from desireline.core.snapshot import Served
from desireline.steps.serve.request import Choice, Retrieved
from desireline.types.retriever import FusionMethod

SHADOW_TOP = 50


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """The served list (`served`), and on a learned stage the same candidates with normalised
    scores.

    `order` (n,) are rows of `served`, best first, after the exploration swap at `explored_at`.
    `learned` is the fusion of complete runs: under its own weights when they are served, else under
    equal ones; it carries the normalised scores that the log keeps (None: not a learned stage).
    """

    served: fusion.Fused
    learned: fusion.Fused | None
    method: str
    weights: tuple[float, ...]
    static_weights: tuple[float, ...]
    explored_at: int = -1
    shadow: dict[str, Any] | None = None


def rank(
    stage: SearchStage, served: Served, found: Retrieved, choice: Choice | None, key: str
) -> Ranked:
    """Fuse as decided: learned weights if they are served, the static fusion otherwise."""
    method, static = _static(stage)
    k = stage.rrf_k
    if choice is None:
        listed = fusion.fuse(found.returned, static, method, rrf_k=k)
        return Ranked(
            served=listed, learned=None, method=method, weights=static,
            static_weights=static,
        )  # fmt: skip
    base = served.learning.base
    assert found.complete is not None
    own = fusion.score(found.complete, choice.weights.values, "learned", base=base)
    if not choice.served:
        listed = fusion.fuse(found.returned, static, method, rrf_k=k)
        shadow = _shadow(own, listed, choice) if choice.decision.shadow else None
        return Ranked(
            served=listed, learned=own, method=method, weights=static,
            static_weights=static, shadow=shadow,
        )  # fmt: skip
    swapped = _explored(own.ids, choice, key, served.learning.exploration_traffic)
    return Ranked(
        served=_swapped(own, swapped), learned=own, method="learned",
        weights=choice.weights.values, static_weights=static, explored_at=swapped,
    )  # fmt: skip


def _static(stage: SearchStage) -> tuple[FusionMethod, tuple[float, ...]]:
    """Method and weights without learning; with one search there is nothing to fuse: its scores."""
    if len(stage.searches) == 1:
        return "weighted", (1.0,)
    weights = stage.static.weights
    return stage.static.fusion, tuple(weights.get(s.feature_uri, 1.0) for s in stage.searches)


def _explored(ids: list[str], choice: Choice, key: str, share: float) -> int:
    """Where the exploration swap of this execution falls, -1 for none.

    Whether it falls is read from the seed itself: a generator is born only for that small share.
    """
    seed = seed_of(str(choice.seed), key, "explore")
    if seed / 2**64 >= share:
        return -1
    return rollout.explore_swap(ids, generator(seed), 1.0)[1]


def _swapped(listed: fusion.Fused, at: int) -> fusion.Fused:
    """The list with the pair at `at`, `at` + 1 exchanged."""
    if at < 0:
        return listed
    order = np.arange(len(listed.ids))
    order[[at, at + 1]] = order[[at + 1, at]]
    return fusion.Fused(
        [listed.ids[row] for row in order], listed.scores[order], listed.raw[order],
        listed.ranks[order], listed.norm[order], listed.contributions[order],
        listed.winner[order], listed.bounds,
    )  # fmt: skip


def _shadow(own: fusion.Fused, listed: fusion.Fused, choice: Choice) -> dict[str, Any]:
    """What would have been served: weights, top ids, overlap at 10, Kendall's tau with
    the static.
    """
    ids, shown = own.ids[:SHADOW_TOP], listed.ids[:SHADOW_TOP]
    return {
        "weights": list(choice.weights.values),
        "top": ids,
        "overlap_at_10": len(set(ids[:10]) & set(shown[:10])) / max(1, min(10, len(shown))),
        "kendall_tau": kendall_tau(ids, shown),
    }


def kendall_tau(left: list[str], right: list[str]) -> float:
    """Kendall's tau over the ids both lists hold; 1 for fewer than two.

    >>> kendall_tau(["a", "b", "c"], ["a", "b", "c"]), kendall_tau(["a", "b"], ["b", "a"])
    (1.0, -1.0)
    """
    place = {document_id: at for at, document_id in enumerate(right)}
    common = np.array([place[i] for i in left if i in place])
    if len(common) < 2:
        return 1.0
    upper = np.triu_indices(len(common), 1)
    signs = np.sign(common[None, :] - common[:, None])[upper]
    return float(signs.mean())


def propensities(ranked: Ranked, choice: Choice | None, depth: int, share: float) -> list[float]:
    """P(document at this rank | policy) of the first `depth` documents shown.

    A static ranking is certain. A learned one is re-drawn 64 times; the exploration swap, which
    moves a document one place with probability `share` / (number of pairs), is mixed in exactly.
    """
    if choice is None or not choice.served or choice.draws is None or ranked.learned is None:
        return [1.0] * depth
    own = ranked.learned
    if own.norm.shape[1] == 1:
        return _mixed(_of_one(depth, ranked.explored_at), len(own.ids), share)
    order, at = np.arange(len(own.ids)), ranked.explored_at
    if at >= 0:
        order[[at, at + 1]] = order[[at + 1, at]]
    ties = partial(fusion.id_order, own.ids)
    near = propensity.near_propensities(own.norm, choice.draws, order[:depth], ties)
    return _mixed(near.T.tolist(), len(own.ids), share)


def _of_one(depth: int, swapped: int) -> list[tuple[float, float, float]]:
    """Of one search the order never changes: each document is at its rank, save a swapped pair."""
    sure = [(0.0, 1.0, 0.0)] * depth
    if 0 <= swapped < depth:
        sure[swapped : swapped + 2] = [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0)][: depth - swapped]
    return sure


def _mixed(near: Sequence[Sequence[float]], count: int, share: float) -> list[float]:
    """Without a swap at its own rank; with one, from the neighbouring rank.

    `near` (k, 3): how probable the k documents are one rank above, at, and below their own.
    """
    once = share / max(1, count - 1)
    return [
        at + once * ((before - at) * (rank > 0) + (after - at) * (rank < count - 1))
        for rank, (before, at, after) in enumerate(near)
    ]
