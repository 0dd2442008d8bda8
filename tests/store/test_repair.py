"""What the engine does not repair by itself: tokens without parts, links made directories."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from desireline.store import repair
from desireline.store.clickhouse import ClickHouse
from tests.builders import an_interaction, json_lines

TABLES = ("interactions", "interactions_by_document", "interaction_counts")


@contextmanager
def opened(folder: Path) -> Iterator[ClickHouse]:
    log = ClickHouse(f"chdb://{folder / 'engine'}", folder)
    try:
        yield log
    finally:
        log.close()


def insert(log: ClickHouse, number: int) -> None:
    rows = [an_interaction(number * 100 + n, user_id=f"t{number}") for n in range(10)]
    log.insert("interactions", json_lines(*rows), f"token-{number}")


def counts(log: ClickHouse) -> dict[str, int]:
    numbers = {
        table: log._ask(f"SELECT count() AS n FROM {table}")[0]["n"]  # noqa: S608
        for table in TABLES[:2]
    }
    total = log._ask("SELECT toUInt32(sum(interactions)) AS n FROM interaction_counts")[0]["n"]
    return {**numbers, "interaction_counts": total}


def folder_of(log: ClickHouse, table: str) -> Path:
    asked = "SELECT data_paths[1] AS path FROM system.tables WHERE name = {name:String}"
    return Path(log._ask(asked, {"name": table})[0]["path"])


@pytest.mark.parametrize("table", TABLES)
def test_an_insert_killed_between_its_token_and_its_part_is_made_again(
    tmp_path: Path, table: str
) -> None:
    with opened(tmp_path) as log:
        for number in (1, 2, 3):
            insert(log, number)
        place = folder_of(log, table)
    # As if the process had died after the token was noted and before the part was in place.
    shutil.rmtree(place / "202611_3_3_0")
    with opened(tmp_path) as log:
        insert(log, 3)
        assert counts(log) == dict.fromkeys(TABLES, 30)
        for number in (1, 2, 3):
            insert(log, number)
        assert counts(log) == dict.fromkeys(TABLES, 30)


def test_tokens_of_merged_parts_are_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for number in range(6):
            insert(log, number)
        for table in TABLES:
            log._run(f"OPTIMIZE TABLE {table} FINAL")
    assert repair.forget_unfinished(tmp_path / "engine") == 0
    with opened(tmp_path) as log:
        for number in range(6):
            insert(log, number)
        assert counts(log) == dict.fromkeys(TABLES, 60)


def test_a_copy_that_followed_links_opens(tmp_path: Path) -> None:
    with opened(tmp_path / "one") as log:
        insert(log, 1)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with opened(tmp_path / "two") as log:
        insert(log, 2)
        assert counts(log) == dict.fromkeys(TABLES, 20)
    with opened(tmp_path / "two") as log:
        assert counts(log) == dict.fromkeys(TABLES, 20)
    with opened(tmp_path / "one") as log:
        assert counts(log) == dict.fromkeys(TABLES, 10)


def test_nothing_is_touched_while_the_engine_is_open(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        insert(log, 1)
        place = folder_of(log, "interactions")
        tokens = place / "deduplication_logs" / "deduplication_log_1.txt"
        tokens.write_text(tokens.read_text() + "1\t202611_9_9_0\t202611_1_2\n")
        before = tokens.read_text()
        repair.repair(tmp_path / "engine")
        assert tokens.read_text() == before
    assert repair.forget_unfinished(tmp_path / "engine") == 1
