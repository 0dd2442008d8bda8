"""A small caller of the HTTP API for the command line: JSON in, JSON out, over one connection.

Knows the error envelope and turns it into the errors of `desireline.errors`. Knows no route.
"""

from __future__ import annotations

import http.client
import socket
import time
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from desireline.errors import DesirelineError, Unavailable

DEFAULT_URL = "http://127.0.0.1:8080"
_RETRIES = 8


class Refused(DesirelineError):
    """The server answered with an error; `answer` is its decoded body."""

    code = "refused"

    def __init__(self, status: int, answer: Any, sent: str) -> None:
        error = answer.get("error", {}) if isinstance(answer, dict) else {}
        message = error.get("message") or f"the server answered {status} to {sent}"
        super().__init__(message, hint=error.get("hint") or "", code=error.get("code") or "")
        self.status = status
        self.answer = answer

    @property
    def places(self) -> list[tuple[str, str]]:
        """(JSON path, sentence) of every field the server found wrong."""
        error = self.answer.get("error", {}) if isinstance(self.answer, dict) else {}
        found = (error.get("details") or {}).get("validation_errors") or []
        return [(entry.get("path", "$"), entry.get("message", "")) for entry in found]


class Caller:
    """One connection to a desireline server. Not for use by several threads at once."""

    def __init__(self, url: str = DEFAULT_URL, key: str = "", timeout_s: float = 60.0) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        is_secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout_s)
        self._headers = {"Content-Type": "application/json"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> Any:
        """The decoded answer of GET. Raises `Refused`, `Unavailable` (nobody answers)."""
        return self._call("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        """The decoded answer of POST. A 503 is tried again: nothing was stored."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> Any:
        """The decoded answer of DELETE."""
        return self._call("DELETE", path, None)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _call(self, method: str, path: str, body: Any) -> Any:
        for attempt in range(_RETRIES):
            status, wait_s, content = self._exchange(method, path, body)
            if status != 503 or attempt == _RETRIES - 1:
                break
            time.sleep(wait_s)
        answer = _decoded(content)
        if status >= 400:
            raise Refused(status, answer, f"{method} {path}")
        return answer

    def _exchange(self, method: str, path: str, body: Any) -> tuple[int, float, bytes]:
        content = None if body is None else msgspec.json.encode(body)
        for is_last in (False, True):
            try:
                self._connect()
                self._connection.request(method, path, body=content, headers=self._headers)
                response = self._connection.getresponse()
                wait_s = float(response.headers.get("Retry-After") or 1)
                return response.status, wait_s, response.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
                self._connection.close()  # a kept connection may have been closed meanwhile
                if is_last:
                    raise _nobody(self.url, error) from error
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise _nobody(self.url, error) from error
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


def _decoded(content: bytes) -> Any:
    if not content:
        return None
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content.decode("utf-8", "replace")


def _nobody(url: str, error: Exception) -> Unavailable:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    hint = "start one with `desireline serve`, or name another with --url"
    return Unavailable(f"no desireline server answers at {url} ({reason})", hint=hint)
