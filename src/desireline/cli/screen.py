"""The face of simulated users: a live screen in a terminal, plain lines elsewhere (pipes, CI logs).

Draws a `View`; knows nothing of how its numbers came to be.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from desireline.simulation.measure import Point, Progress, Range, plain

REDRAW_S = 0.1
MOST_ROWS, FEWEST_ROWS = 9, 5
OTHER_LINES = 19
COLUMN_WIDTH = 6
BAR_WIDTH = 4
MARKS = {"●": "learned", "│": "95 % interval", "═": "equal weights", "╌": "static"}
STYLES = {"●": "bold green", "│": "green", "═": "blue", "╌": "yellow"}


class View(msgspec.Struct, frozen=True):
    """Everything the screen shows. `weights`: segment -> label of the search -> weight."""

    title: str
    phase: str
    done: int
    total: int
    rate: float = 0.0
    weights: Mapping[str, Mapping[str, Range]] = {}
    curve: tuple[Point, ...] = ()


class Presenter:
    """Puts the progress of a simulation on a screen, ten times a second and when it is news.

    `labels` are names of searches by feature_uri; without one the uri itself is shown.
    """

    def __init__(self, screen: Screen, title: str, labels: Mapping[str, str] | None = None) -> None:
        self._screen, self.title, self._labels = screen, title, labels or {}
        self._shown, self._shown_at = Progress(), 0.0

    def __call__(self, progress: Progress) -> None:
        """Show it, unless something like it was shown a moment ago."""
        before = self._shown
        is_news = (progress.phase, progress.total) != (before.phase, before.total)
        is_news = is_news or progress.findings is not before.findings
        if is_news or time.monotonic() - self._shown_at > REDRAW_S:
            self._shown, self._shown_at = progress, time.monotonic()
            self._screen.show(self._view(progress))

    def _view(self, progress: Progress) -> View:
        view = View(self.title, progress.phase, progress.done, progress.total, progress.rate)
        if progress.findings is None:
            return view
        weights = {
            segment: {self._label(uri): value for uri, value in ranges.items()}
            for segment, ranges in progress.findings.weights.items()
        }
        return msgspec.structs.replace(view, weights=weights, curve=progress.findings.curve)

    def _label(self, uri: str) -> str:
        return self._labels.get(uri, uri.rpartition("://")[2])


class Screen:
    """Shows views as they come: redrawn in place on a terminal, else a line for what changed."""

    def __init__(self, console: Console, name: str) -> None:
        self._console, self._name = console, name
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._last_line = ""
        self._points = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, view: View) -> None:
        """Draw this now."""
        if self._console.is_terminal:
            drawn = render(view, self._console.height, self._name)
            self._live.update(drawn, refresh=True)
            return
        text = line(view)
        if text != self._last_line:
            self.say(text)
            self._last_line = text
        for point in view.curve[self._points :]:
            self.say(point_line(point, view.weights))
        self._points = len(view.curve)

    def say(self, text: str, *, wrap: bool = False) -> None:
        """Words that stay; unless wrapped, long lines stay whole, to be copied."""
        soft = not (wrap and self._console.is_terminal)
        self._console.print(text, highlight=False, markup=False, soft_wrap=soft)


def render(view: View, height: int = 40, name: str = "desireline") -> RenderableType:
    """The whole screen; on a low terminal (lines) the curve gets fewer rows."""
    parts: list[RenderableType] = [Text(view.title, style="bold"), Text(), _progress(view)]
    if view.weights:
        parts += [Text(), weights_table(view.weights)]
    if view.curve:
        parts += [Text(), plot(view.curve, min(MOST_ROWS, max(FEWEST_ROWS, height - OTHER_LINES)))]
    return Panel(Group(*parts), title=name, border_style="dim", expand=False, width=78)


def line(view: View) -> str:
    """The same as one line, in steps of a tenth so that a log stays short."""
    text = view.phase
    if view.total:
        text += f": {10 * (10 * view.done // view.total)} % of {view.total:,}"
    return text


def point_line(point: Point, weights: Mapping[str, Mapping[str, Range]]) -> str:
    """A point of the curve and the weights behind it, for where nothing can be drawn."""
    learned = point.learned
    text = (
        f"  NDCG@10 after {point.searches:,} searches: learned {plain(learned.mean)}"
        f" [{plain(learned.low)}, {plain(learned.high)}],"
        f" equal weights {plain(point.equal.mean)}, static {plain(point.static.mean)}"
    )
    for segment, ranges in weights.items():
        each = (f"{label} {one.mean:.2f} [{one.low:.2f}, {one.high:.2f}]"
                for label, one in ranges.items())  # fmt: skip
        text += f"\n    weights for {segment}: {', '.join(each)}"
    return text


def weights_table(weights: Mapping[str, Mapping[str, Range]]) -> Table:
    """Weights of every search by segment: mean and the middle 95 % of the draws."""
    labels = list(next(iter(weights.values())))
    table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left", title_style="")
    table.title = "Weights by segment (mean, middle 95 % of what was drawn)"
    table.add_column("looking for")
    for label in labels:
        table.add_column(label)
    for segment, ranges in weights.items():
        table.add_row(segment, *(_weight(ranges[label]) for label in labels))
    return table


def plot(curve: Sequence[Point], height: int = MOST_ROWS) -> Text:
    """NDCG@10 of held-out queries over searches: learned (●, │ its interval) and the baselines."""
    low, high = _extent(curve)
    rows = [[" "] * (COLUMN_WIDTH * len(curve)) for _ in range(height)]
    for number, point in enumerate(curve):
        _draw(rows, number * COLUMN_WIDTH, point, low, high)
    text = Text("NDCG@10 on queries nobody searched\n")
    for mark, words in MARKS.items():
        text.append(f" {mark} ", style=STYLES[mark]).append(words)
    text.append("\n")
    for index, row in enumerate(rows):
        value = high - (high - low) * index / (height - 1)
        text.append(f"{plain(value):>6} ┤", style="dim")
        for letter in "".join(row).rstrip():
            text.append(letter, style=STYLES.get(letter))
        text.append("\n")
    axis = "".join(f"{_short(point.searches):^{COLUMN_WIDTH}}" for point in curve)
    text.append(f"{'':>6} └", style="dim")
    text.append(axis.rstrip() + " searches", style="dim")
    return text


def _draw(rows: list[list[str]], left: int, point: Point, low: float, high: float) -> None:
    def row_of(value: float) -> int:
        place = (high - value) / (high - low) * (len(rows) - 1)
        return max(0, min(len(rows) - 1, round(place)))

    for value, mark in ((point.static.mean, "╌"), (point.equal.mean, "═")):
        rows[row_of(value)][left : left + COLUMN_WIDTH] = mark * COLUMN_WIDTH
    middle = left + COLUMN_WIDTH // 2
    known = point.learned.low == point.learned.low  # not a number: too few queries to say
    for row in range(row_of(point.learned.high), row_of(point.learned.low) + 1) if known else ():
        rows[row][middle] = "│"
    rows[row_of(point.learned.mean)][middle] = "●"


def _extent(curve: Sequence[Point]) -> tuple[float, float]:
    """Lowest and highest value drawn; NaN bounds (one query) count as the mean."""
    values = [value for point in curve for value in (point.static.mean, point.equal.mean)]
    for point in curve:
        some = (point.learned.low, point.learned.mean, point.learned.high)
        values += [value for value in some if value == value]
    low, high = min(values), max(values)
    return (low, high) if high - low > 0.01 else (low - 0.005, high + 0.005)


def _weight(value: Range) -> Text:
    filled = round(value.mean * BAR_WIDTH)
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    bounds = f" {value.low:.2f}-{value.high:.2f}"
    return Text.assemble((bar, "cyan"), f" {value.mean:.2f}", (bounds, "dim"))


def _progress(view: View) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=30, no_wrap=True)
    grid.add_column(width=20)
    grid.add_column(no_wrap=True)
    count = f"{view.done:,} of {view.total:,}" if view.total else ""
    rate = f" {view.rate:,.0f}/s" if view.rate else ""
    bar = ProgressBar(total=max(view.total, 1), completed=view.done, width=20)
    grid.add_row(view.phase, bar, count + rate)
    return grid


def _short(count: int) -> str:
    return f"{count / 1000:.1f}k" if count >= 1000 else str(count)
