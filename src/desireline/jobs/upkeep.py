"""Upkeep of the document index: optimise what grew large, re-encode what drifted.

Each is a task with progress in the catalogue. Runs only for collections that were written to.
"""

from __future__ import annotations

import msgspec
import structlog

from desireline.core.times import iso
from desireline.types.catalog import TaskRecord
from desireline.types.retriever import Collection
from desireline.wiring import System, mint

logger = structlog.get_logger("desireline.jobs")


async def upkeep(system: System) -> None:
    """One turn over the collections written to since the last one."""
    touched = sorted(system.touched)
    system.touched.clear()
    known = {c.collection_id: c for c in system.live.all_collections()}
    for collection_id in touched:
        collection = known.get(collection_id)
        if collection is None:
            continue
        if system.index.needs_reencode(collection):
            await _task(system, collection, "reencode")
        elif system.index.needs_optimise(collection):
            await _task(system, collection, "optimise")


async def _task(system: System, collection: Collection, kind: str) -> None:
    now = iso(system.clock())
    task = TaskRecord(
        task_id=mint(), namespace=collection.namespace, kind=kind, status="running",
        request={"collection_id": collection.collection_id}, created_at=now, updated_at=now,
    )  # fmt: skip
    await system.catalog.tasks.create(task)
    logger.info("task", kind=kind, collection=collection.collection_name)
    try:
        if kind == "reencode":
            await system.corpus.rebuild(collection, collection.features)
        else:
            await system.index.optimise(collection)
    except Exception as error:
        logger.error("task failed", kind=kind, exc_info=error)
        task = msgspec.structs.replace(task, status="failed", error=str(error))
    else:
        task = msgspec.structs.replace(task, status="done")
    await system.catalog.tasks.save(msgspec.structs.replace(task, updated_at=iso(system.clock())))
