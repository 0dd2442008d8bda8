"""The live feed of a real server: what happens is told in order, to whom it concerns, bounded."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from desireline.steps.feed import LISTENERS
from tests.e2e.live import (
    IMAGE,
    TEXT,
    Live,
    a_stage,
    click,
    execute,
    ids,
    key,
    make_collection,
    make_retriever,
    serving,
)
from tests.e2e.restarts import Server

INTERACTIONS = "/v1/retrievers/interactions"


class Ear:
    """Someone who listens in a thread of its own; `happened` is what was heard so far."""

    def __init__(self, live: Live, query: str, headers: dict[str, str]) -> None:
        self.happened: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.headers: httpx.Headers | None = None
        self.ended = threading.Event()
        self._url, self._sent = f"{live.url}/v1/live{query}", headers
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        try:
            with httpx.stream("GET", self._url, headers=self._sent, timeout=40) as response:
                assert response.status_code == 200
                self.headers, self._response = response.headers, response
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        self.messages.append(json.loads(line.removeprefix("data: ")))
                        self.happened += self.messages[-1]["happened"]
        except httpx.TransportError:
            pass
        finally:
            self.ended.set()

    def start(self) -> None:
        self._thread.start()
        self.until(lambda: self.messages)

    def until(self, done: Callable[[], Any], seconds: float = 15.0) -> None:
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, self.happened
            time.sleep(0.01)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.happened if each["kind"] == kind]

    def close(self) -> None:
        """Hang up, also on a server that is silent."""
        if not self.ended.is_set():
            stream = self._response.extensions["network_stream"]
            with contextlib.suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            assert self.ended.wait(5)


@contextmanager
def listening(live: Live, query: str = "", **headers: str) -> Iterator[Ear]:
    """An ear that has had its first message; what was remembered is in `happened` too."""
    ear = Ear(live, query, {name.replace("_", "-"): value for name, value in headers.items()})
    ear.start()
    try:
        yield ear
    finally:
        ear.close()


def once(live: Live, query: str = "", **headers: str) -> list[dict[str, Any]]:
    """What is remembered."""
    joined = f"/v1/live?follow=false{query}"
    reply = live.call("GET", joined, **headers)
    assert reply.status == 200, reply.content
    (block,) = reply.content.decode().strip().split("\n\n")
    message = json.loads(block.removeprefix("data: "))
    assert message["lost"] == 0
    found: list[dict[str, Any]] = message["happened"]
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of its own: what others do must not be heard here."""
    with serving(tmp_path_factory.mktemp("heard")) as server:
        yield server


@pytest.fixture(scope="module")
def learned(shop: Live) -> str:
    return make_retriever(shop, make_collection(shop), a_stage(fusion="learned"))


def test_a_search_and_a_click_are_told_in_order(shop: Live, learned: str):
    with listening(shop, f"?retriever={learned}") as ear:
        assert ear.headers is not None
        assert ear.headers["content-type"].startswith("text/event-stream")
        before = len(ear.happened)
        person = {"user_id": "u-1", "session_id": "s-1", "user_segment": "runners"}
        answer = execute(shop, learned, inputs=person)
        act = click(shop, answer, 2)
        shop.learn()
        ear.until(lambda: ear.of("weights"))
    kinds = [each["kind"] for each in ear.happened[before:]]
    assert kinds == ["execution", "interaction", "lesson", "weights"]
    named = shop.ok("GET", f"/v1/retrievers/{learned}")
    for each in ear.happened[before:]:
        assert (each["retriever_id"], each["simulated"]) == (learned, False)
        assert each["retriever_name"] == named["retriever_name"]
        assert each["at"].endswith("Z")
    searched, clicked, lesson, weights = ear.happened[before:]
    check_execution(searched, answer)
    assert clicked["interaction_id"] == act["interaction_id"]
    assert clicked["document_id"] == ids(answer)[2]
    assert (clicked["position"], clicked["teaches"], clicked["teaches_reason"]) == (2, True, "open")
    assert clicked["reward"] > 0
    assert (lesson["lesson"], lesson["execution_id"]) == ("close", answer["execution_id"])
    assert (lesson["shown"], lesson["rewarded"]) == (10, 1)
    assert lesson["context_keys"][0] == "global"
    assert weights["posterior_version"] == lesson["seq"]
    assert sum(weights["weights"].values()) == pytest.approx(1)


def check_execution(told: dict[str, Any], answer: Any) -> None:
    """What is told of an execution is what its caller was answered."""
    assert told["execution_id"] == answer["execution_id"]
    assert (told["query"], told["user_id"], told["segment"]) == (
        "wireless earbuds", "u-1", "runners",
    )  # fmt: skip
    assert (told["top"], told["results"]) == (ids(answer)[:3], len(ids(answer)))
    context = answer["learned_fusion_context"]
    assert told["weights"] == pytest.approx(context["sampled_weights"])
    assert (told["served"], told["context_level"]) == (context["served"], "prior")


