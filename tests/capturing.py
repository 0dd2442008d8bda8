"""A world for capture: real intake, flusher, event log and memory in a folder, and a clock to turn.

Knows which parts capture needs; tests of the step and of its routes share it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from desireline.core.recipe import compile_stages, normalise
from desireline.core.reward import rewards_of
from desireline.core.snapshot import Served
from desireline.core.times import row_time
from desireline.errors import NotFound
from desireline.http.metrics import PrometheusMetrics
from desireline.ports import RecentExecution, Shown
from desireline.steps.capture import Capture, Ports, Readings, Sent
from desireline.steps.feed import Feed
from desireline.store.clickhouse import ClickHouse
from desireline.store.flusher import Flusher, Pace
from desireline.store.intake import SegmentIntake
from desireline.store.recent import RecentMemory
from desireline.store.segments import System
from desireline.types.learning import LearningConfig, Rollout
from desireline.types.log import Execution, Impression
from desireline.types.retriever import Retriever

NOW_MS = 1_760_000_000_000
RETRIEVER = "a" * 32
EXECUTION = "e" * 32
URIS = ("desireline://title@v1/bm25", "desireline://title@v1/static")


def a_sent(**changes: Any) -> Sent:
    """A click on d0 at position 0 of the known execution."""
    defaults: dict[str, Any] = {
        "document_id": "d0",
        "interaction_type": ["click"],
        "position": 0,
        "execution_id": f"exec_{EXECUTION}",
    }
    return Sent(**(defaults | changes))


def an_execution(execution_id: str = EXECUTION, **changes: Any) -> RecentExecution:
    """An open execution of u1 in s1 for "shoes": d0 won by the first search, d1 by the second."""
    shown = [
        Shown(f"d{place}", place, 1.0 - place / 10, (1.0, 0.5), (0.6, 0.4), URIS[place % 2])
        for place in range(2)
    ]
    defaults: dict[str, Any] = {
        "execution_id": execution_id,
        "namespace": "default",
        "retriever_id": RETRIEVER,
        "at_ms": NOW_MS,
        "closes_at_ms": NOW_MS + 1_800_000,
        "query_key": "shoes",
        "user_id": "u1",
        "session_id": "s1",
        "context_keys": ("global", "personal:1"),
        "searches": URIS,
        "variant": "learned",
        "shown": shown,
    }
    return RecentExecution(**(defaults | changes))


def a_served(
    config: LearningConfig | None = None,
    opted_out: Sequence[str] = (),
    fusion: str = "learned",
    retriever_id: str = RETRIEVER,
) -> Served:
    """A retriever `products` over two searches with this learning configuration."""
    parameters: dict[str, Any] = {
        "searches": [{"feature_uri": uri} for uri in URIS],
        "fusion": fusion,
    }
    if fusion == "learned":
        parameters["learning_config"] = msgspec.to_builtins(config or LearningConfig())
    stages = normalise([{"config": {"stage_id": "feature_search", "parameters": parameters}}])
    return Served(
        retriever=Retriever(
            retriever_id=retriever_id,
            retriever_name="products",
            namespace="default",
            stages=stages,
        ),
        recipe=compile_stages(stages),
        rollout=Rollout(),
        opted_out=frozenset(opted_out),
        state=None,
        generation=1,
        snapshot_id=0,
        rewards=rewards_of(config),
    )


class Retrievers:
    """The port `Live` over a dict."""

    def __init__(self) -> None:
        self.served: dict[str, Served] = {}

    def retriever(self, namespace: str, id_or_name: str) -> Served:
        bare = id_or_name.removeprefix("ret_")
        for each in self.served.values():
            if bare in (each.retriever.retriever_id, each.retriever.retriever_name):
                return each
        raise NotFound(f"there is no retriever `{id_or_name}`")

    def by_id(self, retriever_id: str) -> Served | None:
        return self.served.get(retriever_id)

    def replace(self, served: Served) -> None:
        self.served[served.retriever.retriever_id] = served

    def remove(self, retriever_id: str) -> None:
        del self.served[retriever_id]

    def collections(self, namespace: str) -> list[Any]:
        return []


class Graves:
    """The port `Tombstones`: what was buried, in order."""

    def __init__(self) -> None:
        self.buried: list[tuple[str, str, str]] = []

    async def bury(
        self, namespace: str, kind: str, identifiers: Sequence[str], now_ms: int
    ) -> None:
        self.buried += [(namespace, kind, each) for each in identifiers]


class Keys:
    """An open server with one namespace."""

    def any_keys(self) -> bool:
        return False

    def key(self, digest: str) -> None:
        return None

    def namespace(self, id_or_name: str) -> str | None:
        return "default" if id_or_name == "default" else None


class World:
    """Everything capture works with; also what routes find as `state.system`."""

    def __init__(self, folder: Path, system: System | None = None) -> None:
        self.now_ms = NOW_MS
        self.event_log = ClickHouse(f"chdb://{folder / 'events'}", folder)
        self.intake = SegmentIntake(folder / "intake", "node1", system=system)
        self.flusher = Flusher(self.intake, self.event_log, pace=Pace(interval=0.02, floor=0.01))
        self.recent = RecentMemory()
        self.live, self.tombstones, self.keys = Retrievers(), Graves(), Keys()
        self.feed = Feed(lambda: self.now_ms)
        self.late: list[tuple[str, str, float]] = []
        self.rewarded: list[tuple[str, str, float]] = []
        self.forgotten: list[tuple[str, str]] = []
        self.ports = Ports(
            intake=self.intake,
            event_log=self.event_log,
            recent=self.recent,
            live=self.live,
            clock=lambda: self.now_ms,
            metrics=PrometheusMetrics(),
            tombstones=self.tombstones,
            late=self._late,
            rewarded=self._rewarded,
            forget=self._forget,
            feed=self.feed,
            node="node1",
            read_limit_ms=5_000,
        )
        self.clock = self.ports.clock
        self.capture, self.readings = Capture(self.ports), Readings(self.ports)

    def _late(
        self, execution: RecentExecution, document_id: str, interaction_id: str, reward: float
    ) -> None:
        self.late.append((execution.execution_id, document_id, reward))

    def _rewarded(
        self, execution: RecentExecution, document_id: str, interaction_id: str, reward: float
    ) -> None:
        self.rewarded.append((execution.execution_id, document_id, reward))

    async def _forget(self, interaction_id: str, retriever_id: str) -> None:
        self.forgotten.append((interaction_id, retriever_id))

    async def rows(self, table: str = "interactions") -> list[dict[str, Any]]:
        """All rows of a table, once everything appended is there."""
        assert await self.intake.flushed(timeout_ms=10_000)
        sql = f"SELECT * FROM {table} FINAL ORDER BY seq"  # noqa: S608
        return self.event_log._ask(sql)

    async def log(self, execution: RecentExecution) -> None:
        """Put an execution into the log alone, not into memory."""
        common = {
            "namespace": execution.namespace,
            "occurred_at": row_time(execution.at_ms),
            "received_at": row_time(execution.at_ms),
            "user_id": execution.user_id,
            "session_id": execution.session_id,
            "execution_id": execution.execution_id,
            "retriever_id": execution.retriever_id,
            "query_key": execution.query_key,
            "variant": execution.variant,
        }
        row = Execution(**common, context_keys=execution.context_keys, searches=execution.searches)
        impressions = [
            Impression(
                **common,
                document_id=shown.document_id,
                position=shown.position,
                norm_scores=shown.norm_scores,
                contributions=shown.contributions,
                winner=shown.winner,
            )
            for shown in execution.shown
        ]
        frames = [("impressions", msgspec.json.encode(each)) for each in impressions]
        self.intake.append([("executions", msgspec.json.encode(row)), *frames])
        assert await self.intake.flushed(timeout_ms=10_000)


@asynccontextmanager
async def a_world(folder: Path, system: System | None = None) -> AsyncIterator[World]:
    """A world with one learned retriever and one open execution; closed in order."""
    world = World(folder, system)
    world.flusher.start()
    world.live.replace(a_served())
    world.recent.add(an_execution())
    try:
        yield world
    finally:
        await world.intake.close()
        world.event_log.close()
