"""Reading files of documents: every bad row is named, none stops the others."""

from __future__ import annotations

import gzip

import pytest

from desireline.cli import rows
from desireline.cli.import_ import _within_row, batches, features
from desireline.cli.rows import Columns, Problem, Row
from desireline.errors import Invalid

COLUMNS = Columns("sku", "title", ("price",))


def read(path, columns=COLUMNS):
    stored, content = rows.open_file(path)
    with stored:
        return list(rows.rows(path, content, columns))


def test_json_lines_with_every_kind_of_bad_row(tmp_path):
    path = tmp_path / "shop.jsonl"
    path.write_bytes(
        b'{"sku": "a", "title": "lamp", "price": 3.5}\n\n{"sku": 7, "title": "desk"}\n{"sku": \n'
        b'[1]\n{"title": "no id"}\n{"sku": true, "title": "x"}\n{"sku": "b"}\n'
        b'{"sku": "c", "title": "\xff"}\n' + b"[" * 5000 + b"\n"
    )
    found = read(path)
    taken = [row for row in found if isinstance(row, Row)]
    assert [(row.line, row.document["document_id"]) for row in taken] == [(1, "a"), (3, "7")]
    assert taken[0].document["price"] == 3.5
    problems = [(row.line, row.path) for row in found if isinstance(row, Problem)]
    assert problems == [
        (4, "$"), (5, "$"), (6, "$.sku"), (7, "$.sku"), (8, "$.title"), (9, "$"), (10, "$"),
    ]  # fmt: skip
    assert str(found[4]) == "line 6: $.sku: the id is missing"


def test_csv_with_quotes_numbers_and_bad_rows(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_bytes(
        b"\xef\xbb\xbfsku,title,price\r\n"
        b'a,"a lamp, green\r\nand tall",3.5\r\nb,desk,cheap\r\n,chair,1\r\n'
        b"c,sofa,1,2\r\nd,b\xffd,1\r\ne,rug,\r\nf,shelf,nan\r\n"
    )
    found = read(path)
    taken = [row.document for row in found if isinstance(row, Row)]
    assert taken == [
        {"sku": "a", "title": "a lamp, green\r\nand tall", "price": 3.5, "document_id": "a"},
        {"sku": "e", "title": "rug", "document_id": "e"},
    ]
    problems = [(row.line, row.path) for row in found if isinstance(row, Problem)]
    assert problems == [(4, "$.price"), (5, "$.sku"), (6, "$"), (7, "$.title"), (9, "$.price")]


@pytest.mark.parametrize("name", ["shop.jsonl.gz", "shop.ndjson.gz"])
def test_gzip(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b'{"sku": "a", "title": "lamp"}\n'))
    assert [row.document["document_id"] for row in read(path)] == ["a"]


def test_tabs(tmp_path):
    path = tmp_path / "shop.tsv"
    path.write_text("sku\ttitle\na\tlamp\n")
    assert read(path, Columns("sku", "title"))[0].document["title"] == "lamp"


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("id,name\n1,lamp\n")
    with pytest.raises(Invalid, match="no column `sku`") as refused:
        read(path)
    assert refused.value.hint == "its columns: id, name"


def test_half_a_gzip_file_and_an_unknown_kind_are_refused(tmp_path):
    path = tmp_path / "shop.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"sku": "a", "title": "lamp"}\n' * 1000)[:60])
    with pytest.raises(Invalid, match="not a whole gzip file"):
        read(path)
    other = tmp_path / "shop.xls"
    other.write_bytes(b"")
    with pytest.raises(Invalid, match="unknown kind of file"):
        read(other)


def test_batches_are_bounded_in_documents_and_bytes():
    small = [Row(n, {"document_id": str(n)}) for n in range(1201)]
    assert [len(batch) for batch in batches(small)] == [500, 500, 201]
    large = [Row(n, {"document_id": str(n), "title": "x" * 2_000_000}) for n in range(5)]
    assert [len(batch) for batch in batches(large)] == [3, 2]


def test_a_new_collection_searches_the_title_in_two_ways_and_numbers_as_they_are():
    kinds = [(feature["feature_uri"], feature["kind"]) for feature in features(COLUMNS)]
    assert kinds == [
        ("desireline://title@v1/bm25", "lexical"),
        ("desireline://title@v1/static", "dense"),
        ("desireline://price@v1", "field"),
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("$.documents[3].title", "$.title"), ("$[0].price", "$.price"), ("$", "$"), ("$.x", "$.x")],
)
def test_paths_are_told_as_seen_from_the_row(path, expected):
    assert _within_row(path) == expected
