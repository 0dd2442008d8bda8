"""The demo's screen and words, rendered to text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from desireline.cli.demo import report
from desireline.cli.demo.report import Point, Range, View
from desireline.cli.demo.screen import Screen, line, plot, render
from desireline.core.inference import Difference

WEIGHTS = {
    segment: {"names": Range(0.1, 0.05, 0.2), "text": Range(0.9, 0.8, 0.95)}
    for segment in ("functions", "classes", "modules")
}
CURVE = tuple(
    Point(400 * n, Range(0.5 + 0.02 * n, 0.47 + 0.02 * n, 0.53 + 0.02 * n), 0.5) for n in range(9)
)
VIEW = View("7,920 documents", "simulated users search", 1200, 3000, 120.0, WEIGHTS, CURVE)


def drawn(*, terminal=False, width=80):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    return console, lambda: console.file.getvalue()


def test_everything_is_on_the_screen_and_fits_eighty_columns():
    console, text = drawn()
    console.print(render(VIEW))
    assert max(len(row) for row in text().splitlines()) <= 80
    for words in ("7,920 documents", "1,200 of 3,000 120/s", "functions", "classes", "modules",
                  "0.90 0.80-0.95", "● learned", "static", "3.2k"):  # fmt: skip
        assert words in text()


def test_the_curve_rises_above_the_static_line():
    rows = plot(CURVE).plain.splitlines()[1:-1]
    column = [row.find("●") for row in rows]
    assert rows[0].count("●") + rows[1].count("●") >= 1
    seen = [place for place in column if place >= 0]
    assert seen == sorted(seen, reverse=True)
    assert sum("╌" in row for row in rows) == 1


def test_a_curve_of_one_equal_point_can_be_drawn():
    console, text = drawn()
    console.print(plot([Point(0, Range(0.5, float("nan"), float("nan")), 0.5)]))
    assert "●" in text()


def test_plain_lines_where_there_is_no_terminal():
    console, text = drawn(width=200)
    with Screen(console) as screen:
        for done in range(0, 3001, 20):
            screen.show(View("", "simulated users search", done, 3000, 1.0, WEIGHTS, CURVE))
        screen.say("the end")
    lines = text().splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("simulated users search: 0 % of 3,000 | NDCG@10 after 3,200")
    assert lines[-1] == "the end"
    assert "\x1b" not in text()


def test_a_terminal_is_redrawn_in_place():
    console, text = drawn(terminal=True)
    with Screen(console) as screen:
        screen.show(VIEW)
        screen.show(VIEW)
    assert "\x1b" in text()
    assert "desireline demo" in text()


def test_a_line_without_a_total_is_the_phase():
    assert line(View("", "judging", 0, 0)) == "judging"


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Difference(0.1, 0.08, 0.12, 360, 0.001, 0.03), "is better than the static one"),
        (Difference(-0.1, -0.12, -0.08, 360, 0.001, 0.03), "is worse than the static one"),
        (Difference(0.002, -0.01, 0.014, 360, 0.7, 0.03), "not known yet"),
    ],
)
def test_the_closing_sentence_says_what_is_known(difference, words):
    said = report.sentence(difference, 0.6, 0.5, 3000)
    assert words in said
    assert "simulated users" in said
    assert "95 % interval, 360 held-out queries" in said
    assert ("no gain" in said) == (words == "not known yet")


def test_equal_rankings_are_not_known_to_differ():
    found = report.difference([0.5, 0.2, 0.9], [0.5, 0.2, 0.9], seed=3)
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert "not known yet" in report.sentence(found, 0.53, 0.53, 100)


def test_weights_of_a_segment_are_summarised_over_draws():
    ranges = report.weight_ranges([{"a": n / 100, "b": 1 - n / 100} for n in range(101)])
    assert list(ranges) == ["a", "b"]
    assert ranges["a"].low == pytest.approx(0.025)
    assert ranges["a"].high == pytest.approx(0.975)
    assert report.weight_ranges([]) == {}
