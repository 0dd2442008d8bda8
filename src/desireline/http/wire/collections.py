"""Collections and their features on the wire."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.errors import Invalid, invalid
from desireline.http.wire.common import Name, Pagination, Size
from desireline.types.retriever import Collection, Feature

FieldName = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Uri = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]

_PARTS = {
    "lexical": ("fields",), "dense": ("fields", "model", "dimension", "distance"),
    "field": ("field",),
}  # fmt: skip


def _needs(path: str, message: str, example: str) -> Invalid:
    return invalid(path, "required_field", message, f"for example {example}")


class FeatureIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A feature to register: BM25 over fields, vectors of a model or of the caller, or a number."""

    feature_uri: Uri
    kind: Literal["lexical", "dense", "field"]
    fields: tuple[FieldName, ...] = ()
    model: str | None = None
    dimension: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    distance: Literal["cosine", "dot", "euclid"] | None = None
    field: FieldName | None = None

    def to_noun(self, path: str, dimension_of: Any) -> Feature:
        """Checked by kind; `dimension_of(model)` tells an encoder's dimension or raises Invalid."""
        self._check_kind(path)
        dimension = self.dimension or 0
        if self.kind == "lexical" and not self.fields:
            raise _needs(f"{path}.fields", "a lexical feature needs `fields`", '["title"]')
        if self.kind == "field" and not self.field:
            raise _needs(f"{path}.field", "a field feature needs `field`", '"price"')
        if self.kind == "dense":
            dimension = self._dense_dimension(path, dimension_of)
        return Feature(
            feature_uri=self.feature_uri, kind=self.kind, fields=self.fields,
            model=self.model or "", dimension=dimension,
            distance=self.distance or "cosine",
            field=self.field or "",
        )  # fmt: skip

    def _check_kind(self, path: str) -> None:
        """A part that this kind of feature does not have is a mistake, not decoration."""
        for name in ("fields", "model", "dimension", "distance", "field"):
            if getattr(self, name) and name not in _PARTS[self.kind]:
                raise invalid(
                    f"{path}.{name}", "wrong_place", f"a {self.kind} feature has no `{name}`",
                    f"a {self.kind} feature takes: {', '.join(_PARTS[self.kind])}",
                )  # fmt: skip

    def _dense_dimension(self, path: str, dimension_of: Any) -> int:
        if not self.model:
            if not self.dimension:
                hint = "give `dimension` for vectors of your own, or `model` and `fields`"
                raise invalid(
                    f"{path}.dimension", "required_field",
                    "a dense feature needs `model` or `dimension`", hint,
                )  # fmt: skip
            return self.dimension
        if not self.fields:
            raise _needs(f"{path}.fields", "an encoded feature needs `fields`", '["title"]')
        known: int = dimension_of(self.model, f"{path}.model")
        if self.dimension not in (None, known):
            raise invalid(
                f"{path}.dimension", "wrong_value",
                f"model `{self.model}` has {known} dimensions, not {self.dimension}",
                f"send {known}, or leave `dimension` out",
            )  # fmt: skip
        return known


class CreateCollection(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST /v1/collections`."""

    collection_name: Name
    features: list[FeatureIn] = []
    description: str = ""
    metadata: dict[str, Any] = {}
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"source", "input_schema", "output_schema", "feature_extractor", "taxonomy_applications"}
    )


class UpdateCollection(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`PATCH /v1/collections/{id}`: `features` is the whole new registry (a new index is built)."""

    collection_name: Name | None = None
    description: str | None = None
    metadata: dict[str, Any] | None = None
    features: list[FeatureIn] | None = None


class CollectionOut(msgspec.Struct, kw_only=True):
    """A collection as answered."""

    collection_id: str
    collection_name: str
    namespace_id: str
    features: tuple[Feature, ...]
    description: str
    metadata: dict[str, Any]
    document_count: int
    index_version: int
    created_at: str
    updated_at: str
    warnings: list[str] = []

    @classmethod
    def of(
        cls, collection: Collection, count: int, warnings: tuple[str, ...] = ()
    ) -> CollectionOut:
        """The answer about a collection with `count` documents."""
        return cls(
            collection_id=collection.collection_id,
            collection_name=collection.collection_name,
            namespace_id=collection.namespace,
            features=collection.features,
            description=collection.description,
            metadata=collection.metadata,
            document_count=count,
            index_version=collection.index_version,
            created_at=collection.created_at,
            updated_at=collection.updated_at,
            warnings=list(warnings),
        )


class CollectionsPage(msgspec.Struct, kw_only=True):
    """A page of collections."""

    results: list[CollectionOut]
    pagination: Pagination
    total: int


class UpsertDocuments(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST …/documents/upsert`: documents with `document_id`, fields at root,
    `_vectors` by uri.
    """

    documents: list[Any]
    not_available: ClassVar[frozenset[str]] = frozenset({"options"})


class DocumentResult(msgspec.Struct, kw_only=True):
    """What became of one document of an upsert."""

    index: int
    document_id: str
    status: Literal["upserted", "failed"]
    error: dict[str, str] | None = None


class Upserted(msgspec.Struct, kw_only=True):
    """Answer of an upsert: per-document results, in order."""

    upserted: int
    failed: int
    results: list[DocumentResult]
    warnings: list[str] = []


class UpdateDocuments(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST …/documents/batch`: partial updates by id."""

    updates: list[Any]


class ListDocuments(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`POST …/documents/list`."""

    page_size: Size | None = None
    limit: Size | None = None
    cursor: str | None = None
    filters: Any = None
    include_total: bool = False
    not_available: ClassVar[frozenset[str]] = frozenset(
        {"sort", "search", "page", "return_vectors"}
    )


class DocumentsPage(msgspec.Struct, kw_only=True):
    """A page of documents: fields at root, system fields under `_internal`."""

    results: list[dict[str, Any]]
    documents: list[dict[str, Any]]
    pagination: Pagination
