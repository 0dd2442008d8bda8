"""Tasks and the operator's calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from desireline.client.aio.rows import AsyncResource, AsyncRows
from desireline.client.answers import Flushed, Task
from desireline.client.calls import Call, delete, get, given, patch, post
from desireline.client.fields import Body, Report
from desireline.client.reading import Open


class AsyncTasks(AsyncResource):
    """Long jobs: import, rebuild, evaluation, training."""

    async def get(self, task_id: str) -> Task:
        """`GET /tasks/{id}`: where it stands."""
        return await self._transport.ask(Task, get("tasks", task_id))

    def list(self, **selection: Any) -> AsyncRows[Task]:
        """`POST /tasks/list`: all that match, newest first."""
        call = post("tasks", "list", body=selection, is_repeatable=True)
        return AsyncRows(self._transport, Task, call)

    async def create(
        self, task_type: str, *, inputs: Sequence[Body] | None = None, total: int | None = None,
        unit: str | None = None,
    ) -> Task:  # fmt: skip
        """`POST /tasks`: announce work of one's own, so that others see it; then `update` it."""
        body = given(task_type=task_type, inputs=inputs, total=total, unit=unit)
        return await self._transport.ask(Task, post("tasks", body=body))

    async def update(self, task_id: str, **report: Unpack[Report]) -> Task:
        """`PATCH /tasks/{id}`: how far announced work is, or how it ended. A `status` of CANCELED
        in the answer asks for its end.
        """
        call = patch("tasks", task_id, body=report, is_repeatable=True)
        return await self._transport.ask(Task, call)

    async def wait(self, task_id: str, *, timeout_s: float = 600.0, every_s: float = 1.0) -> Task:
        """`GET /tasks/{id}`, until it has ended. Raises TimeoutError; the task goes on then."""
        waited_s = 0.0
        while not (task := await self.get(task_id)).has_ended:
            if waited_s >= timeout_s:
                raise TimeoutError(f"{task_id} is {task.status} after {timeout_s:g} s")
            await self._transport.sleep(every_s)
            waited_s += every_s
        return task

    async def delete(self, task_id: str) -> Task:
        """`DELETE /tasks/{id}`: cancel it; one that has ended stays as it is."""
        return await self._transport.ask(Task, delete("tasks", task_id))

    async def retry(self, task_id: str) -> Task:
        """`POST /tasks/{id}/retry`: begin a failed or cancelled one again."""
        return await self._transport.ask(Task, post("tasks", task_id, "retry"))


class AsyncAdmin(AsyncResource):
    """For operators and tests."""

    async def ready(self) -> Open:
        """`GET /readyz`: searches are answered; raises Unavailable while starting or stopping."""
        call = Call("GET", "/readyz", base="", is_repeatable=True)
        return await self._transport.ask(Open, call)

    async def flush(self, *, close_executions: bool = False) -> Flushed:
        """`POST /admin/flush`: make everything acknowledged visible; on request, learn now."""
        body = {"close_executions": close_executions}
        call = post("admin", "flush", body=body, is_repeatable=True)
        return await self._transport.ask(Flushed, call)
