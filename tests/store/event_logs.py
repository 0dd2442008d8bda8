"""Event logs for tests: embedded in a folder, or a database of its own on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import clickhouse_connect
import msgspec

from desireline.store.clickhouse import ClickHouse
from desireline.store.queries import load
from desireline.types.log import TABLES, Row
from tests import clickhouse_server

LATEST = 2**42
FILTERS = {"after_ms": 0, "before_ms": LATEST}
PAGE = {"direction": 1, "cursor_ms": 0, "cursor_id": "", "limit": 1000, "offset": 0}
SPAN = {"since_ms": 0, "before_ms": LATEST}


@contextmanager
def embedded(folder: Path) -> Iterator[ClickHouse]:
    """A log in this process."""
    log = ClickHouse(f"chdb://{folder}/events", folder)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def served(folder: Path) -> Iterator[ClickHouse]:
    """A log on a server of its own; skips where there can be none."""
    server = clickhouse_server.start(folder / "server")
    try:
        with clickhouse_connect.get_client(dsn=server.url) as client:
            client.command("CREATE DATABASE desireline")
        log = ClickHouse(f"{server.url}/desireline", folder)
        try:
            yield log
        finally:
            log.close()
    finally:
        server.stop()


BACKENDS = {"chdb": embedded, "server": served}


def ask(log: ClickHouse, question: str, **parameters: Any) -> list[dict[str, Any]]:
    """Ask, filling in the widest values for filters and pages."""
    wide = {"limit": 1000} | FILTERS | PAGE | SPAN
    known = {key: wide[key] for key in load(question).parameters if key in wide}
    return log.query_blocking(question, **(known | parameters))


def held(log: ClickHouse, table: str, namespace: str) -> list[Row]:
    """The rows of a table as structs, in a fixed order."""
    found = log._ask(
        f"SELECT * FROM {table} FINAL WHERE namespace = {{namespace:String}}",  # noqa: S608
        {"namespace": namespace},
    )
    rows = [msgspec.convert(as_struct_fields(row), TABLES[table], strict=False) for row in found]
    return sorted(rows, key=msgspec.json.encode)


def as_struct_fields(row: dict[str, Any]) -> dict[str, Any]:
    """Ids without dashes; an absent float (null on the wire) is not a number."""
    ids = {key for key in row if key in UUID_COLUMNS}
    plain = {key: value.replace("-", "") if key in ids else value for key, value in row.items()}
    if plain.get("propensity", 0) is None:
        plain["propensity"] = float("nan")
    return plain


UUID_COLUMNS = {"execution_id", "page_of", "interaction_id", "rejected_id", "fixed_as"}
