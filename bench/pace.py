"""How fast this machine is just now: the processor of a virtual one may change by half in seconds.

A number that a benchmark prints is to be read with it. Not run alone.
"""

from __future__ import annotations

import statistics
import time

STEPS = 400_000


class Pace:
    """Milliseconds of one and the same loop of Python, taken now and then."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def take(self) -> None:
        """Once more; blocks for some 30 ms."""
        began, total = time.perf_counter(), 0
        for step in range(STEPS):
            total += step * step % 7
        self.taken.append((time.perf_counter() - began) * 1000)

    def __str__(self) -> str:
        low, middle, high = min(self.taken), statistics.median(self.taken), max(self.taken)
        return f"one loop of Python took {middle:.0f} ms in between ({low:.0f} to {high:.0f})"
