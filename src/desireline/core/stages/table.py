"""Every stage that may stand behind a search: its parameters, its kind, and how it is run.

The one place that knows all of them; a new stage is a function, a struct and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from desireline.core.seeds import generator
from desireline.core.stages import diversity, grouping, ordering, reduction, scoring
from desireline.core.stages.candidates import Candidates


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage may need besides the candidates.

    `seed` decides samples without a seed of their own, `vectors` are those that `needs_vectors`
    asked for, `searched` is the first dense search of the retriever ("" = none).
    """

    seed: int = 0
    searched: str = ""
    vectors: diversity.Vectors = {}
    popularity: scoring.Popularity = scoring.Popularity()


class StageType(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of stage. `keeps_order`: what stays, stays in the order it came in.

    `keeps_places`: nothing before a document that stays is left out, but for a fixed number; so its
    chance to stand there is that of its rank before the stage. `is_random`: chance decides, too.
    """

    category: str
    parameters: type
    run: Callable[[Candidates, Any, Given], Candidates]
    keeps_order: bool
    keeps_places: bool = False
    is_random: bool = False


def _sample(candidates: Candidates, how: reduction.Sample, given: Given) -> Candidates:
    seed = given.seed if how.seed is None else how.seed
    return reduction.sample(candidates, how, generator(seed))


def _mmr(candidates: Candidates, how: diversity.Mmr, given: Given) -> Candidates:
    features = diversity.features_of(how, given.searched)
    return diversity.mmr(candidates, how, given.vectors, features)


def _rerank(candidates: Candidates, how: scoring.Rerank, given: Given) -> Candidates:
    boost = how.boost_by_interaction_count
    return scoring.interaction_boost(candidates, boost, given.popularity)[: how.top_k]


LATER: dict[str, StageType] = {
    "sort_relevance": StageType(
        category="sort", parameters=ordering.SortRelevance, keeps_order=False,
        run=lambda candidates, how, _: ordering.sort_relevance(candidates, how),
    ),
    "sort_attribute": StageType(
        category="sort", parameters=ordering.SortAttribute, keeps_order=False,
        run=lambda candidates, how, _: ordering.sort_attribute(candidates, how),
    ),
    "mmr": StageType(category="sort", parameters=diversity.Mmr, keeps_order=False, run=_mmr),
    "rerank": StageType(
        category="sort", parameters=scoring.Rerank, keeps_order=False, run=_rerank
    ),
    "interaction_boost": StageType(
        category="sort", parameters=scoring.InteractionBoost, keeps_order=False,
        run=lambda candidates, how, given: scoring.interaction_boost(
            candidates, how, given.popularity
        ),
    ),
    "score_normalize": StageType(
        category="sort", parameters=scoring.ScoreNormalize, keeps_order=True, keeps_places=True,
        run=lambda candidates, how, _: scoring.score_normalize(candidates, how),
    ),
    "limit": StageType(
        category="reduce", parameters=reduction.Limit, keeps_order=True, keeps_places=True,
        run=lambda candidates, how, _: reduction.limit(candidates, how),
    ),
    "deduplicate": StageType(
        category="reduce", parameters=reduction.Deduplicate, keeps_order=True,
        run=lambda candidates, how, _: reduction.deduplicate(candidates, how),
    ),
    "sample": StageType(
        category="reduce", parameters=reduction.Sample, keeps_order=True, is_random=True,
        run=_sample,
    ),
    "group_by": StageType(
        category="group", parameters=grouping.GroupBy, keeps_order=False,
        run=lambda candidates, how, _: grouping.group_by(candidates, how),
    ),
}  # fmt: skip


def boost_of(parameters: Any) -> scoring.InteractionBoost | None:
    """The boost by use that a stage's parameters ask for, None for any other stage."""
    if isinstance(parameters, scoring.Rerank):
        return parameters.boost_by_interaction_count
    return parameters if isinstance(parameters, scoring.InteractionBoost) else None


def needs_vectors(parameters: Any, searched: str) -> tuple[str, ...]:
    """The features whose vectors a stage compares documents by."""
    if not isinstance(parameters, diversity.Mmr):
        return ()
    return tuple(each.feature_uri for each in diversity.features_of(parameters, searched))
