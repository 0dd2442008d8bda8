"""State is the fold of the lessons: with snapshots or without, after a stop or a kill."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from desireline.core import policy
from desireline.core.times import from_row_time
from desireline.store.clickhouse import ClickHouse
from desireline.types.learning import LearningConfig, Taught
from desireline.types.log import Lesson
from tests.e2e.live import Live, execute
from tests.e2e.restarts import Server, a_shop, an_act, send, stats

LOGISTIC = {"algorithm": "logistic", "demographic_features": ["INPUT.user_segment"]}
BETA: dict[str, Any] = {"demographic_features": ["INPUT.user_segment"], "credit": "share"}
QUERIES = ("wireless earbuds", "noise cancelling sound", "wireless model3", "earbuds sound")
LATE_TYPES = ("add_to_cart", "purchase", "wishlist", "skip")


class Story:
    """What was done to a server so far: executions with their answers, and interactions."""

    def __init__(self, live: Live, retrievers: list[str]) -> None:
        self.live, self.retrievers = live, retrievers
        self.rng = np.random.Generator(np.random.PCG64(7))
        self.answers: list[tuple[str, Any]] = []
        self.acts: list[str] = []
        self.deleted: set[str] = set()
        self.late_acts: set[tuple[int, int, str]] = set()
        self.taught_late = 0

    def search(self, count: int) -> None:
        """Executions of 40 users in sessions of five, each clicked with probability .7."""
        clicks = []
        for number in range(count):
            retriever = self.retrievers[number % len(self.retrievers)]
            user = int(self.rng.integers(40))
            answer = execute(
                self.live, retriever, QUERIES[int(self.rng.integers(len(QUERIES)))],
                limit=10, session_id=f"s{user}-{len(self.answers) // 200}",
                inputs={"user_id": f"u{user}", "user_segment": f"g{user % 3}"},
            )  # fmt: skip
            self.answers.append((retriever, answer))
            if self.rng.random() < 0.7:
                clicks.append(an_act(answer, int(self.rng.integers(4))))
        self.acts += [each["interaction_id"] for each in send(self.live, clicks)]

    def late(self, count: int) -> None:
        """Interactions on closed executions, no two of them the same act."""
        chosen: set[tuple[int, int, str]] = set()
        while len(chosen) < count:
            kind = LATE_TYPES[int(self.rng.integers(len(LATE_TYPES)))]
            act = (int(self.rng.integers(len(self.answers))), int(self.rng.integers(5)), kind)
            chosen |= {act} - self.late_acts
        self.late_acts |= chosen
        acts = [an_act(self.answers[n][1], place, kind) for n, place, kind in sorted(chosen)]
        results = send(self.live, acts)
        assert {each["teaches_reason"] for each in results} <= {"late", "opted_out"}
        self.taught_late += sum(each["teaches"] for each in results)
        self.acts += [each["interaction_id"] for each in results]

    def delete(self, count: int) -> None:
        """Some interactions, each by its own request."""
        left = [each for each in self.acts if each not in self.deleted]
        for chosen in self.rng.choice(left, count, replace=False):
            self.live.ok("DELETE", f"/v1/retrievers/interactions/{chosen}")
            self.deleted.add(str(chosen))

    def switch(self) -> None:
        """Resets, opt-outs, and one who comes back."""
        for retriever in self.retrievers:
            path = f"/v1/retrievers/{retriever}/learned-fusion"
            for user in ("u1", "u2", "u3"):
                self.live.ok("DELETE", f"{path}/user/{user}")
            for user in ("u4", "u5"):
                self.live.ok("POST", f"{path}/opt-out/{user}")
            self.live.ok("POST", f"{path}/opt-in/u5")

    def states(self) -> list[dict[str, Any]]:
        """Everything closed, deleted and folded; then the learners in numbers."""
        self.live.learn()
        return [stats(self.live, retriever) for retriever in self.retrievers]


def same(left: list[dict[str, Any]], right: list[dict[str, Any]]) -> None:
    for name in ("state_sha256", "generation", "posterior_version", "opted_out_users"):
        assert [each[name] for each in left] == [each[name] for each in right], name


def without_snapshots(data: Path, copy: Path, *, links: bool) -> None:
    """A copy of a data directory as if no snapshot had ever been written; `links` as in `cp -a`."""
    shutil.copytree(data, copy, symlinks=links)
    with sqlite3.connect(copy / "catalog.sqlite") as catalog:
        assert catalog.execute("SELECT count(*) FROM snapshots").fetchone()[0] > 0
        catalog.execute("DELETE FROM snapshots")
    catalog.close()


def lessons_in(data: Path, retrievers: list[str]) -> list[list[Lesson]]:
    """The lessons of the newest generation of each retriever, read from the files."""
    log = ClickHouse(f"chdb://{data / 'events'}", data)
    try:
        rows = asyncio.run(log.query("latest_generation"))
        newest = {row["retriever_id"]: row["generation"] for row in rows}
        found = []
        for retriever in retrievers:
            bare = retriever.removeprefix("ret_")
            asked = {"namespace": "default", "retriever_id": bare, "after_seq": 0, "limit": 10_000}
            answer = asyncio.run(log.query("lessons", generation=newest[bare], **asked))
            found.append([msgspec.convert(row, Lesson, strict=False) for row in answer])
        return found
    finally:
        log.close()


def independent(
    lessons: list[Lesson],
    config: dict[str, Any],
    deleted: set[str] = frozenset(),  # type: ignore[assignment]
) -> str:
    """The state's fingerprint by a fold of our own, over a history that never held `deleted`."""
    gone = {each.removeprefix("int_") for each in deleted}
    state, settings = policy.State(), msgspec.convert(config, LearningConfig)
    for row in lessons:
        taught = msgspec.json.decode(row.payload, type=Taught)
        documents = tuple(
            msgspec.structs.replace(d, rewards=tuple(r for r in d.rewards if r[0] not in gone))
            for d in taught.documents
        )
        if row.kind == "late" and not any(d.rewards for d in documents):
            continue
        lesson = policy.Lesson(
            kind=row.kind, at_ms=from_row_time(row.occurred_at), context_keys=row.context_keys,
            taught=msgspec.structs.replace(taught, documents=documents), user_id=taught.user_id,
        )  # fmt: skip
        state = policy.fold(state, lesson, settings, 2)
    return policy.fingerprint(state.nodes, state.opted_out)


