"""What is not documented is not there: settings, signals, errors, columns, commands, operators.

The reference pages are written from the code, so the tests ask that they are current, that every
name has a sentence, and that every link and every script a page names exists.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from desireline.types.log import TABLES
from docs import generate
from tests.house.source import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
HEADINGS = ("## Context", "## Options, measured", "## Decision", "## Consequences")


def anchors(path: Path) -> set[str]:
    """The fragments that the headings of a page can be reached by."""
    titles = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_name_has_a_sentence():
    assert generate.gaps() == []


def test_the_reference_is_what_the_code_says():
    assert generate.drifted() == [], "run `make docs`"


def test_every_column_of_every_row_is_listed():
    listed = {name: {column for column, _, _ in rows} for name, rows in generate.columns().items()}
    fields = {name: set(row.__struct_fields__) for name, row in TABLES.items()}
    assert [name for name in fields if fields[name] - listed.get(name, set())] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    lost = [link for link in inside if not leads(page, link)]
    assert not lost


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    folders = ("tutorial", "how-to", "reference", "explanation")
    pages = [
        f"{folder}/{p.name}" for folder in folders for p in (ROOT / "docs" / folder).glob("*.md")
    ]
    assert [name for name in pages if f"]({name})" not in index] == []


def leads(page: Path, link: str) -> bool:
    """Whether a link's file exists and has the heading of its fragment."""
    file, _, fragment = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    return target.exists() and (not fragment or fragment in anchors(target))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts_and_its_numbers_have_a_script(page: Path):
    text = page.read_text("utf-8")
    assert [heading for heading in HEADINGS if heading not in text] == []
    scripts = set(re.findall(r"bench/\w+\.py", text))
    assert [name for name in scripts if not (ROOT / name).exists()] == []
    assert scripts or "No number" in text


def test_decisions_are_numbered_without_a_gap_twice():
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert len(set(numbers)) == len(numbers)
