"""Looking documents up, and completing what somebody types, on the wire."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from desireline.http.wire.common import Pagination, Size


class SearchDocuments(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/documents/search`: without `query` the first documents that match `filters`."""

    query: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    collection_ids: tuple[str, ...] = ()
    filters: Any = None
    page_size: Size | None = None
    limit: Size | None = None
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"cursor", "page", "offset", "sort", "sorts", "return_vectors", "group_by", "select"}
    )
    not_available_hint: ClassVar[str] = (
        "page with POST /v1/collections/{id}/documents/list, or execute a retriever"
    )


class DocumentsFound(msgspec.Struct, kw_only=True):
    """Documents with their `score`, best first. Nothing of it is logged."""

    results: list[dict[str, Any]]
    documents: list[dict[str, Any]]
    pagination: Pagination
    warnings: list[str] = []


class TypeaheadOut(msgspec.Struct, kw_only=True):
    """What may be meant: queries that several visitors searched, values of fields, collections."""

    query: str
    suggestions: list[str]
    values: list[dict[str, Any]]
    collections: list[dict[str, str]]
    recent_searches: list[str]
    warnings: list[str] = []
