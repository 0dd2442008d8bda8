"""Filter trees as the engine's own conditions, where both mean the same; else as sets of ids.

`core.matching` says what a filter means. The engine agrees with it on equality, sets, numeric order
and presence for ordinary documents; *odd* documents (lists that hold lists, objects or nulls) and
all other operators are decided by `core.matching` itself, over the documents that can still match.
Knows how payloads are laid out (`fields` below a key of their own); knows no folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from qdrant_edge import (
    FieldCondition,
    HasIdCondition,
    IsEmptyCondition,
    MatchAny,
    MatchValue,
    RangeFloat,
)
from qdrant_edge import Filter as Native

from desireline.index.vectors import FALSE, FIELDS, ODD, TRUE, point_id
from desireline.types.retriever import And, Filter, FilterTree, Not, Or

Condition = Native | FieldCondition | HasIdCondition | IsEmptyCondition
Scan = Callable[[FilterTree, Native], set[UUID]]
"""The points among those of a native filter that a tree holds for, document by document."""

IS_ODD = FieldCondition(ODD, match=MatchValue(1))
EVERYTHING = Native()
NOTHING = Native(must=[HasIdCondition(set())])
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_EXACT = 2**53  # beyond, a float no longer tells integers apart


def selection(tree: FilterTree, collection_id: str, scan: Scan, *, any_odd: bool) -> Native:
    """The native filter of exactly the documents that `core.matching.matches` lets pass."""
    exact = native(tree, collection_id)
    if exact is None:
        return Native(must=[HasIdCondition({*scan(tree, _narrowed(tree, collection_id))})])
    if not any_odd:
        return Native(must=[exact])
    odd = HasIdCondition({*scan(tree, Native(must=[IS_ODD]))})
    return Native(should=[Native(must=[exact], must_not=[IS_ODD]), odd])


def _narrowed(tree: FilterTree, collection_id: str) -> Native:
    """What a scan can restrict itself to: the native parts of a conjunction."""
    parts = tree.parts if isinstance(tree, And) else ()
    found = [native(part, collection_id) for part in parts]
    known: list[Any] = [part for part in found if part is not None]
    return Native(should=[Native(must=known), IS_ODD]) if known else EVERYTHING


def native(tree: FilterTree, collection_id: str) -> Condition | None:
    """The condition that means the same on documents that are not odd; None when there is none."""
    if isinstance(tree, Not):
        return _negated(native(tree.part, collection_id))
    if isinstance(tree, Filter):
        return _leaf(tree, collection_id)
    found = [native(part, collection_id) for part in tree.parts]
    parts: list[Any] = [part for part in found if part is not None]
    if len(parts) < len(found):
        return None
    if isinstance(tree, Or):
        return Native(should=parts) if parts else NOTHING
    return Native(must=parts)


def _negated(condition: Condition | None) -> Native | None:
    return None if condition is None else Native(must_not=[condition])


def _leaf(leaf: Filter, collection_id: str) -> Condition | None:
    if leaf.operator in ("ne", "nin"):
        return _negated(_leaf(_positive(leaf), collection_id))
    if leaf.field == "document_id":
        return _by_id(leaf)
    if leaf.field == "collection_id":
        return _constant(leaf, collection_id)
    if not _PLAIN_PATH.fullmatch(leaf.field):
        return None
    make = _LEAVES.get(leaf.operator)
    return make(f"{FIELDS}.{leaf.field}", leaf) if make else None


def _positive(leaf: Filter) -> Filter:
    operator = {"ne": "eq", "nin": "in"}[leaf.operator]
    return Filter(leaf.field, operator, leaf.value, leaf.case_insensitive)


def _wanted(leaf: Filter) -> list[Any] | None:
    if leaf.operator not in ("eq", "in"):
        return None
    return leaf.value if leaf.operator == "in" else [leaf.value]


def _by_id(leaf: Filter) -> Condition | None:
    wanted = _wanted(leaf)
    if wanted is None or leaf.case_insensitive:
        return None
    return HasIdCondition({point_id(value) for value in wanted if isinstance(value, str)})


def _constant(leaf: Filter, collection_id: str) -> Condition | None:
    wanted = _wanted(leaf)
    if wanted is None or leaf.case_insensitive:
        return None
    return EVERYTHING if collection_id in wanted else NOTHING


def _equal(key: str, leaf: Filter) -> Condition | None:
    return _equals(key, leaf.value, folded=leaf.case_insensitive)


def _equals(key: str, value: Any, *, folded: bool) -> Condition | None:
    if isinstance(value, bool):
        path = key.removeprefix(f"{FIELDS}.")
        return FieldCondition(TRUE if value else FALSE, match=MatchValue(path))
    if isinstance(value, str) and not folded:
        return FieldCondition(key, match=MatchValue(value))
    if _is_number(value):
        return FieldCondition(key, range=RangeFloat(gte=float(value), lte=float(value)))
    return None


def _within(key: str, leaf: Filter) -> Condition | None:
    values, folded = list(leaf.value), leaf.case_insensitive
    if values and not folded and all(isinstance(value, str) for value in values):
        return FieldCondition(key, match=MatchAny(values))
    found = [_equals(key, value, folded=folded) for value in values]
    if any(part is None for part in found):
        return None
    parts: list[Any] = [part for part in found if part is not None]
    return Native(should=parts) if parts else NOTHING


def _compared(side: str) -> Callable[[str, Filter], Condition | None]:
    def compare(key: str, leaf: Filter) -> Condition | None:
        if not _is_number(leaf.value):
            return None
        return FieldCondition(key, range=RangeFloat(**{side: float(leaf.value)}))

    return compare


def _contains(key: str, leaf: Filter) -> Condition | None:
    return None if isinstance(leaf.value, str) else _equal(key, leaf)


def _presence(*, wanted: bool) -> Callable[[str, Filter], Condition | None]:
    def present(key: str, leaf: Filter) -> Condition | None:
        empty = IsEmptyCondition(key)
        return Native(must_not=[empty]) if bool(leaf.value) == wanted else empty

    return present


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _EXACT


_LEAVES: Mapping[str, Callable[[str, Filter], Condition | None]] = {
    "eq": _equal,
    "in": _within,
    "gt": _compared("gt"),
    "gte": _compared("gte"),
    "lt": _compared("lt"),
    "lte": _compared("lte"),
    "contains": _contains,
    "exists": _presence(wanted=True),
    "is_null": _presence(wanted=False),
}
