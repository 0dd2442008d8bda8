"""What a retriever believed at earlier moments: its lessons folded once, then only the new ones.

A moment's state is the fold of the lessons up to it under the present configuration: exact, and as
repeatable as the state itself. Knows the history of lessons, no log and no HTTP.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

import msgspec
import numpy as np

from desireline.core import policy, posterior
from desireline.core.convergence import Belief
from desireline.core.seeds import generator, seed_of
from desireline.core.snapshot import Served
from desireline.core.times import DAY_MS, from_row_time
from desireline.errors import NotAvailable
from desireline.steps.learn.history import History
from desireline.steps.learn.lessons import folded_in_parts, stamp
from desireline.types.learning import Context
from desireline.types.log import Lesson

MOST_LESSONS = 50_000
KEPT_RETRIEVERS = 8
KEPT_ENDS = 8
KEPT_MOMENTS = 32
DRAWS = 400


class Pasts:
    """The pasts of the retrievers that were asked about last."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._kept: OrderedDict[str, Past] = OrderedDict()

    def of(self, served: Served) -> Past:
        """The past of a retriever; a new one when its lessons or configuration are others now."""
        retriever_id, under = served.retriever.retriever_id, (served.generation, stamp(served))
        kept = self._kept.pop(retriever_id, None)
        if kept is None or kept.under != under:
            kept = Past(self.history, served)
        self._kept[retriever_id] = kept
        if len(self._kept) > KEPT_RETRIEVERS:
            self._kept.popitem(last=False)
        return kept


class Past:
    """What is kept of one retriever: beliefs by day, the states at the ends of the last days, and
    everyone's at the moments asked for last.

    One at a time: who asks while it is folded waits, and finds it folded.
    """

    def __init__(self, history: History, served: Served) -> None:
        self.history, self.under = history, (served.generation, stamp(served))
        self._nothing = msgspec.structs.replace(served, state=policy.State(), snapshot_id=0)
        self._turn = asyncio.Lock()
        self._forget()

    def _forget(self) -> None:
        self._state = self._nothing
        self._days: dict[int, Belief] = {}
        self._ends: OrderedDict[int, Served] = OrderedDict()
        self._moments: OrderedDict[int, Served] = OrderedDict()

    async def days(self, served: Served, count: int, now_ms: int) -> list[tuple[int, Belief]]:
        """(start of the day in ms, belief at its end), oldest first; today is until now.

        Raises NotAvailable for more lessons than a report may fold.
        """
        today = now_ms - now_ms % DAY_MS
        starts = [today - DAY_MS * back for back in range(count - 1, -1, -1)]
        async with self._turn:
            await self._go_on(served, starts[0], now_ms)
            return [(start, self._days[start]) for start in starts]

    async def _go_on(self, served: Served, first: int, now_ms: int) -> None:
        """Fold what is new, stopping at the end of each day until now; all of it when a day before
        the known ones is asked for, or a lesson came late to a day that was thought complete.
        """
        first = min([first, *self._days])
        if first not in self._days:
            self._forget()
        lessons, start = await self._behind(served, self._state), max(self._days, default=first)
        if _first_of(lessons, start) < start and self._days:
            self._forget()
            lessons, start = await self._behind(served, self._state), first
        moments, at = [from_row_time(lesson.occurred_at) for lesson in lessons], 0
        while start <= now_ms:
            end, upto = min(start + DAY_MS - 1, now_ms), at
            while upto < len(lessons) and moments[upto] <= end:
                upto += 1
            await self._end_day(start, end, lessons[at:upto])
            at, start = upto, start + DAY_MS

    async def _end_day(self, start: int, end: int, lessons: list[Lesson]) -> None:
        known = self._days.get(start)
        if known is not None and not lessons:
            return
        self._state = await folded_in_parts(self._state, lessons)
        of_day = [each for each in lessons if from_row_time(each.occurred_at) >= start]
        count = len(of_day) + (known.lessons if known else 0)
        self._days[start] = _belief(self._state, end, count)
        self._ends[start] = self._state
        while len(self._ends) > KEPT_ENDS:
            self._ends.popitem(last=False)

    async def at(self, served: Served, moment_ms: int) -> Served:
        """The retriever with everyone's belief (no other level's) as it was at a moment.

        Raises NotAvailable for more lessons than a report may fold.
        """
        async with self._turn:
            found = self._moments.pop(moment_ms, None)
            if found is None:
                found = _everyone(await self._until(served, moment_ms))
            self._moments[moment_ms] = found
            if len(self._moments) > KEPT_MOMENTS:
                self._moments.popitem(last=False)
            return found

    async def _until(self, served: Served, moment_ms: int) -> Served:
        ended = [each for start, each in self._ends.items() if start + DAY_MS <= moment_ms]
        base = ended[-1] if ended else self._nothing
        lessons = await self._behind(served, base)
        behind = (
            place
            for place, lesson in enumerate(lessons)
            if from_row_time(lesson.occurred_at) > moment_ms
        )
        return await folded_in_parts(base, lessons[: next(behind, len(lessons))])

    async def _behind(self, served: Served, base: Served) -> list[Lesson]:
        """The lessons that `served` has learned and `base` has not (and what came since)."""
        if served.snapshot_id <= base.snapshot_id:
            return []
        lessons = await self.history.lessons(base, base.snapshot_id)
        count = base.state.n_lessons + len(lessons)
        if count > MOST_LESSONS:
            raise NotAvailable(
                f"{count} lessons are too many to fold for a report",
                hint="read the drawn weights instead: GET …/signals/summary",
            )
        return lessons


def _first_of(lessons: list[Lesson], otherwise: int) -> int:
    return min((from_row_time(lesson.occurred_at) for lesson in lessons), default=otherwise)


def _everyone(served: Served) -> Served:
    nodes: dict[str, Any] = served.state.nodes
    shared = {key: node for key, node in nodes.items() if key == "global"}
    return msgspec.structs.replace(
        served, state=policy.State(nodes=shared, n_lessons=served.state.n_lessons)
    )


def _belief(served: Served, at_ms: int, lessons: int) -> Belief:
    """Mean and spread of the posterior itself: nothing added or taken for exploration."""
    nodes, count = served.state.nodes, len(served.uris)
    ready = posterior.believed(nodes, Context(), served.learning, count, at_ms)
    if ready.standing.level == "prior":
        return Belief(lessons=lessons)
    seed = seed_of(served.retriever.retriever_id, str(served.snapshot_id), "convergence")
    draws = policy.draw_many(ready, generator(seed), DRAWS)
    spread = tuple(np.std(draws, axis=0).tolist())
    return Belief(policy.mean(ready).values, spread, lessons)