@pytest.mark.timeout(180)
def test_a_second_process_without_snapshots_rebuilds_the_same_state(tmp_path: Path) -> None:
    with Server(tmp_path / "first") as first, Server(tmp_path / "second") as second:
        live = first.start()
        story = Story(live, a_shop(live, LOGISTIC, BETA))
        story.search(200)
        story.states()
        story.late(270)
        story.delete(25)
        story.switch()
        story.search(200)
        story.states()
        story.late(270)
        story.delete(25)
        done = story.states()
        assert story.taught_late >= 500
        assert all(each["generation"] >= 2 and each["lessons"] > 300 for each in done)
        assert first.stop() == 0
        without_snapshots(first.data, second.data, links=False)
        again = second.start()
        same([stats(again, retriever) for retriever in story.retrievers], done)
        assert second.stop() == 0
        with_snapshots = first.start()
        same([stats(with_snapshots, retriever) for retriever in story.retrievers], done)
        assert first.stop() == 0
        lessons = lessons_in(first.data, story.retrievers)
        for rows, config, each in zip(lessons, (LOGISTIC, BETA), done, strict=True):
            assert independent(rows, config) == each["state_sha256"]
            held = "".join(row.payload for row in rows)
            assert not any(name.removeprefix("int_") in held for name in story.deleted)


@pytest.mark.timeout(120)
def test_deleting_equals_a_history_that_never_held_it(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        story = Story(live, a_shop(live, LOGISTIC, BETA))
        story.search(80)
        story.states()
        story.late(60)
        before = story.states()
        assert server.stop() == 0
        lessons = lessons_in(server.data, story.retrievers)
        story.live = server.start()
        story.delete(30)
        after = story.states()
        for rows, config, old, new in zip(lessons, (LOGISTIC, BETA), before, after, strict=True):
            assert new["generation"] > old["generation"]
            assert new["state_sha256"] != old["state_sha256"]
            assert independent(rows, config, story.deleted) == new["state_sha256"]
        assert server.stop() == 0


@pytest.mark.timeout(120)
def test_after_a_kill_the_state_is_the_replay(tmp_path: Path) -> None:
    with Server(tmp_path / "first") as first, Server(tmp_path / "second") as second:
        live = first.start()
        story = Story(live, a_shop(live, LOGISTIC, BETA))
        story.search(60)
        learned = story.states()
        first.kill()
        story.live = first.start()
        same([stats(story.live, retriever) for retriever in story.retrievers], learned)
        story.late(40)
        story.search(60)  # open when the process dies, some with rewards
        story.delete(5)
        first.kill()
        story.live = first.start()
        done = story.states()
        assert first.stop() == 0
        without_snapshots(first.data, second.data, links=True)
        again = second.start()
        same([stats(again, retriever) for retriever in story.retrievers], done)
        assert second.stop() == 0
        lessons = lessons_in(second.data, story.retrievers)
        closed = [{row.execution_id for row in rows if row.kind == "close"} for rows in lessons]
        assert sum(map(len, closed)) == 120  # each execution closed, once
        assert [len(rows) for rows in closed] == [
            len([row for row in rows if row.kind == "close"]) for rows in lessons
        ]
        for rows, config, each in zip(lessons, (LOGISTIC, BETA), done, strict=True):
            assert independent(rows, config) == each["state_sha256"]
