"""A reward for an execution that memory has forgotten finds it in the log, and teaches once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from desireline import wiring
from desireline.http.metrics import PrometheusMetrics
from desireline.settings import Settings
from desireline.steps.capture import Sent
from desireline.steps.serve import Request
from desireline.types.retriever import Feature

STAGES = [
    {
        "config": {
            "stage_id": "feature_search",
            "parameters": {
                "fusion": "learned",
                "searches": [{"feature_uri": "title"}, {"feature_uri": "popularity"}],
                "learning_config": {"attribution_window_seconds": 1},
            },
        }
    }
]
FEATURES = (
    Feature(feature_uri="title", kind="lexical", fields=("title",)),
    Feature(feature_uri="popularity", kind="field", field="popularity"),
)


def test_a_forgotten_execution_is_found_in_the_log(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"), recent_memory_bytes=1 << 20)
    asyncio.run(_forgotten(settings))


async def _forgotten(settings: Settings) -> None:
    system = await wiring.open_system(settings, PrometheusMetrics())
    try:
        collection = await system.corpus.create("default", "shop", FEATURES)
        shoes = [
            {"document_id": f"d{n}", "title": f"red shoe {n}", "popularity": n} for n in range(8)
        ]
        await system.corpus.upsert(collection, shoes)
        served = await system.retrievers.create("default", "search", STAGES)
        asked = Request(namespace="default", inputs={"query": "red shoe", "user_id": "ada"})
        first = system.serve.execute(served, asked)
        for _ in range(300):
            system.serve.execute(served, asked)
        assert system.recent.get(first.execution_id) is None
        clicked = Sent(
            interaction_type=["click"], document_id="d3", position=0,
            execution_id=first.execution_id, user_id="ada",
        )  # fmt: skip
        await system.flush(close_executions=True)
        before = system.live.by_id(served.retriever.retriever_id).state.n_lessons
        (result,) = await system.capture.create_batch("default", [clicked], [b"{}"])
        assert result.attribution == "pending"
        for _ in range(2):
            await system.flush(close_executions=True)
        state = system.live.by_id(served.retriever.retriever_id).state
        assert state.n_lessons == before + 1
    finally:
        await system.close()
