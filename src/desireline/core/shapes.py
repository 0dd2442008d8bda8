"""Plain JSON values to structs, with an answer that names everything that does not fit.

Pure: msgspec and names. A struct may list, in the class variable `not_available`, fields of the
published API that this version does not have: they are refused by name, apart from mere typos.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from desireline.errors import FieldError, Invalid

T = TypeVar("T")
_PATH = re.compile(r" - at `(?P<path>[^`]*)`$")


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
    """Why `value` does not fit `struct`: all unknown fields by path, and msgspec's
    first complaint.
    """
    fields = list(_unknown(value, struct, root))
    if "unknown field" not in message or not fields:
        found = _PATH.search(message)
        path = root + (found["path"][1:] if found else "")
        code = "required_field" if "missing required field" in message else "wrong_type"
        fields.append(FieldError(path, code, _PATH.sub("", message)))
    first = fields[0]
    return Invalid(
        f"{first.message} at {first.path}", code=first.code, hint=first.hint, fields=tuple(fields)
    )


def _unknown(value: Any, annotation: Any, path: str) -> Iterator[FieldError]:
    """Every field of `value` that its struct does not have."""
    struct, inner = _shape(annotation, value)
    if struct is not None and isinstance(value, dict):
        known = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
        for name, part in value.items():
            if name in known:
                yield from _unknown(part, known[name], f"{path}.{name}")
            elif struct.__struct_config__.forbid_unknown_fields:
                yield _refusal(struct, name, known, f"{path}.{name}")
    elif inner is not None and isinstance(value, list):
        for place, part in enumerate(value):
            yield from _unknown(part, inner, f"{path}[{place}]")


def _refusal(struct: Any, name: str, known: Iterable[str], path: str) -> FieldError:
    if name in getattr(struct, "not_available", ()):
        message = f"`{name}` is part of the published API but not available in this version"
        return FieldError(path, "not_available", message, "leave it out")
    return FieldError(path, "unknown_field", f"unknown field `{name}`", nearest(name, known))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest valid name, or all of them.

    >>> nearest("fuson", ["fusion", "searches"])
    'did you mean `fusion`?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(names)}"


def _shape(annotation: Any, value: Any) -> tuple[Any, Any]:
    """(struct, element type) that `value` would be decoded as; None where neither applies."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _shape(get_args(annotation)[0], value)
    if origin in (Union, UnionType):
        options = [part for part in get_args(annotation) if part is not NoneType]
        shapes = [_shape(option, value) for option in options]
        wanted = 0 if isinstance(value, dict) else 1
        return next((shape for shape in shapes if shape[wanted] is not None), (None, None))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation, None
    return (None, get_args(annotation)[0]) if origin in (list, tuple) else (None, None)
