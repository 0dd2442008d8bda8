"""Every Python block of the how-to runs, in order, against a server of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import serving
from tests.shared import ROOT

PAGE = ROOT / "docs" / "how-to" / "python-client.md"


def blocks(page: Path) -> list[str]:
    """The Python blocks of a page, each at its own line numbers."""
    text = page.read_text("utf-8")
    return [
        "\n" * text.count("\n", 0, found.start(1)) + found[1]
        for found in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]


def test_every_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with serving(tmp_path) as server:
        monkeypatch.setenv("DESIRELINE_BASE_URL", server.url)
        program: dict[str, Any] = {"__name__": "how_to"}
        try:
            for block in blocks(PAGE):
                exec(compile(block, str(PAGE), "exec"), program)
        finally:
            program["client"].close()
    said = capsys.readouterr().out
    assert "no-such-retriever" in said
    assert len(blocks(PAGE)) >= 8
