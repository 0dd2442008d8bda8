"""How fast this machine is just now, alone and with every core busy.

The processor of a virtual machine may change by half in seconds, and two of its cores may be one
that is shared: numbers that a benchmark prints are to be read with this. Not run alone.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

STEPS = 400_000
_BUSY = "print(flush=True)\nwhile True: pass"


class Pace:
    """Milliseconds of one and the same loop of Python, taken now and then."""

    def __init__(self) -> None:
        self.alone: list[float] = []
        self.beside: list[float] = []

    def take(self) -> None:
        """Once more, alone and beside a busy process on each other core; some 100 ms."""
        self.alone.append(loop_ms())
        others = [
            subprocess.Popen([sys.executable, "-S", "-c", _BUSY], stdout=subprocess.PIPE)
            for _ in range((os.cpu_count() or 1) - 1)
        ]
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()
        self.beside.append(loop_ms())
        for other in others:
            other.kill()
            other.communicate()

    def __str__(self) -> str:
        return (
            f"meanwhile one loop of Python took {_span(self.alone)} ms alone, {_span(self.beside)} "
            "ms with every core busy"
        )


def loop_ms() -> float:
    """Milliseconds that the loop takes."""
    began, total = time.perf_counter(), 0
    for step in range(STEPS):
        total += step * step % 7
    return (time.perf_counter() - began) * 1000


def _span(taken: list[float]) -> str:
    return f"{statistics.median(taken):.0f} ({min(taken):.0f} to {max(taken):.0f})"
