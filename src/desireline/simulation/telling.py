"""Tells the server how far a simulation is, as a task; a task that somebody cancelled ends it.

Knows announced tasks; nothing of what is simulated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from desireline.client import ApiError, Client
from desireline.client.fields import Report
from desireline.errors import DesirelineError
from desireline.simulation.measure import Findings, Progress
from desireline.simulation.run import Tell, simulate
from desireline.simulation.subjects import Subject
from desireline.simulation.target import target_of
from desireline.types.simulation import Asked

REPORT_S = 0.5
KIND, UNIT = "simulate", "searches"


class Cancelled(Exception):
    """Somebody cancelled the task, or it has ended otherwise: nobody waits for more."""


class Reporter:
    """The task of one simulation."""

    def __init__(
        self, client: Client, task_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.task_id = task_id
        self._client, self._clock, self._said_at = client, clock, 0.0
        self._findings: Findings | None = None

    def __call__(self, progress: Progress) -> None:
        """Report it, unless the last report is a moment ago and nothing was found since.

        Raises Cancelled, ApiError.
        """
        is_news = progress.findings is not self._findings
        if not is_news and self._clock() - self._said_at < REPORT_S:
            return
        report: Report = {"done": progress.searches, "message": progress.phase}
        if is_news and progress.findings is not None:
            report["outputs"] = [msgspec.to_builtins(progress.findings)]
        self._findings, self._said_at = progress.findings, self._clock()
        self._report(report)

    def completed(self, findings: Findings) -> None:
        """It came to its end. Raises Cancelled, ApiError."""
        self._report({"status": "COMPLETED", "outputs": [msgspec.to_builtins(findings)]})

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Tell what ended the block early, as far as somebody still listens."""
        try:
            yield
        except Cancelled:
            raise
        except KeyboardInterrupt:
            with suppress(ApiError):
                self._client.tasks.delete(self.task_id)
            raise
        except BaseException as error:
            with suppress(ApiError):
                self._client.tasks.update(self.task_id, status="FAILED", error=words(error)[:500])
            raise

    def _report(self, report: Report) -> None:
        task = self._client.tasks.update(self.task_id, **report)
        if task.has_ended and report.get("status") != task.status:
            raise Cancelled


def words(error: BaseException) -> str:
    """An error as a sentence and what to do."""
    if isinstance(error, DesirelineError):
        return f"{error.message}{f' ({error.hint})' if error.hint else ''}"
    if isinstance(error, SystemExit):
        return "its program was told to end"
    return f"{type(error).__name__}: {error}"


def simulate_and_tell(
    client: Client, asked: Asked, show: Tell, subjects: Sequence[Subject] | None = None
) -> Findings:
    """A simulation as a new task, which `show` hears of too.

    Raises as `run.simulate`, Cancelled, and ApiError, also while another simulation runs.
    """
    found = target_of(client, asked.retriever).retriever
    named = {"retriever_id": found.retriever_id, "retriever_name": found.retriever_name}
    inputs = msgspec.to_builtins(asked) | named
    task = client.tasks.create(KIND, inputs=[inputs], total=asked.searches, unit=UNIT)
    reporter = Reporter(client, task.task_id)

    def tell(progress: Progress) -> None:
        show(progress)
        reporter(progress)

    with reporter.failing():
        findings = simulate(client, asked, tell, subjects)
        reporter.completed(findings)
    return findings
