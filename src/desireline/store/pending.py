"""Interactions whose execution memory did not know when they came: joined with it in the log.

Rows of a batch never wait for a read, so such a row is stored as `pending`; here it finds its
execution and becomes a late reward. The row itself stays as it was accepted. Knows the questions.
"""

from __future__ import annotations

from typing import Any

from desireline.core.times import from_row_time
from desireline.ports import EventLog, Live
from desireline.store.memory import Found, Missed, missed, taught_since
from desireline.types.log import NO_ID

BACK_MS = 60 * 60_000
OVERLAP_MS = 60_000
CONVERSION_MS = 7 * 24 * 60 * 60_000
MOST_ROWS = 10_000
MOST_LOOKED_UP = 200


class PendingJoin:
    """Remembers what it looked at; after a start it looks an hour back."""

    def __init__(self, log: EventLog, live: Live) -> None:
        self._log, self._live = log, live
        self._since_ms = -1
        self._looked_at: set[str] = set()

    async def found(self, now_ms: int) -> list[Missed]:
        """Rewards that can be taught now, each once."""
        since_ms = now_ms - BACK_MS if self._since_ms < 0 else self._since_ms - OVERLAP_MS
        rows = await self._log.query("pending_since", since_ms=since_ms, limit=MOST_ROWS)
        fresh = [row for row in rows if row["interaction_id"] not in self._looked_at]
        self._since_ms = now_ms
        self._looked_at = {row["interaction_id"] for row in rows}
        if not fresh:
            return []
        acts = [row for row in fresh if row["execution_id"] != NO_ID]
        acts += await self._last_shown([row for row in fresh if row["execution_id"] == NO_ID])
        lessons = await taught_since(self._log, since_ms)
        return await missed(self._log, acts, (), Found({}, {}, lessons, self._live))

    async def _last_shown(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Conversions without an execution: the last that showed the document to the visitor."""
        linked = []
        for row in rows[:MOST_LOOKED_UP]:
            at_ms = from_row_time(row["occurred_at"])
            shown = await self._log.query(
                "last_shown",
                namespace=row["namespace"],
                document_id=row["document_id"],
                user_id=row["user_id"],
                session_id=row["session_id"],
                query_key=row["query_key"],
                since_ms=at_ms - CONVERSION_MS,
                before_ms=at_ms,
            )
            linked += [{**row, "execution_id": each["execution_id"]} for each in shown]
        return linked
