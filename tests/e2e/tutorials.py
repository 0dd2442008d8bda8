"""Runs the commands of a tutorial as they are printed, and compares what the page says they print.

Knows Markdown blocks and a shell; nothing of what a tutorial is about.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import Live, serving

FOLDER = Path(__file__).parents[2] / "docs" / "tutorial"
PARTED = "\x1e\n"
NUMBER = re.compile(r"[+-]?\d*[.,]?\d+(?:[.,]\d+)*")


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a tutorial."""
    text = (FOLDER / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def run(page: str, folder: Path, timeout_s: float = 60) -> list[str]:
    """What each block printed behind the first, which installs and starts; all in one shell."""
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    with serving(folder) as live:
        script = f"printf '{PARTED}'\n".join(_commands(page, live))
        done = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, cwd=folder, check=False,
            env={**os.environ, "DESIRELINE_BASE_URL": live.url}, timeout=timeout_s,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout.split(PARTED)


def _commands(page: str, live: Live) -> list[str]:
    """The blocks with the address of the running server and this interpreter."""
    first, *others = blocks(page, "sh")
    assert "serve" in first
    here = {
        "http://localhost:8080": live.url, "localhost:8080": live.url,
        ".venv/bin/desireline": f"{sys.executable} -m desireline.cli",
        ".venv/bin/python": sys.executable,
    }  # fmt: skip
    either = re.compile("|".join(map(re.escape, here)))
    return [either.sub(lambda found: here[found[0]], each) for each in others]


def values(said: str) -> list[dict[str, Any]]:
    """The JSON objects that a block printed one behind the other."""
    found, place = [], 0
    while place < len(said.rstrip()):
        value, place = json.JSONDecoder().raw_decode(said, place)
        found.append(value)
        place += len(said[place:]) - len(said[place:].lstrip())
    return found


def shape(line: str) -> str:
    """A line without its numbers.

    >>> shape("After 1,000 searches +.339 [+.305, +.373]")
    'After # searches # [#, #]'
    """
    return NUMBER.sub("#", line)
