"""Lists that fetch their next page when they are read that far."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from desireline.client.answers import Page
from desireline.client.calls import Call
from desireline.client.paging import call_behind

if TYPE_CHECKING:  # it loads httpx
    from desireline.client.aio.transport import AsyncTransport

T = TypeVar("T")


class AsyncRows(Generic[T]):
    """All rows of a list, over as many pages as there are. Read it as often as needed: each
    reading asks the server anew.
    """

    def __init__(self, transport: AsyncTransport, kind: Any, call: Call) -> None:
        self._transport = transport
        self._kind = kind
        self._call = call

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for row in page.results:
                yield row

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Page by page."""
        call: Call | None = self._call
        while call is not None:
            page: Page[T] = await self._transport.ask(Page[self._kind], call)  # type: ignore[name-defined]
            yield page
            call = call_behind(call, page.pagination)

    async def page(self) -> Page[T]:
        """The first page alone, with what the server says about the whole list."""
        page: Page[T] = await self._transport.ask(Page[self._kind], self._call)  # type: ignore[name-defined]
        return page


class AsyncResource:
    """A group of calls over the client's connections."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
