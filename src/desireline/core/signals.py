"""The interaction types that have a meaning here, and how a caller's types are read.

Knows names, strengths and default rewards (`retriever-api.md` 4.3, 4.4); knows no configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from desireline.errors import Invalid, invalid

TYPE_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Signal(msgspec.Struct, frozen=True):
    """What one interaction type says.

    `extended` is the default reward, `compatible` the published default (ten types, all else 0).
    """

    name: str
    extended: float = 0.0
    compatible: float = 0.0
    strength: str = "recorded"
    conversion: bool = False
    query_level: bool = False


_TABLE = (
    Signal("click", 1.0, 1.0, "moderate positive"),
    Signal("long_view", 1.0, 1.0, "strong positive"),
    Signal("purchase", 3.0, 3.0, "strongest positive", conversion=True),
    Signal("add_to_cart", 2.0, 2.0, "strong positive", conversion=True),
    Signal("bookmark", 1.5, 1.5, "moderate positive"),
    Signal("share", 1.5, 1.5, "strong positive"),
    Signal("positive_feedback", 2.0, 2.0, "explicit positive"),
    Signal("negative_feedback", -2.0, -2.0, "explicit negative"),
    Signal("skip", -0.5, -0.5, "weak negative"),
    Signal("return_to_results", -0.5, -0.5, "moderate negative"),
    Signal("wishlist", 1.5, 0.0, "moderate positive"),
    Signal("dwell", 0.5, 0.0, "weak positive"),
    Signal("download", 1.5, 0.0, "moderate positive"),
    Signal("save", 1.5, 0.0, "moderate positive"),
    Signal("add_to_project", 1.5, 0.0, "moderate positive"),
    Signal("play", 0.5, 0.0, "weak positive"),
    Signal("rating", 1.0, 0.0, "explicit, by its number"),
    Signal("query_refinement", strength="negative, about the query", query_level=True),
    Signal("zero_results", strength="about the query", query_level=True),
    Signal("filter_toggle", strength="about the query", query_level=True),
    Signal("impression", strength="exposure"),
    Signal("view", strength="exposure"),
)

SIGNALS: dict[str, Signal] = {signal.name: signal for signal in _TABLE}
"""Every named type; any other name that matches `TYPE_PATTERN` is a custom type of reward 0."""

PRESETS: dict[str, tuple[str, ...]] = {
    "ecommerce": ("purchase", "add_to_cart", "click"),
    "media": ("long_view", "click", "share"),
    "enterprise": ("positive_feedback", "click", "bookmark"),
    "matching": ("click", "positive_feedback", "skip"),
}
"""`reward_preset`: which signals are recommended per domain; rewards stay those of the table."""


def check(types: Any, path: str = "$.interaction_type") -> tuple[str, ...]:
    """Types as sent (one string or a list) as a sorted tuple: lower case, each once.

    Raises `errors.Invalid` naming the place when there is none, or one is not a name.

    >>> check(["LONG_VIEW", "click", "click"])
    ('click', 'long_view')
    >>> check("Purchase")
    ('purchase',)
    """
    if isinstance(types, str):
        return (_name(types, path),)
    if not isinstance(types, list | tuple) or not types:
        raise _wrong(path, "empty" if types in ([], ()) else "type")
    return tuple(sorted({_name(each, f"{path}[{i}]") for i, each in enumerate(types)}))


def is_conversion(name: str) -> bool:
    """Whether a missing execution is looked for over days instead of an hour."""
    return name in SIGNALS and SIGNALS[name].conversion


def is_query_level(types: str | Iterable[str]) -> bool:
    """Whether every type is about the query, so that no document need be named.

    >>> is_query_level("zero_results"), is_query_level(("click", "zero_results"))
    (True, False)
    """
    names = (types,) if isinstance(types, str) else tuple(types)
    return bool(names) and all(name in SIGNALS and SIGNALS[name].query_level for name in names)


def _name(value: Any, path: str) -> str:
    name = value.strip().lower() if isinstance(value, str) else ""
    if not TYPE_PATTERN.fullmatch(name):
        raise _wrong(path, "type" if not isinstance(value, str) else "name")
    return name


_WRONG = {
    "empty": "at least one interaction type is needed",
    "type": "an interaction type is a string, or a list of strings",
    "name": "an interaction type is a letter, then at most 63 letters, digits or underscores",
}


def _wrong(path: str, code: str) -> Invalid:
    hint = 'send for example ["click"], or ["click", "long_view"] for one act with two signals'
    return invalid(path, f"interaction_type_{code}", _WRONG[code], hint)
