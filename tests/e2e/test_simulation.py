"""Simulated users through the door: a verdict, an end on demand, and nothing left behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import Live, a_name, a_search, a_stage, execute, key, make_retriever
from tests.e2e.restarts import Server, stats
from tests.simulation.chance import is_chance
from tests.simulation.shop import shop

pytestmark = pytest.mark.timeout(120)
TITLE, TEXT = "desireline://title@v1/bm25", "desireline://text@v1/bm25"
FEATURES = [
    {"feature_uri": TITLE, "kind": "lexical", "fields": ["title"]},
    {"feature_uri": TEXT, "kind": "lexical", "fields": ["text"]},
]
RANGES = ("learned", "static", "equal", "over_static", "over_equal")
SEGMENTS = ["in_few_words", "by_name", "in_own_words"]


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: only one simulation runs at a time."""
    with Server(tmp_path_factory.mktemp("simulation")) as started:
        started.start()
        yield started


@pytest.fixture
def server(process: Server) -> Live:
    return process.live


@pytest.fixture
def retriever(server: Live) -> str:
    return learning_shop(server)


def learning_shop(server: Live, documents: list[dict[str, Any]] | None = None, **sent: str) -> str:
    """A retriever with learned fusion over a small shop; returns its id."""
    name, rows = a_name("shop"), shop(150) if documents is None else documents
    asked = {"collection_name": name, "features": FEATURES}
    server.ok("POST", "/v1/collections", asked, **sent)
    server.ok("POST", f"/v1/collections/{name}/documents/upsert", {"documents": rows}, **sent)
    config = {"algorithm": "logistic", "demographic_features": ["INPUT.user_segment"]}
    stage = a_stage([a_search(TITLE), a_search(TEXT)], fusion="learned", learning_config=config)
    body = {"retriever_name": a_name("find"), "collection_identifiers": [name], "stages": [stage]}
    made: str = server.ok("POST", "/v1/retrievers", body, **sent)["retriever_id"]
    return made


def begun(server: Live, retriever: str, **asked: Any) -> dict[str, Any]:
    task: dict[str, Any] = server.ok("POST", "/v1/simulations", {"retriever": retriever, **asked})
    return task


def until(
    server: Live, task: dict[str, Any], wanted: Any, seconds: float = 90, **sent: str
) -> dict[str, Any]:
    """The task, once `wanted(task)` holds."""
    end = time.monotonic() + seconds
    while not wanted(task):
        assert time.monotonic() < end, task
        time.sleep(0.05)
        task = server.ok("GET", f"/v1/tasks/{task['task_id']}", **sent)
    return task


def has_ended(task: dict[str, Any]) -> bool:
    return task["status"] not in ("PENDING", "IN_PROGRESS")


def has_searched(task: dict[str, Any]) -> bool:
    return has_ended(task) or task["progress"]["done"] > 0


def children(server: Server) -> list[int]:
    """The processes of its simulated users."""
    assert server.process is not None
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in found.stdout.splitlines()[1:]]
    return [
        int(own) for own, parent, words in rows
        if "desireline.simulation" in words and int(parent) == server.process.pid
    ]  # fmt: skip


