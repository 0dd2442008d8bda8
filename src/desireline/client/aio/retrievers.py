"""Retrievers: make, change, run; and one retriever by its id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Unpack

from desireline.client.aio.executions import AsyncExecutions
from desireline.client.aio.interactions import AsyncInteractions
from desireline.client.aio.learned_fusion import AsyncLearnedFusion
from desireline.client.aio.rows import AsyncResource, AsyncRows
from desireline.client.answers import (
    Done,
    Execution,
    ExecutionBatch,
    Interaction,
    InteractionBatch,
    InteractionDeleted,
    Page,
    Patched,
    Plan,
    Publication,
    Retriever,
)
from desireline.client.calls import delete, get, given, patch, post
from desireline.client.fields import (
    Body,
    ExecuteFields,
    FuseFields,
    InteractionFields,
    Paging,
    RetrieverFields,
)
from desireline.client.queries import asked, wrapped
from desireline.client.reading import Open
from desireline.client.streams import Message


class AsyncRetrievers(AsyncLearnedFusion):
    """Named, versioned recipes of stages. Every id may also be a name."""

    @property
    def interactions(self) -> AsyncInteractions:
        """The same as `client.interactions`."""
        return AsyncInteractions(self._transport)

    @property
    def executions(self) -> AsyncExecutions:
        """The same as `client.executions`."""
        return AsyncExecutions(self._transport)

    # ------------------------------------------------------------------------ make and change
    def list(self, **paging: Unpack[Paging]) -> AsyncRows[Retriever]:
        """`POST /retrievers/list`: all of them, oldest first."""
        call = post("retrievers", "list", body=paging, is_repeatable=True)
        return AsyncRows(self._transport, Retriever, call)

    async def get(self, retriever_id: str) -> Retriever:
        """`GET /retrievers/{id}`: one."""
        return await self._transport.ask(Retriever, get("retrievers", retriever_id))

    async def create(
        self, retriever_name: str | None = None, *, stages: Sequence[Body],
        name: str | None = None, **fields: Unpack[RetrieverFields],
    ) -> Retriever:  # fmt: skip
        """`POST /retrievers`: a name and stages. What is odd but allowed comes in `warnings`."""
        body = given(retriever_name=retriever_name or name, stages=[*stages], **fields)
        return await self._transport.ask(Retriever, post("retrievers", body=body))

    async def update(
        self, retriever_id: str, stages: Sequence[Body] | None = None, *,
        retriever_name: str | None = None, **fields: Unpack[RetrieverFields],
    ) -> Patched:  # fmt: skip
        """`PATCH /retrievers/{id}`: a new version; a search stage without `searches` is merged."""
        body = given(stages=stages, retriever_name=retriever_name, **fields)
        return await self._transport.ask(Patched, patch("retrievers", retriever_id, body=body))

    async def delete(self, retriever_id: str) -> Done:
        """`DELETE /retrievers/{id}`: what it logged stays."""
        return await self._transport.ask(Done, delete("retrievers", retriever_id))

    async def clone(
        self, retriever_id: str, body: Body | None = None, *, retriever_name: str | None = None,
        name: str | None = None, **fields: Any,
    ) -> Patched:  # fmt: skip
        """`POST /retrievers/{id}/clone`: a copy under another name."""
        sent = {**(body or {}), **given(retriever_name=retriever_name or name, **fields)}
        call = post("retrievers", retriever_id, "clone", body=sent)
        return await self._transport.ask(Patched, call)

    async def publish(
        self, retriever_id: str, *, public_name: str | None = None, display_name: str | None = None,
        **fields: Any,
    ) -> Publication:  # fmt: skip
        """`POST /retrievers/{id}/publish`: answer under a public name, for browsers."""
        body = given(public_name=public_name, display_name=display_name, **fields)
        call = post("retrievers", retriever_id, "publish", body=body)
        return await self._transport.ask(Publication, call)

    async def publication(self, retriever_id: str) -> Publication:
        """`GET /retrievers/{id}/publish`: under which name it is published."""
        return await self._transport.ask(Publication, get("retrievers", retriever_id, "publish"))

    async def unpublish(self, retriever_id: str) -> Done:
        """`DELETE /retrievers/{id}/publish`: no longer."""
        return await self._transport.ask(Done, delete("retrievers", retriever_id, "publish"))

    def versions(self, retriever_id: str) -> AsyncRows[Retriever]:
        """`GET /retrievers/{id}/versions`: all versions, newest first."""
        return AsyncRows(self._transport, Retriever, get("retrievers", retriever_id, "versions"))

    async def stages(self, *, category: str | None = None) -> Any:
        """`GET /retrievers/stages`: every stage with its parameters."""
        return await self._transport.ask(Any, get("retrievers", "stages", category=category))

    async def typeahead(self, q: str, *, fields: str | None = None, limit: int = 10) -> Open:
        """`GET /retrievers/typeahead`: values and searches that begin so."""
        call = get("retrievers", "typeahead", q=q, fields=fields, limit=limit)
        return await self._transport.ask(Open, call)

    # ------------------------------------------------------------------------------------ run
    async def execute(
        self, retriever_id: str, inputs: Body | None = None, *, query: Any = None,
        **fields: Unpack[ExecuteFields],
    ) -> Execution:  # fmt: skip
        """`POST /retrievers/{id}/execute`: a ranked list; `query` is short for that input."""
        call = post(
            "retrievers", retriever_id, "execute", body=asked(inputs, query, **fields),
            is_repeatable=True,
        )  # fmt: skip
        return await self._transport.ask(Execution, call)

    async def run(
        self, retriever_id: str, inputs: Body | None = None, **fields: Unpack[ExecuteFields]
    ) -> Execution:
        """`POST /retrievers/{id}/execute`: an older name of `execute`."""
        return await self.execute(retriever_id, inputs, **fields)

    async def execute_batch(
        self, retriever_id: str, queries: Iterable[Body], **fields: Any
    ) -> ExecutionBatch:
        """`POST /retrievers/{id}/execute/batch`: 1 to 50 queries at once; bare inputs will do."""
        body = given(queries=wrapped(queries), **fields)
        call = post("retrievers", retriever_id, "execute", "batch", body=body, is_repeatable=True)
        return await self._transport.ask(ExecutionBatch, call)

    async def stream(
        self, retriever_id: str, inputs: Body | None = None, *, query: Any = None,
        **fields: Unpack[ExecuteFields],
    ) -> AsyncIterator[Message]:  # fmt: skip
        """`POST /retrievers/{id}/execute` with `stream`: what each stage does, as it happens."""
        body = {**asked(inputs, query, **fields), "stream": True}
        call = post("retrievers", retriever_id, "execute", body=body, is_repeatable=True)
        async for message in self._transport.stream(call):
            yield message

    async def explain(
        self, retriever_id: str, inputs: Body | None = None, *, query: Any = None,
        **fields: Unpack[ExecuteFields],
    ) -> Plan:  # fmt: skip
        """`POST /retrievers/{id}/execute/explain`: what would run; runs nothing."""
        body = asked(inputs, query, **fields)
        call = post("retrievers", retriever_id, "execute", "explain", body=body, is_repeatable=True)
        return await self._transport.ask(Plan, call)

    async def fuse(
        self, retriever_id: str, runs: Sequence[Body], *, inputs: Body | None = None,
        query: Any = None, **fields: Unpack[FuseFields],
    ) -> Execution:  # fmt: skip
        """`POST /retrievers/{id}/fuse`: one ranking of another engine's runs
        (`{feature_uri, hits: [{document_id, score}]}`).
        """
        body = {**asked(inputs, query, **fields), "runs": [*runs]}
        call = post("retrievers", retriever_id, "fuse", body=body, is_repeatable=True)
        return await self._transport.ask(Execution, call)

    # --------------------------------------------------------- interactions, as the SDK names them
    async def create_interaction(
        self, feature_id: str | None = None, *, interaction_type: str | Sequence[str],
        document_id: str | None = None, position: int = 0, **fields: Unpack[InteractionFields],
    ) -> Interaction:  # fmt: skip
        """The same as `interactions.create`, with a document."""
        if not (feature_id or document_id):
            raise ValueError("an interaction is on a document: give `feature_id`")
        return await self.interactions.create(
            feature_id, interaction_type=interaction_type, document_id=document_id,
            position=position, **fields,
        )  # fmt: skip

    async def create_interaction_from_result(
        self, result: Any, *, position: int, interaction_type: str | Sequence[str] = ("click",),
        **fields: Unpack[InteractionFields],
    ) -> Interaction:  # fmt: skip
        """The same as `interactions.create_from_result`."""
        return await self.interactions.create_from_result(
            result, position=position, interaction_type=interaction_type, **fields
        )

    async def backfill_interactions(self, interactions: Iterable[Body]) -> InteractionBatch:
        """The same as `interactions.backfill`."""
        return await self.interactions.backfill(interactions)

    async def list_interactions(
        self, retriever_id: str, *, page: int = 1, page_size: int = 50
    ) -> Page[Interaction]:
        """`POST /retrievers/interactions/list`: one page of a retriever's."""
        return await self.interactions.page(
            page=page, page_size=page_size, retriever_id=retriever_id
        )

    async def get_interaction(self, interaction_id: str) -> Interaction:
        """The same as `interactions.get`."""
        return await self.interactions.get(interaction_id)

    async def delete_interaction(self, interaction_id: str) -> InteractionDeleted:
        """The same as `interactions.delete`."""
        return await self.interactions.delete(interaction_id)

    async def run_evaluation(
        self, retriever_id: str, *, dataset_name: str | None = None, dataset_id: str | None = None,
        **fields: Any,
    ) -> Open:  # fmt: skip
        """`POST /retrievers/{id}/evaluations`: the same as `evaluations.run`."""
        body = given(dataset_name=dataset_name or dataset_id, **fields)
        call = post("retrievers", retriever_id, "evaluations", body=body)
        return await self._transport.ask(Open, call)


