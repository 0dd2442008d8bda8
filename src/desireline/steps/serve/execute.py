"""One execution, straight down: search, decide, fuse, filter, page, record, answer.

Knows the order of things and the ports. No database is read here: retrievers, weights and switches
come from memory, documents from the index.
"""

from __future__ import annotations

from functools import partial

import msgspec

from desireline.core.snapshot import Served
from desireline.errors import IntakeFull, StorageFull
from desireline.ports import RecentExecution, Ticket
from desireline.steps.serve import continuing, rank, record
from desireline.steps.serve.absent import Fields
from desireline.steps.serve.continuing import Going, going_on, mark_of, seen_before
from desireline.steps.serve.decide import Decider
from desireline.steps.serve.ports import Ports, milliseconds
from desireline.steps.serve.progress import Steps, drained
from desireline.steps.serve.request import Answer, Degraded, Request
from desireline.steps.serve.telling import told
from desireline.steps.serve.timings import Timings
from desireline.steps.serve.working import Asked, Choosing, Work, limits_of


class Serve:
    """Executes retrievers."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.decider = Decider(ports.recent, ports.session_of, milliseconds)
        self.fields = Fields(ports.index)
        self.timings = Timings()

    def execute(self, served: Served, request: Request) -> Answer:
        """Run a retriever once, log it, and return the page. Raises Invalid for bad inputs."""
        return drained(self.steps(served, request))

    def steps(self, served: Served, request: Request) -> Steps[Answer]:
        """The same, stage by stage; it is logged when the last one is through."""
        started, ports, now_ms = milliseconds(), self.ports, self.ports.clock()
        request = request.under(ports.known_as)
        mark = mark_of(served, request)
        going = going_on(ports.recent, served, request, mark, now_ms)
        execution_id = going.execution_id if going else ports.mint()
        if request.behind is not None:
            request = msgspec.structs.replace(request, offset=request.behind.offset)
        work = Work(
            ports, self.fields,
            Asked(
                served=served, request=request, execution_id=execution_id, now_ms=now_ms, mark=mark,
                seen=seen_before(going, request.offset),
            ),
        )  # fmt: skip
        answer, ranked = yield from work.run(self._choosing(work.asked, going))
        if not answer.shown:
            answer.warnings = [*answer.warnings, *work.filling.absent_fields()]
        if request.offset and going is None and answer.choice and answer.choice.served:
            answer.warnings = [*answer.warnings, continuing.ANEW]
        return self.finish(answer, ranked, started, going)

    def _choosing(self, asked: Asked, going: Going | None) -> Choosing | None:
        """What decides for a learned stage, anew or as the execution that goes on; else nothing."""
        stage = asked.served.recipe.search
        if stage is None or stage.fusion != "learned":
            return None
        known = asked.served, asked.request
        if going is not None and going.kept is not None:
            return partial(self.decider.again, *known, going.kept, asked.now_ms)
        return partial(self.decider.choose, *known, asked.execution_id, asked.now_ms)

    def finish(
        self, answer: Answer, ranked: rank.Ranked | None, started: float,
        going: Going | None = None,
    ) -> Answer:  # fmt: skip
        """The answer with its time, logged and counted; of a listing the first page alone."""
        answer.latency_ms = milliseconds() - started
        if answer.mark:
            self.timings.note(answer.served.retriever, answer.stages)
        if going is not None:
            if going.kept is not None and ranked is not None:
                self._log_page(answer, ranked, going.kept)
            return answer
        self._log(answer, ranked)
        self.ports.metrics.count(
            "executions", variant=answer.choice.variant if answer.choice else "none",
            status=answer.status,
        )  # fmt: skip
        return answer

    def _log(self, answer: Answer, ranked: rank.Ranked | None) -> None:
        """Into the intake's order and into memory; without room it is answered, but teaches
        nothing.
        """
        frames = record.rows(answer, ranked, self.ports.node, self.ports.intake.next_seq())
        ticket = self._append(answer, frames)
        if ranked is not None:
            self.ports.recent.add(record.remembered(answer, ranked, ticket))
        if ticket is not None:
            self.ports.feed.tell(answer.request.namespace, "execution", told(answer))

    def _log_page(self, answer: Answer, ranked: rank.Ranked, kept: RecentExecution) -> None:
        """What a further page shows for the first time belongs to its execution."""
        known = {each.document_id for each in kept.shown}
        stamp = self.ports.node, self.ports.intake.next_seq()
        frames = record.page_rows(answer, ranked, stamp, known)
        if frames and self._append(answer, frames) is not None:
            self.ports.recent.extend(kept, record.shown_of(answer, ranked))

    def _append(self, answer: Answer, frames: list[tuple[str, bytes]]) -> Ticket | None:
        try:
            return self.ports.intake.append(frames)
        except (IntakeFull, StorageFull) as error:
            answer.degraded.append(
                Degraded(
                    resource="log", id=answer.execution_id, reason=error.message,
                    next_step="results are complete, but this execution will teach nothing",
                )
            )  # fmt: skip
        return None


__all__ = ["Ports", "Serve", "limits_of", "milliseconds"]
