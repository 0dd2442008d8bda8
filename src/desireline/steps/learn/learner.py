"""Closing executions, writing lessons, folding them: the learning loop of one process.

State is the fold of a retriever's lessons in `seq` order and nothing else; what is folded here was
first appended to the intake. Knows ports and `core.policy`, no HTTP, no engine.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, MutableMapping
from typing import Any

import msgspec
import structlog

from desireline.core import closing, policy
from desireline.core.reward import rewards_of
from desireline.core.snapshot import Served
from desireline.core.times import row_time
from desireline.errors import IntakeFull, StorageFull
from desireline.ports import (
    Clock,
    EventLog,
    Intake,
    LearningCatalog,
    Live,
    Metrics,
    RecentExecution,
    RecentExecutions,
)
from desireline.types.catalog import StateSnapshot
from desireline.types.learning import Context, Taught
from desireline.types.log import NO_ID, Lesson

logger = structlog.get_logger("desireline.learn")
_encode = msgspec.json.Encoder().encode
PAGE = 20_000
SNAPSHOT_EVERY_MS = 60_000
FORGOTTEN = 100_000
SESSIONS = 20_000


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What learning is bound to. `sessions` are in-session states by (retriever_id, session_id)."""

    live: Live
    intake: Intake
    event_log: EventLog
    recent: RecentExecutions
    catalog: LearningCatalog
    sessions: MutableMapping[tuple[str, str], Any]
    clock: Clock
    metrics: Metrics
    node: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """A lesson that is not in the intake yet (its retriever is being rebuilt, or the backlog is
    full).
    """

    retriever_id: str
    namespace: str
    kind: str
    at_ms: int
    execution_id: str
    context_keys: tuple[str, ...]
    taught: Taught


