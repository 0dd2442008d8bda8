"""What is searched and how: namespaces, collections, features, retrievers, stages, searches, hits.

Values only. They know neither the wire (`http/wire`) nor the index.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

FusionMethod = Literal["rrf", "dbsf", "weighted", "max", "learned"]
FeatureKind = Literal["lexical", "dense", "field"]
Distance = Literal["cosine", "dot", "euclid"]


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A searchable index under a key: BM25 over fields, an encoder's or the caller's vectors, a
    number.

    `model` is "" for vectors of the caller. `average_length` (BM25) is fixed at the first
    documents.
    """

    feature_uri: str
    kind: FeatureKind
    fields: tuple[str, ...] = ()
    model: str = ""
    dimension: int = 0
    distance: Distance = "cosine"
    field: str = ""
    average_length: float = 0.0


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of documents with its feature registry; `index_version` names the
    index folder.
    """

    collection_id: str
    collection_name: str
    namespace: str
    features: tuple[Feature, ...] = ()
    description: str = ""
    metadata: dict[str, Any] = {}
    created_at: str = ""
    updated_at: str = ""
    index_version: int = 1


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that is ranked: the user's fields, and vectors by feature_uri if the user
    brings them.
    """

    document_id: str
    collection_id: str
    fields: dict[str, Any] = {}
    vectors: dict[str, list[float]] = {}


class Filter(msgspec.Struct, frozen=True, tag_field="node", tag="leaf"):
    """A leaf of a filter tree: `field operator value`. Operators: `core.filters.OPERATORS`."""

    field: str
    operator: str
    value: Any = None
    case_insensitive: bool = False


class And(msgspec.Struct, frozen=True, tag_field="node", tag="and"):
    """Every part holds (no parts: true)."""

    parts: tuple[Filter | And | Or | Not, ...]


class Or(msgspec.Struct, frozen=True, tag_field="node", tag="or"):
    """At least one part holds (no parts: false)."""

    parts: tuple[Filter | And | Or | Not, ...]


class Not(msgspec.Struct, frozen=True, tag_field="node", tag="not"):
    """The part does not hold."""

    part: Filter | And | Or | Not


FilterTree = Filter | And | Or | Not


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """One ranked list over one feature. `query` is a template, or a vector of the caller.

    `weight` is None when the request did not send one ("present" means explicitly sent).
    """

    feature_uri: str
    query: str | list[float] = "{{INPUT.query}}"
    top_k: int = 100
    min_score: float | None = None
    weight: float | None = None
    optional: bool = False
    on_empty: Literal["error", "skip", "random"] = "error"
    filters: Any = None
    collection_identifiers: tuple[str, ...] = ()


class StaticFusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is served when weights are not learned: a method and its weights by feature_uri."""

    fusion: Literal["rrf", "dbsf", "weighted", "max"] = "rrf"
    weights: dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]] = {}


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A document in a search's list: raw score, 0-based rank."""

    document_id: str
    score: float
    rank: int


class Run(msgspec.Struct, frozen=True):
    """The list one search returned, best first: ids and raw scores of equal length.

    `complete` says that every candidate of the union has a score here (learned fusion scores
    missing candidates by id); ranks of those that the search did not itself return are absent
    from `returned` (the first `returned` entries are what it returned).
    """

    feature_uri: str
    ids: list[str]
    scores: list[float]
    returned: int = -1
    collection_ids: list[str] | None = None


class Retriever(msgspec.Struct, frozen=True, kw_only=True):
    """A named, versioned recipe. `stages` is the stored form (see `core.recipe`)."""

    retriever_id: str
    retriever_name: str
    namespace: str
    stages: list[dict[str, Any]]
    version: int = 1
    description: str = ""
    collection_identifiers: tuple[str, ...] = ()
    input_schema: dict[str, Any] | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    display_config: dict[str, Any] | None = None
    budget_limits: dict[str, Any] | None = None
    created_at: str = ""
    updated_at: str = ""
    warnings: tuple[str, ...] = ()
