"""Tells a running server how far a command of the shell is, so that others see it as a task.

Knows announced tasks. Somebody who cancels the task stops the command.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

from desireline.client import ApiError, Client
from desireline.client.answers import Task
from desireline.client.fields import Report
from desireline.errors import DesirelineError, Invalid

REPORT_S = 0.2


class Reporter:
    """One import as a task of the server; `line` is the last one that an earlier run finished."""

    def __init__(self, client: Client, file: str, collection: str, resume: str = "") -> None:
        """Announce it, or take up the task that `resume` names. Raises `Invalid`, `ApiError`."""
        self._tasks, self._said = client.tasks, 0.0
        self._done, self.line, self.is_cancelled = 0, 0, False
        path = Path(file)
        size = path.stat().st_size
        inputs = {"file": path.name, "collection": collection, "bytes": size}
        if resume:
            task = _taken_up(client, resume, inputs)
            self.line = int(task.additional_data.checkpoint.get("line", 0))
            self._done = task.progress.done
        else:
            task = client.tasks.create("import", inputs=[inputs], total=size, unit="bytes")
        self.task_id = task.task_id

    @contextmanager
    def telling(self, outcome: Callable[[], dict[str, Any]]) -> Iterator[None]:
        """Tell how the block ends: completed, failed with its error, cancelled by the keyboard."""
        try:
            yield
        except KeyboardInterrupt:
            with contextlib.suppress(DesirelineError):
                self._tasks.delete(self.task_id)
            self._say_resume()
            raise
        except Exception as error:
            with contextlib.suppress(DesirelineError):
                self._report(status="FAILED", error=str(error)[:500], outputs=[outcome()])
            self._say_resume()
            raise
        if not self.is_cancelled:
            self._report(status="COMPLETED", outputs=[outcome()])

    def reached(self, done: int, line: int) -> None:
        """So many bytes are read and every row up to `line` is stored (or was refused)."""
        self._done, self.line = done, line
        if time.monotonic() - self._said >= REPORT_S:
            self._report()
            self._said = time.monotonic()

    def say_if_cancelled(self) -> None:
        """The closing words of an import that somebody cancelled."""
        if self.is_cancelled:
            sys.stderr.write(f"cancelled after line {self.line}\n")
            self._say_resume()

    def _say_resume(self) -> None:
        if self.line:
            sys.stderr.write(f"go on with the same command and --resume {self.task_id}\n")

    def _report(self, **more: Unpack[Report]) -> None:
        report: Report = {"done": self._done, "checkpoint": {"line": self.line}, **more}
        task = self._tasks.update(self.task_id, **report)
        self.is_cancelled = task.status == "CANCELED"


def _taken_up(client: Client, resume: str, inputs: dict[str, Any]) -> Task:
    before = client.tasks.get(resume)
    for name, value in inputs.items():
        was = before.inputs[0].get(name)
        if was != value:
            raise Invalid(
                f"{resume} is about another {name}: {was!r}, not {value!r}",
                hint="give the file and collection it began with, or leave --resume out",
            )
    try:
        return client.tasks.retry(resume)
    except ApiError as error:
        if error.code == "task_not_ended":
            raise Invalid(f"{resume} needs no resuming: {error.message}") from error
        raise
