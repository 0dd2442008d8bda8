"""What every page of the reference is made of: its head, tables, cells, and the sentences.

Knows where the repository is and Markdown; nothing of what a page lists.
"""

from __future__ import annotations

import importlib
import inspect
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "desireline"
TARGET = ROOT / "docs" / "reference"
MEANINGS = tomllib.loads((ROOT / "docs" / "meanings.toml").read_text("utf-8"))
UNSAID = "(not said)"
GENERATED = "<!-- written by docs/generate.py (`make docs`): change the code, not this page -->"


def module(name: str) -> ModuleType | None:
    """A module of the package, or None when it is not part of this version."""
    try:
        return importlib.import_module(f"desireline.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("desireline"):
            return None
        raise


def page(title: str, lead: str, *parts: str) -> str:
    """A page: title, what it lists, its tables."""
    return "\n\n".join([f"# {title}", GENERATED, lead, *parts]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(c) for c in line) + " |" for line in lines)


def cell(value: object) -> str:
    """One cell, on one line."""
    return " ".join(str(value).split()).replace("|", "\\|")


def first_paragraph(thing: object) -> str:
    """The opening sentence or two of a docstring."""
    return (inspect.getdoc(thing) or UNSAID).split("\n\n")[0]


def fenced(text: str) -> str:
    """Text as it is."""
    return f"```text\n{textwrap.dedent(text).rstrip()}\n```"


def code_block(text: str, kind: str = "json") -> str:
    """A block of code."""
    return f"```{kind}\n{text.strip()}\n```"


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    """A class's descendants that are ours."""
    for child in kind.__subclasses__():
        if child.__module__.startswith("desireline."):
            yield child
        yield from subclasses(child)
