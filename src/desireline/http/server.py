"""uvicorn around the application: binds, serves, drains on SIGTERM. Knows no route."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn

from desireline.http.app import Life, create_app
from desireline.settings import Settings


def run(settings: Settings, life: Life) -> bool:
    """Serve until a signal; returns whether it came up and ended in order."""

    @asynccontextmanager
    async def noted() -> AsyncIterator[Any]:
        async with life() as system:
            server.system = system
            yield system

    app = create_app(settings, noted)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False,
        http="httptools", loop="uvloop", lifespan="on", timeout_graceful_shutdown=20,
        server_header=False, proxy_headers=False,  # `http.proxy` reads them
    )  # fmt: skip
    server = _Server(config)
    for each in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises a caught signal again when all is closed: the end is in order by then.
        signal.signal(each, _noted)
    gc.collect()
    gc.freeze()
    # Nearly all of a request ends by its last reference; looking for cycles every 700 objects took
    # 5 % of an ingesting server's time.
    gc.set_threshold(20_000, 10, 20)
    server.run()
    return bool(server.started)


class _Server(uvicorn.Server):
    """Streams that have no end of their own are ended first: the drain would wait for them."""

    system: Any = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As ever, once nobody watches any more."""
        if self.system is not None:
            self.system.feed.end()
        await super().shutdown(sockets)


def _noted(number: int, frame: FrameType | None) -> None:
    """Nothing is left to do."""
