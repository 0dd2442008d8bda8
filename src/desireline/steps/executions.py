"""Executions out of the log: one, a page of them, and which of some are a retriever's.

Knows the log's questions about executions and the memory of the last hour; knows no wire shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from desireline.core import cursors
from desireline.core.pseudonyms import KnownAs
from desireline.core.times import LATEST_MS, from_row_time
from desireline.ports import EventLog, Intake, RecentExecutions
from desireline.types.log import Execution


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What reading is bound to."""

    intake: Intake
    event_log: EventLog
    recent: RecentExecutions
    known_as: KnownAs


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions: empty means any. Ids bare; times in ms, inclusive; newest first.

    `user_ids` are those that callers send.
    """

    namespace: str
    execution_ids: tuple[str, ...] = ()
    retriever_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    after_ms: int = 0
    before_ms: int = LATEST_MS
    direction: Literal[1, -1] = -1


class Displayed(msgspec.Struct, frozen=True, kw_only=True):
    """A document that an execution showed; parts of the score in the order of its searches.

    `propensity` is None where it is not known.
    """

    document_id: str
    position: int
    score: float
    propensity: float | None
    norm_scores: tuple[float, ...]
    contributions: tuple[float, ...]


class Logged(msgspec.Struct, frozen=True):
    """An execution as the log has it, and what it showed, by position."""

    execution: Execution
    documents: list[Displayed]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of executions; `cursor` goes on behind it ("": the end). Without candidates.

    `fresh`: whether the log had everything that was acknowledged before.
    """

    found: list[Logged]
    cursor: str
    fresh: bool


class Executions:
    """Reads executions back. Everything acknowledged before is visible, at most a second late."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def get(self, namespace: str, execution_id: str) -> Logged | None:
        """One execution by bare id."""
        await self._ports.intake.flushed()
        ask, wanted = self._ports.event_log.query, {"execution_id": execution_id}
        rows = await ask("execution_by_id", namespace=namespace, **wanted)
        if not rows:
            return None
        shown = await ask("impressions_of_execution", namespace=namespace, **wanted)
        return _logged(rows[0], shown)

    async def list(self, chosen: Selection, limit: int, offset: int, cursor: str = "") -> Page:
        """A page of the selection: `limit` executions from `offset`, or from behind `cursor`."""
        fresh = await self._ports.intake.flushed()
        at_ms, at_id = cursors.behind(cursor)
        rows = await self._ports.event_log.query(
            "executions_list", **msgspec.structs.asdict(self._named(chosen)), cursor_ms=at_ms,
            cursor_id=at_id, limit=limit + 1, offset=offset,
        )  # fmt: skip
        found = [_logged(row, row["documents"]) for row in rows[:limit]]
        more = _cursor(found[-1].execution) if len(rows) > limit else ""
        return Page(found=found, cursor=more, fresh=fresh)

    async def of_retriever(self, retriever_id: str, execution_ids: Iterable[str]) -> set[str]:
        """Which of these bare ids are the retriever's, by memory, else by the log."""
        known, unknown = set(), []
        for execution_id in dict.fromkeys(execution_ids):
            remembered = self._ports.recent.get(execution_id)
            if remembered is None:
                unknown.append(execution_id)
            elif remembered.retriever_id == retriever_id:
                known.add(execution_id)
        if unknown:
            rows = await self._ports.event_log.query("executions_by_ids", execution_ids=unknown)
            known |= {row["execution_id"] for row in rows if row["retriever_id"] == retriever_id}
        return known

    def _named(self, chosen: Selection) -> Selection:
        known = [self._ports.known_as(chosen.namespace, each) for each in chosen.user_ids]
        return msgspec.structs.replace(chosen, user_ids=tuple(known))


def _logged(row: dict[str, Any], shown: list[dict[str, Any]]) -> Logged:
    return Logged(msgspec.convert(row, Execution), msgspec.convert(shown, list[Displayed]))


def _cursor(row: Execution) -> str:
    return cursors.cursor_of(from_row_time(row.occurred_at), row.execution_id)
