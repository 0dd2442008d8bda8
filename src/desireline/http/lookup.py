"""Routes that look something up without a retriever: documents by words, and typeahead."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromQuery, JSONBody, QueryParameter

from desireline.core import filters
from desireline.errors import invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted
from desireline.http.conversion import collection_id, document_out
from desireline.http.wire.common import Pagination, size_of
from desireline.http.wire.lookup import DocumentsFound, SearchDocuments, TypeaheadOut
from desireline.steps.lookup import MOST_SCANNED, Typed, look_up

FIRST_ONLY = f"`values` are those of the first {MOST_SCANNED} documents"
Few = Annotated[int, QueryParameter(ge=1, le=50)]
Prefix = Annotated[str, QueryParameter(max_length=200)]
Fields = Annotated[list[str] | None, QueryParameter(description="repeatable, or with commas")]


@post("/v1/documents/search", status_code=200, dto=Wire[SearchDocuments], return_dto=None)
async def search_documents(
    request: AnyRequest, data: JSONBody[SearchDocuments | None] = None
) -> DocumentsFound:
    """Documents by words over every text feature of some (or all) collections; not logged."""
    system, caller = admitted(request, "read")
    asked = data or SearchDocuments()
    named = [system.live.collection(caller.namespace, each) for each in asked.collection_ids]
    collections = named or list(system.live.collections(caller.namespace))
    where = None
    if asked.filters is not None:
        where = filters.bare_collections(filters.parse(asked.filters, "$.filters"))
        if "score" in filters.fields_of(where):
            raise invalid(
                "$.filters", "wrong_place", "`score` is known only after the search",
                "filter on it in an attribute_filter stage of a retriever",
            )  # fmt: skip
    size = size_of(asked.limit, asked.page_size, 10)
    found = look_up(system.index, collections, asked.query.strip(), where, size)
    shown = [{**document_out(each.document), "score": each.score} for each in found]
    return DocumentsFound(
        results=shown, documents=shown, pagination=Pagination(page_size=size)
    )  # fmt: skip


@get("/v1/retrievers/typeahead")
async def typeahead(
    request: AnyRequest, q: Prefix = "", fields: Fields = None, limit: Few = 10,
    user_id: FromQuery[str | None] = None,
) -> TypeaheadOut:  # fmt: skip
    """Completions of a prefix: queries that at least 3 visitors searched in 30 days, values of
    `fields` in the first 2,000 documents, names of collections; with `user_id` that user's own
    searches.
    """
    system, caller = admitted(request, "read")
    if not q:
        raise invalid(
            "query.q", "required_field", "`q`, what was typed so far, is missing", "send ?q=ear"
        )
    typed = Typed(
        namespace=caller.namespace, text=q, user_id=user_id or "", limit=limit,
        fields=tuple(name for each in fields or () for name in each.split(",") if name),
    )  # fmt: skip
    found = await system.typeahead.complete(typed)
    return TypeaheadOut(
        query=q, suggestions=found.texts[:limit], recent_searches=found.own,
        values=[msgspec.to_builtins(each) for each in found.values],
        collections=[
            {"collection_id": collection_id(each.collection_id),
             "collection_name": each.collection_name}
            for each in found.collections
        ],
        warnings=[] if found.complete else [FIRST_ONLY],
    )  # fmt: skip


HANDLERS = [search_documents, typeahead]
