"""`desireline serve`: the HTTP server on one data directory, with its background jobs."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desireline.settings import Settings
    from desireline.wiring import System

HELP = "start the server"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline serve …`; what is not given comes from the environment or the config file."""
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8080)")
    parser.add_argument("--data", metavar="DIR", help="data directory (default ./desireline-data)")
    parser.add_argument("--config", metavar="FILE", help="settings in a TOML file")


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    import os

    from desireline import settings
    from desireline.cli import logs

    names = ("host", "port", "data", "config")
    chosen = settings.load(os.environ, {name: getattr(arguments, name) for name in names})
    logs.configure(chosen.log_level, chosen.log_format)
    return serve(chosen)


def serve(settings: Settings) -> int:
    """Open, serve, close. Raises StartupError before anything listens."""
    from desireline.errors import DesirelineError
    from desireline.http import server

    failed: list[DesirelineError] = []

    @asynccontextmanager
    async def life() -> AsyncIterator[System]:
        try:
            system = await _opened(settings)
        except DesirelineError as error:
            failed.append(error)
            raise
        from desireline.jobs.schedule import running

        async with running(system):
            yield system
        await system.close()

    up = server.run(settings, life)
    if failed:
        raise failed[0]
    return 0 if up else 2


async def _opened(settings: Settings) -> System:
    from desireline import wiring
    from desireline.http.metrics import PrometheusMetrics

    system = await wiring.open_system(settings, PrometheusMetrics())
    try:
        wiring.refuse_open_network(settings, keyed=system.keys.any_keys())
    except BaseException:
        await system.close()
        raise
    return system
