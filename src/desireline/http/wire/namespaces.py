"""Namespaces on the wire, and documents with vectors of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.core.ids import is_id, prefixed, wire_id
from desireline.core.shapes import convert
from desireline.errors import FieldError, Invalid, invalid
from desireline.http.wire.common import Pagination
from desireline.types.catalog import NamespaceRecord
from desireline.types.retriever import Feature

NamespaceName = Annotated[
    str,
    msgspec.Meta(
        min_length=3, max_length=64, pattern=r"^[A-Za-z0-9]([A-Za-z0-9 _.\-]*[A-Za-z0-9_.\-])?$",
        description="3 to 64 letters, digits, spaces, `_`, `.`, `-`; first a letter or digit",
    ),
]  # fmt: skip
_ROUTES = ("standalone", "list")
_METRICS = {"dot_product": "dot", "euclidean": "euclid"}
_IDLE = (
    "feature_extractors", "features", "payload_indexes", "auto_create_indexes",
    "adaptive_indexing", "namespace_type", "scope",
)  # fmt: skip


class VectorConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A named vector of the caller; its name is the `feature_uri` to search it by."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    dimension: Annotated[int, msgspec.Meta(ge=1, le=4096)]
    metric: Literal["cosine", "euclidean", "dot_product", "dot", "euclid"] = "cosine"

    def to_noun(self) -> Feature:
        """The dense feature that it is."""
        distance: Any = _METRICS.get(self.metric, self.metric)
        return Feature(
            feature_uri=self.name, kind="dense", dimension=self.dimension, distance=distance
        )


class _Described(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    namespace_name: NamespaceName | None = None
    namespace_id: NamespaceName | None = None
    description: str = ""
    metadata: dict[str, Any] = {}
    vector_configs: Annotated[list[VectorConfig], msgspec.Meta(max_length=64)] | None = None
    feature_extractors: Any = None
    features: Any = None
    payload_indexes: Any = None
    auto_create_indexes: bool | None = None
    adaptive_indexing: bool | None = None
    namespace_type: str | None = None
    scope: str | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({
        "ttl_seconds", "infrastructure", "trusted_issuers", "tiering", "spend_budget",
        "cost_cap_override", "storage", "config",
    })  # fmt: skip

    def name(self) -> str:
        """The name: `namespace_name`, or the client's word for the id. Raises Invalid."""
        if self.namespace_name and self.namespace_id not in (None, self.namespace_name):
            raise invalid(
                "$.namespace_id", "not_available", "ids of namespaces are made by the server",
                "leave `namespace_id` out; a name does wherever an id does",
            )  # fmt: skip
        found = self.namespace_name or self.namespace_id
        if not found:
            raise invalid(
                "$.namespace_name", "required_field", "`namespace_name` is required",
                'send {"namespace_name": "shop"}',
            )  # fmt: skip
        if found in _ROUTES or is_id(found.removeprefix("ns_")):
            raise invalid(
                "$.namespace_name", "reserved_name", f"`{found}` cannot be a name",
                f"not {', '.join(_ROUTES)}, and nothing that looks like an id",
            )  # fmt: skip
        return found

    def vectors(self) -> list[Feature]:
        """The features that the vectors are."""
        return [each.to_noun() for each in self.vector_configs or ()]

    def warnings(self) -> list[str]:
        """What was sent and does nothing: every field can be searched and filtered as it is."""
        sent = [name for name in _IDLE if getattr(self, name) not in (None, [], False)]
        return [f"`{name}` has no effect" for name in sent]


