"""A fair sample of a file, sent before the import of a file that is sorted.

BM25 discounts a document by its length against the average length, which the server takes from the
first documents of a collection; of a file sorted by length those would be its shortest. Knows how
rows are read and sent, nothing of features.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desireline.cli.rows import Columns, Row
    from desireline.client import Client

SAMPLE = 1_000
MOST_BYTES = 4 * 2**20


def send_sample(client: Client, collection: str, file: str, columns: Columns) -> None:
    """If the collection is empty: some rows of all of the file, which is then imported in order.

    Rows that are refused here are so again, and reported, when their turn comes.
    """
    from desireline.cli import rows
    from desireline.client import ApiError

    if client.collections.get(collection).document_count:
        return
    path = Path(file)
    stored, content = rows.open_file(path)
    with stored:
        found = (row for row in rows.rows(path, content, columns) if isinstance(row, rows.Row))
        documents = [row.document for row in light(reservoir(found))]
    try:
        client.documents.upsert(collection, documents, batch_size=SAMPLE)  # one request
    except ApiError as error:
        if error.status not in (400, 422):
            raise


def reservoir(found: Iterable[Row], size: int = SAMPLE, seed: int = 0) -> list[Row]:
    """`size` rows, each with the same chance whatever their order (algorithm R; Vitter, 1985)."""
    from random import Random

    chance = Random(seed)
    kept: list[Row] = []
    for number, row in enumerate(found):
        place = number if number < size else chance.randrange(number + 1)
        if place < size:
            kept[place : place + 1] = [row]
    return kept


def light(sample: list[Row]) -> list[Row]:
    """As many of the rows as one request takes."""
    import msgspec

    kept, size = [], 0
    for row in sample:
        size += len(msgspec.json.encode(row.document))
        if size > MOST_BYTES:
            break
        kept.append(row)
    return kept
