"""One execution while its stages run: search, fuse, later stages, cut to the page.

Knows the order of stages and the index; decides no weights and logs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from math import nan
from typing import Any

import msgspec

from desireline.core.fusion import Fused
from desireline.core.recipe import SearchStage
from desireline.core.snapshot import Served
from desireline.core.stages.candidates import Candidate, Candidates
from desireline.core.stages.grouping import as_stage, facets_of, group_by
from desireline.errors import Invalid
from desireline.ports import Live
from desireline.steps.serve import continuing, later, rank, retrieve
from desireline.steps.serve.absent import Fields
from desireline.steps.serve.filling import Filling
from desireline.steps.serve.ports import Ports, milliseconds
from desireline.steps.serve.progress import FIRST, Listed, Progress, Steps, first_of
from desireline.steps.serve.request import Answer, Choice, Request, Retrieved
from desireline.types.retriever import Collection, Document, FilterTree

DEFAULT_LIST = 25
MOST_LISTED = 5000  # documents that later stages, or exact facets, are given without a search


Choosing = Callable[[], Choice]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What one execution works on. `seen` are the documents of the pages before this one."""

    served: Served
    request: Request
    execution_id: str
    now_ms: int
    mark: str
    seen: frozenset[str] = frozenset()


class Work:
    """The state of one execution while its stages run."""

    def __init__(self, ports: Ports, fields: Fields, asked: Asked) -> None:
        self.ports, self.asked, self.served = ports, asked, asked.served
        self.request, self.execution_id = asked.request, asked.execution_id
        self.collections = collections_of(ports.live, asked.served, asked.request.namespace)
        self.filling = Filling(fields, self.collections, asked.request, asked.now_ms)
        self.stages: list[dict[str, Any]] = []
        self.limits: list[dict[str, Any]] = []

    def run(self, choosing: Choosing | None) -> Steps[tuple[Answer, rank.Ranked | None]]:
        """All stages. Raises Invalid for bad inputs, those of the first stage before it starts."""
        stage = self.served.recipe.search
        if stage is None:
            return (yield from self.listing()), None
        return (yield from self.searching(stage, choosing))

    # Listing: a retriever without a search.

    def listing(self) -> Steps[Answer]:
        """Matching documents in document_id order, score 0, through the later stages."""
        recipe, started = self.served.recipe, milliseconds()
        where, name = self.filling.pre_filter(recipe.before, None), recipe.stages[0].stage_name
        yield self._progress("stage_start", name, 0)
        usual = max((stage.listed for stage in recipe.before), default=0) or DEFAULT_LIST
        first, limit = self.request.offset, self.request.limit or usual
        documents = (
            self._bounded(where, name) if recipe.later else self._listed(where, first + limit)
        )
        noted = self._note(name, 0, len(documents), milliseconds() - started)
        found = [Candidate(document=document) for document in documents]
        yield self._progress(
            "stage_complete", name, 0, noted=noted, documents=partial(first_of, found)
        )
        if recipe.later:
            found = yield from later.run(recipe.later, found, self._tools())
        total = len(found) if recipe.later else self._matching(where)
        return self._answer(found[first : first + limit], total=total, method="")

    def _bounded(self, where: FilterTree | None, name: str) -> list[Document]:
        """All that match, up to a bound that is reported when it cuts."""
        total = self._matching(where)
        if total > MOST_LISTED:
            self.limits.append(_limit("documents", total, MOST_LISTED, name))
        return self._listed(where, MOST_LISTED)

    def _matching(self, where: FilterTree | None) -> int:
        return sum(self.ports.index.count(collection, where) for collection in self.collections)

    def _listed(self, where: FilterTree | None, most: int) -> list[Document]:
        documents: list[Document] = []
        for collection in self.collections:
            documents.extend(self.ports.index.page(collection, where, most)[0])
        return sorted(documents, key=lambda d: d.document_id)[:most]

    # Searching.

    def searching(
        self, stage: SearchStage, choosing: Choosing | None
    ) -> Steps[tuple[Answer, rank.Ranked]]:
        """Search, decide, fuse, run the later stages, cut to the page.

        The index walks through more memory than the processor's caches hold. So all arithmetic,
        from the decision to the propensities, stands together between the searches and the reading
        of documents: numpy comes back into the caches once, not three times (ADR 0019).
        """
        started, name = milliseconds(), stage.stage_name
        plan, wrong = None, None
        try:
            plan = self._plan(stage)
        except Invalid as error:
            self.filling.skip(stage, error)
            wrong = error
        yield self._progress("stage_start", name, 0)
        if wrong is not None:
            yield self._progress("stage_error", name, 0, error=wrong)
        found = self._found(stage, plan, complete=choosing is not None)
        choice = choosing() if choosing is not None else None
        ranked = rank.rank(stage, self.served, found, choice, self.execution_id)
        union = len(ranked.served.ids)
        kept = min(stage.final_top_k, union)
        is_plain = self._is_plain(stage)
        deepest = min(kept, self.request.offset + (self.request.limit or kept))
        propensities = self._propensities(ranked, choice, deepest) if is_plain else []
        noted = self._note(
            name, union, kept, milliseconds() - started,
            search_ms=[round(ms, 3) for ms in found.search_ms], by_id_ms=round(found.extra_ms, 3),
        )  # fmt: skip
        yield self._progress(
            "stage_complete", name, 0, noted=noted, documents=partial(_listed, ranked.served, kept)
        )
        page, total, facets = yield from self._page(stage, ranked.served, found.homes)
        places = [candidate.row for candidate in page]
        if not is_plain:  # only the page tells how deep it reaches
            propensities = self._propensities(ranked, choice, max(places, default=-1) + 1)
        answer = self._answer(
            page, fused=ranked.served, homes=found.homes, weights=ranked.weights,
            method=ranked.method, choice=choice, total=total,
            propensities=[propensities[place] for place in places],
            explored_at=ranked.explored_at, shadow=ranked.shadow, degraded=found.degraded,
            warnings=found.warnings, limits=limits_of(stage, self.request.limit), facets=facets,
        )  # fmt: skip
        return answer, ranked

    def _propensities(self, ranked: rank.Ranked, choice: Choice | None, depth: int) -> list[float]:
        """Of the first `depth` rows of the fused list.

        Unknown (NaN) where later stages move what drawn weights ordered, or chance decides.
        """
        recipe, drawn = self.served.recipe, choice is not None and choice.served
        if recipe.is_random or (drawn and not recipe.keeps_places):
            return [nan] * depth
        share = self.served.learning.exploration_traffic
        return rank.propensities(ranked, choice, depth, share)

    def _found(
        self, stage: SearchStage, plan: retrieve.Plan | None, *, complete: bool
    ) -> Retrieved:
        if plan is None:
            return retrieve.nothing(stage)
        try:
            return retrieve.retrieve(self.ports.index, plan, milliseconds, complete=complete)
        except Invalid as error:
            self.filling.skip(stage, error)
            return retrieve.nothing(stage)

    def _plan(self, stage: SearchStage) -> retrieve.Plan:
        shared = self.filling.pre_filter(self.served.recipe.before, stage)
        queries: list[Any] = []
        wheres: list[FilterTree | None] = []
        for place, search in enumerate(stage.searches):
            path = f"$.stages.{stage.stage_name}.searches[{place}]"
            queries.append(self.filling.query(search, path))
            own = self.filling.tree(search.filters, f"{path}.filters")
            wheres.append(retrieve.both(shared, own))
        return retrieve.Plan(stage, queries, wheres, self.collections)

    def _page(
        self, stage: SearchStage, fused: Fused, homes: Mapping[str, str]
    ) -> Steps[tuple[Candidates, int, dict[str, Any]]]:
        """What is shown, how many there are before the page is cut, and facets.

        Only the page's documents are read when nothing behind the search needs the others.
        """
        kept = min(stage.final_top_k, len(fused.ids))
        stages, seen = self.served.recipe.later, self.asked.seen
        if self._is_plain(stage):
            rows, total = continuing.cut(range(kept), self.request, seen, fused.ids.__getitem__)
            return self._candidates(fused, rows, homes), total, {}
        whole = stage.groups or stage.facets
        found = self._candidates(fused, range(len(fused.ids) if whole else kept), homes)
        facets = self._facets(stage, found)
        if stage.groups:
            found = group_by(found, as_stage(stage.groups), stage.groups.limit)
        else:
            found = found[:kept]
        found = yield from later.run(stages, found, self._tools())
        page, total = continuing.cut(found, self.request, seen, _id_of)
        return list(page), total, facets

    def _is_plain(self, stage: SearchStage) -> bool:
        """Whether the page is cut straight out of the fused list."""
        return not (self.served.recipe.later or stage.groups or stage.facets)

    def _facets(self, stage: SearchStage, found: Candidates) -> dict[str, Any]:
        """Counts over the candidates; exact ones over every document that matches the filters."""
        counted = facets_of(found, tuple(f for f in stage.facets if not f.exact))
        exact = tuple(f for f in stage.facets if f.exact)
        if exact:
            where = self.filling.pre_filter(self.served.recipe.before, stage)
            listed = self._bounded(where, stage.stage_name)
            counted |= facets_of([Candidate(document=each) for each in listed], exact)
        return counted

    def _candidates(
        self, fused: Fused, rows: Iterable[int], homes: Mapping[str, str]
    ) -> Candidates:
        rows = list(rows)
        documents = self._documents([fused.ids[row] for row in rows], homes)
        return [
            Candidate(document=documents[i], score=float(fused.scores[row]), row=row)
            for row in rows
            if (i := fused.ids[row]) in documents
        ]

    def _documents(self, ids: Sequence[str], homes: Mapping[str, str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for collection in self.collections:
            mine = [i for i in ids if homes[i] == collection.collection_id]
            if mine:
                found.update({d.document_id: d for d in self.ports.index.get(collection, mine)})
        return found

    def _tools(self) -> later.Tools:
        return later.Tools(
            index=self.ports.index, usage=self.ports.usage, filling=self.filling,
            collections=self.collections, search=self.served.recipe.search,
            namespace=self.request.namespace, execution_id=self.execution_id,
            milliseconds=milliseconds, note=self._note, progress=self._progress,
        )  # fmt: skip

    def _note(self, name: str, given: int, kept: int, ms: float, **metadata: Any) -> dict[str, Any]:
        noted = {
            "name": name, "input_count": given, "output_count": kept, "duration_ms": round(ms, 3),
            "metadata": metadata,
        }  # fmt: skip
        self.stages.append(noted)
        return noted

    def _progress(self, kind: str, name: str, index: int, **more: Any) -> Progress:
        total = 1 + len(self.served.recipe.later)
        return Progress(kind, self.execution_id, name, index, total, **more)

    def _answer(self, page: Candidates, **parts: Any) -> Answer:
        given: dict[str, Any] = {
            "fused": None, "homes": {}, "weights": (), "choice": None, "propensities": [],
        }  # fmt: skip
        skipped = self.filling.skipped
        return Answer(
            execution_id=self.execution_id, served=self.served, request=self.request,
            at_ms=self.asked.now_ms, stages=self.stages, latency_ms=0.0, mark=self.asked.mark,
            shown=[candidate.document for candidate in page],
            places=[candidate.row for candidate in page],
            scores=[candidate.score for candidate in page],
            written=[candidate.written for candidate in page],
            relaxations=self.filling.relaxations,
            **(given | parts | {"degraded": [*skipped, *parts.get("degraded", [])]}
               | {"limits": [*parts.get("limits", []), *self.limits]}),
        )  # fmt: skip


def _id_of(candidate: Candidate) -> str:
    return candidate.document.document_id


def _listed(fused: Fused, kept: int) -> Listed:
    """The first documents of the fused list."""
    scores = fused.scores[: min(FIRST, kept)].tolist()
    return list(zip(fused.ids, scores, strict=False))


def limits_of(stage: SearchStage, limit: int | None) -> list[dict[str, Any]]:
    """What was asked for beyond what the stage gives: `final_top_k` above the smallest `top_k` of
    its searches, the request's `limit` above that.
    """
    ceiling = stage.final_top_k
    return [
        _limit(name, asked, ceiling, stage.stage_name)
        for name, asked in (("final_top_k", stage.asked_top_k), ("limit", limit or 0))
        if asked > ceiling
    ]


def _limit(name: str, asked: int, applied: int, stage: str) -> dict[str, Any]:
    return {
        "name": name, "requested": asked, "applied": applied, "ceiling": applied, "stage": stage,
    }  # fmt: skip


def collections_of(live: Live, served: Served, namespace: str) -> list[Collection]:
    """The collections a retriever searches: those it names, else all of the namespace."""
    wanted = served.retriever.collection_identifiers
    found = live.collections(namespace)
    if not wanted:
        return list(found)
    named = {*wanted, *(each.removeprefix("col_") for each in wanted)}
    return [c for c in found if c.collection_id in named or c.collection_name in named]
