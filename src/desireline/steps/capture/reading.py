"""Interactions out: one, a page of them, and deletion. Everything acknowledged before is visible.

Knows the log's questions about interactions; knows no wire shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from desireline.core import duplicates
from desireline.core.times import LATEST_MS, from_row_time
from desireline.errors import NotFound, Unavailable
from desireline.steps.capture.ports import Ports
from desireline.types.log import Interaction

DELETE_MS = 30_000
LAGGING = "the log is behind: what was acknowledged in the last second may be missing here"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which interactions: empty means any. Ids bare; times in ms, inclusive; newest first."""

    namespace: str
    execution_ids: tuple[str, ...] = ()
    retriever_ids: tuple[str, ...] = ()
    session_ids: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()
    interaction_types: tuple[str, ...] = ()
    attributions: tuple[str, ...] = ()
    after_ms: int = 0
    before_ms: int = LATEST_MS
    direction: Literal[1, -1] = -1


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of rows; `total` only when counted, `cursor` goes on behind it ("": the end)."""

    rows: list[Interaction]
    cursor: str = ""
    total: int | None = None
    warnings: tuple[str, ...] = ()


class Readings:
    """The reading half of capture, bound to its ports."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def get(self, namespace: str, interaction_id: str) -> tuple[Interaction, list[str]]:
        """One interaction by bare id, and warnings. Raises NotFound."""
        fresh = await self._ports.intake.flushed()
        row = await self._row(namespace, interaction_id)
        if row is None:
            raise NotFound(
                f"there is no interaction `int_{interaction_id}`",
                code="interaction_not_found",
                hint="" if fresh else LAGGING,
                details={"resource": "interaction", "id": f"int_{interaction_id}"},
            )
        return row, [] if fresh else [LAGGING]

    async def list(
        self, chosen: Selection, limit: int, offset: int, cursor: str = "", *, count: bool = False
    ) -> Page:
        """A page of the selection: `limit` rows from `offset`, or from behind `cursor`."""
        fresh = await self._ports.intake.flushed()
        at_ms, at_id = _place(cursor)
        ask = self._ports.event_log.query
        wanted = msgspec.structs.asdict(chosen)
        page = ask(
            "interactions_list",
            **wanted,
            cursor_ms=at_ms,
            cursor_id=at_id,
            limit=limit + 1,
            offset=offset,
        )
        del wanted["direction"]
        found, totals = await asyncio.gather(page, _total(self._ports, wanted, count=count))
        rows = [row_of(each) for each in found[:limit]]
        more = len(found) > limit
        return Page(
            rows=rows,
            cursor=_cursor(rows[-1]) if more else "",
            total=totals,
            warnings=() if fresh else (LAGGING,),
        )

    async def delete(self, namespace: str, interaction_id: str) -> bool:
        """Delete one interaction everywhere; False when there was none. Again changes nothing.

        Raises Unavailable while the row may still be on its way into the log.
        """
        if not await self._ports.intake.flushed(timeout_ms=DELETE_MS):
            raise Unavailable(
                "the log is too far behind to delete from it; nothing was deleted",
                hint="send it again after a pause",
            )
        row = await self._row(namespace, interaction_id)
        if row is None:
            return False
        now_ms = self._ports.clock()
        await self._ports.tombstones.bury(namespace, "interaction", interaction_id, now_ms)
        await self._ports.event_log.delete_interactions(namespace, [interaction_id])
        self._forget(row, now_ms)
        await self._ports.forget(interaction_id, row.retriever_id)
        return True

    async def _row(self, namespace: str, interaction_id: str) -> Interaction | None:
        found = await self._ports.event_log.query(
            "interaction_by_id", namespace=namespace, interaction_id=interaction_id
        )
        return row_of(found[0]) if found else None

    def _forget(self, row: Interaction, now_ms: int) -> None:
        """Memory forgets it too: what it would teach, and that the same act is a duplicate."""
        key = duplicates.key_of(row)
        if key:
            self._ports.recent.remember(key, "", now_ms, -1)
        execution = self._ports.recent.get(row.execution_id)
        for shown in execution.shown if execution is not None else ():
            shown.rewards[:] = [pair for pair in shown.rewards if pair[0] != row.interaction_id]


async def _total(ports: Ports, wanted: dict[str, Any], *, count: bool) -> int | None:
    if not count:
        return None
    found = await ports.event_log.query("interactions_count", **wanted)
    return int(found[0]["total"])


def row_of(found: dict[str, Any]) -> Interaction:
    """A row of the log as the struct."""
    return msgspec.convert(found, Interaction)


def rows_by_id(found: Sequence[dict[str, Any]]) -> dict[str, Interaction]:
    """Rows of the log by interaction id."""
    return {each["interaction_id"]: row_of(each) for each in found}


def _cursor(row: Interaction) -> str:
    return f"{from_row_time(row.occurred_at):x}-{row.interaction_id}"


def _place(cursor: str) -> tuple[int, str]:
    """The row a cursor points at; callers have checked its form."""
    at, _, identity = cursor.partition("-")
    return (int(at, 16), identity) if cursor else (0, "")
