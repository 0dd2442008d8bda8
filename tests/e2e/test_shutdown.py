"""The end in order; what clients hear when nothing more fits, on the disk or in the backlog."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import Live, execute, ids
from tests.e2e.load import under_load
from tests.e2e.restarts import Server, a_shop, an_act, send, stats

ROUTE = "/v1/retrievers/interactions"
SECONDS = 10
DISK_MB = 96
CONFIG = {"algorithm": "logistic"}


def listed(live: Live, execution_id: str) -> list[str]:
    answer = live.ok("GET", f"{ROUTE}?limit=1000&execution_id={execution_id}")
    return [each["interaction_id"] for each in answer["results"]]


def test_sigterm_ends_with_code_0_and_nothing_is_lost(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        answer = execute(live, retriever)
        (made,) = send(live, [an_act(answer, 0)])
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < SECONDS
        live = server.start()
        assert listed(live, answer["execution_id"]) == [made["interaction_id"]]
        assert live.ok("POST", "/v1/admin/flush", {"close_executions": True})["closed"] == 1
        assert stats(live, retriever)["lessons"] == 1
        assert server.stop() == 0


@pytest.mark.timeout(120)
def test_sigterm_under_load_drains_what_it_acknowledged(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        with under_load(live.url, "load") as load:
            time.sleep(1.0)
            began = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began < SECONDS
        assert load.acknowledged
        assert load.statuses <= {200, 503}
        live = server.start()
        found = live.ok("GET", f"{ROUTE}?limit=1&include_total=true")
        assert found["pagination"]["total"] == len(load.acknowledged)


def test_a_backlog_at_its_bound_answers_503_and_stores_nothing(tmp_path: Path) -> None:
    with Server(tmp_path, intake_backlog_bytes=str(1 << 20), flush_interval_ms="60000") as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        answer = execute(live, retriever)
        note = "x" * 1500
        acts = [
            an_act(
                answer, n % 10, "click", user_id=f"u{n}", execution_id="", metadata={"note": note}
            )
            for n in range(250)
        ]
        statuses, taken = [], []
        for _ in range(8):
            for act in acts:
                act["user_id"] += "x"
            reply = live.call("POST", f"{ROUTE}/batch", {"interactions": acts})
            statuses.append(reply.status)
            if reply.status == 200:
                taken += [each["interaction_id"] for each in reply.json["results"]]
            else:
                assert int(reply.headers["retry-after"]) >= 1
                assert reply.json["error"]["type"] == "IntakeUnavailableError"
        assert statuses[0] == 200
        assert statuses[-1] == 503
        degraded = [
            each for each in (execute(live, retriever) for _ in range(200)) if each["degraded"]
        ]
        assert degraded
        assert degraded[0]["degraded"][0]["resource"] == "log"
        assert degraded[0]["status"] == "degraded"
        assert ids(degraded[0])  # it is answered all the same
        live.ok("POST", "/v1/admin/flush", {})
        total = live.ok("GET", f"{ROUTE}?limit=1&include_total=true")["pagination"]["total"]
        assert total == len(taken)
        for act in acts:
            act["user_id"] += "y"
        assert live.call("POST", f"{ROUTE}/batch", {"interactions": acts}).status == 200
        assert server.stop() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, so that filling it harms nobody."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.timeout(180)
def test_a_full_disk_answers_507_and_recovers(small_disk: Path) -> None:
    with Server(small_disk) as server:  # its log is on that disk, too
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        before = execute(live, retriever)
        (kept,) = send(live, [an_act(before, 0)])
        live.learn()
        learned = stats(live, retriever)
        filler = small_disk / "filler"
        fill(filler)
        assert until_refused(live, before)["type"] == "StorageFullError"
        assert ids(execute(live, retriever))  # searching goes on
        assert live.call("GET", "/healthz").status == 200
        filler.unlink()
        until_taken(live, an_act(before, 2))
        assert live.ok("GET", "/readyz") == {"status": "ready", "warnings": []}
        live.learn()
        found = set(listed(live, before["execution_id"]))
        assert kept["interaction_id"] in found
        assert len(found) == 2
        state = stats(live, retriever)
        assert state["lessons"] > learned["lessons"]
        assert server.stop() == 0
        live = server.start()
        assert stats(live, retriever)["state_sha256"] == state["state_sha256"]
        assert server.stop() == 0


@pytest.mark.timeout(120)
def test_files_that_may_not_grow_answer_507_and_recover(tmp_path: Path) -> None:
    """The same without the right to mount: a limit on the size of files, set while it runs."""
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        before = execute(live, retriever)
        (kept,) = send(live, [an_act(before, 0)])
        live.learn()
        assert server.process is not None
        pid, (_, most) = server.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
        largest = max(file.stat().st_size for file in (server.data / "intake").glob("*"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + 4096, most))
        refusal = until_refused(live, before)
        assert (refusal["type"], refusal["code"]) == ("StorageFullError", "storage_full")
        assert "free disk space" in refusal["hint"]
        ready = live.ok("GET", "/readyz")
        assert ready["status"] == "ready"
        assert "free disk space" in ready["warnings"][0]
        assert ids(execute(live, retriever))  # searching goes on
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        until_taken(live, an_act(before, 2))
        assert live.ok("GET", "/readyz") == {"status": "ready", "warnings": []}
        live.learn()
        found = listed(live, before["execution_id"])
        assert kept["interaction_id"] in found
        assert len(found) == 2
        assert server.stop() == 0


def until_refused(live: Live, answer: Any) -> dict[str, Any]:
    """Send acts until five were refused for want of space; the last refusal."""
    refusals = []
    for number in range(400):
        act = an_act(answer, 1, "click", session_id=f"s{number}", execution_id="")
        reply = live.call("POST", ROUTE, act)
        assert reply.status in (200, 507)
        if reply.status == 507:
            refusals.append(reply.json["error"])
        if len(refusals) == 5:
            break
    assert len(refusals) == 5
    return dict(refusals[-1])


def until_taken(live: Live, act: dict[str, Any]) -> None:
    """Send an act until it is stored (for 20 s)."""
    until = time.monotonic() + 20
    while live.call("POST", ROUTE, act).status != 200:
        assert time.monotonic() < until
        time.sleep(0.2)


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
