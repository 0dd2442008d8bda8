"""Commands and settings that the pages print: each command parses, each route and setting exists.

Whether they do what the page says is tested where they run; this finds what was renamed.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from desireline.cli import parser
from desireline.http.app import create_app
from desireline.http.openapi import document
from desireline.settings import Settings, load
from tests.house.source import ROOT
from tests.http.test_interactions import never

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md"))]
PAGES = [page for page in PAGES if page.parent.name not in ("adr", "reference")]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.name, body)
        for page in PAGES
        for kind, body in FENCE.findall(page.read_text("utf-8"))
        if kind == language
    ]


def commands() -> list[tuple[str, str]]:
    """(page, command) of every line of a shell block that calls desireline."""
    return [
        (name, line.strip().removeprefix(".venv/bin/"))
        for name, body in blocks("sh")
        for line in body.replace("\\\n", " ").splitlines()
        if re.match(r"\s*(\.venv/bin/)?desireline ", line)
    ]


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_of_a_page_is_taken(page: str, line: str):
    words = shlex.split(line.split("|")[0].split(" &")[0], comments=True)[1:]
    assert parser().parse_args(words), page


def leads_to(path: str, route: str) -> bool:
    """Whether a path is a route, or the beginning of one; names in braces stand for anything.

    >>> leads_to("/v1/retrievers/$R", "/v1/retrievers/{retriever}/execute")
    True
    """
    said, known = path.split("/"), route.split("/")
    pairs = zip(said, known, strict=False)
    return len(said) <= len(known) and all(b.startswith("{") or a == b for a, b in pairs)


def test_every_route_of_a_page_exists(tmp_path: Path):
    known = list(document(create_app(Settings(data=str(tmp_path)), never).app)["paths"])
    said = {
        (page.name, path.rstrip("/:"))
        for page in PAGES
        for path in re.findall(r"(?<![\w/])(/v1/[\w{}$/-]+)", page.read_text("utf-8"))
    }
    assert [each for each in said if not any(leads_to(each[1], route) for route in known)] == []
    assert len(said) > 20


@pytest.mark.parametrize(("page", "body"), blocks("toml"))
def test_every_settings_file_of_a_page_is_taken(page: str, body: str, tmp_path: Path):
    assert tomllib.loads(body), page
    (tmp_path / "desireline.toml").write_text(body)
    assert load({}, folder=tmp_path) != Settings()
