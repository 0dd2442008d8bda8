"""Simulated users that this server started: one child process each, which ends with the server.

Knows processes and which task each works for. What they do they do through the public API, like
any other program (`desireline.simulation`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import structlog

from desireline.errors import DesirelineError
from desireline.types.simulation import Assignment

logger = structlog.get_logger("desireline.simulations")
STOP_S = 5.0
LONGEST_WORDS = 500
SILENT_END = "its process ended without a word"


class Child(Protocol):
    """A process that plays simulated users; its stderr can be read."""

    @property
    def stderr(self) -> Any:
        """What it says, or None."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""

    async def wait(self) -> int:
        """Wait for its end: the exit code."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What simulations are bound to.

    `spawn` starts a child on an assignment and raises OSError; `failed(namespace, task_id, words)`
    notes the failure of a task, unless it has ended.
    """

    spawn: Callable[[Assignment], Awaitable[Child]]
    failed: Callable[[str, str, str], Awaitable[object]]


class Simulations:
    """The children of this process: one in a namespace, however fast they are started and cancelled
    (a cancelled one hears of it at its next report).
    """

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._children: dict[str, tuple[Assignment, Child, asyncio.Task[None]]] = {}
        self._starting = asyncio.Lock()

    async def start(self, assignment: Assignment) -> None:
        """A child for this assignment, once those before it are gone and what they made with them.
        One that cannot be started fails its task.
        """
        async with self._starting:
            await self._end(assignment.namespace)
            try:
                child = await self.ports.spawn(assignment)
            except OSError as error:
                said = f"its process could not be started: {error.strerror or error}"
                await self.ports.failed(assignment.namespace, assignment.task_id, said)
                return
            following = asyncio.create_task(self._follow(child, assignment))
            self._children[assignment.task_id] = assignment, child, following

    async def _follow(self, child: Child, assignment: Assignment) -> None:
        """Its last words, if its task has not ended when it has."""
        try:
            said = await _last_words(child)
            await child.wait()
            await self.ports.failed(assignment.namespace, assignment.task_id, said or SILENT_END)
        except DesirelineError as error:  # a database away, or a namespace deleted meanwhile
            logger.warning("the end of a simulation was not noted", error=error.message)
        finally:
            self._children.pop(assignment.task_id, None)

    async def stop(self) -> None:
        """End all of them, in order if they do so in time."""
        await self._end()

    async def _end(self, namespace: str = "") -> None:
        """Those of a namespace, or all."""
        running = [each for each in self._children.values() if namespace in ("", each[0].namespace)]
        for _, child, _ in running:
            _tell(child.terminate)
        following = [each for _, _, each in running]
        if following:
            _, late = await asyncio.wait(following, timeout=STOP_S)
            if late:
                for _, child, _ in running:
                    _tell(child.kill)
                await asyncio.wait(following)


async def _last_words(child: Child) -> str:
    """The last line it said, once it says no more."""
    said = b""
    while part := await child.stderr.read(LONGEST_WORDS):
        said = (said + part)[-8 * LONGEST_WORDS :]
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:LONGEST_WORDS] if lines else ""


def _tell(what: Callable[[], None]) -> None:
    with suppress(ProcessLookupError):
        what()
