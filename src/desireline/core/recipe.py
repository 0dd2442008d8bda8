"""A retriever's stages: from wire JSON to the stored form, from the stored form to a recipe to run.

Pure. The stored form is always the nested shape `{stage_name, stage_type, config: {stage_id,
parameters}}` with every default of `learning_config` written out. Knows nothing of documents.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.core import filters, signals, templates
from desireline.core.shapes import convert, nearest
from desireline.errors import FieldError, NotAvailable, StageNotAvailable, invalid
from desireline.types.learning import LearningConfig
from desireline.types.retriever import FusionMethod, Search, StaticFusion

STAGE_TYPES = {"feature_search": "filter", "attribute_filter": "filter"}
# Stages of the published API that this version does not run.
_OTHER_STAGES = frozenset({
    "llm_filter", "agent_search", "query_expand", "sort_relevance", "sort_attribute", "mmr",
    "rerank", "score_normalize", "maxsim_rerank", "aggregate", "sample", "summarize", "limit",
    "deduplicate", "moment_group", "group_by", "cluster", "json_transform", "rag_prepare",
    "external_web_search", "api_call", "sql_lookup", "cross_compare", "web_scrape", "unwind",
    "code_execution", "llm_enrich", "taxonomy_enrich", "document_enrich", "agentic_enrich",
    "interaction_boost", "ltr", "ltr_rerank",
})  # fmt: skip
# Learners' fields that do nothing under the other algorithm: accepted, named in warnings.
_IDLE = {
    "logistic": ("prior_alpha", "prior_beta", "contrast", "decay_factor", "decay_window_days",
                 "credit", "position_bias"),
    "thompson_sampling": ("gamma", "tau_demographic", "tau_user"),
}  # fmt: skip

Json = dict[str, Any]


_MANY = msgspec.Meta(min_length=1, max_length=10, description="a stage takes 1 to 10 searches")
_Weight = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Vector(msgspec.Struct, forbid_unknown_fields=True):
    input_mode: Literal["text", "vector"]
    value: str | list[float]
    not_available: ClassVar[frozenset[str]] = frozenset({"values", "document_ref", "text", "url"})
    not_available_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "input_mode": ("content", "multi_content", "document")
    }


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of `searches` as sent."""

    feature_uri: str = ""
    vector_name: str = ""
    query: str | list[float] | _Vector = "{{INPUT.query}}"
    vector: list[float] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 100
    min_score: float | None = None
    weight: _Weight | None = None
    optional: bool = False
    on_empty: Literal["error", "skip"] = "error"
    filters: Any = None
    collection_identifiers: tuple[str, ...] = ()
    not_available: ClassVar[frozenset[str]] = frozenset({"lexical"})
    not_available_values: ClassVar[dict[str, tuple[str, ...]]] = {"on_empty": ("random",)}


