"""The parameters of `feature_search`, as sent and ready to run. Pure."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.core import filters, magnitude, signals, templates
from desireline.core.recipe.filtering import FilterStage
from desireline.core.recipe.forms import MOST_SEARCHES, Json
from desireline.core.shapes import convert
from desireline.core.stages.grouping import Facet, SearchGroups
from desireline.errors import invalid, not_available
from desireline.types.learning import LearningConfig
from desireline.types.retriever import FusionMethod, Search, StaticFusion

# Learners' fields that do nothing under the other algorithm: accepted, named in warnings.
_IDLE = {
    "logistic": ("prior_alpha", "prior_beta", "contrast", "decay_factor", "decay_window_days",
                 "credit", "position_bias", "attribution"),
    "thompson_sampling": ("gamma", "tau_demographic", "tau_user"),
}  # fmt: skip

_MANY = msgspec.Meta(
    max_length=MOST_SEARCHES,
    description="0 to 10 searches; none lists what `pre_filters` let through",
)
_Weight = Annotated[float, msgspec.Meta(ge=0, le=1, description="0 to 1")]


class VectorQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A query that says what it is."""

    input_mode: Literal["text", "vector"]
    value: str | list[float]
    not_available: ClassVar[frozenset[str]] = frozenset({"values", "document_ref", "text", "url"})
    not_available_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "input_mode": ("content", "multi_content", "document")
    }


