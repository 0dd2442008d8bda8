"""The four shapes a stage may be sent in, brought to the one that is stored.

Nested `{stage_name, stage_type, config: {stage_id, parameters}}` is the stored shape; the flat
`{stage_type, stage_id, parameters}` and the short `{"type": …, parameters inline}` become it. Knows
which features are registered, because the short forms name none. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from desireline.core.shapes import convert, nearest
from desireline.errors import NotAvailable, invalid, not_available
from desireline.types.retriever import Collection, Feature

Json = dict[str, Any]

QUERY = "{{INPUT.query}}"
SEARCHED = 100  # candidates per search of a short form
MOST_SEARCHES = 10
_PER_SEARCH = ("query", "min_score", "filters")


class StageBeside(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What any shape may say of a stage, apart from its parameters."""

    stage_name: str | None = None
    stage_type: str | None = None
    on_error: str | None = None
    description: str | None = None
    output_alias: str | None = None


class StageConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which stage, with which parameters (see the stages reference)."""

    stage_id: str | None = None
    parameters: Json = {}


class NestedStage(StageBeside, forbid_unknown_fields=True, kw_only=True):
    """The shape that is stored and answered."""

    config: StageConfig
    batch_size: Any = None


class FlatStage(StageBeside, forbid_unknown_fields=True, kw_only=True):
    """The shape of older descriptions."""

    stage_id: str
    parameters: Json = {}
    batch_size: Any = None


_BESIDE = StageBeside.__struct_fields__


class Registered(msgspec.Struct, frozen=True):
    """What a short form may search: the features of the collections of a namespace.

    `named` are the collections (ids or names) that the retriever names; none: all.
    """

    collections: tuple[Collection, ...] = ()
    named: tuple[str, ...] = ()

    def features(self, stage_names: Sequence[str], path: str) -> list[Feature]:
        """The features of the collections that the stage names, else the retriever.

        Raises Invalid when there are none because a collection does not exist.
        """
        names = {each.collection_name for each in self.collections}
        known = names | {each.collection_id for each in self.collections}
        asked = stage_names or self.named
        wanted = [each if each in names else each.removeprefix("col_") for each in asked]
        found = [
            feature
            for each in self.collections
            if not wanted or each.collection_name in wanted or each.collection_id in wanted
            for feature in each.features
        ]
        absent = next((each for each in wanted if each not in known), None)
        if absent is not None and not found:
            raise invalid(
                f"{path}.collection_ids" if stage_names else "$.collection_identifiers",
                "no_feature", f"collection `{absent}` does not exist", nearest(absent, names),
            )  # fmt: skip
        return found


def nested(stage: Json, path: str, registered: Registered, literal: str | None = None) -> Json:
    """A stage in any of the shapes as `{…beside, config: {stage_id, parameters}}`.

    `literal` is a query text that came as an input too (the ad hoc form repeats it inside the
    stage): it is taken from there, so that braces in it are text.

    >>> nested({"stage_id": "limit", "parameters": {"limit": 3}}, "$", Registered())
    {'config': {'stage_id': 'limit', 'parameters': {'limit': 3}}}
    >>> shelf = Collection(collection_id="c", collection_name="shelf", namespace="default",
    ...     features=(Feature(feature_uri="v", kind="dense", dimension=3),))
    >>> short = {"type": "vector_search", "top_k": 9}
    >>> nested(short, "$", Registered((shelf,)))["config"]["parameters"]
    {'searches': [{'feature_uri': 'v', 'top_k': 9, 'query': '{{INPUT.query}}'}], 'final_top_k': 9}
    """
    shapes = [name for name in ("config", "stage_id", "type") if stage.get(name) is not None]
    if len(shapes) > 1:
        raise invalid(
            f"{path}.{shapes[1]}", "contradiction",
            f"`{shapes[1]}` stands beside `{shapes[0]}`: they belong to different stage shapes",
            "send one of config, stage_id, type",
        )  # fmt: skip
    if not shapes:
        raise invalid(
            f"{path}.config", "required_field", "a stage needs `config`",
            'send {"config": {"stage_id": "feature_search", "parameters": {…}}}',
        )  # fmt: skip
    if shapes == ["type"]:
        return _short(stage, path, registered, literal)
    if shapes == ["stage_id"]:
        flat = convert(stage, FlatStage, path)
        beside = {name: stage[name] for name in stage if name not in ("stage_id", "parameters")}
        config = {"stage_id": flat.stage_id, "parameters": flat.parameters}
        return beside | {"config": config}
    convert(stage, NestedStage, path)
    return stage


def _short(stage: Json, path: str, registered: Registered, literal: str | None) -> Json:
    """Parameters stand beside `type`."""
    beside = {name: stage[name] for name in _BESIDE if name in stage}
    convert(beside, StageBeside, path)
    inline = {name: stage[name] for name in stage if name not in (*_BESIDE, "type")}
    stage_id = stage["type"]
    if not isinstance(stage_id, str):
        raise invalid(
            f"{path}.type", "wrong_type", "`type` is no text", 'send {"type": "vector_search"}'
        )
    if stage_id == "vector_search":
        inline = _vector_search(inline, path, registered)
        stage_id = "feature_search"
    elif stage_id == "feature_search" and "searches" not in inline:
        inline = _text_search(inline, path, registered, literal)
    return beside | {"config": {"stage_id": stage_id, "parameters": inline}}


def _vector_search(inline: Json, path: str, registered: Registered) -> Json:
    """One search per vector index; `top_k` is both per search and of the whole list."""
    top_k = inline.pop("top_k", SEARCHED)
    found = registered.features(_names(inline, path), path)
    encoded = [f.feature_uri for f in found if f.kind == "dense" and f.model]
    vectors = encoded or [f.feature_uri for f in found if f.kind == "dense"]
    return _searching(_some(vectors, "vector_search", path), inline, top_k, {"final_top_k": top_k})


def _text_search(inline: Json, path: str, registered: Registered, literal: str | None) -> Json:
    """One search per feature that takes a text; `limit` is the length of the list."""
    extractor = inline.pop("feature_extractor", None) or {}
    kind = extractor.get("type", "text") if isinstance(extractor, dict) else extractor
    if kind != "text":
        raise _no_extractor(f"{path}.feature_extractor.type", kind)
    if literal is not None and inline.get("query") == literal:
        inline["query"] = QUERY
    found = registered.features(_names(inline, path), path)
    limit = inline.pop("limit", inline.pop("final_top_k", 25))
    top_k = max(limit, SEARCHED) if isinstance(limit, int) else SEARCHED
    texts = [f.feature_uri for f in found if f.kind == "lexical" or f.model]
    uris = _some(texts, "feature_search", path)
    return _searching(uris, inline, top_k, {"final_top_k": limit})


def _no_extractor(path: str, kind: Any) -> NotAvailable:
    return not_available(
        path, f"feature_extractor `{kind}` is not available: texts are searched", "send `text`"
    )


def _searching(uris: Sequence[str], inline: Json, top_k: Any, more: Json) -> Json:
    shared = {name: inline.pop(name) for name in _PER_SEARCH if name in inline}
    entry = {"top_k": top_k, "query": QUERY} | shared
    return {"searches": [{"feature_uri": uri} | entry for uri in uris]} | more | inline


def _names(inline: Json, path: str) -> list[str]:
    """The collections that a short form names; kept under the name that is stored."""
    if "collection_ids" in inline:
        inline["collection_identifiers"] = inline.pop("collection_ids")
    return convert(inline.get("collection_identifiers", []), list[str], f"{path}.collection_ids")


def _some(uris: Sequence[str], name: str, path: str) -> list[str]:
    """What is searched, each once; at least one and at most as many as a stage takes."""
    found = list(dict.fromkeys(uris))
    if not found:
        raise invalid(
            f"{path}.type", "no_feature",
            f"`{name}` without `searches` uses what is registered, and no collection has any",
            "create a collection with features first, or name the searches",
        )  # fmt: skip
    if len(found) > MOST_SEARCHES:
        raise invalid(
            f"{path}.type", "too_many",
            f"`{name}` without `searches` would search {len(found)} features; a stage takes "
            f"{MOST_SEARCHES}", "name the collections to search, or the searches",
        )  # fmt: skip
    return found
