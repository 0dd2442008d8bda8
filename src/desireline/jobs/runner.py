"""Does the tasks of the catalogue, one at a time, oldest first; goes on after a restart.

A task that was running when the process ended (also by kill -9) is unfinished in its row, so the
next start finds it and begins again from its checkpoint. Knows rows, order and errors; what a kind
of task does is `kinds`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from desireline.core.times import iso
from desireline.errors import DesirelineError, Unavailable
from desireline.steps.tasks import Tasks
from desireline.types.catalog import TaskRecord
from desireline.wiring import System

logger = structlog.get_logger("desireline.jobs")
MOST_ATTEMPTS = 3
"""A task that ended the process this often is not begun again: it may be what ends it."""
REPORT_S = 0.2
IDLE_S = 5.0
_replace = msgspec.structs.replace


class Stopped(Exception):
    """The work stopped before its end: cancelled, or the server stops."""


class Work:
    """A task in hand: what its kind reads, and where it says how far it is."""

    def __init__(self, task: TaskRecord, tasks: Tasks, stop: asyncio.Event) -> None:
        self.task = task
        self._tasks, self.stop = tasks, stop
        self._said = 0.0
        self._saving: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What was asked."""
        return self.task.parameters

    def progress(self, done: int, total: int) -> None:
        """So many of so many; written at most five times a second."""
        self.task = _replace(self.task, done=done, total=total)
        self._save_soon()

    def say(self, message: str, unit: str = "") -> None:
        """What is being done now, and what is counted."""
        self.task = _replace(self.task, message=message, unit=unit or self.task.unit)
        self._save_soon()

    async def reached(self, **checkpoint: Any) -> None:
        """Everything up to here is done for good; durable when this returns."""
        self.task = _replace(self.task, checkpoint=checkpoint)
        await self.settled()
        await self._save()

    def is_over(self) -> bool:
        """Whether to stop before the next piece of work."""
        return self._ended or self.stop.is_set() or self._tasks.is_cancelled(self.task.task_id)

    async def settled(self) -> None:
        """Nothing is being written any more."""
        if self._saving is not None:
            await self._saving

    def _save_soon(self) -> None:
        now = time.monotonic()
        busy = self._saving is not None and not self._saving.done()
        if not busy and now - self._said >= REPORT_S:
            self._said = now
            self._saving = asyncio.ensure_future(self._save())

    async def _save(self) -> None:
        now = iso(self._tasks.ports.clock())
        try:
            kept = await self._tasks.save(_replace(self.task, updated_at=now))
        except DesirelineError:  # a full disk or a database away: the work itself goes on
            return
        self._ended = self._ended or not kept


Kind = Callable[[System, Work], Awaitable[dict[str, Any]]]


class Runner:
    """The one worker of this process."""

    def __init__(self, system: System, kinds: Mapping[str, Kind]) -> None:
        self._system, self._tasks, self._kinds = system, system.tasks, kinds

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; a task in hand is put off then, not lost."""
        while not stop.is_set():
            try:
                await self.turn(stop)
            except Exception as error:  # the catalogue is away
                logger.error("tasks cannot be done", exc_info=error)
                await _pause(IDLE_S, stop)

    async def turn(self, stop: asyncio.Event) -> None:
        """Do the oldest task, or wait until there is one."""
        self._tasks.waiting.clear()
        await self._tasks.give_up_silent()
        unfinished = await self._tasks.ports.catalog.unfinished()
        task = next((each for each in unfinished if not each.is_reported), None)
        if task is None:
            await _first(self._tasks.waiting, stop)
        else:
            await self._do(task, stop)

    async def _do(self, task: TaskRecord, stop: asyncio.Event) -> None:
        now = iso(self._system.clock())
        if task.attempts >= MOST_ATTEMPTS:
            await self._end(task, "failed", error=_gave_up(task))
            return
        begun = _replace(
            task, status="running", attempts=task.attempts + 1, started_at=now, updated_at=now,
            done_before=task.done,
        )  # fmt: skip
        if await self._tasks.save(begun):
            logger.info("task begins", kind=task.kind, task_id=task.task_id, attempt=begun.attempts)
            await self._work(Work(begun, self._tasks, stop))
        self._tasks.forget(task.task_id)

    async def _work(self, work: Work) -> None:
        try:
            result = await self._kind(work)(self._system, work)
        except Stopped:
            await self._put_off(work, attempts=work.task.attempts - 1)
        except Unavailable as error:  # busy: another try, not at once
            await self._put_off(work, message=error.message)
            await _pause(IDLE_S, work.stop)
        except Exception as error:
            logger.error("task failed", kind=work.task.kind, exc_info=error)
            await work.settled()
            await self._end(work.task, "failed", error=_envelope(error))
        else:
            await work.settled()
            await self._end(work.task, "completed", result=result)

    def _kind(self, work: Work) -> Kind:
        found = self._kinds.get(work.task.kind)
        if found is None:
            raise DesirelineError(
                f"this desireline does not know how to do `{work.task.kind}`",
                code="task_kind_unknown", hint="was the row written by another version?",
            )  # fmt: skip
        return found

    async def _put_off(self, work: Work, **changes: Any) -> None:
        """Back into the queue, unless it was cancelled (then its row has ended already)."""
        await work.settled()
        now = iso(self._system.clock())
        waiting = _replace(work.task, status="pending", updated_at=now, **changes)
        await self._tasks.save(waiting)

    async def _end(self, task: TaskRecord, status: Any, **changes: Any) -> None:
        now = iso(self._system.clock())
        ended = _replace(task, status=status, updated_at=now, finished_at=now, **changes)
        await self._tasks.save(ended)
        logger.info("task ended", kind=task.kind, task_id=task.task_id, status=status)


def _envelope(error: Exception) -> dict[str, Any]:
    if isinstance(error, DesirelineError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    hint = "the server's log has the traceback; please report it"
    return {"code": "internal_error", "message": f"{type(error).__name__}: {error}", "hint": hint}


def _gave_up(task: TaskRecord) -> dict[str, Any]:
    return {
        "code": "task_gave_up",
        "message": f"begun {task.attempts} times, and the server ended or was busy each time",
        "hint": "look at the server's log and memory, then retry the task",
    }


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _first(waiting: asyncio.Event, stop: asyncio.Event) -> None:
    """Until there is something to do, the server stops, or a while has passed."""
    waits = [asyncio.ensure_future(each.wait()) for each in (waiting, stop)]
    await asyncio.wait(waits, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
