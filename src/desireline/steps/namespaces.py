"""Namespaces: made (managed, or standalone for vectors of the caller), listed, dissolved.

A standalone namespace has one collection, whose dense features have the names of its vectors as
`feature_uri`. Knows ports; the log of a dissolved namespace is not its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from desireline.core.times import iso, row_time
from desireline.errors import AlreadyExists, DesirelineError, VersionConflict, invalid
from desireline.ports import Clock, NamespaceCatalog
from desireline.types.catalog import NamespaceRecord
from desireline.types.retriever import Collection, Feature

DEFAULT = "default"
IMPLICIT = "documents"
MOST_DIMENSIONS = 4096


class Book(Protocol):
    """The in-memory mirror."""

    def namespace_record(self, id_or_name: str) -> NamespaceRecord | None:
        """By id, else by name."""

    def put_namespace(self, record: NamespaceRecord) -> None:
        """Swap or add."""

    def remove_namespace(self, namespace_id: str) -> list[Collection]:
        """Forget, with all that is in it; its collections."""

    def retrievers(self, namespace: str = "") -> Sequence[Any]:
        """Of a namespace."""

    def collection(self, namespace: str, id_or_name: str) -> Collection:
        """Raises `errors.NotFound`."""


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What namespaces are bound to; collections are made, grown and dropped by the corpus."""

    catalog: NamespaceCatalog
    book: Book
    clock: Clock
    mint: Callable[[], str]
    new_collection: Callable[[str, str, Sequence[Feature], str], Awaitable[Collection]]
    grow: Callable[[Collection, Sequence[Feature]], Awaitable[Collection | None]]
    drop: Callable[[Collection], None]
    forget: Callable[[str], None]


class Dissolved(msgspec.Struct, frozen=True):
    """What went with a namespace."""

    collections: int
    retrievers: int
    keys_revoked: int


class Namespaces:
    """Namespaces of one server."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self._growing = asyncio.Lock()

    async def create(
        self, name: str, description: str = "", metadata: dict[str, Any] | None = None
    ) -> NamespaceRecord:
        """A managed namespace, empty. Raises AlreadyExists."""
        return await self._created(self._new(name, description, metadata))

    async def create_standalone(
        self, name: str, vectors: Sequence[Feature], description: str = "",
        metadata: dict[str, Any] | None = None,
    ) -> NamespaceRecord:  # fmt: skip
        """A namespace for vectors of the caller. Without `vectors`, documents bring their names.

        Raises AlreadyExists, Invalid (a name twice).
        """
        self._check_free(name)
        record = msgspec.structs.replace(
            self._new(name, description, metadata), mode="standalone",
            collection_id=self.ports.mint(), is_open=not vectors,
        )  # fmt: skip
        await self.ports.catalog.create(record)
        try:
            await self.ports.new_collection(
                record.namespace_id, IMPLICIT, vectors, record.collection_id
            )
        except DesirelineError:
            await self.ports.catalog.delete(record.namespace_id, row_time(self.ports.clock()))
            raise
        self.ports.book.put_namespace(record)
        return record

    def _new(self, name: str, description: str, metadata: dict[str, Any] | None) -> NamespaceRecord:
        return NamespaceRecord(
            namespace_id=self.ports.mint(), namespace_name=name, description=description,
            metadata=metadata or {}, created_at=iso(self.ports.clock()),
        )  # fmt: skip

    def _check_free(self, name: str) -> None:
        if self.ports.book.namespace_record(name) is not None:
            raise AlreadyExists(
                f"a namespace named `{name}` exists", code="namespace_name_taken",
                hint="choose another name, or use the one that exists", details={"name": name},
            )  # fmt: skip

    async def _created(self, record: NamespaceRecord) -> NamespaceRecord:
        self._check_free(record.namespace_name)
        await self.ports.catalog.create(record)
        self.ports.book.put_namespace(record)
        return record

    async def delete(self, record: NamespaceRecord) -> Dissolved:
        """All that is defined in it, at once; documents with it. Rows of the log stay.

        Raises VersionConflict for the default namespace, which a server always has.
        """
        if record.namespace_id == DEFAULT:
            raise VersionConflict(
                "the default namespace stays: requests without X-Namespace mean it",
                code="default_namespace", hint="delete its collections and retrievers instead",
            )  # fmt: skip
        retrievers = len(self.ports.book.retrievers(record.namespace_id))
        now = row_time(self.ports.clock())
        revoked = await self.ports.catalog.delete(record.namespace_id, now)
        gone = self.ports.book.remove_namespace(record.namespace_id)
        for collection in gone:
            self.ports.drop(collection)
        self.ports.forget(record.namespace_id)
        return Dissolved(len(gone), retrievers, revoked)

    async def collection_of(
        self, record: NamespaceRecord, vectors: Mapping[str, int]
    ) -> Collection:
        """The one collection of a standalone namespace, ready for vectors of these names and
        dimensions. Raises Invalid for a managed namespace.
        """
        if record.mode != "standalone":
            raise invalid(
                "path.namespace", "managed_namespace",
                f"namespace `{record.namespace_name}` has no collection of its own",
                "send `collection_id`, or use POST /v1/collections/{id}/documents/upsert",
            )  # fmt: skip
        async with self._growing:  # one new index at a time, made of all that came before
            found = self.ports.book.collection(record.namespace_id, record.collection_id)
            known = {feature.feature_uri for feature in found.features}
            new = [
                Feature(feature_uri=name, kind="dense", dimension=dimension)
                for name, dimension in vectors.items()
                if name not in known and 0 < dimension <= MOST_DIMENSIONS
            ]
            if not new or not record.is_open:
                return found
            return await self.ports.grow(found, [*found.features, *new]) or found
