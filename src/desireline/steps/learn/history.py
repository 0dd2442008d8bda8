"""The lessons of a retriever as a whole: read, folded anew, rewritten, remembered as snapshots.

A generation becomes the present one only when all its lessons are in the event log: a crash at any
point leaves the old one or the new one, never a part. Knows ports; when to do it is the learner's
business.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import structlog

from desireline.core import policy
from desireline.core.snapshot import Served
from desireline.errors import Unavailable
from desireline.ports import (
    Clock,
    EventLog,
    Feed,
    Intake,
    LearningCatalog,
    Live,
    Metrics,
    RecentExecutions,
    Tombstones,
)
from desireline.steps.learn.lessons import (
    blob_of,
    folded_in_parts,
    frame,
    parts,
    stamp,
    state_in,
)
from desireline.steps.learn.sessions import Sessions
from desireline.types.catalog import StateSnapshot
from desireline.types.log import Lesson

logger = structlog.get_logger("desireline.learn")
PAGE = 20_000
FLUSH_MS = 60_000


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What learning is bound to; `tombstones` are the deletions that are not through yet."""

    live: Live
    intake: Intake
    event_log: EventLog
    recent: RecentExecutions
    catalog: LearningCatalog
    tombstones: Tombstones
    sessions: Sessions
    clock: Clock
    metrics: Metrics
    feed: Feed
    node: str = ""


class History:
    """Reads and rewrites lessons; the caller sees to it that nobody folds meanwhile."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._saved: dict[str, tuple[int, int, bytes]] = {}

    async def lessons(self, served: Served, after_seq: int = 0) -> list[Lesson]:
        """All lessons of the generation behind a number, in order. Raises Unavailable when the
        intake's backlog does not reach the log in time.
        """
        if not await self.ports.intake.flushed(timeout_ms=FLUSH_MS):
            raise Unavailable("the event log does not take the backlog", hint="see /metrics")
        found: list[Lesson] = []
        while True:
            rows = await self.ports.event_log.query(
                "lessons", namespace=served.retriever.namespace,
                retriever_id=served.retriever.retriever_id, generation=served.generation,
                after_seq=found[-1].seq if found else after_seq, limit=PAGE,
            )  # fmt: skip
            found.extend(msgspec.convert(row, Lesson, strict=False) for row in rows)
            if len(rows) < PAGE:
                return found

    async def restored(self, served: Served) -> Served:
        """The state after a restart: newest snapshot of this configuration, lessons behind it."""
        retriever_id = served.retriever.retriever_id
        generation = await self.ports.catalog.generation(retriever_id)
        base = msgspec.structs.replace(served, generation=generation)
        kept = await self.snapshot(base)
        if kept is not None:
            base = kept
            self._saved[retriever_id] = (generation, base.snapshot_id, stamp(base))
        return await folded_in_parts(base, await self.lessons(base, base.snapshot_id))

    async def snapshot(self, served: Served) -> Served | None:
        """The newest snapshot of the generation and configuration of `served`; None without any."""
        snapshot = await self.ports.catalog.newest_snapshot(served.retriever.retriever_id)
        if snapshot is None or snapshot.generation != served.generation:
            return None
        state = state_in(snapshot.blob, served)
        if state is None:
            return None
        return msgspec.structs.replace(served, state=state, snapshot_id=snapshot.seq)

    async def refolded(self, served: Served) -> Served:
        """All lessons of the generation folded again, under the present configuration."""
        await self.ports.catalog.delete_snapshots(served.retriever.retriever_id)
        fresh = msgspec.structs.replace(served, state=policy.State(), snapshot_id=0)
        return await folded_in_parts(fresh, await self.lessons(fresh))

    async def rewritten(self, served: Served, lessons: list[Lesson]) -> Served:
        """These lessons as a new generation, which is the present one when this returns."""
        retriever_id = served.retriever.retriever_id
        generation = await self._free_generation(served)
        rows = [
            msgspec.structs.replace(
                row, generation=generation, seq=self.ports.intake.next_seq(), node=self.ports.node
            )
            for row in lessons
        ]
        for part in parts(rows):
            await self.ports.intake.synced(self.ports.intake.append([frame(row) for row in part]))
        fresh = msgspec.structs.replace(
            served, state=policy.State(), generation=generation, snapshot_id=0
        )
        await self.lessons(fresh, rows[-1].seq if rows else 0)  # everything is in the log
        learned = await folded_in_parts(fresh, rows)
        await self.ports.catalog.start_generation(retriever_id, generation)
        logger.info(
            "unlearned", retriever_id=retriever_id, generation=generation, lessons=len(rows)
        )
        return learned

    async def tidy(self, served: Served) -> None:
        """Remove what only earlier generations held."""
        retriever_id = served.retriever.retriever_id
        await self.ports.catalog.delete_snapshots(retriever_id)
        await self.ports.event_log.delete_lessons(retriever_id, served.generation)

    async def _free_generation(self, served: Served) -> int:
        """A number no lesson has: a rewriting that was interrupted may have left some."""
        found = await self.ports.event_log.query(
            "latest_generation", namespaces=[served.retriever.namespace],
            retriever_ids=[served.retriever.retriever_id],
        )  # fmt: skip
        latest = max((int(row["generation"]) for row in found), default=0)
        return max(latest, served.generation) + 1

    async def save(self, served_all: Iterable[Served]) -> None:
        """Snapshots of all states that moved since the last one."""
        for served in served_all:
            retriever_id = served.retriever.retriever_id
            mark = (served.generation, served.snapshot_id, stamp(served))
            if not served.snapshot_id or self._saved.get(retriever_id) == mark:
                continue
            await self.ports.catalog.save_snapshot(
                StateSnapshot(
                    retriever_id=retriever_id,
                    generation=served.generation,
                    seq=served.snapshot_id,
                    blob=blob_of(served),
                    at_ms=self.ports.clock(),
                )
            )
            self._saved[retriever_id] = mark