class _SearchParameters(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of `feature_search` as sent."""

    searches: Annotated[list[_Entry], _MANY]
    final_top_k: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 25
    fusion: FusionMethod = "rrf"
    rrf_k: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 60
    weights: list[_Weight] | None = None
    learning_config: LearningConfig | None = None
    collection_identifiers: tuple[str, ...] = ()
    pre_filters: Any = None
    hard_timeout_ms: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 5000
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"facets", "group_by", "interactive", "cache_behavior", "cache_ttl_seconds"}
    )


class _FilterParameters(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of `attribute_filter` as sent."""

    field: str | None = None
    operator: str | None = None
    value: Any = None
    conditions: Any = None
    case_insensitive: bool = False
    batch_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None


class SearchStage(msgspec.Struct, frozen=True, kw_only=True):
    """A `feature_search`, ready to run. `learning` is None unless fusion is `learned`."""

    stage_name: str
    searches: tuple[Search, ...]
    final_top_k: int
    fusion: FusionMethod
    rrf_k: int
    learning: LearningConfig | None
    static: StaticFusion
    pre_filters: Any
    collection_identifiers: tuple[str, ...]
    timeout_ms: int
    on_error: str


class FilterStage(msgspec.Struct, frozen=True, kw_only=True):
    """An `attribute_filter`: a filter tree as JSON, values may be templates."""

    stage_name: str
    conditions: Any
    case_insensitive: bool
    on_error: str


class Recipe(msgspec.Struct, frozen=True):
    """Stages in order, and what their author should know."""

    stages: tuple[SearchStage | FilterStage, ...]
    warnings: tuple[str, ...] = ()

    @property
    def search(self) -> SearchStage | None:
        """The first `feature_search`."""
        return next((stage for stage in self.stages if isinstance(stage, SearchStage)), None)


def normalise(stages: list[Json], path: str = "$.stages") -> list[Json]:
    """Stages as sent to the stored form: names filled in, ids known, shape nested.

    >>> normalise([{"config": {"stage_id": "attribute_filter", "parameters": {}}}])[0]["stage_name"]
    'attribute_filter'
    """
    if not stages:
        raise invalid(path, "empty", "a retriever needs at least one stage", "add a feature_search")
    stored = [_nested(stage, f"{path}[{place}]") for place, stage in enumerate(stages)]
    return _named(stored, path)


def _nested(stage: Json, path: str) -> Json:
    for name in ("type", "stage_id", "parameters"):
        if name in stage:
            raise _not_available(
                f"{path}.{name}", f"`{name}` belongs to a stage shape that is not available",
                'use {"stage_name", "stage_type", "config": {"stage_id", "parameters"}}',
            )  # fmt: skip
    config = stage.get("config")
    if not isinstance(config, dict):
        raise invalid(f"{path}.config", "required_field", "a stage needs `config` (an object)")
    stage_id = config.get("stage_id") or stage.get("stage_name") or ""
    if stage_id not in STAGE_TYPES:
        raise _no_stage(str(stage_id), f"{path}.config.stage_id")
    parameters = config.get("parameters", {})
    if not isinstance(parameters, dict):
        raise invalid(f"{path}.config.parameters", "wrong_type", "`parameters` must be an object")
    extra = {
        key: stage[key] for key in ("on_error", "description", "output_alias", "batch_size")
        if stage.get(key) is not None
    }  # fmt: skip
    _check_switches(stage, stage_id, path)
    return {
        "stage_name": stage.get("stage_name") or "",
        "stage_type": STAGE_TYPES[stage_id],
        "config": {"stage_id": stage_id, "parameters": parameters},
        **extra,
    }


def _no_stage(stage_id: str, path: str) -> StageNotAvailable:
    known = stage_id in _OTHER_STAGES
    message = f"stage `{stage_id}` is not available in this version"
    if not known:
        message = f"there is no stage `{stage_id}`" if stage_id else "a stage needs `stage_id`"
    hint = f"available: {', '.join(STAGE_TYPES)}" if known else nearest(stage_id, STAGE_TYPES)
    return StageNotAvailable(
        message, hint=hint, details={"available": sorted(STAGE_TYPES)},
        fields=(FieldError(path, "stage_not_available", message, hint),),
    )  # fmt: skip


def _check_switches(stage: Json, stage_id: str, path: str) -> None:
    """What stands beside `config`."""
    sent, right = stage.get("stage_type"), STAGE_TYPES[stage_id]
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


def _not_available(path: str, message: str, hint: str) -> NotAvailable:
    place = FieldError(path, "not_available", message, hint)
    return NotAvailable(message, hint=hint, fields=(place,))


def _named(stages: list[Json], path: str) -> list[Json]:
    """Missing names become the stage id, numbered when repeated; given names must differ."""
    taken: set[str] = set()
    for place, stage in enumerate(stages):
        name = stage["stage_name"] or _free(stage["config"]["stage_id"], taken)
        if name in taken:
            raise invalid(
                f"{path}[{place}].stage_name", "duplicate_name", f"two stages are named `{name}`"
            )
        taken.add(name)
        stage["stage_name"] = name
    return stages


def _free(base: str, taken: set[str]) -> str:
    numbers = (f"{base}_{number}" for number in range(2, len(taken) + 3))
    return base if base not in taken else next(name for name in numbers if name not in taken)


def compile_stages(stages: list[Json], path: str = "$.stages") -> Recipe:
    """The stored form as a recipe; raises Invalid with JSON paths."""
    compiled: list[SearchStage | FilterStage] = []
    warnings: list[str] = []
    for place, stage in enumerate(stages):
        where = f"{path}[{place}].config.parameters"
        warnings.extend(_unread(stage))
        if stage["config"]["stage_id"] == "feature_search":
            search, notes = _search_stage(stage, where)
            warnings.extend(notes)
            compiled.append(search)
        else:
            compiled.append(_filter_stage(stage, where))
    _one_search(compiled, path)
    return Recipe(tuple(compiled), tuple(warnings))


def _one_search(compiled: list[SearchStage | FilterStage], path: str) -> None:
    places = [place for place, stage in enumerate(compiled) if isinstance(stage, SearchStage)]
    if len(places) > 1:
        raise _not_available(
            f"{path}[{places[1]}]", "a second feature_search is not available in this version",
            "put all searches into one feature_search",
        )  # fmt: skip


def _unread(stage: Json) -> list[str]:
    """Fields of the published API that do nothing here."""
    name = stage["stage_name"]
    sent = [key for key in ("output_alias", "batch_size") if stage.get(key) is not None]
    if "batch_size" in stage["config"]["parameters"]:
        sent.append("parameters.batch_size")
    return [f"`{key}` of stage `{name}` has no effect" for key in sent]


def _filter_stage(stage: Json, where: str) -> FilterStage:
    sent = convert(stage["config"]["parameters"], _FilterParameters, where)
    conditions = _conditions(sent, where)
    filters.parse(conditions, f"{where}.conditions", templates=True)
    return FilterStage(
        stage_name=stage["stage_name"],
        conditions=conditions,
        case_insensitive=sent.case_insensitive,
        on_error=stage.get("on_error", "error"),
    )


def _conditions(sent: _FilterParameters, where: str) -> Any:
    """The tree, in either form; both at once, or neither, is a mistake."""
    if sent.conditions is not None:
        if sent.field is not None or sent.operator is not None:
            raise invalid(
                f"{where}.conditions", "contradiction",
                "`conditions` stands beside `field` and `operator`", "send one of the two forms",
            )  # fmt: skip
        return sent.conditions
    if sent.field is None:
        raise invalid(
            f"{where}.conditions", "required_field", "an attribute_filter needs `conditions`",
            'send {"conditions": {"field": "brand", "operator": "eq", "value": "Acme"}}',
        )  # fmt: skip
    return {"field": sent.field, "operator": sent.operator or "eq", "value": sent.value}


def _search_stage(stage: Json, where: str) -> tuple[SearchStage, list[str]]:
    sent = convert(stage["config"]["parameters"], _SearchParameters, where)
    searches = tuple(
        _search(entry, f"{where}.searches[{place}]") for place, entry in enumerate(sent.searches)
    )
    searches = _with_stage_weights(searches, sent.weights, where)
    _distinct(searches, where)
    if sent.pre_filters is not None:
        filters.parse(sent.pre_filters, f"{where}.pre_filters", templates=True)
    learning = (sent.learning_config or LearningConfig()) if sent.fusion == "learned" else None
    if learning is not None:
        _check_learning(learning, f"{where}.learning_config")
    return SearchStage(
        stage_name=stage["stage_name"],
        searches=searches,
        final_top_k=sent.final_top_k,
        fusion=sent.fusion,
        rrf_k=sent.rrf_k,
        learning=learning,
        static=_static(sent.fusion, searches, learning),
        pre_filters=sent.pre_filters,
        collection_identifiers=sent.collection_identifiers,
        timeout_ms=sent.hard_timeout_ms,
        on_error=stage.get("on_error", "error"),
    ), _idle_warnings(stage["config"]["parameters"], learning)


def _search(entry: _Entry, path: str) -> Search:
    feature_uri = entry.feature_uri or entry.vector_name
    if not feature_uri:
        raise invalid(f"{path}.feature_uri", "required_field", "a search needs `feature_uri`")
    query = entry.vector if entry.vector is not None else entry.query
    if isinstance(query, _Vector):
        query = query.value
    if isinstance(query, str):
        templates.check(query, f"{path}.query")
    if entry.filters is not None:
        filters.parse(entry.filters, f"{path}.filters", templates=True)
    return Search(
        feature_uri=feature_uri,
        query=query,
        top_k=entry.top_k,
        min_score=entry.min_score,
        weight=entry.weight,
        optional=entry.optional,
        on_empty=entry.on_empty,
        filters=entry.filters,
        collection_identifiers=entry.collection_identifiers,
    )


def _with_stage_weights(
    searches: tuple[Search, ...], weights: list[float] | None, where: str
) -> tuple[Search, ...]:
    """The older stage-level `weights` in search order."""
    if weights is None:
        return searches
    if len(weights) != len(searches):
        raise invalid(
            f"{where}.weights", "length",
            f"`weights` has {len(weights)} entries for {len(searches)} searches",
        )  # fmt: skip
    pairs = zip(searches, weights, strict=True)
    return tuple(msgspec.structs.replace(search, weight=weight) for search, weight in pairs)


def _distinct(searches: tuple[Search, ...], where: str) -> None:
    """Weights are learned by feature_uri, so a feature may be searched once."""
    uris = [search.feature_uri for search in searches]
    for place, uri in enumerate(uris):
        if uri in uris[:place]:
            raise invalid(
                f"{where}.searches[{place}].feature_uri", "duplicate_name",
                f"`{uri}` is searched twice in one stage", "use each feature_uri once",
            )  # fmt: skip


def _check_learning(config: LearningConfig, path: str) -> None:
    if config.exposure == "viewport":
        raise _not_available(
            f"{path}.exposure", "`viewport` is not available in this version", "use `served`"
        )
    for field in ("context_features", "demographic_features"):
        for place, name in enumerate(getattr(config, field)):
            if not name.upper().startswith("INPUT."):
                raise invalid(
                    f"{path}.{field}[{place}]", "wrong_value", f"`{name}` is no input",
                    "name an input as INPUT.user_id",
                )  # fmt: skip
    for name in config.reward_map or {}:
        (lower,) = signals.check(name, f"{path}.reward_map.{name}")
        if lower != name:
            raise invalid(
                f"{path}.reward_map.{name}", "wrong_value",
                f"`{name}` is not how a signal is stored", f"write `{lower}`",
            )  # fmt: skip
    signals.check(config.reward_signal, f"{path}.reward_signal")


def _static(
    fusion: FusionMethod, searches: tuple[Search, ...], learning: LearningConfig | None
) -> StaticFusion:
    """What is served without learned weights: as configured, else explicit weights, else rrf."""
    explicit = {s.feature_uri: s.weight for s in searches if s.weight is not None}
    if fusion != "learned":
        return StaticFusion(fusion=fusion, weights=explicit)
    if learning is not None and learning.static_fusion is not None:
        return learning.static_fusion
    return StaticFusion(fusion="weighted" if explicit else "rrf", weights=explicit)


def _idle_warnings(parameters: Json, learning: LearningConfig | None) -> list[str]:
    sent = parameters.get("learning_config") or {}
    if learning is None:
        return ["learning_config has no effect unless fusion is `learned`"] if sent else []
    return [
        f"learning_config.{name} has no effect under algorithm `{learning.algorithm}`"
        for name in _IDLE[learning.algorithm]
        if name in sent and sent[name] != getattr(LearningConfig(), name)
    ] + _static_warnings(parameters, learning)


def _static_warnings(parameters: Json, learning: LearningConfig) -> list[str]:
    searched = [s.get("feature_uri") or s.get("vector_name") for s in parameters["searches"]]
    weights = learning.static_fusion.weights if learning.static_fusion else {}
    return [
        f"learning_config.static_fusion.weights names `{uri}`, which no search uses"
        for uri in weights
        if uri not in searched
    ]


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
        compiled = _search_stage(old, "$.stages")[0]
        config["static_fusion"] = msgspec.to_builtins(compiled.static)
    return _merge_patch(new, {"config": {"parameters": {"learning_config": config}}})  # type: ignore[no-any-return]
