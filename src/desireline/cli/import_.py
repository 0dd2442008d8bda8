"""`desireline import documents FILE`: JSON Lines or CSV into a collection of a running server.

Creates the collection when it is missing. Knows what is asked about collections and documents;
reading rows is `rows`, telling the server how far it is `reporting`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from desireline.cli import connection

if TYPE_CHECKING:
    from rich.progress import Progress

    from desireline.cli.reporting import Reporter
    from desireline.cli.rows import Columns, Problem, Row
    from desireline.client import ApiError, Client
    from desireline.client.answers import Collection, DocumentResult

HELP = "import documents from a JSON Lines or CSV file"
BATCH_DOCUMENTS = 500
BATCH_BYTES = 4 * 2**20
SHOWN_PROBLEMS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline import documents FILE …`."""
    kinds = parser.add_subparsers(dest="what", required=True, metavar="documents")
    documents = kinds.add_parser("documents", help=HELP, description=HELP)
    documents.add_argument("file", metavar="FILE", help="*.jsonl, *.ndjson, *.csv, *.tsv, also .gz")
    documents.add_argument(
        "--collection", required=True, type=connection.named, help="name or id; made when missing"
    )
    documents.add_argument("--id", default="document_id", help="field that holds the document's id")
    documents.add_argument("--title", default="title", help="field whose text is searched")
    documents.add_argument(
        "--number", action="append", default=[], metavar="FIELD",
        help="a numeric field to search by, e.g. popularity (repeatable)",
    )  # fmt: skip
    documents.add_argument(
        "--resume", default="", metavar="TASK", help="go on where this import task stopped"
    )
    connection.add_arguments(documents)


def run(arguments: argparse.Namespace) -> int:
    """Import; 0 when every row was taken, 1 when some were not."""
    import time

    from desireline.cli.reporting import Reporter
    from desireline.cli.rows import Columns
    from desireline.cli.sampling import send_sample

    columns = Columns(arguments.id, arguments.title, tuple(arguments.number))
    with connection.connected(arguments) as client:
        name = ensure_collection(client, arguments.collection, columns, arguments.file)
        started = time.monotonic()
        if not arguments.resume:
            send_sample(client, name, arguments.file, columns)
        importer = Importer(client, name, columns)
        reporter = Reporter(client, arguments.file, name, arguments.resume)
        with reporter.telling(importer.outcome):
            _read_file(arguments.file, columns, importer, reporter)
        importer.report(time.monotonic() - started)
        reporter.say_if_cancelled()
    return 1 if importer.failed or reporter.is_cancelled else 0


class Importer:
    """One import into one collection: what was taken, what was not and why."""

    def __init__(self, client: Client, collection: str, columns: Columns) -> None:
        from desireline.cli.rows import Numbers

        self._documents = client.documents
        self._collection = collection
        self.numbers = Numbers(columns)
        self.taken = 0
        self.failed = 0

    def take(self, batch: list[Row]) -> None:
        """Send a batch; rows that the server refuses are reported with their lines."""
        from desireline.client import ApiError

        try:
            done = self._documents.upsert(self._collection, [row.document for row in batch])
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            self._refused(batch, error)
            return
        self.taken += done.upserted
        for result in done.results:
            if result.status == "failed":
                self.problem(_problem(batch[result.index].line, result))

    def _refused(self, batch: list[Row], error: ApiError) -> None:
        """A whole batch was refused: one by one, only the bad rows are lost."""
        from desireline.cli.rows import Problem

        if len(batch) > 1:
            for row in batch:
                self.take([row])
        else:
            sentence = error.fields[0].message if error.fields else error.message
            self.problem(Problem(batch[0].line, _within_row(error.path), sentence))

    def problem(self, problem: Problem) -> None:
        """Count a row that was not taken; the first ones are printed."""
        self.failed += 1
        if self.failed <= SHOWN_PROBLEMS:
            sys.stderr.write(f"{problem}\n")

    def outcome(self) -> dict[str, int]:
        """What became of the rows so far."""
        return {"imported": self.taken, "failed": self.failed}

    def report(self, seconds: float) -> None:
        """The closing lines."""
        if self.failed > SHOWN_PROBLEMS:
            sys.stderr.write(f"… and {self.failed - SHOWN_PROBLEMS} more\n")
        for sentence in self.numbers.sentences():
            sys.stderr.write(f"note: {sentence}\n")
        rate = self.taken / seconds if seconds > 0 else 0.0
        failed = f", {self.failed} rows failed" if self.failed else ""
        print(
            f"{self.taken} documents in collection `{self._collection}`{failed}"
            f" ({seconds:.1f} s, {rate:,.0f}/s)"
        )


