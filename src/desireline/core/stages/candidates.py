"""What flows through the stages behind a search: a document, its score, what stages wrote on it.

Knows dotted fields. Knows neither stages nor the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from desireline.core.matching import values_of
from desireline.types.retriever import Document


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A document on its way to the page.

    `row` is its row in the fused list (-1: no search ran). `written` holds what stages added, by
    dotted name (`scores.mmr`); it is read before the document's own fields, and answered with them.
    """

    document: Document
    score: float = 0.0
    row: int = -1
    written: Mapping[str, Any] = {}


Candidates = list[Candidate]


def fields_of(candidate: Candidate) -> dict[str, Any]:
    """The candidate as filters see it: own fields, what stages wrote, ids and score.

    >>> fields_of(Candidate(document=Document(document_id="a", collection_id="c"), score=2.0))
    {'document_id': 'a', 'collection_id': 'c', 'score': 2.0}
    """
    document = candidate.document
    return {
        **merged(document.fields, candidate.written),
        "document_id": document.document_id,
        "collection_id": document.collection_id,
        "score": candidate.score,
    }


def merged(fields: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with dotted names laid over them; what is in the way of a dot is replaced.

    >>> merged({"a": 1, "scores": {"x": 1}}, {"scores.mmr": 0.5, "b.c": 2})
    {'a': 1, 'scores': {'x': 1, 'mmr': 0.5}, 'b': {'c': 2}}
    """
    found = dict(fields)
    for name, value in written.items():
        *path, last = name.split(".")
        inner = found
        for part in path:
            held = inner.get(part)
            inner[part] = dict(held) if isinstance(held, Mapping) else {}
            inner = inner[part]
        inner[last] = value
    return found


def value_of(candidate: Candidate, field: str) -> Any:
    """The (first) value under a dotted field, None when there is none.

    >>> document = Document(document_id="a", collection_id="c", fields={"tags": ["x", "y"]})
    >>> candidate = Candidate(document=document, score=2.0, written={"scores.mmr": 0.5})
    >>> [value_of(candidate, name) for name in ("tags", "score", "scores.mmr", "document_id", "z")]
    ['x', 2.0, 0.5, 'a', None]
    """
    if field in candidate.written:
        return candidate.written[field]
    if field == "score":
        return candidate.score
    if field in ("document_id", "collection_id"):
        return getattr(candidate.document, field)
    return next(iter(values_of(candidate.document.fields, field)), None)


def number_of(candidate: Candidate, field: str) -> float | None:
    """The number under a field; None for anything else (true is no number)."""
    value = value_of(candidate, field)
    ordinary = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if ordinary else None


def key_of(value: Any) -> Any:
    """A value as a dictionary key: 1 and 1.0 are one, 1 and true are two, objects by content."""
    if isinstance(value, bool) or value is None or isinstance(value, str | int | float):
        return (isinstance(value, bool), value)
    return msgspec.json.encode(value, order="deterministic")


def write(candidate: Candidate, **values: Any) -> Candidate:
    """The candidate with `written` extended; names with dots go in by `write(c, **{"a.b": 1})`."""
    return msgspec.structs.replace(candidate, written={**candidate.written, **values})


def with_score(candidate: Candidate, field: str, value: float) -> Candidate:
    """The candidate with a number under `field`: `score` is replaced, any other is written."""
    if field == "score":
        return msgspec.structs.replace(candidate, score=value)
    return write(candidate, **{field: value})


def at(candidates: Candidates, places: Iterable[int]) -> Candidates:
    """The candidates at these places, in this order."""
    return [candidates[place] for place in places]
