"""Nothing is accepted silently: query parameters and bodies that a route does not read are refused.

Knows a handler's signature and two notes in its `opt`: `query` (names it reads by itself; None: any
name) and `raw_body`. Raw ASGI routes see to themselves.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from desireline.core.shapes import MOST_PLACES, nearest
from desireline.errors import FieldError, Invalid
from desireline.http.body import loads
from desireline.http.caller import AnyRequest

_OWN = ("request", "state", "data", "scope", "socket", "headers", "cookies", "query")


async def refuse_unread(request: AnyRequest) -> None:
    """Raises Invalid naming every query parameter and body field that nobody would read."""
    handler = request.route_handler
    known = _query_names(handler)
    if known is not None:
        names = [name for name in dict.fromkeys(request.query_params) if name not in known]
        _refuse([_parameter(name, known) for name in names[:MOST_PLACES]])
    if "data" not in handler.parsed_fn_signature.parameters and not handler.opt.get("raw_body"):
        await _refuse_body(request)


@lru_cache(maxsize=256)
def _query_names(handler: Any) -> tuple[str, ...] | None:
    """The query parameters a handler reads; None when any name may stand for something."""
    if "query" in handler.opt:
        noted: tuple[str, ...] | None = handler.opt["query"]
        return noted
    inside = {part for path in handler.paths for part in _path_names(path)}
    names = (name for name in handler.parsed_fn_signature.parameters if name not in _OWN)
    return tuple(name for name in names if name not in inside)


def _path_names(path: str) -> list[str]:
    """Names of a path's parameters.

    >>> _path_names("/v1/collections/{collection:str}/documents/{document_id:path}")
    ['collection', 'document_id']
    """
    return [part.split("}")[0].split(":")[0] for part in path.split("{")[1:]]


def _parameter(name: str, known: tuple[str, ...]) -> FieldError:
    hint = nearest(name, known) if known else "this route takes none"
    return FieldError(f"query.{name}", "unknown_field", f"unknown query parameter `{name}`", hint)


async def _refuse_body(request: AnyRequest) -> None:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    sent = loads(await request.body() or b"{}")
    names = list(sent)[:MOST_PLACES] if isinstance(sent, dict) else [""]
    _refuse(
        [
            FieldError(
                f"$.{name}".rstrip("."), "unknown_field", "this route takes no body", "leave it out"
            )
            for name in names
        ]
    )


def _refuse(fields: list[FieldError]) -> None:
    if fields:
        first = fields[0]
        raise Invalid(
            f"{first.message} at {first.path}", code=first.code, hint=first.hint,
            fields=tuple(fields),
        )  # fmt: skip
