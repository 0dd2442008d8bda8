"""What every catalogue must do, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import msgspec
import psycopg
import pytest
from sqlalchemy import text

from desireline.core.keys import secret_hash, shown
from desireline.errors import (
    AlreadyExists,
    Invalid,
    NotFound,
    StartupError,
    StorageFull,
    Unavailable,
    VersionConflict,
)
from desireline.ports import Catalog as CatalogPort
from desireline.store.catalog import Catalog
from desireline.store.database import Database, sqlite_dsn
from desireline.store.tables import SCHEMA_VERSION
from desireline.types.catalog import (
    AuditRecord,
    KeyRecord,
    NamespaceRecord,
    PublicationRecord,
    StateSnapshot,
    TaskRecord,
)
from desireline.types.learning import Rollout
from desireline.types.retriever import Collection, Feature, Retriever
from tests.catalogs import an_id, dsn, names, server, with_catalog
from tests.postgres_server import fresh_database

__all__ = ["dsn", "server"]  # fixtures


OTHER = NamespaceRecord(namespace_id="other", namespace_name="other")


def a_retriever(number: int = 1, name: str = "shoes", **changes: object) -> Retriever:
    record = Retriever(
        retriever_id=an_id(number),
        retriever_name=name,
        namespace="default",
        stages=[{"stage_name": "s", "config": {"stage_id": "feature_search", "parameters": {}}}],
        metadata={"é": [1, None, "\0"]},
        warnings=("no index",),
    )
    return msgspec.structs.replace(record, **changes)


def a_collection(number: int = 1, name: str = "products", **changes: object) -> Collection:
    feature = Feature(feature_uri="desireline://title@v1/bm25", kind="lexical", fields=("title",))
    record = Collection(
        collection_id=an_id(number), collection_name=name, namespace="default", features=(feature,)
    )
    return msgspec.structs.replace(record, **changes)


def a_note(action: str, at_ms: int = 5) -> AuditRecord:
    return AuditRecord(namespace="default", action=action, subject="u", at_ms=at_ms, by="me")


def test_a_record_read_back_equals_the_record_written_also_after_a_restart(dsn: str) -> None:
    async def written(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever())
        await catalog.collections.create(a_collection())

    async def read(catalog: CatalogPort) -> None:
        assert await catalog.retrievers.get("default", "shoes") == a_retriever()
        assert await catalog.collections.get("default", "products") == a_collection()

    with_catalog(dsn, written)
    with_catalog(dsn, read)


def test_a_reference_is_an_id_bare_or_prefixed_or_a_name_and_only_in_its_namespace(
    dsn: str,
) -> None:
    async def law(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever())
        await catalog.retrievers.create(a_retriever(2, an_id(1)))  # named like the other's id
        for reference in ("shoes", an_id(1), "ret_" + an_id(1)):
            found = await catalog.retrievers.get("default", reference)
            assert found.retriever_name == "shoes"
        for namespace, reference in (("other", "shoes"), ("default", "boots")):
            with pytest.raises(NotFound, match=f"no retriever `{reference}`") as raised:
                await catalog.retrievers.get(namespace, reference)
            assert raised.value.details == {"resource": "retriever", "id": reference}

    with_catalog(dsn, law)


def test_nothing_is_made_in_a_namespace_that_is_gone(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        await catalog.namespaces.create(OTHER)
        await catalog.namespaces.delete("other", "2026-01-01 00:00:00.000")
        for made in (
            catalog.collections.create(a_collection(namespace="other")),
            catalog.retrievers.create(a_retriever(namespace="other")),
            catalog.tasks.create(TaskRecord(task_id=an_id(1), namespace="other", kind="import")),
        ):
            with pytest.raises(NotFound) as raised:
                await made
            assert raised.value.code == "namespace_not_found"

    with_catalog(dsn, law)


def test_only_a_retriever_that_is_there_is_published(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        record = PublicationRecord(
            public_name="shoes", retriever_id=an_id(1), namespace="default", display_name="",
            description="", created_at="", updated_at="",
        )  # fmt: skip
        with pytest.raises(NotFound):
            await catalog.publications.put(record)
        await catalog.retrievers.create(a_retriever())
        await catalog.publications.put(record)
        await catalog.retrievers.delete("default", an_id(1))
        assert not (await catalog.definitions()).publications

    with_catalog(dsn, law)


def test_names_are_unique_in_a_namespace_and_free_again_after_a_deletion(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever())
        await catalog.namespaces.create(OTHER)
        await catalog.retrievers.create(a_retriever(2, namespace="other"))
        with pytest.raises(AlreadyExists, match="shoes") as raised:
            await catalog.retrievers.create(a_retriever(3))
        assert raised.value.code == "retriever_name_taken"
        await catalog.retrievers.create(a_retriever(3, "boots"))
        with pytest.raises(AlreadyExists):
            await catalog.retrievers.update(a_retriever(3, "shoes"), expected_version=1)
        await catalog.retrievers.delete("default", "shoes")
        await catalog.retrievers.update(a_retriever(3, "shoes"), expected_version=1)
        with pytest.raises(NotFound):
            await catalog.retrievers.delete("default", an_id(1))

    with_catalog(dsn, law)


def test_every_update_is_a_version_and_versions_outlive_the_retriever(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever())
        for version in (1, 2):
            changed = a_retriever(description=f"after {version}")
            stored = await catalog.retrievers.update(changed, expected_version=version)
            assert stored.version == version + 1
        versions = await catalog.retrievers.versions("default", "shoes")
        assert [(each.version, each.description) for each in versions] == [
            (1, ""), (2, "after 1"), (3, "after 2"),
        ]  # fmt: skip
        await catalog.retrievers.delete("default", "shoes")
        assert (await catalog.retrievers.version(an_id(1), 2)).description == "after 1"
        with pytest.raises(NotFound):
            await catalog.retrievers.version(an_id(1), 4)

    with_catalog(dsn, law)


def test_of_concurrent_updates_of_one_version_exactly_one_wins(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever())
        other = Catalog(dsn)
        attempts = [
            each.retrievers.update(a_retriever(description=str(n)), expected_version=1)
            for n, each in enumerate([catalog, other] * 4)
        ]
        answers = await asyncio.gather(*attempts, return_exceptions=True)
        await other.close()
        assert sorted(type(answer).__name__ for answer in answers) == (
            ["Retriever"] + ["VersionConflict"] * 7
        )
        assert (await catalog.retrievers.get("default", "shoes")).version == 2
        with pytest.raises(VersionConflict, match="version 2 by now, not 1"):
            await catalog.retrievers.update(a_retriever(), expected_version=1)

    with_catalog(dsn, law)


def test_concurrent_changes_of_a_collection_all_count(dsn: str) -> None:
    def next_version(collection: Collection) -> Collection:
        return msgspec.structs.replace(collection, index_version=collection.index_version + 1)

    async def law(catalog: CatalogPort) -> None:
        other = Catalog(dsn)
        await catalog.collections.create(a_collection())
        changes = [
            each.collections.update("default", "products", next_version)
            for each in [catalog, other] * 10
        ]
        await asyncio.gather(*changes)
        await other.close()
        assert (await catalog.collections.get("default", "products")).index_version == 21

    with_catalog(dsn, law)


def test_pages_are_in_the_order_of_creation_and_complete(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        for number in range(1, 8):
            await catalog.collections.create(a_collection(number, f"{9 - number}é"))
        await catalog.namespaces.create(OTHER)
        await catalog.collections.create(a_collection(99, "x", namespace="other"))
        page = catalog.collections.page
        first = await page("default", limit=3)
        rest = await page("default", limit=10, after=first[-1].collection_id)
        assert [each.collection_id for each in first + rest] == [an_id(n) for n in range(1, 8)]
        assert await page("default", limit=2, offset=5) == rest[2:]
        assert await catalog.collections.count("default") == 7
        assert await page("nowhere") == []

    with_catalog(dsn, law)


def test_a_write_that_fails_leaves_nothing(dsn: str) -> None:
    def broken(collection: Collection) -> Collection:
        raise ZeroDivisionError

    async def law(catalog: CatalogPort) -> None:
        await catalog.collections.create(a_collection())
        before = await catalog.revision()
        with pytest.raises(ZeroDivisionError):
            await catalog.collections.update("default", "products", broken)
        assert await catalog.collections.get("default", "products") == a_collection()
        assert await catalog.revision() == before

    with_catalog(dsn, law)


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
def test_text_that_one_engine_cannot_hold_is_refused_by_both(dsn: str, bad: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        with pytest.raises(Invalid, match="NUL"):
            await catalog.retrievers.get("default", bad)
        with pytest.raises(Invalid):
            await catalog.learning.opt_out(an_id(1), bad, a_note("opt_out"))
        assert await catalog.learning.opted_out(an_id(1)) == frozenset()

    with_catalog(dsn, law)


def test_keys_hold_no_secret_and_end_once(dsn: str) -> None:
    secret = "sk_0123456789abcdef"
    key = KeyRecord(
        key_id=an_id(1),
        prefix=shown(secret),
        secret_hash=secret_hash(secret),
        scope="write",
        namespace="default",
    )

    async def law(catalog: CatalogPort) -> None:
        await catalog.keys.create(key)
        assert await catalog.keys.all() == [key]
        revoked = await catalog.keys.revoke("key_" + an_id(1), "2026-01-01 00:00:00.000")
        assert revoked.revoked_at == "2026-01-01 00:00:00.000"
        assert await catalog.keys.revoke(an_id(1), "later") == revoked
        with pytest.raises(NotFound, match="no key"):
            await catalog.keys.revoke(an_id(2), "later")

    with_catalog(dsn, law)


def test_namespaces_are_made_once(dsn: str) -> None:
    record = NamespaceRecord(namespace_id=an_id(1), namespace_name="default")
    second = NamespaceRecord(namespace_id=an_id(2), namespace_name="default")

    async def law(catalog: CatalogPort) -> None:
        assert await catalog.namespaces.ensure(record) == record
        assert await catalog.namespaces.ensure(second) == record
        with pytest.raises(AlreadyExists):
            await catalog.namespaces.create(second)
        assert await catalog.namespaces.get("ns_" + an_id(1)) == record
        assert await catalog.namespaces.all() == [record]

    with_catalog(dsn, law)


def test_switches_are_audited_and_idempotent(dsn: str) -> None:
    off = Rollout(enabled=False, changed_at_ms=7, changed_by="me", reason="worse")

    async def law(catalog: CatalogPort) -> None:
        learning = catalog.learning
        assert await learning.rollout(an_id(1)) == Rollout()
        assert await learning.set_rollout("default", an_id(1), off)
        assert not await learning.set_rollout("default", an_id(1), Rollout(enabled=False))
        assert await learning.rollout(an_id(1)) == off
        assert await learning.set_rollout("default", an_id(1), Rollout(override_pct=10.0))
        trail = await catalog.audit.newest("default", subject=an_id(1))
        assert [each.action for each in trail] == ["enabled", "disabled"]
        assert (trail[1].by, trail[1].reason, trail[1].at_ms) == ("me", "worse", 7)

    with_catalog(dsn, law)


def test_opt_outs_are_sets(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        learning = catalog.learning
        assert await learning.opt_out(an_id(1), "ann", a_note("opt_out"))
        assert not await learning.opt_out(an_id(1), "ann", a_note("opt_out"))
        assert await learning.opt_out(an_id(2), "bob", a_note("opt_out"))
        assert await learning.opted_out(an_id(1)) == {"ann"}
        assert await learning.opt_in(an_id(1), "ann", a_note("opt_in"))
        assert not await learning.opt_in(an_id(1), "ann", a_note("opt_in"))
        assert await learning.opted_out(an_id(1)) == frozenset()
        actions = [each.action for each in await catalog.audit.newest("default")]
        assert actions == ["opt_in", "opt_out", "opt_out"]

    with_catalog(dsn, law)


def test_the_newest_undamaged_snapshot_is_found(dsn: str) -> None:
    def snapshot(generation: int, seq: int) -> StateSnapshot:
        blob = bytes([generation, seq, 0, 255])
        return StateSnapshot(retriever_id=an_id(1), generation=generation, seq=seq, blob=blob)

    async def law(catalog: Catalog) -> None:
        learning = catalog.learning
        assert await learning.newest_snapshot(an_id(1)) is None
        for place in ((0, 5), (0, 9), (1, 2), (1, 2)):
            await learning.save_snapshot(snapshot(*place))
        assert await learning.newest_snapshot(an_id(1)) == snapshot(1, 2)
        await catalog._database.write(
            lambda c: c.execute(text("UPDATE snapshots SET sha256 = 'x' WHERE seq = 2"))
        )
        assert await learning.newest_snapshot(an_id(1)) == snapshot(0, 9)
        await learning.delete_snapshots()
        assert await learning.newest_snapshot(an_id(1)) is None

    with_catalog(dsn, law)


def test_generations_only_grow(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        learning = catalog.learning
        assert await learning.generation(an_id(1)) == 0
        assert [await learning.start_generation(an_id(1)) for _ in range(2)] == [1, 2]
        assert await learning.generation(an_id(1)) == 2
        assert await learning.generation(an_id(2)) == 0

    with_catalog(dsn, law)


def test_tombstones_hold_hashes_until_they_are_applied(dsn: str) -> None:
    async def law(catalog: Catalog) -> None:
        stones = catalog.tombstones
        await stones.bury("default", "user", ["ann"], 1_700_000_000_000)
        await stones.bury("default", "user", ["ann"], 1_700_000_000_000)
        (pending,) = await stones.pending()
        assert "ann" not in str(pending)
        assert await stones.buried("default", "user", "ann")
        assert not await stones.buried("other", "user", "ann")
        assert not await stones.buried("default", "interaction", "ann")
        await stones.applied([pending])
        assert await stones.pending() == []
        assert await stones.buried("default", "user", "ann")

    with_catalog(dsn, law)


def test_definitions_are_of_one_moment_and_the_revision_tells_of_changes(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever())
        await catalog.collections.create(a_collection())
        await catalog.learning.opt_out(an_id(1), "ann", a_note("opt_out"))
        await catalog.learning.set_rollout("default", an_id(1), Rollout(override_pct=5.0))
        seen = await catalog.definitions()
        assert seen.revision == await catalog.revision() == 4
        assert seen.retrievers == [a_retriever()]
        assert seen.collections == [a_collection()]
        assert seen.opted_out == {an_id(1): {"ann"}}
        assert seen.rollouts[an_id(1)].override_pct == 5.0
        await catalog.audit.add(a_note("reset"))
        assert await catalog.revision() == 4

    with_catalog(dsn, law)


def test_tables_of_a_newer_version_are_refused_naming_both(dsn: str) -> None:
    asyncio.run(Database(dsn, version=7).close())
    with pytest.raises(
        StartupError, match=f"version 7 of the tables, this desireline knows {SCHEMA_VERSION}"
    ):
        Catalog(dsn)


def test_writes_leave_the_event_loop_free_and_run_on_one_thread(dsn: str) -> None:
    async def law(catalog: Catalog) -> None:
        asked = [
            catalog._database.write(lambda _: threading.current_thread().name) for _ in range(5)
        ]
        writers = await asyncio.gather(*asked)
        assert set(writers) == {"catalog-writer_0"} != {threading.current_thread().name}

    with_catalog(dsn, law)


def test_after_closing_calls_are_refused(dsn: str) -> None:
    async def run() -> None:
        catalog = Catalog(dsn)
        await catalog.close()
        with pytest.raises(Unavailable, match="closed"):
            await catalog.revision()

    asyncio.run(run())


def test_a_lost_postgresql_is_unavailable_and_the_catalogue_recovers(server: str) -> None:
    async def law(catalog: Catalog) -> None:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        name = [catalog._database._reads.url.database]
        with psycopg.connect(server, autocommit=True) as killer:
            asked = catalog._database.read(
                lambda c: (killer.execute(kill, name), c.execute(text("SELECT 1")))
            )
            with pytest.raises(Unavailable):
                await asked
        assert await catalog.revision() == 0

    with fresh_database(server, next(names)) as dsn:
        with_catalog(dsn, law)


def test_a_full_sqlite_file_changes_nothing(tmp_path: Path) -> None:
    async def law(catalog: Catalog) -> None:
        await catalog._database.write(lambda c: c.execute(text("PRAGMA max_page_count = 1")).all())
        big = a_retriever(2, "big", description="x" * 1_000_000)
        with pytest.raises(StorageFull, match="nothing was changed"):
            await catalog.retrievers.create(big)
        assert await catalog.retrievers.count("default") == 0

    with_catalog(sqlite_dsn(tmp_path / "catalog.sqlite"), law)


def test_sqlite_commits_are_synced_and_logged_ahead(tmp_path: Path) -> None:
    async def law(catalog: Catalog) -> None:
        def pragmas(connection) -> list[object]:
            said = ("journal_mode", "synchronous")
            return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in said]

        assert await catalog._database.write(pragmas) == ["wal", 2]
        assert await catalog._database.read(pragmas) == ["wal", 2]

    with_catalog(sqlite_dsn(tmp_path / "catalog.sqlite"), law)


def test_a_writer_of_another_process_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"

    async def law(catalog: CatalogPort) -> None:
        foreign = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        foreign.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(catalog.collections.create(a_collection()))
        await asyncio.sleep(0.1)
        assert not writing.done()
        assert await catalog.collections.count("default") == 0
        foreign.execute("COMMIT")
        foreign.close()
        await writing

    with_catalog(sqlite_dsn(path), law)


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("nonsense", "catalog_dsn: it cannot be read"),
        ("mysql://me:secret@db/x", "mysql is not among"),
        ("postgresql://me:secret@127.0.0.1:1/x", r"me:\*\*\*@127.0.0.1:1/x cannot be opened"),
        ("sqlite:////nowhere/at/all.sqlite", "cannot be opened: unable to open database file"),
    ],
)
def test_a_catalogue_that_cannot_open_says_why_without_its_password(dsn: str, said: str) -> None:
    with pytest.raises(StartupError, match=said) as raised:
        Catalog(dsn)
    assert "secret" not in str(raised.value)
