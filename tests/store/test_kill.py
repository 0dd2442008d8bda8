"""SIGKILL at each named fail point, 50 rounds on one data directory: nothing lost or doubled.

A killed process keeps the page cache, so this proves the protocol (replay, boundaries, tokens);
that the bytes are synced before the acknowledgement is proved by order, in `test_intake.py`.
"""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desireline.store.flusher import Flusher
from desireline.store.intake import SegmentIntake
from tests.store.event_logs import ask, embedded
from tests.store.kill_child import BATCH

ROUNDS = 50
POINTS = ("before_sync", "after_sync", "between_intent_and_insert", "after_insert")
ROOT = Path(__file__).parents[2]
SPREAD = 10_000_000


def kill_once(data: Path, number: int, point: str, nth: int) -> set[int]:
    """One round; returns the first numbers of the batches that the child saw acknowledged."""
    noted = data / f"round-{number}"
    first = 1 + number * SPREAD
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.store.kill_child",
            str(data),
            str(first),
            point,
            str(nth),
            str(noted),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr[-2000:]
    return {int(line) for line in noted.read_text().splitlines()} if noted.exists() else set()


async def drain(data: Path, log: object) -> None:
    """A last start that is not killed."""
    intake = SegmentIntake(data / "intake", "n")
    flusher = Flusher(intake, log)  # type: ignore[arg-type]
    flusher.replay()
    while flusher.flush():
        pass
    assert intake.backlog_bytes == 0
    await intake.close()


@pytest.mark.timeout(150)
def test_every_acknowledged_interaction_is_in_the_log_once(tmp_path: Path) -> None:
    import asyncio

    began, acknowledged = time.monotonic(), set()
    for number, point in zip(range(ROUNDS), itertools.cycle(POINTS), strict=False):
        acknowledged |= kill_once(tmp_path, number, point, nth=1 + number // len(POINTS) % 3)
    took = time.monotonic() - began
    print(f"{ROUNDS} rounds in {took:.1f} s, {len(acknowledged)} batches acknowledged")
    with embedded(tmp_path) as log:
        asyncio.run(drain(tmp_path, log))
        # Not FINAL: an interaction that was stored twice would be counted twice.
        found = log._ask("SELECT seq, count() AS times FROM interactions GROUP BY seq")
        copies = log._ask("SELECT count() AS copies FROM interactions_by_document")[0]["copies"]
        counted = ask(log, "interaction_counts", namespace="default")
    times = {row["seq"]: row["times"] for row in found}
    assert set(times.values()) == {1}
    lost = {n for start in acknowledged for n in range(start, start + BATCH)} - times.keys()
    assert not lost
    assert len(acknowledged) > ROUNDS / 2
    assert copies == len(times)
    assert sum(row["interactions"] for row in counted) == len(times)
