"""What each kind of task does: optimise indexes, build one anew.

Knows the order of the pieces and where work may stop or go on; the pieces are the steps' and the
index's. Everything here may run twice and does no harm by it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.errors import NotFound, VersionConflict
from desireline.jobs.runner import Kind, Stopped, Work
from desireline.types.retriever import Collection, Feature
from desireline.wiring import System


async def optimize(system: System, work: Work) -> dict[str, Any]:
    """Every collection of `collection_ids` that is still there, one after the other.

    The checkpoint names those that are done, so a restart repeats at most one.
    """
    finished = list(work.task.checkpoint.get("collection_ids", []))
    wanted = [_known(system, each) for each in work.parameters["collection_ids"]]
    found = [collection for collection in wanted if collection is not None]
    counts = {each.collection_id: system.corpus.count(each) for each in found}
    total = sum(counts.values())
    for collection in found:
        done = sum(counts.get(each, 0) for each in finished)
        if collection.collection_id in finished:
            continue
        work.say(f"optimising `{collection.collection_name}`", "documents")
        work.progress(done, total)
        if not await system.index.optimise(collection, cancelled=work.is_over):
            raise Stopped
        finished.append(collection.collection_id)
        work.progress(done + counts[collection.collection_id], total)
        await work.reached(collection_ids=finished)
    return {"collections": len(finished), "documents": total}


async def rebuild(system: System, work: Work) -> dict[str, Any]:
    """A new folder beside the serving one: new features, or the present ones encoded again.

    `from_version` is the index that was there when it was asked for: a newer one with the features
    wanted means that the work was done and only its row was not written.
    """
    asked = work.parameters
    collection = _known(system, asked["collection_id"])
    if collection is None:
        raise NotFound(
            "the collection was deleted meanwhile", code="collection_not_found",
            hint="there is nothing left to do",
        )  # fmt: skip
    wanted = _features(asked, collection)
    if collection.index_version != asked["from_version"]:
        if collection.features == wanted:
            return {"index_version": collection.index_version}
        raise VersionConflict(
            "the features of the collection were changed meanwhile", code="collection_changed",
            hint="look at its features, then ask again",
        )  # fmt: skip
    work.say(f"encoding `{collection.collection_name}`", "documents")
    changed = await system.corpus.rebuild(
        collection, wanted, progress=work.progress, cancelled=work.is_over
    )
    if changed is None:
        raise Stopped
    return {"index_version": changed.index_version, "documents": system.corpus.count(changed)}


def _known(system: System, collection_id: str) -> Collection | None:
    found = system.live.all_collections()
    return next((each for each in found if each.collection_id == collection_id), None)


def _features(asked: Any, collection: Collection) -> tuple[Feature, ...]:
    sent = asked.get("features")
    return collection.features if sent is None else msgspec.convert(sent, tuple[Feature, ...])


KINDS: dict[str, Kind] = {"optimize": optimize, "rebuild": rebuild}
