"""What learned stages decided, as the log has it: newest first, by day, and in shadow.

Knows the log's questions about decisions; what is believed now is `report`'s, what was believed
`chronicle`'s. Knows no HTTP.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.core.contexts import context_of, segment_of
from desireline.core.snapshot import Served
from desireline.core.times import DAY_MS, from_row_time
from desireline.steps.learn import shadow
from desireline.steps.learn.history import Ports
from desireline.steps.learn.shadow import Shadow
from desireline.types.log import Execution


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A demographic level as executions show it; `segment` None: named under earlier features."""

    context_key: str
    segment: str | None
    executions: int


class Decisions:
    """Answers about logged executions of a learned stage."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def newest(self, served: Served, for_ms: int, limit: int) -> list[Execution]:
        """The newest `limit` of the last `for_ms`; of each what was decided and for whom."""
        await self._ports.intake.flushed()
        now_ms = self._ports.clock()
        whose = _whose(served)
        rows = await self._ports.event_log.query(
            "learned_weights", **whose, before_ms=now_ms, limit=limit
        )
        found = [
            msgspec.convert(whose | {"received_at": row["occurred_at"]} | row, Execution)
            for row in rows
        ]
        return [each for each in found if from_row_time(each.occurred_at) >= now_ms - for_ms]

    async def weights(self, served: Served, days: int) -> list[dict[str, Any]]:
        """Rows of `weights_daily` about the last days, today included."""
        return await self._daily("weights_daily", served, days)

    async def levels(self, served: Served, days: int) -> list[dict[str, Any]]:
        """Rows of `levels_daily` about the last days, today included."""
        return await self._daily("levels_daily", served, days)

    async def segments(self, served: Served, days: int) -> list[Labelled]:
        """Demographic levels of the last days, today included, the most frequent first.

        A key is a hash, so the name comes from the inputs of one execution that had it.
        """
        rows = await self._daily("segments", served, days)
        return [_labelled(served, row) for row in rows]

    async def shadow(self, served: Served, for_ms: int) -> Shadow:
        """The report about the executions of the last `for_ms`."""
        await self._ports.intake.flushed()
        now_ms = self._ports.clock()
        return await shadow.report(self._ports.event_log, served, now_ms - for_ms, now_ms)

    async def _daily(self, question: str, served: Served, days: int) -> list[dict[str, Any]]:
        await self._ports.intake.flushed()
        now_ms = self._ports.clock()
        return await self._ports.event_log.query(
            question, **_whose(served), searches=served.uris,
            since_ms=now_ms - now_ms % DAY_MS - (days - 1) * DAY_MS, before_ms=now_ms,
        )  # fmt: skip


def _labelled(served: Served, row: dict[str, Any]) -> Labelled:
    inputs = msgspec.json.decode(row["inputs"] or "{}")
    given = (served.learning, inputs, row["user_id"], row["session_id"], row["segment"])
    is_same = context_of(*given).demographic == row["context_key"]
    return Labelled(
        context_key=row["context_key"], executions=row["executions"],
        segment=segment_of(*given) if is_same else None,
    )  # fmt: skip


def _whose(served: Served) -> dict[str, str]:
    retriever = served.retriever
    return {"namespace": retriever.namespace, "retriever_id": retriever.retriever_id}
