"""What asking "does any document have this field?" costs (ADR 0010): present, absent, remembered.

python bench/adr_missing_field.py --documents 20000
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from desireline.errors import Invalid
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.steps.serve.absent import Fields
from desireline.types.retriever import Collection, Document, Feature, Filter

ROUNDS = 7


def took_ms(fields: Fields, collection: Collection, where: Filter) -> float:
    """How long one check takes, in ms."""
    started = time.perf_counter()
    refused(fields, collection, where)
    return (time.perf_counter() - started) * 1000


def refused(fields: Fields, collection: Collection, where: Filter) -> str:
    """The code of the refusal, "" when the filter is taken."""
    try:
        fields.check([collection], where, {where.field: 1}, "$.filters")
    except Invalid as error:
        return error.code
    return ""


async def main(count: int) -> None:
    """Fill a collection and ask."""
    features = (Feature(feature_uri="title", kind="lexical", fields=("title",)),)
    collection = Collection(
        collection_id="c" * 32, collection_name="c", namespace="n", features=features
    )
    with tempfile.TemporaryDirectory() as folder:
        index = QdrantIndex(Path(folder), encoder_for)
        index.create(collection)
        await index.upsert(collection, [
            Document(document_id=f"d{n}", collection_id="c" * 32,
                     fields={"title": f"red shoe {n}", "price": n, "size": {"eu": n % 50}})
            for n in range(count)
        ])  # fmt: skip
        known = Fields(index)
        for name in ("price", "size.eu", "nowhere"):
            where = Filter(name, "eq", 1)
            first = min(took_ms(Fields(index), collection, where) for _ in range(ROUNDS))
            again = min(took_ms(known, collection, where) for _ in range(ROUNDS))
            said = refused(known, collection, where) or "taken"
            print(f"{name:8} {said:14} first {first:8.3f} ms   again {again:8.4f} ms")
        index.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=20_000)
    asyncio.run(main(parser.parse_args().documents))
