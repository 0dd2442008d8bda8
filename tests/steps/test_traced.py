"""What one lesson changed: exact from the beginning and from a snapshot, refused when too far."""

from __future__ import annotations

from pathlib import Path

import pytest

from desireline.steps.learn import traced
from desireline.steps.learn.traced import Effect
from desireline.wiring import System
from tests.systems import a_retriever, click, learn, now, prefer, search, within


@pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
def test_a_snapshot_shortens_the_way_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm=algorithm)
        await prefer(system, served, 0, ["u1", "u2", "u3"])
        held = now(system, served)
        answer = search(system, served, "u4")
        receipt = await click(system, answer, 1)
        await learn(system)

        async def effect() -> Effect:
            current = now(system, served)
            found = await system.traces.lesson_of(
                current, answer.execution_id, receipt.row.interaction_id
            )
            assert found is not None
            return await system.traces.effect(current, found)

        whole = await effect()
        assert whole.unknown == ""
        assert [each.level for each in whole.changes] == ["global", "personal"]
        assert whole.changes[0].interactions_after == 4
        monkeypatch.setattr(traced, "MOST_LESSONS", 2)
        far = await effect()
        assert far.changes == ()
        assert "too many" in far.unknown
        await system.learner.save([held])
        assert await effect() == whole

    within(tmp_path, story)
