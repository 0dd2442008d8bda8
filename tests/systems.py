"""The whole system in this process, without HTTP: a small shop whose two searches disagree.

Half of the documents win by their title, half by their caption, for the same query. Knows wiring
and steps; tests of learning share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from desireline.core.snapshot import Served
from desireline.http.metrics import PrometheusMetrics
from desireline.settings import Settings
from desireline.steps.capture import Receipt, Sent
from desireline.steps.serve import Answer, Request
from desireline.types.retriever import Feature
from desireline.wiring import System, open_system

NS = "default"
TITLE, CAPTION = "desireline://title@v1/bm25", "desireline://caption@v1/bm25"
WORDS = ("lamp", "desk", "chair", "shelf", "table")


@asynccontextmanager
async def a_system(folder: Path) -> AsyncIterator[System]:
    """A system on a data directory, with the shop in it unless it is there already."""
    system = await open_system(Settings(data=str(folder / "data")), PrometheusMetrics())
    try:
        if not system.live.collections(NS):
            await _fill(system)
        yield system
    finally:
        await system.close()


def within(folder: Path, story: Callable[[System], Awaitable[None]]) -> None:
    """Run a story in a system of its own."""

    async def run() -> None:
        async with a_system(folder) as system:
            await story(system)

    asyncio.run(run())


async def _fill(system: System) -> None:
    features = [
        Feature(feature_uri=TITLE, kind="lexical", fields=("title",)),
        Feature(feature_uri=CAPTION, kind="lexical", fields=("caption",)),
    ]
    shop = await system.corpus.create(NS, "shop", features)
    await system.corpus.upsert(shop, [a_thing(number) for number in range(24)])


def a_thing(number: int) -> dict[str, Any]:
    """Even documents repeat "red lamp" in the title, odd ones in the caption."""
    often = " ".join(["red lamp"] * (1 + number // 2 % 6))
    seldom = f"red {WORDS[number % 5]} number{number} of a kind with many other words"
    title, caption = (often, seldom) if number % 2 == 0 else (seldom, often)
    return {"document_id": f"d{number:02d}", "title": title, "caption": caption}


async def a_retriever(system: System, name: str = "search", **config: Any) -> Served:
    """A learned retriever over both searches."""
    return await system.retrievers.create(NS, name, stages(**config))


def stages(**config: Any) -> list[dict[str, Any]]:
    """The stages of that retriever."""
    searches = [
        {"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 50} for uri in (TITLE, CAPTION)
    ]
    parameters = {
        "searches": searches, "final_top_k": 20, "fusion": "learned",
        "learning_config": {"exploration_traffic": 0.0, **config},
    }  # fmt: skip
    return [{"config": {"stage_id": "feature_search", "parameters": parameters}}]


def search(system: System, served: Served, user: str = "", **inputs: Any) -> Answer:
    """One execution of the retriever as it is served now."""
    given = {"query": "red lamp", **({"user_id": user} if user else {}), **inputs}
    purpose = given.pop("purpose", "traffic")
    current = system.live.by_id(served.retriever.retriever_id)
    return system.serve.execute(
        current, Request(namespace=NS, inputs=given, limit=20, purpose=purpose)
    )


async def click(
    system: System, answer: Answer, place: int = 0, types: Sequence[str] = ("click",)
) -> Receipt:
    """An interaction on the document at a place of an answer."""
    sent = Sent(
        document_id=answer.shown[place].document_id, interaction_type=list(types), position=place,
        execution_id=f"exec_{answer.execution_id}",
    )  # fmt: skip
    return await system.capture.create(NS, sent)


async def prefer(
    system: System, served: Served, parity: int, users: Sequence[str], **inputs: Any
) -> None:
    """Each of these users searches once and clicks the first even (0) or odd (1) document."""
    for user in users:
        answer = search(system, served, user, **inputs)
        wanted = (n for n, d in enumerate(answer.shown) if int(d.document_id[1:]) % 2 == parity)
        await click(system, answer, next(wanted))
    await learn(system)


async def learn(system: System) -> int:
    """Close everything and fold; returns the executions closed."""
    return await system.learner.tick(everything=True)


def now(system: System, served: Served) -> Served:
    """The retriever as it is served now."""
    found: Served = system.live.by_id(served.retriever.retriever_id)
    return found
