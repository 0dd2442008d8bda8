"""The pages' pictures: the script that takes them makes each, and each is there, light and dark.

Compares names and sizes, never pixels.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.house.source import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*/*.md"))]
TEXT = "\n".join(page.read_text("utf-8") for page in PAGES)
SCRIPT = (ROOT / "web" / "journeys" / "pictures.mjs").read_text("utf-8")
NAMED = sorted(set(re.findall(r"/pictures/([\w-]+\.png)", TEXT)))
MOST_BYTES = 200_000


def taken() -> set[str]:
    """The pictures that the script makes."""
    (body,) = re.findall(r"^const PICTURES = \{\n(.*?)^\};$", SCRIPT, re.M | re.S)
    names = re.findall(r"^  (\w+): \{", body, re.M)
    return {f"{name}-{scheme}.png" for name in names for scheme in ("light", "dark")}


def test_the_script_takes_what_pages_name_and_nothing_else():
    assert NAMED
    assert set(NAMED) == taken()


def test_every_picture_has_a_dark_one_and_words():
    for light in re.findall(r'<img [^>]*src="[^"]*/pictures/([\w-]+)-light\.png"', TEXT):
        assert f"{light}-dark.png" in NAMED
    pictures = re.findall(r"<img [^>]*>", TEXT)
    assert pictures
    assert all(re.search(r'alt="[^"]{20,}"', each) for each in pictures)


@pytest.mark.parametrize("name", NAMED)
def test_every_picture_that_is_named_is_there_and_modest(name: str):
    path = ROOT / "docs" / "pictures" / name
    assert path.is_file(), "run `make pictures`"
    assert path.stat().st_size < MOST_BYTES
    assert size_of(path) == (1280, 800)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, out of its head."""
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_no_picture_is_left_of_one_that_is_not_taken_any_more():
    found = {path.name for path in (ROOT / "docs" / "pictures").glob("*.png")}
    assert found <= taken()
