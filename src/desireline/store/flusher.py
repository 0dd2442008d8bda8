"""From the intake to the event log, each row exactly once: one thread, one range at a time.

Knows the order intent, insert, tombstones, watermark, and retrying; knows nothing of requests or of
the rows' meaning.

A range's boundaries and token are persisted before its first insert. After a crash the same bytes
are inserted again under the same tokens, and the event log drops what it has. A range's bytes never
change: what was deleted meanwhile is deleted again after the insert (`after_insert`), before the
watermark moves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from desireline.store.backlog import Range
from desireline.store.intake import SegmentIntake, no_fail_point


class Insert(Protocol):
    """What the flusher needs of an event log: once per token."""

    def insert(self, table: str, rows: bytes, token: str) -> None: ...


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between inserts (`floor`: when someone waits), and the size of a range.

    Each insert makes a part in each table, so the floor bounds the merging. After a range of
    `many_rows` it rests twice as long: under load the merging of parts is what an insert costs.
    """

    interval: float = 0.25
    floor: float = 0.1
    rests: float = 4.0
    many_rows: int = 10_000
    longest: float = 2.0
    most_rows: int = 100_000
    most_bytes: int = 48 << 20
    longest_retry: float = 5.0

    def apart(self, took: float, rows: int) -> float:
        """Seconds from the start of an insert that took so long to the start of the next.

        Every insert has a price of its own, whatever its size: under load fewer and larger ones
        are made. `rests` 0 keeps to the interval.

        >>> Pace().apart(0.03, 1), Pace().apart(0.2, 1), Pace().apart(3.0, 1)
        (0.25, 0.8, 2.0)
        >>> Pace().apart(0.2, 50_000)
        1.6
        """
        rests = self.rests * (2 if rows >= self.many_rows else 1)
        return max(self.interval, min(rests * took, self.longest))


class Flusher:
    """Moves the intake's ranges into the event log until it is stopped.

    `inserted_rows`, `failures` and `last_error` are there to be shown. `after_insert(tables)` runs
    on the flusher's thread after a range went in and before anybody is told so.
    """

    def __init__(
        self,
        intake: SegmentIntake,
        event_log: Insert,
        *,
        pace: Pace | None = None,
        after_insert: Callable[[frozenset[str]], None] | None = None,
        fail_point: Callable[[str], None] = no_fail_point,
    ) -> None:
        self._intake, self._event_log = intake, event_log
        self._pace = pace or Pace()
        self._after_insert = after_insert
        self._fail_point = fail_point
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._flush_forever, name="flusher", daemon=True)
        self.inserted_rows = self.failures = 0
        self.last_error = ""

    def start(self) -> None:
        """Insert what a crash left half done (raises if that fails), then go on in a thread."""
        self.replay()
        self._intake.attach(self.stop)
        self._thread.start()

    def replay(self) -> int:
        """Insert the range that was open when the process died; returns its rows."""
        chosen = self._intake.backlog.open_intent()
        if chosen is None:
            return 0
        self._insert(chosen)
        return chosen.rows

    def flush(self) -> int:
        """Insert one range; returns its rows (0: nothing was waiting)."""
        backlog = self._intake.backlog
        chosen = backlog.open_intent() or backlog.next_range(
            self._pace.most_rows, self._pace.most_bytes
        )
        if chosen is None:
            return 0
        backlog.intend(chosen)
        self._fail_point("between_intent_and_insert")
        self._insert(chosen)
        return chosen.rows

    def stop(self) -> None:
        """Stop after the range in hand."""
        self._stopping.set()
        self._intake.urgent.set()
        self._thread.join()

    def _insert(self, chosen: Range) -> None:
        token = chosen.intent.token
        for table, rows in chosen.groups.items():
            self._event_log.insert(table, b"\n".join(rows), f"{token}:{table}")
        self._fail_point("after_insert")
        if self._after_insert is not None:
            self._after_insert(frozenset(chosen.groups))
        self._intake.finish(chosen)
        self.inserted_rows += chosen.rows

    def _flush_forever(self) -> None:
        retry = self._pace.floor
        while not self._stopping.is_set():
            started = time.monotonic()
            self._intake.urgent.clear()
            try:
                rows = self.flush()
            except Exception as error:  # the event log may be away: rows wait in the intake
                self.failures += 1
                self.last_error = str(error)
                self._stopping.wait(retry)
                retry = min(2 * retry, self._pace.longest_retry)
                continue
            retry = self._pace.floor
            if rows < self._pace.most_rows:
                self._rest(started, self._pace.apart(time.monotonic() - started, rows))

    def _rest(self, started: float, apart: float) -> None:
        pace, intake = self._pace, self._intake
        self._stopping.wait(max(0.0, started + pace.floor - time.monotonic()))
        due = started + apart
        # Who waits may wait for rows not yet synced; a range that is full gains nothing by waiting.
        while not intake.awaited and intake.backlog_bytes < pace.most_bytes:
            left = due - time.monotonic()
            if left <= 0 or intake.urgent.wait(min(left, pace.interval)):
                return
