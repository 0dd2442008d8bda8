"""The numbers of the decision on the default encoder: speed, memory, what it adds to BM25.

Encodes real product titles (`../shared/data/esci`) with the static table, ranks judged queries with
BM25, with the vectors, and with the sum of both after min-max, and prints NDCG@10 with the interval
of the paired difference. Also prints which licences the installed package states.
Run: `python bench/adr_encoder.py` (about 10 s).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import tempfile
import time
from collections import defaultdict
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for, package_folder
from desireline.types.retriever import Collection, Document, Feature, Hit

DATA = Path(__file__).parents[2] / "shared" / "data" / "esci"
TITLE = Feature(feature_uri="title", kind="lexical", fields=("title",))
STATIC = Feature(feature_uri="static", kind="dense", fields=("title",), model="static")
COLLECTION = Collection(
    collection_id="bench", collection_name="bench", namespace="x", features=(TITLE, STATIC)
)


def rows_of(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt") as lines:
        return [json.loads(line) for line in lines]


def ndcg_at_10(ranked: list[str], grades: dict[str, int]) -> float:
    def gain(in_order: list[int]) -> float:
        return sum((2**grade - 1) / np.log2(rank + 2) for rank, grade in enumerate(in_order[:10]))

    return gain([grades.get(i, 0) for i in ranked]) / gain(sorted(grades.values(), reverse=True))


def normalised(hits: list[Hit]) -> dict[str, float]:
    scores = [hit.score for hit in hits]
    low, span = min(scores, default=0), max(scores, default=0) - min(scores, default=0)
    return {hit.document_id: (hit.score - low) / (span + 1e-9) for hit in hits}


def summed(runs: list[list[Hit]]) -> list[str]:
    total: dict[str, float] = defaultdict(float)
    for hits in runs:
        for document_id, score in normalised(hits).items():
            total[document_id] += score
    return sorted(total, key=lambda i: (-total[i], i))


def measure_speed(titles: list[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    encoder = encoder_for("static")
    loaded = time.perf_counter()
    encoder.encode(titles)
    took = time.perf_counter() - loaded
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    singles = [one(title) for title in titles[:500]]
    print(f"load {loaded - start:.2f} s, {(after - before) / 1024:.0f} MB more memory at the peak")
    print(f"{len(titles) / took:,.0f} titles/s in one call; one fresh query p50 "
          f"{np.median(singles):.3f} ms, p99 {np.quantile(singles, 0.99):.3f} ms")  # fmt: skip


def one(text: str) -> float:
    start = time.perf_counter()
    encoder_for("static").encode([text + " ?"])
    return (time.perf_counter() - start) * 1000


def measure_quality(root: Path, titles: dict[str, str]) -> None:
    index = QdrantIndex(root, encoder_for)
    index.create(COLLECTION)
    documents = [
        Document(document_id=i, collection_id="bench", fields={"title": title})
        for i, title in titles.items()
    ]
    start = time.perf_counter()
    asyncio.run(index.upsert(COLLECTION, documents))
    rate = len(documents) / (time.perf_counter() - start)
    print(f"upsert with BM25 and static vectors: {rate:,.0f} documents/s")
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows_of("judgments_dev.jsonl.gz"):
        judged[row["query"]][row["document_id"]] = row["grade"]
    table = np.array([ndcgs(index, query, grades) for query, grades in judged.items()])
    report(table)
    index.close()


def ndcgs(index: QdrantIndex, query: str, grades: dict[str, int]) -> list[float]:
    runs = [index.search(COLLECTION, feature, query, 100) for feature in (TITLE, STATIC)]
    orders = [[hit.document_id for hit in hits] for hits in runs] + [summed(runs)]
    return [ndcg_at_10(order, grades) for order in orders]


def report(table: NDArray[np.float64]) -> None:
    for name, column in zip(("BM25", "static", "BM25 + static, min-max"), table.T, strict=True):
        print(f"NDCG@10 {name}: {column.mean():.4f} ({len(column)} queries)")
    gains = table[:, 2] - table[:, 0]
    draws = np.random.default_rng(0).choice(gains, size=(10_000, len(gains))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    print(f"both against BM25 alone: {gains.mean():+.4f} [{low:+.4f}, {high:+.4f}]")


def measure_package() -> None:
    said = metadata("wordllama")
    text = " ".join(str(said["License"]).split())
    size = sum(path.stat().st_size for path in package_folder().rglob("*.safetensors"))
    print(f"wordllama {said['Version']}: licence of the package {text[:11]!r}; "
          f"weights {size / 1e6:.1f} MB inside")  # fmt: skip
    licences = [path.name for path in package_folder().rglob("*") if "licen" in path.name.lower()]
    print(f"licence files beside the weights: {licences or 'none'}")
    print(f"description names Llama 2 as source: {'LLaMA 2' in str(said.get_payload())}")


def main() -> None:
    titles = {row["_id"]: row["title"] or "" for row in rows_of("products.jsonl.gz")}
    measure_package()
    measure_speed(list(titles.values()))
    with tempfile.TemporaryDirectory() as folder:
        measure_quality(Path(folder), titles)


if __name__ == "__main__":
    main()
