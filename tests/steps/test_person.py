"""What one person did: left out of results on request, erased on request with what it taught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from desireline.steps.capture import Sent, Visitor
from desireline.steps.serve import Request
from desireline.wiring import System
from tests.systems import NS, a_retriever, click, learn, now, search, within


def used_by(system: System, **who: str) -> Any:
    return system.readings.used(Visitor(namespace=NS, **who), ["click", "purchase"], 0, 10)


def test_every_acknowledged_act_counts_and_the_latest_come_first(tmp_path: Path):
    async def story(system: System) -> None:
        served = await a_retriever(system)
        answer = search(system, served, "ann", session_id="s1")
        for place, types in ((0, ["purchase"]), (1, ["skip"]), (2, ["click", "long_view"])):
            await click(system, answer, place, types)
        ids = [document.document_id for document in answer.shown]
        found = await used_by(system, user_id="ann")
        assert (found.document_ids, found.total, found.warnings) == ((ids[2], ids[0]), 2, ())
        assert (await used_by(system, session_id="s1")).document_ids == found.document_ids
        assert (await used_by(system, user_id="bob", session_id="s1")).total == 0
        assert (await used_by(system, session_id="s2")).total == 0

    within(tmp_path, story)


def test_excluded_documents_are_not_found_and_others_take_their_place(tmp_path: Path):
    async def story(system: System) -> None:
        served = await a_retriever(system)
        first = search(system, served)
        gone = tuple(document.document_id for document in first.shown[:3])
        asked = msgspec.structs.replace(first.request, excluded=gone)
        assert isinstance(asked, Request)
        second = system.serve.execute(now(system, served), asked)
        shown = {document.document_id for document in second.shown}
        assert not shown & {*gone}
        assert len(shown) == len(first.shown)

    within(tmp_path, story)


def test_erasing_a_user_takes_rows_and_lessons(tmp_path: Path):
    async def story(system: System) -> None:
        served = await a_retriever(system)
        for user in ("bob", "ann"):
            await click(system, search(system, served, user), 0)
        await learn(system)
        generation = now(system, served).generation
        assert system.report.total_interactions(now(system, served)) == 2
        erased = await system.readings.delete_user(NS, "ann")
        assert (erased.deleted, erased.contexts) == (1, 2)
        await learn(system)
        assert now(system, served).generation == generation + 1
        assert system.report.total_interactions(now(system, served)) == 1
        assert (await system.readings.delete_user(NS, "ann")).deleted == 0
        assert (await used_by(system, user_id="ann")).total == 0
        assert (await used_by(system, user_id="bob")).total == 1

    within(tmp_path, story)


def test_all_pages_of_a_user_go(tmp_path: Path):
    async def story(system: System) -> None:
        for start in (0, 1000):
            sent = [
                Sent(
                    document_id=f"d{number}", interaction_type="click", position=0, user_id="ann",
                    backfill=True,
                )
                for number in range(start, start + 750)
            ]  # fmt: skip
            await system.capture.create_batch(NS, sent, [b""] * len(sent))
        assert (await system.readings.delete_user(NS, "ann")).deleted == 1500
        assert (await used_by(system, user_id="ann")).total == 0

    within(tmp_path, story)


def test_a_flush_shows_all_use_that_was_acknowledged(tmp_path: Path):
    async def story(system: System) -> None:
        served = await a_retriever(system)
        answer = search(system, served, "ann")
        first, second = answer.shown[0].document_id, answer.shown[1].document_id
        asked = (NS, ["click"], 7)
        assert await system.usage.prepare(*asked)
        for place in (0, 1):
            await click(system, answer, place)
        assert system.usage.popularity(*asked).counts == {}
        await system.flush(close_executions=False)
        assert await system.usage.prepare(*asked)
        counts = system.usage.popularity(*asked).counts
        assert counts[second] / counts[first] == pytest.approx(2, rel=1e-3)
        await system.readings.delete_user(NS, "ann")
        await system.flush(close_executions=False)
        assert await system.usage.prepare(*asked)
        assert system.usage.popularity(*asked).counts == {}

    within(tmp_path, story)
