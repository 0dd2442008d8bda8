"""Closing executions, writing lessons, folding them: the learning loop of one process.

State is the fold of a retriever's lessons in `seq` order and nothing else. A lesson is folded when
it is on disk, so no crash can leave a state that its lessons do not give. Knows ports, no HTTP.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable

import msgspec
import structlog

from desireline.core import closing
from desireline.core.snapshot import Served
from desireline.errors import DesirelineError, StorageFull, Unavailable
from desireline.ports import RecentExecution, Ticket
from desireline.steps.learn.history import History, Ports
from desireline.steps.learn.lessons import (
    Waiting,
    cleared_of,
    folded,
    frame,
    interactions_of,
    row_of,
    without,
)
from desireline.steps.learn.telling import moved, told_of
from desireline.types.learning import Taught
from desireline.types.log import NO_ID, Lesson

logger = structlog.get_logger("desireline.learn")
FORGOTTEN = 100_000
CLOSED_AT_ONCE = 200
UNLEARNING_REST = 5
"""Between two unlearnings pass as many times the duration of the last one."""


class Appended(msgspec.Struct, frozen=True):
    """A lesson in the intake that is not folded yet; `waiting` to append it again if it is lost."""

    row: Lesson
    ticket: Ticket
    waiting: Waiting


class Learner:
    """Owns the fold. All methods run on the event loop; one turn at a time."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.history = History(ports)
        self._turn = asyncio.Lock()
        self._waiting: list[Waiting] = []
        self._unfolded: list[Appended] = []
        self._rebuilding: set[str] = set()
        self._forgotten: OrderedDict[str, None] = OrderedDict()
        self._dirty: dict[str, set[str]] = defaultdict(set)
        self._rest_until_ms = 0

    # What happens on the way.

    def late(
        self, execution: RecentExecution, document_id: str, interaction_id: str, reward: float
    ) -> None:
        """A reward for an execution that is closed: a lesson of its own. Never raises."""
        taught = closing.late(execution, document_id, interaction_id, reward)
        if taught.documents and execution.teaches:
            self._teach(self._lesson_of(execution, "late", taught))

    async def forget(self, interaction_id: str, retriever_id: str) -> None:
        """A deleted interaction: whatever it taught is unlearned at one of the next turns."""
        self._forgotten[interaction_id] = None
        while len(self._forgotten) > FORGOTTEN:
            self._forgotten.popitem(last=False)
        if retriever_id:
            self._dirty[retriever_id].add(interaction_id)

    def mark(self, served: Served, kind: str, user_id: str) -> None:
        """An opt_out or opt_in as a lesson; the catalogue holds the truth (see `agree`)."""
        self._teach(self._mark_of(served, kind, user_id))

    async def reset(self, served: Served, user_id: str) -> None:
        """Forget a user's own preferences; on disk when this returns.

        Raises Unavailable or StorageFull; then nothing was forgotten.
        """
        async with self._turn:
            served = self.ports.live.by_id(served.retriever.retriever_id) or served
            waiting = self._mark_of(served, "reset", user_id)
            row = row_of(waiting, served.generation, self.ports.intake.next_seq(), self.ports.node)
            ticket = self.ports.intake.append([frame(row)])
            await self.ports.intake.synced(ticket)
            self._unfolded.append(Appended(row, ticket, waiting))
            await self._fold()
        self.ports.recent.unpin(served.retriever.retriever_id, user_id)
        self.ports.sessions.end(served.retriever.retriever_id, user_id)

    def _mark_of(self, served: Served, kind: str, user_id: str) -> Waiting:
        retriever, now_ms = served.retriever, self.ports.clock()
        return Waiting(
            retriever.retriever_id, retriever.namespace, kind, now_ms, NO_ID, (),
            Taught(user_id=user_id),
        )  # fmt: skip

    # The turn.

    async def tick(self, *, everything: bool = False) -> int:
        """Close what is due (or all), fold, unlearn what was deleted; returns executions closed."""
        async with self._turn:
            now_ms = self.ports.clock()
            due = self.ports.recent.due(now_ms, everything=everything)
            for number, execution in enumerate(due, 1):
                self._close(execution)
                if number % CLOSED_AT_ONCE == 0:
                    await asyncio.sleep(0)
            self._teach_waiting()
            await self._fold()
            if self._dirty and (everything or now_ms >= self._rest_until_ms):
                await self._unlearn_all()
                await self._fold()
        return len(due)

    def _close(self, execution: RecentExecution) -> None:
        if not execution.open:
            return
        execution.open = False
        served = self.ports.live.by_id(execution.retriever_id)
        if served is None or not execution.teaches:
            return
        if self.ports.intake.lost(Ticket(execution.logged_at)):
            execution.teaches = False  # the disk refused its rows: nothing could be replayed
            return
        taught = cleared_of(closing.close(execution, served.learning), self._forgotten)
        self.ports.sessions.closed(execution, taught)
        self._teach(self._lesson_of(execution, "close", taught))

    def _lesson_of(self, execution: RecentExecution, kind: str, taught: Taught) -> Waiting:
        return Waiting(
            execution.retriever_id, execution.namespace, kind, self.ports.clock(),
            execution.execution_id, execution.context_keys, taught, execution.purpose,
        )  # fmt: skip

    def _teach_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            taught = cleared_of(each.taught, self._forgotten)
            if each.kind != "late" or any(d.rewards for d in taught.documents):
                self._teach(msgspec.structs.replace(each, taught=taught))

    def _teach(self, waiting: Waiting) -> None:
        """Into the intake; kept for later when that is impossible now.

        What is kept is in memory only. A crash loses none of it: `store.memory.rebuild` finds the
        executions without a closing and the rewards that no lesson holds.
        """
        served = self.ports.live.by_id(waiting.retriever_id)
        if served is None:
            return
        if waiting.retriever_id in self._rebuilding:
            self._waiting.append(waiting)
            return
        row = row_of(waiting, served.generation, self.ports.intake.next_seq(), self.ports.node)
        try:
            ticket = self.ports.intake.append([frame(row)])
        except (Unavailable, StorageFull):
            self._waiting.append(waiting)
            return
        self._unfolded.append(Appended(row, ticket, waiting))

    async def _fold(self) -> None:
        """Fold what was appended, once it is on disk; each retriever is swapped once."""
        appended, self._unfolded = self._unfolded, []
        rows: dict[str, list[Appended]] = defaultdict(list)
        for each in appended:
            try:
                await self.ports.intake.synced(each.ticket)
            except StorageFull:
                self._waiting.append(each.waiting)
            else:
                rows[each.row.retriever_id].append(each)
                self.ports.metrics.count("lessons", kind=each.row.kind)
        for retriever_id, ordered in rows.items():
            served = self.ports.live.by_id(retriever_id)
            if served is not None:
                ordered.sort(key=lambda each: each.row.seq)
                served = folded(served, [each.row for each in ordered])
                self.ports.live.replace(served)
                self._tell(served, ordered)

    def _tell(self, served: Served, ordered: list[Appended]) -> None:
        """What was folded, and that everyone's weights moved."""
        namespace, tell = served.retriever.namespace, self.ports.feed.tell
        for each in ordered:
            tell(namespace, "lesson", told_of(each.row, each.waiting.taught))
        if served.uris:
            purposes = [each.row.purpose for each in ordered]
            tell(namespace, "weights", moved(served, purposes, self.ports.clock()))

    # Deletion, restart, new configuration.

    async def _unlearn_all(self) -> None:
        """Every retriever that deleted interactions may have taught; a failure is tried again."""
        started_ms = self.ports.clock()
        dirty, self._dirty = self._dirty, defaultdict(set)
        for retriever_id in sorted(dirty):
            try:
                await self._unlearn(retriever_id, dirty[retriever_id])
                await self._gone(dirty[retriever_id])
            except DesirelineError as error:
                logger.warning("not unlearned yet", retriever_id=retriever_id, error=error.message)
                self._dirty[retriever_id] |= dirty[retriever_id]
        now_ms = self.ports.clock()
        self._rest_until_ms = now_ms + UNLEARNING_REST * (now_ms - started_ms)

    async def _unlearn(self, retriever_id: str, forgotten: set[str]) -> None:
        """If a lesson holds one of these, all lessons are rewritten as a new generation."""
        self._rebuilding.add(retriever_id)
        try:
            await self._fold()
            served = self.ports.live.by_id(retriever_id)
            if served is None:
                return
            lessons = await self.history.lessons(served)
            kept = [without(lesson, forgotten) for lesson in lessons]
            if any(a is not b for a, b in zip(lessons, kept, strict=True)):
                fresh = await self.history.rewritten(served, [row for row in kept if row])
                self._swap_learned(fresh)
                await self.history.tidy(fresh)
        finally:
            self._rebuilding.discard(retriever_id)
            self._teach_waiting()

    def _swap_learned(self, fresh: Served) -> None:
        """Put a rebuilt state in place; definition and switches may have changed meanwhile."""
        current = self.ports.live.by_id(fresh.retriever.retriever_id)
        if current is not None:
            self.ports.live.replace(
                msgspec.structs.replace(
                    current, state=fresh.state, generation=fresh.generation,
                    snapshot_id=fresh.snapshot_id,
                )
            )  # fmt: skip

    async def _gone(self, forgotten: set[str]) -> None:
        """No table holds these any more: their tombstones are settled."""
        tombstones = self.ports.tombstones
        digests = {tombstones.digest("interaction", each) for each in forgotten}
        settled = [each for each in await tombstones.pending() if each.digest in digests]
        if settled:
            await tombstones.applied(settled)

    async def restore(self, served: Served) -> Served:
        """The state of a retriever after a restart: newest snapshot, then the lessons behind it."""
        return await self.history.restored(served)

    async def agree(self, served_all: Iterable[Served]) -> None:
        """After a restart: what other stores know and the lessons do not is taught now.

        Opt-outs of the catalogue without a lesson, and lessons that hold interactions whose
        deletion was begun.
        """
        buried = {each.digest for each in await self.ports.tombstones.pending()}
        for served in served_all:
            learned = served.state.opted_out
            for user_id in sorted(served.opted_out - learned):
                self.mark(served, "opt_out", user_id)
            for user_id in sorted(learned - served.opted_out):
                self.mark(served, "opt_in", user_id)
            if buried:
                await self._recall(served, buried)

    async def _recall(self, served: Served, buried: set[str]) -> None:
        digest = self.ports.tombstones.digest
        for lesson in await self.history.lessons(served):
            for interaction_id in interactions_of(lesson):
                if digest("interaction", interaction_id) in buried:
                    await self.forget(interaction_id, served.retriever.retriever_id)

    async def refold(self, retriever_id: str) -> None:
        """A changed configuration: fold all lessons of the generation again under it."""
        async with self._turn:
            self._rebuilding.add(retriever_id)
            try:
                await self._fold()
                served = self.ports.live.by_id(retriever_id)
                if served is not None:
                    self._swap_learned(await self.history.refolded(served))
            finally:
                self._rebuilding.discard(retriever_id)
                self._teach_waiting()

    async def save(self, served_all: Iterable[Served]) -> None:
        """Snapshots of all states that moved since the last one."""
        async with self._turn:
            await self.history.save(served_all)
