"""`desireline import documents FILE`: JSON Lines or CSV into a collection of a running server.

Creates the collection when it is missing. Knows the routes of collections and documents; reading
rows is `rows`, calling is `caller`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

    from desireline.cli.caller import Caller
    from desireline.cli.rows import Columns, Problem, Row

HELP = "import documents from a JSON Lines or CSV file"
BATCH_DOCUMENTS = 500
BATCH_BYTES = 4 * 2**20
SHOWN_PROBLEMS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline import documents FILE …`."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="documents")
    documents = kinds.add_parser("documents", help=HELP, description=HELP)
    documents.add_argument("file", metavar="FILE", help="*.jsonl, *.ndjson, *.csv, *.tsv, also .gz")
    documents.add_argument("--collection", required=True, help="name or id; made when missing")
    documents.add_argument("--id", default="document_id", help="field that holds the document's id")
    documents.add_argument("--title", default="title", help="field whose text is searched")
    documents.add_argument(
        "--number", action="append", default=[], metavar="FIELD",
        help="a numeric field to search by, e.g. popularity (repeatable)",
    )  # fmt: skip
    documents.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server")
    documents.add_argument("--key", default="", help="API key (environment: DESIRELINE_KEY)")


def run(arguments: argparse.Namespace) -> int:
    """Import; 0 when every row was taken, 1 when some were not."""
    import os
    import time

    from desireline.cli.caller import Caller
    from desireline.cli.rows import Columns

    key = arguments.key or os.environ.get("DESIRELINE_KEY", "")
    columns = Columns(arguments.id, arguments.title, tuple(arguments.number))
    with closing(Caller(arguments.url, key)) as caller:
        name = ensure_collection(caller, arguments.collection, columns)
        started = time.monotonic()
        importer = Importer(caller, name)
        _read_file(arguments.file, columns, importer)
        importer.report(time.monotonic() - started)
    return 1 if importer.failed else 0


class Importer:
    """One import into one collection: what was taken, what was not and why."""

    def __init__(self, caller: Caller, collection: str) -> None:
        self._caller = caller
        self._collection = collection
        self.taken = 0
        self.failed = 0

    def take(self, batch: list[Row]) -> None:
        """Send a batch; rows that the server refuses are reported with their lines."""
        from desireline.cli.caller import Refused, path_part

        path = f"/v1/collections/{path_part(self._collection)}/documents/upsert"
        try:
            answer = self._caller.post(path, {"documents": [row.document for row in batch]})
        except Refused as error:
            if error.status not in (400, 422):
                raise
            self._refused(batch, error.places, error.message)
            return
        self.taken += answer["upserted"]
        for result in answer["results"]:
            if result["status"] == "failed":
                self.problem(_problem(batch[result["index"]].line, result.get("error") or {}))

    def _refused(self, batch: list[Row], places: list[tuple[str, str]], message: str) -> None:
        """A whole batch was refused: one by one, only the bad rows are lost."""
        from desireline.cli.rows import Problem

        if len(batch) > 1:
            for row in batch:
                self.take([row])
        else:
            path, sentence = places[0] if places else ("$", message)
            self.problem(Problem(batch[0].line, _within_row(path), sentence))

    def problem(self, problem: Problem) -> None:
        """Count a row that was not taken; the first ones are printed."""
        self.failed += 1
        if self.failed <= SHOWN_PROBLEMS:
            sys.stderr.write(f"{problem}\n")

    def report(self, seconds: float) -> None:
        """The closing lines."""
        if self.failed > SHOWN_PROBLEMS:
            sys.stderr.write(f"… and {self.failed - SHOWN_PROBLEMS} more\n")
        rate = self.taken / seconds if seconds > 0 else 0.0
        failed = f", {self.failed} rows failed" if self.failed else ""
        print(
            f"{self.taken} documents in collection `{self._collection}`{failed}"
            f" ({seconds:.1f} s, {rate:,.0f}/s)"
        )


def ensure_collection(caller: Caller, name: str, columns: Columns) -> str:
    """The collection, made with a lexical (and, where the encoder is installed, dense) feature."""
    from desireline.cli.caller import Refused, path_part

    try:
        caller.get(f"/v1/collections/{path_part(name)}")
    except Refused as error:
        if error.status != 404:
            raise
        create_collection(caller, name, features(columns))
    return name


def features(columns: Columns) -> list[dict[str, Any]]:
    """The features of a new collection: text searched two ways, numbers as they are."""
    title = columns.title
    return [
        {"feature_uri": f"desireline://{title}@v1/bm25", "kind": "lexical", "fields": [title]},
        {
            "feature_uri": f"desireline://{title}@v1/static",
            "kind": "dense", "fields": [title], "model": "static",
        },
        *(
            {"feature_uri": f"desireline://{name}@v1", "kind": "field", "field": name}
            for name in columns.numbers
        ),
    ]  # fmt: skip


def create_collection(caller: Caller, name: str, wanted: list[dict[str, Any]]) -> list[str]:
    """Make a collection; returns its feature_uris. Without the encoder: without dense features."""
    from desireline.cli.caller import Refused

    try:
        caller.post("/v1/collections", {"collection_name": name, "features": wanted})
    except Refused as error:
        lexical = [feature for feature in wanted if feature["kind"] != "dense"]
        if error.status != 422 or len(lexical) == len(wanted):
            raise
        caller.post("/v1/collections", {"collection_name": name, "features": lexical})
        sys.stderr.write(f"note: without dense search ({error.message})\n")
        wanted = lexical
    return [feature["feature_uri"] for feature in wanted]


def batches(found: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in batches of at most 500 documents and about 4 MB."""
    import msgspec

    batch: list[Row] = []
    size = 0
    for row in found:
        batch.append(row)
        size += len(msgspec.json.encode(row.document))
        if len(batch) == BATCH_DOCUMENTS or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _read_file(file: str, columns: Columns, importer: Importer) -> None:
    from pathlib import Path

    from desireline.cli import rows

    path = Path(file)
    stored, content = rows.open_file(path)
    with stored, _progress() as progress:
        task = progress.add_task(path.name, total=path.stat().st_size)
        good = _good(rows.rows(path, content, columns), importer)
        for batch in batches(good):
            importer.take(batch)
            progress.update(task, completed=stored.tell())
        progress.update(task, completed=path.stat().st_size)


def _good(found: Iterable[Row | Problem], importer: Importer) -> Iterator[Row]:
    from desireline.cli.rows import Row

    for row in found:
        if isinstance(row, Row):
            yield row
        else:
            importer.problem(row)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip


def _problem(line: int, error: dict[str, str]) -> Problem:
    from desireline.cli.rows import Problem

    return Problem(line, _within_row(error.get("path", "$")), error.get("message", "refused"))


def _within_row(path: str) -> str:
    """`$.documents[3].title` as seen from its row: `$.title`."""
    import re

    return re.sub(r"^\$(\.documents)?(\[\d+\])?", "$", path)
