# Written by tools/unasync.py from client/aio/corpus.py (`make sync`): change that file.
"""Namespaces, collections and documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

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
from desireline.client.sync.rows import Resource, Rows


class NamespaceDocuments(Resource):
    """Documents of a standalone namespace, with vectors of one's own."""

    def upsert(self, namespace_id: str, documents: Iterable[Body]) -> VectorsUpserted:
        """`POST /namespaces/{id}/documents/upsert`: insert or replace, in batches."""
        answers = [
            self._transport.ask_plain(
                post("namespaces", namespace_id, "documents", "upsert",
                     body={"documents": batch}, is_repeatable=True)
            )
            for batch in batches(documents, BATCH)
        ]  # fmt: skip
        return merged(VectorsUpserted, answers)


class Namespaces(Resource):
    """The boundaries between data sets; a client works in one (`namespace=`)."""

    @property
    def documents(self) -> NamespaceDocuments:
        """Documents of standalone namespaces."""
        return NamespaceDocuments(self._transport)

    def list(self) -> Rows[Namespace]:
        """`GET /namespaces`: all of them."""
        return Rows(self._transport, Namespace, get("namespaces"))

    def get(self, namespace_id: str) -> Namespace:
        """`GET /namespaces/{id}`: one, by id or name."""
        return self._transport.ask(Namespace, get("namespaces", namespace_id))

    def create(
        self, namespace_name: str | None = None, *, vector_configs: Any = None, **fields: Any
    ) -> Namespace:
        """`POST /namespaces`, or `/namespaces/standalone` when vectors are one's own."""
        body = given(namespace_name=namespace_name, vector_configs=vector_configs, **fields)
        standalone = ("standalone",) if vector_configs is not None else ()
        return self._transport.ask(Namespace, post("namespaces", *standalone, body=body))

    def delete(self, namespace_id: str) -> Done:
        """`DELETE /namespaces/{id}`: with everything in it."""
        return self._transport.ask(Done, delete("namespaces", namespace_id))


class Collections(Resource):
    """Sets of documents with the features that make them searchable."""

    def list(self, **paging: Unpack[Paging]) -> Rows[Collection]:
        """`POST /collections/list`: all of them, oldest first."""
        call = post("collections", "list", body=paging, is_repeatable=True)
        return Rows(self._transport, Collection, call)

    def get(self, collection: str) -> Collection:
        """`GET /collections/{id}`: one, by id or name."""
        return self._transport.ask(Collection, get("collections", collection))

    def create(
        self, collection_name: str, *, features: Sequence[Body] = (), **fields: Any
    ) -> Collection:
        """`POST /collections`: a name, and what can be searched in it."""
        body = given(collection_name=collection_name, features=[*features], **fields)
        return self._transport.ask(Collection, post("collections", body=body))

    def update(self, collection: str, **fields: Any) -> Collection:
        """`PATCH /collections/{id}`: name, description, metadata, or features (rebuilds)."""
        return self._transport.ask(Collection, patch("collections", collection, body=fields))

    def optimize(self, collection: str) -> Task:
        """`POST /collections/{id}/optimize`: build the approximate index, in the background."""
        return self._transport.ask(Task, post("collections", collection, "optimize"))

    def rebuild(self, collection: str, *, features: Sequence[Body] | None = None) -> Task:
        """`POST /collections/{id}/rebuild`: index anew, in the background."""
        call = post("collections", collection, "rebuild", body=given(features=features))
        return self._transport.ask(Task, call)

    def delete(self, collection: str) -> Done:
        """`DELETE /collections/{id}`: with its documents."""
        return self._transport.ask(Done, delete("collections", collection))


class Documents(Resource):
    """Documents: an id, fields, and vectors under `_vectors` by `feature_uri`."""

    def upsert(
        self, collection: str, documents: Iterable[Body], *, batch_size: int = BATCH
    ) -> Upserted:
        """`POST /collections/{id}/documents/upsert`: insert or replace any number, in batches.

        A bad document costs only itself: `failed` counts them, `results` says why.
        """
        path = ("collections", collection, "documents", "upsert")
        answers = [
            self._transport.ask_plain(post(*path, body={"documents": batch}, is_repeatable=True))
            for batch in batches(documents, batch_size)
        ]
        return merged(Upserted, answers)

    def list(
        self, collection: str, *, filters: Any = None, page_size: int | None = None, **fields: Any
    ) -> Rows[Document]:
        """`POST /collections/{id}/documents/list`: all that match, by `document_id`."""
        body = given(filters=filters, page_size=page_size, **fields)
        call = post("collections", collection, "documents", "list", body=body, is_repeatable=True)
        return Rows(self._transport, Document, call)

    def get(self, collection: str, document_id: str) -> Document:
        """`GET /collections/{id}/documents/{document_id}`: one."""
        call = get("collections", collection, "documents", document_id)
        return self._transport.ask(Document, call)

    def update(
        self, collection: str, document_id: str, update_data: Body | None = None, **fields: Any
    ) -> Document:
        """`PATCH …/documents/{document_id}`: change some fields; None removes a field."""
        body = {**(update_data or {}), **fields}
        call = patch("collections", collection, "documents", document_id, body=body)
        return self._transport.ask(Document, call)

    def batch_update(self, collection: str, updates: Iterable[Mapping[str, Any]]) -> Upserted:
        """`POST …/documents/batch`: `{document_id, fields}` for any number, in batches."""
        path = ("collections", collection, "documents", "batch")
        answers = [
            self._transport.ask_plain(post(*path, body={"updates": batch}))
            for batch in batches(updates, BATCH)
        ]
        return merged(Upserted, answers)

    def delete(self, collection: str, document_id: str) -> Done:
        """`DELETE …/documents/{document_id}`: one; again is no error."""
        call = delete("collections", collection, "documents", document_id)
        return self._transport.ask(Done, call)

    def search(self, collection_ids: Sequence[str], query: str, **fields: Any) -> Page[Document]:
        """`POST /documents/search`: the text features of collections, without a retriever."""
        body = given(collection_ids=[*collection_ids], query=query, **fields)
        call = post("documents", "search", body=body, is_repeatable=True)
        page: Page[Document] = self._transport.ask(Page[Document], call)
        return page
