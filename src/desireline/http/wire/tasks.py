"""Tasks on the wire: the published shape (upper-case status, lists of inputs and outputs, the
error's sentence) and beside it what a progress bar needs.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.core.times import parse_iso
from desireline.http.wire.collections import FeatureIn
from desireline.http.wire.common import Pagination, Size
from desireline.types.catalog import UNFINISHED, TaskRecord, TaskStatus

WireStatus = Literal[
    "PENDING", "IN_PROGRESS", "COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED"
]
_WIRE: dict[TaskStatus, WireStatus] = {
    "pending": "PENDING", "running": "IN_PROGRESS", "completed": "COMPLETED",
    "failed": "FAILED", "cancelled": "CANCELED",
}  # fmt: skip
# What a filter may say; QUEUED and PROCESSING are the reference's other names for the first two,
# COMPLETED includes those with errors.
Asked = Literal["PENDING", "QUEUED", "IN_PROGRESS", "PROCESSING", "COMPLETED", "FAILED", "CANCELED"]
STATUSES: dict[Asked, TaskStatus] = {
    "PENDING": "pending", "QUEUED": "pending", "IN_PROGRESS": "running",
    "PROCESSING": "running", "COMPLETED": "completed", "FAILED": "failed",
    "CANCELED": "cancelled",
}  # fmt: skip
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53))]
Words = Annotated[str, msgspec.Meta(max_length=500)]


class Progress(msgspec.Struct, kw_only=True):
    """`done` of `total` (0: not known yet), counted in `unit`; null: cannot be told yet."""

    done: int = 0
    total: int = 0
    unit: str = ""
    percent: float | None = None
    per_second: float | None = None
    seconds_left: float | None = None


class TaskOut(msgspec.Struct, kw_only=True):
    """A task: what it is, how far it is, how it ended."""

    task_id: str
    task_type: str
    status: WireStatus
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    additional_data: dict[str, Any]
    error: str | None
    progress: Progress
    message: str
    attempts: int
    is_reported: bool
    created_at: str
    started_at: str | None
    updated_at: str
    finished_at: str | None

    @classmethod
    def of(cls, task: TaskRecord) -> TaskOut:
        """A task as answered."""
        return cls(
            task_id=f"task_{task.task_id}", task_type=task.kind, status=_status(task),
            inputs=[task.parameters], outputs=[task.result] if task.result else [],
            additional_data={"error": task.error, "checkpoint": task.checkpoint},
            error=task.error.get("message"), progress=_progress(task), message=task.message,
            attempts=task.attempts, is_reported=task.is_reported, created_at=task.created_at,
            started_at=task.started_at or None, updated_at=task.updated_at,
            finished_at=task.finished_at or None,
        )  # fmt: skip


class TasksPage(msgspec.Struct, kw_only=True):
    """A page of tasks, newest first."""

    results: list[TaskOut]
    pagination: Pagination


class ListTasks(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of the list; `cursor` is the `next_cursor` of the page before."""

    status: Asked | None = None
    task_type: str = ""
    limit: Size | None = None
    page_size: Size | None = None
    cursor: str = ""
    not_available: ClassVar[frozenset[str]] = frozenset({"filters", "sort", "search"})


class AnnounceTask(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Work that the caller does itself and reports on."""

    task_type: Literal["import", "simulate"]
    inputs: list[dict[str, Any]] = []
    total: Count = 0
    unit: Words = ""


class ReportTask(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How far the caller's work is, or how it ended; what is left out stays."""

    done: Count | None = None
    total: Count | None = None
    message: Words | None = None
    checkpoint: dict[str, Any] | None = None
    outputs: list[dict[str, Any]] | None = None
    status: Literal["IN_PROGRESS", "COMPLETED", "FAILED"] | None = None
    error: Words | None = None


class RebuildRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`features`: the new registry; left out, the present one is encoded again."""

    features: list[FeatureIn] | None = None


def _status(task: TaskRecord) -> WireStatus:
    with_errors = task.status == "completed" and bool(task.result.get("failed"))
    return "COMPLETED_WITH_ERRORS" if with_errors else _WIRE[task.status]


def _progress(task: TaskRecord) -> Progress:
    """With the rate since the present attempt began, while it goes on."""
    found = Progress(done=task.done, total=task.total, unit=task.unit)
    if task.total:
        found.percent = round(min(100.0, 100 * task.done / task.total), 1)
    if task.status in UNFINISHED and task.started_at:
        seconds = (parse_iso(task.updated_at) - parse_iso(task.started_at)) / 1000
        done = task.done - task.done_before
        if seconds > 0 and done > 0:
            found.per_second = round(done / seconds, 2)
            found.seconds_left = round(max(0, task.total - task.done) * seconds / done, 1)
    return found
