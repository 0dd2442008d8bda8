"""`desireline serve`: the HTTP server on one data directory, with its background jobs."""

from __future__ import annotations

import argparse
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

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
    parser.add_argument(
        "--root-path", metavar="/PREFIX", help="what stands before every path behind a proxy"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    import os

    from desireline import settings
    from desireline.cli import logs

    names = ("host", "port", "data", "config", "root_path")
    chosen = settings.load(os.environ, {name: getattr(arguments, name) for name in names})
    logs.configure(chosen.log_level, chosen.log_format)
    return serve(chosen)


def serve(settings: Settings) -> int:
    """Open, serve, close. Raises StartupError before anything listens."""
    from desireline.errors import DesirelineError
    from desireline.http import server

    port = free_port(settings.host, settings.port)
    settings = msgspec.structs.replace(settings, port=port)
    failed: list[DesirelineError] = []
    # What failed is said once, by the command line: not as a trace of the server's insides.
    logging.getLogger("uvicorn.error").addFilter(lambda _: not failed)

    @asynccontextmanager
    async def life() -> AsyncIterator[System]:
        try:
            system = await _opened(settings)
        except DesirelineError as error:
            failed.append(error)
            raise
        from desireline.jobs.schedule import running

        async with running(system):
            _say_serving(settings, keyed=system.keys.any_keys())
            yield system
        await system.close()

    try:
        up = server.run(settings, life)
    except SystemExit:
        up = False
    if failed:
        raise failed[0]
    return 0 if up else 2


def free_port(host: str, port: int) -> int:
    """The port, if nobody listens there yet (0: some free port). Raises StartupError."""
    from desireline.errors import StartupError

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(found[0][0]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
            return int(probe.getsockname()[1])
    except OSError as error:
        raise StartupError(
            f"can't listen on {host} port {port}: {error.strerror or error}",
            hint="choose another with --host or --port",
        ) from error


def _say_serving(settings: Settings, *, keyed: bool) -> None:
    import structlog

    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    logger = structlog.get_logger("desireline")
    logger.info("serving", url=url, data=str(settings.data))
    if not keyed:
        logger.warning(
            "no key exists: whoever reaches this address may read and change everything",
            hint=f"before a proxy stands in front: desireline keys create --data {settings.data}",
        )


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