def test_only_what_is_asked_for(shop: Live, learned: str):
    other = make_retriever(shop, make_collection(shop, 5))
    with listening(shop, f"?retriever={learned}&kinds=execution,lesson") as ear:
        before = len(ear.happened)
        execute(shop, other)
        click(shop, execute(shop, learned), 0)
        shop.learn()
        ear.until(lambda: any(each["kind"] == "lesson" for each in ear.happened[before:]))
    assert [each["kind"] for each in ear.happened[before:]] == ["execution", "lesson"]
    assert {each["retriever_id"] for each in ear.happened} == {learned}
    assert {each["kind"] for each in once(shop, "&kinds=interaction")} == {"interaction"}


def test_what_comes_too_fast_is_counted(shop: Live):
    acts = [
        {"feature_id": f"x{n}", "interaction_type": ["click"], "position": 0} for n in range(180)
    ]
    with listening(shop, "?kinds=interaction") as ear:
        shop.ok("POST", f"{INTERACTIONS}/batch", {"interactions": acts})
        ear.until(lambda: len(ear.messages) > 1)
        time.sleep(0.5)
    first, *rest = ear.messages
    assert first["lost"] == 0
    assert sum(len(each["happened"]) + each["lost"] for each in rest) == 180
    assert all(len(each["happened"]) <= 50 for each in rest)
    assert rest[-1]["happened"][-1]["document_id"] == "x179"
    assert len(once(shop)) == 100


def test_what_other_engines_found_and_what_is_simulated(shop: Live, learned: str):
    hits = [{"document_id": f"d0{n}", "score": 1.0 - n / 10} for n in range(5)]
    shop.ok("POST", f"/v1/retrievers/{learned}/fuse", {
        "inputs": {"query": "fused"}, "purpose": "simulation",
        "runs": [{"feature_uri": uri, "hits": hits} for uri in (TEXT, IMAGE)],
    })  # fmt: skip
    shown = [{"document_id": "a"}, {"document_id": "b"}]
    shop.ok(
        "POST", f"/v1/retrievers/{learned}/executions", {"inputs": {"query": "own"}, "shown": shown}
    )
    fused, logged = once(shop, "&kinds=execution")[-2:]
    assert (fused["query"], fused["simulated"], fused["results"]) == ("fused", True, 5)
    assert (logged["query"], logged["simulated"], logged["top"]) == ("own", False, ["a", "b"])
    assert (logged["weights"], logged["variant"], logged["served"]) == ({}, "", False)


def test_tasks_are_told(shop: Live):
    task = shop.ok("POST", "/v1/tasks", {"task_type": "import", "total": 4, "unit": "rows"})
    with listening(shop, "?kinds=task") as ear:
        shop.ok("PATCH", f"/v1/tasks/{task['task_id']}", {"done": 3, "message": "on it"})
        shop.ok("POST", f"/v1/tasks/{task['task_id']}/cancel")
        shop.ok("POST", "/v1/admin/optimize")
        ear.until(lambda: any(each["status"] == "COMPLETED" for each in ear.happened))
    told = [each for each in ear.happened if each["task_id"] == task["task_id"]]
    assert [(each["status"], each["done"]) for each in told] == [
        ("IN_PROGRESS", 0), ("IN_PROGRESS", 3), ("CANCELED", 3),
    ]  # fmt: skip
    assert (told[1]["message"], told[1]["unit"], told[1]["total"]) == ("on it", "rows", 4)
    assert told[1]["retriever_id"] == ""


def test_what_is_deleted_is_not_remembered(shop: Live, learned: str):
    answer = execute(shop, learned, inputs={"user_id": "leaving", "session_id": "s-leaving"})
    act, other = click(shop, answer, 0), click(shop, answer, 1)
    told = {each["interaction_id"] for each in once(shop, "&kinds=interaction")}
    assert {act["interaction_id"], other["interaction_id"]} <= told
    shop.ok("DELETE", f"{INTERACTIONS}/{act['interaction_id']}")
    told = {each["interaction_id"] for each in once(shop, "&kinds=interaction")}
    assert act["interaction_id"] not in told
    assert other["interaction_id"] in told
    shop.ok("DELETE", f"{INTERACTIONS}?user_id=leaving")
    assert "leaving" not in json.dumps(once(shop))


def test_what_is_wrong_is_refused(shop: Live):
    refused = shop.refused("GET", "/v1/live?retriever=nowhere")
    assert (refused["status"], refused["code"]) == (404, "retriever_not_found")
    refused = shop.refused("GET", "/v1/live?kinds=execution,lessons")
    assert (refused["status"], refused["code"]) == (422, "wrong_value")
    assert "lesson" in refused["hint"]
    assert shop.refused("GET", "/v1/live?kind=task")["code"] == "unknown_field"


