"""What learned over time: everyone's weights day by day, and what happened to a retriever.

A day's belief is the fold of the lessons up to its end under the present configuration: exact,
and as repeatable as the state itself. What happened comes from the audit trail, the versions of
the retriever and the log. Knows ports, no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

import msgspec
import numpy as np

from desireline.core import convergence, logistic, policy
from desireline.core.convergence import Belief
from desireline.core.seeds import generator, seed_of
from desireline.core.snapshot import Served
from desireline.core.times import DAY_MS, from_row_time, parse_iso
from desireline.errors import NotAvailable
from desireline.ports import AuditTrail, Clock, RetrieverCatalog
from desireline.steps.learn.history import History
from desireline.steps.learn.lessons import folded, parts, stamp
from desireline.types.catalog import AuditRecord
from desireline.types.learning import Context
from desireline.types.log import Lesson
from desireline.types.retriever import Retriever

MOST_LESSONS = 50_000
KEPT_MS = 60_000
DRAWS = 400
LOGGED = 1000


class Catalog(Protocol):
    """The parts of the catalogue that tell of the past."""

    @property
    def audit(self) -> AuditTrail:
        """Who did what."""

    @property
    def retrievers(self) -> RetrieverCatalog:
        """All versions."""


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to what is learned or served. `at_ms` is UTC."""

    at_ms: int
    kind: str
    user_id: str = ""
    details: dict[str, Any] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which of it: newest first, `limit` of them; kind and user "" = any."""

    since_ms: int
    kind: str = ""
    user_id: str = ""
    limit: int = 100


class Chronicle:
    """Answers about the past of a retriever's learning."""

    def __init__(self, history: History, catalog: Catalog, clock: Clock) -> None:
        self.history, self.catalog, self.clock = history, catalog, clock
        self._kept: dict[str, tuple[Any, list[tuple[int, Belief]]]] = {}

    async def days(self, served: Served, count: int) -> list[tuple[int, Belief]]:
        """(start of the day in ms, belief at its end), oldest first; today is until now.

        Folded at most once a minute. Raises NotAvailable for more lessons than a report may fold.
        """
        now_ms = self.clock()
        retriever_id, minute = served.retriever.retriever_id, now_ms // KEPT_MS
        asked = (minute, count, served.generation, served.snapshot_id, stamp(served))
        kept = self._kept.get(retriever_id)
        if kept is None or kept[0] != asked:
            kept = (asked, await self._days(served, count, now_ms))
            self._kept[retriever_id] = kept
        return kept[1]

    async def _days(self, served: Served, count: int, now_ms: int) -> list[tuple[int, Belief]]:
        today = now_ms - now_ms % DAY_MS
        starts = [today - DAY_MS * back for back in range(count - 1, -1, -1)]
        lessons = await self.history.lessons(served)
        if len(lessons) > MOST_LESSONS:
            raise NotAvailable(
                f"{len(lessons)} lessons are too many to fold for a report",
                hint="read the drawn weights instead: GET …/signals/summary",
            )
        return await _believed(served, lessons, starts, now_ms)

    async def happened(self, served: Served, wanted: Wanted) -> tuple[list[Happening], str]:
        """What happened, newest first; and what could not be told ("": nothing)."""
        await self.history.ports.intake.flushed()
        warning = ""
        found = await self._noted(served)
        found += _changes(await self._versions(served))
        found += await self._resets(served, wanted)
        found += await self._transitions(served, wanted)
        if wanted.kind in ("", "weight_shift") and not wanted.user_id:
            try:
                found += await self._shifts(served, wanted)
            except NotAvailable as error:
                warning = f"weight_shift is left out: {error.message}"
        chosen = [each for each in found if _is_wanted(each, wanted)]
        return sorted(chosen, key=lambda each: -each.at_ms)[: wanted.limit], warning

    async def _noted(self, served: Served) -> list[Happening]:
        retriever = served.retriever
        rows: list[AuditRecord] = []
        for subject in (retriever.retriever_id, f"retriever:{retriever.retriever_id}"):
            rows += await self.catalog.audit.newest(
                retriever.namespace, subject=subject, limit=LOGGED
            )
        return [_noted_as(row) for row in rows]

    async def _versions(self, served: Served) -> list[Retriever]:
        retriever = served.retriever
        found = await self.catalog.retrievers.versions(retriever.namespace, retriever.retriever_id)
        return sorted(found, key=lambda each: each.version)

    async def _resets(self, served: Served, wanted: Wanted) -> list[Happening]:
        rows = await self.history.ports.event_log.query(
            "resets", namespace=served.retriever.namespace,
            retriever_id=served.retriever.retriever_id, generation=served.generation,
            user_ids=[wanted.user_id] if wanted.user_id else [],
            since_ms=wanted.since_ms, limit=wanted.limit,
        )  # fmt: skip
        return [
            Happening(at_ms=from_row_time(row["occurred_at"]), kind="reset", user_id=row["user_id"])
            for row in rows
        ]

    async def _transitions(self, served: Served, wanted: Wanted) -> list[Happening]:
        rows = await self.history.ports.event_log.query(
            "level_changes", namespace=served.retriever.namespace,
            retriever_id=served.retriever.retriever_id,
            user_ids=[wanted.user_id] if wanted.user_id else [],
            since_ms=wanted.since_ms, before_ms=self.clock(), limit=wanted.limit,
        )  # fmt: skip
        return [
            Happening(
                at_ms=from_row_time(row["occurred_at"]), kind="context_transition",
                user_id=row["user_id"],
                details={"from": row["before"], "to": row["after"],
                         "context_key": row["context_key"]},
            )
            for row in rows
        ]  # fmt: skip

    async def _shifts(self, served: Served, wanted: Wanted) -> list[Happening]:
        """Days on which a mean weight of everyone's moved by more than 0.05."""
        count = max(2, (self.clock() - wanted.since_ms) // DAY_MS + 2)
        days = await self.days(served, int(count))
        found = []
        for (_, before), (start, after) in pairwise(days):
            for place in convergence.shifts(before, after):
                end = min(start + DAY_MS - 1, self.clock())
                details = {
                    "feature_uri": served.uris[place], "from": before.mean[place],
                    "to": after.mean[place],
                }  # fmt: skip
                found.append(Happening(at_ms=end, kind="weight_shift", details=details))
        return found


async def _believed(
    served: Served, lessons: list[Lesson], starts: Sequence[int], now_ms: int
) -> list[tuple[int, Belief]]:
    """The fold, stopped at the end of each day."""
    state = msgspec.structs.replace(served, state=policy.State(), snapshot_id=0)
    at, found = 0, []
    moments = [from_row_time(lesson.occurred_at) for lesson in lessons]
    for start in starts:
        end = min(start + DAY_MS - 1, now_ms)
        upto = at
        while upto < len(lessons) and moments[upto] <= end:
            upto += 1
        for part in parts(lessons[at:upto]):
            state = folded(state, part)
            await asyncio.sleep(0)
        found.append((start, _belief(state, end, upto - at)))
        at = upto
    return found


def _belief(served: Served, at_ms: int, lessons: int) -> Belief:
    """Mean and spread of the posterior itself: nothing added or taken for exploration."""
    plain = msgspec.structs.replace(
        served.learning, exploration_bonus=1.0, exploration_decay=1.0, exploration_floor=0.0
    )
    ready = policy.ready(served.state.nodes, Context(), plain, len(served.uris), at_ms)
    if ready.standing.level == "prior":
        return Belief(lessons=lessons)
    if ready.spread is not None:
        ready = msgspec.structs.replace(ready, spread=ready.spread / logistic.DRAW_SCALE)
    seed = seed_of(served.retriever.retriever_id, str(served.snapshot_id), "convergence")
    draws = policy.draw_many(ready, generator(seed), DRAWS)
    spread = tuple(np.std(draws, axis=0).tolist())
    return Belief(policy.mean(ready).values, spread, lessons)


def _is_wanted(found: Happening, wanted: Wanted) -> bool:
    return (
        found.at_ms >= wanted.since_ms
        and wanted.kind in ("", found.kind)
        and wanted.user_id in ("", found.user_id)
    )


def _noted_as(row: AuditRecord) -> Happening:
    details = {"by": row.by, "reason": row.reason, **row.details}
    user_id = str(details.pop("user_id", ""))
    return Happening(at_ms=row.at_ms, kind=row.action, user_id=user_id, details=details)


def _changes(versions: list[Retriever]) -> list[Happening]:
    """What updates of the retriever changed in how it learns."""
    found = []
    for before, after in pairwise(versions):
        changed = _changed(_learning(before), _learning(after))
        if not changed:
            continue
        kind = "config_changed"
        if set(changed) == {"shadow_mode"}:
            kind = "shadow_changed"
        elif set(changed) == {"rollout_pct"}:
            kind = "rollout_changed"
        details = {"version": after.version, "changed": changed}
        found.append(Happening(at_ms=parse_iso(after.updated_at, "$"), kind=kind, details=details))
    return found


def _learning(retriever: Retriever) -> dict[str, Any]:
    """Fusion and learning configuration of the first search stage, flat."""
    parameters = [stage["config"]["parameters"] for stage in retriever.stages]
    search: dict[str, Any] = next((each for each in parameters if "searches" in each), {})
    return {"fusion": search.get("fusion", "rrf"), **(search.get("learning_config") or {})}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, list[Any]]:
    names = sorted(before.keys() | after.keys())
    pairs = {name: [before.get(name), after.get(name)] for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
