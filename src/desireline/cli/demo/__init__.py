"""`desireline demo`: watch a search over thousands of real documents learn from (simulated) use.

Starts a server, lets simulated users search and click through HTTP, shows weights and quality as
they change, ends with one sentence that carries an interval, and leaves the server up to try.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys

HELP = "watch a search learn from use, in the terminal (simulated users, no network)"
DEFAULT_SEARCHES = 3000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline demo …`."""
    parser.add_argument("--exit", action="store_true", help="end after the closing sentence")
    parser.add_argument(
        "--searches", type=_count, default=DEFAULT_SEARCHES, metavar="N",
        help=f"searches of simulated users (default {DEFAULT_SEARCHES})",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulated users")
    parser.add_argument("--data", default="", metavar="DIR", help="data directory to keep")
    parser.add_argument("--port", type=int, default=0, help="port on loopback")
    parser.add_argument(
        "--taste", choices=("segments", "none"), default="segments",
        help="segments: each looks for its own kind of document; none: users like documents by lot,"
        " so that there is nothing to learn",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """The demo; 0 after its closing sentence."""
    from rich.console import Console

    from desireline.cli.demo import corpus, users
    from desireline.cli.demo.child import Server
    from desireline.cli.demo.loop import Demo
    from desireline.cli.demo.screen import Screen

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave no server behind
    screen = Screen(Console(file=sys.stdout))
    with Server(arguments.data, arguments.port) as server:
        with screen:
            documents = corpus.documents()
            everyone = users.population(documents, arguments.seed, arguments.taste)
            demo = Demo(server.wait_until_ready(), screen, everyone, arguments.searches)
            demo.prepare(documents)
            closing = demo.run()
        screen.say("\n" + closing)
        if not arguments.exit:
            screen.say(invitation(server.url))
            with contextlib.suppress(KeyboardInterrupt):
                server.wait()
    return 0


def invitation(url: str) -> str:
    """The addresses to try while the server stays up."""
    return f"""
The server stays up (Ctrl-C ends it): {url}/docs  {url}/readyz  {url}/metrics

# search as someone who looks for classes
curl -s {url}/v1/retrievers/demo-learned/execute -d '{{"inputs": {{"query": "temporary folder that \
deletes itself", "user_id": "you", "user_segment": "classes"}}, "session_id": "yours"}}'

# click a result of it (the session tells which search it came from)
curl -s {url}/v1/retrievers/interactions -d '{{"document_id": "tempfile.TemporaryDirectory", \
"interaction_type": ["click"], "position": 0, "session_id": "yours", "user_id": "you"}}'

# what has been learned
curl -s {url}/v1/retrievers/demo-learned/learned-fusion/weights
"""


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
