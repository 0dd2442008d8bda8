"""One execution, straight down: decide, search, fuse, filter, page, record, answer.

Knows the order of things and the ports. No database is read here: retrievers, weights and switches
come from memory, documents from the index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from desireline.core import filters, templates
from desireline.core.fusion import Fused
from desireline.core.matching import matches
from desireline.core.recipe import FilterStage, Recipe, SearchStage
from desireline.core.snapshot import Served
from desireline.errors import IntakeFull, Invalid, StorageFull, invalid
from desireline.ports import Clock, Intake, Live, Metrics, RecentExecutions, SearchIndex
from desireline.steps.serve import absent, rank, record, retrieve
from desireline.steps.serve.decide import Decider
from desireline.steps.serve.request import Answer, Choice, Degraded, Request, Retrieved
from desireline.types.retriever import Collection, Document, FilterTree

DEFAULT_LIST = 25


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What serving is bound to. `mint` makes ids, `session_of` gives a session's own state."""

    live: Live
    index: SearchIndex
    intake: Intake
    recent: RecentExecutions
    session_of: Callable[[Served, str], Any]
    clock: Clock
    mint: Callable[[], str]
    metrics: Metrics
    node: str = ""


def milliseconds() -> float:
    """A monotonic clock for durations."""
    return time.perf_counter() * 1000


