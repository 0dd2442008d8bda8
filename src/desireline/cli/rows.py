"""Rows of a file of documents: JSON Lines or CSV, plain or gzip, one at a time with their line.

A bad row becomes a `Problem` with its line and JSON path; it never stops the others. Knows nothing
of the server.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import msgspec

from desireline.errors import Invalid

LONGEST_CSV_FIELD = 16 * 2**20


class Columns(msgspec.Struct, frozen=True):
    """Which field is the id, which text is searched, which fields of a CSV are numbers."""

    id: str
    title: str
    numbers: tuple[str, ...] = ()


class Problem(msgspec.Struct, frozen=True):
    """A row that could not be taken: 1-based line, JSON path within the row, sentence."""

    line: int
    path: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.path}: {self.message}"


class Row(msgspec.Struct, frozen=True):
    """A document as it will be sent, and the line it came from."""

    line: int
    document: dict[str, Any]


class Numbers:
    """Counts what the fields that shall be numbers are in the rows read."""

    def __init__(self, columns: Columns) -> None:
        self._rows = 0
        self._there = dict.fromkeys(columns.numbers, 0)
        self._other: dict[str, list[int]] = {name: [] for name in columns.numbers}

    def count(self, row: Row) -> None:
        """One more row."""
        self._rows += 1
        for name in self._there:
            value = row.document.get(name)
            self._there[name] += value is not None
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not is_number:
                self._other[name].append(row.line)

    def sentences(self) -> Iterator[str]:
        """What is wrong: no row has the field, or not as a number."""
        for name, there in self._there.items():
            if self._rows and not there:
                yield f"no row has `{name}`, so nothing is found or ranked by it"
            if other := self._other[name]:
                yield (
                    f"`{name}` is no number in {len(other)} rows (first: line {other[0]}):"
                    " they are not ranked by it"
                )


def open_file(path: Path) -> tuple[BinaryIO, BinaryIO]:
    """(the file as stored, its content): `tell()` of the first tells how far reading has come."""
    stored = path.open("rb")
    if path.suffix == ".gz":
        return stored, gzip.GzipFile(fileobj=stored)  # type: ignore[return-value]
    return stored, stored


def rows(path: Path, content: BinaryIO, columns: Columns) -> Iterator[Row | Problem]:
    """Every row of the file. Raises `Invalid` when the file's kind is unknown or gzip is broken."""
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind not in ("jsonl", "ndjson", "json", "csv", "tsv"):
        hint = "name it *.jsonl, *.ndjson, *.csv or *.tsv (.gz too)"
        raise Invalid(f"unknown kind of file: {path.name}", hint=hint)
    read = _csv_rows(content, columns, "\t" if kind == "tsv" else ",")
    try:
        yield from read if kind in ("csv", "tsv") else _json_rows(content, columns)
    except (EOFError, gzip.BadGzipFile) as error:
        hint = "copy or download the file again; what was read of it is stored"
        raise Invalid(f"{path.name} is not a whole gzip file ({error})", hint=hint) from error


def _json_rows(content: BinaryIO, columns: Columns) -> Iterator[Row | Problem]:
    for line, text in enumerate(content, start=1):
        if text.strip():
            yield _json_row(line, text, columns)


def _json_row(line: int, text: bytes, columns: Columns) -> Row | Problem:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Problem(line, "$", f"not JSON: {error}")
    if not isinstance(value, dict):
        return Problem(line, "$", f"not an object but {type(value).__name__}")
    return _row(line, value, columns)


def _csv_rows(content: BinaryIO, columns: Columns, delimiter: str) -> Iterator[Row | Problem]:
    csv.field_size_limit(LONGEST_CSV_FIELD)
    text = io.TextIOWrapper(content, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _csv_text(text, columns, delimiter)
    finally:
        text.detach()  # the content stays with who opened it


def _csv_text(text: TextIO, columns: Columns, delimiter: str) -> Iterator[Row | Problem]:
    reader = csv.DictReader(text, delimiter=delimiter, restkey="", strict=True)
    _check_header(list(reader.fieldnames or ()), columns)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Problem(reader.line_num, "$", f"not CSV: {error}")
        else:
            yield _csv_row(reader.line_num, values, columns)


def _check_header(names: list[str], columns: Columns) -> None:
    for name in (columns.id, columns.title, *columns.numbers):
        if name not in names:
            hint = f"its columns: {', '.join(names) or 'none'}"
            raise Invalid(f"the file has no column `{name}`", hint=hint)


def _csv_row(line: int, values: dict[str, Any], columns: Columns) -> Row | Problem:
    if "" in values:
        return Problem(line, "$", "more fields than the header has")
    document = {name: value for name, value in values.items() if value not in (None, "")}
    for name, value in document.items():
        if not value.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in value):
            return Problem(line, f"$.{name}", "not UTF-8")
    for name in columns.numbers:
        if name in document:
            number = _number(document[name])
            if number is None:
                return Problem(line, f"$.{name}", f"not a number: {document[name]!r}")
            document[name] = number
    return _row(line, document, columns)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _row(line: int, value: dict[str, Any], columns: Columns) -> Row | Problem:
    document_id = value.get(columns.id)
    if document_id is None or document_id == "":
        return Problem(line, f"$.{columns.id}", "the id is missing")
    if isinstance(document_id, bool) or not isinstance(document_id, str | int):
        return Problem(line, f"$.{columns.id}", "the id must be a string or a whole number")
    if columns.title not in value:
        return Problem(line, f"$.{columns.title}", "the searched text is missing")
    return Row(line, value | {"document_id": str(document_id)})
