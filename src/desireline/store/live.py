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


def bare(reference: str, prefix: str) -> str:
    """An id without its wire prefix.

    >>> bare("ret_ab", "ret_"), bare("ab", "ret_")
    ('ab', 'ab')
    """
    return reference.removeprefix(prefix)


class LiveBook:
    """Implements the ports `Live` and the key book of the door."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        self._collections: dict[str, Collection] = {}
        self._namespaces: dict[str, NamespaceRecord] = {}
        self._keys: dict[str, KeyRecord] = {}
        self._keyed = False

    # Retrievers

    def retriever(self, namespace: str, id_or_name: str) -> Served:
        """By id (bare or `ret_…`) or name. Raises `errors.NotFound` naming close names."""
        found = self._served.get(bare(id_or_name, "ret_"))
        if found is not None and found.retriever.namespace == namespace:
            return found
        names = {s.retriever.retriever_name: s for s in self.retrievers(namespace)}
        if id_or_name in names:
            return names[id_or_name]
        raise NotFound(
            f"there is no retriever `{id_or_name}`", code="retriever_not_found",
            hint=nearest(id_or_name, names) if names else "create one with POST /v1/retrievers",
            details={"resource": "retriever", "id": id_or_name},
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
        self._served[served.retriever.retriever_id] = served

    def remove(self, retriever_id: str) -> None:
        """Forget a deleted one."""
        self._served.pop(retriever_id, None)

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
        found = self._collections.get(bare(id_or_name, "col_"))
        if found is not None and found.namespace == namespace:
            return found
        names = {c.collection_name: c for c in self.collections(namespace)}
        if id_or_name in names:
            return names[id_or_name]
        raise NotFound(
            f"there is no collection `{id_or_name}`", code="collection_not_found",
            hint=nearest(id_or_name, names) if names else "create one with POST /v1/collections",
            details={"resource": "collection", "id": id_or_name},
        )  # fmt: skip

    def put_collection(self, collection: Collection) -> None:
        """Swap or add one."""
        self._collections[collection.collection_id] = collection

    def remove_collection(self, collection_id: str) -> None:
        """Forget a deleted one."""
        self._collections.pop(collection_id, None)

    # Namespaces and keys

    def know(self, namespaces: Iterable[NamespaceRecord], keys: Iterable[KeyRecord]) -> None:
        """The tenants and live keys of the catalogue."""
        self._namespaces = {n.namespace_id: n for n in namespaces}
        ever = list(keys)
        self._keys = {k.secret_hash: k for k in ever if not k.revoked_at}
        self._keyed = bool(ever)

    def any_keys(self) -> bool:
        """Whether a key was ever made (else: open mode); revoking the last one opens nothing."""
        return self._keyed

    def key(self, digest: str) -> KeyRecord | None:
        """The live key with this SHA-256."""
        return self._keys.get(digest)

    def namespace(self, id_or_name: str) -> str | None:
        """The namespace's id."""
        wanted = bare(id_or_name, "ns_")
        for record in self._namespaces.values():
            if wanted in (record.namespace_id, record.namespace_name):
                return record.namespace_id
        return None
