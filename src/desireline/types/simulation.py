"""What is asked of simulated users, and what the process that plays them is told.

Values only.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Taste = Literal["segments", "none"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to simulate. `searches_per_second` None: as fast as it goes.

    `copy`: on a clone, so that the retriever itself learns nothing of it. `prefix` begins the ids
    of the simulated users, to keep them apart from real ones.
    """

    retriever: str
    searches: int = 1000
    searches_per_second: float | None = None
    taste: Taste = "segments"
    seed: int = 0
    copy: bool = False
    prefix: str = "simulated_"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Where to work, with which key, in which namespace, for which task, at what.

    The key is a secret: an assignment goes through a pipe, never onto a command line or into a log.
    """

    url: str
    key: str
    namespace: str
    task_id: str
    asked: Asked
