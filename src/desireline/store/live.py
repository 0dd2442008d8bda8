"""What is served right now, in memory: retrievers, collections, namespaces and keys.

A mirror of the catalogue's definitions, swapped entry by entry. Knows no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from desireline.core.shapes import nearest
from desireline.core.snapshot import Served
from desireline.errors import NotFound
from desireline.types.catalog import KeyRecord, NamespaceRecord
from desireline.types.retriever import Collection


class LiveBook:
    """Implements the ports `Live` and the key book of the door."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._collections: dict[str, Collection] = {}
        self._namespaces: dict[str, NamespaceRecord] = {}
        self._keys: dict[str, KeyRecord] = {}
        self._keyed = False
        self._public: dict[str, str] = {}
        self.changes = 0
        """Rises with every namespace that is put or removed here."""

    # Retrievers

    def retriever(self, namespace: str, id_or_name: str) -> Served:
        """By id (bare or `ret_…`) or name. Raises `errors.NotFound` naming close names."""
        found = self._served.get(id_or_name.removeprefix("ret_"))
        if found is not None and found.retriever.namespace == namespace:
            return found
        names = {s.retriever.retriever_name: s for s in self.retrievers(namespace)}
        if id_or_name in names:
            return names[id_or_name]
        raise NotFound(
            resource="retriever", reference=id_or_name, code="retriever_not_found",
            hint=nearest(id_or_name, names) if names else "create one with POST /v1/retrievers",
        )  # fmt: skip

    def retrievers(self, namespace: str = "") -> list[Served]:
        """All of a namespace (or of all), oldest first."""
        found = [s for s in self._served.values() if namespace in ("", s.retriever.namespace)]
        return sorted(found, key=lambda s: (s.retriever.created_at, s.retriever.retriever_id))

    def by_id(self, retriever_id: str) -> Served | None:
        """By bare id, in any namespace."""
        return self._served.get(retriever_id)

    def replace(self, served: Served) -> None:
        """Swap or add one."""
        retriever_id = served.retriever.retriever_id
        self._unpublish(retriever_id)
        if served.publication is not None:
            self._public[served.publication.public_name] = retriever_id
        self._served[retriever_id] = served

    def remove(self, retriever_id: str) -> None:
        """Forget a deleted one."""
        self._unpublish(retriever_id)
        self._served.pop(retriever_id, None)

    def published(self, public_name: str) -> Served:
        """The retriever of any namespace under a public name. Raises `errors.NotFound`."""
        found = self._served.get(self._public.get(public_name, ""))
        if found is None:
            raise NotFound(
                resource="published retriever", reference=public_name, code="not_published",
                hint="publish one: POST /v1/retrievers/{id}/publish",
            )  # fmt: skip
        return found

    def _unpublish(self, retriever_id: str) -> None:
        before = self._served.get(retriever_id)
        name = before.publication.public_name if before and before.publication else ""
        if self._public.get(name) == retriever_id:  # another one may have the name by now
            del self._public[name]

    # Collections

    def collections(self, namespace: str) -> Sequence[Collection]:
        """All of a namespace, oldest first."""
        found = [c for c in self._collections.values() if c.namespace == namespace]
        return sorted(found, key=lambda c: (c.created_at, c.collection_id))

    def all_collections(self) -> list[Collection]:
        """Of all namespaces."""
        return list(self._collections.values())

    def collection(self, namespace: str, id_or_name: str) -> Collection:
        """By id (bare or `col_…`) or name. Raises `errors.NotFound`."""
        found = self._collections.get(id_or_name.removeprefix("col_"))
        if found is not None and found.namespace == namespace:
            return found
        names = {c.collection_name: c for c in self.collections(namespace)}
        if id_or_name in names:
            return names[id_or_name]
        raise NotFound(
            resource="collection", reference=id_or_name, code="collection_not_found",
            hint=nearest(id_or_name, names) if names else "create one with POST /v1/collections",
        )  # fmt: skip

    def put_collection(self, collection: Collection) -> None:
        """Swap or add one."""
        self._collections[collection.collection_id] = collection

    def remove_collection(self, collection_id: str) -> None:
        """Forget a deleted one."""
        self._collections.pop(collection_id, None)

    # Namespaces and keys

    def know(self, namespaces: Iterable[NamespaceRecord], keys: Iterable[KeyRecord]) -> None:
        """The namespaces and keys of the catalogue."""
        self._namespaces = {n.namespace_id: n for n in namespaces}
        ever = list(keys)
        self._keys = {k.secret_hash: k for k in ever if not k.revoked_at}
        self._keyed = any(key.scope != "public" for key in ever)

    def any_keys(self) -> bool:
        """Whether a key was ever made (else: open mode); revoking the last one opens nothing.
        Keys for public routes do not count: they close nothing.
        """
        return self._keyed

    def key(self, digest: str) -> KeyRecord | None:
        """The live key with this SHA-256."""
        return self._keys.get(digest)

    def namespace(self, id_or_name: str) -> str | None:
        """The namespace's id."""
        found = self.namespace_record(id_or_name)
        return None if found is None else found.namespace_id

    def namespace_record(self, id_or_name: str) -> NamespaceRecord | None:
        """A namespace by id (bare or `ns_…`), else by name."""
        found = self._namespaces.get(id_or_name.removeprefix("ns_"))
        named = (n for n in self._namespaces.values() if n.namespace_name == id_or_name)
        return found or next(named, None)

    def namespaces(self) -> list[NamespaceRecord]:
        """All, oldest first."""
        return sorted(self._namespaces.values(), key=lambda n: (n.created_at, n.namespace_id))

    def put_namespace(self, record: NamespaceRecord) -> None:
        """Swap or add one."""
        self.changes += 1
        self._namespaces[record.namespace_id] = record

    def remove_namespace(self, namespace_id: str) -> list[Collection]:
        """Forget one with its retrievers and keys; its collections, forgotten too."""
        self.changes += 1
        self._namespaces.pop(namespace_id, None)
        self._keys = {k: v for k, v in self._keys.items() if v.namespace != namespace_id}
        for served in self.retrievers(namespace_id):
            self.remove(served.retriever.retriever_id)
        gone = list(self.collections(namespace_id))
        for collection in gone:
            self.remove_collection(collection.collection_id)
        return gone