class Serve:
    """Executes retrievers."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.decider = Decider(ports.recent, ports.session_of, milliseconds)

    def execute(self, served: Served, request: Request) -> Answer:
        """Run a retriever once, log it, and return the page. Raises Invalid for bad inputs."""
        started, now_ms = milliseconds(), self.ports.clock()
        execution_id = self.ports.mint()
        work = _Work(self.ports, served, request, now_ms)
        stage = served.recipe.search
        if stage is None:
            answer, ranked = work.listing(execution_id), None
        else:
            choice = None
            if stage.fusion == "learned":
                choice = self.decider.choose(served, request, execution_id, now_ms)
            answer, ranked = work.searching(stage, choice, execution_id)
        if not answer.shown:
            answer.warnings = [*answer.warnings, *work.absent_fields()]
        answer.latency_ms = milliseconds() - started
        self._log(answer, ranked)
        self.ports.metrics.count(
            "executions", variant=answer.choice.variant if answer.choice else "none",
            status=answer.status,
        )  # fmt: skip
        return answer

    def _log(self, answer: Answer, ranked: rank.Ranked | None) -> None:
        """Into the intake's order and into memory; without room it is answered, but teaches
        nothing.
        """
        frames = record.rows(answer, ranked, self.ports.node, self.ports.intake.next_seq())
        ticket = None
        try:
            ticket = self.ports.intake.append(frames)
        except (IntakeFull, StorageFull) as error:
            answer.degraded.append(
                Degraded(
                    resource="log", id=answer.execution_id, reason=error.message,
                    next_step="results are complete, but this execution will teach nothing",
                )
            )  # fmt: skip
        if ranked is not None:
            self.ports.recent.add(record.remembered(answer, ranked, ticket))


class _Work:
    """The state of one execution while its stages run."""

    def __init__(self, ports: Ports, served: Served, request: Request, now_ms: int) -> None:
        self.ports, self.served, self.request, self.now_ms = ports, served, request, now_ms
        self.collections = _collections(ports.live, served, request.namespace)
        self.stages: list[dict[str, Any]] = []
        self.relaxations: list[str] = []
        self.skipped: list[Degraded] = []
        self.trees: list[FilterTree] = []
        self.context = {"now_ms": now_ms}

    def absent_fields(self) -> list[str]:
        """Why a filter may have left nothing: fields that no document of these collections has."""
        return absent.warnings(self.ports.index, self.collections, self.trees)

    # Listing: a retriever of filters only.

    def listing(self, execution_id: str) -> Answer:
        """Matching documents in document_id order, score 0."""
        where = self._pre_filter(self.served.recipe, None)
        limit = self.request.limit or DEFAULT_LIST
        started = milliseconds()
        documents: list[Document] = []
        for collection in self.collections:
            documents.extend(self.ports.index.page(collection, where, limit)[0])
        documents = sorted(documents, key=lambda d: d.document_id)[:limit]
        total = sum(self.ports.index.count(collection, where) for collection in self.collections)
        stage = self.served.recipe.stages[0]
        self._stage(stage.stage_name, 0, len(documents), milliseconds() - started)
        return self._answer(execution_id, shown=documents, total=total, method="")

    # Searching.

    def searching(
        self, stage: SearchStage, choice: Choice | None, execution_id: str
    ) -> tuple[Answer, rank.Ranked]:
        """Search, fuse, filter, cut to the page."""
        started = milliseconds()
        found = self._found(stage, complete=choice is not None)
        ranked = rank.rank(stage, self.served, found, choice, execution_id)
        union = len(ranked.served.ids)
        kept = min(stage.final_top_k, union)
        self._stage(
            stage.stage_name, union, kept, milliseconds() - started,
            search_ms=[round(ms, 3) for ms in found.search_ms], by_id_ms=round(found.extra_ms, 3),
        )  # fmt: skip
        places, shown, total = self._page(ranked.served, kept, found.homes)
        share = self.served.learning.exploration_traffic
        depth = max(places, default=-1) + 1
        certain = rank.propensities(ranked, choice, depth, share)
        answer = self._answer(
            execution_id, fused=ranked.served, shown=shown, places=places, homes=found.homes,
            weights=ranked.weights, method=ranked.method, choice=choice, total=total,
            propensities=[certain[place] for place in places], explored_at=ranked.explored_at,
            shadow=ranked.shadow, degraded=found.degraded, warnings=found.warnings,
        )  # fmt: skip
        if stage.final_top_k > union and self.request.limit and self.request.limit > union:
            answer.limits.append(
                {"name": "limit", "requested": self.request.limit, "applied": union,
                 "ceiling": union, "stage": stage.stage_name}
            )  # fmt: skip
        return answer, ranked

    def _found(self, stage: SearchStage, *, complete: bool) -> Retrieved:
        try:
            plan = self._plan(stage)
            return retrieve.retrieve(self.ports.index, plan, milliseconds, complete=complete)
        except Invalid as error:
            self._skip(stage, error)
            return retrieve.nothing(stage)

    def _skip(self, stage: SearchStage | FilterStage, error: Invalid) -> None:
        """Go on without a stage that says `on_error: skip`; any other raises."""
        if stage.on_error != "skip":
            raise error
        self.skipped.append(
            Degraded(
                resource="stage", id=stage.stage_name, reason=f"skipped: {error.message}",
                next_step=error.hint or "see the message", stage=stage.stage_name,
            )
        )  # fmt: skip

    def _plan(self, stage: SearchStage) -> retrieve.Plan:
        shared = self._pre_filter(self.served.recipe, stage)
        queries: list[Any] = []
        wheres: list[FilterTree | None] = []
        for place, search in enumerate(stage.searches):
            path = f"$.stages.{stage.stage_name}.searches[{place}]"
            queries.append(self._query(search, path))
            own = self._tree(search.filters, f"{path}.filters")
            wheres.append(retrieve.both(shared, own))
        return retrieve.Plan(stage, queries, wheres, self.collections)

    def _query(self, search: Any, path: str) -> Any:
        """The rendered query; None skips the search (a missing input under `on_empty: skip`)."""
        if not isinstance(search.query, str):
            return search.query
        try:
            query = templates.render(
                search.query, self.request.inputs, self.context, path=f"{path}.query"
            )
        except templates.Missing:
            query = ""
        if isinstance(query, dict | bool):
            raise invalid(
                f"{path}.query", "wrong_type", "a query is a text or a vector",
                f"send the input that {search.query} reads as a string",
            )  # fmt: skip
        if query or query == 0:
            return query if isinstance(query, (str, list)) else str(query)
        if search.on_empty == "skip" or search.optional:
            self.relaxations.append(f"search {search.feature_uri}: no query, skipped")
            return None
        raise invalid(
            f"{path}.query", "missing_input",
            f"the query of `{search.feature_uri}` is empty: {search.query}",
            "send the input it reads (usually inputs.query), or set on_empty: skip",
        )  # fmt: skip

    def _pre_filter(self, recipe: Recipe, stage: SearchStage | None) -> FilterTree | None:
        """The request's filter, those of the attribute filters before the search, the
        stage's own.
        """
        where = self._tree(self.request.filters, "$.filters")
        for earlier in recipe.stages:
            if not isinstance(earlier, FilterStage):
                break
            where = retrieve.both(where, self._stage_tree(earlier))
        if stage is not None:
            path = f"$.stages.{stage.stage_name}.pre_filters"
            where = retrieve.both(where, self._tree(stage.pre_filters, path))
        return where

    def _stage_tree(self, stage: FilterStage, *, scored: bool = False) -> FilterTree | None:
        conditions = stage.conditions
        path = f"$.stages.{stage.stage_name}.conditions"
        if stage.case_insensitive and isinstance(conditions, dict):
            conditions = {"AND": [conditions], "case_sensitive": False}
        try:
            return self._tree(conditions, path, scored=scored)
        except Invalid as error:
            self._skip(stage, error)
            return None

    def _tree(self, conditions: Any, path: str, *, scored: bool = False) -> FilterTree | None:
        if conditions is None or conditions == {}:
            return None
        tree = filters.parse(conditions, path, templates=True)

        def render(template: str) -> Any:
            return templates.render(template, self.request.inputs, self.context, path=path)

        filled, dropped = filters.fill(tree, render, path)
        self.relaxations.extend(f"filter on {name}: input missing, not applied" for name in dropped)
        if not scored and "score" in filters.fields_of(filled):
            raise invalid(
                path, "wrong_place", "`score` is known only after the search",
                "filter on it in an attribute_filter stage after the feature_search",
            )  # fmt: skip
        self.trees.append(filled)
        return filters.bare_collections(filled)

    def _page(
        self, fused: Fused, kept: int, homes: Mapping[str, str]
    ) -> tuple[list[int], list[Document], int]:
        """Rows of the fused list that are shown, with their documents, after the later filters;
        and how many there are before the page is cut.
        """
        later, ids = self._later_filters(), fused.ids[:kept]
        limit = self.request.limit or len(ids)
        wanted = ids if later else ids[:limit]
        documents = self._documents(wanted, homes)
        pairs = [(row, documents[i]) for row, i in enumerate(wanted) if i in documents]
        for stage, tree in later:
            started, before = milliseconds(), len(pairs)
            pairs = [
                (row, document) for row, document in pairs
                if matches({**fields_of(document), "score": float(fused.scores[row])}, tree)
            ]  # fmt: skip
            self._stage(stage.stage_name, before, len(pairs), milliseconds() - started)
        total = len(pairs) if later else kept
        pairs = pairs[:limit]
        return [row for row, _ in pairs], [document for _, document in pairs], total

    def _later_filters(self) -> list[tuple[FilterStage, FilterTree]]:
        stages = self.served.recipe.stages
        search = next(i for i, stage in enumerate(stages) if isinstance(stage, SearchStage))
        later = [stage for stage in stages[search:] if isinstance(stage, FilterStage)]
        trees = [(stage, self._stage_tree(stage, scored=True)) for stage in later]
        return [(stage, tree) for stage, tree in trees if tree is not None]

    def _documents(self, ids: Sequence[str], homes: Mapping[str, str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for collection in self.collections:
            mine = [i for i in ids if homes[i] == collection.collection_id]
            if mine:
                found.update({d.document_id: d for d in self.ports.index.get(collection, mine)})
        return found

    def _stage(self, name: str, given: int, kept: int, ms: float, **metadata: Any) -> None:
        self.stages.append(
            {"name": name, "input_count": given, "output_count": kept, "duration_ms": round(ms, 3),
             "metadata": metadata}
        )  # fmt: skip

    def _answer(self, execution_id: str, **parts: Any) -> Answer:
        given: dict[str, Any] = {
            "fused": None, "places": [], "homes": {}, "weights": (), "choice": None,
            "propensities": [],
        }  # fmt: skip
        return Answer(
            execution_id=execution_id, served=self.served, request=self.request,
            at_ms=self.now_ms, stages=self.stages, latency_ms=0.0, relaxations=self.relaxations,
            **(given | parts | {"degraded": [*self.skipped, *parts.get("degraded", [])]}),
        )  # fmt: skip


def fields_of(document: Document) -> dict[str, Any]:
    """A document as filters see it."""
    return {
        **document.fields,
        "document_id": document.document_id,
        "collection_id": document.collection_id,
    }


def _collections(live: Live, served: Served, namespace: str) -> list[Collection]:
    """The collections a retriever searches: those it names, else all of the namespace."""
    wanted = served.retriever.collection_identifiers
    found = live.collections(namespace)
    if not wanted:
        return list(found)
    return [c for c in found if c.collection_id in wanted or c.collection_name in wanted]
