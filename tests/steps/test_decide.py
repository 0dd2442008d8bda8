"""How long a draw may take, and what is served when it takes longer."""

from __future__ import annotations

from itertools import count

import pytest

from desireline.core.recipe import normalise
from desireline.core.snapshot import Served
from desireline.steps.recipes import new_served
from desireline.steps.serve.decide import Decider
from desireline.steps.serve.request import Request
from desireline.store.recent import RecentMemory
from desireline.types.retriever import Retriever
from tests.systems import NS, stages

TOOK_MS = 7.0


def a_served(allowed_ms: int) -> Served:
    stored = normalise(stages(circuit_breaker_timeout_ms=allowed_ms))
    return new_served(Retriever(retriever_id="r", retriever_name="r", namespace=NS, stages=stored))


def a_decider() -> Decider:
    """On a clock on which every draw takes `TOOK_MS`."""
    ticks = count(0.0, TOOK_MS)
    return Decider(RecentMemory(), lambda *_: None, lambda: next(ticks))


REQUEST = Request(namespace=NS, inputs={"query": "q", "user_id": "u"})


@pytest.mark.parametrize(("allowed_ms", "reason"), [(6, "circuit_breaker"), (8, "")])
def test_a_draw_later_than_allowed_is_not_served(allowed_ms: int, reason: str) -> None:
    choice = a_decider().choose(a_served(allowed_ms), REQUEST, "e1", 1_000)
    assert choice.decision.reason == reason
    assert choice.decision.learned is (reason == "")


def test_after_five_late_draws_nothing_is_drawn_for_half_a_minute() -> None:
    decider, patient = a_decider(), a_served(1000)
    for number in range(5):
        decider.choose(a_served(6), REQUEST, f"e{number}", 1_000 + number)
    assert decider.choose(patient, REQUEST, "e6", 2_000).decision.reason == "circuit_breaker"
    assert decider.choose(patient, REQUEST, "e7", 40_000).decision.reason == ""
