"""Capture on a real intake and event log: links, rewards, receipts, duplicates, order."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from desireline.core.times import row_time
from desireline.errors import Invalid, NotFound, StorageFull
from desireline.steps.capture import Capture, Selection, warning_of
from desireline.store.memory import rebuild
from desireline.store.recent import RecentMemory
from desireline.store.segments import System
from desireline.types.learning import LearningConfig
from tests.capturing import (
    EXECUTION,
    NOW_MS,
    RETRIEVER,
    URIS,
    World,
    a_sent,
    a_served,
    a_world,
    an_execution,
)

NS = "default"


def within(folder: Path, story: Callable[[World], Awaitable[None]], system: System | None = None):
    async def run() -> None:
        async with a_world(folder, system) as world:
            await story(world)

    asyncio.run(run())


def test_a_click_on_a_shown_document_is_credited_to_the_search_that_found_it(tmp_path: Path):
    async def story(world: World) -> None:
        sent = a_sent(
            document_id="d1", position=1, feature_uri=URIS[0], metadata={"query": "Shoes"}
        )
        row = (await world.capture.create(NS, sent)).row
        assert (row.attribution, row.feature_uri, row.client_feature_uri) == (
            "logged",
            URIS[1],
            URIS[0],
        )
        assert (row.retriever_id, row.user_id, row.session_id) == (RETRIEVER, "u1", "s1")
        assert (row.reward, row.teaches, row.teaches_reason) == (1.0, 1, "open")
        assert (row.position, row.position_as_sent, row.query_key) == (1, 1, "shoes")
        assert warning_of(row) is None
        execution = world.recent.get(EXECUTION)
        assert execution is not None
        assert execution.shown[1].rewards == [(row.interaction_id, 1.0)]
        assert execution.engaged
        assert world.rewarded == [(EXECUTION, "d1", 1.0)]
        stored = await world.rows()
        assert len(stored) == 1
        read, warnings = await world.readings.get(NS, row.interaction_id)
        assert read == row
        assert warnings == []

    within(tmp_path, story)


def test_the_absolute_rank_is_the_logs_and_the_position_the_clients(tmp_path: Path):
    async def story(world: World) -> None:
        execution = an_execution("b" * 32)
        execution.shown[0].position = 20
        world.recent.add(execution)
        row = (await world.capture.create(NS, a_sent(execution_id="b" * 32))).row
        assert (row.position, row.position_as_sent) == (20, 0)

    within(tmp_path, story)


def test_rewards_add_up_over_the_types_and_follow_the_retrievers_map(tmp_path: Path):
    async def story(world: World) -> None:
        both = a_sent(interaction_type=["LONG_VIEW", "click"])
        assert (await world.capture.create(NS, both)).row.reward == 2.0
        world.live.replace(a_served(LearningConfig(reward_map={"skip": -1.0, "demo_booked": 4.0})))
        rewards = [
            (await world.capture.create(NS, a_sent(interaction_type=kind))).row.reward
            for kind in ("skip", "demo_booked", "purchase")
        ]
        assert rewards == [-1.0, 4.0, 0.0]
        rated = a_sent(interaction_type="rating", metadata={"rating": 5}, execution_id="")
        assert (await world.capture.create(NS, rated)).row.reward == 2.0

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("config", "changes", "sent", "reason"),
    [
        (LearningConfig(learn_from="served"), {"variant": "static"}, {}, "static_traffic"),
        (LearningConfig(), {"variant": "static"}, {}, "open"),
        (LearningConfig(), {"purpose": "evaluation"}, {}, "not_traffic"),
        (LearningConfig(), {"teaches": False}, {}, "not_logged"),
        (LearningConfig(), {"open": False}, {}, "late"),
        (LearningConfig(), {"user_id": "gone"}, {}, "opted_out"),
        (LearningConfig(opt_out_scope="serve"), {"user_id": "gone"}, {}, "open"),
        (LearningConfig(), {}, {"interaction_type": "view"}, "zero_reward"),
        (LearningConfig(), {}, {"document_id": "d9"}, "not_shown"),
        (LearningConfig(), {}, {"interaction_type": "zero_results"}, "zero_reward"),
        (LearningConfig(), {"retriever_id": "f" * 32}, {}, "retriever_deleted"),
        (LearningConfig(), {}, {"execution_id": "exec_abc123xyz"}, "unknown_execution"),
        (LearningConfig(), {}, {"execution_id": ""}, "no_execution"),
        (LearningConfig(), {}, {"execution_id": "", "occurred_at": "2024-01-01"}, "backfill"),
    ],
)
def test_a_row_that_teaches_nothing_says_why(
    tmp_path: Path, config: LearningConfig, changes: dict, sent: dict, reason: str
):
    async def story(world: World) -> None:
        world.live.replace(a_served(config, opted_out=["gone"]))
        world.recent.add(an_execution(**changes))
        row = (await world.capture.create(NS, a_sent(**sent))).row
        assert row.teaches_reason == reason
        assert bool(row.teaches) == (reason in ("open", "late"))
        assert (warning_of(row) is None) == bool(row.teaches)
        assert bool(world.late) == (reason == "late")

    within(tmp_path, story)


def test_a_retriever_without_a_learned_stage_teaches_nothing(tmp_path: Path):
    async def story(world: World) -> None:
        world.live.replace(a_served(fusion="rrf"))
        row = (await world.capture.create(NS, a_sent())).row
        assert (row.teaches_reason, row.attribution) == ("nothing_to_learn", "logged")

    within(tmp_path, story)


def test_a_foreign_execution_id_is_kept_under_a_stable_id(tmp_path: Path):
    async def story(world: World) -> None:
        first = (await world.capture.create(NS, a_sent(execution_id="exec_abc", position=0))).row
        second = (await world.capture.create(NS, a_sent(execution_id="abc", position=1))).row
        assert first.execution_id == second.execution_id != EXECUTION
        assert (await world.capture.create(NS, a_sent(execution_id="abc"))).deduplicated

    within(tmp_path, story)


def test_contradictions_keep_the_logs_word_and_the_clients_under_its_own_name(tmp_path: Path):
    async def story(world: World) -> None:
        sent = a_sent(user_id="other", session_id="s1", metadata={"reward_value": 9})
        row = (await world.capture.create(NS, sent)).row
        metadata = msgspec.json.decode(row.attributes)["metadata"]
        assert row.user_id == "u1"
        assert metadata == {
            "reward_value": 1.0,
            "client_reward_value": 9,
            "client_user_id": "other",
        }
        assert "user_id differs" in (warning_of(row) or "")
        assert row.teaches

    within(tmp_path, story)


def test_a_missing_execution_is_inferred_from_what_the_visitor_saw(tmp_path: Path):
    async def story(world: World) -> None:
        sent = a_sent(execution_id="", session_id="s1", metadata={"query": " SHOES "})
        row = (await world.capture.create(NS, sent)).row
        assert (row.attribution, row.execution_id, row.feature_uri) == (
            "inferred",
            EXECUTION,
            URIS[0],
        )
        by_user = a_sent(execution_id="", session_id="another", user_id="u1", document_id="d1")
        assert (await world.capture.create(NS, by_user)).row.attribution == "inferred"
        elsewhere = a_sent(execution_id="", session_id="s1", metadata={"query": "boots"})
        assert (await world.capture.create(NS, elsewhere)).row.attribution == "none"
        world.now_ms += 61 * 60_000
        late = a_sent(execution_id="", session_id="s1", position=1)
        assert (await world.capture.create(NS, late)).row.attribution == "none"

    within(tmp_path, story)


def test_a_late_purchase_finds_its_execution_in_the_log(tmp_path: Path):
    async def story(world: World) -> None:
        await world.log(an_execution("b" * 32, session_id="s7", user_id="u7"))
        world.now_ms += 6 * 24 * 60 * 60_000
        sent = a_sent(execution_id="", user_id="u7", interaction_type="purchase", position=1)
        row = (await world.capture.create(NS, sent)).row
        assert (row.attribution, row.execution_id, row.teaches_reason) == (
            "inferred",
            "b" * 32,
            "late",
        )
        assert world.late == [("b" * 32, "d0", 3.0)]
        world.now_ms += 2 * 24 * 60 * 60_000
        assert (await world.capture.create(NS, sent)).row.attribution == "none"
        named = a_sent(execution_id=f"exec_{'b' * 32}", document_id="d1")
        assert (await world.capture.create(NS, named)).row.feature_uri == URIS[1]

    within(tmp_path, story)


def test_a_log_that_does_not_answer_in_time_leaves_the_row_pending(tmp_path: Path):
    async def story(world: World) -> None:
        impatient = Capture(msgspec.structs.replace(world.ports, read_limit_ms=0))
        row = (await impatient.create(NS, a_sent(execution_id="c" * 32))).row
        assert (row.attribution, row.teaches_reason, row.execution_id) == (
            "pending",
            "pending",
            "c" * 32,
        )

    within(tmp_path, story)


def test_the_same_act_within_five_minutes_is_stored_once(tmp_path: Path):
    async def story(world: World) -> None:
        first = await world.capture.create(NS, a_sent(interaction_type=["click", "long_view"]))
        again = await world.capture.create(NS, a_sent(interaction_type=["LONG_VIEW", "click"]))
        assert (first.deduplicated, again.deduplicated) == (False, True)
        assert not (await world.capture.create(NS, a_sent(interaction_type="click"))).deduplicated
        assert not (await world.capture.create("other", a_sent())).deduplicated
        world.now_ms += 5 * 60_000
        later = await world.capture.create(NS, a_sent(interaction_type=["click", "long_view"]))
        assert not later.deduplicated
        anonymous = a_sent(execution_id="")
        for _ in range(2):
            assert not (await world.capture.create(NS, anonymous)).deduplicated
        visit = a_sent(execution_id="", session_id="s9", metadata={"query": "boots"})
        assert not (await world.capture.create(NS, visit)).deduplicated
        assert (await world.capture.create(NS, visit)).deduplicated
        assert len(await world.rows()) == 7

    within(tmp_path, story)


def test_past_interactions_are_never_duplicates_and_leave_the_session_alone(tmp_path: Path):
    async def story(world: World) -> None:
        past = a_sent(occurred_at="2025-10-09T08:00:00+02:00")
        rows = [(await world.capture.create(NS, past)).row for _ in range(2)]
        assert {row.occurred_at for row in rows} == {"2025-10-09 06:00:00.000"}
        execution = world.recent.get(EXECUTION)
        assert execution is not None
        assert not execution.engaged
        assert world.rewarded == []
        future = (await world.capture.create(NS, a_sent(occurred_at="2290-01-01"))).row
        assert future.occurred_at == row_time(NOW_MS)
        assert "in the future" in (warning_of(future) or "")
        known = a_sent(execution_id="", retriever_id="products", backfill=True)
        assert (await world.capture.create(NS, known)).row.retriever_id == RETRIEVER

    within(tmp_path, story)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"interaction_type": "Bad Type!"}, "$.interaction_type"),
        ({"interaction_type": []}, "$.interaction_type"),
        ({"document_id": ""}, "$.feature_id"),
        ({"position": None}, "$.position"),
        ({"result_set_size": 0}, "$.result_set_size"),
        ({"retriever_id": "ret_1", "execution_id": ""}, "$.execution_id"),
        ({"occurred_at": "yesterday"}, "$.occurred_at"),
    ],
)
def test_what_can_not_be_meant_is_refused_by_place(tmp_path: Path, changes: dict, path: str):
    async def story(world: World) -> None:
        with pytest.raises(Invalid) as refused:
            await world.capture.create(NS, a_sent(**changes))
        assert refused.value.fields[0].path == path
        assert await world.rows() == []

    within(tmp_path, story)


def test_query_level_types_need_neither_document_nor_position(tmp_path: Path):
    async def story(world: World) -> None:
        sent = a_sent(document_id="", position=None, interaction_type="zero_results",
                      result_set_size=0)  # fmt: skip
        row = (await world.capture.create(NS, sent)).row
        assert (row.document_id, row.position, row.teaches_reason) == ("", -1, "query_level")
        assert row.execution_id == EXECUTION

    within(tmp_path, story)


def test_one_bad_row_of_a_batch_costs_only_itself(tmp_path: Path):
    async def story(world: World) -> None:
        rows = [
            a_sent(),
            a_sent(interaction_type="No Type"),
            a_sent(),
            a_sent(execution_id="c" * 32),
            a_sent(execution_id="", document_id="d7", session_id="s1"),
        ]
        raw = [b'{"n": %d}' % index for index in range(len(rows))]
        results = await world.capture.create_batch(NS, rows, raw)
        assert [each.status for each in results] == [
            "created", "failed", "deduplicated", "created", "created",
        ]  # fmt: skip
        assert [each.interaction_id == "" for each in results] == [False, True, True, False, False]
        assert [each.teaches for each in results] == [True, None, False, None, False]
        assert results[3].attribution == "pending"
        assert len(await world.rows()) == 3
        rejected = (await world.rows("rejected_interactions"))[0]
        assert (rejected["raw"], rejected["path"]) == ('{"n": 1}', "$.interaction_type")
        assert rejected["code"] == "interaction_type_name"
        assert rejected["hint"]

    within(tmp_path, story)


def test_an_idempotency_key_gets_the_first_answer_again(tmp_path: Path):
    async def story(world: World) -> None:
        first = await world.capture.create(NS, a_sent(), "k1")
        world.now_ms += 10 * 60_000
        assert await world.capture.create(NS, a_sent(position=1), "k1") == first
        batch = [a_sent(document_id="d1"), a_sent(interaction_type="No Type")]
        results = await world.capture.create_batch(NS, batch, [b"1", b"2"], "k2")
        assert await world.capture.create_batch(NS, batch, [b"1", b"2"], "k2") == results
        assert len(await world.rows()) == 2
        assert len(await world.rows("rejected_interactions")) == 1

    within(tmp_path, story)


def test_duplicates_and_answers_are_known_after_a_restart(tmp_path: Path):
    async def story(world: World) -> None:
        await world.log(an_execution())
        first = await world.capture.create(NS, a_sent(), "k1")
        inferred = a_sent(execution_id="", session_id="s1", position=1)
        await world.capture.create(NS, inferred)
        batch = [a_sent(document_id="d1"), a_sent(document_id="d1", interaction_type="share")]
        results = await world.capture.create_batch(NS, batch, [b"1", b"2"], "k2")
        ports = msgspec.structs.replace(world.ports, recent=RecentMemory())
        again = Capture(ports)
        await world.intake.flushed(timeout_ms=10_000)
        await rebuild(ports.recent, world.event_log, world.live, world.now_ms)
        assert await again.create(NS, a_sent(), "k1") == first
        assert await again.create_batch(NS, batch, [b"1", b"2"], "k2") == results
        assert (await again.create(NS, a_sent())).deduplicated
        assert (await again.create(NS, inferred)).deduplicated
        assert len(await world.rows()) == 4

    within(tmp_path, story)


def test_a_failing_disk_acknowledges_nothing_and_swallows_no_retry(tmp_path: Path):
    broken = [False]

    def sync(handle: int) -> None:
        if broken[0]:
            raise OSError(errno.ENOSPC, "no space left on device")

    async def story(world: World) -> None:
        broken[0] = True
        with pytest.raises(StorageFull):
            await world.capture.create(NS, a_sent(), "k1")
        execution = world.recent.get(EXECUTION)
        assert execution is not None
        assert execution.shown[0].rewards == []
        broken[0] = False
        await asyncio.sleep(0.3)  # the intake refuses for a moment after a failure
        retried = await world.capture.create(NS, a_sent(), "k1")
        assert not retried.deduplicated
        assert len(await world.rows()) == 1

    within(tmp_path, story, System(fdatasync=sync))


def test_lists_filter_page_and_count(tmp_path: Path):
    async def story(world: World) -> None:
        kinds = ["click", "purchase", "skip"]
        for minute in range(7):
            world.now_ms = NOW_MS + minute * 60_000
            sent = a_sent(interaction_type=kinds[minute % 3], document_id=f"d{minute % 2}")
            await world.capture.create(NS, sent)
        every = Selection(namespace=NS)
        first = await world.readings.list(every, 3, 0, count=True)
        assert (first.total, len(first.rows)) == (7, 3)
        assert first.rows[0].occurred_at > first.rows[-1].occurred_at
        behind = await world.readings.list(every, 10, 0, first.cursor)
        deep = await world.readings.list(every, 3, 6)
        assert len(behind.rows) == 4
        assert (deep.rows, deep.cursor) == (behind.rows[-1:], "")
        bought = Selection(namespace=NS, interaction_types=("purchase", "click"), direction=1)
        found = (await world.readings.list(bought, 10, 0)).rows
        assert [row.interaction_type[0] for row in found] == [
            "click", "purchase", "click", "purchase", "click",
        ]  # fmt: skip
        on_d1 = Selection(namespace=NS, document_ids=("d1",), execution_ids=(EXECUTION,))
        assert len((await world.readings.list(on_d1, 10, 0)).rows) == 3
        other = Selection(namespace="other")
        assert (await world.readings.list(other, 10, 0, count=True)).total == 0

    within(tmp_path, story)


def test_a_deleted_interaction_is_gone_everywhere(tmp_path: Path):
    async def story(world: World) -> None:
        row = (await world.capture.create(NS, a_sent())).row
        assert await world.readings.delete(NS, row.interaction_id)
        assert not await world.readings.delete(NS, row.interaction_id)
        with pytest.raises(NotFound):
            await world.readings.get(NS, row.interaction_id)
        assert await world.rows() == []
        assert world.forgotten == [(row.interaction_id, RETRIEVER)]
        assert world.tombstones.buried == [(NS, "interaction", row.interaction_id)]
        execution = world.recent.get(EXECUTION)
        assert execution is not None
        assert execution.shown[0].rewards == []
        assert not (await world.capture.create(NS, a_sent())).deduplicated

    within(tmp_path, story)
