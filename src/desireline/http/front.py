"""What every request passes first: prefix and forwarded headers, request id, aliases of `/v1`, body
limits, gzip, access log, metrics.

Plain ASGI around the Litestar application. Knows no route by meaning.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

import msgspec
import structlog

from desireline.errors import BadRequest, DesirelineError, PayloadTooLarge
from desireline.http import metrics
from desireline.http.problems import envelope, to_error
from desireline.http.proxy import Behind, see_through

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = structlog.get_logger("desireline.access")

# Everything that is not one of these at the root is an alias of the same path below /v1.
OWN_ROOTS = (
    "/v1",
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
    "/openapi.json",
    "/assets",
    "/favicon",
)
RATE_CEILING = 100_000


def canonical(path: str) -> str:
    """The path below `/v1` that a path means.

    >>> canonical("/api/v1/retrievers"), canonical("/retrievers/x"), canonical("/")
    ('/v1/retrievers', '/v1/retrievers/x', '/')
    """
    if path.startswith("/api/v1/") or path == "/api/v1":
        return path[len("/api") :]
    if path == "/" or any(path == root or path.startswith(root + "/") for root in OWN_ROOTS):
        return path
    return "/v1" + path


class Front:
    """ASGI wrapper; `max_body` and `max_batch_body` are bytes after decompression."""

    def __init__(self, app: App, max_body: int, max_batch_body: int, behind: Behind) -> None:
        self.app, self.max_body, self.max_batch_body = app, max_body, max_batch_body
        self.behind = behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (lifespan and others pass through)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        see_through(scope, self.behind)
        started, request_id = time.perf_counter(), _prepared(scope)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        status = await self._answered(scope, receive, send, request_id)
        seconds = scope.get("answered_at", time.perf_counter()) - started
        metrics.REQUESTS.labels(scope["method"], metrics.route_of(scope), str(status)).observe(
            seconds
        )
        logger.debug("request", method=scope["method"], path=scope["path"], status=status,
                     client=(scope.get("client") or ("",))[0],
                     ms=round(seconds * 1000, 2))  # fmt: skip
        structlog.contextvars.clear_contextvars()

    async def _answered(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> int:
        """Let the application answer, or refuse; the status sent."""
        status = 0

        async def send_with_headers(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_headers(request_id)]
            await send(message)

        try:
            _check_path(scope["raw_path"].decode("latin-1"))
            body = await self._body(scope, receive)
            await self.app(scope, _replay(body, receive), send_with_headers)
        except Exception as error:
            if status:  # an answer has begun: nothing can be said any more
                raise
            if not isinstance(error, DesirelineError):
                logger.error("request failed", path=scope["path"], exc_info=error)
            await _refuse(to_error(error), request_id, send_with_headers)
        return status

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body, decompressed. Raises PayloadTooLarge or BadRequest."""
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return b""
        batch = scope["path"].endswith(("/batch", "/upsert"))
        limit = self.max_batch_body if batch else self.max_body
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest(
                    "the client went away before the body was complete", hint="send it again"
                )
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                raise _too_large(limit)
            parts.append(part)
            if not message.get("more_body"):
                break
        body = _plain(b"".join(parts), _header(scope, b"content-encoding"), limit)
        return body or b"{}"  # an absent body means an empty object


def _prepared(scope: Scope) -> str:
    """The canonical path into the scope, and the request's id (the caller's, if sent)."""
    request_id = _header(scope, b"x-request-id")[:64] or uuid4().hex
    scope["request_id"] = request_id
    scope["path"] = canonical(scope["path"])
    raw = canonical(scope.get("raw_path", b"").decode("latin-1"))
    scope["raw_path"] = raw.encode("latin-1")
    return request_id


def _header(scope: Scope, name: bytes) -> str:
    return next((v.decode("latin-1") for k, v in scope["headers"] if k == name), "")


def _headers(request_id: str) -> list[tuple[bytes, bytes]]:
    """Request id, and the rate limit in force (none: the ceiling)."""
    ceiling = str(RATE_CEILING).encode()
    return [
        (b"x-request-id", request_id.encode("latin-1", "replace")),
        (b"x-ratelimit-limit", ceiling),
        (b"x-ratelimit-remaining", ceiling),
        (b"x-ratelimit-reset", str(int(time.time()) + 60).encode()),
        (b"x-ratelimit-window", b"60"),
    ]


def _too_large(limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the body is larger than {limit} bytes",
        hint="send smaller batches, or raise max_body_bytes / max_batch_body_bytes",
        details={"limits": {"max_body_bytes": limit}},
    )


def _plain(body: bytes, encoding: str, limit: int) -> bytes:
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return body
    if named not in ("gzip", "x-gzip"):
        raise BadRequest(
            f"Content-Encoding `{encoding}` is not understood",
            code="unknown_encoding", hint="send the body plain, or with gzip",
        )  # fmt: skip
    return _gunzip(body, limit)


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise _not_gzip(str(error)) from None
    if len(plain) > limit:
        raise _too_large(limit)
    if not inflater.eof or inflater.unused_data:
        raise _not_gzip("it is cut off" if not inflater.eof else "something follows its end")
    return plain


def _not_gzip(why: str) -> BadRequest:
    hint = "compress the whole body once, or leave Content-Encoding out"
    return BadRequest(f"the body is not gzip: {why}", code="not_gzip", hint=hint)


def _check_path(raw: str) -> None:
    """Percent-encoded bytes must be UTF-8: two ids must never become one."""
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest(
            "the path is not UTF-8", code="not_utf8", hint="percent-encode ids as UTF-8"
        ) from None


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out the collected body, then waits for the client's disconnect."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return messages.pop() if messages else await receive()

    return replay


async def _refuse(error: DesirelineError, request_id: str, send: Send) -> None:
    body = msgspec.json.encode(envelope(error, request_id))
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
