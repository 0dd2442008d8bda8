"""JSON over one raw connection: costs little, so that what is timed is the server, not its caller.

Programs use `desireline.Client`, which costs more for each call. Knows no route. Not run alone.
"""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from desireline.client.errors import NoAnswer, refusal

TRIES = 8


class Caller:
    """One connection to a desireline server. Not for use by several threads at once."""

    def __init__(self, url: str, timeout_s: float = 60.0) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout_s)

    def get(self, path: str) -> Any:
        """The decoded answer of GET. Raises ApiError."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """The decoded answer of POST. A 503 is tried again: nothing was stored."""
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: Any) -> Any:
        content = None if body is None else msgspec.json.encode(body)
        for attempt in range(TRIES):
            status, headers, answer = self._exchange(method, path, content)
            if status != 503 or attempt == TRIES - 1:
                break
            time.sleep(float(headers.get("Retry-After") or 1))
        if status >= 400:
            raise refusal(status, headers, answer, f"{method} {path}")
        return msgspec.json.decode(answer) if answer else None

    def _exchange(self, method: str, path: str, content: bytes | None) -> tuple[int, Any, bytes]:
        for is_last in (False, True):  # a kept connection may have been closed meanwhile
            try:
                self._connect()
                self._connection.request(
                    method, path, content, {"Content-Type": "application/json"}
                )
                response = self._connection.getresponse()
                return response.status, response.headers, response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if is_last:
                    raise NoAnswer(f"no answer to {method} {path}: {error!r}") from error
        raise AssertionError("unreachable")

    def _connect(self) -> None:
        """Connect without Nagle's delay: small requests leave at once."""
        if self._connection.sock is None:
            self._connection.connect()
            connected: Any = self._connection.sock
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def path_part(name: str) -> str:
    """A name as one segment of a path.

    >>> path_part("a/b c")
    'a%2Fb%20c'
    """
    return quote(name, safe="")
