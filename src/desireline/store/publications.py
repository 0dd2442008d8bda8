"""Retrievers under public names, as rows of the catalogue (`ports.PublicationCatalog`).

Knows that a public name is unique among all namespaces, and a retriever has one at most.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from desireline.errors import AlreadyExists, NotFound
from desireline.store.database import Database
from desireline.store.tables import publications, retrievers, row_of
from desireline.types.catalog import PublicationRecord

_columns = publications.c


class Publications:
    """One row a published retriever."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, record: PublicationRecord) -> None:
        await self._database.write(lambda c: _put(c, record))

    async def delete(self, retriever_id: str) -> bool:
        gone = delete(publications).where(_columns.retriever_id == retriever_id)
        return await self._database.write(lambda c: c.execute(gone).rowcount == 1)


def all_publications(connection: Connection) -> list[PublicationRecord]:
    """All, by public name."""
    return list(
        connection.execute(select(_columns.record).order_by(_columns.public_name)).scalars()
    )


def _put(connection: Connection, record: PublicationRecord) -> None:
    """Insert or replace the publication of a retriever (writers are one at a time)."""
    identity = retrievers.c.retriever_id
    there = select(identity).where(identity == record.retriever_id)
    if connection.execute(there).scalar() is None:
        raise NotFound(
            "the retriever was deleted meanwhile", code="retriever_not_found",
            hint="its public name is free again",
        )  # fmt: skip
    named = select(_columns.retriever_id).where(_columns.public_name == record.public_name)
    if connection.execute(named).scalar() not in (None, record.retriever_id):
        raise AlreadyExists(
            f"the public name `{record.public_name}` is taken", code="public_name_taken",
            hint="choose another `public_name`", details={"name": record.public_name},
        )  # fmt: skip
    connection.execute(delete(publications).where(_columns.retriever_id == record.retriever_id))
    connection.execute(insert(publications), row_of(publications, record))
