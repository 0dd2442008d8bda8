"""Usage in memory: read once, again in the background, whole after a renewal, never in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from desireline.core.popularity import Act, used
from desireline.core.times import row_time
from desireline.errors import Unavailable
from desireline.store import usage
from desireline.store.clickhouse import ClickHouse
from desireline.store.usage import Usage
from tests.builders import an_interaction, json_lines

NS = "default"
NOW_MS = 1_793_588_660_000
CLICKS = (NS, ["click"], 7.0)


class Log:
    """An event log that counts its questions, and may be away."""

    def __init__(self, log: ClickHouse) -> None:
        self.log, self.asked, self.away = log, 0, False
        self.gate = asyncio.Event()
        self.gate.set()

    async def query(self, question: str, **parameters: Any) -> list[dict[str, Any]]:
        self.asked += 1
        found = await self.log.query(question, **parameters)
        await self.gate.wait()
        if self.away:
            raise Unavailable("the log is away")
        return found

    def click(self, number: int, document_id: str, **changes: Any) -> None:
        at = row_time(NOW_MS - changes.pop("age_ms", 0))
        row = an_interaction(
            number, namespace=NS, occurred_at=at, document_id=document_id,
            **({"user_id": f"u{number}", "position": 0} | changes),
        )  # fmt: skip
        self.log.insert("interactions", json_lines(row), f"t{number}")


class Scene:
    def __init__(self, log: ClickHouse) -> None:
        self.now_ms = NOW_MS
        self.log = Log(log)
        self.usage = Usage(self.log, lambda: self.now_ms)  # type: ignore[arg-type]


def within(folder: Path, story: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        log = ClickHouse(f"chdb://{folder / 'events'}", folder)
        scene = Scene(log)
        try:
            await story(scene)
            await scene.usage.close()
        finally:
            log.close()

    asyncio.run(run())


def test_counts_are_the_formulas(tmp_path: Path):
    async def story(scene: Scene) -> None:
        for number in range(5):
            scene.log.click(number, "a", user_id="ann", position=number, age_ms=86_400_000)
        scene.log.click(5, "b")
        scene.log.click(6, "b", purpose="simulation")
        scene.log.click(7, "c", purpose="test")
        scene.log.click(8, "c", age_ms=8 * 86_400_000)
        scene.log.click(9, "c", interaction_type=("purchase",))
        assert await scene.usage.prepare(*CLICKS)
        found = scene.usage.popularity(*CLICKS)
        day = [Act("ann", 86_400_000, position) for position in range(5)]
        assert found.counts == pytest.approx({"a": used(day, 7), "b": 2.0})
        assert found.median == pytest.approx((used(day, 7) + 2) / 2)
        assert scene.log.asked == 1

    within(tmp_path, story)


def test_a_ranking_never_waits_and_old_counts_are_read_again(tmp_path: Path):
    async def story(scene: Scene) -> None:
        scene.log.click(1, "a")
        assert scene.usage.popularity(*CLICKS).counts == {}  # never read: nothing is popular
        assert await scene.usage.prepare(*CLICKS)  # the reading that was begun
        assert (scene.log.asked, scene.usage.popularity(*CLICKS).counts) == (1, {"a": 1.0})
        scene.log.click(2, "a")
        assert scene.usage.popularity(*CLICKS).counts == {"a": 1.0}
        assert scene.log.asked == 1
        scene.now_ms += usage.FRESH_MS
        assert scene.usage.popularity(*CLICKS).counts == {"a": 1.0}
        await scene.usage.close()
        assert scene.log.asked == 2
        assert scene.usage.popularity(*CLICKS).counts == pytest.approx({"a": 2.0}, rel=1e-4)

    within(tmp_path, story)


def test_a_renewal_is_seen_even_by_who_joins_an_older_reading(tmp_path: Path):
    async def story(scene: Scene) -> None:
        scene.log.gate.clear()
        older = asyncio.ensure_future(scene.usage.prepare(*CLICKS))
        while not scene.log.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)  # it has its answer, but not yet us
        scene.log.click(1, "a")
        scene.usage.renew()
        newer = asyncio.ensure_future(scene.usage.prepare(*CLICKS))
        await asyncio.sleep(0)
        scene.log.gate.set()
        assert await older
        assert await newer
        assert scene.usage.popularity(*CLICKS).counts == {"a": 1.0}

    within(tmp_path, story)


def test_a_log_that_is_away_costs_the_boost_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story(scene: Scene) -> None:
        scene.log.click(1, "a")
        assert await scene.usage.prepare(*CLICKS)
        scene.log.away = True
        scene.usage.renew()
        assert not await scene.usage.prepare(*CLICKS)
        assert scene.usage.popularity(*CLICKS).counts == {"a": 1.0}  # as last read
        asked = scene.log.asked
        scene.usage.popularity(*CLICKS)
        assert scene.log.asked == asked  # and not asked again at once
        monkeypatch.setattr(usage, "LONGEST_WAIT_MS", 50)
        scene.log.gate.clear()  # a log that hangs
        assert not await scene.usage.prepare(NS, ["purchase"], 7.0)
        scene.log.gate.set()

    within(tmp_path, story)


def test_only_so_many_questions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(usage, "MOST_KEPT", 2)

    async def story(scene: Scene) -> None:
        for days in (1.0, 2.0, 3.0):
            await scene.usage.prepare(NS, ["click", "click"], days)
        assert await scene.usage.prepare(NS, ["click"], 3.0)
        assert scene.log.asked == 3
        assert await scene.usage.prepare(NS, ["click"], 1.0)
        assert scene.log.asked == 4

    within(tmp_path, story)


def test_any_number_of_questions_is_a_few_readings(tmp_path: Path):
    async def story(scene: Scene) -> None:
        scene.log.gate.clear()
        for number in range(1, 60):
            scene.usage.popularity(NS, ["click"], float(number))
        await asyncio.sleep(0)
        assert scene.log.asked <= usage.MOST_READING
        assert not await scene.usage.prepare(NS, ["click"], 99.0)
        scene.log.gate.set()
        await scene.usage.close()
        assert await scene.usage.prepare(NS, ["click"], 99.0)

    within(tmp_path, story)


def test_a_deleted_interaction_vanishes(tmp_path: Path):
    async def story(scene: Scene) -> None:
        scene.log.click(1, "a")
        scene.log.click(2, "b")
        await scene.usage.prepare(*CLICKS)
        await scene.log.log.delete_interactions(NS, [f"{1:032x}"])
        scene.usage.renew()
        await scene.usage.prepare(*CLICKS)
        assert scene.usage.popularity(*CLICKS).counts == {"b": 1.0}

    within(tmp_path, story)
