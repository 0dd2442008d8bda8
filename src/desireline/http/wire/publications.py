"""Clones and publications of retrievers on the wire, and what strangers may send."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec

from desireline.core.ids import prefixed
from desireline.core.snapshot import Served
from desireline.http.wire.common import Name
from desireline.http.wire.interactions import Count, Identifier, Score, Text, Types
from desireline.http.wire.retrievers import InputField, RetrieverOut, Stages
from desireline.steps.capture import Sent
from desireline.types.catalog import PublicationRecord

MOST_PUBLIC_ROWS = 100

PublicName = Annotated[
    str,
    msgspec.Meta(
        min_length=3, max_length=50, pattern=r"^[a-z0-9][a-z0-9-]*[a-z0-9]$",
        description="3 to 50 lower-case letters, digits and hyphens, no hyphen at either end",
    ),
]  # fmt: skip


class Overrides(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a clone has otherwise than its source; what is left out is copied."""

    description: str | None = None
    collection_identifiers: tuple[str, ...] | None = None
    collection_ids: tuple[str, ...] | None = None
    stages: Stages | None = None
    input_schema: dict[str, InputField] | None = None
    budget_limits: dict[str, Any] | None = None
    tags: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None
    display_config: dict[str, Any] | None = None


class CloneRetriever(Overrides, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/retrievers/{id}/clone`: overrides at the top level, or in `overrides`."""

    retriever_name: Name
    overrides: Overrides | None = None

    def given(self) -> dict[str, Any]:
        """Everything overridden, by name; `overrides` wins."""
        names = Overrides.__struct_fields__
        found = {name: getattr(self, name) for name in names}
        if self.overrides is not None:
            found |= {k: v for k, v in _of(self.overrides).items() if v is not None}
        sent = {name: value for name, value in found.items() if value is not None}
        alias = sent.pop("collection_ids", None)
        return sent if alias is None else {"collection_identifiers": alias, **sent}


def _of(overrides: Overrides) -> dict[str, Any]:
    return {name: getattr(overrides, name) for name in Overrides.__struct_fields__}


class RetrieverCloned(msgspec.Struct, kw_only=True):
    """The new retriever, without what the source learned, its switches and its public name."""

    retriever: RetrieverOut
    source_retriever_id: str
    warnings: list[str] = []


class PublishRetriever(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST` and `PATCH /v1/retrievers/{id}/publish`; without a name one is made."""

    public_name: PublicName | None = None
    display_name: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    description: Annotated[str, msgspec.Meta(max_length=500)] | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({
        "icon_base64", "display_config", "rate_limit_config", "password_secret_name",
        "include_metadata", "tags", "category",
    })  # fmt: skip
    not_available_hint: ClassVar[str] = "display_config and tags are those of the retriever"


class PublicationOut(msgspec.Struct, kw_only=True):
    """A publication as answered. `public_url` is where anybody may run the retriever."""

    public_id: str
    public_name: str
    display_name: str
    description: str
    retriever_id: str
    public_url: str
    short_url: str
    display_config: dict[str, Any]
    tags: tuple[str, ...]
    created_at: str
    updated_at: str
    is_active: bool = True
    password_protected: bool = False
    rate_limit_config: dict[str, Any] = {}

    @classmethod
    def of(cls, served: Served, record: PublicationRecord, base: str) -> PublicationOut:
        """The answer about a publication on the server at `base`."""
        url = f"{base.rstrip('/')}/v1/public/retrievers/{record.public_name}/execute"
        return cls(
            public_id=record.public_name, public_name=record.public_name,
            display_name=record.display_name, description=record.description,
            retriever_id=prefixed("ret", record.retriever_id), public_url=url, short_url=url,
            display_config=served.retriever.display_config or {}, tags=served.retriever.tags,
            created_at=record.created_at, updated_at=record.updated_at,
        )  # fmt: skip


class PublicConfig(msgspec.Struct, kw_only=True):
    """What a page needs to ask for inputs: nothing about how the retriever works."""

    public_name: str
    display_name: str
    description: str
    input_schema: dict[str, Any]
    display_config: dict[str, Any]
    password_protected: bool = False


class PublicInteraction(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One act of an anonymous visitor on a result of this retriever."""

    document_id: Identifier
    interaction_type: Types
    position: Count
    execution_id: Identifier
    query_snapshot: dict[str, Any] | None = None
    document_score: Score | None = None
    result_set_size: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None
    session_id: Text | None = None
    metadata: dict[str, Any] | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({
        "user_id", "feature_uri", "retriever_id", "occurred_at", "backfill",
    })  # fmt: skip
    not_available_hint: ClassVar[str] = "public routes are anonymous and live: send session_id"

    def to_noun(self, retriever_id: str, session_id: str) -> Sent:
        """The interaction; `session_id` is the header's, which the body's own overrides."""
        return Sent(
            document_id=self.document_id, interaction_type=self.interaction_type,
            position=self.position, metadata=self.metadata,
            session_id=self.session_id or session_id, execution_id=self.execution_id,
            retriever_id=retriever_id, query_snapshot=self.query_snapshot,
            document_score=self.document_score, result_set_size=self.result_set_size,
        )  # fmt: skip


class PublicBatch(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """1 to 100 acts, each taken alone."""

    interactions: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=MOST_PUBLIC_ROWS)]


class PublicReceipt(msgspec.Struct, kw_only=True):
    """What became of an act; it says nothing about who searched."""

    interaction_id: str | None
    deduplicated: bool
    attribution: str
    warning: str | None
    success: bool = True
