"""Optimising 60,000 documents in a child process while the index serves and takes writes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np

from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.types.retriever import Document, Feature
from tests.builders import TITLE, a_collection

COUNT, DIMENSION, QUERIES = 60_000, 32, 50
GONE = {"d5", "d77"}
VECTOR = Feature(feature_uri="desireline://own@v1/vec", kind="dense", dimension=DIMENSION)


def clustered(rng: np.random.Generator, count: int) -> np.ndarray:
    """Unit vectors around 200 centres: real embeddings are neither uniform nor far apart."""
    centres = np.random.default_rng(1).normal(size=(200, DIMENSION))
    rows = centres[rng.integers(0, 200, count)] + 0.5 * rng.normal(size=(count, DIMENSION))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def a_document(number: int, vector: np.ndarray, title: str = "") -> Document:
    return Document(
        document_id=f"d{number}",
        collection_id="col1",
        fields={"title": title or f"word{number % 50} shoe"},
        vectors={VECTOR.feature_uri: vector.tolist()},
    )


def exact_top(vectors: np.ndarray, query: np.ndarray) -> set[str]:
    order = np.argsort(-(vectors @ query), kind="stable")
    names = [f"d{number}" for number in order[: 100 + len(GONE)]]
    return set([name for name in names if name not in GONE][:100])


def test_optimise_60_000_documents_beside_traffic(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    vectors = clustered(rng, COUNT)
    index, collection = QdrantIndex(tmp_path, encoder_for), a_collection(TITLE, VECTOR)
    index.create(collection)
    asyncio.run(index.upsert(collection, [a_document(n, v) for n, v in enumerate(vectors)]))
    assert index.needs_optimise(collection)
    start = time.perf_counter()
    stalls = asyncio.run(optimised_beside_traffic(index, vectors))
    took = time.perf_counter() - start
    expect_writes_made_meanwhile(index)
    recall = np.mean([recall_of(index, vectors, query) for query in clustered(rng, QUERIES)])
    print(
        f"optimised {COUNT} in {took:.1f} s; recall@100 {recall:.4f}; "
        f"longest stall {max(stalls) * 1000:.0f} ms of {len(stalls)} queries"
    )
    assert recall > 0.9
    assert not index.needs_optimise(collection)
    index.close()
    again = QdrantIndex(tmp_path, encoder_for)
    expect_writes_made_meanwhile(again)
    again.close()


async def optimised_beside_traffic(index: QdrantIndex, vectors: np.ndarray) -> list[float]:
    """Optimise, meanwhile delete, replace and search; how long each turn took beyond its pause."""
    collection, stalls = a_collection(TITLE, VECTOR), []
    running = asyncio.create_task(index.optimise(collection))
    await asyncio.sleep(0.5)
    await index.delete(collection, sorted(GONE))
    changed = [a_document(n, vectors[n], title="replaced hat") for n in range(100, 500)]
    await index.upsert(collection, changed)
    while not running.done():
        start = time.perf_counter()
        assert index.search(collection, VECTOR, vectors[3].tolist(), 10)
        await asyncio.sleep(0.02)
        stalls.append(time.perf_counter() - start - 0.02)
    assert await running
    return stalls


def recall_of(index: QdrantIndex, vectors: np.ndarray, query: np.ndarray) -> float:
    collection = a_collection(TITLE, VECTOR)
    hits = index.search(collection, VECTOR, query.tolist(), 100)
    scores = index.score(collection, VECTOR, query.tolist(), [hit.document_id for hit in hits])
    assert np.allclose(scores, [hit.score for hit in hits], atol=1e-5)
    return len(exact_top(vectors, query) & {hit.document_id for hit in hits}) / 100


def expect_writes_made_meanwhile(index: QdrantIndex) -> None:
    collection = a_collection(TITLE, VECTOR)
    assert index.count(collection) == COUNT - len(GONE)
    assert index.get(collection, sorted(GONE)) == []
    found = {hit.document_id for hit in index.search(collection, TITLE, "hat", 1000)}
    assert found == {f"d{number}" for number in range(100, 500)}


def test_a_cancelled_optimisation_changes_nothing(tmp_path: Path) -> None:
    index, collection = QdrantIndex(tmp_path, encoder_for), a_collection(TITLE, VECTOR)
    index.create(collection)
    vectors = clustered(np.random.default_rng(2), 200)
    asyncio.run(index.upsert(collection, [a_document(n, v) for n, v in enumerate(vectors)]))
    assert not asyncio.run(index.optimise(collection, cancelled=lambda: True))
    assert [path.name for path in (tmp_path / "col1" / "v1").iterdir() if path.is_dir()] == ["g0"]
    asyncio.run(index.upsert(collection, [a_document(999, vectors[0])]))
    assert index.count(collection) == 201
    index.close()
