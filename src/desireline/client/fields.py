"""Keyword arguments that many calls take, by name and type.

They are sent as they are given: a name that the server does not know is refused by the server,
with the nearest one it knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Body = Mapping[str, Any]


class ExecuteFields(TypedDict, total=False):
    """Of a search. `limit` is the number of documents; `user_id` may also stand in `inputs`."""

    filters: Any
    limit: int
    pagination: Body
    settings: Body
    user_id: str
    session_id: str
    segment: str
    explain: bool
    return_vectors: bool
    include_legacy_results: bool
    skip_cache: bool
    expand: Sequence[str]
    purpose: str


class RetrieverFields(TypedDict, total=False):
    """Of a retriever."""

    description: str
    collection_identifiers: Sequence[str]
    input_schema: Body
    tags: Sequence[str]
    metadata: Body
    display_config: Body
    budget_limits: Body
    visibility: str


class InteractionFields(TypedDict, total=False):
    """Of an interaction, beside the document and the act itself."""

    metadata: Body
    user_id: str | None
    session_id: str | None
    execution_id: str | None
    retriever_id: str | None
    query_snapshot: Body | None
    document_score: float | None
    result_set_size: int
    feature_uri: str | None
    occurred_at: str | None
    backfill: bool


class Selection(TypedDict, total=False):
    """Which interactions; every field narrows, `days` counts back from now."""

    user_id: str
    session_id: str
    execution_id: str
    retriever_id: str
    feature_id: str
    interaction_type: str | Sequence[str]
    attribution: str
    days: int
    created_after: str
    created_before: str
    filters: Any
    search: str
    sort: Body


class Paging(TypedDict, total=False):
    """Of a plain list: what to look for in names, and how many rows a request fetches."""

    search: str
    case_sensitive: bool
    page_size: int
    filters: Any
    sort: Body


class FuseFields(TypedDict, total=False):
    """Of a fusion of foreign runs."""

    user_id: str
    session_id: str
    segment: str
    limit: int
    purpose: str
    external_id: str


class LogFields(TypedDict, total=False):
    """Of a list that another engine showed; `external_id` is one's own id of it: logged once."""

    user_id: str
    session_id: str
    segment: str
    purpose: str
    external_id: str
    occurred_at: str


class Report(TypedDict, total=False):
    """How far announced work is; `status` ends it, `checkpoint` is for who goes on with it."""

    done: int
    total: int
    message: str
    status: str
    checkpoint: Body
    outputs: Sequence[Body]
    error: str
