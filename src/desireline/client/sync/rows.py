# Written by tools/unasync.py from client/aio/rows.py (`make sync`): change that file.
"""Lists that fetch their next page when they are read that far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from desireline.client.answers import Page
from desireline.client.calls import Call
from desireline.client.paging import call_behind

if TYPE_CHECKING:  # it loads httpx
    from desireline.client.sync.transport import Transport

T = TypeVar("T")


class Rows(Generic[T]):
    """All rows of a list, over as many pages as there are. Read it as often as needed: each
    reading asks the server anew.
    """

    def __init__(self, transport: Transport, kind: Any, call: Call) -> None:
        self._transport = transport
        self._kind = kind
        self._call = call

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.results

    def pages(self) -> Iterator[Page[T]]:
        """Page by page."""
        call: Call | None = self._call
        while call is not None:
            page: Page[T] = self._transport.ask(Page[self._kind], call)  # type: ignore[name-defined]
            yield page
            call = call_behind(call, page.pagination)

    def page(self) -> Page[T]:
        """The first page alone, with what the server says about the whole list."""
        page: Page[T] = self._transport.ask(Page[self._kind], self._call)  # type: ignore[name-defined]
        return page


class Resource:
    """A group of calls over the client's connections."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
