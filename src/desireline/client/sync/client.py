# Written by tools/unasync.py from client/aio/client.py (`make sync`): change that file.
"""The client: one server, one key, one namespace, and everything that can be asked there.

Knows which resources there are. httpx is loaded when a client is made, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from desireline.client.answers import Execution, Happening
from desireline.client.calls import Call, Target, encoded, get, post, relative
from desireline.client.queries import ad_hoc, by_vectors
from desireline.client.streams import happenings
from desireline.client.sync.corpus import Collections, Documents, Namespaces
from desireline.client.sync.executions import Executions
from desireline.client.sync.interactions import Interactions
from desireline.client.sync.operations import Admin, Tasks
from desireline.client.sync.proving import Analytics, Evaluations, Training
from desireline.client.sync.retrievers import BoundRetriever, Retrievers


class Client:
    """Talks to a desireline server over kept connections; close it, or use it in a `with`.

    What is not given is read from `DESIRELINE_API_KEY`, `DESIRELINE_NAMESPACE` and
    `DESIRELINE_BASE_URL` (default `http://127.0.0.1:8080`, with or without `/v1`). `timeout` is in
    seconds for an answer; connecting has 5 s. `sleep` waits between tries. Every call raises
    `desireline.ApiError` or one of its kinds (`desireline.client.errors`).
    """

    def __init__(
        self, api_key: str | None = None, *, namespace: str | None = None,
        base_url: str | None = None, timeout: float = 30.0,
        sleep: Callable[[float], None] | None = None,
    ) -> None:  # fmt: skip
        from desireline.client.sync.transport import Transport

        self._target = Target.of(base_url, api_key, namespace)
        self._transport = Transport(self._target, timeout, sleep)
        self.namespaces = Namespaces(self._transport)
        self.collections = Collections(self._transport)
        self.documents = Documents(self._transport)
        self.retrievers = Retrievers(self._transport)
        self.executions = Executions(self._transport)
        self.interactions = Interactions(self._transport)
        self.evaluations = Evaluations(self._transport)
        self.analytics = Analytics(self._transport)
        self.training = Training(self._transport)
        self.tasks = Tasks(self._transport)
        self.admin = Admin(self._transport)

    def __repr__(self) -> str:
        where = f"base_url={self._target.base_url!r}, namespace={self._target.namespace!r}"
        return f"{type(self).__name__}({where})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def retriever(self, retriever_id: str) -> BoundRetriever:
        """One retriever by id or name; asks nothing."""
        return BoundRetriever(self.retrievers, retriever_id)

    def search(
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
        return self._transport.ask(Execution, call)

    def live(
        self, *, retriever: str | None = None, kinds: Sequence[str] | None = None,
        follow: bool = True,
    ) -> Iterator[Happening]:  # fmt: skip
        """`GET /live`: what is remembered, oldest first, then what happens, until you stop or the
        server does. What came too fast to be told is one happening of kind `lost`.
        """
        named = ",".join(kinds) if kinds else None
        call = get("live", retriever=retriever, kinds=named, follow=follow)
        for message in self._transport.stream(call):
            yield from happenings(message)

    def request(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Any other route: `request("POST", "/admin/flush")`; the decoded answer."""
        call = Call(method.upper(), relative(path), encoded(body), query=query)
        return self._transport.ask(Any, call)
