"""What a browser is served at the root: the dashboard where it was built, else the start page."""

from __future__ import annotations

import gzip
import re

import httpx
import pytest

from desireline.http import pages
from tests.e2e.live import Live


def get(live: Live, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{live.url}{path}", headers=headers)


def test_a_page_is_served_at_the_root_and_runs_nothing_but_our_own_files(live: Live):
    found = get(live, "/")
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", found.text)


def test_an_asset_that_was_never_built_is_not_found(live: Live):
    for name in ("gone-1234.js", "..%2findex.html", "%2e%2e", "pages.py", "docs.html"):
        found = get(live, f"/assets/{name}")
        assert found.status_code == 404, name
        assert found.json()["error"]["hint"]


def test_the_built_dashboard_is_kept_by_browsers_and_small(live: Live):
    if not (pages._BUILT / "index.html").is_file():
        pytest.skip("the dashboard is not built: `make web` builds it where npm is found")
    index = get(live, "/")
    assert index.headers["cache-control"] == "no-cache"
    names = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', index.text)
    assert len(names) >= 3
    size = len(gzip.compress(index.content))
    for name in names:
        found = get(live, f"/{name}", **{"accept-encoding": "gzip"})
        assert found.status_code == 200
        assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert found.headers["content-encoding"] == "gzip"
        assert found.text == get(live, f"/{name}", **{"accept-encoding": "identity"}).text
        size += len(gzip.compress(found.content))
    assert size <= 60_000
