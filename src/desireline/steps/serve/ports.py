"""What serving is bound to, and the clock of its durations."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from desireline.core.pseudonyms import KnownAs, as_sent
from desireline.core.snapshot import Served
from desireline.ports import (
    Clock,
    Feed,
    Intake,
    Live,
    Metrics,
    RecentExecutions,
    SearchIndex,
    Usage,
)


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What serving is bound to. `mint` makes ids, `session_of` gives a session's own state."""

    live: Live
    index: SearchIndex
    intake: Intake
    recent: RecentExecutions
    session_of: Callable[[Served, str], Any]
    clock: Clock
    mint: Callable[[], str]
    metrics: Metrics
    usage: Usage
    feed: Feed
    node: str = ""
    known_as: KnownAs = as_sent


def milliseconds() -> float:
    """A monotonic clock for durations."""
    return time.perf_counter() * 1000
