"""What every catalogue must do with public names, and with a namespace that ends."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import Connection, text

from desireline.errors import AlreadyExists, NotFound
from desireline.ports import Catalog as CatalogPort
from desireline.store.catalog import Catalog
from desireline.types.catalog import KeyRecord, NamespaceRecord, PublicationRecord
from desireline.types.learning import Rollout
from tests.laws.test_catalog import (
    a_collection,
    a_note,
    a_retriever,
    an_id,
    dsn,
    server,
    with_catalog,
)

__all__ = ["dsn", "server"]


def a_publication(number: int = 1, name: str = "shop") -> PublicationRecord:
    return PublicationRecord(
        public_name=name, retriever_id=an_id(number), namespace="default", display_name="Shop"
    )


def test_a_public_name_is_unique_and_follows_its_retriever(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        for number, name in ((1, "shoes"), (2, "hats")):
            await catalog.retrievers.create(a_retriever(number, name))
        await catalog.publications.put(a_publication())
        with pytest.raises(AlreadyExists, match="`shop` is taken"):
            await catalog.publications.put(a_publication(2))
        await catalog.publications.put(a_publication(1, "boutique"))
        await catalog.publications.put(a_publication(2))
        found = (await catalog.definitions()).publications
        assert found == [a_publication(1, "boutique"), a_publication(2)]
        await catalog.retrievers.delete("default", "shoes")
        assert (await catalog.definitions()).publications == [a_publication(2)]
        assert await catalog.publications.delete(an_id(2))
        assert not await catalog.publications.delete(an_id(2))

    with_catalog(dsn, law)


def test_catalogues_of_version_2_learn_to_publish(dsn: str) -> None:
    async def before(catalog: Catalog) -> None:
        def as_before(connection: Connection) -> None:
            connection.execute(text("DROP TABLE publications"))
            connection.execute(text("UPDATE meta SET value = 2 WHERE name = 'schema'"))

        await catalog._database.write(as_before)

    async def after(catalog: CatalogPort) -> None:
        await catalog.retrievers.create(a_retriever(1, "shoes"))
        await catalog.publications.put(a_publication())
        assert (await catalog.definitions()).publications == [a_publication()]

    with_catalog(dsn, before)
    with_catalog(dsn, after)


def test_a_namespace_ends_with_everything_defined_in_it_and_nothing_else(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        for number, name in ((7, "acme"), (8, "other")):
            own = an_id(number)
            record = NamespaceRecord(namespace_id=own, namespace_name=name)
            await catalog.namespaces.create(record)
            await catalog.retrievers.create(a_retriever(number, namespace=own))
            await catalog.collections.create(a_collection(number, namespace=own))
            await catalog.learning.opt_out(own, "ann", a_note("opt_out"))
            await catalog.learning.set_rollout(own, own, Rollout(override_pct=5.0))
            publication = msgspec.structs.replace(a_publication(number, name), namespace=own)
            await catalog.publications.put(publication)
            await catalog.keys.create(
                KeyRecord(key_id=own, prefix="sk_x", secret_hash=name, scope="admin", namespace=own)
            )
        assert await catalog.namespaces.delete("acme", "now") == 1
        found = await catalog.definitions()
        assert [each.namespace_name for each in found.namespaces] == ["other"]
        assert [each.retriever_id for each in found.retrievers] == [an_id(8)]
        assert [each.collection_id for each in found.collections] == [an_id(8)]
        assert [each.public_name for each in found.publications] == ["other"]
        assert set(found.opted_out) == set(found.rollouts) == {an_id(8)}
        assert [each.revoked_at for each in found.keys] == ["now", ""]
        with pytest.raises(NotFound, match="no namespace `acme`"):
            await catalog.namespaces.delete("acme", "now")
        assert (await catalog.retrievers.version(an_id(7), 1)).namespace == an_id(7)

    with_catalog(dsn, law)


def test_no_record_is_lost_when_two_processes_publish_at_once(dsn: str) -> None:
    async def law(catalog: CatalogPort) -> None:
        for number in range(1, 9):
            await catalog.retrievers.create(a_retriever(number, f"shop{number}"))
        results = await asyncio.gather(
            *(catalog.publications.put(a_publication(number)) for number in range(1, 9)),
            return_exceptions=True,
        )
        assert [type(each).__name__ for each in results].count("AlreadyExists") == 7

    with_catalog(dsn, law)
