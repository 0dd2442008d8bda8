"""Fields that a filter reads and no document has: refused where the filter needs them.

A field that was seen once is remembered, so that a search pays nothing for it again. Knows the
index port and feature registries; what operators mean is in `core`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from desireline.core import filters
from desireline.core.shapes import nearest
from desireline.errors import invalid
from desireline.ports import SearchIndex
from desireline.types.retriever import Collection, Document, Filter, FilterTree

# Conditions that a missing field fulfils, or that ask for it.
_CONTENT = ("exists", "is_null", "ne", "nin")
_SAMPLE = 20


class Fields:
    """Which fields the documents of a collection have, as far as anybody asked."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._seen: set[tuple[str, str]] = set()

    def check(
        self, collections: Sequence[Collection], tree: FilterTree, sent: Any, path: str
    ) -> None:
        """Raises Invalid (`unknown_field`) for a condition on a field that no document has.

        `sent` is the filter as JSON, at `path`. Nothing is refused while there are no documents,
        nor for operators that a missing field fulfils.
        """
        leaves = [leaf for leaf in filters.leaves(tree) if leaf.operator not in _CONTENT]
        for name in self._missing(collections, {leaf.field for leaf in leaves}):
            if any(self._index.count(collection) for collection in collections):
                known = self._known(collections)
                listed = ", ".join(sorted(known)[:40]) or "none"
                raise invalid(
                    filters.place_of(sent, name, path), "unknown_field",
                    f"no document has the field `{name}`; known fields: {listed}",
                    nearest(name, known),
                )  # fmt: skip

    def warnings(self, collections: Sequence[Collection], trees: Sequence[FilterTree]) -> list[str]:
        """Why an answer may be empty: one sentence for each field that no document has."""
        names = {leaf.field for tree in trees for leaf in filters.leaves(tree)}
        missing = self._missing(collections, names)
        known = self._known(collections) if missing else set()
        return [f"no document has the field `{name}`; {nearest(name, known)}" for name in missing]

    def _missing(self, collections: Sequence[Collection], names: set[str]) -> list[str]:
        wanted = sorted(names - set(filters.RESERVED))
        return [name for name in wanted if not self._has(collections, name)]

    def _has(self, collections: Sequence[Collection], name: str) -> bool:
        if any((c.collection_id, name) in self._seen for c in collections):
            return True
        if any(name in _declared(collection) for collection in collections):
            return True
        present = Filter(name, "exists", True)
        home = next((c for c in collections if self._index.count(c, present)), None)
        if home is not None:
            self._seen.add((home.collection_id, name))
        return home is not None

    def _known(self, collections: Sequence[Collection]) -> set[str]:
        """Fields of the first documents of each collection, and those that features read."""
        found: set[str] = set()
        for collection in collections:
            found |= _declared(collection)
            for document in self._index.page(collection, None, _SAMPLE)[0]:
                found |= set(_names(document))
        return found


def _declared(collection: Collection) -> set[str]:
    """The fields that a collection's features read."""
    features = collection.features
    return {name for f in features for name in (*f.fields, f.field) if name}


def _names(document: Document) -> Iterator[str]:
    """The fields of a document; those inside an object by their dotted names."""
    for name, value in document.fields.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name
