"""A stand-in of a reverse proxy: what nginx or Caddy do with a request, and nothing else of them.

It strips a prefix or leaves it, keeps the `Host` or names the server behind, adds forwarded headers
or none, and passes bodies on as they arrive. No TLS: `scheme` is only what it claims.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import msgspec
import uvicorn

from tests.e2e.live import free_port

OF_ONE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "date")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What the proxy does. `adds_forwarded` as Caddy does by default, and nginx when it is told."""

    prefix: str = ""
    strips: bool = True
    adds_forwarded: bool = True
    keeps_host: bool = True
    scheme: str = "http"
    key: str = ""


@contextmanager
def proxied(upstream: str, rules: Rules) -> Iterator[str]:
    """The address of a proxy in front of `upstream`, with the prefix and no slash at its end."""
    port = free_port()
    app = Proxy(upstream, rules, f"127.0.0.1:{port}")
    # A stream that a browser left stays open on this side: it is not waited for.
    config = uvicorn.Config(
        app, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}{rules.prefix}"
    finally:
        server.should_exit = True
        thread.join(20)


class Proxy:
    """The ASGI application of the stand-in, at `own` (host and port)."""

    def __init__(self, upstream: str, rules: Rules, own: str) -> None:
        self.upstream, self.rules, self.own = upstream, rules, own

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        raw = scope["raw_path"].decode("latin-1")
        if not f"{raw}/".startswith(f"{self.rules.prefix}/"):
            await _begin(send, 404, [])
            await send({"type": "http.response.body", "body": b"not below the prefix"})
            return
        if self.rules.strips:
            if raw == self.rules.prefix and raw:  # as nginx does for `location /search/`
                await _begin(send, 301, [(b"location", f"{raw}/".encode())])
                await send({"type": "http.response.body", "body": b""})
                return
            raw = raw[len(self.rules.prefix) :]
        query = scope["query_string"].decode("latin-1")
        await self._passed(f"{raw}?{query}" if query else raw, scope, receive, send)

    async def _passed(self, target: str, scope: Any, receive: Any, send: Any) -> None:
        """Send it on, and the answer back part by part."""
        url = httpx.URL(self.upstream, raw_path=target.encode("latin-1"))
        async with (
            httpx.AsyncClient(timeout=30, trust_env=False) as client,
            client.stream(
                scope["method"], url, headers=self._headers(scope), content=_body(receive)
            ) as answer,
        ):
            kept = [(k.lower(), v) for k, v in answer.headers.raw]
            named = [(k, v) for k, v in kept if k.decode() not in OF_ONE_CONNECTION]
            await _begin(send, answer.status_code, named)
            async for part in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def _headers(self, scope: Any) -> list[tuple[bytes, bytes]]:
        kept = [
            (name, value) for name, value in scope["headers"]
            if name.decode() not in OF_ONE_CONNECTION and name != b"host"
        ]  # fmt: skip
        host = dict(scope["headers"]).get(b"host", b"")
        if self.rules.keeps_host:
            kept.append((b"host", host))
        if self.rules.adds_forwarded:
            kept += [
                (b"x-forwarded-for", scope["client"][0].encode()),
                (b"x-forwarded-host", host),
                (b"x-forwarded-proto", self.rules.scheme.encode()),
            ]
        if self.rules.key:
            kept.append((b"authorization", f"Bearer {self.rules.key}".encode()))
        return kept


async def _begin(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _body(receive: Any) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)
