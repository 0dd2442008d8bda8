"""Stages in the stored form to a recipe that runs. Pure."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from desireline.core import signals, templates
from desireline.core.recipe.filtering import AttributeFilter, FilterStage, filter_stage
from desireline.core.recipe.forms import Json
from desireline.core.recipe.searching import (
    FeatureSearch,
    SearchStage,
    search_stage,
    search_warnings,
)
from desireline.core.shapes import convert
from desireline.core.stages.reduction import Deduplicate, Sample
from desireline.core.stages.scoring import ScoreNormalize
from desireline.core.stages.table import LATER, boost_of
from desireline.errors import invalid, not_available

PARAMETERS: dict[str, tuple[str, type]] = {
    "feature_search": ("filter", FeatureSearch), "attribute_filter": ("filter", AttributeFilter),
    **{stage_id: (kind.category, kind.parameters) for stage_id, kind in LATER.items()},
}  # fmt: skip
"""Category and parameters of every stage."""


class LaterStage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage behind the search. `parameters` is its struct, or JSON when it holds templates."""

    stage_name: str
    stage_id: str
    parameters: Any
    on_error: str


AnyStage = SearchStage | FilterStage | LaterStage


class Recipe(msgspec.Struct, frozen=True, dict=True):
    """Stages in order, and what their author should know. What follows from them is found once."""

    stages: tuple[AnyStage, ...]
    warnings: tuple[str, ...] = ()

    @cached_property
    def search(self) -> SearchStage | None:
        """The `feature_search`."""
        return next((stage for stage in self.stages if isinstance(stage, SearchStage)), None)

    @cached_property
    def before(self) -> tuple[FilterStage, ...]:
        """The filters in front: they hold for every search, or say what is listed."""
        found = []
        for stage in self.stages:
            if not isinstance(stage, FilterStage):
                break
            found.append(stage)
        return tuple(found)

    @cached_property
    def later(self) -> tuple[FilterStage | LaterStage, ...]:
        """What follows the search; without one, what follows the filters in front."""
        rest = self.stages[len(self.before) :]
        return tuple(stage for stage in rest if not isinstance(stage, SearchStage))

    @cached_property
    def keeps_places(self) -> bool:
        """Whether the propensity of a rank of the fused list is that of the place shown."""
        search = self.search
        grouped = search is not None and search.groups is not None
        return not grouped and all(
            isinstance(stage, LaterStage) and LATER[stage.stage_id].keeps_places
            for stage in self.later
        )

    @cached_property
    def is_random(self) -> bool:
        """Whether equal weights may show different documents."""
        named = (stage.stage_id for stage in self.stages if isinstance(stage, LaterStage))
        return any(LATER[name].is_random for name in named)


def compile_stages(stages: list[Json], path: str = "$.stages") -> Recipe:
    """The stored form as a recipe; raises Invalid with JSON paths."""
    compiled: list[AnyStage] = []
    warnings: list[str] = []
    for place, stage in enumerate(stages):
        where = f"{path}[{place}].config.parameters"
        warnings.extend(_unread(stage))
        compiled.append(_compiled(stage, where))
        last = compiled[-1]
        if isinstance(last, SearchStage):
            warnings.extend(search_warnings(stage, last))
    _in_place(compiled, path)
    return Recipe(tuple(compiled), tuple(warnings))


def _compiled(stage: Json, where: str) -> AnyStage:
    stage_id = stage["config"]["stage_id"]
    if stage_id == "feature_search":
        return search_stage(stage, where)
    if stage_id == "attribute_filter":
        return filter_stage(stage, where)
    return LaterStage(
        stage_name=stage["stage_name"], stage_id=stage_id,
        parameters=_parameters(stage_id, stage["config"]["parameters"], where),
        on_error=stage.get("on_error", "error"),
    )  # fmt: skip


def _parameters(stage_id: str, sent: Json, where: str) -> Any:
    """The stage's struct; with templates among the values they stay as sent, checked apart."""
    templated = {name: value for name, value in sent.items() if _is_template(value)}
    for name, value in templated.items():
        templates.check(value, f"{where}.{name}")
    if templated:
        unknown = templated.keys() - {
            field.encode_name for field in msgspec.structs.fields(LATER[stage_id].parameters)
        }
        plain = {n: v for n, v in sent.items() if n not in templated or n in unknown}
        later_parameters(stage_id, plain, where)
        return sent
    return later_parameters(stage_id, sent, where)


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def later_parameters(stage_id: str, sent: Json, where: str) -> Any:
    """Parameters of a stage behind the search as its struct. Raises Invalid."""
    how: Any = convert(sent, LATER[stage_id].parameters, where)
    if isinstance(how, Sample) and how.strategy == "stratified" and not how.stratify_by:
        raise invalid(
            f"{where}.stratify_by", "required_field", "`stratified` needs `stratify_by`",
            'name a field: {"strategy": "stratified", "stratify_by": "brand"}',
        )  # fmt: skip
    if isinstance(how, Deduplicate) and not how.fields:
        raise invalid(f"{where}.fields", "empty", "`fields` is empty", "name at least one field")
    if isinstance(how, ScoreNormalize) and None not in (how.min_value, how.max_value):
        _check_width(how, where)
    boost = boost_of(how)
    if boost is not None:
        signals.check(list(boost.interaction_types), f"{where}.interaction_types")
    return how


def _check_width(how: ScoreNormalize, where: str) -> None:
    assert how.min_value is not None
    assert how.max_value is not None
    if how.max_value <= how.min_value:
        raise invalid(
            f"{where}.max_value", "wrong_value", "`max_value` is not above `min_value`",
            "swap them, or leave both out",
        )  # fmt: skip


def _in_place(compiled: list[AnyStage], path: str) -> None:
    """One search at most; other stages than filters stand behind it, or behind a filter."""
    searches = [place for place, stage in enumerate(compiled) if isinstance(stage, SearchStage)]
    if len(searches) > 1:
        raise not_available(
            f"{path}[{searches[1]}]", "a second feature_search is not available in this version",
            "put all searches into one feature_search",
        )  # fmt: skip
    first = searches[0] if searches else 1
    for place, stage in enumerate(compiled[:first]):
        if isinstance(stage, LaterStage):
            raise invalid(
                f"{path}[{place}]", "wrong_place",
                f"`{stage.stage_id}` stands where nothing was found yet",
                "put it behind the feature_search (or behind an attribute_filter that lists)",
            )  # fmt: skip


def _unread(stage: Json) -> list[str]:
    """Fields of the published API that do nothing here."""
    name = stage["stage_name"]
    sent = [key for key in ("output_alias", "batch_size") if stage.get(key) is not None]
    if "batch_size" in stage["config"]["parameters"]:
        sent.append("parameters.batch_size")
    return [f"`{key}` of stage `{name}` has no effect" for key in sent]
