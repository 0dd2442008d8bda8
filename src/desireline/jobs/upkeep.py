"""Upkeep of the document index: optimise what grew large, re-encode what drifted.

Notices what is due and asks for it as a task (`kinds`). Looks only at collections that were written
to.
"""

from __future__ import annotations

from desireline.wiring import System


async def upkeep(system: System) -> None:
    """One turn over the collections written to since the last one."""
    touched = sorted(system.touched)
    system.touched.clear()
    known = {c.collection_id: c for c in system.live.all_collections()}
    for collection_id in touched:
        collection = known.get(collection_id)
        if collection is None:
            continue
        name = f"`{collection.collection_name}`"
        if system.index.needs_reencode(collection):
            version = collection.index_version
            asked = {"collection_id": collection_id, "from_version": version}
            await system.tasks.submit(collection.namespace, "rebuild", asked, name)
        elif system.index.needs_optimise(collection):
            asked_ids = {"collection_ids": [collection_id]}
            await system.tasks.submit(collection.namespace, "optimize", asked_ids, name)