class AsyncBoundRetriever(AsyncResource):
    """One retriever by its id or name: `client.retriever("ret_…")`. Asks nothing when made."""

    def __init__(self, retrievers: AsyncRetrievers, retriever_id: str) -> None:
        super().__init__(retrievers._transport)
        self._retrievers = retrievers
        self.retriever_id = retriever_id

    async def execute(
        self, inputs: Body | None = None, *, query: Any = None, **fields: Unpack[ExecuteFields]
    ) -> Execution:
        """`POST /retrievers/{id}/execute`: `execute(query="boots", filters={…})`."""
        return await self._retrievers.execute(self.retriever_id, inputs, query=query, **fields)

    async def stream(
        self, inputs: Body | None = None, *, query: Any = None, **fields: Unpack[ExecuteFields]
    ) -> AsyncIterator[Message]:
        """`POST /retrievers/{id}/execute` with `stream`."""
        async for each in self._retrievers.stream(self.retriever_id, inputs, query=query, **fields):
            yield each

    async def fuse(
        self, runs: Sequence[Body], *, inputs: Body | None = None, query: Any = None,
        **fields: Unpack[FuseFields],
    ) -> Execution:  # fmt: skip
        """`POST /retrievers/{id}/fuse`."""
        return await self._retrievers.fuse(
            self.retriever_id, runs, inputs=inputs, query=query, **fields
        )
