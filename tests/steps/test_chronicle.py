"""What was believed day by day, and the shadow report, in a system of this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from desireline.core import convergence, policy
from desireline.core.times import DAY_MS, from_row_time, row_time
from desireline.errors import NotAvailable
from desireline.steps.learn import past, shadow
from desireline.steps.learn.chronicle import Chronicle, Wanted
from desireline.steps.learn.lessons import folded
from desireline.steps.learn.report import weighed
from desireline.types.learning import Context
from tests.systems import a_retriever, now, prefer, search, within

SLOW = {"prior_alpha": 20.0, "prior_beta": 20.0}
USERS = [f"u{number}" for number in range(30)]


async def backdated(system: Any, served: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lessons of this retriever as if a third each had been taught on three days."""
    lessons = await system.learner.history.lessons(now(system, served))
    today = from_row_time(lessons[0].occurred_at)
    moved = [
        msgspec.structs.replace(
            lesson, occurred_at=row_time(today - DAY_MS * (2 - 3 * number // len(lessons)))
        )
        for number, lesson in enumerate(lessons)
    ]

    async def told(_served: Any, after_seq: int = 0) -> Any:
        return [lesson for lesson in moved if lesson.seq > after_seq]

    monkeypatch.setattr(system.chronicle.history, "lessons", told)
    return [from_row_time(lesson.occurred_at) for lesson in moved]


def test_a_day_is_the_fold_of_the_lessons_until_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def story(system: Any) -> None:
        served = await a_retriever(system, **SLOW)
        await prefer(system, served, 0, USERS)
        await backdated(system, served, monkeypatch)
        days = await system.chronicle.days(now(system, served), 5)
        assert [belief.lessons for _, belief in days] == [0, 0, 10, 10, 10]
        assert days[0][1].mean == days[1][1].mean == ()
        first, second, last = (belief for _, belief in days[2:])
        assert first.mean[0] < second.mean[0] < last.mean[0]
        assert max(last.sd) < max(first.sd)
        present = system.report.overall(now(system, served)).mean
        assert last.mean == pytest.approx(tuple(present.values()), abs=1e-3)
        assert days == await system.chronicle.days(now(system, served), 5)

    within(tmp_path, story)


@pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
def test_days_folded_piece_by_piece_are_those_folded_at_once(tmp_path: Path, algorithm: str):
    async def story(system: Any) -> None:
        served = await a_retriever(system, algorithm=algorithm)
        chronicle = system.chronicle
        for start in range(0, 9, 3):
            await prefer(system, served, start % 2, USERS[start : start + 3])
            for count in (3, 2):
                await chronicle.days(now(system, served), count)
        kept = await chronicle.days(now(system, served), 3)
        fresh = Chronicle(chronicle.history, chronicle.catalog, chronicle.clock)
        assert kept == await fresh.days(now(system, served), 3)
        assert kept == (await fresh.days(now(system, served), 9))[-3:]
        assert kept[-1][1].lessons == 9

    within(tmp_path, story)


def test_only_new_lessons_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, USERS[:4])
        history, asked = system.chronicle.history, []
        lessons = history.lessons

        async def told(of: Any, after_seq: int = 0) -> Any:
            found = await lessons(of, after_seq)
            asked.append(len(found))
            return found

        monkeypatch.setattr(history, "lessons", told)
        for count in (30, 3, 9, 30):
            await system.chronicle.days(now(system, served), count)
        assert asked == [4]
        await prefer(system, served, 0, USERS[4:5])
        await system.chronicle.days(now(system, served), 30)
        assert asked == [4, 1]
        await system.chronicle.days(now(system, served), 31)
        assert asked == [4, 1, 5]

    within(tmp_path, story)


def test_the_next_day_begins_where_the_last_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, USERS[:4])
        fresh = now(system, served)
        (_, today) = (await system.chronicle.days(fresh, 2))[-1]
        later = system.clock() + 2 * DAY_MS
        monkeypatch.setattr(system.chronicle, "clock", lambda: later)
        days = [belief for _, belief in await system.chronicle.days(fresh, 4)]
        assert days[1] == today
        assert [day.lessons for day in days] == [0, 4, 0, 0]
        await prefer(system, served, 0, USERS[4:6])
        fresh = now(system, served)
        again = Chronicle(system.chronicle.history, system.chronicle.catalog, lambda: later)
        assert await system.chronicle.days(fresh, 3) == await again.days(fresh, 3)

    within(tmp_path, story)


