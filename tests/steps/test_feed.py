"""The feed: rings and queues stay small, what is lost is counted, what is deleted is not told."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from desireline.errors import TooManyRequests
from desireline.steps.feed import AT_ONCE, KEPT, LISTENERS, NAMESPACES, Feed, Happening, Listener
from desireline.types.catalog import TaskRecord
from desireline.types.happenings import Executed, Learned, Moved
from desireline.types.learning import LearningConfig
from desireline.types.log import NO_ID, Interaction

NS = "default"


def a_feed() -> Feed:
    return Feed(itertools.count(1).__next__)


def acted(
    number: int, user: str = "u", retriever: str = "r", execution: str = NO_ID
) -> Interaction:
    return Interaction(
        namespace=NS, occurred_at="", received_at="",
        interaction_id=f"i{number}", execution_id=execution, retriever_id=retriever,
        document_id="d", interaction_type=("click",), position=0, reward=1.0, user_id=user,
        purpose="traffic", teaches=1, teaches_reason="open",
    )  # fmt: skip


def taught(execution: str, user: str = "") -> Learned:
    return Learned(
        lesson="close", seq=1, retriever_id="r", execution_id=execution, context_keys=("global",),
        shown=10, rewarded=1, user_id=user, purpose="traffic",
    )  # fmt: skip


def moved(version: int, retriever: str = "r") -> Moved:
    return Moved(
        retriever_id=retriever, at_ms=0, version=version, lessons=version, searches=("a",),
        learning=LearningConfig(), node=None, purpose="traffic",
    )  # fmt: skip


def searched(number: int, purpose: str) -> Executed:
    return Executed(
        execution_id=f"e{number}", retriever_id="r", query="q", user_id="u", segment="",
        purpose=purpose, variant="", reason="", weights=None, searches=(), served=False,
        results=1, top=("d",), total_ms=1.0,
    )  # fmt: skip


def heard(feed: Feed, **wanted: Any) -> Listener:
    listener = Listener(wanted.pop("namespace", NS), **wanted)
    feed.listen(listener)
    return listener


def names(found: list[Happening]) -> list[str]:
    return [each.what.interaction_id for each in found]


def test_a_ring_keeps_the_newest():
    feed = a_feed()
    for number in range(KEPT + 20):
        feed.tell(NS, "interaction", acted(number))
    found = feed.remembered(Listener(NS))
    assert names(found) == [f"i{number}" for number in range(20, KEPT + 20)]
    assert [each.at_ms for each in found] == sorted(each.at_ms for each in found)
    assert feed.remembered(Listener("other")) == []


def test_the_namespace_that_was_silent_for_longest_makes_room():
    feed = a_feed()
    for number in range(NAMESPACES):
        feed.tell(f"n{number}", "interaction", acted(number))
    feed.tell("n0", "interaction", acted(0))
    feed.tell("one-more", "interaction", acted(1))
    kept = [n for n in range(NAMESPACES) if feed.remembered(Listener(f"n{n}"))]
    assert kept == [0, *range(2, NAMESPACES)]


def test_what_does_not_fit_is_lost_and_counted():
    feed = a_feed()
    listener = heard(feed)
    for number in range(AT_ONCE + 7):
        feed.tell(NS, "interaction", acted(number))
    found, lost = listener.take()
    assert names(found) == [f"i{number}" for number in range(7, AT_ONCE + 7)]
    assert lost == 7
    assert listener.take() == ([], 0)
    feed.tell(NS, "interaction", acted(99))
    assert (names(listener.take()[0]), listener.take()[1]) == (["i99"], 0)


def test_what_is_not_wanted_is_not_lost():
    feed = a_feed()
    mine = heard(feed, retriever_id="mine")
    weights = heard(feed, kinds=("weights",))
    for number in range(3 * AT_ONCE):
        feed.tell(NS, "interaction", acted(number, retriever="theirs"))
    feed.tell(NS, "interaction", acted(1000, retriever="mine"))
    assert names(mine.take()[0]) == ["i1000"]
    assert weights.take() == ([], 0)
    task = TaskRecord(task_id="t", namespace=NS, kind="x", parameters={"retriever_id": "ret_mine"})
    feed.tell(NS, "task", task)
    assert [each.what for each in mine.take()[0]] == [task]


def test_of_a_task_and_of_weights_the_latest_is_remembered():
    feed = a_feed()
    listener = heard(feed)
    for number in range(5):
        feed.tell(NS, "task", TaskRecord(task_id="t", namespace=NS, kind="x", done=number))
        feed.tell(NS, "weights", moved(number))
        feed.tell(NS, "weights", moved(number, "other"))
    found = feed.remembered(Listener(NS))
    assert [each.kind for each in found] == ["task", "weights", "weights"]
    assert (found[0].what.done, found[1].what.version) == (4, 4)
    waiting = [each for each in listener.take()[0] if each.kind == "weights"]
    assert [(each.what.version, each.what.retriever_id) for each in waiting] == [
        (4, "r"), (4, "other"),
    ]  # fmt: skip


def test_what_is_deleted_is_told_to_nobody():
    feed = a_feed()
    listener = heard(feed)
    for number in range(4):
        feed.tell(NS, "interaction", acted(number, user=f"u{number}", execution=f"e{number}"))
        feed.tell(NS, "lesson", taught(f"e{number}", user=f"u{number}"))
    feed.forget("another", user_id="u0")
    feed.forget(NS, interaction_ids={"i1"}, execution_ids={"e1"})
    feed.forget(NS, user_id="u2")
    for found in (feed.remembered(Listener(NS)), listener.take()[0]):
        assert [each.kind for each in found] == ["interaction", "lesson"] * 2
        assert [each.what.user_id for each in found] == ["u0", "u0", "u3", "u3"]
    feed.tell(NS, "interaction", acted(5))
    feed.forget_namespace(NS)
    assert feed.remembered(Listener(NS)) == []
    assert listener.take() == ([], 0)


def test_there_are_only_so_many_listeners():
    feed = a_feed()
    listeners = [heard(feed) for _ in range(LISTENERS)]
    with pytest.raises(TooManyRequests, match="watching") as refused:
        feed.admit()
    assert refused.value.code == "too_many_listeners"
    feed.leave(listeners[0])
    feed.leave(listeners[0])
    feed.admit()
    for each in listeners[1:]:
        feed.leave(each)
    feed.tell(NS, "interaction", acted(1))
    assert listeners[5].take() == ([], 0)


def test_who_came_at_the_same_moment_as_too_many_is_sent_away():
    async def story() -> None:
        feed = a_feed()
        for _ in range(LISTENERS + 2):
            feed.admit()  # nobody listens yet
        came = [heard(feed) for _ in range(LISTENERS + 2)]
        assert [await each.wait() for each in came[LISTENERS:]] == [False, False]
        feed.tell(NS, "interaction", acted(1))
        assert await came[0].wait()

    asyncio.run(story())


def test_the_end_wakes_who_waits():
    async def story() -> None:
        feed = a_feed()
        waiting = [asyncio.ensure_future(heard(feed, namespace=n).wait()) for n in ("a", "b")]
        await asyncio.sleep(0)
        feed.tell("a", "interaction", acted(1))
        assert await waiting[0] is True
        assert not waiting[1].done()
        feed.end()
        assert await waiting[1] is False
        assert await heard(feed).wait() is False

    asyncio.run(story())


def test_searches_that_only_measure_are_told_and_not_remembered():
    feed = a_feed()
    listener = heard(feed)
    for number, purpose in enumerate(("traffic", "evaluation", "test", "simulation")):
        feed.tell(NS, "execution", searched(number, purpose))
    assert [each.what.execution_id for each in listener.take()[0]] == ["e0", "e1", "e2", "e3"]
    assert [each.what.execution_id for each in feed.remembered(listener)] == ["e0", "e3"]


def test_of_many_at_once_the_newest_are_remembered_and_all_are_counted():
    feed, many = a_feed(), [acted(number) for number in range(KEPT + 20)]
    feed.tell_all(NS, "interaction", many)
    assert names(feed.remembered(Listener(NS))) == [f"i{number}" for number in range(20, KEPT + 20)]
    listener = heard(feed)
    feed.tell_all(NS, "interaction", many)
    assert listener.take()[1] == KEPT + 20 - AT_ONCE
