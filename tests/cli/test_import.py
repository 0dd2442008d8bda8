"""`desireline import documents` against a running server: what is taken, and what is said."""

from __future__ import annotations

import gzip
import json

import pytest

from desireline.cli import main
from tests.e2e.live import a_name, serving

GOOD = [{"id": f"p{n}", "title": f"wireless earbuds {n}", "stars": n / 2} for n in range(1200)]
ARGUMENTS = ["--id", "id", "--number", "stars"]


@pytest.fixture
def imported(live, capsys):
    """Import a file; gives (exit code, what was printed, errors, name of the collection)."""

    def run(path, *arguments, collection=""):
        name = collection or a_name("imported")
        wanted = ["--collection", name, "--url", live.url, *(arguments or ARGUMENTS)]
        code = main(["import", "documents", str(path), *wanted])
        said = capsys.readouterr()
        return code, said.out, said.err, name

    return run


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def test_json_lines_are_searchable_afterwards(imported, live, tmp_path):
    path = tmp_path / "products.jsonl"
    path.write_bytes(jsonl(GOOD))
    code, said, errors, name = imported(path)
    assert (code, errors) == (0, "")
    assert said.startswith(f"1200 documents in collection `{name}` (")
    found = live.ok("GET", f"/v1/collections/{name}/documents/p7")
    assert found["title"] == "wireless earbuds 7"
    features = {f["feature_uri"] for f in live.ok("GET", f"/v1/collections/{name}")["features"]}
    assert {"desireline://title@v1/bm25", "desireline://stars@v1"} <= features
    assert imported(path, collection=name)[0] == 0  # again: the same documents, no copies
    listed = live.ok("GET", f"/v1/collections/{name}")
    assert listed["document_count"] == 1200


@pytest.mark.parametrize("packed", [False, True])
def test_csv_with_numbers_plain_and_compressed(imported, live, tmp_path, packed):
    text = b"id,title,stars\np1,a red shoe,4.5\np2,a blue shoe,\n"
    path = tmp_path / ("shoes.csv.gz" if packed else "shoes.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    code, said, errors, name = imported(path)
    assert (code, errors) == (0, "")
    assert said.startswith("2 documents")
    assert live.ok("GET", f"/v1/collections/{name}/documents/p1")["stars"] == 4.5


def test_bad_rows_are_named_by_line_and_the_others_are_taken(imported, tmp_path):
    path = tmp_path / "products.jsonl.gz"
    bad = [b"not json\n", b"[1]\n", b'{"title": "no id"}\n', b'{"id": "x"}\n',
           b'{"id": "y", "title": 3, "stars": 1}\n']  # fmt: skip
    path.write_bytes(gzip.compress(jsonl(GOOD[:3]) + b"".join(bad) + jsonl(GOOD[3:6])))
    code, said, errors, name = imported(path)
    assert code == 1
    assert "line 4: $: not JSON" in errors
    assert "line 5: $: not an object but list" in errors
    assert "line 6: $.id: the id is missing" in errors
    assert "line 7: $.title: the searched text is missing" in errors
    assert "Traceback" not in errors
    failed = len(errors.strip().splitlines())
    assert f"{6 + 5 - failed} documents in collection `{name}`, {failed} rows failed" in said


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"", "unknown kind of file: a.xlsx"),
        ("a.csv", b"sku,title\n1,x\n", "the file has no column `id`"),
        ("a.csv.gz", gzip.compress(b"id,title,stars\n" + b"1,x,2\n" * 9)[:-12], "not a whole gzip"),
        ("missing.jsonl", None, "No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(imported, tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code, _, errors, _ = imported(path)
    assert code == 2
    assert errors.startswith("error: ")
    assert words in errors
    assert "Traceback" not in errors


def test_a_key_is_sent_and_asked_for(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(GOOD[:2]))
    assert main(["keys", "create", "--data", str(tmp_path / "data")]) == 0
    secret = capsys.readouterr().out.strip()
    with serving(tmp_path) as server:
        wanted = ["import", "documents", str(path), "--collection", "c", "--url", server.url]
        assert main([*wanted, *ARGUMENTS]) == 2
        assert "this server needs a key" in capsys.readouterr().err
        monkeypatch.setenv("DESIRELINE_KEY", secret)
        assert main([*wanted, *ARGUMENTS]) == 0
