"""What a retriever would do for a request: stages in order, bounds, and advice that is true.

Nothing is searched; counts come from the index, times from what stages took lately.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from desireline.core.ids import prefixed
from desireline.core.recipe import FilterStage, LaterStage, SearchStage
from desireline.core.shapes import nearest
from desireline.core.snapshot import Served
from desireline.core.stages.table import LATER
from desireline.errors import Invalid
from desireline.steps.serve.execute import Serve
from desireline.steps.serve.filling import Filling
from desireline.steps.serve.ports import Ports
from desireline.steps.serve.request import Answer, Request
from desireline.steps.serve.working import collections_of
from desireline.types.retriever import Collection, Filter, FilterTree, Not, Or, Search

DOMINATES = 0.8
_BOUNDS = ("limit", "count", "top_k")


class StagePlan(msgspec.Struct, kw_only=True):
    """One stage. Counts are upper bounds; `measured_executions` 0 means that its time is unknown
    (and 0).
    """

    stage_index: int
    stage_name: str
    stage_type: str
    stage_id: str
    estimated_input: int
    estimated_output: int
    estimated_efficiency: float = 0.0
    estimated_cost_credits: float = 0.0
    estimated_duration_ms: float = 0.0
    measured_executions: int = 0
    cache_likely: bool = False
    collections: list[str] = []
    searches: list[dict[str, Any]] = []
    filters: list[Any] = []
    optimization_notes: list[str] = []
    warnings: list[str] = []


class Plan(msgspec.Struct, kw_only=True):
    """The whole of it."""

    retriever_id: str
    retriever_name: str
    estimated_cost: dict[str, float]
    execution_plan: list[StagePlan]
    optimization_suggestions: list[dict[str, Any]]
    total_estimated_stages: int
    bottleneck_stages: list[str]
    optimization_level: str = "mvp"
    optimization_applied: bool = False
    optimization_details: dict[str, Any] = {}
    warnings: list[str] = []


def explained(serve: Serve, served: Served, request: Request) -> Plan:
    """The plan; inputs that are missing become warnings of the stages that need them."""
    work = _Reading(serve.ports, serve, served, request)
    stages = work.stages()
    timings = serve.timings.of(served.retriever)
    for stage in stages:
        timing = timings.get(stage.stage_name)
        stage.estimated_efficiency = stage.estimated_output / max(1, stage.estimated_input)
        if timing is not None:
            stage.estimated_duration_ms = round(timing.ms, 3)
            stage.measured_executions = timing.executions
    times = [stage.estimated_duration_ms for stage in stages]
    slowest, pushed = max(times), len(served.recipe.before) if served.recipe.search else 0
    return Plan(
        retriever_id=prefixed("ret", served.retriever.retriever_id),
        retriever_name=served.retriever.retriever_name,
        estimated_cost={"total_credits": 0.0, "total_duration_ms": round(sum(times), 3)},
        execution_plan=stages, optimization_suggestions=list(_advice(served, work.collections)),
        total_estimated_stages=len(stages),
        bottleneck_stages=[
            stage.stage_name for stage in stages
            if slowest and stage.estimated_duration_ms >= DOMINATES * slowest
        ],
        optimization_applied=pushed > 0,
        optimization_details={"pushed_down_filters": pushed} if pushed else {},
        warnings=work.filling.relaxations,
    )  # fmt: skip


def measured(serve: Serve, answer: Answer) -> dict[str, Any]:
    """The plan of an execution that ran, each stage with what it counted and took."""
    found: dict[str, Any] = msgspec.to_builtins(explained(serve, answer.served, answer.request))
    counted = {stage["name"]: stage for stage in answer.stages}
    for plan in found["execution_plan"]:
        stage = counted.get(plan["stage_name"])
        if stage is not None:
            plan["actual_input"] = stage["input_count"]
            plan["actual_output"] = stage["output_count"]
            plan["actual_duration_ms"] = stage["duration_ms"]
    return found


class _Reading:
    """A retriever read stage by stage with a request's inputs filled in."""

    def __init__(self, ports: Ports, serve: Serve, served: Served, request: Request) -> None:
        self.ports, self.served, self.request = ports, served, request.under(ports.known_as)
        self.collections = collections_of(ports.live, served, request.namespace)
        self.filling = Filling(serve.fields, self.collections, self.request, ports.clock())
        self.bound = sum(ports.index.count(collection) for collection in self.collections)

    def stages(self) -> list[StagePlan]:
        """In order; filters in front of a search run inside it."""
        before = len(self.served.recipe.before)
        return [
            self._stage(place, stage, pushed=place < before)
            for place, stage in enumerate(self.served.recipe.stages)
        ]

    def _stage(
        self, place: int, stage: SearchStage | FilterStage | LaterStage, *, pushed: bool
    ) -> StagePlan:
        given = self.bound
        plan = StagePlan(
            stage_index=place, stage_name=stage.stage_name, stage_type="filter", stage_id="",
            estimated_input=given, estimated_output=given,
        )  # fmt: skip
        if isinstance(stage, SearchStage):
            self._search(stage, plan)
        elif isinstance(stage, FilterStage):
            self._filter(stage, plan, pushed=pushed)
        else:
            plan.stage_type, plan.stage_id = LATER[stage.stage_id].category, stage.stage_id
            how = self._tried(plan, lambda: self.filling.parameters(stage))
            bounds = [getattr(how, name, None) for name in _BOUNDS]
            plan.estimated_output = min([given, *(each for each in bounds if each)])
        self.bound = plan.estimated_output
        return plan

    def _filter(self, stage: FilterStage, plan: StagePlan, *, pushed: bool) -> None:
        plan.stage_id = "attribute_filter"
        tree = self._tried(plan, lambda: self.filling.stage_tree(stage, scored=not pushed))
        plan.filters = [wire_of(tree)] if tree is not None else []
        if pushed and self.served.recipe.search is not None:
            plan.optimization_notes.append("pushed down into every search of the next stage")
        elif pushed:
            plan.optimization_notes.append("lists what matches, in document_id order")

    def _search(self, stage: SearchStage, plan: StagePlan) -> None:
        plan.stage_id = "feature_search"
        before = self.served.recipe.before
        shared = self._tried(plan, lambda: self.filling.pre_filter(before, stage))
        plan.filters = [wire_of(shared)] if shared is not None else []
        plan.searches = [
            self._one(stage, place, search, plan) for place, search in enumerate(stage.searches)
        ]
        named = {name for each in plan.searches for name in each["collections"]}
        plan.collections = sorted(named)
        candidates = sum(each["top_k"] for each in plan.searches if each["collections"])
        plan.estimated_output = min(stage.final_top_k, candidates, plan.estimated_input)
        if stage.final_top_k < stage.asked_top_k:
            plan.warnings.append(
                f"final_top_k is capped at {stage.final_top_k}, the smallest top_k of its searches"
            )

    def _one(
        self, stage: SearchStage, place: int, search: Search, plan: StagePlan
    ) -> dict[str, Any]:
        path = f"$.stages.{stage.stage_name}.searches[{place}]"
        own = self._tried(plan, lambda: self.filling.tree(search.filters, f"{path}.filters"))
        query = self._tried(plan, lambda: self.filling.query(search, path))
        homes = [
            (collection.collection_name, feature.kind)
            for collection in self.collections for feature in collection.features
            if feature.feature_uri == search.feature_uri
        ]  # fmt: skip
        return {
            "feature_uri": search.feature_uri, "kind": homes[0][1] if homes else None,
            "query": query if isinstance(query, str) else query and f"a vector of {len(query)}",
            "top_k": search.top_k, "min_score": search.min_score, "weight": search.weight,
            "filters": [wire_of(own)] if own is not None else [],
            "collections": [name for name, _ in homes],
        }  # fmt: skip

    def _tried(self, plan: StagePlan, fill: Any) -> Any:
        """What is filled in; why it can't be becomes a warning."""
        try:
            return fill()
        except Invalid as error:
            plan.warnings.append(f"{error.message}; {error.hint}" if error.hint else error.message)
            return None


