"""What the hot path reads instead of a database: every retriever as it is served right now.

Immutable values, swapped whole per retriever; `version` rises with every swap. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from desireline.core.recipe import Recipe
from desireline.types.catalog import PublicationRecord
from desireline.types.learning import LearningConfig, Rollout
from desireline.types.retriever import Retriever


class Served(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One retriever as served: definition, compiled recipe, switches, and what was learned.

    `state` is a `core.policy.State` of `generation`; `snapshot_id` is the `seq` of the last lesson
    folded into it (0: nothing learned). `rewards` maps interaction types to numbers. What follows
    from the recipe is found once: every search asks for it several times.
    """

    retriever: Retriever
    recipe: Recipe
    rollout: Rollout
    opted_out: frozenset[str]
    state: Any
    generation: int
    snapshot_id: int
    rewards: Mapping[str, float]
    rewards_version: int = 0
    publication: PublicationRecord | None = None

    @cached_property
    def learning(self) -> LearningConfig:
        """Configuration of the learned stage (defaults where none is learned)."""
        search = self.recipe.search
        return (search.learning if search else None) or LearningConfig()

    @cached_property
    def uris(self) -> tuple[str, ...]:
        """Feature URIs of the first search stage, in search order."""
        search = self.recipe.search
        return tuple(entry.feature_uri for entry in search.searches) if search else ()
