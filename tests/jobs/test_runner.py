"""Tasks in a whole system without HTTP: order, progress, cancel, resume, giving up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from desireline.errors import Unavailable, VersionConflict
from desireline.jobs.kinds import KINDS
from desireline.jobs.runner import MOST_ATTEMPTS, Runner, Stopped, Work
from desireline.jobs.upkeep import upkeep
from desireline.steps.tasks import SILENT_MS
from desireline.types.catalog import TaskRecord
from desireline.types.retriever import Feature
from desireline.wiring import System
from tests.systems import NS, within

COLOUR = Feature(feature_uri="desireline://colour@v1/bm25", kind="lexical", fields=("colour",))


async def done(system: System, kinds: Any = KINDS) -> None:
    """Every task of the runner, one after the other."""
    runner, stop = Runner(system, kinds), asyncio.Event()
    while any(not task.is_reported for task in await system.catalog.tasks.unfinished()):
        await runner.turn(stop)


def features(*wanted: Feature) -> list[dict[str, Any]]:
    return msgspec.to_builtins(wanted)


async def a_rebuild(system: System, *more: Feature) -> TaskRecord:
    shop = system.live.collections(NS)[0]
    asked = {"collection_id": shop.collection_id, "from_version": shop.index_version}
    asked["features"] = features(*shop.features, *more)
    return await system.tasks.submit(NS, "rebuild", asked)


async def now(system: System, task: TaskRecord) -> TaskRecord:
    return await system.tasks.get(NS, task.task_id)


def test_an_index_is_optimised_and_the_row_says_so(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        shop = system.live.collections(NS)[0]
        asked = {"collection_ids": [shop.collection_id, "gone"]}
        task = await system.tasks.submit(NS, "optimize", asked)
        assert (task.status, task.done, task.total) == ("pending", 0, 0)
        again = await system.tasks.submit(NS, "optimize", asked)
        assert again.task_id == task.task_id  # the same work is not queued twice
        await done(system)
        ended = await now(system, task)
        assert (ended.status, ended.done, ended.total) == ("completed", 24, 24)
        assert (ended.unit, ended.attempts) == ("documents", 1)
        assert ended.result == {"collections": 1, "documents": 24}
        assert ended.created_at <= ended.started_at <= ended.finished_at
        assert (await system.tasks.submit(NS, "optimize", asked)).task_id != task.task_id

    within(tmp_path, story)


def test_a_new_feature_is_built_and_served(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        task = await a_rebuild(system, COLOUR)
        await done(system)
        ended = await now(system, task)
        assert (ended.status, ended.done, ended.result["index_version"]) == ("completed", 24, 2)
        shop = system.live.collections(NS)[0]
        assert shop.features[-1] == COLOUR
        assert system.corpus.count(shop) == 24

    within(tmp_path, story)


def test_work_that_was_done_but_not_noted_is_noted_and_not_repeated(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        task = await a_rebuild(system, COLOUR)
        other = await a_rebuild(system)
        shop = system.live.collections(NS)[0]
        await system.corpus.rebuild(shop, (*shop.features, COLOUR))  # then the process was killed
        await done(system)
        assert (await now(system, task)).result == {"index_version": 2}
        failed = await now(system, other)
        assert (failed.status, failed.error["code"]) == ("failed", "collection_changed")

    within(tmp_path, story)


def test_a_cancelled_rebuild_changes_nothing(tmp_path: Path) -> None:
    async def cancelling(system: System, work: Work) -> dict[str, Any]:
        await system.tasks.cancel(NS, work.task.task_id)
        assert work.is_over()
        return await KINDS["rebuild"](system, work)

    async def story(system: System) -> None:
        task = await a_rebuild(system, COLOUR)
        before = system.live.collections(NS)[0]
        await done(system, {"rebuild": cancelling})
        ended = await now(system, task)
        assert (ended.status, bool(ended.finished_at)) == ("cancelled", True)
        assert system.live.collections(NS)[0] == before
        assert not list((tmp_path / "data" / "index" / before.collection_id).glob("v2"))
        again = await system.tasks.retry(NS, task.task_id)
        assert (again.status, again.attempts) == ("pending", 0)
        await done(system)
        assert (await now(system, task)).status == "completed"

    within(tmp_path, story)


def test_a_stop_puts_work_off_and_the_next_process_goes_on_from_the_checkpoint(
    tmp_path: Path,
) -> None:
    seen: list[dict[str, Any]] = []

    def counting(stop: asyncio.Event | None) -> Callable[..., Any]:
        async def count(system: System, work: Work) -> dict[str, Any]:
            seen.append(dict(work.task.checkpoint))
            for number in range(work.task.checkpoint.get("number", 0), 10):
                if number == 4 and stop is not None:
                    stop.set()
                if work.is_over():
                    raise Stopped
                work.progress(number + 1, 10)
                await work.reached(number=number + 1)
            return {"counted": 10}

        return count

    async def first(system: System) -> None:
        stop = asyncio.Event()
        await system.tasks.submit(NS, "count", {})
        await Runner(system, {"count": counting(stop)}).run(stop)
        (left,) = await system.catalog.tasks.unfinished()
        assert (left.status, left.attempts, left.done) == ("pending", 0, 4)

    async def second(system: System) -> None:
        (left,) = await system.catalog.tasks.unfinished()
        await done(system, {"count": counting(None)})
        ended = await now(system, left)
        assert (ended.status, ended.done, ended.done_before) == ("completed", 10, 4)

    within(tmp_path, first)
    within(tmp_path, second)
    assert seen == [{}, {"number": 4}]


def test_what_ends_the_process_again_and_again_is_given_up(tmp_path: Path) -> None:
    async def never(system: System, work: Work) -> dict[str, Any]:
        raise AssertionError("begun once too often")

    async def story(system: System) -> None:
        task = await system.tasks.submit(NS, "never", {})
        killed = msgspec.structs.replace(task, status="running", attempts=MOST_ATTEMPTS)
        await system.catalog.tasks.save(killed)
        await done(system, {"never": never})
        ended = await now(system, task)
        assert (ended.status, ended.error["code"]) == ("failed", "task_gave_up")

    within(tmp_path, story)


def test_failures_are_rows_with_code_message_and_hint(tmp_path: Path) -> None:
    async def broken(system: System, work: Work) -> dict[str, Any]:
        raise ZeroDivisionError("by 0")

    async def story(system: System) -> None:
        for kind, code in (("broken", "internal_error"), ("unheard_of", "task_kind_unknown")):
            task = await system.tasks.submit(NS, kind, {})
            await done(system, {"broken": broken})
            ended = await now(system, task)
            assert (ended.status, ended.error["code"]) == ("failed", code)
            assert ended.error["message"]
            assert ended.error["hint"]

    within(tmp_path, story)


def test_a_busy_index_is_tried_again(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("desireline.jobs.runner.IDLE_S", 0.01)
    tries: list[int] = []

    async def busy(system: System, work: Work) -> dict[str, Any]:
        tries.append(work.task.attempts)
        if len(tries) < 2:
            raise Unavailable("the collection is being rebuilt", code="index_busy")
        return {}

    async def story(system: System) -> None:
        task = await system.tasks.submit(NS, "busy", {})
        await done(system, {"busy": busy})
        assert (await now(system, task)).status == "completed"

    within(tmp_path, story)
    assert tries == [1, 2]


def test_progress_is_written_at_most_five_times_a_second(tmp_path: Path) -> None:
    written: list[int] = []

    async def fast(system: System, work: Work) -> dict[str, Any]:
        save = system.catalog.tasks.save

        async def counted(task: TaskRecord) -> bool:
            written.append(task.done)
            return await save(task)

        monkey = work._tasks.ports.catalog
        monkey.save = counted  # type: ignore[method-assign]
        for number in range(1, 601):
            work.progress(number, 600)
            await asyncio.sleep(0.001)
        del monkey.save
        return {}

    async def story(system: System) -> None:
        task = await system.tasks.submit(NS, "fast", {})
        await done(system, {"fast": fast})
        assert (await now(system, task)).done == 600

    within(tmp_path, story)
    assert 2 <= len(written) <= 15  # .6 s at the least, on a busy machine two


def test_a_reporter_that_went_silent_has_failed_and_can_go_on(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        task = await system.tasks.announce(NS, "import", {"file": "a"}, 10, "bytes")
        old = msgspec.structs.replace(task, updated_at="2020-01-01T00:00:00.000Z")
        await system.tasks.give_up_silent()
        assert (await now(system, task)).status == "running"
        assert SILENT_MS < 3_600_000
        await system.catalog.tasks.save(old)
        await system.tasks.give_up_silent()
        ended = await now(system, task)
        assert (ended.status, ended.error["code"]) == ("failed", "task_silent")
        assert f"--resume task_{task.task_id}" in ended.error["hint"]
        assert (await system.tasks.retry(NS, task.task_id)).status == "running"

    within(tmp_path, story)


def test_simulated_users_run_alone_until_nobody_hears_of_them(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        task = await system.tasks.announce(NS, "simulate", {}, 10, "searches")
        with pytest.raises(VersionConflict) as refused:
            await system.tasks.announce(NS, "simulate", {}, 10, "searches")
        assert refused.value.details == {"task_id": f"task_{task.task_id}"}
        await system.tasks.announce(NS, "import", {}, 10, "bytes")
        old = msgspec.structs.replace(task, updated_at="2020-01-01T00:00:00.000Z")
        await system.catalog.tasks.save(old)
        again = await system.tasks.announce(NS, "simulate", {}, 10, "searches")
        ended = await now(system, task)
        assert (ended.status, ended.error["code"]) == ("failed", "task_silent")
        assert "--resume" not in ended.error["hint"]
        with pytest.raises(VersionConflict, match="can't go on"):
            await system.tasks.retry(NS, again.task_id)

    within(tmp_path, story)


def test_upkeep_asks_for_what_is_due_once(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        shop = system.live.collections(NS)[0]
        long = [
            {"document_id": f"x{n}", "title": "word " * 40, "caption": "word " * 40}
            for n in range(60)
        ]
        await system.corpus.upsert(shop, long)
        await upkeep(system)
        await upkeep(system)
        (task,) = await system.catalog.tasks.unfinished()
        assert task.kind == "rebuild"
        await done(system)
        ended = await now(system, task)
        assert (ended.status, ended.done) == ("completed", 84)
        assert system.live.collections(NS)[0].index_version == 2

    within(tmp_path, story)
