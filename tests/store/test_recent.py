"""The memory of the last hour against a naive one that keeps a list and looks through all of it."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from desireline.ports import RecentExecution, RecentExecutions, Shown
from desireline.store.recent import RecentMemory, size_of

MINUTE = 60_000
WINDOW = 60 * MINUTE


def shown(document_id: str, position: int = 0) -> Shown:
    return Shown(
        document_id=document_id,
        position=position,
        score=0.5,
        norm_scores=tuple(position / n for n in (3, 7, 11)),
        contributions=tuple(position / n for n in (13, 17, 19)),
        winner="desireline://title@v1/bm25",
        rewards=[],
    )


def an_execution(number: int = 1, at_ms: int = 0, **changes: Any) -> RecentExecution:
    documents = changes.pop("documents", ["d1", "d2"])
    defaults: dict[str, Any] = {
        "execution_id": f"{number:032x}",
        "namespace": "default",
        "retriever_id": "r",
        "at_ms": at_ms,
        "closes_at_ms": at_ms + 30 * MINUTE,
        "query_key": "shoes",
        "user_id": "",
        "session_id": "",
        "context_keys": ("global",),
        "searches": ("a", "b", "c"),
        "variant": "learned",
        "shown": [shown(document, position) for position, document in enumerate(documents)],
        "subject": changes.get("session_id") or changes.get("user_id") or f"{number:032x}",
    }
    return RecentExecution(**(defaults | changes))


class AgainstAList(RuleBasedStateMachine):
    """Same calls to both; the list is the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: RecentExecutions = RecentMemory(WINDOW)
        self.now = 1_000_000_000
        self.all: list[RecentExecution] = []
        self.deadline: dict[str, int] = {}
        self.handed_out: list[str] = []

    @rule(
        session=st.sampled_from(["", "s1", "s2"]),
        user=st.sampled_from(["", "u1", "u2"]),
        retriever=st.sampled_from(["r1", "r2"]),
        query=st.sampled_from(["", "shoes", "boots"]),
        documents=st.lists(st.sampled_from("abcd"), max_size=3, unique=True),
        closes=st.sampled_from([0, 1, 30, 90]),
    )
    def add(self, session, user, retriever, query, documents, closes) -> None:
        execution = an_execution(
            len(self.all),
            self.now,
            session_id=session,
            user_id=user,
            retriever_id=retriever,
            query_key=query,
            documents=documents,
            closes_at_ms=self.now + closes * MINUTE,
        )
        for older in self.all:
            if session and (older.session_id, older.retriever_id) == (session, retriever):
                name = older.execution_id
                self.deadline[name] = min(self.deadline[name], self.now)
        self.deadline[execution.execution_id] = execution.closes_at_ms
        self.all.append(execution)
        self.memory.add(execution)

    @precondition(lambda self: any(self.memory.get(each.execution_id) for each in self.all))
    @rule(data=st.data(), documents=st.lists(st.sampled_from("abcd"), max_size=2, unique=True))
    def extend(self, data, documents) -> None:
        known = [each for each in self.all if self.memory.get(each.execution_id) is each]
        execution = data.draw(st.sampled_from(known))
        wanted = {each.document_id for each in execution.shown} | set(documents)
        first = len(execution.shown)
        self.memory.extend(execution, [shown(d, first + n) for n, d in enumerate(documents)])
        assert {each.document_id for each in execution.shown} == wanted
        assert len(execution.shown) == len(wanted)
        known = [each for each in self.all if self.memory.get(each.execution_id) is each]
        assert self.memory.memory_bytes == sum(map(size_of, known))

    @rule(minutes=st.sampled_from([0, 1, 10, 29, 31, 61]))
    def wait(self, minutes) -> None:
        self.now += minutes * MINUTE

    @precondition(lambda self: any(each.open for each in self.all))
    @rule(data=st.data())
    def close(self, data) -> None:
        data.draw(st.sampled_from([each for each in self.all if each.open])).open = False

    @invariant()
    def open_executions_are_due_in_order(self) -> None:
        due = [each.execution_id for each in self.memory.due(self.now)]
        expected = {e.execution_id for e in self.all if e.open and self._ended(e)}
        assert set(due) == expected
        assert len(due) == len(expected)
        before = [name for name in self.handed_out if name in expected]
        assert due[: len(before)] == before
        new = [self.deadline[name] for name in due[len(before) :]]
        assert new == sorted(new)
        self.handed_out = due

    @invariant()
    def what_is_kept_is_found(self) -> None:
        for execution in self.all:
            found = self.memory.get(execution.execution_id)
            if execution.at_ms + WINDOW >= self.now:
                assert found is execution
            elif not execution.open and execution.closes_at_ms < self.now:
                assert found is None

    @invariant()
    def the_last_that_showed_a_document_is_found(self) -> None:
        since = self.now - WINDOW
        for visitor in ("s1", "u1"):
            for document in "ab":
                for query in ("", "shoes"):
                    found = self.memory.last_shown("default", visitor, document, query, since)
                    assert found is self._last_shown(visitor, document, query, since)
        assert self.memory.last_shown("other", "s1", "a", "", since) is None

    @invariant()
    def the_last_of_a_subject_is_found(self) -> None:
        for subject in ("s1", "u1"):
            theirs = [
                each
                for each in self.all
                if (each.retriever_id, each.subject) == ("r1", subject)
                and each.at_ms + WINDOW >= self.now
            ]
            if theirs:
                assert self.memory.last_of("r1", subject) is theirs[-1]

    def _ended(self, execution: RecentExecution) -> bool:
        return self.deadline[execution.execution_id] <= self.now

    def _last_shown(self, visitor, document, query, since) -> RecentExecution | None:
        for each in reversed(self.all):
            documents = [one.document_id for one in each.shown]
            if (
                each.at_ms >= since
                and visitor in (each.session_id, each.user_id)
                and document in documents
                and query in ("", each.query_key)
            ):
                return each
        return None


