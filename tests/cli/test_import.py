"""`desireline import documents` against a running server: what is taken, and what is said."""

from __future__ import annotations

import gzip
import json

import pytest

from desireline.cli import main
from desireline.cli.sampling import reservoir
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


def test_a_file_whose_rows_all_fail_makes_no_collection(imported, live, tmp_path):
    path = tmp_path / "books.jsonl"
    path.write_bytes(jsonl(GOOD[:4]))
    arguments = ["--id", "id", "--title", "titel"]
    code, said, errors, name = imported(path, *arguments)
    assert (code, said) == (2, "")
    assert "none of the first 4 rows can be taken (line 1: $.titel: " in errors
    assert "--title" in errors
    assert live.call("GET", f"/v1/collections/{name}").status == 404
    assert imported(path, *ARGUMENTS, collection=name)[0] == 0


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (["--title", "titel"], ["--title", "title"], "searches titel, not title"),
        (["--number", "stars"], ["--number", "loans"], "searches stars, not loans"),
        ([], ["--number", "loans"], "searches no number, not loans"),
    ],
)
def test_a_collection_with_other_features_is_left_alone(
    imported, live, tmp_path, first, second, words
):
    path = tmp_path / "books.jsonl"
    path.write_bytes(jsonl([row | {"titel": "x", "loans": 1} for row in GOOD[:4]]))
    code, _, _, name = imported(path, "--id", "id", *first)
    assert code == 0
    code, _, errors, _ = imported(path, "--id", "id", *second, collection=name)
    assert code == 2
    assert errors.startswith(f"error: collection `{name}` {words}\nhint: delete it, or choose")
    live.ok("DELETE", f"/v1/collections/{name}")


def test_a_key_is_sent_and_asked_for(tmp_path, capsys, monkeypatch):
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl(GOOD[:2]))
    assert main(["keys", "create", "--data", str(tmp_path / "data")]) == 0
    secret = capsys.readouterr().out.strip()
    with serving(tmp_path) as server:
        wanted = ["import", "documents", str(path), "--collection", "c", "--url", server.url]
        assert main([*wanted, *ARGUMENTS]) == 2
        assert "this server needs a key" in capsys.readouterr().err
        monkeypatch.setenv("DESIRELINE_API_KEY", secret)
        assert main([*wanted, *ARGUMENTS]) == 0


def test_a_file_sorted_by_length_is_encoded_as_if_it_were_not(imported, live, tmp_path):
    rows = [{"id": f"s{n}", "title": " ".join(["shoe"] * (1 + n // 20)), "stars": 1}
            for n in range(1200)]  # fmt: skip
    path = tmp_path / "sorted.jsonl"
    path.write_bytes(jsonl(rows))
    code, said, _, name = imported(path)
    assert code == 0
    assert said.startswith("1200 documents")
    identity = live.ok("GET", f"/v1/collections/{name}")["collection_id"].removeprefix("col_")
    (state,) = (live.data / "index" / identity).glob("v1/state.json")
    (average,) = json.loads(state.read_bytes())["average_lengths"].values()
    assert average == pytest.approx(30.5, rel=0.05)  # of the first 500 rows alone: 13


def test_a_reservoir_is_fair():
    drawn = [place for seed in range(300) for place in reservoir(range(50), 10, seed)]
    assert len(set(reservoir(range(50), 10))) == 10
    assert all(30 < drawn.count(place) < 95 for place in range(50))
    assert reservoir(range(3), 10) == [0, 1, 2]


def test_numbers_that_are_none_are_counted(imported, tmp_path):
    path = tmp_path / "books.jsonl"
    path.write_bytes(jsonl([row | {"loans": "12"} for row in GOOD[:3]] + [GOOD[3] | {"loans": 5}]))
    code, said, errors, _ = imported(path, "--id", "id", "--number", "loans", "--number", "stras")
    assert code == 0
    assert said.startswith("4 documents")
    assert "note: `loans` is no number in 3 rows (first: line 1): " in errors
    assert "note: no row has `stras`, " in errors