def wire_of(tree: FilterTree) -> dict[str, Any]:
    """A filter as it is sent.

    >>> wire_of(Or((Filter("a", "eq", 1), Not(Filter("b", "in", [2])))))["OR"][1]
    {'NOT': {'field': 'b', 'operator': 'in', 'value': [2]}}
    """
    if isinstance(tree, Filter):
        return {"field": tree.field, "operator": tree.operator, "value": tree.value}
    if isinstance(tree, Not):
        return {"NOT": wire_of(tree.part)}
    return {"OR" if isinstance(tree, Or) else "AND": [wire_of(part) for part in tree.parts]}


def _advice(served: Served, collections: list[Collection]) -> Iterator[dict[str, Any]]:
    """What is surely better otherwise."""
    recipe = served.recipe
    known = {f.feature_uri for c in collections for f in c.features}
    search = recipe.search
    if search is None:
        return
    for uri in (each.feature_uri for each in search.searches if each.feature_uri not in known):
        yield _suggestion(
            "register_feature", search.stage_name, "no collection has registered "
            f"`{uri}`: this search finds nothing; {nearest(uri, known)}",
        )  # fmt: skip
    behind = recipe.later[0] if recipe.later else None
    if isinstance(behind, FilterStage) and "score" not in str(behind.conditions):
        yield _suggestion(
            "reorder_stages", behind.stage_name,
            f"it stands behind `{search.stage_name}` and reads no score: in front of it, every "
            "candidate would be a document that matches",
        )  # fmt: skip
    if search.fusion == "learned" and len(search.searches) == 1:
        yield _suggestion(
            "add_search", search.stage_name,
            "one search has the weight 1 whatever is learned: add a second one",
        )  # fmt: skip


def _suggestion(kind: str, stage: str, message: str) -> dict[str, Any]:
    return {"type": kind, "stage": stage, "message": message}
