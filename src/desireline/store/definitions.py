"""What was defined: namespaces, keys, collections with their features, retrievers with versions.

Knows the questions about them, one method each. A name is unique in its namespace; a reference is
an id (bare or as the wire shows it) or a name, and ids win. Knows neither threads nor engines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, Table, delete, func, insert, select, update

from desireline.core.ids import is_id, prefixed
from desireline.errors import AlreadyExists, NotFound, VersionConflict
from desireline.store import tables
from desireline.store.database import Database, revision
from desireline.store.publications import all_publications
from desireline.store.state import opted_out_users, switches
from desireline.store.tables import row_of, structs
from desireline.types.catalog import Definitions, KeyRecord, NamespaceRecord
from desireline.types.retriever import Collection, Retriever

DEFAULT = "default"


class _Kind(msgspec.Struct, frozen=True):
    """A table of named records: its word, its columns, its prefix on the wire."""

    word: str
    table: Table
    prefix: str
    scoped: bool = True

    @property
    def id(self) -> Any:
        return self.table.c[f"{self.word}_id"]

    @property
    def name(self) -> Any:
        return self.table.c[f"{self.word}_name"]

    def records(self, namespace: str) -> Select[Any]:
        """Records in the order in which they were made (ids are time-ordered)."""
        rows = select(self.table.c.record).order_by(self.id)
        return rows.where(self.table.c.namespace == namespace) if self.scoped else rows


_NAMESPACE = _Kind("namespace", tables.namespaces, "ns", scoped=False)
_COLLECTION = _Kind("collection", tables.collections, "col")
_RETRIEVER = _Kind("retriever", tables.retrievers, "ret")


class _Part:
    def __init__(self, database: Database) -> None:
        self._database = database


class Namespaces(_Part):
    """Tenants (`ports.NamespaceCatalog`)."""

    async def create(self, record: NamespaceRecord) -> None:
        await self._database.write(lambda c: _create(c, _NAMESPACE, record))

    async def ensure(self, record: NamespaceRecord) -> NamespaceRecord:
        def ensured(connection: Connection) -> NamespaceRecord:
            found = _find(connection, _NAMESPACE, "", record.namespace_name)
            if found is None:
                _create(connection, _NAMESPACE, record)
            return found or record

        return await self._database.write(ensured)

    async def get(self, reference: str) -> NamespaceRecord:
        found: NamespaceRecord = await self._database.read(
            lambda c: _get(c, _NAMESPACE, "", reference)
        )
        return found

    async def all(self) -> list[NamespaceRecord]:
        return await self._database.read(lambda c: _all(c, _NAMESPACE.records("")))

    async def delete(self, reference: str, revoked_at: str) -> int:
        return await self._database.write(lambda c: _dissolve(c, reference, revoked_at))


class Keys(_Part):
    """API keys by the hash of their secret (`ports.KeyCatalog`)."""

    async def create(self, record: KeyRecord) -> None:
        await self._database.write(
            lambda c: c.execute(insert(tables.keys), row_of(tables.keys, record))
        )

    async def all(self) -> list[KeyRecord]:
        return await self._database.read(_keys)

    async def revoke(self, reference: str, revoked_at: str) -> KeyRecord:
        return await self._database.write(lambda c: _revoke(c, reference, revoked_at))


class Collections(_Part):
    """Sets of documents and their features (`ports.CollectionCatalog`)."""

    async def create(self, collection: Collection) -> None:
        await self._database.write(lambda c: _create(c, _COLLECTION, collection))

    async def get(self, namespace: str, reference: str) -> Collection:
        read = self._database.read
        found: Collection = await read(lambda c: _get(c, _COLLECTION, namespace, reference))
        return found

    async def page(
        self, namespace: str, *, limit: int = 1000, offset: int = 0, after: str = ""
    ) -> list[Collection]:
        page = _page(_COLLECTION, namespace, limit, offset, after)
        return await self._database.read(lambda c: _all(c, page))

    async def count(self, namespace: str) -> int:
        return await self._database.read(lambda c: _count(c, _COLLECTION, namespace))

    async def update(
        self, namespace: str, reference: str, change: Callable[[Collection], Collection]
    ) -> Collection:
        def changed(connection: Connection) -> Collection:
            record = change(_get(connection, _COLLECTION, namespace, reference))
            _replace(connection, _COLLECTION, record)
            return record

        return await self._database.write(changed)

    async def delete(self, namespace: str, reference: str) -> Collection:
        write = self._database.write
        gone: Collection = await write(lambda c: _delete(c, _COLLECTION, namespace, reference))
        return gone


class Retrievers(_Part):
    """Recipes and all their versions (`ports.RetrieverCatalog`)."""

    async def create(self, retriever: Retriever) -> None:
        def created(connection: Connection) -> None:
            _create(connection, _RETRIEVER, retriever)
            _keep_version(connection, retriever)

        await self._database.write(created)

    async def get(self, namespace: str, reference: str) -> Retriever:
        read = self._database.read
        found: Retriever = await read(lambda c: _get(c, _RETRIEVER, namespace, reference))
        return found

    async def page(
        self, namespace: str, *, limit: int = 1000, offset: int = 0, after: str = ""
    ) -> list[Retriever]:
        page = _page(_RETRIEVER, namespace, limit, offset, after)
        return await self._database.read(lambda c: _all(c, page))

    async def count(self, namespace: str) -> int:
        return await self._database.read(lambda c: _count(c, _RETRIEVER, namespace))

    async def update(self, retriever: Retriever, *, expected_version: int) -> Retriever:
        def updated(connection: Connection) -> Retriever:
            found = _get(connection, _RETRIEVER, retriever.namespace, retriever.retriever_id)
            if found.version != expected_version:
                raise _conflict(found, expected_version)
            record = msgspec.structs.replace(retriever, version=expected_version + 1)
            _replace(connection, _RETRIEVER, record)
            _keep_version(connection, record)
            return record

        return await self._database.write(updated)

    async def delete(self, namespace: str, reference: str) -> Retriever:
        def deleted(connection: Connection) -> Retriever:
            gone: Retriever = _delete(connection, _RETRIEVER, namespace, reference)
            named = tables.publications.c.retriever_id == gone.retriever_id
            connection.execute(delete(tables.publications).where(named))
            return gone

        return await self._database.write(deleted)

    async def versions(self, namespace: str, reference: str) -> list[Retriever]:
        return await self._database.read(lambda c: _versions(c, namespace, reference))

    async def version(self, retriever_id: str, version: int) -> Retriever:
        return await self._database.read(lambda c: _version(c, retriever_id, version))


def everything(connection: Connection) -> Definitions:
    """All definitions and switches, of one moment."""
    return Definitions(
        revision=revision(connection),
        namespaces=_all(connection, _NAMESPACE.records("")),
        keys=_keys(connection),
        collections=_all(connection, select(tables.collections.c.record).order_by(_COLLECTION.id)),
        retrievers=_all(connection, select(tables.retrievers.c.record).order_by(_RETRIEVER.id)),
        rollouts=switches(connection),
        opted_out=opted_out_users(connection),
        publications=all_publications(connection),
    )


def _find(connection: Connection, kind: _Kind, namespace: str, reference: str) -> Any:
    tail = reference.removeprefix(f"{kind.prefix}_")
    identity = tail if is_id(tail) else reference
    rows = kind.records(namespace)
    found = connection.execute(rows.where(kind.id == identity)).scalar()
    return found or connection.execute(rows.where(kind.name == reference)).scalar()


def _get(connection: Connection, kind: _Kind, namespace: str, reference: str) -> Any:
    found = _find(connection, kind, namespace, reference)
    if found is None:
        raise _not_found(kind.word, reference, f"see GET /v1/{kind.word}s")
    return found


def _create(connection: Connection, kind: _Kind, record: Any) -> None:
    if kind.scoped:
        check_namespace(connection, record.namespace)
    _check_name_free(connection, kind, record)
    connection.execute(insert(kind.table), row_of(kind.table, record))


def check_namespace(connection: Connection, namespace_id: str) -> None:
    """Nothing is made in a namespace that was deleted meanwhile: nobody could delete it again.

    The default namespace always exists. Raises NotFound.
    """
    if namespace_id != DEFAULT:
        _get(connection, _NAMESPACE, "", namespace_id)


def _replace(connection: Connection, kind: _Kind, record: Any) -> None:
    _check_name_free(connection, kind, record)
    values = row_of(kind.table, record)
    connection.execute(update(kind.table).where(kind.id == values[kind.id.name]).values(values))


def _delete(connection: Connection, kind: _Kind, namespace: str, reference: str) -> Any:
    record = _get(connection, kind, namespace, reference)
    connection.execute(delete(kind.table).where(kind.id == getattr(record, kind.id.name)))
    return record


def _dissolve(connection: Connection, reference: str, revoked_at: str) -> int:
    """A namespace with everything defined in it; its keys are revoked (how many is returned).

    Versions of retrievers and the audit trail stay: the log goes on naming them.
    """
    gone: NamespaceRecord = _delete(connection, _NAMESPACE, "", reference)
    mine = tables.retrievers.c.namespace == gone.namespace_id
    ids = list(connection.execute(select(tables.retrievers.c.retriever_id).where(mine)).scalars())
    for table in (tables.learners, tables.rollouts, tables.opt_outs, tables.snapshots):
        connection.execute(delete(table).where(table.c.retriever_id.in_(ids)))
    for table in (tables.publications, tables.retrievers, tables.collections, tables.tasks):
        connection.execute(delete(table).where(table.c.namespace == gone.namespace_id))
    keys = tables.keys.c
    live = update(tables.keys).where(keys.namespace == gone.namespace_id, keys.revoked_at == "")
    return connection.execute(live.values(revoked_at=revoked_at)).rowcount


def _check_name_free(connection: Connection, kind: _Kind, record: Any) -> None:
    """Refuse a name that another record of this namespace has (writers are one at a time)."""
    name, identity = getattr(record, kind.name.name), getattr(record, kind.id.name)
    same = kind.records(getattr(record, "namespace", "")).where(kind.name == name)
    if connection.execute(same.where(kind.id != identity)).first():
        raise AlreadyExists(
            f"a {kind.word} named `{name}` exists already",
            code=f"{kind.word}_name_taken",
            hint="choose another name, or update the one that exists",
            details={"resource": kind.word, "name": name},
        )


def _page(kind: _Kind, namespace: str, limit: int, offset: int, after: str) -> Select[Any]:
    rows = kind.records(namespace).limit(limit).offset(offset)
    return rows.where(kind.id > after) if after else rows


def _all(connection: Connection, rows: Select[Any]) -> list[Any]:
    return list(connection.execute(rows).scalars())


def _count(connection: Connection, kind: _Kind, namespace: str) -> int:
    rows = select(func.count()).select_from(kind.table).where(kind.table.c.namespace == namespace)
    return int(connection.execute(rows).scalar_one())


def _keys(connection: Connection) -> list[KeyRecord]:
    return structs(connection, select(tables.keys).order_by(tables.keys.c.key_id), KeyRecord)


def _revoke(connection: Connection, reference: str, revoked_at: str) -> KeyRecord:
    found = [
        key for key in _keys(connection) if reference in (key.key_id, prefixed("key", key.key_id))
    ]
    if not found:
        raise _not_found("key", reference, "see `desireline keys list`")
    if found[0].revoked_at:
        return found[0]
    record = msgspec.structs.replace(found[0], revoked_at=revoked_at)
    row = update(tables.keys).where(tables.keys.c.key_id == record.key_id)
    connection.execute(row.values(revoked_at=revoked_at))
    return record


def _keep_version(connection: Connection, retriever: Retriever) -> None:
    table = tables.retriever_versions
    connection.execute(insert(table), row_of(table, retriever))


def _versions(connection: Connection, namespace: str, reference: str) -> list[Retriever]:
    found = _get(connection, _RETRIEVER, namespace, reference)
    table = tables.retriever_versions
    rows = select(table.c.record).where(table.c.retriever_id == found.retriever_id)
    return _all(connection, rows.order_by(table.c.version))


def _version(connection: Connection, retriever_id: str, version: int) -> Retriever:
    table = tables.retriever_versions
    rows = select(table.c.record).where(table.c.retriever_id == retriever_id)
    found: Retriever | None = connection.execute(rows.where(table.c.version == version)).scalar()
    if found is None:
        wanted = prefixed("ret", retriever_id)
        hint = f"see GET /v1/retrievers/{wanted}/versions"
        raise _not_found("retriever version", f"{wanted} version {version}", hint)
    return found


def _not_found(word: str, reference: str, hint: str) -> NotFound:
    code = f"{word.replace(' ', '_')}_not_found"
    return NotFound(resource=word, reference=reference, code=code, hint=hint)


def _conflict(found: Retriever, expected: int) -> VersionConflict:
    return VersionConflict(
        f"retriever `{found.retriever_name}` has version {found.version} by now, not {expected}",
        hint="read it again and repeat the change",
        details={"expected_version": expected, "version": found.version},
    )
