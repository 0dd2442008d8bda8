"""Routes of documents: upsert, update, list, get, delete."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from desireline.core import filters
from desireline.errors import invalid
from desireline.http.body import Wire, loads
from desireline.http.caller import AnyRequest, collection_of
from desireline.http.conversion import document_out
from desireline.http.wire.collections import (
    DocumentResult,
    DocumentsPage,
    ListDocuments,
    UpdateDocuments,
    UpsertDocuments,
    Upserted,
)
from desireline.http.wire.common import Deleted, Pagination, QuerySize, size_of
from desireline.steps.corpus import Outcome

ROOT = "/v1/collections/{collection:str}/documents"


def upserted(outcomes: list[Outcome]) -> Upserted:
    """Per-document results as answered."""
    results = [
        DocumentResult(
            index=o.index, document_id=o.document_id,
            status="failed" if o.error else "upserted",
            error=msgspec.to_builtins(o.error) if o.error else None,
        )
        for o in outcomes
    ]  # fmt: skip
    failed = sum(1 for o in outcomes if o.error)
    return Upserted(upserted=len(outcomes) - failed, failed=failed, results=results)


@post(f"{ROOT}/upsert", status_code=200, dto=Wire[UpsertDocuments], return_dto=None)
async def upsert_documents(
    request: AnyRequest, collection: FromPath[str], data: JSONBody[UpsertDocuments]
) -> Upserted:
    """Insert or replace documents; one bad document never refuses its neighbours."""
    system, found = collection_of(request, collection, "write")
    return upserted(await system.corpus.upsert(found, data.documents))


@post(f"{ROOT}/batch", status_code=200, dto=Wire[UpdateDocuments], return_dto=None)
async def update_documents(
    request: AnyRequest, collection: FromPath[str], data: JSONBody[UpdateDocuments]
) -> Upserted:
    """Change some fields of documents; null removes a field."""
    system, found = collection_of(request, collection, "write")
    if not data.updates:
        raise invalid("$.updates", "empty", "`updates` is empty", "send at least one")
    return upserted(await system.corpus.patch(found, data.updates))


@post(f"{ROOT}/list", status_code=200, dto=Wire[ListDocuments], return_dto=None)
async def list_documents(
    request: AnyRequest, collection: FromPath[str], data: JSONBody[ListDocuments | None] = None
) -> DocumentsPage:
    """A page of documents in document_id order, filtered."""
    return _page(request, collection, data or ListDocuments())


@get(ROOT)
async def get_documents(
    request: AnyRequest,
    collection: FromPath[str],
    page_size: QuerySize = 100,
    cursor: FromQuery[str | None] = None,
) -> DocumentsPage:
    """A page of documents in document_id order."""
    return _page(request, collection, ListDocuments(page_size=page_size, cursor=cursor))


def _page(request: AnyRequest, name: str, asked: ListDocuments) -> DocumentsPage:
    system, found = collection_of(request, name, "read")
    where = None
    if asked.filters is not None:
        where = filters.bare_collections(filters.parse(asked.filters, "$.filters"))
    size = size_of(asked.limit, asked.page_size, 100)
    documents, after = system.corpus.page(found, where, size, asked.cursor or "")
    total = system.corpus.count(found, where) if asked.include_total else None
    shown = [document_out(document) for document in documents]
    return DocumentsPage(
        results=shown,
        documents=shown,
        pagination=Pagination(
            total=total, page_size=size, next_cursor=after or None,
            total_pages=None if total is None else -(-total // size),
        ),
    )  # fmt: skip


@get(f"{ROOT}/{{document_id:path}}")
async def get_document(
    request: AnyRequest, collection: FromPath[str], document_id: FromPath[str]
) -> dict[str, Any]:
    """One document."""
    system, found = collection_of(request, collection, "read")
    return document_out(system.corpus.get(found, document_id.removeprefix("/")))


@patch(f"{ROOT}/{{document_id:path}}", opt={"raw_body": True})
async def update_document(
    request: AnyRequest, collection: FromPath[str], document_id: FromPath[str]
) -> dict[str, Any]:
    """Change some fields of one document; null removes a field."""
    system, found = collection_of(request, collection, "write")
    wanted = document_id.removeprefix("/")
    system.corpus.get(found, wanted)
    fields = loads(await request.body())
    if not isinstance(fields, dict):
        raise invalid(
            "$", "wrong_type", "the body must be an object of fields", 'send {"title": "new title"}'
        )
    if fields.get("document_id", wanted) != wanted:
        raise invalid(
            "$.document_id", "contradiction", "an id cannot be changed",
            "upsert the document under its new id, then delete the old one",
        )  # fmt: skip
    update = {"document_id": wanted, "fields": fields}
    outcome = (await system.corpus.patch(found, [update], "$"))[0]
    if outcome.error is not None:
        raise invalid(
            outcome.error.path, outcome.error.code, outcome.error.message, outcome.error.hint
        )
    return document_out(system.corpus.get(found, wanted))


@delete(f"{ROOT}/{{document_id:path}}", status_code=200)
async def delete_document(
    request: AnyRequest, collection: FromPath[str], document_id: FromPath[str]
) -> Deleted:
    """Delete one document; deleting it again is no error."""
    system, found = collection_of(request, collection, "write")
    removed = await system.corpus.remove(found, [document_id.removeprefix("/")])
    return Deleted(message="deleted" if removed else "there was no such document")


HANDLERS = [
    upsert_documents, update_documents, list_documents, get_documents, get_document,
    update_document, delete_document,
]  # fmt: skip
