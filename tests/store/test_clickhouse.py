"""The event log's client: limits that took effect, locks, versions, binding, bad questions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from desireline import errors
from desireline.store import queries
from desireline.store.clickhouse import ClickHouse, Limits
from desireline.store.flusher import Pace
from tests.builders import an_interaction, json_lines
from tests.store.event_logs import BACKENDS, ask, embedded, held

HOSTILE = [
    "a'; drop table interactions; --",
    "\\",
    "\\n",
    "\t",
    "\n",
    "\0",
    "☃",
    "{x:String}",
    "%s %(a)s",
    "\\N",
    "'",
    "\\'",
    '"',
]


@pytest.fixture(params=BACKENDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ClickHouse]:
    with BACKENDS[request.param](tmp_path) as opened:
        yield opened


def test_memory_limits_take_effect(tmp_path: Path) -> None:
    limits = Limits(memory_bytes=1_500_000_000, mark_cache_bytes=123 << 20, background_threads=2)
    log = ClickHouse(f"chdb://{tmp_path}/events", tmp_path, limits)
    found = log._ask("SELECT name, value FROM system.server_settings")
    values = {row["name"]: row["value"] for row in found}
    log.close()
    assert values["max_server_memory_usage"] == "1500000000"
    assert values["mark_cache_size"] == str(123 << 20)
    assert values["background_pool_size"] == "2"


def test_a_second_process_is_refused_by_name(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from desireline.store.clickhouse import ClickHouse\n"
        "ClickHouse(sys.argv[1], Path(sys.argv[2]))"
    )
    with embedded(tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", program, f"chdb://{tmp_path}/events", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode != 0
    assert "DataDirectoryLocked" in done.stderr
    assert str(tmp_path / "events") in done.stderr


def test_a_newer_log_is_refused_naming_both_versions(log: ClickHouse) -> None:
    from desireline.store import migrations

    log._run("INSERT INTO schema_versions (version, name, program) VALUES (7, '0007_x', '9.9')")
    with pytest.raises(errors.StartupError, match=r"schema version 7.*9\.9.*0\.1\.0.*up to 3"):
        migrations.migrate(log._run, log._ask, log.layout, "0.1.0")


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with embedded(tmp_path) as log:
            assert len(log._ask("SELECT * FROM schema_versions")) == 3


@pytest.mark.parametrize("name", ["it's", "a b", "x*y", "q?", "[z]", "ü", "back\\slash", "100%"])
def test_rows_travel_through_folders_of_any_name(tmp_path: Path, name: str) -> None:
    with embedded(tmp_path / name) as log:
        log.insert("interactions", json_lines(an_interaction(1)), "token")
        assert len(held(log, "interactions", "default")) == 1


def test_a_large_range_that_comes_again_changes_nothing(tmp_path: Path) -> None:
    """Also when the engine would cut it elsewhere: a token is known by the number of blocks."""
    size = Pace().most_rows
    rows = json_lines(*(an_interaction(number) for number in range(size)))
    with embedded(tmp_path) as log:
        log.insert("interactions", rows, "token")
        log._run("SET max_block_size = 40000")
        log.insert("interactions", rows, "token")
        for table in ("interactions", "interactions_by_document"):
            assert log._ask(f"SELECT count() AS n FROM {table}") == [{"n": size}]  # noqa: S608
        counted = log._ask("SELECT sum(interactions) AS n FROM interaction_counts")
        assert counted == [{"n": size}]


def test_a_folder_that_the_engine_takes_for_a_pattern_is_refused(tmp_path: Path) -> None:
    folder, link = tmp_path / "plain", tmp_path / "{shop}"
    folder.mkdir()
    link.symlink_to(folder)
    for refused in (tmp_path / "{1..3}", link):
        with pytest.raises(errors.StartupError, match="for a pattern"):
            ClickHouse(f"chdb://{refused}/events", refused)
    with embedded(folder):  # nothing is left open
        pass


def test_hostile_strings_are_bound_and_come_back(log: ClickHouse) -> None:
    rows = [an_interaction(n, user_id=text, namespace=text) for n, text in enumerate(HOSTILE, 1)]
    log.insert("interactions", json_lines(*rows), "hostile")
    for text in HOSTILE:
        (found,) = ask(log, "interactions_list", namespace=text, user_ids=[text, *HOSTILE])
        assert found["user_id"] == text


def test_reads_are_short_on_one_thread(log: ClickHouse) -> None:
    with pytest.raises(errors.Unavailable, match="in time"):
        log._read("SELECT count() FROM numbers(1e12) SETTINGS max_execution_time = 0.1", {})
    (used,) = log._read("SELECT getSetting('max_threads') AS threads", {})
    assert used["threads"] == 1


def test_a_slow_read_delays_no_insert_and_no_other_read(tmp_path: Path) -> None:
    async def scenario(log: ClickHouse) -> None:
        loop = asyncio.get_running_loop()
        slow = loop.run_in_executor(
            log._readers,
            log._read,
            "SELECT sleepEachRow(1) FROM numbers(2) SETTINGS max_block_size = 1",
            {},
        )
        await asyncio.sleep(0.05)
        began = loop.time()
        await asyncio.to_thread(log.insert, "interactions", json_lines(an_interaction(1)), "t")
        assert (
            await log.query("interactions_of_execution", namespace="default", execution_ids=[])
            == []
        )
        assert loop.time() - began < 1.5
        assert not slow.done()
        await slow

    with embedded(tmp_path) as log:
        asyncio.run(scenario(log))


def test_questions_have_a_header_and_take_no_other_parameters() -> None:
    for name in queries.names():
        file = Path(queries.__file__).parent / "queries" / f"{name}.sql"
        text = file.read_text(encoding="utf-8")
        header = [line for line in text.splitlines() if line.startswith("-- ")]
        for word in ("question:", "parameters:", "columns:", "grain:"):
            assert sum(line.startswith(f"-- {word}") for line in header) == 1, (name, word)
    with pytest.raises(KeyError, match="no question 'nonsense'"):
        queries.load("nonsense")
    with pytest.raises(ValueError, match=r"missing \['namespace'\], unknown \['x'\]"):
        queries.bind(queries.load("interaction_by_id"), {"interaction_id": "1", "x": 1})


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(errors.StartupError, match=r"127\.0\.0\.1:1/.* does not answer") as caught:
        ClickHouse("http://someone:secret@127.0.0.1:1/desireline", tmp_path)
    assert "secret" not in str(caught.value)
