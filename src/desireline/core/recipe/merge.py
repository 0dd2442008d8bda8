"""A PATCH of stages: the merge rule, defaults written out, and the baseline that is kept. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.core.recipe.forms import Json
from desireline.core.recipe.searching import SearchStage, search_stage
from desireline.core.shapes import convert, nearest
from desireline.errors import invalid
from desireline.types.learning import LearningConfig


def with_defaults(stages: list[Json]) -> list[Json]:
    """The stored form with every default of a learned stage's `learning_config` written out."""
    for place, stage in enumerate(stages):
        parameters = stage["config"]["parameters"]
        if parameters.get("fusion") == "learned":
            path = f"$.stages[{place}].config.parameters.learning_config"
            config = convert(parameters.get("learning_config") or {}, LearningConfig, path)
            parameters["learning_config"] = msgspec.to_builtins(config)
    return stages


def merge(stored: list[Json], patch: list[Json]) -> list[Json]:
    """A PATCH of `stages`: a `feature_search` without `searches` is merged by name, else all
    replaced.

    JSON merge-patch (RFC 7396) inside a merged stage: null removes. A stage that turns `learned`
    without a `static_fusion` keeps the fusion and weights it had as that.
    """
    if not any(_is_partial(stage) for stage in patch):
        return [_keep_baseline(_same(stored, stage), stage) for stage in patch]
    by_name = {stage["stage_name"]: stage for stage in stored}
    for place, stage in enumerate(patch):
        name = stage["stage_name"]
        if name not in by_name:
            raise invalid(
                f"$.stages[{place}].stage_name", "unknown_stage",
                f"there is no stage `{name}` to merge into", nearest(name, by_name),
            )  # fmt: skip
        merged = _merge_patch(by_name[name], stage) if _is_partial(stage) else stage
        by_name[name] = _keep_baseline(by_name[name], merged)
    return list(by_name.values())


def _is_partial(stage: Json) -> bool:
    config = stage["config"]
    return config["stage_id"] == "feature_search" and "searches" not in config["parameters"]


def _same(stored: list[Json], stage: Json) -> Json | None:
    return next((old for old in stored if old["stage_name"] == stage["stage_name"]), None)


def _merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_patch(merged.get(key), value)
    return merged


def _keep_baseline(old: Json | None, new: Json) -> Json:
    before = old["config"]["parameters"] if old else {}
    after = new["config"]["parameters"]
    turns = after.get("fusion") == "learned" and before.get("fusion", "rrf") != "learned"
    if not (old and turns and before.get("searches")):
        return new
    config = dict(after.get("learning_config") or {})
    if config.get("static_fusion") is None:
        compiled = search_stage(old, "$.stages")
        assert isinstance(compiled, SearchStage)  # it has searches
        config["static_fusion"] = msgspec.to_builtins(compiled.static)
    return _merge_patch(new, {"config": {"parameters": {"learning_config": config}}})  # type: ignore[no-any-return]