class Learner:
    """Owns the fold. All methods run on the event loop."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._waiting: list[Waiting] = []
        self._unfolded: dict[str, list[Lesson]] = defaultdict(list)
        self._forgotten: OrderedDict[str, None] = OrderedDict()
        self._dirty: set[str] = set()
        self._rebuilding: set[str] = set()
        self._snapshots: dict[str, tuple[int, int]] = {}

    # What happens on the way.

    def late(
        self, execution: RecentExecution, document_id: str, interaction_id: str, reward: float
    ) -> None:
        """A reward for an execution that is closed: a lesson of its own. Never raises."""
        taught = closing.late(execution, document_id, interaction_id, reward)
        if taught.documents and execution.teaches:
            self._teach(self._lesson_of(execution, "late", taught))

    def rewarded(
        self, execution: RecentExecution, document_id: str, interaction_id: str, reward: float
    ) -> None:
        """In-session adaptation: what a session's own act changes for its next search at once."""
        self._adapt(
            execution, "late", closing.late(execution, document_id, interaction_id, reward)
        )

    def _adapt(self, execution: RecentExecution, kind: policy.Kind, taught: Taught) -> None:
        """Teach the session's own temporary state; it never reaches a node."""
        served = self.ports.live.by_id(execution.retriever_id)
        sessions, key = self.ports.sessions, (execution.retriever_id, execution.session_id)
        known = sessions.pop(key, None)
        if served is None or not execution.session_id or not taught.documents:
            return
        lesson = policy.Lesson(
            kind=kind,
            at_ms=self.ports.clock(),
            context_keys=execution.context_keys,
            taught=taught,
            user_id=execution.user_id,
        )
        session = policy.adapt(
            known,
            served.state.nodes,
            _context(execution),
            lesson,
            served.learning,
            len(served.uris),
        )
        if session is not None:
            sessions[key] = session
        while len(sessions) > SESSIONS:
            del sessions[next(iter(sessions))]

    async def forget(self, interaction_id: str, retriever_id: str) -> None:
        """A deleted interaction: whatever it taught is unlearned at the next tick."""
        self._forgotten[interaction_id] = None
        while len(self._forgotten) > FORGOTTEN:
            self._forgotten.popitem(last=False)
        if retriever_id:
            self._dirty.add(retriever_id)

    def mark(self, served: Served, kind: str, user_id: str) -> None:
        """A reset, opt_out or opt_in as a lesson."""
        taught = Taught(user_id=user_id)
        self._teach(
            Waiting(
                served.retriever.retriever_id, served.retriever.namespace, kind,
                self.ports.clock(), NO_ID, (), taught,
            )
        )  # fmt: skip

    # The tick.

    async def tick(self, *, everything: bool = False) -> int:
        """Close what is due (or all), unlearn what was deleted, fold; returns executions closed."""
        now_ms = self.ports.clock()
        due = self.ports.recent.due(now_ms, everything=everything)
        for execution in due:
            self._close(execution)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            self._teach(each)
        self.fold()
        for retriever_id in sorted(self._dirty):
            self._dirty.discard(retriever_id)
            await self._unlearn(retriever_id)
        self._expire_sessions(now_ms)
        return len(due)

    def _close(self, execution: RecentExecution) -> None:
        execution.open = False
        served = self.ports.live.by_id(execution.retriever_id)
        if served is None or not execution.teaches:
            return
        for shown in execution.shown:
            if shown.rewards and not self._forgotten.keys().isdisjoint(i for i, _ in shown.rewards):
                shown.rewards[:] = [r for r in shown.rewards if r[0] not in self._forgotten]
        taught = closing.close(execution, served.learning)
        if (execution.retriever_id, execution.session_id) in self.ports.sessions:
            self._adapt(execution, "close", taught)
        self._teach(self._lesson_of(execution, "close", taught))

    def _lesson_of(self, execution: RecentExecution, kind: str, taught: Taught) -> Waiting:
        return Waiting(
            execution.retriever_id, execution.namespace, kind, self.ports.clock(),
            execution.execution_id, execution.context_keys, taught,
        )  # fmt: skip

    def _teach(self, waiting: Waiting) -> None:
        """Into the intake, then into the fold's queue; kept for later when that is
        impossible now.
        """
        served = self.ports.live.by_id(waiting.retriever_id)
        if served is None:
            return
        if waiting.retriever_id in self._rebuilding:
            self._waiting.append(waiting)
            return
        row = self._row(waiting, served.generation)
        try:
            self.ports.intake.append([("lessons", _encode(row))])
        except (IntakeFull, StorageFull):
            self._waiting.append(waiting)
            return
        self._unfolded[waiting.retriever_id].append(row)
        self.ports.metrics.count("lessons", kind=waiting.kind)

    def _row(self, waiting: Waiting, generation: int) -> Lesson:
        at = row_time(waiting.at_ms)
        return Lesson(
            namespace=waiting.namespace, occurred_at=at, received_at=at, source="learn",
            node=self.ports.node, seq=self.ports.intake.next_seq(),
            user_id=waiting.taught.user_id, session_id=waiting.taught.session_id,
            retriever_id=waiting.retriever_id, generation=generation, kind=waiting.kind,
            execution_id=waiting.execution_id, context_keys=waiting.context_keys,
            payload=_encode(waiting.taught).decode(),
        )  # fmt: skip

    def fold(self) -> None:
        """Fold everything appended so far; each retriever is swapped once."""
        unfolded, self._unfolded = self._unfolded, defaultdict(list)
        for retriever_id, rows in unfolded.items():
            served = self.ports.live.by_id(retriever_id)
            if served is not None:
                self.ports.live.replace(folded(served, rows))

    # Deletion, restart, new configuration.

    async def _unlearn(self, retriever_id: str) -> None:
        """If a lesson holds a deleted interaction, all lessons are rewritten as a new
        generation.
        """
        served = self.ports.live.by_id(retriever_id)
        if served is None:
            return
        self._rebuilding.add(retriever_id)
        try:
            await self.ports.intake.flushed(timeout_ms=60_000)
            lessons = await self._lessons(served, 0)
            kept = [without(lesson, self._forgotten.keys()) for lesson in lessons]
            if any(a is not b for a, b in zip(lessons, kept, strict=True)):
                await self._regenerate(served, [row for row in kept if row is not None])
        finally:
            self._rebuilding.discard(retriever_id)

    async def _regenerate(self, served: Served, lessons: list[Lesson]) -> None:
        retriever_id = served.retriever.retriever_id
        generation = await self.ports.catalog.start_generation(retriever_id)
        await self.ports.catalog.delete_snapshots(retriever_id)
        intake = self.ports.intake
        rows = [
            msgspec.structs.replace(row, generation=generation, seq=intake.next_seq(),
                                    node=self.ports.node)
            for row in lessons
        ]  # fmt: skip
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            await intake.synced(intake.append([("lessons", _encode(row)) for row in part]))
        current = self.ports.live.by_id(retriever_id) or served
        fresh = msgspec.structs.replace(
            current, state=policy.State(), generation=generation, snapshot_id=0
        )
        self.ports.live.replace(folded(fresh, rows))
        await intake.flushed(timeout_ms=60_000)
        await self.ports.event_log.delete_lessons(retriever_id, generation)
        logger.info(
            "unlearned", retriever_id=retriever_id, generation=generation, lessons=len(rows)
        )

    async def restore(self, served: Served) -> Served:
        """The state of a retriever after a restart: newest snapshot, then the lessons behind it."""
        retriever_id = served.retriever.retriever_id
        generation = await self.ports.catalog.generation(retriever_id)
        snapshot = await self.ports.catalog.newest_snapshot(retriever_id)
        base = msgspec.structs.replace(served, generation=generation)
        if snapshot is not None and snapshot.generation == generation:
            state = policy.from_bytes(snapshot.blob)
            base = msgspec.structs.replace(base, state=state, snapshot_id=snapshot.seq)
            self._snapshots[retriever_id] = (generation, snapshot.seq)
        return folded(base, await self._lessons(base, base.snapshot_id))

    async def refold(self, retriever_id: str) -> None:
        """A changed configuration: fold all lessons of the generation again under it."""
        await self.ports.catalog.delete_snapshots(retriever_id)
        await self.ports.intake.flushed(timeout_ms=60_000)
        served = self.ports.live.by_id(retriever_id)
        if served is not None:
            fresh = msgspec.structs.replace(served, state=policy.State(), snapshot_id=0)
            self.ports.live.replace(folded(fresh, await self._lessons(fresh, 0)))

    async def _lessons(self, served: Served, after_seq: int) -> list[Lesson]:
        """All lessons of the generation behind a number, in order."""
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

    async def save(self, served_all: Iterable[Served]) -> None:
        """Snapshots of all states that moved since the last one."""
        for served in served_all:
            retriever_id = served.retriever.retriever_id
            mark = (served.generation, served.snapshot_id)
            if not served.snapshot_id or self._snapshots.get(retriever_id) == mark:
                continue
            await self.ports.catalog.save_snapshot(
                StateSnapshot(
                    retriever_id=retriever_id, generation=served.generation,
                    seq=served.snapshot_id, blob=policy.to_bytes(served.state),
                    at_ms=self.ports.clock(),
                )
            )  # fmt: skip
            self._snapshots[retriever_id] = mark

    def _expire_sessions(self, now_ms: int) -> None:
        gone = []
        for key, session in self.ports.sessions.items():
            served = self.ports.live.by_id(key[0])
            minutes = served.learning.session_ttl_minutes if served else 0
            if now_ms - session.at_ms > minutes * 60_000:
                gone.append(key)
        for key in gone:
            del self.ports.sessions[key]


