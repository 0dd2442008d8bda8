"""The client: one server, one key, one namespace, and everything that can be asked there.

Knows which resources there are. httpx is loaded when a client is made, not before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from desireline.client.aio.corpus import AsyncCollections, AsyncDocuments, AsyncNamespaces
from desireline.client.aio.executions import AsyncExecutions
from desireline.client.aio.interactions import AsyncInteractions
from desireline.client.aio.operations import AsyncAdmin, AsyncTasks
from desireline.client.aio.proving import AsyncAnalytics, AsyncEvaluations, AsyncTraining
from desireline.client.aio.retrievers import AsyncBoundRetriever, AsyncRetrievers
from desireline.client.answers import Execution, Happening
from desireline.client.calls import Call, Target, encoded, get, post, relative
from desireline.client.queries import ad_hoc, by_vectors
from desireline.client.streams import happenings


class AsyncClient:
    """Talks to a desireline server over kept connections; close it, or use it in a `with`.

    What is not given is read from `DESIRELINE_API_KEY`, `DESIRELINE_NAMESPACE` and
    `DESIRELINE_BASE_URL` (default `http://127.0.0.1:8080`, with or without `/v1`). `timeout` is in
    seconds for an answer; connecting has 5 s. `sleep` waits between tries. Every call raises
    `desireline.ApiError` or one of its kinds (`desireline.client.errors`).
    """

    def __init__(
        self, api_key: str | None = None, *, namespace: str | None = None,
        base_url: str | None = None, timeout: float = 30.0,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:  # fmt: skip
        from desireline.client.aio.transport import AsyncTransport

        self._target = Target.of(base_url, api_key, namespace)
        self._transport = AsyncTransport(self._target, timeout, sleep)
        self.namespaces = AsyncNamespaces(self._transport)
        self.collections = AsyncCollections(self._transport)
        self.documents = AsyncDocuments(self._transport)
        self.retrievers = AsyncRetrievers(self._transport)
        self.executions = AsyncExecutions(self._transport)
        self.interactions = AsyncInteractions(self._transport)
        self.evaluations = AsyncEvaluations(self._transport)
        self.analytics = AsyncAnalytics(self._transport)
        self.training = AsyncTraining(self._transport)
        self.tasks = AsyncTasks(self._transport)
        self.admin = AsyncAdmin(self._transport)

    def __repr__(self) -> str:
        where = f"base_url={self._target.base_url!r}, namespace={self._target.namespace!r}"
        return f"{type(self).__name__}({where})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def retriever(self, retriever_id: str) -> AsyncBoundRetriever:
        """One retriever by id or name; asks nothing."""
        return AsyncBoundRetriever(self.retrievers, retriever_id)

    async def search(
        self, query: str | None = None, *, queries: Sequence[Mapping[str, Any]] | None = None,
        collection: str | Sequence[str] | None = None, filters: Any = None, limit: int = 10,
    ) -> Execution:  # fmt: skip
        """`POST /retrievers/execute`: search without a retriever, by text or by vectors
        (`queries=[{"feature_uri": …, "vector": […]}]`). Nothing is learned from it.
        """
        if (query is None) == (queries is None):
            raise ValueError("give either `query` or `queries`")
        if queries is not None:
            body = by_vectors(queries, collection, filters, limit)
        else:
            body = ad_hoc(query or "", collection, filters, limit)
        call = post("retrievers", "execute", body=body, is_repeatable=True)
        return await self._transport.ask(Execution, call)

    async def live(
        self, *, retriever: str | None = None, kinds: Sequence[str] | None = None,
        follow: bool = True,
    ) -> AsyncIterator[Happening]:  # fmt: skip
        """`GET /live`: what is remembered, oldest first, then what happens, until you stop or the
        server does. What came too fast to be told is one happening of kind `lost`.
        """
        named = ",".join(kinds) if kinds else None
        call = get("live", retriever=retriever, kinds=named, follow=follow)
        async for message in self._transport.stream(call):
            for each in happenings(message):
                yield each

    async def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Any other route: `request("POST", "/admin/flush")`; the decoded answer."""
        call = Call(method.upper(), relative(path), encoded(body), query=query)
        return await self._transport.ask(Any, call)
