"""`desireline simulate`: let simulated users loose on a retriever of a running server, and watch.

Knows arguments and the screen; the simulation is a room of its own (`desireline.simulation`).
"""

from __future__ import annotations

import argparse
import sys

from desireline.cli import connection

HELP = "let simulated users search and click on a retriever, and judge what it learns from them"
DEFAULT_SEARCHES = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline simulate RETRIEVER …`."""
    parser.add_argument(
        "retriever", metavar="RETRIEVER", type=connection.named,
        help="a retriever with learned fusion, by name or id",
    )  # fmt: skip
    parser.add_argument(
        "--searches", type=counted, default=DEFAULT_SEARCHES, metavar="N",
        help=f"searches of simulated users (default {DEFAULT_SEARCHES})",
    )  # fmt: skip
    parser.add_argument(
        "--speed", type=_speed, metavar="N", help="searches a second (default: as fast as it goes)"
    )
    add_taste(parser)
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulated users")
    parser.add_argument(
        "--copy", action="store_true",
        help="work on a clone, RETRIEVER-simulated, so that the retriever itself learns nothing",
    )  # fmt: skip
    connection.add_arguments(parser)


def add_taste(parser: argparse.ArgumentParser) -> None:
    """`--taste`."""
    parser.add_argument(
        "--taste", choices=("segments", "none"), default="segments",
        help="segments: each looks for documents in its own way; none: users like documents by lot,"
        " so that there is nothing to learn",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Simulate; 0 with a verdict, 1 when somebody cancelled the task."""
    from rich.console import Console

    from desireline.cli.screen import Presenter, Screen
    from desireline.simulation.telling import Cancelled, simulate_and_tell
    from desireline.types.simulation import Asked

    asked = Asked(
        retriever=arguments.retriever, searches=arguments.searches, taste=arguments.taste,
        searches_per_second=arguments.speed, seed=arguments.seed, copy=arguments.copy,
    )  # fmt: skip
    screen = Screen(Console(file=sys.stdout), "desireline simulate")
    presenter = Presenter(screen, f"Simulated users on `{asked.retriever}`; taste: {asked.taste}")
    with connection.connected(arguments) as client:
        try:
            with screen:
                findings = simulate_and_tell(client, asked, presenter)
        except Cancelled:
            screen.say("Somebody cancelled the simulation before its verdict.")
            return 1
    screen.say("\n" + findings.sentence, wrap=True)
    if arguments.copy:
        screen.say(f"The retriever that learned is `{findings.retriever_name}`.")
    return 0


def counted(text: str) -> int:
    """A number of searches, for `type=`.

    >>> counted("10")
    10
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _speed(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be a positive number of searches a second")
    return number
