"""Long work as a user asks for it, watches it and ends it: one row of the catalogue a task.

A task is done by this server's runner (`jobs/runner.py`), or by another program that reports how
far it is (`desireline import`, simulated users). Knows rows and who waits for them; does none of
the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from desireline.core.times import iso, parse_iso
from desireline.errors import VersionConflict
from desireline.ports import Clock, Feed, TaskCatalog
from desireline.types.catalog import UNFINISHED, TaskRecord, TaskStatus

SILENT_MS = 60_000
"""A reported task of which nobody heard for this long has failed."""
ALONE = {"simulate": 20_000}
"""Kinds of which a namespace has one at a time and which can't go on: silent for so many ms, they
have failed.
"""
_replace = msgspec.structs.replace


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What tasks are bound to."""

    catalog: TaskCatalog
    clock: Clock
    mint: Callable[[], str]
    feed: Feed


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How far a reported task is; None leaves a value as it is."""

    done: int | None = None
    total: int | None = None
    message: str | None = None
    checkpoint: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    status: TaskStatus | None = None
    error: dict[str, Any] | None = None


class Tasks:
    """Tasks of all namespaces; `waiting` is set when there is something to do or to stop."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.waiting = asyncio.Event()
        self._cancelled: set[str] = set()
        self._submitting = asyncio.Lock()

    async def submit(
        self, namespace: str, kind: str, parameters: dict[str, Any], message: str = ""
    ) -> TaskRecord:
        """Work for the runner; the same work that has not ended yet is not queued twice."""
        async with self._submitting:
            for task in await self.ports.catalog.unfinished():
                if (task.namespace, task.kind, task.parameters) == (namespace, kind, parameters):
                    return task
            task = _replace(self._new(namespace, kind, parameters), message=message)
            await self.ports.catalog.create(task)
        self.waiting.set()
        return self._told(task)

    async def announce(
        self, namespace: str, kind: str, parameters: dict[str, Any], total: int, unit: str
    ) -> TaskRecord:
        """Work that another program does and will report on. Raises VersionConflict while one runs
        of a kind that runs alone.
        """
        async with self._submitting:
            await self._room_for(namespace, kind)
            return await self._announced(namespace, kind, parameters, total, unit)

    async def _room_for(self, namespace: str, kind: str) -> None:
        """Raises VersionConflict; one of which nobody hears any more makes room."""
        if kind not in ALONE:
            return
        await self.give_up_silent()
        for task in await self.ports.catalog.unfinished():
            if (task.namespace, task.kind) == (namespace, kind):
                raise VersionConflict(
                    f"another one runs: task_{task.task_id}", code="task_running",
                    hint=f"wait for it, or POST /v1/tasks/task_{task.task_id}/cancel",
                    details={"task_id": f"task_{task.task_id}"},
                )  # fmt: skip

    async def _announced(
        self, namespace: str, kind: str, parameters: dict[str, Any], total: int, unit: str
    ) -> TaskRecord:
        now = iso(self.ports.clock())
        task = _replace(
            self._new(namespace, kind, parameters), status="running", is_reported=True,
            attempts=1, total=total, unit=unit, started_at=now,
        )  # fmt: skip
        await self.ports.catalog.create(task)
        return self._told(task)

    async def report(self, namespace: str, task_id: str, report: Report) -> TaskRecord:
        """Note how far a reported task is. One that ended stays as it is: the reporter stops.

        Raises NotFound, and VersionConflict for a task that the server works on.
        """
        now = iso(self.ports.clock())
        told = {k: v for k, v in msgspec.structs.asdict(report).items() if v is not None}
        if report.status is not None and report.status not in UNFINISHED:
            told["finished_at"] = now

        def change(task: TaskRecord) -> TaskRecord:
            if not task.is_reported:
                raise _not_yours(task)
            ended = task.status not in UNFINISHED
            return task if ended else _replace(task, updated_at=now, **told)

        return self._told(await self.ports.catalog.change(namespace, task_id, change))

    async def failed(self, namespace: str, task_id: str, words: str) -> None:
        """A reported task has failed, unless it has ended: its program could not say so."""
        error = {"code": "task_failed", "message": words, "hint": ""}
        await self.report(namespace, task_id, Report(status="failed", error=error))

    async def get(self, namespace: str, task_id: str) -> TaskRecord:
        """Raises NotFound."""
        return await self.ports.catalog.get(namespace, task_id)

    async def page(
        self, namespace: str, *, kind: str, statuses: Sequence[TaskStatus], before: str, limit: int
    ) -> tuple[list[TaskRecord], str]:
        """A page, newest first, and the id behind which the next one begins ("": the last)."""
        newest = self.ports.catalog.newest
        found = await newest(
            namespace, kind=kind, statuses=statuses, before=before, limit=limit + 1
        )
        return found[:limit], found[limit - 1].task_id if len(found) > limit else ""

    async def cancel(self, namespace: str, task_id: str) -> TaskRecord:
        """End an unfinished task: it stops before its next piece of work. Ended ones stay so."""
        now, is_running = iso(self.ports.clock()), False

        def change(task: TaskRecord) -> TaskRecord:
            nonlocal is_running
            is_running = task.status == "running" and not task.is_reported
            ended = task.status not in UNFINISHED
            cancelled = _replace(task, status="cancelled", updated_at=now, finished_at=now)
            return task if ended else cancelled

        task = await self.ports.catalog.change(namespace, task_id, change)
        if is_running:  # the runner has it in hand, and forgets it when it stops
            self._cancelled.add(task_id)
        return self._told(task)

    async def retry(self, namespace: str, task_id: str) -> TaskRecord:
        """Begin a failed or cancelled task again, from its checkpoint.

        A reported one also while it seems to run: its program may have been killed. Raises
        VersionConflict.
        """
        now = iso(self.ports.clock())

        def change(task: TaskRecord) -> TaskRecord:
            if task.kind in ALONE:
                raise _not_again(task)
            is_left = task.is_reported and task.status == "running"
            if not is_left and task.status not in ("failed", "cancelled"):
                raise VersionConflict(
                    f"the task is {task.status}: only a failed or cancelled one begins again",
                    code="task_not_ended", hint="look at it with GET /v1/tasks/{task_id}",
                )  # fmt: skip
            again = _replace(
                task, status="pending", error={}, attempts=0, updated_at=now, finished_at="",
                done_before=task.done,
            )  # fmt: skip
            reported = _replace(again, status="running", attempts=1, started_at=now)
            return reported if task.is_reported else again

        task = await self.ports.catalog.change(namespace, task_id, change)
        self._cancelled.discard(task_id)
        self.waiting.set()
        return self._told(task)

    async def give_up_silent(self) -> None:
        """End the reported tasks of which nobody hears any more."""
        now = self.ports.clock()
        for task in await self.ports.catalog.unfinished():
            patience = ALONE.get(task.kind, SILENT_MS)
            if task.is_reported and now - parse_iso(task.updated_at) > patience:
                error = {
                    "code": "task_silent", "message": "the program that did it reports no more",
                    "hint": "start another" if task.kind in ALONE else
                    f"run it again, `--resume task_{task.task_id}` goes on from there",
                }  # fmt: skip
                moment = iso(now)
                ended = _replace(
                    task, status="failed", error=error, updated_at=moment, finished_at=moment
                )
                await self.save(ended)

    async def save(self, task: TaskRecord) -> bool:
        """Write the row of a task in hand; False when it was ended meanwhile, and nothing was
        written.
        """
        kept = await self.ports.catalog.save(task)
        if kept:
            self._told(task)
        return kept

    def _told(self, task: TaskRecord) -> TaskRecord:
        """The task, once those who watch know how it stands."""
        self.ports.feed.tell(task.namespace, "task", task)
        return task

    def is_cancelled(self, task_id: str) -> bool:
        """Whether someone ended it while this process runs."""
        return task_id in self._cancelled

    def forget(self, task_id: str) -> None:
        """Its work has stopped."""
        self._cancelled.discard(task_id)

    def _new(self, namespace: str, kind: str, parameters: dict[str, Any]) -> TaskRecord:
        now = iso(self.ports.clock())
        return TaskRecord(
            task_id=self.ports.mint(), namespace=namespace, kind=kind, parameters=parameters,
            created_at=now, updated_at=now,
        )  # fmt: skip


def _not_again(task: TaskRecord) -> VersionConflict:
    return VersionConflict(
        f"a task of the kind `{task.kind}` can't go on where it ended",
        code="task_not_repeatable", hint="start another with POST /v1/simulations",
    )  # fmt: skip


def _not_yours(task: TaskRecord) -> VersionConflict:
    return VersionConflict(
        f"the server itself works on this task ({task.kind}): nothing can be reported",
        code="task_not_reported", hint="cancel it with DELETE /v1/tasks/{task_id}",
    )  # fmt: skip
