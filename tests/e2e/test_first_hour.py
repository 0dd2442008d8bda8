"""The tutorial's commands run as they are printed, except the two that install and start."""

from __future__ import annotations

import pytest

from tests.e2e.live import ids
from tests.e2e.tutorials import run, values

LOANS = "desireline://loans@v1"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block printed, all run in one shell."""
    return run("first-hour.md", tmp_path_factory.mktemp("first-hour"))


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
