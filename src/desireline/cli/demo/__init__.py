"""`desireline demo`: watch a search over thousands of real documents learn from (simulated) use.

Starts a server, lets simulated users search and click through HTTP, shows weights and quality as
they change (here and on the server's page), ends with one sentence that carries an interval, and
leaves the server up to try.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from typing import Any

from desireline.cli.simulate import add_taste, counted

HELP = "watch a search learn from use, in the terminal (simulated users, no network)"
DEFAULT_SEARCHES = 3000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline demo …`."""
    parser.add_argument("--exit", action="store_true", help="end after the closing sentence")
    parser.add_argument(
        "--searches", type=counted, default=DEFAULT_SEARCHES, metavar="N",
        help=f"searches of simulated users (default {DEFAULT_SEARCHES})",
    )  # fmt: skip
    parser.add_argument(
        "--no-browser", action="store_true", help="do not open the page in a browser"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulated users")
    parser.add_argument("--data", default="", metavar="DIR", help="data directory to keep")
    parser.add_argument("--port", type=int, default=0, help="port on loopback")
    add_taste(parser)


def run(arguments: argparse.Namespace) -> int:
    """The demo; 0 after its closing sentence."""
    from rich.console import Console

    from desireline.cli.demo import api, watching
    from desireline.cli.demo.child import Server
    from desireline.cli.demo.play import play
    from desireline.cli.screen import Screen
    from desireline.errors import StartupError

    for ending in (signal.SIGTERM, signal.SIGHUP):  # leave no server behind
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    screen = Screen(Console(file=sys.stdout), "desireline demo")
    with Server(arguments.data, arguments.port) as server:
        client = server.wait_until_ready()
        screen.say(f"Watch it in a browser, too: {server.url}/")
        if watching.is_wanted(sys.stdout.isatty(), arguments):
            watching.open_page(server.url)
        closing = play(client, screen, arguments)
        screen.say("\n" + closing, wrap=True)
        if arguments.exit:
            return 0
        screen.say(invitation(server.url, api.try_out(client)))
        with contextlib.suppress(KeyboardInterrupt):
            ended = server.wait()
            raise StartupError(f"the server has ended by itself (exit code {ended})")
    return 0


def invitation(url: str, click: dict[str, Any]) -> str:
    """The addresses to try while the server stays up, and a click that its search allows."""
    from desireline.cli.demo import api

    return f"""
The server stays up until Ctrl-C (with --data DIR its data stays): {url}/  {url}/docs  {url}/metrics

# search as someone who looks for classes
curl -s {url}/v1/retrievers/{api.LEARNED}/execute -d '{_json(api.TRIAL)}'

# click a result of it (the session tells which search it came from)
curl -s {url}/v1/retrievers/interactions -d '{_json(click)}'

# what has been learned
curl -s {url}/v1/retrievers/{api.LEARNED}/learned-fusion/weights
"""


def _json(value: Any) -> str:
    import json

    return json.dumps(value)
