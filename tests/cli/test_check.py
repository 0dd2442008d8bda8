"""`desireline check`: each store is damaged in turn, and what is damaged is found and named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import chdb
import msgspec
import pytest

from desireline.cli import main
from desireline.index import checking as index_checking
from desireline.store import checking
from desireline.store.directory import DataDirectory, Layout
from desireline.store.segments import frames
from desireline.types.checking import Finding
from desireline.wiring import NODE
from tests.e2e.live import click, execute, make_collection, make_retriever
from tests.e2e.restarts import Server
from tests.systems import a_retriever, learn, prefer, within


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a bit of everything, whose server stopped."""
    folder = tmp_path_factory.mktemp("whole")

    async def story(system: Any) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, [f"u{number}" for number in range(12)])
        await learn(system)

    within(folder, story)
    return folder / "data"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """Scratch for copies."""
    (tmp_path / "room").mkdir()
    return tmp_path / "room"


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    copied = tmp_path / "data"
    shutil.copytree(whole, copied, symlinks=True)
    return copied


def check(data: Path, capsys: Any) -> tuple[int, dict[tuple[str, str], Any]]:
    """(exit code, what is not ok, by store and name)."""
    capsys.readouterr()
    code = main(["check", str(data), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["state"] == ("ok", "warn", "bad")[code]
    wrong = [each for each in answer["findings"] if each["state"] != "ok"]
    return code, {(each["store"], each["name"]): each for each in wrong}


def worst(findings: list[Finding]) -> tuple[int, dict[tuple[str, str], Any]]:
    """The same of the findings of one store (no other store has to be opened for it)."""
    wrong = [each for each in findings if each.state != "ok"]
    code = max(({"warn": 1, "bad": 2}[each.state] for each in wrong), default=0)
    return code, {(each.store, each.name): msgspec.structs.asdict(each) for each in wrong}


def check_intake(data: Path) -> tuple[int, dict[tuple[str, str], Any]]:
    return worst(checking.intake.check(data / "intake", NODE).findings)


def check_log(data: Path, room: Path) -> tuple[int, dict[tuple[str, str], Any]]:
    shutil.rmtree(room / "events", ignore_errors=True)
    return worst(checking.log.check(data / "events", room, 1 << 40))


def check_catalogue(data: Path, room: Path) -> tuple[int, dict[tuple[str, str], Any]]:
    return worst(checking.catalogue.check("", data / "catalog.sqlite", room).findings)


def check_index(data: Path, room: Path) -> tuple[int, dict[tuple[str, str], Any]]:
    named = checking.catalogue.check("", data / "catalog.sqlite", room).collections
    return worst(index_checking.check(data / "index", named or [], room))


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def flip(path: Path, place: int | None = None) -> None:
    """Turn one byte around; in the middle if no place is given."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 0xFF
    path.write_bytes(content)


def catalogue(data: Path, *statements: str) -> None:
    with sqlite3.connect(data / "catalog.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def a_part(data: Path, table: str) -> Path:
    """The folder of the largest part of a table of the event log."""
    engine = data / "events" / "data" / "default" / table
    parts = [each for each in engine.resolve().iterdir() if (each / "data.bin").exists()]
    return max(parts, key=lambda part: (part / "data.bin").stat().st_size)


def in_the_log(data: Path, *statements: str) -> None:
    connection = chdb.connect(str(data / "events"))
    for statement in statements:
        connection.query(statement)
    connection.close()


def a_generation(data: Path) -> Path:
    """The engine's files of the one collection."""
    return next((data / "index").glob("*/v1/g0"))


def row(seq: int) -> tuple[str, bytes]:
    return "interactions", json.dumps({"namespace": "default", "seq": seq}).encode()


# What is whole.


def test_a_whole_directory_is_said_to_be_so_and_is_not_touched(data: Path, capsys: Any) -> None:
    before = fingerprint(data)
    assert check(data, capsys) == (0, {})
    assert fingerprint(data) == before
    assert list((data / "tmp").iterdir()) == []
    assert main(["check", str(data)]) == 0
    out = capsys.readouterr().out
    assert out.rstrip().endswith("everything is whole")
    for words in ("24 documents", "1 snapshots are as written", "12 rows in", "no gaps"):
        assert words in out, words


def test_a_directory_that_is_served_is_left_alone(data: Path, capsys: Any) -> None:
    with DataDirectory(data):
        assert main(["check", str(data)]) == 2
        error = capsys.readouterr().err
        assert f"is being served by the process {os.getpid()}" in error
        assert "hint: stop that server first" in error
    assert main(["check", str(data)]) == 0


def test_what_is_no_data_directory_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert main(["check", str(tmp_path)]) == 2
    assert "is no data directory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# The directory.


@pytest.mark.parametrize(("version", "words"), [("99", "knows up to"), ("x", "no version")])
def test_its_version(data: Path, version: str, words: str) -> None:
    (data / "version").write_text(version)
    code, wrong = worst(checking.directory.check(Layout(data)))
    assert code == 2
    assert words in wrong["directory", "version"]["detail"]


def test_a_missing_part(data: Path) -> None:
    shutil.rmtree(data / "events")
    code, wrong = worst(checking.directory.check(Layout(data)))
    assert (code, "missing" in wrong["directory", "events"]["detail"]) == (2, True)


def test_after_a_kill_nothing_is_called_damaged(tmp_path: Path, capsys: Any) -> None:
    with Server(tmp_path, flush_interval_ms="60000") as server:
        live = server.start()
        shop = make_retriever(live, make_collection(live))
        for number in range(5):
            click(live, execute(live, shop, inputs={"user_id": f"u{number}"}), 0)
        server.kill()
        before = fingerprint(server.data)
        code, wrong = check(server.data, capsys)
        assert code <= 1, wrong
        assert fingerprint(server.data) == before
        assert main(["check", str(server.data)]) == code
        out = capsys.readouterr().out
        assert "rows wait for the event log" in out
        assert "a start first inserts what waits" in out
        server.start()
        server.stop()
        assert check(server.data, capsys) == (0, {})


def test_what_cannot_be_looked_at_is_said_and_damage_is_the_exit_code(
    data: Path, capsys: Any
) -> None:
    (data / "catalog.sqlite").write_bytes(b"no database" * 1000)
    flip(a_part(data, "lessons") / "data.bin")
    (data / "intake" / "000000000009.segment").write_bytes(frames([row(900)])[:-1])
    code, wrong = check(data, capsys)
    assert code == 2
    assert {key: each["state"] for key, each in wrong.items()} == {
        ("intake", "000000000009.segment"): "warn", ("event log", "lessons"): "bad",
        ("catalogue", "database"): "bad", ("index", "collections"): "warn",
    }  # fmt: skip
    assert main(["check", str(data)]) == 2
    out = capsys.readouterr().out
    assert "something is damaged" in out
    assert "restore the catalogue from a copy" in out


# The intake.


def test_rows_that_wait_and_a_torn_tail(data: Path) -> None:
    path = data / "intake" / "000000000009.segment"
    path.write_bytes(frames([row(900), row(901)]))
    assert check_intake(data)[0] == 0
    path.write_bytes(frames([row(900), row(901)]) + frames([row(902)])[:-4])
    code, wrong = check_intake(data)
    found = wrong["intake", path.name]
    assert (code, found["state"]) == (1, "warn")
    assert "torn tail" in found["detail"]
    assert "2 rows wait" in found["detail"]


def test_damage_in_the_middle_of_a_segment(data: Path) -> None:
    path = data / "intake" / "000000000009.segment"
    first = len(frames([row(900)]))
    path.write_bytes(frames([row(900), row(901), row(902)]))
    flip(path, first + 12)
    code, wrong = check_intake(data)
    assert code == 2
    assert f"damaged at offset {first}" in wrong["intake", path.name]["detail"]


def test_a_damaged_journal(data: Path) -> None:
    flip(data / "intake" / "journal", 10)
    code, wrong = check_intake(data)
    assert (code, wrong["intake", "journal"]["state"]) == (2, "bad")
    path = data / "intake" / "journal"
    flip(path, 10)
    path.write_bytes(path.read_bytes()[:-3])
    assert check_intake(data)[1]["intake", "journal"]["state"] == "warn"


def test_numbers_that_would_be_given_twice(data: Path, room: Path) -> None:
    (found,) = [each for each in checking.log.check(data / "events", room, 3) if each.state != "ok"]
    assert (found.name, found.state) == ("sequence", "bad")
    assert "3 is not above" in found.detail
    (data / "intake" / "000000000009.segment").write_bytes(frames([row(1 << 30)]))
    code, wrong = check_intake(data)
    assert code == 2
    assert "not above" in wrong["intake", "sequence"]["detail"]
    (data / "intake" / "sequence").write_text("many")
    assert "no number" in check_intake(data)[1]["intake", "sequence"]["detail"]


# The event log.


@pytest.mark.parametrize("table", ["executions", "lessons", "interactions_by_document"])
def test_a_changed_byte_of_a_part(data: Path, room: Path, table: str) -> None:
    flip(a_part(data, table) / "data.bin")
    code, wrong = check_log(data, room)
    assert (code, set(wrong)) == (2, {("event log", table)})
    assert "damaged" in wrong["event log", table]["detail"]


def test_a_part_that_does_not_open(data: Path, room: Path) -> None:
    (a_part(data, "impressions") / "data.bin").unlink()
    code, wrong = check_log(data, room)
    assert code == 2
    assert "do not open" in wrong["event log", "impressions"]["detail"]


def test_parts_that_are_gone(data: Path, room: Path) -> None:
    engine = a_part(data, "executions").parent
    for part in [each for each in engine.iterdir() if (each / "data.bin").exists()]:
        shutil.rmtree(part)
    code, wrong = check_log(data, room)
    assert code == 2
    assert "inserts are noted" in wrong["event log", "inserts"]["detail"]
    assert "no row of their own" in wrong["event log", "executions"]["detail"]


def test_rows_twice_numbers_twice_and_gaps(data: Path, room: Path) -> None:
    in_the_log(
        data,
        "SYSTEM STOP MERGES",
        "INSERT INTO executions SELECT * FROM executions LIMIT 3 SETTINGS insert_deduplicate = 0",
    )
    code, wrong = check_log(data, room)
    assert (code, set(wrong)) == (1, {("event log", "duplicates")})
    assert wrong["event log", "duplicates"]["detail"].startswith("3 rows of executions")
    in_the_log(data, "INSERT INTO marks (namespace, node, seq) SELECT 'x', 'n1', 5")
    code, wrong = check_log(data, room)
    assert code == 2
    assert wrong["event log", "numbers"]["detail"] == "1 numbers stand in two tables"


def test_an_older_and_a_newer_log(data: Path, room: Path) -> None:
    settings = "SETTINGS mutations_sync = 2"
    in_the_log(data, f"ALTER TABLE schema_versions DELETE WHERE version = 2 {settings}")
    code, wrong = check_log(data, room)
    assert (code, set(wrong)) == (1, {("event log", "version")})
    assert "would apply 0002_derived" in wrong["event log", "version"]["detail"]
    in_the_log(data, "INSERT INTO schema_versions VALUES (99, 'x', '9.0', now64(3))")
    code, wrong = check_log(data, room)
    assert (code, "desireline 9.0" in wrong["event log", "version"]["detail"]) == (2, True)


# The catalogue.


def test_pages_that_are_overwritten(data: Path, room: Path) -> None:
    file = data / "catalog.sqlite"
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 12] = b"\x5a" * (4096 * 10)
    file.write_bytes(content)
    code, wrong = check_catalogue(data, room)
    assert code == 2
    assert ("catalogue", "database") in wrong


def test_no_catalogue(data: Path, room: Path) -> None:
    (data / "catalog.sqlite").unlink()
    code, wrong = check_catalogue(data, room)
    assert (code, "missing" in wrong["catalogue", "catalog.sqlite"]["detail"]) == (2, True)
    assert not (data / "catalog.sqlite").exists()


@pytest.mark.parametrize(
    ("statement", "name", "words", "expected"),
    [
        ("DELETE FROM namespaces", "references", "namespace of a collection", 2),
        ("DELETE FROM retriever_versions", "references", "version of a retriever", 2),
        ("UPDATE retrievers SET record = '{'", "retrievers", "1 of 1 records cannot be read", 2),
        ("UPDATE collections SET collection_id = 'x'", "collections", "cannot be read", 2),
        ("UPDATE meta SET value = 99 WHERE name = 'schema'", "version", "knows up to", 2),
        ("DROP TABLE meta", "version", "no tables", 2),
        ("UPDATE meta SET value = 1 WHERE name = 'schema'", "version", "would make it", 1),
    ],
)
def test_rows_of_the_catalogue(
    data: Path, room: Path, statement: str, name: str, words: str, expected: int
) -> None:
    catalogue(data, statement)
    code, wrong = check_catalogue(data, room)
    assert code == expected
    assert words in wrong["catalogue", name]["detail"]


def test_a_snapshot_that_is_not_what_was_written(data: Path, room: Path) -> None:
    catalogue(data, "UPDATE snapshots SET blob = X'00'")
    code, wrong = check_catalogue(data, room)
    assert (code, set(wrong)) == (1, {("snapshots", "fingerprints")})
    assert "damaged" in wrong["snapshots", "fingerprints"]["detail"]


# The index.


def test_an_index_folder_that_is_gone_or_has_no_state(data: Path, room: Path) -> None:
    state = a_generation(data).parent / "state.json"
    content = state.read_bytes()
    state.write_bytes(content[:20])
    code, wrong = check_index(data, room)
    assert (code, "state.json cannot be read" in wrong["index", "shop"]["detail"]) == (2, True)
    state.write_bytes(content.replace(b'"generation":0', b'"generation":7'))
    assert "g7" in check_index(data, room)[1]["index", "shop"]["detail"]
    shutil.rmtree(state.parent)
    assert "is missing" in check_index(data, room)[1]["index", "shop"]["detail"]


def test_an_engine_that_does_not_open(data: Path, room: Path) -> None:
    for path in a_generation(data).rglob("*.json"):
        path.write_text("{")
    code, wrong = check_index(data, room)
    assert (code, set(wrong)) == (2, {("index", "shop")})


def test_other_features_than_the_catalogue_has(data: Path, room: Path) -> None:
    catalogue(data, "UPDATE collections SET record = replace(record, 'caption@v1', 'other@v1')")
    code, wrong = check_index(data, room)
    assert (code, "other features" in wrong["index", "shop"]["detail"]) == (2, True)


def test_folders_of_no_collection(data: Path, room: Path) -> None:
    (data / "index" / "gone" / "v1").mkdir(parents=True)
    code, wrong = check_index(data, room)
    assert (code, "gone/v1" in wrong["index", "left-overs"]["detail"]) == (1, True)
    assert (data / "index" / "gone" / "v1").exists()
