"""A request's inputs filled into what a retriever leaves open: queries, filters, parameters.

Knows templates, filter trees and which stages may be skipped. Searches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from desireline.core import filters, templates
from desireline.core.recipe import AnyStage, FilterStage, LaterStage, SearchStage, later_parameters
from desireline.errors import Invalid, invalid
from desireline.steps.serve import retrieve
from desireline.steps.serve.absent import Fields
from desireline.steps.serve.request import Degraded, Request
from desireline.types.retriever import And, Collection, Filter, FilterTree


class Filling:
    """The inputs of one execution, and what was dropped or skipped while they were filled in."""

    def __init__(
        self, fields: Fields, collections: Sequence[Collection], request: Request, now_ms: int
    ) -> None:
        self.fields, self.collections, self.request = fields, collections, request
        self.relaxations: list[str] = []
        self.skipped: list[Degraded] = []
        self.trees: list[FilterTree] = []
        self.written: set[str] = set()  # fields that stages added
        self.context = {"now_ms": now_ms}

    def absent_fields(self) -> list[str]:
        """Why a filter may have left nothing: fields that no document of these collections has."""
        return self.fields.warnings(self.collections, self.trees)

    def skip(self, stage: AnyStage, error: Invalid) -> None:
        """Go on without a stage that says `on_error: skip`; any other raises."""
        if stage.on_error != "skip":
            raise error
        self.skipped.append(
            Degraded(
                resource="stage", id=stage.stage_name, reason=f"skipped: {error.message}",
                next_step=error.hint or "see the message", stage=stage.stage_name,
            )
        )  # fmt: skip

    def query(self, search: Any, path: str) -> Any:
        """The rendered query; None skips the search (a missing input under `on_empty: skip`)."""
        if not isinstance(search.query, str):
            return search.query
        try:
            query = self._rendered(search.query, f"{path}.query")
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
            "send the input it reads (usually inputs.query), or set on_empty: skip;"
            f" {templates.came(self.request.inputs)}",
        )  # fmt: skip

    def pre_filter(
        self, before: Sequence[FilterStage], stage: SearchStage | None
    ) -> FilterTree | None:
        """The request's filter, those of the attribute filters before the search, the
        stage's own.
        """
        where = self.tree(self.request.filters, "$.filters")
        if self.request.excluded:
            excluded = Filter("document_id", "nin", list(self.request.excluded))
            where = retrieve.both(where, excluded)
        for earlier in before:
            try:
                where = retrieve.both(where, self.stage_tree(earlier))
            except Invalid as error:
                self.skip(earlier, error)
        if stage is not None:
            path = f"$.stages.{stage.stage_name}.pre_filters"
            where = retrieve.both(where, self.tree(stage.pre_filters, path))
        return where

    def stage_tree(self, stage: FilterStage, *, scored: bool = False) -> FilterTree | None:
        """The filter of a stage; `scored`: the search is behind it, so `score` is known."""
        conditions = stage.conditions
        path = f"$.stages.{stage.stage_name}.conditions"
        if stage.case_insensitive and isinstance(conditions, dict):
            conditions = {"AND": [conditions], "case_sensitive": False}
        return self.tree(conditions, path, scored=scored)

    def tree(self, conditions: Any, path: str, *, scored: bool = False) -> FilterTree | None:
        """A filter as JSON, filled and checked; None when it restricts nothing."""
        if conditions is None or conditions == {}:
            return None
        tree = filters.parse(conditions, path, templates=True)

        def render(template: str) -> Any:
            return self._rendered(template, path)

        filled, dropped = filters.fill(tree, render, path)
        self.relaxations.extend(f"filter on {name}: input missing, not applied" for name in dropped)
        if not scored and "score" in filters.fields_of(filled):
            raise invalid(
                path, "wrong_place", "`score` is known only after the search",
                "filter on it in an attribute_filter stage after the feature_search",
            )  # fmt: skip
        read = self._of_documents(filled)
        self.fields.check(self.collections, read, conditions, path)
        self.trees.append(read)
        return filters.bare_collections(filled)

    def _of_documents(self, tree: FilterTree) -> FilterTree:
        """The conditions on fields that no stage wrote."""
        inside = tuple(f"{name}." for name in self.written)
        return And(
            tuple(
                leaf for leaf in filters.leaves(tree)
                if leaf.field not in self.written and not leaf.field.startswith(inside)
            )
        )  # fmt: skip

    def parameters(self, stage: LaterStage) -> Any:
        """The parameters of a stage behind the search; those with templates are filled now."""
        if not isinstance(stage.parameters, dict):
            return stage.parameters
        path = f"$.stages.{stage.stage_name}"
        filled = {
            name: self._rendered(value, f"{path}.{name}") if isinstance(value, str) else value
            for name, value in stage.parameters.items()
        }
        return later_parameters(stage.stage_id, filled, path)

    def _rendered(self, template: str, path: str) -> Any:
        return templates.render(template, self.request.inputs, self.context, path=path)
