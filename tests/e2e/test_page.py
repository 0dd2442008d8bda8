"""The page in a real browser: journeys of `web/journeys`, run by Node on a server of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from desireline.http import pages
from tests.e2e.live import Live, a_search, a_stage, serving
from tests.simulation.shop import shop

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


def fill_shop(live: Live) -> None:
    """A retriever `shop` whose documents simulated users can ask for."""
    fields = ["title", "text"]
    features = [
        {"feature_uri": f"own://{field}", "kind": "lexical", "fields": [field]} for field in fields
    ]
    live.ok("POST", "/v1/collections", {"collection_name": "shop", "features": features})
    live.ok("POST", "/v1/collections/shop/documents/upsert", {"documents": shop(200)})
    config = {"algorithm": "logistic", "demographic_features": ["INPUT.user_segment"]}
    searches = [a_search(f"own://{field}") for field in fields]
    stage = a_stage(searches, fusion="learned", learning_config=config)
    body = {"retriever_name": "shop", "collection_identifiers": ["shop"], "stages": [stage]}
    live.ok("POST", "/v1/retrievers", body)


def journey(address: str, only: str = "") -> None:
    """The journeys at an address; `only` those whose name begins with it."""
    if not (WEB / "node_modules").is_dir():
        subprocess.run(["npm", "--prefix", str(WEB), "ci", "--loglevel=error"], check=True)
    done = subprocess.run(
        ["node", str(WEB / "journeys.mjs"), address], capture_output=True, text=True, check=False,
        env={**os.environ, "CHROMIUM": str(CHROMIUM), "ONLY": only},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"ok      {only}" in done.stdout


@pytest.mark.timeout(480)
def test_a_person_finds_the_way(tmp_path: Path):
    if missing := needs():
        pytest.skip(missing)
    with serving(tmp_path) as live:
        fill(live)
        fill_shop(live)
        journey(live.url)
