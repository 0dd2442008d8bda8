"""What capture is bound to.

Knows the Protocols, and the two things capture asks of the learner.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import msgspec

from desireline.core.pseudonyms import KnownAs, as_sent
from desireline.ports import (
    Clock,
    EventLog,
    Feed,
    Intake,
    Live,
    Metrics,
    RecentExecution,
    RecentExecutions,
    Tombstones,
)  # fmt: skip

Late = Callable[[RecentExecution, str, str, float], None]
"""A reward for a closed execution: it, document_id, interaction_id, reward. Must not raise."""

Rewarded = Callable[[RecentExecution, str, str, float], None]
"""A reward of a live session, once, when it arrives: what the session's next search may use."""

Forget = Callable[[str, str], Awaitable[None]]
"""A deleted interaction, interaction_id and retriever_id: what it taught must be unlearned."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """The collaborators of capture; `read_limit_ms` bounds the one log read of a single create.

    `known_as` gives users the names they are kept under.
    """

    intake: Intake
    event_log: EventLog
    recent: RecentExecutions
    live: Live
    clock: Clock
    metrics: Metrics
    tombstones: Tombstones
    late: Late
    rewarded: Rewarded
    forget: Forget
    feed: Feed
    node: str = ""
    random_bytes: Callable[[int], bytes] = os.urandom
    read_limit_ms: int = 50
    known_as: KnownAs = as_sent
