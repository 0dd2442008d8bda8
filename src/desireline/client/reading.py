"""Answers as objects: declared fields with types, everything else readable all the same.

Knows msgspec. What the server adds in a later version is not lost and breaks nothing. Knows no
shape by name (`answers.py`) and no HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from desireline.client.errors import NotUnderstood

T = TypeVar("T")


class Open(dict[str, Any]):
    """A JSON object without a declared shape: a dict whose keys also read as attributes.

    >>> opened({"device": {"os": "linux"}, "tags": [{"name": "new"}]}).device.os
    'linux'
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the answer has no `{name}`") from None


def opened(value: Any) -> Any:
    """A decoded JSON value with every object in it as `Open`."""
    if isinstance(value, dict):
        return Open((key, opened(each)) for key, each in value.items())
    if isinstance(value, list):
        return [opened(each) for each in value]
    return value


class Answer(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """An answer: declared fields as attributes, and as a mapping exactly what the server sent.

    A declared field that was not sent has its default as attribute; `answer["field"]` is a
    KeyError then. A key that is not declared reads both ways.

    >>> class Count(Answer, frozen=True):
    ...     total: int = 0
    >>> count = read(Count, {"total": 3, "unit": {"name": "rows"}})
    >>> count.total, count["total"], count.unit.name, "unit" in count, dict(count)
    (3, 3, 'rows', True, {'total': 3, 'unit': {'name': 'rows'}})
    """

    def __getattr__(self, name: str) -> Any:
        if name in self.sent:
            return opened(self.sent[name])
        raise AttributeError(f"the answer has no `{name}`")

    @property
    def sent(self) -> dict[str, Any]:
        """The JSON object as it came."""
        sent: dict[str, Any] = self.__dict__.get("_sent", {})
        return sent

    def __getitem__(self, key: str) -> Any:
        value = self.sent[key]
        return getattr(self, key) if key in self.__struct_fields__ else opened(value)

    def __contains__(self, key: object) -> bool:
        return key in self.sent

    def __iter__(self) -> Iterator[str]:
        return iter(self.sent)

    def keys(self) -> list[str]:
        """What was sent; with `[]` this makes `dict(answer)` work."""
        return [*self.sent]

    def get(self, key: str, default: Any = None) -> Any:
        """`answer[key]`, or the default when it was not sent."""
        return self[key] if key in self.sent else default


def read(kind: type[T], raw: Any) -> T:
    """A decoded answer as `kind`, with everything that is not declared kept within reach.

    Raises NotUnderstood where a declared field has another type.
    """
    if kind is Any:
        untyped: T = opened(raw)
        return untyped
    try:
        answer = msgspec.convert(raw, kind, dec_hook=_undeclared)
    except msgspec.ValidationError as error:
        raise NotUnderstood(
            f"the server's answer is not what this client knows: {error}",
            hint="compare the versions of client and server",
        ) from None
    _keep(answer, raw)
    return answer


def _undeclared(kind: type, value: Any) -> Any:
    if kind is Open and isinstance(value, dict):
        return opened(value)
    raise msgspec.ValidationError(f"Expected `object`, got `{type(value).__name__}`")


def _keep(answer: Any, raw: Any) -> None:
    """What was sent stays with the answer, and with every answer inside it."""
    if isinstance(answer, Answer):
        answer.__dict__["_sent"] = raw
        for name in answer.__struct_fields__:
            if name in raw:
                _keep(getattr(answer, name), raw[name])
    elif isinstance(answer, list):
        for each, part in zip(answer, raw, strict=True):
            _keep(each, part)
    elif isinstance(answer, dict) and not isinstance(answer, Open):
        for key, each in answer.items():
            _keep(each, raw[key])
