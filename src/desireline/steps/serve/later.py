"""The stages behind the search, one after the other, over the documents that were found.

Knows which of them read vectors or counts, and gets those; what they do is in `core.stages`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from desireline.core import filters, patterns
from desireline.core.matching import matches
from desireline.core.recipe import FilterStage, LaterStage, SearchStage
from desireline.core.seeds import seed_of
from desireline.core.stages.candidates import Candidates, fields_of
from desireline.core.stages.scoring import Popularity
from desireline.core.stages.table import LATER, Given, boost_of, needs_vectors
from desireline.errors import Invalid, invalid
from desireline.ports import SearchIndex, Usage
from desireline.steps.serve.filling import Filling
from desireline.steps.serve.progress import Progress, Steps, first_of
from desireline.types.retriever import Collection, Feature, FilterTree

Noted = Callable[..., dict[str, Any]]


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What later stages are bound to in one execution; `note` keeps a stage's counts and time,
    `progress` says so to whoever listens.
    """

    index: SearchIndex
    usage: Usage
    filling: Filling
    collections: Sequence[Collection]
    search: SearchStage | None
    namespace: str
    execution_id: str
    milliseconds: Callable[[], float]
    note: Noted
    progress: Callable[..., Progress]


def run(
    stages: Sequence[FilterStage | LaterStage], candidates: Candidates, tools: Tools
) -> Steps[Candidates]:
    """What is left, in the order it is shown. Raises Invalid unless a stage may be skipped."""
    for index, stage in enumerate(stages, 1):
        name = stage.stage_name
        yield tools.progress("stage_start", name, index)
        started, before = tools.milliseconds(), len(candidates)
        try:
            candidates = _one(stage, candidates, tools)
        except Invalid as error:
            yield tools.progress("stage_error", name, index, error=error)
            tools.filling.skip(stage, error)
        noted = tools.note(name, before, len(candidates), tools.milliseconds() - started)
        found = partial(first_of, candidates)
        yield tools.progress("stage_complete", name, index, noted=noted, documents=found)
    return candidates


def _one(stage: FilterStage | LaterStage, candidates: Candidates, tools: Tools) -> Candidates:
    if isinstance(stage, FilterStage):
        if not candidates:
            return candidates  # what earlier stages would have written is not there to be read
        tools.filling.written.update(*(each.written for each in candidates))
        tree = tools.filling.stage_tree(stage, scored=True)
        if tree is None:
            return candidates
        return _passing(candidates, tree, stage.stage_name, tools.milliseconds)
    how = tools.filling.parameters(stage)
    return LATER[stage.stage_id].run(candidates, how, _given(stage, how, candidates, tools))


def _passing(
    candidates: Candidates, tree: FilterTree, name: str, milliseconds: Callable[[], float]
) -> Candidates:
    """Those that a filter lets pass. Raises Invalid for patterns that take too long."""
    slow = any(leaf.operator == "regex" for leaf in filters.leaves(tree))
    until, found = milliseconds() + patterns.MOST_MS, []
    for candidate in candidates:
        if slow and milliseconds() > until:
            raise patterns.too_slow(f"$.stages.{name}.conditions")
        if matches(fields_of(candidate), tree):
            found.append(candidate)
    return found


def _given(stage: LaterStage, how: Any, candidates: Candidates, tools: Tools) -> Given:
    searched = _first_dense(tools) if stage.stage_id == "mmr" else ""
    boost = boost_of(how)
    popularity = Popularity()
    if boost is not None:
        popularity = tools.usage.popularity(
            tools.namespace, boost.interaction_types, boost.time_window_days
        )
    uris = needs_vectors(how, searched)
    if stage.stage_id == "mmr" and not uris and not how.diversity_fields:
        raise invalid(
            f"$.stages.{stage.stage_name}", "no_feature",
            "mmr has nothing to compare documents by: no search before it is dense",
            "name `diversity_feature_uri` or `diversity_fields`",
        )  # fmt: skip
    return Given(
        seed=seed_of(tools.execution_id, stage.stage_name), searched=searched,
        vectors={uri: _vectors(uri, stage, candidates, tools) for uri in uris},
        popularity=popularity,
    )  # fmt: skip


def _first_dense(tools: Tools) -> str:
    """The first search over vectors, "" when there is none."""
    searches = tools.search.searches if tools.search else ()
    dense = {f.feature_uri for c in tools.collections for f in c.features if f.kind == "dense"}
    return next((s.feature_uri for s in searches if s.feature_uri in dense), "")


def _vectors(
    uri: str, stage: LaterStage, candidates: Candidates, tools: Tools
) -> Mapping[str, Sequence[float]]:
    """The vectors of the candidates under one feature, from the collections they live in."""
    homes = [(c, f) for c in tools.collections for f in c.features if _is_dense(f, uri)]
    if not homes:
        known = sorted({f.feature_uri for c in tools.collections for f in c.features})
        raise invalid(
            f"$.stages.{stage.stage_name}", "no_feature",
            f"no collection has vectors under `{uri}`",
            f"registered: {', '.join(known) or 'none'}",
        )  # fmt: skip
    found: dict[str, Sequence[float]] = {}
    for collection, feature in homes:
        mine = [
            each.document.document_id for each in candidates
            if each.document.collection_id == collection.collection_id
        ]  # fmt: skip
        found.update(tools.index.vectors(collection, feature, mine))
    return found


def _is_dense(feature: Feature, uri: str) -> bool:
    return feature.feature_uri == uri and feature.kind == "dense"


__all__ = ["Tools", "run"]
