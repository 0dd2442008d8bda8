"""`desireline check DIR`: is everything in a data directory whole? Looks at each store, repairs
nothing.

Knows how findings are shown. Exit code 0: all is well, 1: something to know, 2: something is lost
or will not open.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from desireline.cli import output

if TYPE_CHECKING:
    from rich.text import Text

    from desireline.types.checking import Finding

HELP = "check the integrity of a data directory that is not being served"
STATES = ("ok", "warn", "bad")
COLOURS = {"ok": "green", "warn": "yellow", "bad": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline check DIR [--json]`."""
    parser.add_argument("directory", metavar="DIR", help="the data directory")
    parser.add_argument("--config", metavar="FILE", help="settings in a TOML file")
    parser.add_argument("--json", action="store_true", help="the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look and say; the worst finding is the exit code."""
    import os

    from desireline import settings, wiring

    given = {"data": arguments.directory, "config": arguments.config}
    found = wiring.check_directory(settings.load(os.environ, given))
    code = max(STATES.index(each.state) for each in found)
    if arguments.json:
        output.print_json({"state": STATES[code], "findings": found})
    else:
        output.print_table(("", "store", "what", "found"), map(_row, found))
        print(("everything is whole", "see the warnings", "something is damaged")[code])
    return code


def _row(one: Finding) -> tuple[str | Text, ...]:
    from rich.text import Text

    detail = one.detail + (f"\n→ {one.hint}" if one.hint and one.state != "ok" else "")
    return Text(one.state, style=COLOURS[one.state]), one.store, one.name, detail
