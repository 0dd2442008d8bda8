"""Plain JSON values to structs, with an answer that names everything that does not fit.

Pure: msgspec and names. A struct may list, in the class variable `not_available`, fields of the
published API that this version does not have, and in `not_available_values` such values by field:
they are refused by name, apart from mere typos, with `not_available_hint` if there is one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from desireline.errors import FieldError, Invalid

T = TypeVar("T")
_PATH = re.compile(r" - at `(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<place>\d+|\.\.\.)\]")
_STRANGER = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")
_REASONS = (
    ("Invalid enum value", "wrong_value"), ("` >", "wrong_value"), ("` <", "wrong_value"),
    ("of length", "wrong_value"), ("matching regex", "wrong_value"),
)  # fmt: skip
_UNBUILT = "`{}` is part of the published API but not available in this version"
MOST_NAMES = 40
MOST_ENTRIES = 2000  # of one list, looked at to explain what is wrong with it
MOST_PLACES = 50  # of one answer: a body of unknown fields is not answered by a larger one
SHOWN_NAMES = 12
_WORDS = {
    "str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false",
    "array": "a list", "object": "an object",
}  # fmt: skip
_KINDS = {str: "str", int: "int", float: "float", bool: "bool"}
_PLURALS = {str: ("texts", '"text"'), int: ("whole numbers", "1, 2"), float: ("numbers", "0.5, 1")}
# Known to the published API, without meaning here, whatever the request (retriever-api.md 5.9).
_ELSEWHERE = frozenset({
    "marketplace_listing_id", "requires_subscription", "write_token", "consistency",
    "query_preprocessing", "auto_preprocess", "degrade_retry", "return_presigned_urls",
    "feature_extractor", "natural_language", "field_hints", "decision_model",
    "relevance_criteria", "embedding_task",
})  # fmt: skip


def convert(value: Any, struct: type[T], path: str = "$") -> T:
    """A decoded JSON value as a struct; raises Invalid with full JSON paths below `path`.

    >>> class Point(msgspec.Struct, forbid_unknown_fields=True): x: int
    >>> convert({"x": 1}, Point)
    Point(x=1)
    >>> try: convert({"x": 1, "yy": 2}, Point, "$.stages[0]")
    ... except Invalid as error: error.fields[0].path
    '$.stages[0].yy'
    """
    try:
        return msgspec.convert(value, struct)
    except msgspec.ValidationError as error:
        raise explain(value, struct, str(error), path) from None


def explain(value: Any, struct: Any, message: str, root: str = "$") -> Invalid:
    """Why `value` does not fit `struct`: unknown fields by path (the first `MOST_PLACES`), and
    msgspec's first complaint.
    """
    fields = list(islice(_unknown(value, struct, root), MOST_PLACES))
    if "unknown field" not in message or not fields:
        fields.append(_complaint(value, struct, message, root))
    first = fields[0]
    return Invalid(
        f"{first.message} at {first.path}", code=first.code, hint=first.hint, fields=tuple(fields)
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest valid name, or the first ones.

    >>> nearest("fuson", ["fusion", "searches"])
    'did you mean `fusion`?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    more = f", … ({len(names)} in all)" if len(names) > MOST_NAMES else ""
    return f"known: {', '.join(names[:MOST_NAMES])}{more}"


def _complaint(value: Any, struct: Any, message: str, root: str) -> FieldError:
    """msgspec's first complaint with its place, what is allowed there, and a stable code."""
    found = _PATH.search(message)
    words = _PATH.sub("", message)
    path, annotation, owner = _place(value, struct, found["path"] if found else "$")
    path = root + path
    missing = _MISSING.search(words)
    if missing:
        name = missing["name"]
        return FieldError(
            f"{path}.{name}", "required_field", f"`{name}` is required", _of_field(annotation, name)
        )
    stranger = _STRANGER.search(words)
    if stranger:  # behind the entries that were looked at
        struct = next((s for s in (_one_shape(o)[0] for o, _ in _options(annotation)) if s), owner)
        name = stranger["name"]
        return _refusal(struct, name, _types(struct), f"{path}.{name}")
    if "Invalid enum value" in words:
        return _not_a_choice(words, path, annotation, owner)
    code = next((code for mark, code in _REASONS if mark in words), "wrong_type")
    return FieldError(path, code, words, _description(annotation) or expected(annotation))


