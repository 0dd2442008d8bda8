"""The demo's screen and words, rendered to text."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from desireline.cli.demo import report
from desireline.cli.demo.report import Judged, Point, Range, View
from desireline.cli.demo.screen import Screen, line, plot, render

WEIGHTS = {
    segment: {"names": Range(0.1, 0.05, 0.2), "text": Range(0.9, 0.8, 0.95)}
    for segment in ("functions", "classes", "modules")
}
CURVE = tuple(
    Point(400 * n, Range(0.5 + 0.02 * n, 0.47 + 0.02 * n, 0.53 + 0.02 * n), 0.5, 0.54)
    for n in range(9)
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
                  "0.90 0.80-0.95", "● learned", "equal weights", "static", "3.2k"):  # fmt: skip
        assert words in text()


def test_everything_fits_a_terminal_of_twenty_four_lines():
    console, text = drawn()
    console.print(render(VIEW, height=24))
    assert len(text().splitlines()) < 24
    assert "●" in text()


def test_the_curve_rises_above_the_two_baselines():
    rows = plot(CURVE).plain.splitlines()[2:-1]
    column = [row.find("●") for row in rows]
    assert rows[0].count("●") + rows[1].count("●") >= 1
    seen = [place for place in column if place >= 0]
    assert seen == sorted(seen, reverse=True)
    static, equal = (next(n for n, row in enumerate(rows) if mark in row) for mark in "╌═")
    assert sum("╌" in row for row in rows) == sum("═" in row for row in rows) == 1
    assert equal < static


def test_a_curve_of_one_equal_point_can_be_drawn():
    console, text = drawn()
    console.print(plot([Point(0, Range(0.5, float("nan"), float("nan")), 0.5, 0.5)]))
    assert "●" in text()


def test_plain_lines_where_there_is_no_terminal():
    console, text = drawn(width=200)
    with Screen(console) as screen:
        for done in range(0, 3001, 20):
            screen.show(View("", "simulated users search", done, 3000, 1.0, WEIGHTS, CURVE))
        screen.say("the end")
    lines = text().splitlines()
    points = [place for place, found in enumerate(lines) if "NDCG@10 after" in found]
    assert len(lines) == 11 + len(CURVE) * 4 + 1
    assert len(points) == len(CURVE)
    assert lines[0] == "simulated users search: 0 % of 3,000"
    assert lines[points[1]] == (
        "  NDCG@10 after 400 searches: learned .520 [.490, .550], equal weights .540, static .500"
    )
    assert lines[points[1] + 1] == (
        "    weights for functions: names 0.10 [0.05, 0.20], text 0.90 [0.80, 0.95]"
    )
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


def judged(learned=0.0, equal=0.0):
    """Three rankings of 120 queries: how much learned and equal weights gain on the static one."""
    noise = np.random.default_rng(1).normal(0, 0.05, (2, 120))
    static = np.linspace(0.2, 0.8, 120)
    return Judged(
        list(static + learned + noise[0]), list(static), list(static + equal + noise[1])
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (judged(learned=0.2, equal=0.1), "the learned ranking is better than before"),
        (judged(learned=-0.2, equal=-0.1), "the learned ranking is worse than before"),
        (judged(learned=0.1, equal=0.2), "the learned ranking is worse than equal weights"),
        (judged(learned=-0.1, equal=-0.1), "the learned ranking is worse than the static one"),
        (judged(learned=0.1, equal=0.1), "but whether by learning is not known yet"),
        (judged(), "no gain is shown; whether learning helps is not known yet"),
    ],
)
def test_the_closing_sentence_says_what_is_known(found, words):
    said = report.sentence(found, 3000, 0)
    assert said.startswith("After 3,000 searches of simulated users ")
    assert f"{words}: NDCG@10" in said
    assert said.endswith("(95 % intervals, 120 held-out queries).")


def test_equal_rankings_are_not_known_to_differ():
    found = report.difference([0.5, 0.2, 0.9], [0.5, 0.2, 0.9], seed=3)
    assert (found.mean, found.low, found.high) == (0, 0, 0)
    assert "not known yet" in report.sentence(Judged(*[[0.5, 0.2, 0.9]] * 3), 100, 0)


def test_weights_of_a_segment_are_summarised_over_draws():
    ranges = report.weight_ranges([{"a": n / 100, "b": 1 - n / 100} for n in range(101)])
    assert list(ranges) == ["a", "b"]
    assert ranges["a"].low == pytest.approx(0.025)
    assert ranges["a"].high == pytest.approx(0.975)
    assert report.weight_ranges([]) == {}
