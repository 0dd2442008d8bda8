"""The command line: `desireline COMMAND`. One command a file; this one only chooses and reports.

Every command module offers `HELP`, `add_arguments(parser)` and `run(arguments) -> exit code`, and
imports what is heavy inside `run`, so that `--help` answers at once. An error is one sentence and a
hint, never a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS = {
    "serve": "serve", "demo": "demo", "simulate": "simulate", "import": "import_",
    "tasks": "tasks", "keys": "keys", "check": "check", "config": "config", "live": "live",
}  # fmt: skip
EXIT_OK, EXIT_INCOMPLETE, EXIT_ERROR = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 done in part, 2 refused."""
    from desireline.errors import DesirelineError

    arguments = parser().parse_args(argv)
    try:
        command = importlib.import_module(f"desireline.cli.{COMMANDS[arguments.command]}")
        code: int = command.run(arguments)
    except DesirelineError as error:
        return refuse(error.message, error.hint)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `desireline … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except OSError as error:
        return refuse(f"{error.strerror or error}: {error.filename or 'no file'}")
    return code


def parser() -> argparse.ArgumentParser:
    """All commands and their arguments."""
    from desireline import __version__

    root = argparse.ArgumentParser(
        prog="desireline", description="A self-hosted search that learns from how it is used."
    )
    root.add_argument("--version", action="version", version=f"desireline {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = importlib.import_module(f"desireline.cli.{module}")
        command.add_arguments(
            commands.add_parser(name, help=command.HELP, description=command.HELP)
        )
    return root


def refuse(message: str, hint: str = "") -> int:
    """Say what went wrong and what to do, on stderr; returns the exit code."""
    sys.stderr.write(f"error: {message}\n" + (f"hint: {hint}\n" if hint else ""))
    return EXIT_ERROR
