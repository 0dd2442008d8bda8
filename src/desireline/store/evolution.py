"""What leads the tables of the catalogue from one version to the next, on SQLite and PostgreSQL.

Knows old shapes. A step runs inside the transaction that opens the catalogue: all of it or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from sqlalchemy import Connection, text

Migration = Callable[[Connection], None]

_STATUS = {"queued": "pending", "done": "completed"}
_RENAMED = (("progress", "done"), ("request", "parameters"))
_ADDED = (
    ("unit", "VARCHAR DEFAULT ''"),
    ("message", "VARCHAR DEFAULT ''"),
    ("checkpoint", "VARCHAR DEFAULT '{}'"),
    ("attempts", "INTEGER DEFAULT 0"),
    ("done_before", "BIGINT DEFAULT 0"),
    ("is_reported", "BOOLEAN DEFAULT FALSE"),
    ("started_at", "VARCHAR DEFAULT ''"),
    ("finished_at", "VARCHAR DEFAULT ''"),
)


def tasks_with_progress(connection: Connection) -> None:
    """Version 2: tasks say what they count, when they began, from where they go on, and why not."""
    for before, after in _RENAMED:
        connection.execute(text(f"ALTER TABLE tasks RENAME COLUMN {before} TO {after}"))
    for name, kind in _ADDED:
        connection.execute(text(f"ALTER TABLE tasks ADD COLUMN {name} {kind} NOT NULL"))
    for before, after in _STATUS.items():
        connection.execute(
            text("UPDATE tasks SET status = :after WHERE status = :before"),
            {"before": before, "after": after},
        )
    found = connection.execute(text("SELECT task_id, error FROM tasks")).all()
    for task_id, error in found:
        envelope = {"code": "internal_error", "message": error, "hint": ""} if error else {}
        connection.execute(
            text("UPDATE tasks SET error = :error WHERE task_id = :task_id"),
            {"error": json.dumps(envelope), "task_id": task_id},
        )
    # Work of an older version holds no state of its own: it is found again when it is needed.
    connection.execute(
        text("UPDATE tasks SET status = 'cancelled' WHERE status IN ('pending', 'running')")
    )


def publications(connection: Connection) -> None:
    """Version 3: retrievers under public names."""
    words = 'VARCHAR COLLATE "C"' if connection.dialect.name == "postgresql" else "VARCHAR"
    connection.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS publications (public_name {words} NOT NULL PRIMARY KEY, "
            f"retriever_id {words} NOT NULL UNIQUE, namespace {words} NOT NULL, "
            "record VARCHAR NOT NULL)"
        )
    )


MIGRATIONS: dict[int, Migration] = {2: tasks_with_progress, 3: publications}
"""What leads from version n - 1 to n, by n."""
