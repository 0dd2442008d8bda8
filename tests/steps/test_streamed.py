"""What may happen between the messages of an execution: documents go, sessions act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from desireline.steps.serve import Answer
from desireline.steps.serve.request import Request
from desireline.wiring import System
from tests.systems import NS, a_thing, now, prefer, stages, within

LIMIT_STAGE = {
    "stage_name": "fewer",
    "config": {"stage_id": "limit", "parameters": {"limit": 15, "offset": 2}},
}
RECIPES: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "plain": ({}, []),
    "facets": ({"facets": [{"key": "title"}]}, []),
    "a limit stage": ({}, [LIMIT_STAGE]),
    "both": ({"facets": [{"key": "title"}]}, [LIMIT_STAGE]),
}


async def losing(system: System, name: str, limit: int | None, offset: int) -> Answer:
    """An execution during which the first document that it found is deleted."""
    (shop,) = system.live.collections(NS)
    served = now(system, system.live.retriever(NS, name))
    asked = Request(
        namespace=NS, inputs={"query": "red lamp", "user_id": f"{limit}, {offset}"}, limit=limit,
        offset=offset,
    )  # fmt: skip
    steps = system.serve.steps(served, asked)
    while True:
        try:
            message = next(steps)
        except StopIteration as end:
            await system.corpus.upsert(shop, [a_thing(number) for number in range(24)])
            answer: Answer = end.value
            return answer
        if message.kind == "stage_complete" and message.index == 0:
            await system.corpus.remove(
                shop, [document_id for document_id, _ in message.documents()][:1]
            )


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_document_that_goes_meanwhile_leaves_a_page_with_its_propensities(
    tmp_path: Path, recipe: str
):
    async def story(system: System) -> None:
        parameters, later = RECIPES[recipe]
        made = stages(algorithm="logistic")
        made[0]["config"]["parameters"] |= parameters
        served = await system.retrievers.create(NS, "search", [*made, *later])
        await prefer(system, served, 0, [f"u{number}" for number in range(12)])
        for limit, offset in ((5, 0), (5, 3), (None, 0), (200, 0)):
            answer = await losing(system, "search", limit, offset)
            assert answer.choice is not None
            assert answer.choice.served
            assert answer.shown
            assert len(answer.propensities) == len(answer.shown)
            assert all(0.0 <= each <= 1.0 for each in answer.propensities)

    within(tmp_path, story)