def ensure_collection(client: Client, name: str, columns: Columns, file: str) -> str:
    """The collection, made with a lexical (and, where the encoder is installed, dense) feature.

    Raises Invalid, and makes none, when no row fits the columns, or the one that is there is
    searched by others: its features stay as they are.
    """
    from desireline.client.errors import NotFound

    try:
        there = client.collections.get(name)
    except NotFound:
        _check_rows(file, columns, name)
        create_collection(client, name, features(columns))
    else:
        _check_features(there, columns)
    return name


def _check_rows(file: str, columns: Columns, name: str) -> None:
    """Some row of the first batch can be taken, or there is none at all."""
    from itertools import islice
    from pathlib import Path

    from desireline.cli import rows
    from desireline.errors import Invalid

    path = Path(file)
    stored, content = rows.open_file(path)
    with stored:
        found = list(islice(rows.rows(path, content, columns), BATCH_DOCUMENTS))
    if not found or any(isinstance(each, rows.Row) for each in found):
        return
    raise Invalid(
        f"none of the first {len(found)} rows can be taken ({found[0]});"
        f" collection `{name}` was not made",
        hint="name the fields of the file with --id, --title and --number",
    )


def _check_features(there: Collection, columns: Columns) -> None:
    """What is to be searched is searched in this collection."""
    from desireline.errors import Invalid

    texts = {field for feature in there.features for field in feature.fields}
    numbers = {feature.field for feature in there.features if feature.kind == "field"}
    wanted = [({columns.title}, texts), (set(columns.numbers), numbers)]
    for missing, known in [(names - known, known) for names, known in wanted]:
        if missing and (known or columns.title not in missing):
            raise Invalid(
                f"collection `{there.collection_name}` searches"
                f" {', '.join(sorted(known)) or 'no number'}, not {', '.join(sorted(missing))}",
                hint="delete it, or choose another name with --collection",
            )


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


def create_collection(client: Client, name: str, wanted: list[dict[str, Any]]) -> list[str]:
    """Make a collection; returns its feature_uris. Without the encoder: without dense features."""
    from desireline.client.errors import Invalid

    try:
        client.collections.create(name, features=wanted)
    except Invalid as error:
        lexical = [feature for feature in wanted if feature["kind"] != "dense"]
        if len(lexical) == len(wanted):
            raise
        client.collections.create(name, features=lexical)
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


def _read_file(file: str, columns: Columns, importer: Importer, reporter: Reporter) -> None:
    from pathlib import Path

    from desireline.cli import rows

    path = Path(file)
    stored, content = rows.open_file(path)
    with stored, _progress() as progress:
        task = progress.add_task(path.name, total=path.stat().st_size)
        found = (row for row in rows.rows(path, content, columns) if row.line > reporter.line)
        for batch in batches(_good(found, importer)):
            importer.take(batch)
            progress.update(task, completed=stored.tell())
            reporter.reached(stored.tell(), batch[-1].line)
            if reporter.is_cancelled:
                return
        progress.update(task, completed=path.stat().st_size)


def _good(found: Iterable[Row | Problem], importer: Importer) -> Iterator[Row]:
    from desireline.cli.rows import Row

    for row in found:
        if isinstance(row, Row):
            importer.numbers.count(row)
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


def _problem(line: int, result: DocumentResult) -> Problem:
    from desireline.cli.rows import Problem

    error: dict[str, Any] = result.error or {}
    return Problem(line, _within_row(error.get("path", "$")), error.get("message", "refused"))


def _within_row(path: str) -> str:
    """`$.documents[3].title` as seen from its row: `$.title`."""
    import re

    return re.sub(r"^\$(\.documents)?(\[\d+\])?", "$", path)
