"""What every catalogue must do with tasks, and what `check` finds in it: SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, text

from desireline.errors import NotFound
from desireline.ports import Catalog as CatalogPort
from desireline.store import checking
from desireline.store import tasks as task_rows
from desireline.store.catalog import Catalog
from desireline.types.catalog import NamespaceRecord, TaskRecord
from desireline.types.retriever import Collection, Retriever
from tests.catalogs import an_id, dsn, server, with_catalog

__all__ = ["dsn", "server"]  # fixtures

RETRIEVER = Retriever(retriever_id=an_id(1), retriever_name="shoes", namespace="default", stages=[])
COLLECTION = Collection(collection_id=an_id(1), collection_name="products", namespace="default")


def a_task(number: int = 1, **changes: object) -> TaskRecord:
    record = TaskRecord(
        task_id=an_id(number), namespace="default", kind="import", total=10, unit="bytes",
        parameters={"file": "é", "n": [1, None]}, created_at="2026-01-01T00:00:00.000Z",
    )  # fmt: skip
    return msgspec.structs.replace(record, **changes)


def test_a_task_that_ended_stays_ended(dsn: str) -> None:
    task = a_task()

    async def law(catalog: CatalogPort) -> None:
        await catalog.tasks.create(task)
        half = msgspec.structs.replace(task, status="running", done=5, checkpoint={"line": 5})
        assert await catalog.tasks.save(half)
        assert await catalog.tasks.unfinished() == [half]
        cancelled = msgspec.structs.replace(half, status="cancelled")
        assert await catalog.tasks.save(cancelled)
        assert not await catalog.tasks.save(msgspec.structs.replace(half, done=6))
        assert await catalog.tasks.get("default", an_id(1)) == cancelled
        assert await catalog.tasks.newest("default", kind="import") == [cancelled]
        assert await catalog.tasks.newest("default", kind="export") == []
        with pytest.raises(NotFound):
            await catalog.tasks.get("other", an_id(1))

    with_catalog(dsn, law)


def test_tasks_are_listed_newest_first_by_status_in_pages(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        for number in range(1, 8):
            status = "failed" if number % 2 else "pending"
            await catalog.tasks.create(a_task(number, status=status))
        other = NamespaceRecord(namespace_id="other", namespace_name="other")
        await catalog.namespaces.create(other)
        before = await catalog.revision()
        await catalog.tasks.create(a_task(99, namespace="other"))
        newest = catalog.tasks.newest
        first = await newest("default", limit=3)
        rest = await newest("default", before=first[-1].task_id)
        assert [each.task_id for each in first + rest] == [an_id(n) for n in range(7, 0, -1)]
        failed = await newest("default", statuses=["failed", "cancelled"], limit=2)
        assert [each.task_id for each in failed] == [an_id(7), an_id(5)]
        assert await catalog.revision() == before

    with_catalog(dsn, law)


def test_a_task_is_changed_in_one_transaction(dsn: str) -> None:
    def one_more(task: TaskRecord) -> TaskRecord:
        return msgspec.structs.replace(task, done=task.done + 1)

    async def law(catalog: CatalogPort) -> None:
        await catalog.tasks.create(a_task())
        other = Catalog(dsn)
        each = [c.tasks.change("default", an_id(1), one_more) for c in [catalog, other] * 5]
        await asyncio.gather(*each)
        await other.close()
        assert (await catalog.tasks.get("default", an_id(1))).done == 10
        with pytest.raises(NotFound):
            await catalog.tasks.change("default", an_id(2), one_more)

    with_catalog(dsn, law)


def test_only_so_many_ended_tasks_are_kept(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_rows, "KEPT", 3)

    async def law(catalog: CatalogPort) -> None:
        await catalog.tasks.create(a_task(1))
        for number in range(2, 8):
            await catalog.tasks.create(a_task(number, status="completed"))
        kept = await catalog.tasks.newest("default")
        assert [each.task_id for each in kept] == [an_id(n) for n in (7, 6, 5, 1)]

    with_catalog(dsn, law)


OLD_TASKS = """CREATE TABLE tasks (
    task_id VARCHAR NOT NULL PRIMARY KEY, namespace VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    status VARCHAR NOT NULL, progress BIGINT NOT NULL, total BIGINT NOT NULL,
    error VARCHAR NOT NULL, request VARCHAR NOT NULL, result VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL, updated_at VARCHAR NOT NULL)"""


OLD_TASK = """INSERT INTO tasks VALUES
    (:id, 'default', 'optimise', :status, 3, 4, :error, '{}', '{}', 'a', 'b')"""


def test_tasks_of_version_1_are_read_by_this_version(dsn: str) -> None:
    async def written(catalog: Catalog) -> None:
        def as_before(connection: Connection) -> None:
            connection.execute(text("DROP TABLE tasks"))
            connection.execute(text(OLD_TASKS))
            for task_id, status, error in ((1, "done", ""), (2, "failed", "no 'disk'"),
                                           (3, "running", "")):  # fmt: skip
                values = {"id": an_id(task_id), "status": status, "error": error}
                connection.execute(text(OLD_TASK), values)
            connection.execute(text("UPDATE meta SET value = 1 WHERE name = 'schema'"))

        await catalog._database.write(as_before)

    async def read(catalog: CatalogPort) -> None:
        found = await catalog.tasks.newest("default")
        assert [each.status for each in found] == ["cancelled", "failed", "completed"]
        assert found[1].error["message"] == "no 'disk'"
        assert (found[2].done, found[2].total, found[2].error) == (3, 4, {})
        assert await catalog.tasks.unfinished() == []
        await catalog.tasks.create(a_task(9))
        assert await catalog.tasks.unfinished() == [a_task(9)]

    with_catalog(dsn, written)
    with_catalog(dsn, read)
    with_catalog(dsn, lambda catalog: catalog.revision())  # and again: nothing left to do


def test_a_check_reads_a_whole_catalogue_and_names_what_leads_nowhere(
    dsn: str, tmp_path: Path
) -> None:
    async def written(catalog: CatalogPort) -> None:
        record = NamespaceRecord(namespace_id="default", namespace_name="default")
        await catalog.namespaces.ensure(record)
        await catalog.retrievers.create(RETRIEVER)
        await catalog.collections.create(COLLECTION)
        await catalog.tasks.create(a_task())

    async def broken(catalog: Catalog) -> None:
        for statement in ("DELETE FROM namespaces", "UPDATE retrievers SET record = 'x'"):
            found = checking.catalogue.check(dsn, tmp_path, tmp_path)
            assert {each.state for each in found.findings} == {"ok"} or statement[0] == "U"
            await catalog._database.write(lambda c, s=statement: c.execute(text(s)))

    with_catalog(dsn, written)
    whole = checking.catalogue.check(dsn, tmp_path, tmp_path)
    assert whole.collections == [COLLECTION]
    with_catalog(dsn, broken)
    damaged = checking.catalogue.check(dsn, tmp_path, tmp_path)
    assert [each.name for each in damaged.findings if each.state == "bad"] == ["retrievers"]
    assert damaged.collections is None
