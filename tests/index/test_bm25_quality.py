"""BM25 in the index against an independent implementation, on the same terms of real titles."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bm25s
import numpy as np

from desireline.index import bm25
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.types.retriever import Document
from tests.builders import TITLE, a_collection
from tests.shared import shared_data


def rows_of(name: str) -> list[dict[str, Any]]:
    with gzip.open(shared_data(name), "rt") as lines:
        return [json.loads(line) for line in lines]


def judged() -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows_of("esci/judgments_dev.jsonl.gz"):
        grades[row["query"]][row["document_id"]] = row["grade"]
    return grades


def ndcg_at_10(ranked: Sequence[str], grades: dict[str, int]) -> float:
    """Written out here, so that this test depends on nothing it could share an error with."""

    def gain(in_order: Sequence[int]) -> float:
        return sum((2**grade - 1) / np.log2(rank + 2) for rank, grade in enumerate(in_order[:10]))

    return gain([grades.get(i, 0) for i in ranked]) / gain(sorted(grades.values(), reverse=True))


def terms(text: str) -> list[str]:
    """The index's own terms, repeated as often as they occur."""
    counts = bm25._encoder(1.0, 1e6, 0.0).embed_document(text)
    return [
        str(term)
        for term, count in zip(counts.indices, counts.values, strict=True)
        for _ in range(round(count))
    ]


def reference_ndcg(titles: dict[str, str], judgments: dict[str, dict[str, int]]) -> float:
    reference = bm25s.BM25(k1=bm25.SATURATION, b=bm25.LENGTH_DISCOUNT, method="lucene")
    reference.index([terms(title) for title in titles.values()], show_progress=False)
    ids, found = list(titles), []
    for query, grades in judgments.items():
        rows, _ = reference.retrieve([sorted(set(terms(query)))], k=10, show_progress=False)
        found.append(ndcg_at_10([ids[row] for row in rows[0]], grades))
    return float(np.mean(found))


def test_bm25_ranks_titles_as_well_as_an_independent_implementation(tmp_path: Path) -> None:
    titles = {row["_id"]: row["title"] or "" for row in rows_of("esci/products.jsonl.gz")}
    judgments = judged()
    index, collection = QdrantIndex(tmp_path, encoder_for), a_collection(TITLE)
    index.create(collection)
    documents = [
        Document(document_id=i, collection_id="col1", fields={"title": title})
        for i, title in titles.items()
    ]
    asyncio.run(index.upsert(collection, documents))
    ours = float(np.mean([
        ndcg_at_10([h.document_id for h in index.search(collection, TITLE, query, 10)], grades)
        for query, grades in judgments.items()
    ]))  # fmt: skip
    theirs = reference_ndcg(titles, judgments)
    print(f"NDCG@10 of {len(judgments)} queries: index {ours:.4f}, bm25s {theirs:.4f}")
    assert ours >= 0.99 * theirs
    index.close()
