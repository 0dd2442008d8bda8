"""Work a user can watch, as rows of the catalogue (`ports.TaskCatalog`).

Knows that a task that ended stays ended, whoever writes last. Knows nothing of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from desireline.errors import NotFound
from desireline.store.database import Database
from desireline.store.definitions import check_namespace
from desireline.store.tables import row_of, structs, tasks
from desireline.types.catalog import UNFINISHED, TaskRecord, TaskStatus

KEPT = 1000
"""Ended tasks of a namespace that stay listed."""

_columns = tasks.c


class Tasks:
    """One row a task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, task: TaskRecord) -> None:
        await self._database.write(lambda c: _create(c, task), notable=False)

    async def get(self, namespace: str, task_id: str) -> TaskRecord:
        return await self._database.read(lambda c: _get(c, namespace, task_id))

    async def newest(
        self, namespace: str, *, kind: str = "", statuses: Sequence[TaskStatus] = (),
        before: str = "", limit: int = 100,
    ) -> list[TaskRecord]:  # fmt: skip
        where = [_columns.namespace == namespace]
        where += [_columns.kind == kind] if kind else []
        where += [_columns.status.in_(statuses)] if statuses else []
        where += [_columns.task_id < before] if before else []
        rows = select(tasks).where(*where).order_by(_columns.task_id.desc()).limit(limit)
        return await self._database.read(lambda c: structs(c, rows, TaskRecord))

    async def unfinished(self) -> list[TaskRecord]:
        rows = select(tasks).where(_columns.status.in_(UNFINISHED)).order_by(_columns.task_id)
        return await self._database.read(lambda c: structs(c, rows, TaskRecord))

    async def save(self, task: TaskRecord) -> bool:
        return await self._database.write(lambda c: _save(c, task), notable=False)

    async def change(
        self, namespace: str, task_id: str, change: Callable[[TaskRecord], TaskRecord]
    ) -> TaskRecord:
        def changed(connection: Connection) -> TaskRecord:
            record = change(_get(connection, namespace, task_id))
            row = update(tasks).where(_columns.task_id == task_id)
            connection.execute(row.values(row_of(tasks, record)))
            return record

        return await self._database.write(changed, notable=False)


def _create(connection: Connection, task: TaskRecord) -> None:
    check_namespace(connection, task.namespace)
    connection.execute(insert(tasks), row_of(tasks, task))
    ended = (_columns.namespace == task.namespace, _columns.status.not_in(UNFINISHED))
    newest = select(_columns.task_id).where(*ended).order_by(_columns.task_id.desc())
    oldest_kept = connection.execute(newest.offset(KEPT - 1).limit(1)).scalar()
    if oldest_kept:
        connection.execute(delete(tasks).where(*ended, _columns.task_id < oldest_kept))


def _get(connection: Connection, namespace: str, task_id: str) -> TaskRecord:
    row = select(tasks).where(_columns.namespace == namespace, _columns.task_id == task_id)
    found = structs(connection, row, TaskRecord)
    if not found:
        raise NotFound(
            resource="task", reference=task_id, code="task_not_found",
            hint="see `desireline tasks list` or GET /v1/tasks",
        )  # fmt: skip
    return found[0]


def _save(connection: Connection, task: TaskRecord) -> bool:
    """Overwrite an unfinished task; False when it has ended (cancelled stays cancelled)."""
    live = update(tasks).where(_columns.task_id == task.task_id, _columns.status.in_(UNFINISHED))
    return connection.execute(live.values(row_of(tasks, task))).rowcount == 1
