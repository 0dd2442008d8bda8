"""ADR 7: what one ingest request costs the server's processor, by kind of route.

Calls each application in-process (no sockets), interleaved, so that only routing, decoding and
answering are measured: one interaction, and a batch of 500, each row decoded on its own or not.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from litestar import Litestar, Request, asgi, post
from starlette.applications import Starlette
from starlette.requests import Request as PlainRequest
from starlette.responses import Response as PlainResponse
from starlette.routing import Route

ROUNDS, WARM = 300, 30


class Row(msgspec.Struct):
    """An interaction as small clients send it."""

    feature_id: str
    interaction_type: list[str]
    position: int = 0
    execution_id: str = ""
    user_id: str = ""
    session_id: str = ""


class Batch(msgspec.Struct):
    """Typed whole."""

    interactions: list[Row]


class Envelope(msgspec.Struct):
    """Typed outside, raw inside: a bad row costs only itself."""

    interactions: list[msgspec.Raw]


class Done(msgspec.Struct):
    """The answer."""

    created: int


_envelope, _row = msgspec.json.Decoder(Envelope).decode, msgspec.json.Decoder(Row).decode


def _each(body: bytes) -> Done:
    return Done(sum(1 for raw in _envelope(body).interactions if _row(raw)))


@post("/typed")
async def typed(data: Batch) -> Done:
    """Litestar decodes and checks."""
    return Done(len(data.interactions))


@post("/bytes")
async def raw_bytes(request: Request[Any, Any, Any]) -> Done:
    """Litestar routes, we decode."""
    return _each(await request.body())


@asgi("/asgi", copy_scope=False)
async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Plain ASGI inside Litestar."""
    body = msgspec.json.encode(_each((await receive())["body"]))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def bare(request: PlainRequest) -> PlainResponse:
    """The baseline: Starlette and msgspec."""
    return PlainResponse(msgspec.json.encode(_each(await request.body())))


async def call(app: Callable[..., Awaitable[None]], path: str, body: bytes) -> float:
    """Processor microseconds of one request."""
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "scheme": "http",
        "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            raise RuntimeError(message)

    started = time.process_time()
    await app(scope, receive, send)
    return (time.process_time() - started) * 1e6


async def measure() -> None:
    """All kinds side by side."""
    litestar = Litestar([typed, raw_bytes, plain], openapi_config=None)
    starlette = Starlette(routes=[Route("/bare", bare, methods=["POST"])])
    kinds = [
        ("Starlette + msgspec (baseline)", starlette, "/bare"),
        ("Litestar @asgi + msgspec", litestar, "/asgi"),
        ("Litestar, bytes + msgspec", litestar, "/bytes"),
        ("Litestar, typed body", litestar, "/typed"),
    ]
    one = {"feature_id": "d1", "interaction_type": ["click"], "position": 3,
           "execution_id": "exec_" + "0" * 32, "user_id": "u1", "session_id": "s1"}  # fmt: skip
    for rows in (1, 500):
        body = msgspec.json.encode({"interactions": [one] * rows})
        taken: dict[str, list[float]] = {name: [] for name, _, _ in kinds}
        for turn in range(ROUNDS + WARM):
            for name, app, path in kinds:
                cost = await call(app, path, body)
                if turn >= WARM:
                    taken[name].append(cost)
        base = statistics.median(taken[kinds[0][0]])
        print(f"{rows} interaction(s) a request, processor time, median of {ROUNDS}")
        for name, costs in taken.items():
            middle = statistics.median(costs)
            print(f"  {name:32s} {middle:9.1f} us   {middle / base:5.2f} x baseline")


if __name__ == "__main__":
    asyncio.run(measure())
