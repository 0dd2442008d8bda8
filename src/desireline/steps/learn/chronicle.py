"""What learned over time: everyone's weights day by day, and what happened to a retriever.

What was believed is `past`'s. What happened comes from the audit trail, the versions of the
retriever and the log. Knows ports, no HTTP.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Protocol

import msgspec

from desireline.core import convergence, policy
from desireline.core.convergence import Belief
from desireline.core.snapshot import Served
from desireline.core.times import DAY_MS, from_row_time, parse_iso
from desireline.errors import NotAvailable
from desireline.ports import AuditTrail, Clock, RetrieverCatalog
from desireline.steps.learn.history import History
from desireline.steps.learn.past import Pasts
from desireline.steps.learn.report import Weighed, weighed
from desireline.types.catalog import AuditRecord
from desireline.types.learning import Context
from desireline.types.retriever import Retriever

LOGGED = 1000


class Catalog(Protocol):
    """The parts of the catalogue that tell of the past."""

    @property
    def audit(self) -> AuditTrail:
        """Who did what."""

    @property
    def retrievers(self) -> RetrieverCatalog:
        """All versions."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to what is learned or served. `at_ms` is UTC."""

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


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Everyone's weights at two moments (None: nothing was learned), and what lies in between."""

    until_ms: int
    then: Weighed | None
    now: Weighed | None
    lessons: int
    interactions: int
    happened: list[Entry]
    warning: str


class Chronicle:
    """Answers about the past of a retriever's learning."""

    def __init__(self, history: History, catalog: Catalog, clock: Clock) -> None:
        self.history, self.catalog, self.clock = history, catalog, clock
        self._pasts = Pasts(history)

    async def days(self, served: Served, count: int) -> list[tuple[int, Belief]]:
        """(start of the day in ms, belief at its end), oldest first; today is until now.

        Folded once, then only what is new. Raises NotAvailable for more lessons than a report may
        fold.
        """
        return await self._pasts.of(served).days(served, count, self.clock())

    async def changes(self, served: Served, since_ms: int, limit: int) -> Changes:
        """What everyone's weights were at a moment and are now, and what happened in between.

        Raises NotAvailable for more lessons than a report may fold.
        """
        now_ms, searches = self.clock(), len(served.uris)
        then = await self._pasts.of(served).at(served, since_ms)
        nodes = (then.state.nodes.get("global"), served.state.nodes.get("global"))
        before, after = (
            policy.interactions(node, searches, now_ms, served.learning) for node in nodes
        )
        happened, warning = await self.happened(served, Wanted(since_ms=since_ms, limit=limit))
        return Changes(
            until_ms=now_ms, then=_known(then, since_ms), now=_known(served, now_ms),
            lessons=served.state.n_lessons - then.state.n_lessons, interactions=after - before,
            happened=happened, warning=warning,
        )  # fmt: skip

    async def happened(self, served: Served, wanted: Wanted) -> tuple[list[Entry], str]:
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

    async def _noted(self, served: Served) -> list[Entry]:
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

    async def _resets(self, served: Served, wanted: Wanted) -> list[Entry]:
        rows = await self.history.ports.event_log.query(
            "resets", namespace=served.retriever.namespace,
            retriever_id=served.retriever.retriever_id, generation=served.generation,
            user_ids=[wanted.user_id] if wanted.user_id else [],
            since_ms=wanted.since_ms, limit=wanted.limit,
        )  # fmt: skip
        return [
            Entry(at_ms=from_row_time(row["occurred_at"]), kind="reset", user_id=row["user_id"])
            for row in rows
        ]

    async def _transitions(self, served: Served, wanted: Wanted) -> list[Entry]:
        rows = await self.history.ports.event_log.query(
            "level_changes", namespace=served.retriever.namespace,
            retriever_id=served.retriever.retriever_id,
            user_ids=[wanted.user_id] if wanted.user_id else [],
            since_ms=wanted.since_ms, before_ms=self.clock(), limit=wanted.limit,
        )  # fmt: skip
        return [
            Entry(
                at_ms=from_row_time(row["occurred_at"]), kind="context_transition",
                user_id=row["user_id"],
                details={"from": row["before"], "to": row["after"],
                         "context_key": row["context_key"]},
            )
            for row in rows
        ]  # fmt: skip

    async def _shifts(self, served: Served, wanted: Wanted) -> list[Entry]:
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
                found.append(Entry(at_ms=end, kind="weight_shift", details=details))
        return found


def _known(served: Served, at_ms: int) -> Weighed | None:
    found = weighed(served, Context(), "global", at_ms)
    return None if found.weights.level == "prior" else found


def _is_wanted(found: Entry, wanted: Wanted) -> bool:
    return (
        found.at_ms >= wanted.since_ms
        and wanted.kind in ("", found.kind)
        and wanted.user_id in ("", found.user_id)
    )


def _noted_as(row: AuditRecord) -> Entry:
    details = {"by": row.by, "reason": row.reason, **row.details}
    user_id = str(details.pop("user_id", ""))
    return Entry(at_ms=row.at_ms, kind=row.action, user_id=user_id, details=details)


def _changes(versions: list[Retriever]) -> list[Entry]:
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
        found.append(Entry(at_ms=parse_iso(after.updated_at, "$"), kind=kind, details=details))
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
