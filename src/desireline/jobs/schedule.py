"""What happens by itself while the server runs: learning ticks, snapshots, index upkeep, new keys,
and the tasks that users and upkeep ask for.

Knows when; what is done is the steps' and adapters' business. A failing turn is logged and
repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

from desireline.jobs.kinds import KINDS
from desireline.jobs.runner import Runner
from desireline.jobs.upkeep import upkeep
from desireline.wiring import System

logger = structlog.get_logger("desireline.jobs")
SNAPSHOT_MS = 60_000
UPKEEP_MS = 5_000
RELOAD_MS = 1_000
PENDING_MS = 10_000


@asynccontextmanager
async def running(system: System) -> AsyncIterator[None]:
    """Everything that repeats, until the block ends; a turn in hand is finished first."""
    stop = asyncio.Event()
    turns: list[tuple[str, int, Callable[[], Awaitable[object]]]] = [
        ("learning", system.settings.learning_tick_ms, system.learner.tick),
        ("snapshots", SNAPSHOT_MS, lambda: system.learner.save(system.live.retrievers())),
        ("upkeep", UPKEEP_MS, lambda: upkeep(system)),
        ("pending", PENDING_MS, system.join_pending),
        ("keys", RELOAD_MS, system.reload),
    ]
    tasks = [asyncio.create_task(_repeat(stop, *turn)) for turn in turns]
    tasks.append(asyncio.create_task(Runner(system, KINDS).run(stop)))
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def _repeat(
    stop: asyncio.Event, name: str, every_ms: int, turn: Callable[[], Awaitable[object]]
) -> None:
    while not stop.is_set():
        try:
            await turn()
        except Exception as error:
            logger.error("job failed", job=name, exc_info=error)
        try:
            await asyncio.wait_for(stop.wait(), every_ms / 1000)
        except TimeoutError:
            continue