def _not_a_choice(words: str, path: str, annotation: Any, owner: Any) -> FieldError:
    sent = words.removeprefix("Invalid enum value").strip().strip("'")
    choices = [str(choice) for option, _ in _options(annotation) for choice in _literals(option)]
    field = path.rpartition(".")[2]
    hint = f"one of: {', '.join(choices)}" if choices else ""
    if sent in getattr(owner, "not_available_values", {}).get(field, ()):
        return FieldError(path, "not_available", _UNBUILT.format(f"{field}: {sent}"), hint)
    return FieldError(path, "wrong_value", f"`{sent}` is not a `{field}`", hint)


def _place(value: Any, annotation: Any, path: str) -> tuple[str, Any, Any]:
    """(path below `$` with the keys of objects filled in, annotation there, struct it is in)."""
    owner, shown = None, ""
    for step in _STEP.finditer(path):
        struct, inner, values = _shape(annotation, value)
        name, place = step["name"], step["place"]
        if place == "..." and isinstance(value, dict) and values is not None:
            name = next((key for key in value if not _fits(value[key], values)), "")
            annotation, value = values, value.get(name)
        elif name is not None and struct is not None:
            owner = struct
            annotation = _types(struct).get(name)
            value = value.get(name) if isinstance(value, dict) else None
        elif place is not None and place.isdigit() and isinstance(value, list):
            annotation, value = inner, value[int(place)]
        shown += f".{name}" if name is not None else f"[{place}]"
    return shown, annotation, owner


def _fits(value: Any, annotation: Any) -> bool:
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        return False
    return True


def _unknown(value: Any, annotation: Any, path: str) -> Iterator[FieldError]:
    """Every field of `value` that its struct does not have, in the first entries of long lists."""
    if not isinstance(value, dict | list):
        return
    struct, inner, values = _shape(annotation, value)
    if struct is not None and isinstance(value, dict):
        known = _types(struct)
        for name, part in value.items():
            if name in known:
                yield from _unknown(part, known[name], f"{path}.{name}")
            elif struct.__struct_config__.forbid_unknown_fields:
                yield _refusal(struct, name, known, f"{path}.{name}")
        return
    for place, part in _parts(value, inner, values):
        yield from _unknown(part, inner or values, path + place)


@cache
def _types(struct: Any) -> dict[str, Any]:
    """Fields as they are sent, with their annotations."""
    return {field.encode_name: field.type for field in msgspec.structs.fields(struct)}


def _parts(value: Any, inner: Any, values: Any) -> Iterator[tuple[str, Any]]:
    """The entries of a list or an object whose shape is known, each with its place."""
    if inner is not None and isinstance(value, list):
        entries = enumerate(value[:MOST_ENTRIES])
        yield from ((f"[{place}]", part) for place, part in entries)
    elif values is not None and isinstance(value, dict):
        yield from ((f".{name}", part) for name, part in value.items())


def _refusal(struct: Any, name: str, known: Iterable[str], path: str) -> FieldError:
    if name in getattr(struct, "not_available", ()) or name in _ELSEWHERE:
        hint = getattr(struct, "not_available_hint", "leave it out")
        return FieldError(path, "not_available", _UNBUILT.format(name), hint)
    return FieldError(path, "unknown_field", f"unknown field `{name}`", nearest(name, known))


def _shape(annotation: Any, value: Any) -> tuple[Any, Any, Any]:
    """(struct, element type, type of an object's values) that `value` would be decoded as."""
    found = [_one_shape(option) for option, _ in _options(annotation)]
    wanted = (0, 2) if isinstance(value, dict) else (1,)
    return next(
        (shape for part in wanted for shape in found if shape[part] is not None),
        (None, None, None),
    )


def _one_shape(option: Any) -> tuple[Any, Any, Any]:
    if isinstance(option, type) and issubclass(option, msgspec.Struct):
        return option, None, None
    origin, arguments = get_origin(option), get_args(option)
    if origin in (list, tuple):
        return None, arguments[0], None
    return None, None, arguments[1] if origin is dict else None


