"""uvicorn around the application: binds, serves, drains on SIGTERM. Knows no route."""

from __future__ import annotations

import gc
import signal
from types import FrameType

import uvicorn

from desireline.http.app import Life, create_app
from desireline.settings import Settings


def run(settings: Settings, life: Life) -> bool:
    """Serve until a signal; returns whether it came up and ended in order."""
    app = create_app(settings, life)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, access_log=False,
        http="httptools", loop="uvloop", lifespan="on", timeout_graceful_shutdown=20,
        server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    for each in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises a caught signal again when all is closed: the end is in order by then.
        signal.signal(each, _noted)
    gc.collect()
    gc.freeze()
    server.run()
    return bool(server.started)


def _noted(number: int, frame: FrameType | None) -> None:
    """Nothing is left to do."""
