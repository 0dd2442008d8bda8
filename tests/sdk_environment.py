"""The vendor's published Python client, unmodified and pinned, in an environment of its own.

`make test` runs this file once before the tests; a test asks `sdk_python()` for the interpreter.
Knows how the environment is made; not what is called in it.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import venv
from pathlib import Path

VERSION = "1.3.783"
FOLDER = Path(__file__).parents[1] / ".cache" / "sdk-venv"
STAMP = FOLDER / ".installed"


@functools.cache
def sdk_python() -> Path:
    """The interpreter that can `import mixpeek`; builds its environment the first time."""
    python = FOLDER / "bin" / "python"
    if not is_current():
        build(python)
    return python


def is_current() -> bool:
    """Whether the environment holds the pinned version."""
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == VERSION


def build(python: Path) -> None:
    """Make the environment from nothing; the stamp is written last."""
    venv.create(FOLDER, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"mixpeek=={VERSION}"], check=True)
    STAMP.write_text(VERSION, encoding="utf-8")


if __name__ == "__main__":
    sys.stdout.write(f"vendor client {VERSION}: {sdk_python()}\n")
    STAMP.touch()
