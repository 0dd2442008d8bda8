"""The screen of simulated users, rendered to text."""

from __future__ import annotations

import io

from rich.console import Console

from desireline.cli.screen import Presenter, Screen, View, line, plot, render
from desireline.simulation.measure import Findings, Point, Progress, Range

WEIGHTS = {
    segment: {"names": Range(0.1, 0.05, 0.2), "text": Range(0.9, 0.8, 0.95)}
    for segment in ("functions", "classes", "modules")
}


def a_point(searches, learned, static=0.5, equal=0.54):
    flat = [Range(mean, mean, mean) for mean in (static, equal, 0.0, 0.0)]
    return Point(searches, 72, learned, *flat)


CURVE = tuple(
    a_point(400 * n, Range(0.5 + 0.02 * n, 0.47 + 0.02 * n, 0.53 + 0.02 * n)) for n in range(9)
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
    console.print(plot([a_point(0, Range(0.5, float("nan"), float("nan")), equal=0.5)]))
    assert "●" in text()


def test_plain_lines_where_there_is_no_terminal():
    console, text = drawn(width=200)
    with Screen(console, "desireline demo") as screen:
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
    with Screen(console, "desireline demo") as screen:
        screen.show(VIEW)
        screen.show(VIEW)
    assert "\x1b" in text()
    assert "desireline demo" in text()


def test_a_line_without_a_total_is_the_phase():
    assert line(View("", "judging", 0, 0)) == "judging"


def test_progress_is_shown_when_it_is_news_and_under_the_names_of_the_searches():
    console, text = drawn(width=200)
    findings = Findings(
        retriever_id="ret_1", retriever_name="shop", taste="segments", seed=0, users=150,
        segments=("a",), segments_shown_as=None, held_out=360, curve=CURVE[:1],
        weights={"a": {"desireline://title@v1/bm25": Range(0.5, 0.4, 0.6)}},
    )  # fmt: skip
    with Screen(console, "desireline simulate") as screen:
        presenter = Presenter(screen, "the shop")
        for done in range(1000):
            presenter(Progress(phase="searching", done=done, total=1000))
        presenter(Progress(phase="judging", findings=findings))
    assert "searching: 0 % of 1,000" in text()
    assert "judging" in text()
    assert "weights for a: title@v1/bm25 0.50" in text()
