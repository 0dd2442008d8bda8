"""The numbers of the decision on the document index: speed, stalls, quality kept, kill -9.

Builds 60,000 documents with 256-d vectors and short titles in a temporary folder, measures through
the same adapter that serves, optimises a copy in a child process, and kills a writing process 20
times with and without the engine's write-ahead log. Compares with exact search in numpy and with
bm25s held in memory. Run: `python bench/adr_index.py` (about 3 minutes on 2 cores).
"""

from __future__ import annotations

import asyncio
import random
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray
from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeVectorParams,
    Point,
    UpdateOperation,
)

from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.types.retriever import Collection, Document, Feature, Filter, Not

COUNT, DIMENSION, ROUNDS, SLICE = 60_000, 256, 20, 20
TITLE = Feature(feature_uri="title", kind="lexical", fields=("title",))
OWN = Feature(feature_uri="own", kind="dense", dimension=DIMENSION)
NUMBER = Feature(feature_uri="number", kind="field", field="number")
COLLECTION = Collection(
    collection_id="bench", collection_name="bench", namespace="x", features=(TITLE, OWN, NUMBER)
)


def clustered(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Unit vectors near 500 centres in 48 latent dimensions."""
    fixed = np.random.default_rng(0)
    centres, lift = fixed.normal(size=(500, 48)), fixed.normal(size=(48, DIMENSION))
    rows = (centres[rng.integers(0, 500, count)] + 0.5 * rng.normal(size=(count, 48))) @ lift
    rows += 0.05 * rng.normal(size=rows.shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def titles(rng: np.random.Generator, count: int) -> list[str]:
    """Titles of 6 to 20 words, words as skewed as in language."""
    words = np.minimum(rng.zipf(1.3, size=(count, 20)), 30_000)
    lengths = rng.integers(6, 21, count)
    return [" ".join(f"w{word}" for word in row[:n]) for row, n in zip(words, lengths, strict=True)]


def documents(vectors: NDArray[np.float32], texts: list[str]) -> Iterator[Document]:
    for number, (vector, text) in enumerate(zip(vectors, texts, strict=True)):
        yield Document(
            document_id=f"d{number}",
            collection_id="bench",
            fields={"title": text, "number": number, "group": f"g{number % 20}"},
            vectors={"own": vector.tolist()},
        )


def timed(question: Callable[[int], object], rounds: int = 100) -> str:
    """p50 / p99 in milliseconds."""
    took = []
    for number in range(rounds):
        start = time.perf_counter()
        question(number)
        took.append((time.perf_counter() - start) * 1000)
    return f"{np.median(took):.2f} / {np.quantile(took, 0.99):.2f} ms"


def measure_searches(
    index: QdrantIndex, queries: NDArray[np.float32], terms: list[str], label: str
) -> None:
    vectors, ids = queries.tolist(), [f"d{number}" for number in range(0, 2500, 10)]
    excluded = Not(Filter("document_id", "in", [f"d{number}" for number in range(1000)]))
    questions: dict[str, Callable[[int], object]] = {
        "dense, top 100": lambda n: index.search(COLLECTION, OWN, vectors[n], 100),
        "dense, 1,000 ids excluded": lambda n: index.search(
            COLLECTION, OWN, vectors[n], 100, excluded
        ),
        "lexical, top 100": lambda n: index.search(COLLECTION, TITLE, terms[n], 100),
        "score 250 ids, dense": lambda n: index.score(COLLECTION, OWN, vectors[n], ids),
        "score 250 ids, lexical": lambda n: index.score(COLLECTION, TITLE, terms[n], ids),
        "score 250 ids, field": lambda _: index.score(COLLECTION, NUMBER, "", ids),
    }
    for name, question in questions.items():
        print(f"{label}: {name}: {timed(question)}")


async def optimised(index: QdrantIndex, query: list[float]) -> None:
    """Optimise beside a query every 20 ms; prints how long the loop was held."""
    running, turns, start = asyncio.create_task(index.optimise(COLLECTION)), [], time.perf_counter()
    while not running.done():
        turn = time.perf_counter()
        index.search(COLLECTION, OWN, query, 10)
        await asyncio.sleep(0.02)
        turns.append(time.perf_counter() - turn - 0.02)
    assert await running
    held = f"p50 {np.median(turns) * 1000:.1f} ms, longest {max(turns) * 1000:.0f} ms"
    print(f"optimise {COUNT} in a child: {time.perf_counter() - start:.1f} s; a turn: {held}")


def recall(index: QdrantIndex, vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> float:
    found = []
    for query in queries:
        best = {f"d{number}" for number in np.argsort(-(vectors @ query))[:100]}
        hits = index.search(COLLECTION, OWN, query.tolist(), 100)
        found.append(len(best & {hit.document_id for hit in hits}) / 100)
    return float(np.mean(found))


def measure_index(root: Path) -> None:
    rng = np.random.default_rng(3)
    vectors, texts = clustered(rng, COUNT), titles(rng, COUNT)
    queries, terms = clustered(rng, 100), [" ".join(text.split()[:3]) for text in texts[:100]]
    index = QdrantIndex(root, encoder_for)
    index.create(COLLECTION)
    stored, start = list(documents(vectors, texts)), time.perf_counter()
    asyncio.run(index.upsert(COLLECTION, stored))
    print(f"upsert: {COUNT / (time.perf_counter() - start):,.0f} documents/s, slices of 100")
    measure_searches(index, queries, terms, "exact")
    asyncio.run(optimised(index, queries[0].tolist()))
    measure_searches(index, queries, terms, "optimised")
    print(f"optimised: recall@100 against exact {recall(index, vectors, queries):.4f}")
    index.close()
    start = time.perf_counter()
    QdrantIndex(root, encoder_for).count(COLLECTION)
    print(f"load: {time.perf_counter() - start:.2f} s")
    measure_alternatives(vectors, texts, queries, terms)


def measure_alternatives(
    vectors: NDArray[np.float32],
    texts: list[str],
    queries: NDArray[np.float32],
    terms: list[str],
) -> None:
    print(
        f"numpy, exact, top 100: {timed(lambda n: np.argpartition(-(vectors @ queries[n]), 100))}"
    )
    inverted = bm25s.BM25()
    inverted.index([text.split() for text in texts], show_progress=False)
    print("bm25s in memory, top 100:", timed(
        lambda n: inverted.retrieve([terms[n].split()], k=100, show_progress=False)
    ))  # fmt: skip


# ------------------------------------------------------------------------------------- kill -9


def write_until_killed(folder: Path, first: int, *, log: bool) -> None:
    """The child: prints the number of each slice once the engine has taken it."""
    shard = EdgeShard.load(str(folder)) if any(folder.iterdir()) else made(folder, log=log)
    for slice_ in range(100_000):
        start = first + slice_ * SLICE
        points = [Point(id=start + n, vector=[1.0, n, 0.0, 0.0], payload={}) for n in range(SLICE)]
        shard.update(UpdateOperation.upsert_points(points))
        print(slice_, flush=True)


def made(folder: Path, *, log: bool) -> EdgeShard:
    size = EdgeVectorParams(size=4, distance=Distance.Dot)
    return EdgeShard.create(str(folder), EdgeConfig(vectors=size, wal_enabled=log))


def killed_rounds(folder: Path, *, log: bool) -> tuple[int, int]:
    """Points acknowledged before a SIGKILL, and those of them found at the next open."""
    rng, expected = random.Random(1), []
    for round_ in range(ROUNDS):
        first = round_ * 10_000_000
        command = [sys.executable, __file__, str(folder), str(first), "log" if log else "no log"]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert child.stdout
        select.select([child.stdout], [], [], 30)
        time.sleep(rng.uniform(0.0, 0.1))
        child.kill()
        acknowledged = child.stdout.read().count("\n")
        child.wait()
        expected += [first + n for n in range(acknowledged * SLICE)]
    shard = EdgeShard.load(str(folder))
    found = sum(
        len(shard.retrieve(expected[at : at + 1000], False, False))  # type: ignore[arg-type]
        for at in range(0, len(expected), 1000)
    )
    return len(expected), found


def measure_kills(root: Path) -> None:
    for log in (True, False):
        folder = root / f"log-{log}"
        folder.mkdir()
        acknowledged, found = killed_rounds(folder, log=log)
        name = "with" if log else "without"
        print(
            f"{ROUNDS} kills {name} write-ahead log: {found} of {acknowledged} acknowledged found"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kills").mkdir()
        measure_kills(Path(folder) / "kills")
        measure_index(Path(folder) / "index")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_until_killed(Path(sys.argv[1]), int(sys.argv[2]), log=sys.argv[3] == "log")
    else:
        main()
