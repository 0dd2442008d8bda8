"""The embedded event log, looked at in a copy: its parts, its versions, what its tables say of one
another.

As a program (`python -m desireline.store.checking.log FOLDER`) this is the child that opens the
copy: a damaged log may end the process that opens it. Knows the engine and the tables.
"""

# ruff: noqa: S608 (names of our own tables, nothing of a user)

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import chdb
import msgspec

from desireline.store import migrations, repair
from desireline.store.checking.directory import copy, is_written_once
from desireline.store.checking.intake import number_reused
from desireline.types.checking import Finding

STORE = "event log"
CHECK_SECONDS = 3600
_LIMITS = "SETTINGS max_threads = 2, max_execution_time = 600"


class Seen(msgspec.Struct):
    """What the child found, and the highest number of a row."""

    findings: list[Finding]
    newest_seq: int = 0


def check(engine: Path, room: Path, reserved: int, *, waiting: bool = False) -> list[Finding]:
    """Copy (by second names where files never change), and let a child look at the copy.

    While rows of the intake are `waiting`, tables are not compared: half of an insert may be there.
    """
    if not (engine / "metadata").exists():
        return [Finding(STORE, "log", "ok", "empty: nothing was ever flushed")]
    target = room / "events"
    try:
        copy(engine, target, is_written_once)
    except OSError as error:
        hint = "free some space (`desireline check` needs room for the small files of the log)"
        return [Finding(STORE, "log", "bad", f"cannot be copied: {error}", hint)]
    done = subprocess.run(
        [sys.executable, "-m", "desireline.store.checking.log", str(target), str(int(waiting))],
        capture_output=True, timeout=CHECK_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        detail = f"does not open: {words[-1][:300] if words else f'exit {done.returncode}'}"
        hint = "restore the folder `events` from a copy"
        return [Finding(STORE, "log", "bad", detail, hint)]
    seen = msgspec.json.decode(done.stdout.splitlines()[-1], type=Seen)
    if reserved and seen.newest_seq >= reserved:
        seen.findings.append(number_reused(reserved, seen.newest_seq))
    return seen.findings


class _Log:
    """The copy, open."""

    def __init__(self, engine: Path) -> None:
        self._connection = chdb.connect(f"{engine}?background_pool_size=1")

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Rows. Raises `RuntimeError`."""
        answer = str(self._connection.query(sql, "JSONEachRow"))
        return [msgspec.json.decode(line) for line in answer.splitlines() if line]

    def number(self, sql: str) -> int:
        """The one number of the one row."""
        return int(next(iter(self.ask(sql)[0].values())))


def examine(engine: Path, *, waiting: bool) -> Seen:
    """Everything about the copy in `engine`, which is changed by it."""
    found = _unfinished(engine)
    log = _Log(engine)
    version = _version(log)
    found.append(version)
    if version.state == "bad":
        return Seen(found)
    tables = [
        row["name"]
        for row in log.ask(
            "SELECT name FROM system.tables WHERE database = currentDatabase() "
            "AND engine LIKE '%MergeTree' AND name != 'schema_versions' ORDER BY name"
        )
    ]
    found += [_table(log, table) for table in tables]
    if waiting:
        detail = "not compared: a start first inserts what waits in the intake"
        found.append(Finding(STORE, "relations", "ok", detail))
    elif all(each.state != "bad" for each in found):
        found += _relations(log)
    newest = [_newest(log, table) for table in _numbered(log)]
    return Seen(found, max(newest, default=0))


def _unfinished(engine: Path) -> list[Finding]:
    """What a start repairs by itself (`repair`), and where it goes too far to be an accident."""
    found = []
    if repair.mend_links(engine):
        detail = "copied without its links; a start would make them again"
        found.append(Finding(STORE, "links", "warn", detail))
    forgotten = repair.forget_unfinished(engine)
    if forgotten:
        detail = f"{forgotten} inserts are noted whose rows are not there"
        hint = "one a table after a kill is repaired by a start; more: restore the folder `events`"
        found.append(Finding(STORE, "inserts", "warn" if forgotten < 8 else "bad", detail, hint))
    return found


def _version(log: _Log) -> Finding:
    known = migrations.migrations()
    try:
        rows = log.ask("SELECT version, program FROM schema_versions ORDER BY version")
    except RuntimeError as error:
        hint = "restore the folder `events` from a copy"
        return Finding(STORE, "version", "bad", _said(error), hint)
    held = {row["version"]: row["program"] for row in rows}
    newer = [version for version in held if version > max(known)]
    if newer:
        detail = f"{newer[-1]}, written by desireline {held[newer[-1]]}; known up to {max(known)}"
        return Finding(STORE, "version", "bad", detail, "use the newer desireline that wrote it")
    missing = [name for version, (name, _) in known.items() if version not in held]
    if missing:
        return Finding(STORE, "version", "warn", f"a start would apply {', '.join(missing)}")
    return Finding(STORE, "version", "ok", f"{max(known)}, as this desireline writes it")


def _table(log: _Log, table: str) -> Finding:
    """Parts by their checksums; parts that the engine set aside when it opened."""
    hint = "restore the folder `events` from a copy; what is in the damaged part is lost otherwise"
    aside = log.ask(
        f"SELECT name FROM system.detached_parts WHERE table = '{table}' "
        "AND startsWith(reason, 'broken')"
    )
    if aside:
        names = ", ".join(row["name"].removeprefix("broken-on-start_") for row in aside[:3])
        detail = f"{len(aside)} parts do not open: {names}"
        return Finding(STORE, table, "bad", detail, hint)
    try:
        parts = log.ask(f"CHECK TABLE {table} SETTINGS check_query_single_value_result = 0")
        rows = log.number(f"SELECT count() FROM {table}")
    except RuntimeError as error:
        return Finding(STORE, table, "bad", _said(error), hint)
    broken = [part for part in parts if not part["is_passed"]]
    if broken:
        first = f"{broken[0]['part_path']}: {broken[0]['message'][:160]}"
        detail = f"{len(broken)} of {len(parts)} parts are damaged ({first})"
        return Finding(STORE, table, "bad", detail, hint)
    return Finding(STORE, table, "ok", f"{rows:,} rows in {len(parts)} parts")


def _numbered(log: _Log) -> list[str]:
    rows = log.ask(
        "SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'seq' "
        "AND table NOT LIKE 'counted%' ORDER BY table"
    )
    return [row["table"] for row in rows]


def _newest(log: _Log, table: str) -> int:
    try:
        return log.number(f"SELECT max(seq) FROM {table}")
    except RuntimeError:
        return 0


_KEYS = {
    "executions": "execution_id", "interactions": "interaction_id",
    "lessons": "retriever_id, generation, seq, node",
    "impressions": "execution_id, document_id, position",
}  # fmt: skip


def _relations(log: _Log) -> list[Finding]:
    """What tables say of one another, if every part of them can be read."""
    try:
        return [*_twice(log), *_orphans(log), _derived(log), *_numbers(log)]
    except RuntimeError as error:
        hint = "give it more memory or time: the log is larger than this check may read"
        return [Finding(STORE, "relations", "warn", f"not compared: {_said(error)}", hint)]


def _twice(log: _Log) -> list[Finding]:
    found = []
    for table, key in _KEYS.items():
        twice = log.number(f"SELECT count() - uniqExact({key}) FROM {table} {_LIMITS}")
        if twice:
            detail = f"{twice} rows of {table} are stored twice; reading counts them once"
            found.append(Finding(STORE, "duplicates", "warn", detail))
    return found or [Finding(STORE, "duplicates", "ok", "no row is stored twice")]


def _orphans(log: _Log) -> list[Finding]:
    orphans = log.number(
        "SELECT uniqExact(execution_id) FROM impressions "
        f"WHERE execution_id NOT IN (SELECT execution_id FROM executions) {_LIMITS}"
    )
    bare = log.number(
        "SELECT uniqExact(execution_id) FROM executions WHERE shown > 0 AND notEmpty(searches) "
        f"AND execution_id NOT IN (SELECT execution_id FROM impressions) {_LIMITS}"
    )
    hint = "rows are missing: restore the folder `events` from a copy"
    found = []
    if orphans:
        detail = f"{orphans} executions have impressions but no row of their own"
        found.append(Finding(STORE, "executions", "bad", detail, hint))
    if bare:
        detail = f"{bare} executions showed documents but have no impressions"
        found.append(Finding(STORE, "impressions", "warn", detail, hint))
    return found


def _derived(log: _Log) -> Finding:
    """The copy of the interactions in the order of documents holds the same ones."""
    ids = "SELECT interaction_id FROM {}"
    one, other = ids.format("interactions"), ids.format("interactions_by_document")
    wrong = log.number(
        f"SELECT (SELECT uniqExact(interaction_id) FROM ({one}) "
        f"WHERE interaction_id NOT IN ({other}))"
        f" + (SELECT uniqExact(interaction_id) FROM ({other}) WHERE interaction_id NOT IN ({one}))"
        f" {_LIMITS}"
    )
    if wrong:
        hint = "rows are missing: restore the folder `events` from a copy"
        detail = f"{wrong} interactions are in one of the two tables only"
        return Finding(STORE, "interactions_by_document", "bad", detail, hint)
    return Finding(STORE, "derived", "ok", "the copies hold the rows of their sources")


def _numbers(log: _Log) -> list[Finding]:
    """Numbers of rows: none given twice; how many have no row."""
    union = " UNION ALL ".join(
        f"SELECT DISTINCT node, seq, '{table}' AS origin FROM {table}"
        for table in _numbered(log)
        if table != "impressions"  # those share the number of their execution
    )
    given = log.number(
        f"SELECT count() FROM (SELECT node, seq FROM ({union}) WHERE seq > 0 "
        f"GROUP BY node, seq HAVING count() > 1) {_LIMITS}"
    )
    missing = log.ask(
        "SELECT toUInt64(sum(gap)) AS numbers, max(gap) AS longest FROM ("
        "SELECT toInt64(seq) - lagInFrame(toInt64(seq), 1, toInt64(seq) - 1) "
        "OVER (PARTITION BY node ORDER BY seq) - 1 AS gap "
        f"FROM (SELECT DISTINCT node, seq FROM ({union}) WHERE seq > 0)"
        f") WHERE gap > 0 AND gap < 1000000 {_LIMITS}"
    )[0]
    found = []
    if given:
        detail = f"{given} numbers stand in two tables"
        hint = "two processes wrote as one node, or `intake/sequence` was restored alone"
        found.append(Finding(STORE, "numbers", "bad", detail, hint))
    gaps = int(missing["numbers"] or 0)
    detail = "no gaps"
    if gaps:
        detail = (
            f"{gaps:,} numbers have no row, at most {int(missing['longest']):,} in a row: "
            "duplicates, refused, erased and superseded rows leave such gaps"
        )
    return [*found, Finding(STORE, "gaps", "ok", detail)]


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def main(engine: str, waiting: str) -> None:
    """The child: one line of JSON."""
    seen = examine(Path(engine), waiting=waiting == "1")
    sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
