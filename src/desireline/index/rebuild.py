"""Copy the documents of one folder into another with other features or other average lengths.

Knows how a stored point becomes a document again. While it runs, the index writes new documents to
both folders; a page is read and written without letting anything between, so neither misses one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from qdrant_edge import Record

from desireline.index import bm25
from desireline.index.folder import Folder
from desireline.index.optimise import Cancelled, Progress
from desireline.index.vectors import (
    DOCUMENT_ID,
    FIELDS,
    Encoders,
    points_of,
    text_of,
    vector_name,
)
from desireline.types.retriever import Collection, Document, Feature


def document_of(record: Record, collection: Collection) -> Document:
    """The document as stored, with the caller's vectors if the record was read with vectors.

    Vectors under cosine distance come back at unit length.
    """
    payload: dict[str, Any] = record.payload or {}
    return Document(
        document_id=payload[DOCUMENT_ID],
        collection_id=collection.collection_id,
        fields=payload[FIELDS],
        vectors=_own_vectors(record.vector, collection.features),
    )


def _own_vectors(stored: Any, features: Sequence[Feature]) -> dict[str, list[float]]:
    own = [f.feature_uri for f in features if f.kind == "dense" and not f.model]
    return {uri: stored[vector_name(uri)] for uri in own if stored and vector_name(uri) in stored}


def average_lengths(folder: Folder, features: Sequence[Feature]) -> dict[str, float]:
    """Average length in terms per lexical feature over a sample of the documents stored.

    Point ids are hashes, so the first ones by id are a random sample.
    """
    sample: list[Record] = []
    for page in folder.records(payload=[FIELDS]):
        sample += page
        if len(sample) >= bm25.SAMPLE:
            break
    return lengths_of([(r.payload or {})[FIELDS] for r in sample[: bm25.SAMPLE]], features)


def lengths_of(
    documents: Sequence[dict[str, Any]], features: Sequence[Feature]
) -> dict[str, float]:
    """Average length in terms per lexical feature of the fields of documents.

    >>> title = Feature(feature_uri="t", kind="lexical", fields=("title",))
    >>> lengths_of([{"title": "red shoe"}, {"title": "hat"}], [title])
    {'t': 1.5}
    """
    return {
        f.feature_uri: bm25.average_length(text_of(fields, f.fields) for fields in documents)
        for f in features
        if f.kind == "lexical"
    }


async def copy_documents(
    source: tuple[Folder, Collection],
    target: tuple[Folder, Collection],
    encoders: Encoders,
    progress: Progress,
    cancelled: Cancelled,
) -> bool:
    """Encode every document of the source into the target; False when cancelled."""
    (old, old_collection), (new, new_collection) = source, target
    done, total = 0, old.count()
    for page in old.records(vectors=True):
        if cancelled():
            return False
        documents = [document_of(record, old_collection) for record in page]
        lengths = new.state.average_lengths
        new.upsert(points_of(documents, new_collection.features, lengths, encoders))
        done += len(page)
        progress(done, max(done, total))
        await asyncio.sleep(0)
    return True
