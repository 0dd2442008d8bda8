"""A simulation from its first question to its verdict: users search and click, others judge.

The order of things, and nothing else: what users do is `people`, what is asked of the server
`asking`, what is said about it `measure`.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from desireline.client import Client
from desireline.core.metrics import ndcg_at
from desireline.simulation import asking, measure, people
from desireline.simulation import target as targets
from desireline.simulation.asking import Evaluated
from desireline.simulation.measure import Compared, Findings, Judged, Progress, Range
from desireline.simulation.people import DEPTH, PlannedSearch, Population, Query
from desireline.simulation.subjects import Subject
from desireline.simulation.target import Target
from desireline.types.simulation import Asked

CHECKPOINTS = (0.0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1.0)  # most is learned early
MANY_SEARCHES, MANY_S, MANY_CHECKPOINTS = 3000, 120.0, 20
QUERIES_ON_THE_WAY = 72
RESAMPLES_ON_THE_WAY = 2_000
SEARCHES_PER_BATCH = 20
LONGEST_SLEEP_S = 0.25
JUDGING = "judging on held-out queries"
SEARCHING = "simulated users search and click"


Tell = Callable[[Progress], None]


def simulate(
    client: Client, asked: Asked, tell: Tell, subjects: Sequence[Subject] | None = None
) -> Findings:
    """All of it; what was found. `tell` hears often how far it is, and may raise to end it.

    `subjects` are the documents to ask for; None: they are read from the server. Raises NotLearned,
    TooFewQueries, and ApiError as the server refuses.
    """
    if subjects is None:
        tell(Progress(phase="reading documents"))
    target = targets.target_of(client, asked.retriever)
    if asked.copy:
        target = targets.copied(client, target)
    known = targets.subjects(client, target) if subjects is None else subjects
    everyone = people.population(known, asked.seed, asked.taste, asked.prefix)
    return Simulation(client, asked, target, everyone, tell).run()


class Simulation:
    """One run: remembers what was found, so that it can be told at any time."""

    def __init__(
        self, client: Client, asked: Asked, target: Target, everyone: Population, tell: Tell
    ) -> None:
        self._client, self._asked, self._target = client, asked, target
        self._everyone, self._tell = everyone, tell
        self._static: dict[str, float] = {}
        self._equal: dict[str, float] = {}
        self._findings = Findings(
            retriever_id=target.retriever.retriever_id, retriever_name=target.name,
            taste=everyone.taste, seed=everyone.seed, users=len(everyone.people),
            segments=everyone.segments, segments_shown_as=target.segment_input or None,
            held_out=len(everyone.held_out), sentence=_meanwhile(0, asked.searches, everyone),
        )  # fmt: skip
        self._at = Progress(findings=self._findings)

    def run(self) -> Findings:
        """The baselines, all searches with a judgement at every checkpoint, the verdict."""
        self._judge_baselines(self._on_the_way())
        planned = people.plan(self._everyone, self._asked.searches)
        self._judge(0)
        for start, end in itertools.pairwise(self._checkpoints()):
            self._search_all(planned[start:end])
            self._judge(end)
        return self._conclude()

    def _checkpoints(self) -> list[int]:
        """After how many searches to judge; more often where that is much or slow."""
        count, shares = self._asked.searches, set(CHECKPOINTS)
        speed = self._asked.searches_per_second
        if count > MANY_SEARCHES or (speed and count / speed > MANY_S):
            shares.update(each / MANY_CHECKPOINTS for each in range(MANY_CHECKPOINTS))
        return sorted({round(count * share) for share in shares})

    def _judge_baselines(self, queries: Sequence[Query]) -> None:
        """What learns nothing: the static ranking, and equal weights. Again before the verdict:
        documents may have changed since, and must not pass for something learned.
        """
        with targets.baseline(self._client, self._target) as target:
            for one in self._judged("judging what learns nothing", queries, target):
                self._static[one.query.text] = self._ndcg(one.query, one.shown)
                self._equal[one.query.text] = self._ndcg(one.query, one.shadow)

    def _on_the_way(self) -> Sequence[Query]:
        """Some of the held-out queries, the same every time."""
        held_out = self._everyone.held_out
        return held_out[:: max(1, len(held_out) // QUERIES_ON_THE_WAY)]

    def _judged(self, phase: str, queries: Sequence[Query], target: Target) -> Iterator[Evaluated]:
        self._say(phase=phase, done=0, total=2 * len(queries), rate=0.0)
        return asking.evaluate(self._client, target, queries, "all", self._advance)

    def _search_all(self, planned: Sequence[PlannedSearch]) -> None:
        """Search and click; a click is sent before the same user searches again."""
        began, first = time.monotonic(), self._at.searches
        self._say(phase=SEARCHING, done=first, total=self._asked.searches)
        for batch in _batches(planned, 1 if self._asked.searches_per_second else None):
            clicks: list[dict[str, Any]] = []
            for search in batch:
                clicks.extend(self._search(search))
                done = self._at.searches + 1
                rate = (done - first) / max(time.monotonic() - began, 1e-6)
                self._say(done=done, searches=done, rate=rate)
            asking.send_clicks(self._client, clicks)
            self._wait_for(began, self._at.searches - first)
        asking.learn_now(self._client)

    def _wait_for(self, began: float, searches: int) -> None:
        """Sleep until so many searches are due, and listen meanwhile whether to stop."""
        speed = self._asked.searches_per_second
        while speed and (left := began + searches / speed - time.monotonic()) > 0:
            time.sleep(min(left, LONGEST_SLEEP_S))
            self._say()

    def _search(self, search: PlannedSearch) -> Iterator[dict[str, Any]]:
        execution_id, shown = asking.search(self._client, self._target, search)
        for position in people.clicks(self._everyone, search, shown):
            yield asking.click(execution_id, search, shown[position], position)

    def _judge(self, searches: int) -> None:
        """A point of the curve."""
        self._say(phase=JUDGING, done=searches, total=self._asked.searches, rate=0.0)
        found = list(asking.evaluate(
            self._client, self._target, self._on_the_way(), str(searches), self._listen
        ))  # fmt: skip
        point = measure.point(searches, self._compared(found, RESAMPLES_ON_THE_WAY))
        self._find(
            curve=(*self._findings.curve, point), weights=self._weights(found),
            sentence=_meanwhile(searches, self._asked.searches, self._everyone),
        )  # fmt: skip

    def _conclude(self) -> Findings:
        """All held-out queries at once, for the first and only time."""
        everything = self._everyone.held_out
        self._judge_baselines(everything)
        evaluated = list(self._judged("the last judgement", everything, self._target))
        found, count = self._compared(evaluated), self._asked.searches
        is_learned = any(one.weights for one in evaluated)
        self._find(
            final=measure.point(count, found),
            verdict=measure.learned_is(found) if is_learned else "not known yet",
            sentence=(measure.sentence if is_learned else measure.nothing_served)(found, count),
        )  # fmt: skip
        self._say(phase="done", done=count, total=count)
        return self._findings

    def _compared(self, found: Sequence[Evaluated], resamples: int = 10_000) -> Compared:
        judged = Judged(
            learned=[self._ndcg(one.query, one.shown) for one in found],
            static=[self._static[one.query.text] for one in found],
            equal=[self._equal[one.query.text] for one in found],
        )
        return measure.compared(
            judged, self._everyone.seed, resamples, equal_is_shown=self._target.is_last
        )

    def _ndcg(self, query: Query, shown: Sequence[str]) -> float:
        grades = [people.grade(self._everyone, query, document_id) for document_id in shown]
        return ndcg_at(grades, people.all_grades(self._everyone, query), DEPTH)

    def _weights(self, found: Sequence[Evaluated]) -> dict[str, dict[str, Range]]:
        by_segment = {}
        for segment in self._everyone.segments:
            draws = [one.weights for one in found if one.query.segment == segment and one.weights]
            by_segment[segment] = measure.weight_ranges(draws)
        return by_segment if all(by_segment.values()) else {}

    def _find(self, **changes: Any) -> None:
        self._findings = msgspec.structs.replace(self._findings, **changes)
        self._say(findings=self._findings)

    def _advance(self, count: int) -> None:
        self._say(done=self._at.done + count)

    def _listen(self, _: int) -> None:
        self._say()

    def _say(self, **changes: Any) -> None:
        self._at = msgspec.structs.replace(self._at, **changes)
        self._tell(self._at)


def _meanwhile(searches: int, total: int, everyone: Population) -> str:
    return (
        f"{searches:,} of {total:,} searches are made; the verdict comes at the end, on all"
        f" {len(everyone.held_out)} held-out queries at once."
    )


def _batches(
    planned: Sequence[PlannedSearch], size: int | None = None
) -> Iterator[list[PlannedSearch]]:
    """Searches in order; no user twice in a batch, so that no click comes after the next search."""
    batch: list[PlannedSearch] = []
    for search in planned:
        is_repeated = any(search.person == earlier.person for earlier in batch)
        if is_repeated or len(batch) == (size or SEARCHES_PER_BATCH):
            yield batch
            batch = []
        batch.append(search)
    if batch:
        yield batch
