"""The catalogue: the engine's own check, versions, records that can be read, references that lead
somewhere, snapshots by their fingerprint.

An SQLite file is looked at in a copy (with its log of writes), PostgreSQL in one transaction that
only reads. Knows the tables.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from desireline.errors import DesirelineError
from desireline.store import tables
from desireline.store.database import read_only, sqlite_dsn
from desireline.types.checking import Finding
from desireline.types.retriever import Collection

STORE = "catalogue"
_RESTORE = "restore the catalogue from a copy"


class Catalogue(msgspec.Struct, frozen=True):
    """What was found, and the collections it names (None: they cannot be read)."""

    findings: list[Finding]
    collections: list[Collection] | None = None


def check(dsn: str, file: Path, room: Path) -> Catalogue:
    """`dsn` is "" for the SQLite file of the directory, which is copied into `room`."""
    if dsn:
        return _examined(dsn)
    if not file.exists():
        missing = Finding(STORE, file.name, "bad", "the file is missing", _RESTORE)
        return Catalogue([missing])
    try:
        for each in (file, file.with_name(f"{file.name}-wal")):
            if each.exists():
                shutil.copy2(each, room / each.name)
    except OSError as error:
        return Catalogue([Finding(STORE, file.name, "bad", f"cannot be copied: {error}")])
    return _examined(sqlite_dsn(room / file.name))


def _examined(dsn: str) -> Catalogue:
    try:
        with read_only(dsn) as connection:
            return _catalogue(connection)
    except (SQLAlchemyError, DesirelineError) as error:
        return Catalogue([Finding(STORE, "database", "bad", _said(error), _RESTORE)])


def _catalogue(connection: Connection) -> Catalogue:
    found = _engine(connection)
    version = _version(connection)
    found.append(version)
    if any(each.state == "bad" for each in found):
        return Catalogue(found)
    found += _records(connection)
    if any(each.state == "bad" for each in found):
        return Catalogue(found)
    found += [*_references(connection), *_tasks(connection), *_snapshots(connection)]
    rows = connection.execute(select(tables.collections.c.record)).scalars()
    return Catalogue(found, list(rows))


def _engine(connection: Connection) -> list[Finding]:
    if connection.dialect.name != "sqlite":
        return [Finding(STORE, "database", "ok", "PostgreSQL answers; its files are its own")]
    said = connection.execute(text("PRAGMA integrity_check(20)")).scalars().all()
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if list(said) == ["ok"] and not broken:
        return [Finding(STORE, "database", "ok", "pages, indexes and rows fit together")]
    detail = "; ".join(" ".join(str(each).split()) for each in [*said, *broken])[:300]
    return [Finding(STORE, "database", "bad", detail, _RESTORE)]


def _version(connection: Connection) -> Finding:
    known = tables.SCHEMA_VERSION
    if not inspect(connection).has_table(tables.meta.name):
        detail = "there are no tables; a start would make them, empty"
        return Finding(STORE, "version", "bad", detail, _RESTORE)
    meta = tables.meta.c
    row = select(meta.value).where(meta.name == "schema")
    found = connection.execute(row).scalar()
    if found is None or found > known:
        detail = f"{found}; this desireline knows up to {known}"
        return Finding(STORE, "version", "bad", detail, "use the newer desireline that wrote it")
    if found < known:
        return Finding(STORE, "version", "warn", f"{found}: a start would make it {known}")
    return Finding(STORE, "version", "ok", f"{found}, as this desireline writes it")


def _records(connection: Connection) -> list[Finding]:
    """Every JSON record can be read, and names what its row names."""
    there = inspect(connection)
    recorded = [each for each in tables.metadata.sorted_tables if "record" in each.c]
    return [_table(connection, each) for each in recorded if there.has_table(each.name)]


def _table(connection: Connection, table: Table) -> Finding:
    key, name = next(iter(table.primary_key.columns)).name, str(table.name)
    bad, count = [], 0
    for row in connection.execute(text(f"SELECT * FROM {name}")).mappings():  # noqa: S608
        count += 1
        if not _is_whole(table, key, dict(row)):
            bad.append(str(row[key]))
    if bad:
        detail = f"{len(bad)} of {count} records cannot be read: {', '.join(bad[:3])}"
        return Finding(STORE, name, "bad", detail, _RESTORE)
    return Finding(STORE, name, "ok", f"{count} records")


def _is_whole(table: Table, key: str, row: dict[str, Any]) -> bool:
    kind = table.c.record.type
    try:
        record = msgspec.json.decode(row["record"] or "null", type=getattr(kind, "struct", Any))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return bool(getattr(record, key, row[key]) == row[key])


def _ids(connection: Connection, table: Table, column: str) -> set[str]:
    return set(connection.execute(select(table.c[column])).scalars())


def _references(connection: Connection) -> list[Finding]:
    """What one row says of another is there."""
    namespaces = _ids(connection, tables.namespaces, "namespace_id")
    versions = _ids(connection, tables.retriever_versions, "retriever_id")
    wanted: list[tuple[str, Iterable[str], set[str]]] = [
        ("namespace of a key", _ids(connection, tables.keys, "namespace"), namespaces),
        ("namespace of a collection", _ids(connection, tables.collections, "namespace"),
         namespaces),
        ("namespace of a retriever", _ids(connection, tables.retrievers, "namespace"),
         namespaces),
        ("version of a retriever", _ids(connection, tables.retrievers, "retriever_id"),
         versions),
        ("retriever of a switch", _ids(connection, tables.rollouts, "retriever_id"), versions),
        ("retriever of a snapshot", _ids(connection, tables.snapshots, "retriever_id"),
         versions),
    ]  # fmt: skip
    found = []
    for what, named, there in wanted:
        gone = sorted(set(named) - there)
        if gone:
            found.append(f"the {what} does not exist: {', '.join(gone[:3])}")
    if found:
        return [Finding(STORE, "references", "bad", "; ".join(found), _RESTORE)]
    return [Finding(STORE, "references", "ok", "every row that is named is there")]


def _tasks(connection: Connection) -> list[Finding]:
    rows = select(func.count()).select_from(text("tasks")).where(
        text("status IN ('pending', 'running', 'queued')")
    )  # fmt: skip
    count = connection.execute(rows).scalar_one()
    detail = f"{count} unfinished: a start goes on with them" if count else "none unfinished"
    return [Finding(STORE, "tasks", "ok", detail)]


def _snapshots(connection: Connection) -> list[Finding]:
    """The bytes of each are what was written; without one, a start folds the lessons anew."""
    table = tables.snapshots.c
    rows = connection.execute(select(table.retriever_id, table.seq, table.sha256, table.blob))
    total, damaged = 0, []
    for retriever_id, seq, sha256, blob in rows:
        total += 1
        if hashlib.sha256(blob).hexdigest() != sha256:
            damaged.append(f"{retriever_id} at {seq}")
    if damaged:
        detail = f"{len(damaged)} of {total} are damaged: {', '.join(damaged[:3])}"
        hint = "nothing is lost: a start uses an older one, or folds the lessons of the log anew"
        return [Finding("snapshots", "fingerprints", "warn", detail, hint)]
    return [Finding("snapshots", "fingerprints", "ok", f"{total} snapshots are as written")]


def _said(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())[:300]