def test_pasts_are_kept_of_the_retrievers_asked_about_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def story(system: Any) -> None:
        monkeypatch.setattr(past, "KEPT_RETRIEVERS", 2)
        pasts = past.Pasts(system.chronicle.history)
        one, two, three = [await a_retriever(system, f"r{number}") for number in range(3)]
        first, second = pasts.of(one), pasts.of(two)
        assert pasts.of(one) is first
        pasts.of(three)
        assert pasts.of(one) is first
        assert pasts.of(two) is not second
        other = msgspec.structs.replace(one, generation=one.generation + 1)
        assert pasts.of(other) is not first

    within(tmp_path, story)


# What changed since.


@pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
def test_what_changed_since_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
):
    async def story(system: Any) -> None:
        served = await a_retriever(system, algorithm=algorithm)
        await prefer(system, served, 0, USERS)
        moments = await backdated(system, served, monkeypatch)
        fresh = now(system, served)
        report = await system.chronicle.changes(fresh, moments[0] - 1, 100)
        assert (report.then, report.lessons, report.interactions) == (None, 30, 30)
        assert report.now == system.report.overall(fresh)
        await system.chronicle.days(fresh, 3)
        for known in (True, False):  # from the end of a day that is kept, and from nothing
            chronicle = Chronicle(
                system.chronicle.history, system.chronicle.catalog, system.clock
            ) if not known else system.chronicle  # fmt: skip
            for since, lessons in ((moments[9], 20), (moments[10] + DAY_MS // 2, 10)):
                report = await chronicle.changes(fresh, since, 100)
                assert (report.lessons, report.interactions) == (lessons, lessons)
                past_state = folded(
                    msgspec.structs.replace(fresh, state=policy.State(), snapshot_id=0),
                    (await chronicle.history.lessons(fresh))[: 30 - lessons],
                )
                assert report.then == weighed(past_state, Context(), "global", since)
        unchanged = await system.chronicle.changes(fresh, moments[-1], 100)
        assert unchanged.then is not None
        assert (unchanged.then.mean, unchanged.lessons) == (report.now.mean, 0)

    within(tmp_path, story)


def test_a_shift_of_everyones_weights_is_told_with_its_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def story(system: Any) -> None:
        served = await a_retriever(system, **SLOW)
        await prefer(system, served, 0, USERS[:10])
        await prefer(system, served, 1, USERS[10:])
        await backdated(system, served, monkeypatch)
        wanted = Wanted(since_ms=system.clock() - 10 * DAY_MS, kind="weight_shift")
        found, warning = await system.chronicle.happened(now(system, served), wanted)
        assert warning == ""
        assert {each.details["feature_uri"] for each in found} == set(served.uris)
        for each in found:
            assert abs(each.details["to"] - each.details["from"]) > convergence.SHIFT
        none = Wanted(since_ms=wanted.since_ms, kind="weight_shift", user_id="u1")
        assert await system.chronicle.happened(now(system, served), none) == ([], "")

    within(tmp_path, story)


def test_a_report_folds_no_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, USERS[:3])
        monkeypatch.setattr(past, "MOST_LESSONS", 2)
        with pytest.raises(NotAvailable, match="3 lessons are too many"):
            await system.chronicle.days(now(system, served), 3)
        found, warning = await system.chronicle.happened(now(system, served), Wanted(since_ms=0))
        assert found == []
        assert warning == "weight_shift is left out: 3 lessons are too many to fold for a report"

    within(tmp_path, story)


@pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
def test_a_belief_is_the_same_whatever_is_explored(tmp_path: Path, algorithm: str):
    async def story(system: Any) -> None:
        found = []
        for number, floor in enumerate((0.1, 5.0)):
            config = {"algorithm": algorithm, "exploration_floor": floor, **SLOW}
            served = await a_retriever(system, f"r{number}", **config)
            await prefer(system, served, 0, USERS[:8])
            ((_, belief),) = await system.chronicle.days(now(system, served), 1)
            found.append(belief)
        assert found[0].mean == pytest.approx(found[1].mean, abs=0.03)
        assert found[0].sd == pytest.approx(found[1].sd, rel=0.25)
        assert 0.005 < max(found[0].sd) < 0.3

    within(tmp_path, story)


@pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
def test_the_interval_is_of_what_is_believed_and_beside_it_of_what_is_drawn(
    tmp_path: Path, algorithm: str
):
    async def story(system: Any) -> None:
        served = await a_retriever(system, algorithm=algorithm, exploration_decay=0.9, **SLOW)
        await prefer(system, served, 0, [f"w{number}" for number in range(60)])
        fresh = now(system, served)
        ((_, today),) = await system.chronicle.days(fresh, 1)
        found = system.report.overall(fresh)
        ratio = system.report.exploration(fresh, found).variance_ratio
        assert ratio == pytest.approx(0.1 if algorithm == "thompson_sampling" else 0.025)
        for place, uri in enumerate(fresh.uris):
            believed = (found.high[uri] - found.low[uri]) / 3.92
            drawn = (found.drawn_high[uri] - found.drawn_low[uri]) / 3.92
            assert believed == pytest.approx(today.sd[place], rel=0.15)
            assert drawn == pytest.approx(today.sd[place] * ratio**0.5, rel=0.2)

    within(tmp_path, story)


def test_settling_takes_three_days_of_certainty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def story(system: Any) -> None:
        served = await a_retriever(system, exploration_floor=0.1, exploration_decay=0.9)
        await prefer(system, served, 0, [f"v{number}" for number in range(60)])
        fresh = now(system, served)
        today = [belief for _, belief in await system.chronicle.days(fresh, 3)]
        assert not convergence.is_settled(today)
        later = system.clock() + 2 * DAY_MS
        monkeypatch.setattr(system.chronicle, "clock", lambda: later)
        days = [belief for _, belief in await system.chronicle.days(fresh, 3)]
        assert convergence.is_settled(days) == (max(max(day.sd) for day in days) < 0.05)

    within(tmp_path, story)


# The shadow report, from rows as the log gives them.


def rows(better: bool, users: int = 400) -> list[dict[str, Any]]:
    """Rewarded documents that stand near the end and in front in the shadow, or the reverse."""
    rng = np.random.Generator(np.random.PCG64(3))
    found = []
    for number in range(users):
        far, near = int(rng.integers(4, 9)), int(rng.integers(0, 2))
        position, place = (far, near) if better else (near, far)
        found.append({
            "execution_id": f"{number}", "visitor": f"u{number}", "shown": 10, "seen": 8,
            "depth": 10, "positions": [position], "places": [place],
        })  # fmt: skip
    return found


SUMMARY = {"executions": 500}


@pytest.mark.parametrize(("better", "verdict"), [(True, "better"), (False, "worse")])
def test_a_planted_difference_is_found(tmp_path: Path, better: bool, verdict: str):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        found = shadow.judged(served, SUMMARY, rows(better))
        assert found.verdict == verdict
        few = shadow.judged(served, SUMMARY, rows(better, 80))
        assert few.verdict == "not known yet"
        assert any("effective rewards" in each for each in few.caveats)
        assert found.coverage == pytest.approx(0.8)
        assert (found.learned.ndcg > found.static.ndcg) == better
        assert (found.learned.rewarded > found.static.rewarded) == better
        assert any("newest 400 of 500" in each for each in found.caveats)
        assert not any("only" in each and "users acted" in each for each in found.caveats)

    within(tmp_path, story)


def test_a_document_only_the_shadow_would_show_counts_nothing(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        lost = [{**row, "places": [-1]} for row in rows(better=True)]
        found = shadow.judged(served, SUMMARY, lost)
        assert (found.learned.ndcg, found.learned.rewarded) == (0, 0)

    within(tmp_path, story)


def test_folding_in_days_is_folding_at_once(tmp_path: Path):
    async def story(system: Any) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, USERS[:6])
        search(system, served, "stranger")
        lessons = await system.learner.history.lessons(now(system, served))
        fresh = msgspec.structs.replace(served, state=policy.State(), snapshot_id=0)
        once = folded(fresh, lessons)
        twice = folded(folded(fresh, lessons[:3]), lessons[3:])
        assert policy.to_bytes(once.state) == policy.to_bytes(twice.state)

    within(tmp_path, story)
