"""Routes of tasks: what runs, how far it is, cancel and begin again; and those that start one.

A task that a program outside works on (`desireline import`) is announced and reported here too.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody

from desireline.errors import invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted, collection_of
from desireline.http.wire.common import Pagination, QuerySize, size_of
from desireline.http.wire.tasks import (
    STATUSES,
    AnnounceTask,
    Asked,
    ListTasks,
    RebuildRequest,
    ReportTask,
    TaskOut,
    TasksPage,
)
from desireline.steps.corpus import distinct
from desireline.steps.tasks import Report

ONE = "/v1/tasks/{task_id:str}"
LARGEST_BYTES = 64 << 10


def _bare(task_id: str) -> str:
    return task_id.removeprefix("task_")


def _small(path: str, told: Any) -> None:
    """Refuse what is no note about work but a store of something. Raises Invalid."""
    size = len(msgspec.json.encode(told))
    if size > LARGEST_BYTES:
        hint = f"a task keeps at most {LARGEST_BYTES:,} bytes of each"
        raise invalid(path, "too_long", f"{size:,} bytes of JSON", hint)


@get("/v1/tasks")
async def get_tasks(
    request: AnyRequest,
    status: FromQuery[Asked | None] = None,
    task_type: FromQuery[str] = "",
    page_size: QuerySize = 50,
    cursor: FromQuery[str] = "",
) -> TasksPage:
    """List tasks, newest first, of one status or type if asked."""
    asked = ListTasks(status=status, task_type=task_type, page_size=page_size, cursor=cursor)
    return await _page(request, asked)


@post("/v1/tasks/list", status_code=200, dto=Wire[ListTasks], return_dto=None)
async def list_tasks(request: AnyRequest, data: JSONBody[ListTasks | None] = None) -> TasksPage:
    """List tasks, newest first, of one status or type if asked."""
    return await _page(request, data or ListTasks())


async def _page(request: AnyRequest, asked: ListTasks) -> TasksPage:
    system, caller = admitted(request, "read")
    size = size_of(asked.limit, asked.page_size, 50)
    found, after = await system.tasks.page(
        caller.namespace, kind=asked.task_type,
        statuses=[STATUSES[asked.status]] if asked.status else [],
        before=_bare(asked.cursor), limit=size,
    )  # fmt: skip
    cursor = f"task_{after}" if after else None
    return TasksPage(
        results=[TaskOut.of(task) for task in found],
        pagination=Pagination(page_size=size, next_cursor=cursor),
    )


@get(ONE)
async def get_task(request: AnyRequest, task_id: FromPath[str]) -> TaskOut:
    """One task with its progress."""
    system, caller = admitted(request, "read")
    return TaskOut.of(await system.tasks.get(caller.namespace, _bare(task_id)))


@delete(ONE, status_code=200)
async def delete_task(request: AnyRequest, task_id: FromPath[str]) -> TaskOut:
    """Cancel a task; one that ended stays as it is."""
    return await _cancelled(request, task_id)


@post(f"{ONE}/cancel", status_code=200)
async def cancel_task(request: AnyRequest, task_id: FromPath[str]) -> TaskOut:
    """Cancel a task; one that ended stays as it is."""
    return await _cancelled(request, task_id)


async def _cancelled(request: AnyRequest, task_id: str) -> TaskOut:
    system, caller = admitted(request, "write")
    return TaskOut.of(await system.tasks.cancel(caller.namespace, _bare(task_id)))


@post(f"{ONE}/retry", status_code=200)
async def retry_task(request: AnyRequest, task_id: FromPath[str]) -> TaskOut:
    """Begin a failed or cancelled task again, from where it came to if it can go on."""
    system, caller = admitted(request, "write")
    return TaskOut.of(await system.tasks.retry(caller.namespace, _bare(task_id)))


@post("/v1/tasks", status_code=200, dto=Wire[AnnounceTask], return_dto=None)
async def announce_task(request: AnyRequest, data: JSONBody[AnnounceTask]) -> TaskOut:
    """Announce work that you do yourself, so that others see it; then report on it."""
    system, caller = admitted(request, "write")
    _small("$.inputs", data.inputs)
    inputs = data.inputs[0] if len(data.inputs) == 1 else {"inputs": data.inputs}
    task = await system.tasks.announce(
        caller.namespace, data.task_type, inputs if data.inputs else {}, data.total, data.unit
    )
    return TaskOut.of(task)


@patch(ONE, dto=Wire[ReportTask], return_dto=None)
async def report_task(
    request: AnyRequest, task_id: FromPath[str], data: JSONBody[ReportTask]
) -> TaskOut:
    """Report on work that you announced; an answer that says CANCELED asks you to stop."""
    system, caller = admitted(request, "write")
    if data.outputs is not None and len(data.outputs) != 1:
        raise invalid("$.outputs", "length", "`outputs` holds one object", "send one result")
    _small("$.outputs", data.outputs)
    _small("$.checkpoint", data.checkpoint)
    message = data.error or "it failed"
    failed = {"code": "task_failed", "message": message, "hint": ""}
    report = Report(
        done=data.done, total=data.total, message=data.message, checkpoint=data.checkpoint,
        result=data.outputs[0] if data.outputs else None,
        status=STATUSES[data.status] if data.status else None,
        error=failed if data.status == "FAILED" else None,
    )  # fmt: skip
    return TaskOut.of(await system.tasks.report(caller.namespace, _bare(task_id), report))


@post("/v1/collections/{collection:str}/optimize", status_code=202)
async def optimize_collection(request: AnyRequest, collection: FromPath[str]) -> TaskOut:
    """Build the collection's approximate index in the background."""
    system, found = collection_of(request, collection, "write")
    asked, name = {"collection_ids": [found.collection_id]}, f"`{found.collection_name}`"
    return TaskOut.of(await system.tasks.submit(found.namespace, "optimize", asked, name))


@post("/v1/admin/optimize", status_code=202)
async def optimize_all(request: AnyRequest) -> TaskOut:
    """Build the approximate index of every collection of the namespace, one after the other."""
    system, caller = admitted(request, "admin")
    asked = {"collection_ids": [c.collection_id for c in system.live.collections(caller.namespace)]}
    return TaskOut.of(await system.tasks.submit(caller.namespace, "optimize", asked))


@post(
    "/v1/collections/{collection:str}/rebuild",
    status_code=202, dto=Wire[RebuildRequest], return_dto=None,
)  # fmt: skip
async def rebuild_collection(
    request: AnyRequest, collection: FromPath[str], data: JSONBody[RebuildRequest | None] = None
) -> TaskOut:
    """Build the index anew in the background, with new features or by encoding all again."""
    system, found = collection_of(request, collection, "write")
    asked = {"collection_id": found.collection_id, "from_version": found.index_version}
    if data is not None and data.features is not None:
        places = enumerate(data.features)
        wanted = [f.to_noun(f"$.features[{n}]", system.dimension_of) for n, f in places]
        distinct(wanted)
        asked["features"] = msgspec.to_builtins(wanted)
    name = f"`{found.collection_name}`"
    return TaskOut.of(await system.tasks.submit(found.namespace, "rebuild", asked, name))


HANDLERS = [
    get_tasks, list_tasks, get_task, delete_task, cancel_task, retry_task, announce_task,
    report_task, optimize_collection, optimize_all, rebuild_collection,
]  # fmt: skip
