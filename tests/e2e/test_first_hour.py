"""The tutorial's commands run as they are printed, except the two that install and start."""

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

from tests.e2e.live import Live, ids, serving

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "first-hour.md"
LOANS = "desireline://loans@v1"
PARTED = "\x1e\n"


def commands(live: Live) -> list[str]:
    """The page's blocks behind the first, with the address of the running server."""
    found = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert "serve" in found[0]
    command = f"{sys.executable} -m desireline.cli"
    return [
        each.replace("localhost:8080", live.url).replace(".venv/bin/desireline", command)
        for each in found[1:]
    ]


def values(said: str) -> list[dict[str, Any]]:
    """The JSON objects that a block printed one behind the other."""
    found, place = [], 0
    while place < len(said.rstrip()):
        value, place = json.JSONDecoder().raw_decode(said, place)
        found.append(value)
    return found


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block printed, all run in one shell."""
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    folder = tmp_path_factory.mktemp("first-hour")
    with serving(folder) as live:
        script = f"printf '{PARTED}'\n".join(commands(live))
        done = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, cwd=folder, check=False,
            env={**os.environ, "DESIRELINE_BASE_URL": live.url}, timeout=60,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split(PARTED)


def test_the_first_search_is_unlearned_and_its_third_document_is_clicked(said: list[str]):
    imported, made, found, clicked = said[0], *(values(each)[0] for each in said[1:4])
    assert imported.startswith("4 documents")
    assert made["warnings"] == []
    assert ids(found)[2] == "4"
    assert found["learned_fusion_context"]["context_level"] == "prior"
    assert clicked["teaches"], clicked


def test_the_weights_move_and_so_does_the_document(said: list[str]):
    (before,), taught, (after, anns, found) = (values(each) for each in said[4:7])
    assert before["hint"].startswith("1 execution is open; it teaches when")
    assert all(each.get("teaches", True) for each in taught), taught
    assert taught[-1]["closed"] == 10
    assert before["weights"][LOANS] == pytest.approx(1 / 3)
    assert after["weights"][LOANS] > 0.4
    assert after["hint"] is None
    assert anns["mean_weights"][LOANS] > 0.4
    assert "4" in ids(found)[:2]  # a swap may put its neighbour first
    assert found["learned_fusion_context"]["context_level"] == "personal"
