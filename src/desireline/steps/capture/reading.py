"""Interactions out: one, a page of them, and deletion. Everything acknowledged before is visible.

Knows the log's questions about interactions; knows no wire shape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from desireline.core import cursors, duplicates
from desireline.core.times import LATEST_MS, from_row_time
from desireline.errors import NotFound, Unavailable
from desireline.steps.capture.ports import Ports
from desireline.types.log import NO_ID, Interaction

DELETE_MS = 30_000
DELETED_AT_ONCE = 1_000
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


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acted: a user; without one ("") the session."""

    namespace: str
    user_id: str = ""
    session_id: str = ""


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Documents, the latest used first, and how many there are when a limit cut them."""

    document_ids: tuple[str, ...]
    total: int
    warnings: tuple[str, ...] = ()


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How many interactions are gone, and in how many contexts they had taught."""

    deleted: int
    contexts: int
    at_ms: int


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
                resource="interaction", reference=f"int_{interaction_id}",
                code="interaction_not_found", hint="" if fresh else LAGGING,
            )  # fmt: skip
        return row, [] if fresh else [LAGGING]

    async def list(
        self, chosen: Selection, limit: int, offset: int, cursor: str = "", *, count: bool = False
    ) -> Page:
        """A page of the selection: `limit` rows from `offset`, or from behind `cursor`."""
        fresh = await self._ports.intake.flushed()
        chosen = self._named(chosen)
        at_ms, at_id = cursors.behind(cursor)
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

    async def used(
        self, chosen: Visitor, interaction_types: Sequence[str], since_ms: int, limit: int
    ) -> Used:
        """The documents a visitor acted on in any of these ways, the latest first."""
        fresh = await self._ports.intake.flushed()
        found = await self._ports.event_log.query(
            "documents_used", namespace=chosen.namespace,
            user_id=self._ports.known_as(chosen.namespace, chosen.user_id),
            session_id=chosen.session_id, interaction_types=interaction_types, since_ms=since_ms,
            before_ms=LATEST_MS, limit=limit,
        )  # fmt: skip
        return Used(
            document_ids=tuple(row["document_id"] for row in found),
            total=found[0]["documents"] if found else 0,
            warnings=() if fresh else (LAGGING,),
        )

    async def delete(self, namespace: str, interaction_id: str) -> bool:
        """Delete one interaction everywhere; False when there was none. Again changes nothing.

        Raises Unavailable while the row may still be on its way into the log.
        """
        await self._settled()
        row = await self._row(namespace, interaction_id)
        if row is not None:
            await self._erase(namespace, [row])
        return row is not None

    async def delete_user(self, namespace: str, user_id: str) -> Erased:
        """Delete all interactions of a user, as `delete` does one. Again finds none.

        Those that arrive meanwhile stay. Raises Unavailable as `delete`; what was deleted before
        it was raised stays deleted.
        """
        await self._settled()
        deleted, contexts, cursor = 0, set[str](), ""
        theirs = Selection(namespace=namespace, user_ids=(user_id,))
        while deleted == 0 or cursor:
            page = await self.list(theirs, DELETED_AT_ONCE, 0, cursor)
            if not page.rows:
                break
            await self._erase(namespace, page.rows)
            deleted, cursor = deleted + len(page.rows), page.cursor
            contexts.update(key for row in page.rows if row.teaches for key in row.context_keys)
        known_as = self._ports.known_as
        self._ports.feed.forget(namespace, user_id=known_as(namespace, user_id))
        return Erased(deleted=deleted, contexts=len(contexts), at_ms=self._ports.clock())

    def _named(self, chosen: Selection) -> Selection:
        known = [self._ports.known_as(chosen.namespace, each) for each in chosen.user_ids]
        return msgspec.structs.replace(chosen, user_ids=tuple(known))

    async def _settled(self) -> None:
        if not await self._ports.intake.flushed(timeout_ms=DELETE_MS):
            raise Unavailable(
                "the log is too far behind to delete from it; nothing was deleted",
                hint="send it again after a pause",
            )

    async def _erase(self, namespace: str, rows: Sequence[Interaction]) -> None:
        """Out of the log, of memory and of what was learned. Buried first: a crash on the way is
        noticed at the next start.
        """
        ids, now_ms = [row.interaction_id for row in rows], self._ports.clock()
        await self._ports.tombstones.bury(namespace, "interaction", ids, now_ms)
        await self._ports.event_log.delete_interactions(namespace, ids)
        known = {row.execution_id for row in rows} - {NO_ID}
        self._ports.feed.forget(namespace, interaction_ids=set(ids), execution_ids=known)
        for row in rows:
            self._forget(row, now_ms)
            await self._ports.forget(row.interaction_id, row.retriever_id)

    async def _row(self, namespace: str, interaction_id: str) -> Interaction | None:
        found = await self._ports.event_log.query(
            "interaction_by_id", namespace=namespace, interaction_id=interaction_id
        )
        return row_of(found[0]) if found else None

    def _forget(self, row: Interaction, now_ms: int) -> None:
        """Memory forgets it too: what it would teach, and that the same act is a duplicate."""
        key = duplicates.key_of(row)
        if key:
            self._ports.recent.remember([key], "", now_ms, -1)
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
    return cursors.cursor_of(from_row_time(row.occurred_at), row.interaction_id)
