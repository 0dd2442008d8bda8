"""Documents as the engine's points: names, ids, payloads, one vector per feature.

Knows how a feature of a collection becomes a named vector and what a document must be to be stored.
Knows no folders and does not search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    HnswIndexConfig,
    Memory,
    Modifier,
    Point,
    SparseVector,
)

from desireline.errors import Invalid, invalid
from desireline.index import bm25
from desireline.ports import Encoder
from desireline.types.retriever import Document, Feature

Encoders = Callable[[str], Encoder]
Vector = list[float] | SparseVector

FIELDS, DOCUMENT_ID, ODD, TRUE, FALSE = "fields", "document_id", "odd", "true", "false"
_NAMES = UUID("5f1c3f6e-0d5b-5c55-9a43-3f0f6a1f7c11")
_DISTANCES = {
    "cosine": Distance.Cosine,
    "dot": Distance.Dot,
    "euclid": Distance.Euclid,
}
_NO_VECTORS = "none"  # the engine wants at least one vector name
_LINKS, _EFFORT, _FULL_SCAN_KB, _INDEXING_KB = 16, 128, 1_000, 1_000
_SMALLEST, _LARGEST = -(2**63), 2**64
_LARGEST_FLOAT = 3e38  # of 32 bits


@lru_cache(maxsize=1 << 18)
def point_id(document_id: str) -> UUID:
    """The engine takes numbers or UUIDs only: UUIDv5 of the id (the id itself is in the payload).

    >>> point_id("a") == point_id("a"), point_id("a") == point_id("b")
    (True, False)
    """
    return uuid5(_NAMES, document_id)


def vector_name(feature_uri: str) -> str:
    """A name that is a safe file name, for any feature_uri.

    >>> len(vector_name("desireline://title@v1/bm25"))
    17
    """
    return "v" + sha256(feature_uri.encode()).hexdigest()[:16]


def text_of(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    """The texts of fields (dots go into objects, lists give all their entries), joined by newlines.

    >>> text_of({"a": "red", "b": {"c": ["hat", 7, None]}}, ("a", "b.c", "d"))
    'red\\nhat\\n7'
    """
    return "\n".join(text for name in names for text in _texts(_at(fields, name)))


def number_of(fields: Mapping[str, Any], name: str) -> float:
    """The number of a field; 0.0 for anything else, like a missing vector.

    >>> number_of({"a": {"b": 3}}, "a.b"), number_of({"a": "3"}, "a"), number_of({"a": True}, "a")
    (3.0, 0.0, 0.0)
    """
    value = _at(fields, name)
    ordinary = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if ordinary else 0.0


def _at(fields: Any, name: str) -> Any:
    for part in name.split("."):
        fields = fields.get(part) if isinstance(fields, Mapping) else None
    return fields


def _texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for entry in value for text in _texts(entry)]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return []
    return [str(value)]


def engine_config(features: Sequence[Feature], encoders: Encoders) -> EdgeConfig:
    """The engine's configuration of a folder: fixed once, a new feature needs a new folder."""
    dense = {
        vector_name(f.feature_uri): EdgeVectorParams(
            size=dimension_of(f, encoders), distance=_DISTANCES[f.distance]
        )
        for f in features
        if f.kind == "dense"
    }
    sparse = {vector_name(f.feature_uri) for f in features if f.kind == "lexical"}
    by_terms = EdgeSparseVectorParams(modifier=Modifier.Idf)
    return EdgeConfig(
        vectors=dense or None,
        sparse_vectors=dict.fromkeys(sparse or {_NO_VECTORS}, by_terms),
        payload_memory=Memory.Cached,
        hnsw_config=HnswIndexConfig(_LINKS, _EFFORT, _FULL_SCAN_KB),
        optimizers=EdgeOptimizersConfig(indexing_threshold=_INDEXING_KB, default_segment_number=1),
        max_search_threads=1,
    )


def dimension_of(feature: Feature, encoders: Encoders) -> int:
    """A caller's feature says it, an encoder knows it."""
    return encoders(feature.model).dimension if feature.model else feature.dimension


def check(document: Document, features: Sequence[Feature]) -> None:
    """Refuse what can't be stored as it is. Raises `errors.Invalid` naming the place."""
    _check_value(document.document_id, "$.document_id")
    if not document.document_id:
        raise invalid("$.document_id", "empty", "document_id is empty", "send an id of your own")
    _check_value(document.fields, "$")
    own = {f.feature_uri: f for f in features if f.kind == "dense" and not f.model}
    for uri, vector in document.vectors.items():
        path = f'$._vectors["{uri}"]'
        if uri not in own:
            raise _unknown_vector(path, uri, own)
        check_vector(vector, own[uri].dimension, path)


def _unknown_vector(path: str, uri: str, own: Mapping[str, Feature]) -> Invalid:
    hint = f"features that take vectors: {', '.join(own) or 'none'}"
    return invalid(path, "unknown_feature", f"no feature takes vectors under {uri!r}", hint)


