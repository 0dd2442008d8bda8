"""`desireline config show`: each setting of a start, its value, who gave it, what it means.

Knows the settings. Starts nothing; a setting that is wrong is refused as `serve` would refuse it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from desireline.cli import output

if TYPE_CHECKING:
    from rich.text import Text

    from desireline.settings import Chosen

HELP = "show the settings and where each comes from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline config show …`, with the flags of `serve`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="show")
    show = actions.add_parser("show", help=HELP, description=HELP)
    show.add_argument("--host", help="as `serve` takes it")
    show.add_argument("--port", type=int, help="as `serve` takes it")
    show.add_argument("--data", metavar="DIR", help="data directory (default ./desireline-data)")
    show.add_argument("--config", metavar="FILE", help="settings in a TOML file")
    show.add_argument("--root-path", metavar="/PREFIX", help="as `serve` takes it")
    show.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Show them; secrets only as "(set)"."""
    import os

    from desireline import settings

    names = ("host", "port", "data", "config", "root_path")
    given = {name: getattr(arguments, name) for name in names}
    found = settings.explained(os.environ, given)
    file = settings.file_read(os.environ, given)
    if arguments.json:
        output.print_json({"file": str(file) if file else None, "settings": found})
    else:
        output.print_table(("setting", "value", "from", "meaning"), map(_row, found))
        print(f"settings file: {file or 'none'}")
    return 0


def _row(one: Chosen) -> tuple[str | Text, ...]:
    from rich.text import Text

    value = ", ".join(one.value) if isinstance(one.value, tuple) else str(one.value)
    name = Text(one.name, style="" if one.source == "default" else "bold")
    return name, value, one.source, one.description
