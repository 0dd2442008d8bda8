"""What a filter tree means: the executable law that every index adapter is compared with.

Knows documents as mappings (the user's fields at the root, beside `document_id`, `collection_id`
and `score`). Does not know the wire forms of filters, nor any index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from desireline.core import patterns, times
from desireline.errors import Invalid
from desireline.types.retriever import And, Filter, FilterTree, Not, Or


def matches(document: Mapping[str, Any], tree: FilterTree) -> bool:
    """Whether a document passes.

    - Dots go into objects; a list on the way, or at the end, stands for each of its entries, and a
      comparison holds when it holds for any. Missing, null and [] are one: no value.
    - `ne`, `nin` are the negations of `eq`, `in`: they hold for a document without the field.
      `nin []` restricts nothing, `in []` matches nothing.
    - `eq`, `in`: equal type and value (1 equals 1.0, not true, not "1"). `gt` and the like compare
      numbers with numbers, and times with strings that are times.
    - `contains`: an entry of a list, or a substring of a string. `text`: all words in any order,
      `phrase`: in that order side by side, `words`: at least one. Words ignore case always.

    >>> from desireline.core.filters import parse
    >>> camera = {"document_id": "c1", "price": 90, "tags": ["red", "new"], "title": "Red Camera"}
    >>> [matches(camera, parse(f)) for f in (
    ...     {"price": {"gte": 50, "lt": 90}}, {"tags": "red"}, {"brand": {"$ne": "x"}},
    ...     {"title": {"text": "camera red"}}, {"NOT": [{"tags": "old"}, {"price": 3}]})]
    [False, True, True, True, True]
    """
    if isinstance(tree, And):
        return all(matches(document, part) for part in tree.parts)
    if isinstance(tree, Or):
        return any(matches(document, part) for part in tree.parts)
    if isinstance(tree, Not):
        return not matches(document, tree.part)
    if tree.operator == "contains":
        return any(_holds(value, tree) for value in _reached(document, tree.field))
    return _LEAVES[tree.operator](values_of(document, tree.field), tree)


def values_of(document: Mapping[str, Any], field: str) -> list[Any]:
    """The values under a dotted field: lists spread out, nulls left out.

    >>> values_of({"a": [{"b": 1}, {"b": [2, None]}]}, "a.b")
    [1, 2]
    """
    reached = _reached(document, field)
    return [entry for value in reached for entry in _spread(value) if entry is not None]


def _reached(document: Mapping[str, Any], field: str) -> list[Any]:
    """What stands at the end of the path, a list there as it is."""
    found: list[Any] = [document]
    for part in field.split("."):
        inner = [entry for value in found for entry in _spread(value)]
        found = [value[part] for value in inner if isinstance(value, Mapping) and part in value]
    return found


def _spread(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        return [value]
    return [entry for inner in value for entry in _spread(inner)]


def _same(value: Any, wanted: Any, *, folded: bool) -> bool:
    if isinstance(value, bool) != isinstance(wanted, bool):
        return False
    if folded and isinstance(value, str) and isinstance(wanted, str):
        return value.casefold() == wanted.casefold()
    return bool(value == wanted)


def _equal(values: list[Any], leaf: Filter) -> bool:
    return any(_same(value, leaf.value, folded=leaf.case_insensitive) for value in values)


def _within(values: list[Any], leaf: Filter) -> bool:
    return any(
        _same(value, wanted, folded=leaf.case_insensitive)
        for value in values
        for wanted in leaf.value
    )


def _ordered(holds: Callable[[float, float], bool]) -> Callable[[list[Any], Filter], bool]:
    def compare(values: list[Any], leaf: Filter) -> bool:
        bound = _number(leaf.value)
        wanted = type(leaf.value) is str
        numbers = [_number(value) for value in values if isinstance(value, str) == wanted]
        return bound is not None and any(
            number is not None and holds(number, bound) for number in numbers
        )

    return compare


def _number(value: Any) -> float | None:
    """A number as it is, a time as milliseconds; anything else has no order."""
    if isinstance(value, str):
        try:
            return times.parse_iso(value)
        except Invalid:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _holds(value: Any, leaf: Filter) -> bool:
    """An entry of a list, whole; a part of a string; else the value itself."""
    if isinstance(value, str) and isinstance(leaf.value, str):
        fold = str.casefold if leaf.case_insensitive else str
        return fold(leaf.value) in fold(value)
    return _equal([entry for entry in _spread(value) if entry is not None], leaf)


def _affix(holds: Callable[[str, str], bool]) -> Callable[[list[Any], Filter], bool]:
    def compare(values: list[Any], leaf: Filter) -> bool:
        fold = str.casefold if leaf.case_insensitive else str
        texts = [value for value in values if isinstance(value, str)]
        return any(holds(fold(text), fold(leaf.value)) for text in texts)

    return compare


def _regex(values: list[Any], leaf: Filter) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    return any(patterns.found(leaf.value, text, folded=leaf.case_insensitive) for text in texts)


def _words_of(values: list[Any]) -> list[list[str]]:
    return [patterns.words(value) for value in values if isinstance(value, str)]


def _text(values: list[Any], leaf: Filter) -> bool:
    wanted = set(patterns.words(leaf.value))
    return any(wanted <= set(words) for words in _words_of(values))


def _phrase(values: list[Any], leaf: Filter) -> bool:
    wanted = patterns.words(leaf.value)
    size = len(wanted)
    return any(
        words[start : start + size] == wanted
        for words in _words_of(values)
        for start in range(len(words) - size + 1)
    )


def _words(values: list[Any], leaf: Filter) -> bool:
    texts = leaf.value if isinstance(leaf.value, list) else [leaf.value]
    wanted = {word for text in texts for word in patterns.words(text)}
    return any(wanted.intersection(words) for words in _words_of(values))


_LEAVES: Mapping[str, Callable[[list[Any], Filter], bool]] = {
    "eq": _equal,
    "ne": lambda values, leaf: not _equal(values, leaf),
    "in": _within,
    "nin": lambda values, leaf: not _within(values, leaf),
    "gt": _ordered(lambda number, bound: number > bound),
    "gte": _ordered(lambda number, bound: number >= bound),
    "lt": _ordered(lambda number, bound: number < bound),
    "lte": _ordered(lambda number, bound: number <= bound),
    "starts_with": _affix(str.startswith),
    "ends_with": _affix(str.endswith),
    "regex": _regex,
    "exists": lambda values, leaf: bool(values) == leaf.value,
    "is_null": lambda values, leaf: bool(values) != leaf.value,
    "text": _text,
    "phrase": _phrase,
    "words": _words,
}
