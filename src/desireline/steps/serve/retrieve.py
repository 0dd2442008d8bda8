"""Every search of a stage over every collection it targets, into runs that fusion takes.

Knows the index port, feature registries and time limits. Under learned fusion each candidate of the
union gets a score from every search; what a search did not return is scored by id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from desireline.core.fusion import Candidates, candidates, fill, without_score
from desireline.core.recipe import SearchStage
from desireline.errors import Invalid, invalid
from desireline.ports import SearchIndex
from desireline.steps.serve.request import Degraded, Retrieved
from desireline.types.retriever import And, Collection, Feature, FilterTree, Run, Search

Query = str | list[float]
Target = tuple[Collection, Feature]


class Plan:
    """What one stage runs: its queries (None: skipped) and pre-filters, by search."""

    def __init__(
        self,
        stage: SearchStage,
        queries: Sequence[Query | None],
        filters: Sequence[FilterTree | None],
        collections: Sequence[Collection],
    ) -> None:
        self.stage, self.queries, self.filters = stage, queries, filters
        self.collections = collections


def retrieve(
    index: SearchIndex, plan: Plan, milliseconds: Callable[[], float], *, complete: bool
) -> Retrieved:
    """Runs of all searches; those that could not run are empty and named in `degraded`."""
    found = Retrieved(returned=[], homes={})
    started = milliseconds()
    targets = [_targets(plan, place, found) for place in range(len(plan.stage.searches))]
    for place, search in enumerate(plan.stage.searches):
        before = milliseconds()
        if before - started > plan.stage.timeout_ms:
            _late(plan.stage, search, found)
            targets[place] = []
        found.returned.append(_run(index, plan, place, targets[place], found))
        found.search_ms.append(milliseconds() - before)
    _score_fields(index, plan, targets, found)
    if complete:
        found.complete = candidates(found.returned)
        before = milliseconds()
        _complete(index, plan, targets, found.complete, found.homes)
        found.extra_ms = milliseconds() - before
    return found


def nothing(stage: SearchStage) -> Retrieved:
    """What a skipped stage finds."""
    empty = [Run(search.feature_uri, [], [], 0) for search in stage.searches]
    return Retrieved(returned=empty, complete=candidates(empty), homes={})


def _targets(plan: Plan, place: int, found: Retrieved) -> list[Target]:
    """The collections that have this search's feature; none at all is a degradation."""
    search = plan.stage.searches[place]
    named = search.collection_identifiers or plan.stage.collection_identifiers
    wanted = {*named, *(each.removeprefix("col_") for each in named)}
    targets = [
        (collection, feature)
        for collection in plan.collections
        if not wanted or collection.collection_id in wanted or collection.collection_name in wanted
        for feature in collection.features
        if feature.feature_uri == search.feature_uri
    ]
    if not targets and not search.optional:
        known = sorted({f.feature_uri for c in plan.collections for f in c.features})
        found.degraded.append(
            Degraded(
                resource="feature",
                id=search.feature_uri,
                reason="no collection of this retriever has registered this feature_uri",
                next_step=f"register it, or use one of: {', '.join(known) or 'none registered'};"
                " or send your engine's hits to /fuse",
                stage=plan.stage.stage_name,
            )
        )
    return targets


def _late(stage: SearchStage, search: Search, found: Retrieved) -> None:
    found.degraded.append(
        Degraded(
            resource="search",
            id=search.feature_uri,
            reason=f"skipped: the stage had used its {stage.timeout_ms} ms",
            next_step="raise hard_timeout_ms, lower top_k, or narrow the filters",
            stage=stage.stage_name,
        )
    )


def _run(
    index: SearchIndex, plan: Plan, place: int, targets: list[Target], found: Retrieved
) -> Run:
    search, query = plan.stage.searches[place], plan.queries[place]
    best: dict[str, float] = {}
    if query is not None:
        for collection, feature in targets:
            if feature.kind == "field":
                continue
            for hit in _search(index, plan, place, (collection, feature)):
                if hit.score > best.get(hit.document_id, float("-inf")):
                    best[hit.document_id] = hit.score
                    found.homes.setdefault(hit.document_id, collection.collection_id)
    return _listed(search, best)


def _search(index: SearchIndex, plan: Plan, place: int, target: Target) -> list:  # type: ignore[type-arg]
    search, (collection, feature) = plan.stage.searches[place], target
    query = plan.queries[place]
    assert query is not None
    try:
        return index.search(collection, feature, query, search.top_k, plan.filters[place])
    except Invalid as error:
        path = f"$.stages.{plan.stage.stage_name}.searches[{place}].query"
        raise invalid(
            path, error.code, f"search `{search.feature_uri}`: {error.message}", error.hint
        ) from error


def _listed(search: Search, best: dict[str, float]) -> Run:
    """Score descending, then id; below `min_score` nothing, at most `top_k`."""
    ranked = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))
    if search.min_score is not None:
        ranked = [pair for pair in ranked if pair[1] >= search.min_score]
    ranked = ranked[: search.top_k]
    return Run(search.feature_uri, [i for i, _ in ranked], [s for _, s in ranked], len(ranked))


def _score_fields(
    index: SearchIndex, plan: Plan, targets: list[list[Target]], found: Retrieved
) -> None:
    """A field search ranks the union of what the others found; it retrieves nothing itself."""
    union = list(dict.fromkeys(i for run in found.returned for i in run.ids))
    for place, search in enumerate(plan.stage.searches):
        fields = [target for target in targets[place] if target[1].kind == "field"]
        if fields and union:
            scores = _scores(index, fields, "", union, found.homes)
            found.returned[place] = _listed(search, dict(zip(union, scores, strict=True)))


def _complete(
    index: SearchIndex, plan: Plan, targets: list[list[Target]], union: Candidates,
    homes: dict[str, str],
) -> None:  # fmt: skip
    """What a search had not returned is scored by id; 0 where the search has nothing to ask."""
    for place, query in enumerate(plan.queries):
        rows = without_score(union, place)
        missing = [union.ids[row] for row in rows]
        if missing and targets[place] and query is not None:
            fill(union, place, rows, _scores(index, targets[place], query, missing, homes))
        else:
            fill(union, place, rows, [0.0] * len(rows))


def _scores(
    index: SearchIndex, targets: list[Target], query: Query, ids: list[str], homes: dict[str, str]
) -> list[float]:
    """Scores by id, each asked of the collection the document lives in; 0 where that has no
    feature.
    """
    scores = dict.fromkeys(ids, 0.0)
    for collection, feature in targets:
        mine = [i for i in ids if homes[i] == collection.collection_id]
        if mine:
            found = index.score(collection, feature, query, mine)
            scores.update(zip(mine, found, strict=True))
    return [scores[i] for i in ids]


def both(first: FilterTree | None, second: FilterTree | None) -> FilterTree | None:
    """Two filters, both of which must hold."""
    if first is None or second is None:
        return first or second
    return And((first, second))
