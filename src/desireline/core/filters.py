"""Filters: the JSON of the wire into a `FilterTree`, and back.

Knows the operators, the `$` aliases and both shorthands, and what each operator takes. What a tree
*means* is in `core/matching.py` (re-exported here as `matches`); knows no index.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from desireline.core import patterns, times
from desireline.core.matching import matches
from desireline.errors import Invalid, invalid, not_available
from desireline.types.retriever import And, Filter, FilterTree, Not, Or

__all__ = [
    "OPERATORS",
    "RESERVED",
    "bare_collections",
    "fields_of",
    "fill",
    "leaves",
    "matches",
    "parse",
    "place_of",
    "to_json",
    "to_native",
]

MAX_DEPTH = 20
MAX_LEAVES = 1_000
MAX_VALUES = 10_000
MAX_TEXT = 10_000
RESERVED = ("document_id", "collection_id", "score")
OPERATORS = (
    "eq", "ne", "gt", "lt", "gte", "lte", "in", "nin", "contains", "starts_with", "ends_with",
    "regex", "exists", "is_null", "text", "phrase", "words", "geo_radius", "geo_bounding_box",
    "geo_polygon",
)  # fmt: skip
_ALIASES = {f"${name}": name for name in OPERATORS[:8]} | {"$exists": "exists", "$regex": "regex"}
_TREES = {"AND": "AND", "OR": "OR", "NOT": "NOT", "$and": "AND", "$or": "OR", "$not": "NOT"}
_EXAMPLE = 'for example {"brand": "Acme", "price": {"lt": 10}}'
_LEAF_KEYS = ("field", "operator", "value", "case_insensitive", "case_sensitive")


def parse(json: Any, path: str = "$", *, templates: bool = False) -> FilterTree:
    """The tree behind native, shorthand and `$` forms, mixed as they come.

    Several keys in one object are all required; `{}` and None restrict nothing. `NOT` of a list
    holds when none of its parts does. `eq` null is `is_null`. `case_sensitive: false` on a tree,
    or `case_insensitive: true` on a leaf, makes comparisons ignore case; by default they do not.
    With `templates`, a string holding `{{` may stand in for any value (checked when filled in).

    Raises `errors.Invalid` with the JSON path (`unknown_operator`, `unknown_field`,
    `invalid_filter`, `filter_too_deep`), `errors.NotAvailable` for the geo operators.

    >>> parse({"brand": "Acme", "price": {"gte": 10}})
    And(parts=(Filter(field='brand', operator='eq', value='Acme', case_insensitive=False), \
Filter(field='price', operator='gte', value=10, case_insensitive=False)))
    >>> parse({"document_id": {"$nin": []}})
    Filter(field='document_id', operator='nin', value=[], case_insensitive=False)
    >>> parse({"price": {"$gtee": 1}})
    Traceback (most recent call last):
    desireline.errors.Invalid: unknown operator '$gtee'
    """
    reader = _Reader(templates)
    return And(()) if json is None else reader.tree(json, path, 1, False)


def to_native(tree: FilterTree) -> dict[str, Any]:
    """The native form of a tree; `parse` of it gives the tree again.

    >>> to_native(parse({"$not": {"brand": "x"}}))
    {'NOT': {'field': 'brand', 'operator': 'eq', 'value': 'x'}}
    """
    if isinstance(tree, And):
        return {"AND": [to_native(part) for part in tree.parts]}
    if isinstance(tree, Or):
        return {"OR": [to_native(part) for part in tree.parts]}
    if isinstance(tree, Not):
        return {"NOT": to_native(tree.part)}
    leaf = {"field": tree.field, "operator": tree.operator, "value": tree.value}
    return leaf | {"case_insensitive": True} if tree.case_insensitive else leaf


def to_json(tree: FilterTree) -> str:
    """The native form as text: equal trees give equal text.

    >>> to_json(parse({"price": {"lt": 5}}))
    '{"field":"price","operator":"lt","value":5}'
    """
    return msgspec.json.encode(to_native(tree)).decode()


def leaves(tree: FilterTree) -> Iterator[Filter]:
    """Every leaf, in the order written.

    >>> [leaf.operator for leaf in leaves(parse({"a": 1, "$or": [{"b": {"in": [2]}}]}))]
    ['eq', 'in']
    """
    if isinstance(tree, Filter):
        yield tree
    elif isinstance(tree, Not):
        yield from leaves(tree.part)
    else:
        for part in tree.parts:
            yield from leaves(part)


def fields_of(tree: FilterTree) -> set[str]:
    """The fields a tree reads, dotted as written.

    >>> sorted(fields_of(parse({"a.b": 1, "$not": {"score": {"gt": 0.5}}})))
    ['a.b', 'score']
    """
    return {leaf.field for leaf in leaves(tree)}


def place_of(json: Any, field: str, path: str = "$") -> str:
    """The JSON path of the first condition on `field` in a filter as sent; `path` if there is none.

    >>> place_of({"AND": [{"a": 1}, {"field": "b", "value": 2}]}, "b", "$.filters")
    '$.filters.AND[1].field'
    """
    return next(_places(json, field, path), path)


def _places(json: Any, field: str, path: str) -> Iterator[str]:
    if isinstance(json, list):
        for place, part in enumerate(json):
            yield from _places(part, field, f"{path}[{place}]")
    elif isinstance(json, Mapping):
        if json.get("field") == field:
            yield f"{path}.field"
        for key, part in json.items():
            if key == field:
                yield f"{path}.{key}"
            elif key in _TREES:
                yield from _places(part, field, f"{path}.{key}")


def fill(
    tree: FilterTree, render: Callable[[str], Any], path: str = "$"
) -> tuple[FilterTree, list[str]]:
    """Replace template strings by their values; returns the tree and the fields of dropped leaves.

    `render` turns a template into its value and raises `errors.Invalid` with code `missing_input`
    when an input is absent: a leaf that is nothing but such a template is dropped. Values are
    checked as `parse` does.

    >>> sent = {"brand": "{{INPUT.brand}}", "price": {"lt": "{{INPUT.most}}"}}
    >>> tree = parse(sent, templates=True)
    >>> from desireline.core.templates import render
    >>> filled, dropped = fill(tree, lambda text: render(text, {"most": 9}, {}))
    >>> to_json(filled), dropped
    ('{"AND":[{"field":"price","operator":"lt","value":9}]}', ['brand'])
    """
    dropped: list[str] = []
    filled = _filled(tree, render, dropped)
    return parse(to_native(filled if filled is not None else And(())), path), dropped


def _filled(
    tree: FilterTree, render: Callable[[str], Any], dropped: list[str]
) -> FilterTree | None:
    if isinstance(tree, And | Or):
        parts = tuple(_filled(part, render, dropped) for part in tree.parts)
        kept = tuple(part for part in parts if part is not None)
        return None if parts and not kept else type(tree)(kept)
    if isinstance(tree, Not):
        part = _filled(tree.part, render, dropped)
        return None if part is None else Not(part)
    try:
        return msgspec.structs.replace(tree, value=_rendered(tree.value, render))
    except Invalid as error:
        if error.code != "missing_input" or not isinstance(tree.value, str):
            raise
        dropped.append(tree.field)
        return None


def _rendered(value: Any, render: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [_rendered(entry, render) for entry in value]
    return render(value) if _is_template(value) else value


def bare_collections(tree: FilterTree) -> FilterTree:
    """The tree with collections named as documents store them, not as the wire shows them.

    >>> bare_collections(parse({"collection_id": {"in": ["col_1", "2"]}})).value
    ['1', '2']
    """
    if isinstance(tree, And | Or):
        return type(tree)(tuple(bare_collections(part) for part in tree.parts))
    if isinstance(tree, Not):
        return Not(bare_collections(tree.part))
    if tree.field != "collection_id":
        return tree
    many = isinstance(tree.value, list)
    values = [
        value.removeprefix("col_") if isinstance(value, str) else value
        for value in (tree.value if many else [tree.value])
    ]
    return msgspec.structs.replace(tree, value=values if many else values[0])


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


class _Reader:
    """One reading: counts leaves, so that a wide tree ends as surely as a deep one."""

    def __init__(self, templates: bool) -> None:  # noqa: FBT001
        self.templates = templates
        self.count = 0

    def tree(self, node: Any, path: str, depth: int, folded: bool) -> FilterTree:  # noqa: FBT001
        if depth > MAX_DEPTH:
            raise _too_deep(path)
        if not isinstance(node, dict):
            raise _wrong(path, f"a filter is an object, not {_kind(node)}")
        folded = _folding(node, path, folded)
        if "field" in node and (isinstance(node["field"], str) or len(node) > 1):
            return self.native(node, path, folded)
        parts = tuple(
            self.entry(key, value, f"{path}.{key}", (depth, folded))
            for key, value in node.items()
            if key not in ("case_sensitive", "case_insensitive") or not isinstance(value, bool)
        )
        return parts[0] if len(parts) == 1 else And(parts)

    def entry(self, key: Any, value: Any, path: str, place: tuple[int, bool]) -> FilterTree:
        if key in _TREES:
            return self.branch(_TREES[key], value, path, place)
        if not isinstance(key, str) or key.startswith("$"):
            raise _unknown_operator(key, path)
        if isinstance(value, dict):
            return self.shorthand(key, value, path, place)
        if isinstance(value, list):
            raise _wrong(path, "eq takes a single value", f'write {{"{key}": {{"in": [...]}}}}')
        return self.leaf((key, "eq", value), path, path, place[1])

    def branch(self, name: str, value: Any, path: str, place: tuple[int, bool]) -> FilterTree:
        depth, folded = place
        if name == "NOT" and isinstance(value, dict):
            return Not(self.tree(value, path, depth + 1, folded))
        if not isinstance(value, list):
            raise _wrong(path, f"{name} takes a list of filters, not {_kind(value)}")
        parts = tuple(
            self.tree(part, f"{path}[{place}]", depth + 1, folded)
            for place, part in enumerate(value)
        )
        if name == "AND":
            return And(parts)
        if name == "OR":
            return Or(parts)
        return Not(parts[0] if len(parts) == 1 else Or(parts))

    def shorthand(
        self, field: str, value: dict[Any, Any], path: str, place: tuple[int, bool]
    ) -> FilterTree:
        if not value:
            raise _wrong(path, "an empty object compares nothing", 'write {"field": {"gte": 1}}')
        parts: list[FilterTree] = []
        for key, operand in value.items():
            inner = f"{path}.{key}"
            if key == "$not" and isinstance(operand, dict):
                if place[0] >= MAX_DEPTH:
                    raise _too_deep(inner)
                negated = self.shorthand(field, operand, inner, (place[0] + 1, place[1]))
                parts.append(Not(negated))
            else:
                name = _operator(key, inner)
                parts.append(self.leaf((field, name, operand), path, inner, place[1]))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def native(self, node: dict[str, Any], path: str, folded: bool) -> FilterTree:  # noqa: FBT001
        for key in node:
            if key not in _LEAF_KEYS:
                near = difflib.get_close_matches(str(key), _LEAF_KEYS, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_LEAF_KEYS)}"
                raise invalid(f"{path}.{key}", "unknown_field", f"unknown field {key!r}", hint)
        operator = _operator(node.get("operator", "eq"), f"{path}.operator")
        if "value" not in node and operator not in ("exists", "is_null"):
            raise _wrong(path, f"{operator} needs a value")
        leaf = (node["field"], operator, node.get("value", True))
        return self.leaf(leaf, f"{path}.field", f"{path}.value", folded)

    def leaf(
        self, leaf: tuple[Any, str, Any], field_path: str, path: str, folded: object
    ) -> FilterTree:
        field, operator, value = leaf
        self.count += 1
        if self.count > MAX_LEAVES:
            raise _wrong(path, f"a filter has at most {MAX_LEAVES} conditions", "use in or nin")
        _check_field(field, field_path)
        if operator.startswith("geo_"):
            raise not_available(
                path, f"{operator} is not available: no field can be declared a geo point yet",
                "filter on ranges of latitude and longitude",
            )  # fmt: skip
        if operator in ("eq", "ne") and value is None:
            return Filter(field, "is_null", operator == "eq", bool(folded))
        if not (self.templates and _is_template(value)):
            _CHECKS[operator](operator, value, path, self.templates)
        return Filter(field, operator, value, bool(folded))


def _folding(node: dict[str, Any], path: str, folded: bool) -> bool:  # noqa: FBT001
    is_tree = any(key in node for key in (*_TREES, "field"))
    for key in ("case_sensitive", "case_insensitive"):
        if key in node and is_tree and not isinstance(node[key], bool):
            raise _wrong(f"{path}.{key}", f"{key} is true or false, not {_kind(node[key])}")
    if isinstance(node.get("case_insensitive"), bool):
        return bool(node["case_insensitive"])
    if isinstance(node.get("case_sensitive"), bool):
        return not node["case_sensitive"]
    return folded


def _operator(name: Any, path: str) -> str:
    if isinstance(name, str):
        known = _ALIASES.get(name, name)
        if known in OPERATORS:
            return known
    raise _unknown_operator(name, path)


def _unknown_operator(name: Any, path: str) -> Invalid:
    known = [*OPERATORS, *_ALIASES, *_TREES]
    near = difflib.get_close_matches(str(name), known, 1, 0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(OPERATORS)}"
    return invalid(path, "unknown_operator", f"unknown operator {str(name)[:80]!r}", hint)


def _too_deep(path: str) -> Invalid:
    message = f"filters nest at most {MAX_DEPTH} levels"
    return invalid(path, "filter_too_deep", message, "join conditions in one AND, OR or in")


def _wrong(path: str, message: str, hint: str = _EXAMPLE) -> Invalid:
    return invalid(path, "invalid_filter", message, hint)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    names = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _check_field(field: Any, path: str) -> None:
    if not isinstance(field, str) or not 0 < len(field) <= 256:
        raise _wrong(path, "field is a name of 1 to 256 characters")
    if not all(field.split(".")):
        raise _wrong(path, f"{field!r} has an empty part between its dots")


def _check_scalar(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise _wrong(path, f"a text has at most {MAX_TEXT} characters")
    elif isinstance(value, float) and not math.isfinite(value):
        raise _wrong(path, f"{operator} takes a finite number")
    elif not isinstance(value, bool | int | float):
        raise _wrong(path, f"{operator} takes a string, a number or a boolean, not {_kind(value)}")


def _check_range(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    hint = "send a number, or an ISO 8601 time as a string"
    if isinstance(value, str):
        times.parse_iso(value, path)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, f"{operator} takes a number or a time, not {_kind(value)}", hint)
    elif not math.isfinite(value):
        raise _wrong(path, f"{operator} takes a finite number", hint)


def _check_list(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    if not isinstance(value, list):
        raise _wrong(path, f"{operator} takes a list, not {_kind(value)}")
    if len(value) > MAX_VALUES:
        raise _wrong(path, f"{operator} takes at most {MAX_VALUES} values (got {len(value)})")
    for place, entry in enumerate(value):
        _check_scalar(operator, entry, f"{path}[{place}]", templates)


def _check_text(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise _wrong(path, f"{operator} takes a text of 1 to {MAX_TEXT} characters")


def _check_words(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    texts = value if isinstance(value, list) and operator == "words" else [value]
    for text in texts:
        _check_text(operator, text, path, templates)
    if not any(patterns.words(text) for text in texts):
        raise _wrong(path, f"{operator} needs at least one word")


def _check_regex(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    _check_text(operator, value, path, templates)
    patterns.check(value, path)


def _check_flag(operator: str, value: Any, path: str, templates: bool) -> None:  # noqa: FBT001
    if not isinstance(value, bool):
        raise _wrong(path, f"{operator} takes true or false, not {_kind(value)}")


_CHECKS: Mapping[str, Callable[[str, Any, str, bool], None]] = {
    **dict.fromkeys(("eq", "ne", "contains"), _check_scalar),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), _check_range),
    **dict.fromkeys(("in", "nin"), _check_list),
    **dict.fromkeys(("starts_with", "ends_with"), _check_text),
    **dict.fromkeys(("exists", "is_null"), _check_flag),
    **dict.fromkeys(("text", "phrase", "words"), _check_words),
    "regex": _check_regex,
}
