"""Executions on the wire: which ones, and a page of them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from desireline.core import times
from desireline.core.ids import strip
from desireline.errors import not_available
from desireline.http.wire.common import MOST_ROWS, Pagination, Paging, Place, Sort
from desireline.steps.executions import Selection

_SEVERAL = msgspec.Meta(
    min_length=1, max_length=MOST_ROWS, description=f"send 1 to {MOST_ROWS} ids, or leave it out"
)
Ids = Annotated[list[str], _SEVERAL]


class ExecutionsRequest(Paging, forbid_unknown_fields=True, kw_only=True):
    """Which executions: every field narrows. `days` counts back from now."""

    execution_ids: Ids | None = None
    user_id: str | None = None
    session_id: str | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    created_after: str | None = None
    created_before: str | None = None
    sort: Sort | None = None
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"filters", "search", "sorts", "status", "variant", "case_sensitive"}
    )

    def to_noun(
        self, namespace: str, now_ms: int, retriever_ids: tuple[str, ...] = ()
    ) -> Selection:
        """What to list, of these retrievers. Raises Invalid, NotAvailable (`include_total`)."""
        if self.include_total:
            message = "`include_total` is not available for executions in this version"
            raise not_available("$.include_total", message, "leave it out")
        after = times.parse_iso(self.created_after, "$.created_after") if self.created_after else 0
        before = times.LATEST_MS
        if self.created_before:
            before = times.parse_iso(self.created_before, "$.created_before")
        return Selection(
            namespace=namespace,
            execution_ids=tuple(
                strip(each, "exec", path=f"$.execution_ids[{place}]")
                for place, each in enumerate(self.execution_ids or ())
            ),
            retriever_ids=retriever_ids,
            user_ids=(self.user_id,) if self.user_id else (),
            session_ids=(self.session_id,) if self.session_id else (),
            after_ms=max(after, now_ms - self.days * times.DAY_MS) if self.days else after,
            before_ms=before,
            direction=1 if self.sort and self.sort.direction == "asc" else -1,
        )


class ExecutionsPage(msgspec.Struct, kw_only=True):
    """A page of executions, each as `GET /v1/retrievers/executions/{id}` answers it."""

    results: list[dict[str, Any]]
    pagination: Pagination
    warnings: list[str] = []

    @classmethod
    def of(
        cls, found: list[dict[str, Any]], cursor: str, place: Place, warnings: list[str]
    ) -> ExecutionsPage:
        """The answer about a page; `cursor` goes on behind it ("": the end)."""
        return cls(results=found, pagination=place.pagination(cursor), warnings=warnings)