def test_namespaces_do_not_hear_each_other(shop: Live):
    name = "heard-elsewhere"
    shop.ok("POST", "/v1/namespaces", {"namespace_name": name})
    act = {"feature_id": "secret", "interaction_type": ["click"], "position": 0}
    with listening(shop) as here, listening(shop, x_namespace=name) as there:
        assert there.happened == []
        shop.ok("POST", INTERACTIONS, act, x_namespace=name)
        there.until(lambda: there.happened)
        shop.ok("POST", INTERACTIONS, {**act, "feature_id": "open"})
        here.until(lambda: any(each.get("document_id") == "open" for each in here.happened))
    assert [each["document_id"] for each in there.happened] == ["secret"]
    assert "secret" not in json.dumps(here.happened)
    namespace = shop.ok("GET", f"/v1/namespaces/{name}")["namespace_id"]
    with listening(shop, x_namespace=name) as there:
        shop.ok("DELETE", f"/v1/namespaces/{namespace}")
        assert there.ended.wait(5)


def test_who_leaves_makes_room(shop: Live):
    """More listeners come and go than may listen at once; some leave without reading."""
    for _ in range(LISTENERS + 10):
        with httpx.stream("GET", f"{shop.url}/v1/live", timeout=10) as response:
            assert response.status_code == 200
            assert next(response.iter_raw())
    before = shop.log.read_bytes().count(b"Traceback")
    responses: list[int] = []
    reading: list[Iterator[bytes]] = []
    with httpx.Client(base_url=shop.url, timeout=10) as client, contextlib.ExitStack() as open_:
        for _ in range(LISTENERS + 1):
            response = open_.enter_context(client.stream("GET", "/v1/live"))
            responses.append(response.status_code)
            if response.status_code == 200:
                reading.append(response.iter_raw())  # whoever drops it closes the connection
                next(reading[-1])
        refused = json.loads(response.read())
    assert responses == [200] * LISTENERS + [429]
    assert refused["error"]["code"] == "too_many_listeners"
    assert refused["error"]["hint"]
    until = time.monotonic() + 10
    while shop.call("GET", "/v1/live?follow=false").status != 200:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert shop.log.read_bytes().count(b"Traceback") == before


def test_a_long_stream_is_no_slow_request(shop: Live):
    with listening(shop):
        time.sleep(0.6)
    with listening(shop):
        pass
    time.sleep(0.3)
    metrics = shop.call("GET", "/metrics").content.decode()
    rows = [line for line in metrics.splitlines() if 'route="/v1/live",status="200"' in line]
    found = {line.rsplit(" ", 1)[0].split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in rows}
    assert found["desireline_http_request_seconds_count"] > 5
    assert found["desireline_http_request_seconds_sum"] < 5


def test_sigterm_ends_the_streams_at_once(tmp_path: Path):
    with Server(tmp_path) as server:
        live = server.start()
        with listening(live) as one, listening(live, "?kinds=task") as other:
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < 6
            assert one.ended.wait(2)
            assert other.ended.wait(2)


def test_keys(tmp_path: Path):
    with Server(tmp_path) as server:
        server.start()
        assert server.stop() == 0
        keys = {scope: key(server.data, "--scope", scope) for scope in ("read", "ingest")}
        live = server.start()
        assert live.refused("GET", "/v1/live")["status"] == 401
        bearer = {scope: {"authorization": f"Bearer {secret}"} for scope, secret in keys.items()}
        assert live.refused("GET", "/v1/live", **bearer["ingest"])["status"] == 403
        assert once(live, **bearer["read"]) == []
        act = {"feature_id": "d", "interaction_type": ["click"], "position": 0}
        with listening(live, **bearer["read"]) as ear:
            live.ok("POST", INTERACTIONS, act, **bearer["ingest"])
            ear.until(lambda: ear.of("interaction"))
        assert server.stop() == 0


def test_users_are_told_as_the_log_knows_them(tmp_path: Path):
    with Server(tmp_path, anonymize="hmac") as server:
        live = server.start()
        retriever = make_retriever(live, make_collection(live, 5), a_stage(fusion="learned"))
        click(live, execute(live, retriever, inputs={"user_id": "somebody"}), 0)
        live.learn()
        told = once(live)
        assert "somebody" not in json.dumps(told)
        (name,) = {each["user_id"] for each in told if each.get("user_id")}
        live.ok("DELETE", f"{INTERACTIONS}?user_id=somebody")
        assert name not in json.dumps(once(live))
        assert [each["kind"] for each in once(live)] == ["weights"]
        assert server.stop() == 0
