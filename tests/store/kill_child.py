"""A process that takes interactions and kills itself at a named fail point; the kill suite's child.

    python -m tests.store.kill_child DATA FIRST POINT NTH ACKNOWLEDGED

Appends batches from number FIRST on, writes each acknowledged batch to the file ACKNOWLEDGED and
goes on until the NTH time that POINT is passed. Four clients send as fast as they can: saturation.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from desireline.store.clickhouse import ClickHouse
from desireline.store.flusher import Flusher, Pace
from desireline.store.intake import SegmentIntake
from tests.builders import an_interaction

BATCH, CLIENTS = 200, 4


def killing(point: str, nth: int) -> Callable[[str], None]:
    """A fail point that ends this process, with nothing tidied up, the nth time."""
    left = [nth]

    def passed(name: str) -> None:
        if name == point:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    return passed


async def client(intake: SegmentIntake, first: int, step: int, acknowledged: int) -> None:
    """Send batches one after the other, noting each that was acknowledged."""
    for start in range(first, first + 10**9, step):
        rows = [an_interaction(n, seq=n) for n in range(start, start + BATCH)]
        await intake.synced(
            intake.append([("interactions", msgspec.json.encode(row)) for row in rows])
        )
        os.write(acknowledged, b"%d\n" % start)


async def run(data: Path, first: int, fail_point: Callable[[str], None], noted: str) -> None:
    log = ClickHouse(f"chdb://{data}/events", data)
    intake = SegmentIntake(data / "intake", "n", fail_point=fail_point)
    flusher = Flusher(intake, log, pace=Pace(interval=0.02, floor=0.01), fail_point=fail_point)
    flusher.start()
    acknowledged = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    clients = (
        client(intake, first + number * BATCH, CLIENTS * BATCH, acknowledged)
        for number in range(CLIENTS)
    )
    await asyncio.gather(*clients)


if __name__ == "__main__":
    asyncio.run(
        run(
            Path(sys.argv[1]), int(sys.argv[2]), killing(sys.argv[3], int(sys.argv[4])), sys.argv[5]
        )
    )
