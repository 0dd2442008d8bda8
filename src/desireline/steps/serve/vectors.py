"""The stored vectors of documents that are answered, for those who ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from desireline.core.snapshot import Served
from desireline.errors import Unavailable
from desireline.steps.serve.ports import Ports
from desireline.steps.serve.working import collections_of
from desireline.types.retriever import Document

Vectors = dict[str, Sequence[float]]


def vectors_of(ports: Ports, served: Served, documents: Sequence[Document]) -> list[Vectors]:
    """Of each document, in their order: vectors by feature_uri of the dense features of its
    collection. A feature whose index is still being built is left out.
    """
    found: dict[tuple[str, str], Vectors] = {}
    for collection in collections_of(ports.live, served, served.retriever.namespace):
        home = collection.collection_id
        mine = [each.document_id for each in documents if each.collection_id == home]
        for feature in collection.features if mine else ():
            if feature.kind == "dense":
                for document_id, vector in _read(ports, collection, feature, mine).items():
                    found.setdefault((home, document_id), {})[feature.feature_uri] = vector
    return [found.get((each.collection_id, each.document_id), {}) for each in documents]


def _read(ports: Ports, collection: Any, feature: Any, ids: list[str]) -> Vectors:
    try:
        return ports.index.vectors(collection, feature, ids)
    except Unavailable:
        return {}
