"""When the demo opens a browser by itself: only for somebody who sits in front of one."""

from __future__ import annotations

from argparse import Namespace

import pytest

from desireline.cli.demo import watching


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_browser_is_opened_for_somebody_at_a_display_who_did_not_decline(monkeypatch, variable):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    stays, leaves = Namespace(exit=False, no_browser=False), Namespace(exit=True, no_browser=False)
    assert not watching.is_wanted(True, stays)
    monkeypatch.setenv(variable, ":0")
    assert watching.is_wanted(True, stays)
    assert not watching.is_wanted(False, stays)
    assert not watching.is_wanted(True, leaves)
    assert not watching.is_wanted(True, Namespace(exit=False, no_browser=True))


def test_the_page_is_opened_at_its_root(monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    watching.open_page("http://127.0.0.1:8080")
    assert opened == ["http://127.0.0.1:8080/"]