class SearchEntry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of `searches` as sent."""

    feature_uri: Annotated[str, msgspec.Meta(description="a registered feature; needed")] = ""
    vector_name: Annotated[str, msgspec.Meta(description="another name of `feature_uri`")] = ""
    query: Annotated[
        str | list[float] | VectorQuery,
        msgspec.Meta(description="a text or template, a vector, or `{input_mode, value}`"),
    ] = "{{INPUT.query}}"
    vector: Annotated[list[float], msgspec.Meta(description="instead of `query`")] | None = None
    top_k: Annotated[
        int, msgspec.Meta(ge=1, le=5000, description="documents this search returns at most")
    ] = 100
    min_score: (
        Annotated[float, msgspec.Meta(description="documents below are not returned")] | None
    ) = None
    weight: (
        Annotated[
            float, msgspec.Meta(ge=0, le=1, description="share under weighted, rrf and dbsf (1)")
        ]
        | None
    ) = None
    optional: Annotated[
        bool, msgspec.Meta(description="no complaint when no collection has the feature")
    ] = False
    on_empty: Annotated[
        Literal["error", "skip"], msgspec.Meta(description="what an empty query does")
    ] = "error"
    filters: Annotated[Any, msgspec.Meta(description="filter tree of this search alone")] = None
    collection_identifiers: Annotated[
        tuple[str, ...], msgspec.Meta(description="collections searched (the stage's)")
    ] = ()
    not_available: ClassVar[frozenset[str]] = frozenset({"lexical"})
    not_available_values: ClassVar[dict[str, tuple[str, ...]]] = {"on_empty": ("random",)}


class FeatureSearch(msgspec.Struct, forbid_unknown_fields=True):
    """Search by several features at once, and fuse what they find."""

    searches: Annotated[list[SearchEntry], _MANY]
    final_top_k: Annotated[
        int, msgspec.Meta(ge=1, le=5000, description="documents kept after fusion")
    ] = 25
    fusion: Annotated[
        FusionMethod,
        msgspec.Meta(description="how lists become one"),
    ] = "rrf"
    rrf_k: Annotated[
        int, msgspec.Meta(ge=1, le=10_000, description="the constant of rrf: w / (k + rank)")
    ] = 60
    weights: (
        Annotated[
            list[_Weight], msgspec.Meta(description="weights in search order, instead of `weight`")
        ]
        | None
    ) = None
    learning_config: LearningConfig | None = None
    collection_identifiers: Annotated[
        tuple[str, ...], msgspec.Meta(description="collections searched (the retriever's)")
    ] = ()
    pre_filters: Annotated[
        Any, msgspec.Meta(description="filter tree that holds for every search")
    ] = None
    facets: Annotated[
        tuple[Facet, ...], msgspec.Meta(max_length=20, description="values to count")
    ] = ()
    group_by: SearchGroups | None = None
    hard_timeout_ms: Annotated[
        int, msgspec.Meta(ge=1, le=10_000, description="searches that start later are skipped")
    ] = 5000
    interactive: Annotated[bool, msgspec.Meta(description="no effect: nothing is retried")] = False
    cache_behavior: Annotated[
        Literal["auto", "disabled", "aggressive"],
        msgspec.Meta(description="no effect: results are not cached"),
    ] = "auto"
    cache_ttl_seconds: (
        Annotated[int, msgspec.Meta(ge=0, description="no effect: results are not cached")] | None
    ) = None


class SearchStage(msgspec.Struct, frozen=True, kw_only=True):
    """A `feature_search`, ready to run. `learning` is None unless fusion is `learned`.

    `final_top_k` is capped at the smallest `top_k`; `asked_top_k` is what was sent (0: nothing).
    """

    stage_name: str
    searches: tuple[Search, ...]
    final_top_k: int
    asked_top_k: int
    fusion: FusionMethod
    rrf_k: int
    learning: LearningConfig | None
    static: StaticFusion
    pre_filters: Any
    facets: tuple[Facet, ...]
    groups: SearchGroups | None
    collection_identifiers: tuple[str, ...]
    timeout_ms: int
    on_error: str


def search_stage(stage: Json, where: str) -> SearchStage | FilterStage:
    """A `feature_search` ready to run; without searches it is a listing. Raises Invalid."""
    sent = convert(stage["config"]["parameters"], FeatureSearch, where)
    if not sent.searches:
        return _listing(stage, sent, where)
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
        final_top_k=min(sent.final_top_k, *(search.top_k for search in searches)),
        asked_top_k=stage["config"]["parameters"].get("final_top_k", 0),
        fusion=sent.fusion,
        rrf_k=sent.rrf_k,
        learning=learning,
        static=_static(sent.fusion, searches, learning),
        pre_filters=sent.pre_filters,
        facets=sent.facets,
        groups=sent.group_by,
        collection_identifiers=sent.collection_identifiers,
        timeout_ms=sent.hard_timeout_ms,
        on_error=stage.get("on_error", "error"),
    )


def _listing(stage: Json, sent: FeatureSearch, where: str) -> FilterStage:
    if sent.pre_filters is None:
        raise invalid(
            f"{where}.searches", "empty", "a feature_search without searches needs `pre_filters`",
            'add a search: {"feature_uri": "…", "query": "{{INPUT.query}}"}',
        )  # fmt: skip
    filters.parse(sent.pre_filters, f"{where}.pre_filters", templates=True)
    return FilterStage(
        stage_name=stage["stage_name"], conditions=sent.pre_filters, case_insensitive=False,
        on_error=stage.get("on_error", "error"), listed=sent.final_top_k,
    )  # fmt: skip


def _search(entry: SearchEntry, path: str) -> Search:
    feature_uri = entry.feature_uri or entry.vector_name
    if not feature_uri:
        raise invalid(
            f"{path}.feature_uri", "required_field", "a search needs `feature_uri`",
            "name a feature that a collection has registered",
        )  # fmt: skip
    query = entry.vector if entry.vector is not None else entry.query
    if isinstance(query, VectorQuery):
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
            "send one for each search, or `weight` in each search",
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
        raise not_available(
            f"{path}.exposure", "`viewport` is not available in this version", "use `served`"
        )
    for field in ("context_features", "demographic_features"):
        for place, name in enumerate(getattr(config, field)):
            if not name.upper().startswith("INPUT."):
                raise invalid(
                    f"{path}.{field}[{place}]", "wrong_value", f"`{name}` is no input",
                    "name an input as INPUT.user_id",
                )  # fmt: skip
    for name, worth in (config.reward_map or {}).items():
        magnitude.check(worth, f"{path}.reward_map.{name}")
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


def search_warnings(stage: Json, compiled: SearchStage) -> list[str]:
    """What a `feature_search` says that changes nothing."""
    parameters, learning = stage["config"]["parameters"], compiled.learning
    idle = [
        f"`{name}` of stage `{compiled.stage_name}` has no effect: results are not cached"
        for name in ("interactive", "cache_behavior", "cache_ttl_seconds")
        if parameters.get(name) not in (None, False)
    ]
    sent = parameters.get("learning_config") or {}
    if learning is None:
        said = ["learning_config has no effect unless fusion is `learned`"] if sent else []
        return idle + said
    return [*idle, *_idle_settings(sent, learning), *_static_warnings(parameters, learning)]


def _idle_settings(sent: Json, learning: LearningConfig) -> list[str]:
    """What a `learning_config` says that decides nothing."""
    usual = LearningConfig()
    found = [
        f"learning_config.{name} has no effect under algorithm `{learning.algorithm}`"
        for name in _IDLE[learning.algorithm]
        if name in sent and sent[name] != getattr(usual, name)
    ]
    if learning.reward_signal != usual.reward_signal:
        found.append(
            "learning_config.reward_signal has no effect: every interaction has a computed reward; "
            "use `reward_map`"
        )
    return found


def _static_warnings(parameters: Json, learning: LearningConfig) -> list[str]:
    searched = [s.get("feature_uri") or s.get("vector_name") for s in parameters["searches"]]
    weights = learning.static_fusion.weights if learning.static_fusion else {}
    return [
        f"learning_config.static_fusion.weights names `{uri}`, which no search uses"
        for uri in weights
        if uri not in searched
    ]