class CreateNamespace(_Described, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/namespaces`; with `vector_configs` and no `mode` it is a standalone one."""

    mode: Literal["managed", "standalone"] | None = None

    @property
    def is_standalone(self) -> bool:
        """Whether the caller brings vectors. Raises Invalid for a managed one with vectors."""
        if self.mode == "managed" and self.vector_configs is not None:
            raise invalid(
                "$.vector_configs", "contradiction",
                "managed namespaces have no vectors of their own",
                "register dense features in its collections, or leave `mode` out",
            )  # fmt: skip
        return self.mode == "standalone" or self.vector_configs is not None


class CreateStandalone(_Described, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/namespaces/standalone`; without `vector_configs` documents bring their names."""


class NamespaceOut(msgspec.Struct, kw_only=True):
    """A namespace as answered. `vector_configs` is null unless the caller brings the vectors."""

    namespace_id: str
    namespace_name: str
    mode: str
    description: str
    metadata: dict[str, Any]
    vector_configs: list[dict[str, Any]] | None
    collection_id: str | None
    collection_count: int
    document_count: int
    created_at: str
    object: str = "namespace"
    status: str = "active"
    namespace_ready: bool = True
    feature_extractors: list[Any] = []
    payload_indexes: list[Any] = []
    warnings: list[str] = []

    @classmethod
    def of(
        cls, record: NamespaceRecord, features: Sequence[Feature], counts: tuple[int, int],
        warnings: Sequence[str] = (),
    ) -> NamespaceOut:  # fmt: skip
        """The answer about a namespace; `counts` of its collections and documents."""
        standalone = record.mode == "standalone"
        shown = [
            {"name": each.feature_uri, "dimension": each.dimension, "metric": each.distance}
            for each in features
        ]
        return cls(
            namespace_id=wire_id("ns", record.namespace_id), namespace_name=record.namespace_name,
            mode=record.mode, description=record.description, metadata=record.metadata,
            vector_configs=shown if standalone else None,
            collection_id=prefixed("col", record.collection_id) if standalone else None,
            collection_count=counts[0], document_count=counts[1], created_at=record.created_at,
            warnings=list(warnings),
        )  # fmt: skip


class NamespacesPage(msgspec.Struct, kw_only=True):
    """A page of namespaces."""

    results: list[NamespaceOut]
    pagination: Pagination
    total_count: int


class NamespaceDeleted(msgspec.Struct, kw_only=True):
    """What went with a namespace, and by name what did not."""

    message: str
    removed: dict[str, int]
    kept: list[dict[str, str]]
    success: bool = True


class UpsertOptions(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Options of an upsert; a write is visible when it is answered, so a token says nothing."""

    write_token: bool = False
    not_available: ClassVar[frozenset[str]] = frozenset({"idempotency_key"})
    not_available_hint: ClassVar[str] = "an upsert may be repeated: equal ids replace each other"


class UpsertVectors(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/namespaces/{id}/documents/upsert`."""

    documents: list[Any]
    collection_id: str | None = None
    options: UpsertOptions | None = None


class VectorsUpserted(msgspec.Struct, kw_only=True):
    """Answer of an upsert: per-document results, in order."""

    inserted: int
    failed: int
    document_ids: list[str]
    unsearchable_document_ids: list[str]
    results: list[Any]
    write_token: str | None = None
    warnings: list[str] = []


class OwnDocument(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A document with vectors by name; `payload` are its fields, `metadata` one of them."""

    document_id: Any
    vectors: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    metadata: dict[str, Any] | None = None
    not_available: ClassVar[frozenset[str]] = frozenset({
        "acl", "source_type", "root_object_id", "root_bucket_id", "source_object_id",
        "source_document_id", "source_collection_id", "lineage_path", "lineage_chain",
        "content_hash",
    })  # fmt: skip
    not_available_hint: ClassVar[str] = "put what you need into `payload`"


def own_document(value: Any, path: str) -> Any:
    """A document in either form, as the corpus takes it. Raises Invalid at its place."""
    if not isinstance(value, dict) or not {"vectors", "payload"} & value.keys():
        return value
    sent = convert(value, OwnDocument, path)
    fields = dict(sent.payload)
    if sent.metadata is not None:
        fields["metadata"] = sent.metadata
    return {**fields, "document_id": sent.document_id, "_vectors": sent.vectors}


def own_documents(sent: Sequence[Any]) -> tuple[list[Any], dict[int, FieldError]]:
    """Documents as the corpus takes them, and by place what is wrong with the others."""
    good: list[Any] = []
    wrong: dict[int, FieldError] = {}
    for place, value in enumerate(sent):
        try:
            good.append(own_document(value, f"$.documents[{place}]"))
        except Invalid as error:
            wrong[place] = error.fields[0]
    return good, wrong