def check_vector(vector: Sequence[float], dimension: int, path: str) -> list[float]:
    """The vector as floats. Raises `errors.Invalid` for a wrong dimension, NaN and infinities."""
    numbers = all(isinstance(x, int | float) and not isinstance(x, bool) for x in vector)
    if not numbers or not all(abs(x) <= _LARGEST_FLOAT for x in vector):
        message = "a vector is a list of finite numbers (of 32 bits: up to 3e38)"
        raise invalid(path, "not_finite", message, f"send {dimension} numbers")
    if len(vector) != dimension:
        message = f"the vector has {len(vector)} dimensions, the feature has {dimension}"
        raise invalid(path, "wrong_dimension", message, f"send {dimension} numbers")
    return [float(x) for x in vector]


def _check_value(value: Any, path: str) -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _check_name(name, path)
            _check_value(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _check_value(inner, f"{path}[{position}]")
    elif problem := _problem(value):
        raise invalid(path, "not_storable", f"{path} {problem}", "change it, or leave it out")


def _check_name(name: Any, path: str) -> None:
    if not isinstance(name, str) or _problem(name):
        message = f"{path} has the field name {name!r}, not Unicode text"
        raise invalid(path, "not_storable", message, "rename the field")


def _problem(value: Any) -> str:
    if isinstance(value, str):
        return "" if value.isascii() or _is_unicode(value) else "is not valid Unicode"
    if isinstance(value, float):
        return "" if math.isfinite(value) else "is not a finite number"
    if isinstance(value, int):
        return "" if _SMALLEST <= value < _LARGEST else "has more than 64 bits"
    return "" if value is None else f"is a {type(value).__name__}, not JSON"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def points_of(
    documents: Sequence[Document],
    features: Sequence[Feature],
    average_lengths: Mapping[str, float],
    encoders: Encoders,
) -> list[Point]:
    """One point per document, with a vector for every feature that has one for it."""
    columns = {
        vector_name(f.feature_uri): _column(f, documents, average_lengths, encoders)
        for f in features
        if f.kind != "field"
    }
    return [
        Point(
            id=point_id(document.document_id),
            vector={
                name: vector
                for name, column in columns.items()
                if (vector := column[row]) is not None
            },
            payload=payload_of(document),
        )
        for row, document in enumerate(documents)
    ]


def payload_of(document: Document) -> dict[str, Any]:
    """The user's fields below a key of their own, so that no name of theirs meets ours.

    Beside them what the engine can't filter by: oddness, and the paths of booleans (its bindings
    turn a boolean in a filter into a number).
    """
    payload = {DOCUMENT_ID: document.document_id, FIELDS: document.fields}
    truths = {key: paths for key, paths in booleans_of(document.fields).items() if paths}
    return payload | truths | ({ODD: 1} if is_odd(document.fields) else {})


def booleans_of(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """The dotted paths of all fields that are (or list) true, and false.

    >>> booleans_of({"new": True, "in": {"stock": [False, 1]}})
    {'true': ['new'], 'false': ['in.stock']}
    """
    found: dict[str, list[str]] = {TRUE: [], FALSE: []}
    for path, value in _leaves(fields, ""):
        if isinstance(value, bool):
            found[TRUE if value else FALSE].append(path)
    return found


def _leaves(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if "." in name:
            continue  # no filter reaches such a field: a dot goes into an object
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            for entry in value if isinstance(value, list) else [value]:
                yield f"{prefix}{name}", entry


def is_odd(value: Any) -> bool:
    """Whether a list somewhere holds lists, objects or nulls: the engine reads these differently.

    >>> is_odd({"a": {"b": [1, "x"]}}), is_odd({"a": [{"b": 1}]})
    (False, True)
    """
    if isinstance(value, Mapping):
        return any(is_odd(inner) for inner in value.values())
    return isinstance(value, list) and any(
        entry is None or isinstance(entry, list | Mapping) for entry in value
    )


def _column(
    feature: Feature,
    documents: Sequence[Document],
    average_lengths: Mapping[str, float],
    encoders: Encoders,
) -> Sequence[Vector | None]:
    if feature.kind == "dense" and not feature.model:
        return [_own(document, feature.feature_uri) for document in documents]
    texts = [text_of(document.fields, feature.fields) for document in documents]
    if feature.kind == "dense":
        return _encoded(texts, encoders(feature.model))
    average = average_lengths.get(feature.feature_uri) or 1.0
    return [bm25.document_vector(text, average) if text.strip() else None for text in texts]


def _own(document: Document, feature_uri: str) -> Vector | None:
    vector = document.vectors.get(feature_uri)
    return None if vector is None else [float(x) for x in vector]


def _encoded(texts: Sequence[str], encoder: Encoder) -> list[Vector | None]:
    rows = [row for row, text in enumerate(texts) if text.strip()]
    column: list[Vector | None] = [None] * len(texts)
    if rows:
        vectors = encoder.encode([texts[row] for row in rows]).tolist()
        for row, vector in zip(rows, vectors, strict=True):
            column[row] = vector
    return column
