"""Shapes several routes share: names, pages, simple answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec
from litestar.params import QueryParameter

from desireline.core import cursors
from desireline.errors import invalid

T = TypeVar("T")
MOST_PAGES, MOST_ROWS = 1_000_000, 1000
Size = Annotated[int, msgspec.Meta(ge=1, le=MOST_ROWS)]
Page = Annotated[int, msgspec.Meta(ge=1, le=MOST_PAGES)]
QueryPage = Annotated[int, QueryParameter(ge=1, le=MOST_PAGES)]
QuerySize = Annotated[int, QueryParameter(ge=1, le=MOST_ROWS)]
Name = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=128, pattern=r"^[^/\s][^/]*$",
        description="a name has 1 to 128 characters, no `/`, and does not start with a space",
    ),
]  # fmt: skip
# Words that stand where a name may stand in a path.
_TAKEN = frozenset({
    "list", "interactions", "execute", "executions", "stages", "typeahead", "evaluations",
    "benchmarks",
})  # fmt: skip


class Pagination(msgspec.Struct, kw_only=True):
    """Where a page stands; `total` only when asked for with `include_total`."""

    total: int | None = None
    page: int = 1
    page_size: int = 50
    total_pages: int | None = None
    next_page: int | None = None
    previous_page: int | None = None
    next_cursor: str | None = None


class Deleted(msgspec.Struct, kw_only=True):
    """A deletion that happened (or had happened before)."""

    message: str
    success: bool = True


class ListRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of the simple list routes."""

    search: str = ""
    limit: Size | None = None
    page_size: Size | None = None
    page: Page = 1
    offset: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None
    include_total: bool = False
    case_sensitive: bool = False
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"filters", "sort", "sorts", "cursor", "next_cursor", "after"}
    )

    def of(self, found: Sequence[T], name: Callable[[T], str]) -> tuple[list[T], Pagination, int]:
        """The rows of this page whose name holds `search`, the pagination block, the total."""
        fold = str if self.case_sensitive else str.lower
        rows = [row for row in found if fold(self.search) in fold(name(row))]
        size = size_of(self.limit, self.page_size, 50)
        start = (self.page - 1) * size if self.offset is None else self.offset
        place = paged(len(rows), start // size + 1, size, counted=True)
        return rows[start : start + size], place, len(rows)


def size_of(limit: int | None, page_size: int | None, default: int) -> int:
    """The two names of a page's size. Raises Invalid when both are sent and differ."""
    if limit and page_size and limit != page_size:
        raise invalid("$.page_size", "contradiction", "`limit` and `page_size` differ", "send one")
    return limit or page_size or default


def check_name(name: str | None, path: str) -> None:
    """Raises Invalid for a name that a path could not tell from a route."""
    if name in _TAKEN:
        hint = f"choose another name; taken: {', '.join(sorted(_TAKEN))}"
        raise invalid(path, "reserved_name", f"`{name}` is a word of the routes", hint)


def paged(total: int, page: int, page_size: int, *, counted: bool) -> Pagination:
    """The pagination block of a page-numbered list."""
    pages = -(-total // page_size)
    return Pagination(
        total=total if counted else None,
        total_pages=pages if counted else None,
        page=page,
        page_size=page_size,
        next_page=page + 1 if page < pages else None,
        previous_page=page - 1 if page > 1 else None,
    )


# Lists out of the log: any depth, by page, offset or cursor.


class Sort(msgspec.Struct, forbid_unknown_fields=True):
    """The order of a list; interactions are sorted by time only."""

    field: Literal["timestamp", "occurred_at"] = "timestamp"
    direction: Literal["asc", "desc"] = "desc"


class Paging(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which page: `limit` or `page_size`, `page` (1-based, any depth), `offset` or `cursor`."""

    limit: Size | None = None
    page_size: Size | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=4_000_000)] | None = None
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    cursor: str | None = None
    next_cursor: str | None = None
    after: str | None = None
    include_total: bool | None = None


class Place(msgspec.Struct, frozen=True):
    """Where a page lies: `size` rows of page `page`, from `offset` or behind `cursor`."""

    size: int
    page: int
    offset: int
    cursor: str = ""
    counted: bool = False

    @classmethod
    def of(cls, sent: Paging) -> Place:
        """The place that the several names mean. Raises Invalid for a cursor that is not ours."""
        size = size_of(sent.limit, sent.page_size, 50)
        cursor = sent.cursor or sent.next_cursor or sent.after or ""
        if cursor and not cursors.is_cursor(cursor):
            raise invalid(
                "$.cursor", "invalid_cursor", "`cursor` is not one of ours",
                "send pagination.next_cursor of the page before",
            )  # fmt: skip
        page = sent.page or (sent.offset or 0) // size + 1
        offset = (page - 1) * size if sent.offset is None else sent.offset
        return cls(size, page, 0 if cursor else offset, cursor, bool(sent.include_total))

    @property
    def behind(self) -> tuple[int, str]:
        """(ms, id) of the row the cursor points at; (0, "") on the first page."""
        return cursors.behind(self.cursor)

    def pagination(self, cursor: str, total: int | None = None) -> Pagination:
        """The block of an answer; `cursor` goes on behind it ("": the end)."""
        return Pagination(
            total=total,
            total_pages=None if total is None else -(-total // self.size),
            page=self.page,
            page_size=self.size,
            next_page=self.page + 1 if cursor else None,
            previous_page=self.page - 1 if self.page > 1 else None,
            next_cursor=cursor or None,
        )
