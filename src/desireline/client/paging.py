"""Which call brings the next page. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.client.answers import Pagination
from desireline.client.calls import Call, encoded

PLACES = ("cursor", "page")


def call_behind(call: Call, place: Pagination) -> Call | None:
    """The call for the page behind `place`; None behind the last one.

    A cursor goes before a page number: rows that arrive meanwhile move no page.

    >>> from desireline.client.calls import post
    >>> first = post("collections", "list", body={"page_size": 2})
    >>> call_behind(first, Pagination(next_page=2)).content
    b'{"page_size":2,"page":2}'
    >>> call_behind(first, Pagination()) is None
    True
    """
    if place.next_cursor:
        return _with(call, {"cursor": place.next_cursor})
    if place.next_page:
        return _with(call, {"page": place.next_page})
    return None


def _with(call: Call, fields: dict[str, Any]) -> Call:
    if call.method == "GET":
        return msgspec.structs.replace(call, query=_moved(call.query, fields))
    sent = msgspec.json.decode(call.content or b"{}")
    return msgspec.structs.replace(call, content=encoded(_moved(sent, fields)))


def _moved(sent: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in sent.items() if key not in PLACES}, **place}
