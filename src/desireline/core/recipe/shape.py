"""Stages from any shape they may be sent in to the one that is stored.

Nested `{stage_name, stage_type, config: {stage_id, parameters}}` is the stored shape. Knows which
stages there are; what their parameters mean is in the modules beside. Pure.
"""

from __future__ import annotations

from desireline.core.recipe.forms import Json, Registered, nested
from desireline.core.shapes import nearest
from desireline.core.stages.table import LATER
from desireline.errors import FieldError, StageNotAvailable, invalid

CATEGORIES = {"feature_search": "filter", "attribute_filter": "filter"} | {
    stage_id: stage.category for stage_id, stage in LATER.items()
}
NOTHING = Registered()
MOST_STAGES = 50
# Names of the same stage in older descriptions.
OTHER_NAMES = {"vector_search": "feature_search", "hybrid_search": "feature_search"}
# Stages of the published API that this version does not run.
REFUSED = frozenset({
    "llm_filter", "agent_search", "query_expand", "maxsim_rerank", "aggregate", "summarize",
    "moment_group", "cluster", "json_transform", "rag_prepare", "external_web_search", "api_call",
    "sql_lookup", "cross_compare", "web_scrape", "unwind", "code_execution", "llm_enrich",
    "taxonomy_enrich", "document_enrich", "agentic_enrich", "ltr", "ltr_rerank",
})  # fmt: skip


def normalise(
    stages: list[Json], path: str = "$.stages", registered: Registered = NOTHING,
    literal: str | None = None,
) -> list[Json]:  # fmt: skip
    """Stages in any shape to the stored form: names filled in, ids known, shape nested.

    >>> normalise([{"config": {"stage_id": "attribute_filter", "parameters": {}}}])[0]["stage_name"]
    'attribute_filter'
    """
    if not stages:
        raise invalid(path, "empty", "a retriever needs at least one stage", "add a feature_search")
    if len(stages) > MOST_STAGES:
        raise invalid(
            path, "too_many", f"a retriever has at most {MOST_STAGES} stages, not {len(stages)}",
            "join conditions in one filter",
        )  # fmt: skip
    stored = []
    for place, stage in enumerate(stages):
        where = f"{path}[{place}]"
        stored.append(_stored(nested(stage, where, registered, literal), where))
    return _named(stored, path)


def _stored(stage: Json, path: str) -> Json:
    """The nested shape, with what it is and nothing that is unknown."""
    config = stage["config"]
    stage_id = config.get("stage_id") or stage.get("stage_name") or ""
    if stage_id in OTHER_NAMES:
        stage_id = OTHER_NAMES[stage_id]
    if stage_id not in CATEGORIES:
        raise _no_stage(str(stage_id), f"{path}.config.stage_id")
    parameters = config.get("parameters") or {}
    extra = {
        key: stage[key] for key in ("on_error", "description", "output_alias", "batch_size")
        if stage.get(key) is not None
    }  # fmt: skip
    _check_beside(stage, stage_id, path)
    return {
        "stage_name": stage.get("stage_name") or "",
        "stage_type": CATEGORIES[stage_id],
        "config": {"stage_id": stage_id, "parameters": parameters},
        **extra,
    }


def _no_stage(stage_id: str, path: str) -> StageNotAvailable:
    known = stage_id in REFUSED
    message = f"stage `{stage_id}` is not available in this version"
    if not known:
        message = f"there is no stage `{stage_id}`" if stage_id else "a stage needs `stage_id`"
    hint = f"available: {', '.join(CATEGORIES)}" if known else nearest(stage_id, CATEGORIES)
    return StageNotAvailable(
        message, hint=hint, details={"available": sorted(CATEGORIES)},
        fields=(FieldError(path, "stage_not_available", message, hint),),
    )  # fmt: skip


def _check_beside(stage: Json, stage_id: str, path: str) -> None:
    """What stands beside `config`."""
    sent, right = stage.get("stage_type"), CATEGORIES[stage_id]
    if sent not in (None, right):
        raise invalid(
            f"{path}.stage_type", "wrong_value", f"`{sent}` is not the type of `{stage_id}`",
            f"send `{right}`, or leave it out",
        )  # fmt: skip
    if stage.get("on_error") not in (None, "error", "skip"):
        raise invalid(
            f"{path}.on_error", "wrong_value", f"`{stage['on_error']}` is not an `on_error`",
            "one of: error, skip",
        )  # fmt: skip


def _named(stages: list[Json], path: str) -> list[Json]:
    """Missing names become the stage id, numbered when repeated; given names must differ."""
    taken: set[str] = set()
    for place, stage in enumerate(stages):
        name = stage["stage_name"] or _free(stage["config"]["stage_id"], taken)
        if name in taken:
            raise invalid(
                f"{path}[{place}].stage_name", "duplicate_name", f"two stages are named `{name}`",
                "name each stage differently, or leave the names out",
            )  # fmt: skip
        taken.add(name)
        stage["stage_name"] = name
    return stages


def _free(base: str, taken: set[str]) -> str:
    numbers = (f"{base}_{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(name for name in numbers if name not in taken)
