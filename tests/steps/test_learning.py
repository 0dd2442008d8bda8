"""The loop in one process: what clicks change, for whom, and what switches do at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from desireline.core import beta, policy
from desireline.core.snapshot import Served
from desireline.errors import IntakeFull, StorageFull
from desireline.steps.capture import Sent
from desireline.steps.serve import Answer
from desireline.types.learning import Context
from desireline.wiring import System
from tests.systems import (
    CAPTION,
    NS,
    TITLE,
    a_retriever,
    a_system,
    click,
    learn,
    now,
    prefer,
    search,
    stages,
    within,
)

ALGORITHMS = pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
USERS = [f"u{n}" for n in range(30)]


def level(answer: Answer) -> str:
    assert answer.choice is not None
    return answer.choice.weights.level


def mean(system: System, served: Served, context: Context | None = None) -> dict[str, float]:
    """The weights that are believed in, by search."""
    served = now(system, served)
    ready = policy.ready(
        served.state.nodes, context or Context(), served.learning, 2, system.clock()
    )
    return dict(zip(served.uris, policy.mean(ready).values, strict=True))


def fingerprint(system: System, served: Served) -> str:
    return system.report.fingerprint(now(system, served))


def test_a_session_that_began_before_learning_keeps_its_order_until_it_acts(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system)
        before = search(system, served, session_id="early")
        assert level(before) == "prior"
        await prefer(system, served, 1, USERS[:8])
        again = search(system, served, session_id="early")
        assert (level(again), again.method) == ("prior", "rrf")
        assert again.shown == before.shown
        assert search(system, served, session_id="new").method == "learned"
        await click(system, again)
        assert search(system, served, session_id="early").method == "learned"

    within(tmp_path, story)


@ALGORITHMS
def test_the_ladder_prior_then_everyone_then_oneself(tmp_path: Path, algorithm: str) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(
            system, algorithm=algorithm, demographic_features=["INPUT.user_segment"]
        )
        first = search(system, served, "ada", user_segment="pro")
        assert (level(first), first.method, first.choice.reason) == ("prior", "rrf", "no_data")
        seen = []
        for _ in range(6):
            answer = search(system, served, "ada", user_segment="pro")
            seen.append(level(answer))
            await click(system, answer)
            await learn(system)
        assert seen[0] == "prior"
        assert set(seen[1:5]) == (
            {"demographic"} if algorithm == "thompson_sampling" else {"global"}
        )
        assert seen[5] == "personal"
        stranger = search(system, served, "bob")
        assert level(stranger) == "global"
        assert stranger.method == "learned"
        segment = search(system, served, "eve", user_segment="pro")
        assert level(segment) == "demographic"

    within(tmp_path, story)


@ALGORITHMS
@pytest.mark.parametrize(("parity", "winner"), [(0, TITLE), (1, CAPTION)])
def test_weights_move_towards_the_search_that_wins_clicks(
    tmp_path: Path, algorithm: str, parity: int, winner: str
) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm=algorithm)
        assert mean(system, served)[winner] == 0.5
        for users in (USERS[:15], USERS[15:]):
            await prefer(system, served, parity, users)
            assert mean(system, served)[winner] > 0.55

    within(tmp_path, story)


def test_people_of_different_taste_get_different_weights(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(
            system, algorithm="logistic", demographic_features=["INPUT.user_segment"]
        )
        for _ in range(3):
            await prefer(system, served, 0, USERS[:10], user_segment="a")
            await prefer(system, served, 1, USERS[10:20], user_segment="b")
        contexts = [
            search(system, served, "new", user_segment=segment).choice.context  # type: ignore[union-attr]
            for segment in "ab"
        ]
        left, right = (mean(system, served, context)[TITLE] for context in contexts)
        assert left > 0.55 > 0.45 > right

    within(tmp_path, story)


def test_a_visit_learns_at_once_and_only_for_itself(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm="logistic")
        await prefer(system, served, 0, USERS[:5])
        before = fingerprint(system, served)
        plain = Context(session="session:v")
        for place in (1, 3, 5):
            answer = search(system, served, session_id="v")
            odd = [n for n, d in enumerate(answer.shown) if int(d.document_id[1:]) % 2]
            await click(system, answer, odd[place // 2])
        session = system.sessions.of(now(system, served), "v")
        assert session is not None
        assert session.n == 3
        current, ms = now(system, served), system.clock()
        nodes, config = current.state.nodes, current.learning
        own = policy.mean(policy.ready(nodes, plain, config, 2, ms, session)).values
        everyones = policy.mean(policy.ready(nodes, plain, config, 2, ms)).values
        assert own[1] > everyones[1]
        assert fingerprint(system, served) == before
        assert system.sessions.of(current, "another") is None

    within(tmp_path, story)


def test_a_reset_forgets_one_and_keeps_the_rest(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm="logistic", min_interactions=1)
        await prefer(system, served, 0, ["ada", "bob"] * 4)
        shared = mean(system, served)
        assert level(search(system, served, "ada")) == "personal"
        await system.control.reset(now(system, served), "ada")
        assert level(search(system, served, "ada")) == "global"
        assert level(search(system, served, "bob")) == "personal"
        assert mean(system, served) == shared
        lessons = await system.learner.history.lessons(now(system, served))
        assert [row.kind for row in lessons].count("reset") == 1

    within(tmp_path, story)


def test_opting_out_serves_static_and_teaches_nothing_until_one_is_back(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm="logistic", min_interactions=1)
        await prefer(system, served, 0, ["ada", "bob"])
        await system.control.opt_out(now(system, served), "ada", "")
        before = fingerprint(system, served)
        await learn(system)
        answer = search(system, served, "ada")
        assert (answer.method, answer.choice.reason) == ("rrf", "opted_out")  # type: ignore[union-attr]
        receipt = await click(system, answer)
        assert (receipt.row.teaches, receipt.row.teaches_reason) == (0, "opted_out")
        await learn(system)
        assert fingerprint(system, served) != before  # who is out is part of the state
        nodes = now(system, served).state.nodes
        await prefer(system, served, 0, ["ada"])
        assert now(system, served).state.nodes == nodes
        await system.control.opt_in(now(system, served), "ada", "")
        answer = search(system, served, "ada")
        assert (answer.method, level(answer)) == ("learned", "personal")  # what was is still there
        assert (await click(system, answer)).row.teaches == 1
        await learn(system)
        assert now(system, served).state.nodes.keys() == nodes.keys()

    within(tmp_path, story)


def test_the_kill_switch_and_the_rollout_hold_for_the_next_request(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, USERS[:8])
        assert search(system, served, "x").method == "learned"
        await system.control.switch(now(system, served), on=False, by="", reason="test")
        off = search(system, served, "x")
        assert (off.method, off.choice.reason, off.choice.variant) == (
            "rrf",
            "kill_switch",
            "static",
        )  # type: ignore[union-attr]
        await prefer(system, served, 0, USERS[8:16])  # statically served traffic still teaches
        assert system.report.total_interactions(now(system, served)) == 16
        await system.control.switch(now(system, served), on=True, by="", reason="")
        assert search(system, served, "x").method == "learned"
        await system.control.set_rollout(now(system, served), 0, "")
        assert search(system, served, "x").choice.reason == "not_in_rollout"  # type: ignore[union-attr]
        await system.control.set_rollout(now(system, served), 100, "")
        assert search(system, served, "x").method == "learned"

    within(tmp_path, story)


def test_the_breaker_opens_when_weights_come_late(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system)
        await prefer(system, served, 0, USERS[:8])
        ticks = iter(range(0, 1_000_000, 5_000))  # every look at the clock is five seconds later
        system.serve.decider.milliseconds = lambda: float(next(ticks))
        reasons = [search(system, served, f"n{n}").choice.reason for n in range(6)]  # type: ignore[union-attr]
        assert set(reasons) == {"circuit_breaker"}
        system.serve.decider.milliseconds = lambda: 0.0
        still = search(system, served, "n9")
        assert (still.method, still.choice.reason) == ("rrf", "circuit_breaker")  # type: ignore[union-attr]

    within(tmp_path, story)


def test_a_changed_configuration_learns_everything_again(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        one = await a_retriever(system, "one", algorithm="thompson_sampling")
        await prefer(system, one, 0, USERS[:10])
        before = fingerprint(system, one)
        await system.retrievers.patch(now(system, one), stages(algorithm="logistic"), {})
        after = fingerprint(system, one)
        assert after != before
        assert mean(system, one)[TITLE] > 0.5
        await system.retrievers.patch(now(system, one), stages(algorithm="thompson_sampling"), {})
        assert fingerprint(system, one) == before

    within(tmp_path, story)


def test_a_snapshot_of_another_configuration_is_not_used(tmp_path: Path) -> None:
    async def first(system: System) -> None:
        served = await a_retriever(system, algorithm="logistic")
        await prefer(system, served, 0, USERS[:10])
        await system.learner.save(system.live.retrievers())
        # The configuration changes and the process dies before anything is learned again.
        retriever = now(system, served).retriever
        wanted = msgspec.structs.replace(
            retriever, stages=_stored(stages(algorithm="logistic", gamma=0.9))
        )
        await system.catalog.retrievers.update(wanted, expected_version=retriever.version)

    async def second() -> None:
        async with a_system(tmp_path) as system:
            served = system.live.retriever(NS, "search")
            assert served.learning.gamma == 0.9
            restored = fingerprint(system, served)
            await system.learner.refold(served.retriever.retriever_id)
            assert fingerprint(system, served) == restored

    within(tmp_path, first)
    asyncio.run(second())


def _stored(sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    from desireline.core import recipe

    return recipe.with_defaults(recipe.normalise(sent))


def test_exploration_swaps_one_pair_and_says_so(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, exploration_traffic=0.5)
        assert not any(search(system, served, "new").explored_at >= 0 for _ in range(20))  # prior
        await prefer(system, served, 0, USERS[:10])
        swapped, plain = [], 0
        for number in range(60):
            answer = search(system, served, f"e{number}")
            if answer.explored_at >= 0:
                swapped.append(answer)
            else:
                plain += 1
        assert swapped
        assert plain
        for answer in swapped:
            scores, at = answer.fused.scores.tolist(), answer.explored_at  # type: ignore[union-attr]
            scores[at], scores[at + 1] = scores[at + 1], scores[at]
            assert scores == sorted(scores, reverse=True)
        await system.intake.flushed(timeout_ms=10_000)
        row = (
            await system.event_log.query(
                "execution_by_id", namespace=NS, execution_id=swapped[0].execution_id
            )
        )[0]
        assert row["explore"] == 1
        assert msgspec.json.decode(row["payload"])["explored_at"] == swapped[0].explored_at

    within(tmp_path, story)


@pytest.mark.parametrize("purpose", ["evaluation", "test"])
def test_traffic_that_is_none_teaches_nothing(tmp_path: Path, purpose: str) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system)
        before = fingerprint(system, served)
        receipt = await click(system, search(system, served, "x", purpose=purpose))
        assert (receipt.row.teaches_reason, receipt.row.purpose) == ("not_traffic", purpose)
        assert await learn(system) == 0
        assert fingerprint(system, served) == before
        await click(system, search(system, served, "x", purpose="simulation"))
        assert await learn(system) == 1
        assert fingerprint(system, served) != before

    within(tmp_path, story)


@pytest.mark.parametrize(("learn_from", "interactions"), [("all", 5), ("served", 0)])
def test_statically_served_traffic(tmp_path: Path, learn_from: str, interactions: int) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, learn_from=learn_from, rollout_pct=0)
        for user in USERS[:5]:
            receipt = await click(system, search(system, served, user))
            assert receipt.row.teaches_reason == ("open" if interactions else "static_traffic")
        await learn(system)
        assert system.report.total_interactions(now(system, served)) == interactions

    within(tmp_path, story)


def test_lessons_wait_while_the_backlog_is_full_and_none_is_lost(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm="logistic")
        for user in USERS[:4]:
            await click(system, search(system, served, user))
        append, refuse = system.intake.append, [True]

        def full(rows: Any) -> Any:
            if refuse[0]:
                raise IntakeFull("full")
            return append(rows)

        system.intake.append = full  # type: ignore[method-assign]
        assert await learn(system) == 4
        assert now(system, served).state.n_lessons == 0
        with pytest.raises(IntakeFull):
            await system.control.reset(now(system, served), "u1")
        refuse[0] = False
        await learn(system)
        assert now(system, served).state.n_lessons == 4
        rows = await system.learner.history.lessons(now(system, served))
        assert len({row.execution_id for row in rows}) == len(rows) == 4

    within(tmp_path, story)


def test_a_lesson_the_disk_refused_is_not_believed_and_is_written_again(tmp_path: Path) -> None:
    async def story(system: System) -> None:
        served = await a_retriever(system, algorithm="logistic")
        await click(system, search(system, served, "u1"))
        synced, failing = system.intake.synced, [True]

        async def refusing(ticket: Any) -> None:
            if failing[0]:
                raise StorageFull("full")
            await synced(ticket)

        system.intake.synced = refusing  # type: ignore[method-assign]
        await learn(system)
        assert now(system, served).state.n_lessons == 0
        failing[0] = False
        await learn(system)
        assert now(system, served).state.n_lessons == 1

    within(tmp_path, story)


def test_a_trusted_client_says_which_search_is_credited(tmp_path: Path) -> None:
    """Also across a restart, and for a reward that comes after the closing."""

    async def click_for(system: System, answer: Answer, uri: str) -> str:
        sent = Sent(
            document_id=answer.shown[0].document_id, interaction_type=["click"], position=0,
            execution_id=f"exec_{answer.execution_id}", feature_uri=uri,
        )  # fmt: skip
        return (await system.capture.create(NS, sent)).row.feature_uri

    def gained(system: System, served: Served) -> list[float]:
        current = system.live.by_id(served.retriever.retriever_id)
        node, config = current.state.nodes["global"], current.learning
        return beta.counts(node, 2, system.clock(), config).positive.tolist()

    async def story() -> None:
        async with a_system(tmp_path) as system:
            served = await a_retriever(
                system, algorithm="thompson_sampling", attribution="client", decay_factor=1.0
            )
            answer = search(system, served, "ada")
            winner = served.uris[int(answer.fused.winner[0])]
            (loser,) = set(served.uris) - {winner}
            assert await click_for(system, answer, loser) == loser
            assert await click_for(system, search(system, served, "eve"), "nonsense") == winner
        async with a_system(tmp_path) as system:  # both are still open
            await learn(system)
            first = dict(zip(served.uris, gained(system, served), strict=True))
            assert first == {winner: 1.0, loser: 1.0}
            late = search(system, served, "bob")
            await learn(system)
            await click_for(system, late, loser)
            await learn(system)
            assert sum(gained(system, served)) == 3
            assert gained(system, served)[served.uris.index(loser)] == 2

    asyncio.run(story())
