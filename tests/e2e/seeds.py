"""The snippets of the seeds, read from their files when a test runs; nothing of them is kept here.

Knows where the files are and how a snippet is cut out. A test without the files says that it skips.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from tests.shared import shared_folder


def seed(number: str) -> str:
    """The text of a seed, by its three digits."""
    folder = shared_folder().parent / "seeds"
    found: list[Path] = sorted(folder.glob(f"{number}_*.txt"))
    if not found:
        pytest.skip(f"needs seed {number} in {folder}")
    return found[0].read_text("utf-8")


def section(number: int) -> str:
    """A numbered section of seed 002."""
    parts = re.split(r"^## (\d+)\. ", seed("002"), flags=re.MULTILINE)
    return parts[parts.index(str(number)) + 1]


def blocks(text: str, language: str) -> list[str]:
    """Every fenced block of a language, without its indentation."""
    found = re.findall(rf"^( *)```{language}[^\n]*\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in found]


def between(first: str, last: str) -> str:
    """The lines of seed 000 from the one that begins with `first` to the one that is `last`."""
    lines = seed("000").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(first))
    end = next(place for place in range(start, len(lines)) if lines[place] == last)
    return "\n".join(lines[start : end + 1])


def plain(json_with_remarks: str) -> str:
    """JSON without the `# …` that explain it."""
    return re.sub(r"\s+# .*$", "", json_with_remarks, flags=re.MULTILINE)
