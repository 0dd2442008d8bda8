"""`desireline live`: what happens on a running server, one line each, until Ctrl-C.

Knows how a happening is said in a line; what happens is the server's to tell.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from desireline.cli import connection

if TYPE_CHECKING:
    from desireline.client.answers import Happening

HELP = "watch searches, interactions, lessons and weights of a running server"
STYLES = {
    "execution": "cyan", "interaction": "green", "lesson": "magenta", "weights": "yellow",
    "task": "blue", "lost": "red",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline live [--retriever R] [--kinds K,…] [--once] [--json]`."""
    parser.add_argument(
        "--retriever", type=connection.named, help="only what happens to this one, by id or name"
    )
    parser.add_argument(
        "--kinds", type=_listed, help="only these: execution,interaction,lesson,weights,task"
    )
    parser.add_argument("--once", action="store_true", help="what is remembered, then end")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    connection.add_arguments(parser)


def _listed(text: str) -> list[str]:
    return [each for each in text.split(",") if each]


def run(arguments: argparse.Namespace) -> int:
    """Watch until the server stops or the user does."""
    import msgspec
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    with connection.connected(arguments) as client:
        heard = client.live(
            retriever=arguments.retriever, kinds=arguments.kinds, follow=not arguments.once
        )
        for each in heard:
            if arguments.json:
                print(msgspec.json.encode(each.sent).decode(), flush=True)
            else:
                console.print(Text(line(each), style=STYLES.get(each.kind, "")))
    return 0


def line(told: Happening) -> str:
    """A happening as one line.

    >>> from desireline.client.answers import Happening
    >>> from desireline.client.reading import read
    >>> line(read(Happening, {"kind": "lost", "lost": 3}))
    '          lost         3 happenings came too fast to be told'
    """
    said = _SAID[told.kind](told) if told.kind in _SAID else ""
    whose = f"  [{told.retriever_name}]" if told.retriever_name else ""
    simulated = "  simulated" if told.simulated else ""
    return f"{told.at[11:19]:8}  {told.kind:11}  {said}{whose}{simulated}"


def _execution(told: Any) -> str:
    who = f" by {told.user_id}" if told.user_id else ""
    how = told.variant or told.purpose
    return f"`{told.query}`{who}: {told.results} results in {told.total_ms:.1f} ms, {how}" + (
        f" ({told.context_level})" if told.context_level else ""
    )


def _interaction(told: Any) -> str:
    where = "" if told.position is None else f" at {told.position}"
    teaches = "" if told.teaches else f", teaches nothing ({told.teaches_reason})"
    return f"{'+'.join(told.interaction_type)} on {told.document_id}{where}, reward" + (
        f" {told.reward:g}{teaches}"
    )


def _lesson(told: Any) -> str:
    return f"{told.lesson} {told.seq}: {told.shown} documents shown, {told.rewarded} rewarded"


def _weights(told: Any) -> str:
    weights: Mapping[str, float] = told.weights
    return ", ".join(f"{uri} {weight:.3f}" for uri, weight in weights.items())


def _task(told: Any) -> str:
    total = f" of {told.total:,}" if told.total else ""
    return f"{told.task_type} {told.status}: {told.done:,}{total} {told.unit} {told.message}"


def _lost(told: Any) -> str:
    return f"{told.lost} happenings came too fast to be told"


_SAID = {
    "execution": _execution, "interaction": _interaction, "lesson": _lesson, "weights": _weights,
    "task": _task, "lost": _lost,
}  # fmt: skip