def folded(served: Served, rows: list[Lesson]) -> Served:
    """A retriever's `Served` after these lessons; those of other searches teach nothing."""
    if not rows:
        return served
    lessons = [policy.lesson_of(row) for row in rows]
    fitting = [
        lesson for lesson in lessons
        if not lesson.taught.searches or lesson.taught.searches == served.uris
    ]  # fmt: skip
    state = policy.fold_all(served.state, fitting, served.learning, len(served.uris))
    return msgspec.structs.replace(served, state=state, snapshot_id=rows[-1].seq)


def without(lesson: Lesson, forgotten: Iterable[str]) -> Lesson | None:
    """A lesson without the rewards of deleted interactions: itself when it has none of them.

    A late reward that is deleted is no lesson any more (None).
    """
    taught = msgspec.json.decode(lesson.payload, type=Taught)
    gone = set(forgotten)
    if not any(i in gone for d in taught.documents for i, _ in d.rewards):
        return lesson
    documents = tuple(
        msgspec.structs.replace(d, rewards=tuple(r for r in d.rewards if r[0] not in gone))
        for d in taught.documents
    )
    if lesson.kind == "late" and not any(d.rewards for d in documents):
        return None
    changed = msgspec.structs.replace(taught, documents=documents)
    return msgspec.structs.replace(lesson, payload=_encode(changed).decode())


def served_of(served: Served) -> Served:
    """A `Served` whose reward map follows its configuration."""
    return msgspec.structs.replace(served, rewards=rewards_of(served.learning))


def _context(execution: RecentExecution) -> Context:
    keys = {key.partition(":")[0]: key for key in execution.context_keys}
    return Context(
        personal=keys.get("personal", ""),
        demographic=keys.get("demographic", ""),
        session=f"session:{execution.session_id}",
    )