def are_gone(pid: int, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def names(server: Live) -> list[str]:
    listed = server.ok("GET", "/v1/retrievers?page_size=1000")["results"]
    return [each["retriever_name"] for each in listed]


def test_it_ends_with_a_curve_and_a_verdict(server: Live, retriever: str) -> None:
    task = begun(server, retriever, searches=120)
    assert (task["task_type"], task["is_reported"]) == ("simulate", True)
    assert task["progress"]["unit"] == "searches"
    asked = task["inputs"][0]
    assert asked["retriever_id"] == retriever
    assert asked["searches"] == 120
    assert asked["searches_per_second"] is None
    ended = until(server, task, has_ended)
    assert ended["status"] == "COMPLETED", ended
    (found,) = ended["outputs"]
    assert found["retriever_id"] == retriever
    assert found["segments"] == SEGMENTS
    assert found["segments_shown_as"] == "user_segment"
    assert (found["users"], found["measure"]) == (150, "ndcg_at_10")
    assert [each["searches"] for each in found["curve"]][-1] == 120
    assert 5 <= len(found["curve"]) <= 40
    for point in [*found["curve"], found["final"]]:
        assert all(set(point[name]) == {"mean", "low", "high"} for name in RANGES)
    first = found["curve"][0]
    assert first["learned"]["mean"] == pytest.approx(first["static"]["mean"])  # nothing learned yet
    assert found["final"]["n"] == found["held_out"]
    assert set(found["weights"]) == set(SEGMENTS)
    for weights in found["weights"].values():
        assert sum(each["mean"] for each in weights.values()) == pytest.approx(1, abs=1e-5)
    assert found["verdict"] in ("better", "worse", "not known yet")
    assert found["sentence"].startswith("After 120 searches of simulated users ")
    assert stats(server, retriever)["lessons"] == 120
    assert not [name for name in names(server) if name.endswith("-simulation-baseline")]
    listed = server.ok("POST", "/v1/tasks/list", {"task_type": "simulate"})["results"]
    assert task["task_id"] in [each["task_id"] for each in listed]


def test_where_likes_are_drawn_by_lot_nothing_is_known(server: Live, retriever: str) -> None:
    ended = until(server, begun(server, retriever, searches=60, taste="none"), has_ended)
    (found,) = ended["outputs"]
    assert found["taste"] == "none"
    for gain in (found["final"]["over_static"], found["final"]["over_equal"]):
        assert is_chance(**gain), found["sentence"]  # `not known yet` but for once in a hundred


def test_on_a_copy_the_retriever_itself_learns_nothing(server: Live, retriever: str) -> None:
    name = server.ok("GET", f"/v1/retrievers/{retriever}")["retriever_name"]
    for _ in range(2):  # the second one replaces the copy of the first
        ended = until(server, begun(server, retriever, searches=20, copy=True), has_ended)
        (found,) = ended["outputs"]
        assert found["retriever_name"] == f"{name}-simulated"
        assert ended["inputs"][0]["retriever_id"] == retriever
        assert stats(server, found["retriever_id"])["lessons"] == 20
    assert stats(server, retriever)["lessons"] == 0
    assert names(server).count(f"{name}-simulated") == 1


def test_a_cancelled_one_stops_and_one_at_a_time_runs(
    process: Server, server: Live, retriever: str
) -> None:
    task = begun(server, retriever, searches=100_000, searches_per_second=5)
    refusal = server.refused("POST", "/v1/simulations", {"retriever": retriever})
    assert (refusal["status"], refusal["code"]) == (409, "task_running")
    assert refusal["details"]["task_id"] == task["task_id"]
    until(server, task, has_searched)
    (users,) = children(process)
    server.ok("POST", f"/v1/tasks/{task['task_id']}/cancel")
    began = time.monotonic()
    assert are_gone(users)
    assert time.monotonic() - began < 5
    ended = server.ok("GET", f"/v1/tasks/{task['task_id']}")
    assert ended["status"] == "CANCELED"
    assert ended["outputs"][0]["curve"]
    assert ended["outputs"][0]["final"] is None
    again = server.refused("POST", f"/v1/tasks/{task['task_id']}/retry")
    assert (again["status"], again["code"]) == (409, "task_not_repeatable")
    ended = until(server, begun(server, retriever, searches=1), has_ended)
    assert ended["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("asked", "code"),
    [({"searches": 0}, "wrong_value"), ({"searches_per_second": 0.01}, "wrong_value"),
     ({"taste": "sweet"}, "wrong_value"), ({"speed": 3}, "unknown_field"),
     ({"retriever": ""}, "wrong_value")],
)  # fmt: skip
def test_what_can_not_be_simulated_is_refused(
    server: Live, retriever: str, asked: dict[str, Any], code: str
) -> None:
    refusal = server.refused("POST", "/v1/simulations", {"retriever": retriever, **asked})
    assert (refusal["status"], refusal["code"]) == (422, code)


def test_a_retriever_that_learns_nothing_is_refused(server: Live, retriever: str) -> None:
    collection = server.ok("GET", f"/v1/retrievers/{retriever}")["collection_identifiers"][0]
    static = make_retriever(server, collection, a_stage([a_search(TITLE)], fusion="rrf"))
    refusal = server.refused("POST", "/v1/simulations", {"retriever": static})
    assert (refusal["status"], refusal["code"]) == (422, "not_learned")
    assert "PATCH" in refusal["hint"]
    refusal = server.refused("POST", "/v1/simulations", {"retriever": "nobody"})
    assert (refusal["status"], refusal["code"]) == (404, "retriever_not_found")
    done = shell("simulate", static, "--url", server.url)
    assert done.returncode == 2
    assert "learns nothing" in done.stderr


def test_documents_that_can_not_be_asked_for_fail_the_task(server: Live) -> None:
    ended = until(server, begun(server, learning_shop(server, shop(12))), has_ended)
    assert ended["status"] == "FAILED"
    assert "30 are needed" in ended["error"]
    assert "Traceback" not in ended["error"]


def test_real_users_of_the_same_name_are_not_taught(server: Live, retriever: str) -> None:
    until(server, begun(server, retriever, searches=30), has_ended)
    answer = execute(server, retriever, "red boot", inputs={"user_id": "user_000"})
    assert answer["learned_fusion_context"]["context_level"] != "personal"


def shell(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "desireline.cli", *arguments],
        capture_output=True, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def test_the_command_does_the_same_and_is_a_task_too(server: Live, retriever: str) -> None:
    done = shell("simulate", retriever, "--searches", "20", "--copy", "--url", server.url)
    assert done.returncode == 0, done.stderr
    assert "NDCG@10 after 20 searches" in done.stdout
    assert "After 20 searches of simulated users" in done.stdout
    assert "-simulated`" in done.stdout
    (newest, *_) = server.ok("POST", "/v1/tasks/list", {"task_type": "simulate"})["results"]
    assert newest["status"] == "COMPLETED"
    assert newest["inputs"][0]["retriever_id"] == retriever


def test_it_works_with_the_callers_key_which_nobody_else_sees(tmp_path: Path) -> None:
    scopes = ("admin", "read", "write")
    admin, reader, writer = (key(tmp_path / "data", "--scope", scope) for scope in scopes)
    with Server(tmp_path) as process:
        server = process.start()
        mine = {"Authorization": f"Bearer {admin}"}
        retriever = learning_shop(server, **mine)
        asked = {"retriever": retriever, "searches": 40, "searches_per_second": 20}
        theirs = {"Authorization": f"Bearer {reader}"}
        refusal = server.refused("POST", "/v1/simulations", asked, **theirs)
        assert (refusal["status"], refusal["code"]) == (403, "scope")
        task = server.ok("POST", "/v1/simulations", asked, **mine)
        until(server, task, has_searched, **mine)
        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        assert "desireline.simulation" in running
        assert admin not in running
        (users,) = children(process)
        assert admin not in Path(f"/proc/{users}/environ").read_text(errors="replace")
        ended = until(server, task, has_ended, **mine)
        assert ended["status"] == "COMPLETED", ended
        assert admin not in str(ended)
        unflushing = {"Authorization": f"Bearer {writer}"}  # no right to flush
        asked = {"retriever": retriever, "searches": 20}
        task = server.ok("POST", "/v1/simulations", asked, **unflushing)
        ended = until(server, task, has_ended, **mine)
        assert ended["status"] == "COMPLETED", ended
    assert admin not in process.log.read_text()
    catalogue = b"".join(each.read_bytes() for each in process.data.glob("catalog*"))
    assert catalogue
    assert admin.encode() not in catalogue


def at_work(process: Server, retriever: str) -> tuple[dict[str, Any], int]:
    """A simulation that goes on for long, and the process of its users."""
    task = begun(process.live, retriever, searches=10_000, searches_per_second=50)
    until(process.live, task, has_searched)
    (users,) = children(process)
    return task, users


def test_sigterm_ends_the_users_with_the_server(tmp_path: Path) -> None:
    with Server(tmp_path) as process:
        task, users = at_work(process, learning_shop(process.start()))
        assert process.stop() == 0
        assert are_gone(users, 1)
        live = process.start()
        ended = live.ok("GET", f"/v1/tasks/{task['task_id']}")
        assert ended["status"] == "FAILED"
        assert "Traceback" not in ended["error"]


def test_kill_ends_the_users_with_the_server(tmp_path: Path) -> None:
    with Server(tmp_path) as process:
        _, users = at_work(process, learning_shop(process.start()))
        process.kill()
        assert are_gone(users, 5)


def test_however_fast_they_are_cancelled_one_process_is_alive(
    process: Server, server: Live, retriever: str
) -> None:
    for _ in range(8):
        task = begun(server, retriever, searches=10_000)
        assert len(children(process)) <= 1
        server.ok("POST", f"/v1/tasks/{task['task_id']}/cancel")
    ended = until(server, begun(server, retriever, searches=2), has_ended)
    assert ended["status"] == "COMPLETED", ended
    assert not [name for name in names(server) if name.endswith("-simulation-baseline")]


def a_variant(server: Live, retriever: str, name: str, *more: Any, **parameters: Any) -> str:
    """The same retriever with other parameters of its fusion, and with stages behind that."""
    source = server.ok("GET", f"/v1/retrievers/{retriever}")
    (stage,) = source["stages"]
    stage["config"]["parameters"].update(parameters)
    body = {
        "retriever_name": name, "stages": [stage, *more],
        "collection_identifiers": source["collection_identifiers"],
    }  # fmt: skip
    made: str = server.ok("POST", "/v1/retrievers", body)["retriever_id"]
    return made


def test_the_longest_name_has_room_for_a_copy(server: Live, retriever: str) -> None:
    name = "ü" * 128
    task = begun(server, a_variant(server, retriever, name), searches=2, copy=True)
    ended = until(server, task, has_ended)
    assert ended["status"] == "COMPLETED", ended
    assert ended["outputs"][0]["retriever_name"] == "ü" * 118 + "-simulated"


def test_rankings_of_one_length_are_compared(server: Live, retriever: str) -> None:
    """A page of one result: the first of equal weights, and no more of it, counts."""
    short = a_variant(server, retriever, a_name("short"), final_top_k=1)
    (found,) = until(server, begun(server, short, searches=1), has_ended)["outputs"]
    best_of_one = 7 / (7 + sum(1 / math.log2(place + 2) for place in range(1, 6)))
    assert found["final"]["equal"]["high"] < 1
    assert found["final"]["equal"]["mean"] <= best_of_one + 0.1


def test_stages_behind_the_fusion_leave_equal_weights_aside(server: Live, retriever: str) -> None:
    by_title = {"config": {"stage_id": "sort_attribute", "parameters": {"field": "title"}}}
    sorted_ = a_variant(server, retriever, a_name("sorted"), by_title)
    (found,) = until(server, begun(server, sorted_, searches=60), has_ended)["outputs"]
    assert found["final"]["over_equal"]["high"] < -0.1  # of rankings that were sorted by title
    assert found["verdict"] == "not known yet"


def test_a_retriever_that_stops_to_learn_meanwhile_is_not_judged(
    server: Live, retriever: str
) -> None:
    changing = a_variant(server, retriever, a_name("changing"))
    task = begun(server, changing, searches=60, searches_per_second=60)
    until(server, task, has_searched)
    stages = server.ok("GET", f"/v1/retrievers/{changing}")["stages"]
    stages[0]["config"]["parameters"]["fusion"] = "rrf"
    del stages[0]["config"]["parameters"]["learning_config"]
    server.ok("PATCH", f"/v1/retrievers/{changing}", {"stages": stages})
    (found,) = until(server, task, has_ended)["outputs"]
    assert found["verdict"] == "not known yet"
    assert "nothing learned is served (50 held-out queries)" in found["sentence"]


def test_documents_that_change_meanwhile_pass_for_nothing_learned(
    server: Live, retriever: str
) -> None:
    """All three rankings of the verdict are of the documents of one moment."""
    (collection,) = server.ok("GET", f"/v1/retrievers/{retriever}")["collection_identifiers"]
    task = begun(server, retriever, searches=40, searches_per_second=40)
    until(server, task, has_searched)
    empty = [{**each, "title": "gone", "text": "gone"} for each in shop(150)]
    server.ok("POST", f"/v1/collections/{collection}/documents/upsert", {"documents": empty})
    (found,) = until(server, task, has_ended)["outputs"]
    assert found["curve"][0]["static"]["mean"] > 0.3
    assert found["final"]["static"]["mean"] == found["final"]["equal"]["mean"] == 0
    assert found["verdict"] == "not known yet"


def test_a_proxy_of_the_environment_never_sees_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # for the callers of this test
    with Server(tmp_path) as process:
        _, users = at_work(process, learning_shop(process.start()))
        given = Path(f"/proc/{users}/environ").read_bytes()
        assert b"PATH=" in given
        assert b"_proxy=" not in given.lower()
        assert process.stop() == 0


def test_users_that_die_fail_their_task(process: Server, server: Live, retriever: str) -> None:
    task, users = at_work(process, retriever)
    os.kill(users, signal.SIGKILL)
    ended = until(server, task, has_ended)
    assert (ended["status"], ended["error"]) == ("FAILED", "its process ended without a word")
