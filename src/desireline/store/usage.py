"""How much documents are used, read from the event log and kept in memory (`ports.Usage`).

Knows when to read again and what to forget; the formula is `core.popularity`, the grouping
`queries/popularity.sql`. A reading is one query on a reader's thread: ranking never waits for it,
a request may wait for the first one (`prepare`).

Between two readings only new acts and the window's edge are missed: decay multiplies all counts and
their median alike, and `c / (c + median)` does not see a common factor.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import structlog
from clickhouse_connect.driver.exceptions import ClickHouseError

from desireline.core import popularity as formula
from desireline.core.stages.scoring import Popularity
from desireline.core.times import DAY_MS
from desireline.errors import DesirelineError
from desireline.ports import Clock, EventLog
from desireline.types.log import COUNTED

logger = structlog.get_logger("desireline.usage")
FRESH_MS = 3_000
"""So long a reading serves at least."""
REST = 10
"""And so many times as long as it took: reading costs at most a tenth of one thread."""
LONGEST_WAIT_MS = 2_000
MOST_KEPT = 32
MOST_READING = 8
"""Readings under way at once; what is asked for beyond is not read now. A window may come from the
inputs of a request, so anybody can ask for any number of them."""
MOST_DOCUMENTS = 100_000
"""Documents kept of one question, the most used ones; what is used less is not boosted."""


class Question(msgspec.Struct, frozen=True):
    """Which acts count: of a namespace, of any of these types, in this window."""

    namespace: str
    types: tuple[str, ...]
    window_days: float


class Reading(msgspec.Struct, frozen=True):
    """An answer: from which renewal on, and until when it is fresh."""

    popularity: Popularity
    renewal: int
    fresh_until_ms: int


class Usage:
    """The port `Usage`. All methods run on the event loop."""

    def __init__(
        self, event_log: EventLog, clock: Clock, purposes: Sequence[str] = COUNTED
    ) -> None:
        self._event_log, self._clock, self._purposes = event_log, clock, tuple(purposes)
        self._kept: OrderedDict[Question, Reading] = OrderedDict()
        self._under_way: dict[Question, asyncio.Task[None]] = {}
        self._renewal = 0

    def popularity(self, namespace: str, types: Sequence[str], window_days: float) -> Popularity:
        """As last read; read again in the background when that is a few seconds old."""
        question = _question(namespace, types, window_days)
        kept = self._kept.get(question)
        if (kept is None or self._clock() >= kept.fresh_until_ms) and not self._is_busy(question):
            self._reading(question)
        if kept is None:
            return Popularity()
        self._kept.move_to_end(question)
        return kept.popularity

    async def prepare(self, namespace: str, types: Sequence[str], window_days: float) -> bool:
        """Read what was never read, or not since `renew`; waits for at most 2 s.

        False: not read yet, because the log is slow or away; until then nothing is popular.
        """
        question = _question(namespace, types, window_days)
        wanted = self._renewal
        if self._is_read(question, wanted):
            return True
        if self._is_busy(question):
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self._prepared(question, wanted), LONGEST_WAIT_MS / 1000)
        return self._is_read(question, wanted)

    def renew(self) -> None:
        """Whatever is prepared from now on shows everything that is in the log now."""
        self._renewal += 1
        for question, kept in self._kept.items():
            self._kept[question] = msgspec.structs.replace(kept, fresh_until_ms=0)

    async def close(self) -> None:
        """Wait for the readings under way."""
        await asyncio.gather(*self._under_way.values())

    def _is_busy(self, question: Question) -> bool:
        """Whether too much is being read to begin with this one too."""
        return len(self._under_way) >= MOST_READING and question not in self._under_way

    def _is_read(self, question: Question, renewal: int) -> bool:
        kept = self._kept.get(question)
        return kept is not None and kept.renewal >= renewal

    async def _prepared(self, question: Question, renewal: int) -> None:
        await asyncio.shield(self._reading(question))
        if not self._is_read(question, renewal):  # it had begun before the renewal, or failed
            await asyncio.shield(self._reading(question))

    def _reading(self, question: Question) -> asyncio.Task[None]:
        """The reading under way, else a new one."""
        task = self._under_way.get(question)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._read(question))
            self._under_way[question] = task
            task.add_done_callback(lambda _: self._under_way.pop(question))
        return task

    async def _read(self, question: Question) -> None:
        renewal, started_ms = self._renewal, self._clock()
        try:
            found = await self._asked(question, started_ms)
        except (DesirelineError, ClickHouseError) as error:
            logger.warning("usage was not read", namespace=question.namespace, error=str(error))
            before = self._kept.get(question)
            found, renewal = (before.popularity, before.renewal) if before else (Popularity(), -1)
        now_ms = self._clock()
        rest_ms = max(FRESH_MS, REST * (now_ms - started_ms))
        self._kept[question] = Reading(found, renewal, now_ms + rest_ms)
        self._kept.move_to_end(question)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    async def _asked(self, question: Question, now_ms: int) -> Popularity:
        (row,) = await self._event_log.query(
            "popularity", namespace=question.namespace, interaction_types=question.types,
            purposes=self._purposes, before_ms=now_ms,
            since_ms=now_ms - round(question.window_days * DAY_MS),
            half_life_ms=formula.half_life_ms(question.window_days),
            position_weights=formula.position_weights(),
            per_visitor=formula.PER_VISITOR, limit=MOST_DOCUMENTS,
        )  # fmt: skip
        if not row["documents"]:
            return Popularity()
        counts = dict(zip(row["document_ids"], row["counts"], strict=True))
        return Popularity(counts=counts, median=row["median"])


def _question(namespace: str, types: Sequence[str], window_days: float) -> Question:
    return Question(namespace, tuple(sorted({each.lower() for each in types})), float(window_days))