TestAgainstAList = AgainstAList.TestCase


def test_everything_open_can_be_asked_for() -> None:
    memory = RecentMemory()
    executions = [an_execution(number, number) for number in range(3)]
    for execution in executions:
        memory.add(execution)
    assert memory.due(5) == []
    assert memory.due(5, everything=True) == executions
    executions[0].open = False
    assert memory.due(5) == executions[1:]


def test_an_open_execution_outlives_the_hour_while_its_window_is_longer() -> None:
    memory = RecentMemory(WINDOW)
    long = an_execution(closes_at_ms=120 * MINUTE)
    memory.add(long)
    assert memory.due(119 * MINUTE) == []
    assert memory.get(long.execution_id) is long
    assert memory.due(121 * MINUTE) == [long]


def test_memory_is_bounded_and_evicted_open_executions_are_due_first() -> None:
    bound = 20 * size_of(an_execution())
    memory = RecentMemory(memory_bytes=bound)
    executions = [an_execution(n, at_ms=n) for n in range(100)]
    for number, execution in enumerate(executions):
        execution.open = number % 2 == 0
        memory.add(execution)
        assert memory.memory_bytes <= bound
    assert len(memory) == 20
    assert memory.due(100) == [each for each in executions[:80] if each.open]
    assert [memory.get(each.execution_id) for each in executions[:80]] == [None] * 80
    assert memory.last_shown("default", "s", "d1", "", 0) is None


def test_nothing_is_left_behind_when_everything_expired() -> None:
    memory = RecentMemory()
    for number in range(50):
        memory.add(an_execution(number, number, session_id=f"s{number}", user_id="u"))
    for execution in memory.due(0, everything=True):
        execution.open = False
    assert memory.due(10 * WINDOW) == []
    assert len(memory) == memory.memory_bytes == 0
    assert not any([memory._shown, memory._subjects, memory._sessions, memory._expiring])
    assert not any([memory._closing._deadlines, memory._closing._queue, memory._closing._due])


def test_a_further_page_is_kept_by_position_and_forgotten_with_its_execution() -> None:
    memory = RecentMemory()
    execution = an_execution(session_id="s", open=False)
    memory.add(execution)
    memory.extend(execution, [shown("d9", 9), shown("d3", 3), shown("d1", 0)])
    assert [each.document_id for each in execution.shown] == ["d1", "d2", "d3", "d9"]
    assert memory.last_shown("default", "s", "d9", "", 0) is execution
    assert memory.memory_bytes == size_of(execution)
    assert memory.due(10 * WINDOW) == []
    memory.extend(execution, [shown("d5", 5)])
    assert len(execution.shown) == 4
    assert not any([memory._shown, memory.memory_bytes, len(memory)])


def test_added_twice_counts_once() -> None:
    memory = RecentMemory()
    for _ in range(2):
        memory.add(an_execution(closes_at_ms=5))
    assert len(memory) == 1
    assert memory.memory_bytes == size_of(an_execution())
    assert len(memory.due(5)) == 1


@pytest.mark.parametrize("documents", [0, 10, 50])
def test_the_estimate_of_memory_is_right_within_a_third(documents: int) -> None:
    def fill(memory: RecentMemory, count: int) -> None:
        for number in range(count):
            memory.add(
                an_execution(
                    number,
                    number,
                    session_id=f"session {number}",
                    user_id=f"user {number}",
                    documents=[f"document {number} {place}" for place in range(documents)],
                    draws=np.zeros((64, 3)),
                )
            )

    memory = RecentMemory()
    gc.collect()
    tracemalloc.start()
    fill(memory, 1000)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{documents} documents: {taken} bytes taken, {memory.memory_bytes} estimated")
    assert 2 / 3 < memory.memory_bytes / taken < 3 / 2


def test_a_key_is_seen_until_its_time_is_over() -> None:
    memory = RecentMemory()
    memory.remember(["act"], "int1", 1000, 500)
    assert [memory.seen("act", now) for now in (1000, 1499, 1500)] == ["int1", "int1", None]
    memory.remember(["act"], "int2", 1500, 500)
    assert memory.seen("act", 1600) == "int2"
    memory.remember(["act"], "int3", 1600, 9000)  # kept for another length of time now
    assert memory.seen("act", 5000) == "int3"
    memory.remember(["act"], "", 5000, -1)
    assert memory.seen("act", 5000) is None
    assert memory.seen("other", 0) is None


def test_keys_are_bounded_and_a_flood_does_not_push_out_answers() -> None:
    memory = RecentMemory(keys_bytes=100 * 320)
    memory.remember(["answer"], "kept", 0, 24 * WINDOW)
    for number in range(1000):
        memory.remember([f"act {number}"], "x", number, WINDOW)
    assert memory.seen("answer", 1000) == "kept"
    assert memory.seen("act 999", 1000) == "x"
    assert memory.seen("act 0", 1000) is None
    assert len(memory._keys) <= 125


def test_expired_keys_take_no_memory() -> None:
    memory = RecentMemory()
    for number in range(100):
        memory.remember([f"act {number}"], "x", number, 10)
    memory.remember(["last"], "x", 10_000, 10)
    assert len(memory._keys) == 1
