"""The page in a real browser: journeys of `web/journeys`, run by Node on a server of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from desireline.http import pages
from tests.e2e.live import Live, serving

WEB = Path(__file__).parents[2] / "web" / "journeys"
CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)


def needs() -> str:
    """What is missing to run a browser; "" when nothing is."""
    if not (pages._BUILT / "index.html").is_file():
        return "the dashboard is not built: `make web`"
    if CHROMIUM is None:
        return "no Chromium: install it, or name it in CHROMIUM"
    if not shutil.which("npm"):
        return "no npm"
    return ""


def fill(live: Live) -> None:
    uris = ["own://title", "own://loved"]
    live.ok(
        "POST", "/v1/collections",
        {"collection_name": "shoes", "features": [
            {"feature_uri": uris[0], "kind": "lexical", "fields": ["title"]},
            {"feature_uri": uris[1], "kind": "field", "field": "loved"},
        ]},
    )  # fmt: skip
    documents = [
        {"document_id": f"s{n}", "title": f"{colour} shoes {n}", "loved": n * 37 % 101}
        for n, colour in enumerate(["red", "blue", "green"] * 6)
    ]
    documents.append({"document_id": "long", "title": ("red shoes " + "x" * 990) * 10})
    live.ok("POST", "/v1/collections/shoes/documents/upsert", {"documents": documents})
    searches = [{"feature_uri": uri, "query": "{{INPUT.query}}"} for uri in uris]
    stage = {"fusion": "learned", "searches": searches}
    live.ok(
        "POST", "/v1/retrievers",
        {"retriever_name": "shoes", "collection_identifiers": ["shoes"], "stages": [
            {"config": {"stage_id": "feature_search", "parameters": stage}}
        ]},
    )  # fmt: skip


@pytest.mark.timeout(240)
def test_a_person_finds_the_way(tmp_path: Path):
    if missing := needs():
        pytest.skip(missing)
    if not (WEB / "node_modules").is_dir():
        subprocess.run(["npm", "--prefix", str(WEB), "ci", "--loglevel=error"], check=True)
    with serving(tmp_path) as live:
        fill(live)
        done = subprocess.run(
            ["node", str(WEB / "journeys.mjs"), live.url], capture_output=True, text=True,
            check=False, env={**os.environ, "CHROMIUM": str(CHROMIUM)},
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
