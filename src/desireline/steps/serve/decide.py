"""Which weights this request gets: rollout, session pin, draw. Reads memory only.

Knows the order of decision and that a session keeps its weights. The formulas are in `core`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from desireline.core import policy, rollout
from desireline.core.contexts import context_of, subject_of
from desireline.core.seeds import seed_of
from desireline.core.snapshot import Served
from desireline.ports import RecentExecution, RecentExecutions
from desireline.steps.serve.request import Choice, Request
from desireline.types.learning import Context, Decision, Weights

PIN_MS = 30 * 60_000
DRAWS = 64


class Decider:
    """Chooses weights; remembers nothing itself (pins are the recent executions of a subject)."""

    def __init__(
        self,
        recent: RecentExecutions,
        session_of: Callable[[Served, str], Any],
        milliseconds: Callable[[], float],
    ) -> None:
        self.recent, self.session_of, self.milliseconds = recent, session_of, milliseconds
        self.breakers: dict[str, rollout.Breaker] = {}

    def choose(self, served: Served, request: Request, execution_id: str, now_ms: int) -> Choice:
        """The decision for one request on a retriever with a learned stage."""
        config = served.learning
        context = context_of(
            config, request.inputs, request.user_id, request.session_id, request.segment
        )
        breaker = self.breakers.get(served.retriever.retriever_id, rollout.Breaker())
        decision = rollout.decide(
            config,
            served.rollout,
            request.user_id in served.opted_out,
            request.user_id or request.session_id or execution_id,
            served.retriever.retriever_id,
            breaker_open=rollout.is_open(breaker, now_ms),
        )
        started = self.milliseconds()
        draw = self._draw(served, request, context, execution_id, now_ms)
        late = self.milliseconds() - started > config.circuit_breaker_timeout_ms
        self.breakers[served.retriever.retriever_id] = rollout.note(breaker, now_ms, late)
        if late and decision.learned:
            decision = Decision(learned=False, reason="circuit_breaker", bucket=decision.bucket)
        return _choice(decision, context, draw)

    def again(self, served: Served, request: Request, kept: RecentExecution, now_ms: int) -> Choice:
        """The decision of an execution whose next page is asked for, whatever was learned since.

        After a restart what propensities are computed from is drawn from the present posterior.
        """
        config, weights = served.learning, kept.weights
        assert weights is not None
        context = context_of(
            config, request.inputs, request.user_id, request.session_id, request.segment
        )
        retriever_id, draws = served.retriever.retriever_id, kept.draws
        if draws is None and weights.level != "prior":
            ready = policy.ready(served.state.nodes, context, config, len(served.uris), now_ms)
            draws = policy.draw_with_others(ready, kept.draw_seed, DRAWS)[1]
        learned = kept.variant == "learned"
        subject = request.user_id or request.session_id or kept.execution_id
        decision = Decision(
            learned=learned, reason="" if learned else kept.reason,
            bucket=rollout.bucket(retriever_id, config.salt, subject),
            shadow=kept.reason == "shadow_mode",
        )  # fmt: skip
        return _choice(decision, context, _Draw(weights, draws, kept.draw_seed, kept.snapshot_id))

    def _draw(
        self, served: Served, request: Request, context: Context, execution_id: str, now_ms: int
    ) -> _Draw:
        subject = subject_of(request.session_id, request.user_id, execution_id)
        pinned = self._pinned(served, subject, now_ms)
        if pinned is not None and pinned.weights is not None and _whole(pinned):
            return _Draw(pinned.weights, pinned.draws, pinned.draw_seed, pinned.snapshot_id)
        config, count = served.learning, len(served.uris)
        retriever_id = served.retriever.retriever_id
        session = self.session_of(served, request.session_id)
        seed = seed_of(retriever_id, subject, str(served.snapshot_id))
        nodes = served.state.nodes
        ready = policy.ready(nodes, context, config, count, now_ms, session)
        # One search has the weight 1 whatever is drawn: one draw says all.
        others = DRAWS if count > 1 else 1
        weights, draws = policy.draw_with_others(ready, seed, others)
        kept = None if weights.level == "prior" else draws
        return _Draw(weights, kept, seed, served.snapshot_id)

    def _pinned(self, served: Served, subject: str, now_ms: int) -> RecentExecution | None:
        """The execution whose weights this subject keeps: not older than 30 minutes, no
        act since.
        """
        last = self.recent.last_of(served.retriever.retriever_id, subject)
        if last is None or last.engaged or now_ms - last.at_ms > PIN_MS:
            return None
        return last if last.searches == served.uris else None


def _whole(pinned: RecentExecution) -> bool:
    """Whether all that was drawn is still there; at level `prior` nothing was, and that is kept
    too: learning that starts meanwhile does not move a session that did nothing.
    """
    assert pinned.weights is not None
    return pinned.draws is not None or pinned.weights.level == "prior"


class _Draw:
    """A draw with its provenance."""

    def __init__(self, weights: Weights, draws: Any, seed: int, snapshot_id: int) -> None:
        self.weights, self.draws, self.seed, self.snapshot_id = weights, draws, seed, snapshot_id


def _choice(decision: Decision, context: Context, draw: _Draw) -> Choice:
    no_data = draw.weights.level == "prior"
    return Choice(
        decision=decision,
        context=context,
        weights=draw.weights,
        draws=draw.draws,
        seed=draw.seed,
        snapshot_id=draw.snapshot_id,
        served=decision.learned and not no_data,
        reason=decision.reason or ("no_data" if no_data else ""),
        variant="learned" if decision.learned else "static",
    )
