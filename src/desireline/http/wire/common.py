"""Shapes several routes share: pages, simple answers."""

from __future__ import annotations

from typing import Any

import msgspec


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

    search: str | None = None
    limit: int | None = None
    page_size: int | None = None
    page: int = 1
    offset: int | None = None
    include_total: bool = False
    case_sensitive: bool = False
    filters: Any = None
    sort: Any = None


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
