"""Coroutines that wait until a position is passed, woken from another thread with one call a loop.

Knows positions (integers that rise) and event loops; knows nothing of what the positions count.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable

Future = asyncio.Future[None]


class Waiters:
    """Futures by the position they wait for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Future]] = []

    @property
    def awaited(self) -> bool:
        """Whether anybody still waits."""
        with self._lock:
            return any(not future.done() for _, _, future in self._heap)

    def add(self, position: int) -> Future:
        """A future of the running loop that is done when `position` is passed."""
        future: Future = asyncio.get_running_loop().create_future()
        with self._lock:
            heapq.heappush(self._heap, (position, next(self._order), future))
        return future

    def pass_to(self, position: int, error: Callable[[], Exception] | None = None) -> None:
        """Wake all that wait for `position` or less, with an error made for each if one
        is given.
        """
        due: dict[asyncio.AbstractEventLoop, list[Future]] = {}
        with self._lock:
            while self._heap and self._heap[0][0] <= position:
                future = heapq.heappop(self._heap)[2]
                due.setdefault(future.get_loop(), []).append(future)
        for loop, futures in due.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, futures, error)


def _settle(futures: list[Future], error: Callable[[], Exception] | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error())
