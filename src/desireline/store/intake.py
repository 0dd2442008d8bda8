"""The durable intake: many requests, one write and one fdatasync, then their acknowledgements.

Knows queueing, bounds, the committer thread and who waits; where bytes lie is `backlog`'s business.
Knows nothing of what the rows mean. An acknowledgement (`synced`) follows the sync of the last byte
of
its rows.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from desireline import errors
from desireline.ports import Ticket
from desireline.store.backlog import Backlog, Range
from desireline.store.segments import System, frames
from desireline.store.sequence import Numbers
from desireline.store.waiters import Waiters

Acknowledge = Literal["disk", "memory"]


def no_fail_point(name: str) -> None:
    """Do nothing at a named place (a test's child process kills itself there instead)."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes: waiting for the disk (memory), not yet in the event log (disk), of one segment file.

    `pause_seconds`: for how long rows are refused after the disk refused some.
    """

    waiting_bytes: int = 64 << 20
    backlog_bytes: int = 512 << 20
    segment_bytes: int = 64 << 20
    pause_seconds: float = 0.25


class SegmentIntake:
    """The port `Intake`. `folder` belongs to this node and this process alone.

    `ack="memory"` acknowledges before the sync: a power cut loses at most one flush interval.
    Raises `segments.CorruptSegment` when rows that were acknowledged can't be read.
    """

    def __init__(
        self,
        folder: Path,
        node: str,
        *,
        bounds: Bounds | None = None,
        ack: Acknowledge = "disk",
        system: System | None = None,
        fail_point: Callable[[str], None] = no_fail_point,
    ) -> None:
        self.node, self.bounds = node, bounds or Bounds()
        self.backlog = Backlog(
            folder,
            node,
            system=system or System(),
            segment_bytes=self.bounds.segment_bytes,
            sync=ack == "disk",
        )
        self.urgent = threading.Event()
        self.failures = 0
        self.is_failing = False  # the disk refused the last write
        self._numbers = Numbers(folder / "sequence")
        self._fail_point = fail_point
        self._wake = threading.Condition()
        self._blocks: list[bytes] = []
        self._appended = self._synced = self.backlog.appended
        self._refuse_until = 0.0
        self._lost: deque[tuple[int, int]] = deque(maxlen=1024)
        self._closing = False
        self._on_synced, self._on_flushed = Waiters(), Waiters()
        self._stop_flusher: Callable[[], None] | None = None
        self._committer = threading.Thread(target=self._commit_forever, name="intake", daemon=True)
        self._committer.start()

    def next_seq(self, count: int = 1) -> int:
        """The number for the next row of this node, the first of `count` in a row; never given
        twice, also across restarts.
        """
        return self._numbers.take(count)

    def append(self, rows: Sequence[tuple[str, bytes]]) -> Ticket:
        """Queue frames, each (table, JSON of one row), in this order, all or none; does not wait.

        Raises `errors.IntakeFull` (backlog bound) or `errors.StorageFull` (just after the disk
        failed); then nothing was queued.
        """
        block = frames(rows)
        with self._wake:
            self._refuse_if_full(len(block))
            if block:
                self._blocks.append(block)
                self._appended += len(block)
                self._wake.notify()
            return Ticket(self._appended)

    async def synced(self, ticket: Ticket) -> None:
        """Wait until everything up to `ticket` survived an fdatasync. Raises
        `errors.StorageFull`.
        """
        with self._wake:
            if self.lost(ticket):
                raise _storage_full()
            if ticket.seq <= self._synced:
                return
            future = self._on_synced.add(ticket.seq)
        await future

    def lost(self, ticket: Ticket) -> bool:
        """Whether the disk refused the rows behind `ticket` (False while that is open)."""
        return any(start < ticket.seq <= end for start, end in self._lost)

    async def flushed(self, ticket: Ticket | None = None, timeout_ms: int = 1000) -> bool:
        """Wait until everything up to `ticket` (None: appended so far) is in the event log."""
        position = self._appended if ticket is None else ticket.seq
        future = self._on_flushed.add(position)
        self.urgent.set()
        if self.backlog.flushed >= position:
            self._on_flushed.pass_to(position)
        try:
            await asyncio.wait_for(future, timeout_ms / 1000)
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Drain what is queued, flush (at most 10 s), stop the threads."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._committer.join)
        if self._stop_flusher is not None:
            await self.flushed(timeout_ms=10_000)
            await asyncio.to_thread(self._stop_flusher)
        self.backlog.close()

    @property
    def backlog_bytes(self) -> int:
        """Bytes that were appended and are not in the event log yet."""
        return self._appended - self.backlog.flushed

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for rows to be in the event log."""
        return self._on_flushed.awaited

    def attach(self, stop: Callable[[], None]) -> None:
        """Name what stops the flusher, so that closing the intake flushes first."""
        self._stop_flusher = stop

    def finish(self, chosen: Range) -> None:
        """The range is in the event log: move the watermark, wake who waited for it."""
        self.backlog.finish(chosen)
        self._on_flushed.pass_to(self.backlog.flushed)

    def _refuse_if_full(self, size: int) -> None:
        if self._closing:
            raise errors.Unavailable("the intake is closing")
        if time.monotonic() < self._refuse_until:
            raise _storage_full()
        waiting = self._appended - self._synced + size
        if (
            waiting > self.bounds.waiting_bytes
            or self.backlog_bytes + size > self.bounds.backlog_bytes
        ):
            raise errors.IntakeFull(
                "the intake's backlog is full; nothing was stored",
                hint="send it again after a pause",
            )

    def _commit_forever(self) -> None:
        while True:
            with self._wake:
                while not self._blocks and not self._closing:
                    self._wake.wait()
                blocks, self._blocks = self._blocks, []
                end = self._appended
            if not blocks:
                return
            self._commit(blocks, end)

    def _commit(self, blocks: list[bytes], end: int) -> None:
        try:
            self.backlog.append(blocks, self._fail_point)
        except OSError:
            self._fail(end)
            return
        with self._wake:
            self._synced = end
            self.is_failing = False
        self._on_synced.pass_to(end)

    def _fail(self, end: int) -> None:
        with self._wake:
            self.failures += 1
            self.is_failing = True
            self._lost.append((self._synced, end))
            self._synced = end
            self._refuse_until = time.monotonic() + self.bounds.pause_seconds
        self._on_synced.pass_to(end, _storage_full)
        self._on_flushed.pass_to(self.backlog.flushed)


def _storage_full() -> errors.StorageFull:
    return errors.StorageFull(
        "the disk refused the write; nothing of this request was stored",
        hint="free disk space and send it again",
    )
