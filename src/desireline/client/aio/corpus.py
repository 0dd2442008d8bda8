"""Namespaces, collections and documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from desireline.client.aio.rows import AsyncResource, AsyncRows
from desireline.client.answers import (
    Collection,
    Document,
    Done,
    Namespace,
    Page,
    Task,
    Upserted,
    VectorsUpserted,
)
from desireline.client.batches import BATCH, batches, merged
from desireline.client.calls import delete, get, given, patch, post
from desireline.client.fields import Body, Paging


class AsyncNamespaceDocuments(AsyncResource):
    """Documents of a standalone namespace, with vectors of one's own."""

    async def upsert(self, namespace_id: str, documents: Iterable[Body]) -> VectorsUpserted:
        """`POST /namespaces/{id}/documents/upsert`: insert or replace, in batches."""
        answers = [
            await self._transport.ask_plain(
                post("namespaces", namespace_id, "documents", "upsert",
                     body={"documents": batch}, is_repeatable=True)
            )
            for batch in batches(documents, BATCH)
        ]  # fmt: skip
        return merged(VectorsUpserted, answers)


class AsyncNamespaces(AsyncResource):
    """The boundaries between data sets; a client works in one (`namespace=`)."""

    @property
    def documents(self) -> AsyncNamespaceDocuments:
        """Documents of standalone namespaces."""
        return AsyncNamespaceDocuments(self._transport)

    def list(self) -> AsyncRows[Namespace]:
        """`GET /namespaces`: all of them."""
        return AsyncRows(self._transport, Namespace, get("namespaces"))

    async def get(self, namespace_id: str) -> Namespace:
        """`GET /namespaces/{id}`: one, by id or name."""
        return await self._transport.ask(Namespace, get("namespaces", namespace_id))

    async def create(
        self, namespace_name: str | None = None, *, vector_configs: Any = None, **fields: Any
    ) -> Namespace:
        """`POST /namespaces`, or `/namespaces/standalone` when vectors are one's own."""
        body = given(namespace_name=namespace_name, vector_configs=vector_configs, **fields)
        standalone = ("standalone",) if vector_configs is not None else ()
        return await self._transport.ask(Namespace, post("namespaces", *standalone, body=body))

    async def delete(self, namespace_id: str) -> Done:
        """`DELETE /namespaces/{id}`: with everything in it."""
        return await self._transport.ask(Done, delete("namespaces", namespace_id))


class AsyncCollections(AsyncResource):
    """Sets of documents with the features that make them searchable."""

    def list(self, **paging: Unpack[Paging]) -> AsyncRows[Collection]:
        """`POST /collections/list`: all of them, oldest first."""
        call = post("collections", "list", body=paging, is_repeatable=True)
        return AsyncRows(self._transport, Collection, call)

    async def get(self, collection: str) -> Collection:
        """`GET /collections/{id}`: one, by id or name."""
        return await self._transport.ask(Collection, get("collections", collection))

    async def create(
        self, collection_name: str, *, features: Sequence[Body] = (), **fields: Any
    ) -> Collection:
        """`POST /collections`: a name, and what can be searched in it."""
        body = given(collection_name=collection_name, features=[*features], **fields)
        return await self._transport.ask(Collection, post("collections", body=body))

    async def update(self, collection: str, **fields: Any) -> Collection:
        """`PATCH /collections/{id}`: name, description, metadata, or features (rebuilds)."""
        return await self._transport.ask(Collection, patch("collections", collection, body=fields))

    async def optimize(self, collection: str) -> Task:
        """`POST /collections/{id}/optimize`: build the approximate index, in the background."""
        return await self._transport.ask(Task, post("collections", collection, "optimize"))

    async def rebuild(self, collection: str, *, features: Sequence[Body] | None = None) -> Task:
        """`POST /collections/{id}/rebuild`: index anew, in the background."""
        call = post("collections", collection, "rebuild", body=given(features=features))
        return await self._transport.ask(Task, call)

    async def delete(self, collection: str) -> Done:
        """`DELETE /collections/{id}`: with its documents."""
        return await self._transport.ask(Done, delete("collections", collection))


class AsyncDocuments(AsyncResource):
    """Documents: an id, fields, and vectors under `_vectors` by `feature_uri`."""

    async def upsert(
        self, collection: str, documents: Iterable[Body], *, batch_size: int = BATCH
    ) -> Upserted:
        """`POST /collections/{id}/documents/upsert`: insert or replace any number, in batches.

        A bad document costs only itself: `failed` counts them, `results` says why.
        """
        path = ("collections", collection, "documents", "upsert")
        answers = [
            await self._transport.ask_plain(
                post(*path, body={"documents": batch}, is_repeatable=True)
            )
            for batch in batches(documents, batch_size)
        ]
        return merged(Upserted, answers)

    def list(
        self, collection: str, *, filters: Any = None, page_size: int | None = None, **fields: Any
    ) -> AsyncRows[Document]:
        """`POST /collections/{id}/documents/list`: all that match, by `document_id`."""
        body = given(filters=filters, page_size=page_size, **fields)
        call = post("collections", collection, "documents", "list", body=body, is_repeatable=True)
        return AsyncRows(self._transport, Document, call)

    async def get(self, collection: str, document_id: str) -> Document:
        """`GET /collections/{id}/documents/{document_id}`: one."""
        call = get("collections", collection, "documents", document_id)
        return await self._transport.ask(Document, call)

    async def update(
        self, collection: str, document_id: str, update_data: Body | None = None, **fields: Any
    ) -> Document:
        """`PATCH …/documents/{document_id}`: change some fields; None removes a field."""
        body = {**(update_data or {}), **fields}
        call = patch("collections", collection, "documents", document_id, body=body)
        return await self._transport.ask(Document, call)

    async def batch_update(self, collection: str, updates: Iterable[Mapping[str, Any]]) -> Upserted:
        """`POST …/documents/batch`: `{document_id, fields}` for any number, in batches."""
        path = ("collections", collection, "documents", "batch")
        answers = [
            await self._transport.ask_plain(post(*path, body={"updates": batch}))
            for batch in batches(updates, BATCH)
        ]
        return merged(Upserted, answers)

    async def delete(self, collection: str, document_id: str) -> Done:
        """`DELETE …/documents/{document_id}`: one; again is no error."""
        call = delete("collections", collection, "documents", document_id)
        return await self._transport.ask(Done, call)

    async def search(
        self, collection_ids: Sequence[str], query: str, **fields: Any
    ) -> Page[Document]:
        """`POST /documents/search`: the text features of collections, without a retriever."""
        body = given(collection_ids=[*collection_ids], query=query, **fields)
        call = post("documents", "search", body=body, is_repeatable=True)
        page: Page[Document] = await self._transport.ask(Page[Document], call)
        return page
