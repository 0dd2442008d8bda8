"""The loop of the demo: simulated users search and click, the ranking learns, others judge it.

The order of things, and nothing else: what users do is `users`, what is asked of the server is
`api`, what is said about it is `report`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from desireline.cli.demo import api, report, users
from desireline.cli.demo.corpus import LibraryDocument
from desireline.cli.demo.report import Judged, Range, View
from desireline.cli.demo.screen import Screen
from desireline.cli.demo.users import PlannedSearch, Population, Query
from desireline.client import Client
from desireline.core.metrics import ndcg_at

CHECKPOINTS = (0.0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1.0)  # most is learned early
QUERIES_ON_THE_WAY = 72
SEARCHES_PER_BATCH = 20
REDRAW_SECONDS = 0.1


class Demo:
    """One run: remembers what was found so that the screen can be drawn at any time."""

    def __init__(self, client: Client, screen: Screen, everyone: Population, searches: int) -> None:
        self._client = client
        self._screen = screen
        self._everyone = everyone
        self._searches = searches
        self._view = View("", "", 0, 0)
        self._drawn_at = 0.0
        self._static: dict[str, float] = {}
        self._equal: dict[str, float] = {}

    def prepare(self, documents: Sequence[LibraryDocument]) -> None:
        """Import the documents, make the retrievers, judge the baselines once."""
        modules = len({document.module for document in documents})
        title = (
            f"{len(documents):,} documents: docstrings of {modules} modules of this Python's"
            f" own library\n{len(self._everyone.people)} simulated users in three segments; taste:"
            f" {self._everyone.taste}"
        )
        self._show(title=title, phase="importing documents", total=len(documents))
        uris = api.make_library(self._client, documents, self._advance)
        api.make_retrievers(self._client, uris)
        for one in self._all_held_out("judging what learns nothing", api.STATIC):
            self._static[one.query.text] = self._ndcg(one.query, one.shown)
            self._equal[one.query.text] = self._ndcg(one.query, one.shadow)

    def run(self) -> str:
        """All searches with a judgement at every checkpoint; returns the closing sentence."""
        planned = users.plan(self._everyone, self._searches)
        self._judge(0)
        steps = [round(self._searches * share) for share in CHECKPOINTS]
        for start, end in itertools.pairwise(steps):
            if end > start:
                self._simulate(planned[start:end])
                self._judge(end)
        return self._conclude()

    def _conclude(self) -> str:
        """All held-out queries at once, for the first and only time."""
        judged = self._judged(list(self._all_held_out("the last judgement", api.LEARNED)))
        self._show(phase="done", done=self._searches, total=self._searches)
        return report.sentence(judged, self._searches, self._everyone.seed)

    def _all_held_out(self, phase: str, retriever: str) -> Iterator[api.Evaluated]:
        queries = self._everyone.held_out
        self._show(phase=phase, done=0, total=2 * len(queries), rate=0.0)
        return api.evaluate(self._client, retriever, queries, "all", self._advance)

    def _simulate(self, planned: Sequence[PlannedSearch]) -> None:
        """Search and click; a click is sent before the same user searches again."""
        began, done = time.monotonic(), self._view.done
        self._show(phase="simulated users search and click", total=self._searches)
        for batch in _batches(planned):
            clicks: list[dict[str, Any]] = []
            for search in batch:
                clicks.extend(self._search(search))
                done += 1
                rate = (done - planned[0].number) / max(time.monotonic() - began, 1e-6)
                self._draw(done=done, rate=rate)
            api.send_clicks(self._client, clicks)
        api.learn_now(self._client)

    def _search(self, search: PlannedSearch) -> Iterator[dict[str, Any]]:
        execution_id, shown = api.search(self._client, search)
        for position in users.clicks(self._everyone, search, shown):
            yield api.click(execution_id, search, shown[position], position)

    def _judge(self, searches: int) -> None:
        """A point of the curve: some of the held-out queries, the same every time."""
        self._show(phase="judging on held-out queries", done=searches, total=self._searches)
        held_out = self._everyone.held_out
        some = held_out[:: max(1, len(held_out) // QUERIES_ON_THE_WAY)]
        found = list(api.evaluate(self._client, api.LEARNED, some, str(searches)))
        point = report.point(searches, self._judged(found))
        self._show(curve=(*self._view.curve, point), weights=_weights(found))

    def _judged(self, found: Sequence[api.Evaluated]) -> Judged:
        return Judged(
            learned=[self._ndcg(one.query, one.shown) for one in found],
            static=[self._static[one.query.text] for one in found],
            equal=[self._equal[one.query.text] for one in found],
        )

    def _ndcg(self, query: Query, shown: Sequence[str]) -> float:
        grades = [users.grade(self._everyone, query, document_id) for document_id in shown]
        return ndcg_at(grades, users.all_grades(self._everyone, query), 10)

    def _advance(self, count: int) -> None:
        self._draw(done=self._view.done + count)

    def _draw(self, **changes: Any) -> None:
        """Note the change; draw it only if the last drawing is a while ago."""
        self._view = msgspec.structs.replace(self._view, **changes)
        if time.monotonic() - self._drawn_at > REDRAW_SECONDS:
            self._show()

    def _show(self, **changes: Any) -> None:
        self._view = msgspec.structs.replace(self._view, **changes)
        self._drawn_at = time.monotonic()
        self._screen.show(self._view)


def _weights(found: Sequence[api.Evaluated]) -> dict[str, dict[str, Range]]:
    by_segment = {}
    for segment in users.SEGMENTS:
        draws = [one.weights for one in found if one.query.segment == segment and one.weights]
        ranges = report.weight_ranges(draws)
        by_segment[segment] = {api.LABELS.get(uri, uri): value for uri, value in ranges.items()}
    return by_segment if all(by_segment.values()) else {}


def _batches(planned: Sequence[PlannedSearch]) -> Iterator[list[PlannedSearch]]:
    """Searches in order; no user twice in a batch, so that no click comes after the next search."""
    batch: list[PlannedSearch] = []
    for search in planned:
        is_repeated = any(search.person == earlier.person for earlier in batch)
        if is_repeated or len(batch) == SEARCHES_PER_BATCH:
            yield batch
            batch = []
        batch.append(search)
    if batch:
        yield batch
