"""`python -m desireline.simulation`: a simulation that a server started.

Reads one line of JSON (`Assignment`, with the key) from standard input, which the server keeps
open: when it closes, the server is gone, and so is this. People use `desireline simulate`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import BinaryIO, NoReturn

import msgspec

from desireline.client import Client
from desireline.errors import DesirelineError
from desireline.simulation.run import simulate
from desireline.simulation.telling import Cancelled, Reporter, words
from desireline.types.simulation import Assignment

OK, FAILED, TOLD_TO_END = 0, 1, 3
TIMEOUT_S = 60.0


def main(source: BinaryIO) -> int:
    """Do what is assigned; returns the exit code. The last line on stderr says why it is not 0."""
    signal.signal(signal.SIGTERM, _told_to_end)
    assignment = msgspec.json.decode(source.readline(), type=Assignment)
    threading.Thread(target=_end_with, args=(source,), daemon=True).start()
    with Client(
        assignment.key, namespace=assignment.namespace, base_url=assignment.url, timeout=TIMEOUT_S
    ) as client:
        reporter = Reporter(client, assignment.task_id)
        try:
            with reporter.failing():
                reporter.completed(simulate(client, assignment.asked, reporter))
        except Cancelled:
            return OK
        except DesirelineError as error:
            sys.stderr.write(f"{words(error)}\n")
            return FAILED
    return OK


def _end_with(source: BinaryIO) -> None:
    """End at once when the other end of `source` is closed: nobody is left to clean up for."""
    source.read()
    os._exit(TOLD_TO_END)


def _told_to_end(number: int, frame: object) -> NoReturn:
    sys.exit(TOLD_TO_END)


if __name__ == "__main__":
    sys.exit(main(sys.stdin.buffer))