def _options(annotation: Any, metas: tuple[Any, ...] = ()) -> list[tuple[Any, tuple[Any, ...]]]:
    """The alternatives of an annotation, each with its constraints; null is none."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _options(arguments[0], (*metas, *arguments[1:]))
    if origin in (Union, UnionType):
        options = [part for part in arguments if part is not NoneType]
        return [found for option in options for found in _options(option, metas)]
    return [(annotation, metas)]


def expected(annotation: Any) -> str:
    """What to send where a type stands, with an example where it says more; "" for any value.

    >>> expected(list[str] | None)
    'send a list of texts, e.g. ["text"]'
    >>> expected(Annotated[int, msgspec.Meta(ge=1, le=500)])
    'send a whole number, 1 to 500'
    """
    found = [_sent(option, metas) for option, metas in _options(annotation)]
    words = list(dict.fromkeys(each for each in found if each))
    return f"send {' or '.join(words)}" if words and len(words) == len(set(found)) else ""


def expected_of(message: str) -> str:
    """The same from msgspec's complaint alone, where the type is not at hand.

    >>> expected_of("Expected `int`, got `str`")
    'send a whole number'
    """
    named = re.search(r"Expected `([^`]*)`", message)
    kinds = named[1].split(" | ") if named else []
    words = [_WORDS[kind] for kind in kinds if kind in _WORDS]
    return f"send {' or '.join(words)}" if words else ""


def _sent(option: Any, metas: tuple[Any, ...]) -> str:
    """One alternative in words, "" when it says nothing."""
    if _literals(option):
        return f"one of: {', '.join(map(str, _literals(option)))}"
    if option in _KINDS:
        return _WORDS[_KINDS[option]] + _range(metas)
    struct, inner, values = _one_shape(option)
    if struct is not None:
        return f"an object with: {_first_names(struct)}"
    if inner is not None:
        return _listed(inner)
    return "an object" if values is not None or option is dict else ""


def _listed(inner: Any) -> str:
    (option, _), *others = _options(inner)
    if option in _PLURALS and not others:
        words, example = _PLURALS[option]
        return f"a list of {words}, e.g. [{example}]"
    struct = _one_shape(option)[0]
    return f"a list of objects with: {_first_names(struct)}" if struct else "a list"


def _first_names(struct: Any) -> str:
    """The fields of a struct, required ones first."""
    fields = sorted(msgspec.structs.fields(struct), key=lambda field: not field.required)
    names = [field.encode_name for field in fields]
    return ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")


def _range(metas: tuple[Any, ...]) -> str:
    """The bounds of a number.

    >>> _range((msgspec.Meta(ge=0, le=1),)), _range((msgspec.Meta(gt=0),)), _range(())
    (', 0 to 1', ', above 0', '')
    """
    limits = {
        name: getattr(meta, name)
        for meta in metas for name in ("ge", "gt", "le") if getattr(meta, name, None) is not None
    }  # fmt: skip
    low = f"above {limits['gt']}" if "gt" in limits else str(limits.get("ge", ""))
    high = limits.get("le")
    if low and high is not None:
        return f", {low}, at most {high}" if "gt" in limits else f", {low} to {high}"
    words = (f"at least {low}" if "ge" in limits else low) if low else high and f"at most {high}"
    return f", {words}" if words else ""


def _of_field(struct: Any, name: str) -> str:
    """What to send for a field of a struct that was left out."""
    found = next((s for s in (_one_shape(o)[0] for o, _ in _options(struct)) if s), None)
    fields = msgspec.structs.fields(found) if found else ()
    annotation = next((field.type for field in fields if field.encode_name == name), Any)
    return _description(annotation) or expected(annotation)


def _literals(option: Any) -> tuple[Any, ...]:
    return get_args(option) if get_origin(option) is Literal else ()


def _description(annotation: Any) -> str:
    """What the constraints of a field say of it in words, "" when nothing."""
    metas = (meta for _, found in _options(annotation) for meta in found)
    return next((meta.description for meta in metas if getattr(meta, "description", None)), "")
