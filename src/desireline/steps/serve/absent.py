"""Fields that a filter reads and no document has: the usual reason of an empty answer.

Asked only when an answer is empty, so that it costs nothing otherwise. Knows the index port.
"""

from __future__ import annotations

from collections.abc import Sequence

from desireline.core import filters
from desireline.core.shapes import nearest
from desireline.ports import SearchIndex
from desireline.types.retriever import Collection, Filter, FilterTree

# Conditions that a missing field fulfils.
_CONTENT = ("exists", "is_null", "ne", "nin")


def warnings(
    index: SearchIndex, collections: Sequence[Collection], trees: Sequence[FilterTree]
) -> list[str]:
    """One sentence for each field that is filtered on and that no document has."""
    leaves = [leaf for tree in trees for leaf in filters.leaves(tree)]
    fields = {leaf.field for leaf in leaves if leaf.operator not in _CONTENT}
    fields -= set(filters.RESERVED)
    missing = [name for name in sorted(fields) if not _exists(index, collections, name)]
    if not missing:
        return []
    known = _known(index, collections)
    return [f"no document has the field `{name}`; {nearest(name, known)}" for name in missing]


def _exists(index: SearchIndex, collections: Sequence[Collection], name: str) -> bool:
    present = Filter(name, "exists", True)
    return any(index.count(collection, present) for collection in collections)


def _known(index: SearchIndex, collections: Sequence[Collection]) -> set[str]:
    """Fields of the first document of each collection."""
    found: set[str] = set()
    for collection in collections:
        for document in index.page(collection, None, 1)[0]:
            found |= set(document.fields)
    return found
