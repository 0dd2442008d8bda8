"""A call before it is sent: method, path, body; and where it goes.

Knows how ids become path segments, what is left out of a body, and the environment's variables.
Knows no HTTP library.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

BASE_URL = "http://127.0.0.1:8080"
CONNECT_S = 5.0


class Target(msgspec.Struct, frozen=True):
    """A server, the key and the namespace: where every call of a client goes."""

    base_url: str
    api_key: str = ""
    namespace: str = ""

    @classmethod
    def of(cls, base_url: str | None, api_key: str | None, namespace: str | None) -> Target:
        """What is given, else `DESIRELINE_BASE_URL`, `DESIRELINE_API_KEY`,
        `DESIRELINE_NAMESPACE`.
        """
        return cls(
            rooted(base_url or os.environ.get("DESIRELINE_BASE_URL") or BASE_URL),
            os.environ.get("DESIRELINE_API_KEY", "") if api_key is None else api_key,
            os.environ.get("DESIRELINE_NAMESPACE", "") if namespace is None else namespace,
        )

    def headers(self) -> dict[str, str]:
        """What every call carries."""
        sent = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.api_key:
            sent["Authorization"] = f"Bearer {self.api_key}"
        if self.namespace:
            sent["X-Namespace"] = self.namespace
        return sent


def rooted(base_url: str) -> str:
    """An address that ends with `/v1`, as it may or may not have been written.

    >>> rooted("localhost:8080/"), rooted("https://host/api/v1"), rooted("http://host/below")
    ('http://localhost:8080/v1', 'https://host/api/v1', 'http://host/below/v1')
    """
    url = (base_url if "://" in base_url else f"http://{base_url}").rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


class Call(msgspec.Struct, frozen=True):
    """One call; `is_repeatable`: it may be sent again though the first may have arrived.

    `path` lies below `base`, which is `/v1` but for the few routes beside it.
    """

    method: str
    path: str
    content: bytes | None = None
    query: dict[str, Any] = {}
    headers: dict[str, str] = {}
    is_repeatable: bool = False
    base: str = "/v1"

    def __str__(self) -> str:
        return f"{self.method} {self.base}{self.path}"


def path_of(*segments: str) -> str:
    """A path of literal segments and ids; an id may hold anything but nothing.

    >>> path_of("retrievers", "learned fusion", "a/b"), path_of("collections", "..")
    ('/retrievers/learned%20fusion/a%2Fb', '/collections/%2E%2E')
    """
    for place, segment in enumerate(segments):
        if not isinstance(segment, str) or not segment:
            raise ValueError(f"an id is a text, not {segment!r} (behind `{segments[place - 1]}`)")
    return "".join("/" + _quoted(segment) for segment in segments)


def _quoted(segment: str) -> str:
    """Dots alone would walk up the path."""
    return segment.replace(".", "%2E") if set(segment) == {"."} else quote(segment, safe="")


def relative(path: str) -> str:
    """A path as calls have it, however it was written.

    >>> relative("/v1/admin/flush"), relative("admin/flush")
    ('/admin/flush', '/admin/flush')
    """
    return "/" + path.lstrip("/").removeprefix("v1/")


def given(**fields: Any) -> dict[str, Any]:
    """The fields that were given: None is left out.

    >>> given(limit=5, cursor=None)
    {'limit': 5}
    """
    return {name: value for name, value in fields.items() if value is not None}


def get(*segments: str, **query: Any) -> Call:
    """GET; None is left out of the query, truth values are written as JSON has them."""
    asked = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in given(**query).items()
    }
    return Call("GET", path_of(*segments), query=asked, is_repeatable=True)


def delete(*segments: str, **query: Any) -> Call:
    """DELETE: again is no error."""
    return msgspec.structs.replace(get(*segments, **query), method="DELETE")


def post(*segments: str, body: Any = None, is_repeatable: bool = False) -> Call:
    """POST with a JSON body, or without any."""
    return Call("POST", path_of(*segments), encoded(body), is_repeatable=is_repeatable)


def patch(*segments: str, body: Any, is_repeatable: bool = False) -> Call:
    """PATCH with a JSON body."""
    return Call("PATCH", path_of(*segments), encoded(body), is_repeatable=is_repeatable)


def once(call: Call) -> Call:
    """The call under a key of its own: however often it is sent, the server acts on it once."""
    headers = {**call.headers, "Idempotency-Key": uuid4().hex}
    return msgspec.structs.replace(call, headers=headers, is_repeatable=True)


def encoded(body: Any) -> bytes | None:
    """A body as JSON; None stays without one.

    >>> from array import array
    >>> encoded({"vector": array("f", [1, 2])}), encoded(None)
    (b'{"vector":[1.0,2.0]}', None)
    """
    return None if body is None else msgspec.json.encode(body, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """Vectors of numpy, torch and the like as lists."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no JSON form: {value!r}")
