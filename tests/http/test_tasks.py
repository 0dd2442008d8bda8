"""Tasks over HTTP: started, seen, cancelled, begun again, reported; killed and resumed."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import FEATURES, Live, a_document, make_collection, serving
from tests.e2e.restarts import Server

COLOUR = {"feature_uri": "desireline://colour@v1/bm25", "kind": "lexical", "fields": ["colour"]}
ENDED = ("COMPLETED", "COMPLETED_WITH_ERRORS", "FAILED", "CANCELED")


def ended(live: Live, task: Any, seconds: float = 30) -> Any:
    """The task as it ended."""
    until = time.monotonic() + seconds
    while (now := live.ok("GET", f"/v1/tasks/{task['task_id']}"))["status"] not in ENDED:
        assert time.monotonic() < until, now
        time.sleep(0.05)
    return now


def started(live: Live, path: str, body: Any = None) -> Any:
    reply = live.call("POST", path, body)
    assert reply.status == 202, reply.content
    return reply.json


def announced(live: Live, **fields: Any) -> Any:
    return live.ok("POST", "/v1/tasks", {"task_type": "import", **fields})


def report(live: Live, task: Any, **fields: Any) -> Any:
    return live.ok("PATCH", f"/v1/tasks/{task['task_id']}", fields)


def test_optimize_answers_at_once_and_is_seen_until_its_end(live: Live) -> None:
    name = make_collection(live)
    task = started(live, f"/v1/collections/{name}/optimize")
    assert task["task_id"].startswith("task_")
    assert (task["task_type"], task["status"]) == ("optimize", "PENDING")
    assert (task["error"], task["message"]) == (None, f"`{name}`")
    done = ended(live, task)
    assert done["status"] == "COMPLETED"
    assert done["outputs"] == [{"collections": 1, "documents": 30}]
    assert done["progress"]["percent"] == 100.0
    assert (done["progress"]["done"], done["progress"]["unit"]) == (30, "documents")
    bare = done["task_id"].removeprefix("task_")
    assert live.ok("GET", f"/tasks/{bare}") == done  # bare id, alias of /v1
    assert live.ok("DELETE", f"/v1/tasks/{bare}")["status"] == "COMPLETED"


def test_optimize_of_everything_is_one_task(tmp_path: Path) -> None:
    with serving(tmp_path) as live:  # with few collections: each costs a child process
        make_collection(live)
        make_collection(live)
        task = ended(live, started(live, "/v1/admin/optimize"))
        assert task["status"] == "COMPLETED"
        assert task["outputs"][0]["collections"] == 2


def test_a_rebuild_with_a_new_feature(live: Live) -> None:
    name = make_collection(live)
    path = f"/v1/collections/{name}"
    task = ended(live, started(live, f"{path}/rebuild", {"features": [*FEATURES, COLOUR]}))
    assert (task["status"], task["outputs"][0]["documents"]) == ("COMPLETED", 30)
    features = live.ok("GET", path)["features"]
    assert features[-1]["feature_uri"] == COLOUR["feature_uri"]
    again = ended(live, started(live, f"{path}/rebuild"))  # the same features, encoded again
    assert again["outputs"][0]["index_version"] == 3
    error = live.refused("POST", f"{path}/rebuild", {"features": [COLOUR, COLOUR]})
    assert error["code"] == "duplicate_name"
    assert live.refused("POST", "/v1/collections/none/optimize")["status"] == 404


def test_lists_are_pages_newest_first_by_status_and_type(live: Live) -> None:
    made = [announced(live, total=10)["task_id"] for _ in range(3)]
    first = live.ok("GET", "/v1/tasks?status=IN_PROGRESS&task_type=import&page_size=2")
    assert [task["task_id"] for task in first["results"]] == [made[2], made[1]]
    cursor = first["pagination"]["next_cursor"]
    body = {"status": "PROCESSING", "task_type": "import", "page_size": 2, "cursor": cursor}
    rest = live.ok("POST", "/v1/tasks/list", body)
    assert rest["results"][0]["task_id"] == made[0]
    for task_id in made:
        assert live.ok("POST", f"/v1/tasks/{task_id}/cancel")["status"] == "CANCELED"
    assert made[0] in {
        task["task_id"] for task in live.ok("GET", "/v1/tasks?status=CANCELED")["results"]
    }
    assert live.ok("POST", "/v1/tasks/list")["results"][0]["task_id"] == made[2]


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "where"),
    [
        ("GET", "/v1/tasks?status=RUNNING", None, "wrong_value", "query.status"),
        ("POST", "/v1/tasks/list", {"status": "COMPLETED_WITH_ERRORS"}, "wrong_value", "$.status"),
        ("POST", "/v1/tasks/list", {"sort": {}}, "not_available", "$.sort"),
        ("POST", "/v1/tasks", {"task_type": "optimize"}, "wrong_value", "$.task_type"),
        ("POST", "/v1/tasks", {"task_type": "import", "total": -1}, "wrong_value", "$.total"),
        ("GET", "/v1/tasks/task_0", None, "task_not_found", None),
        ("POST", "/v1/tasks/task_0/retry", None, "task_not_found", None),
    ],
)
def test_what_is_refused(
    live: Live, method: str, path: str, body: Any, code: str, where: str | None
) -> None:
    error = live.refused(method, path, body)
    if where is None:
        assert error["code"] == code
        return
    (place,) = error["details"]["validation_errors"]
    assert place["path"] == where
    assert place["type"] in (code, "wrong_type")


def test_a_program_outside_reports_and_is_asked_to_stop(live: Live) -> None:
    task = announced(live, inputs=[{"file": "a.jsonl"}], total=1000, unit="bytes")
    assert (task["status"], task["is_reported"]) == ("IN_PROGRESS", True)
    time.sleep(0.02)
    now = report(live, task, done=250, message="reading", checkpoint={"line": 7})
    assert (now["progress"]["percent"], now["message"]) == (25.0, "reading")
    assert now["progress"]["per_second"] > 0
    assert now["progress"]["seconds_left"] > 0
    live.ok("DELETE", f"/v1/tasks/{task['task_id']}")
    assert report(live, task, done=300)["status"] == "CANCELED"
    assert report(live, task, done=300)["progress"]["done"] == 250
    again = live.ok("POST", f"/v1/tasks/{task['task_id']}/retry")
    assert (again["status"], again["additional_data"]["checkpoint"]) == ("IN_PROGRESS", {"line": 7})
    outcome = [{"imported": 9, "failed": 1}]
    done = report(live, task, done=1000, status="COMPLETED", outputs=outcome)
    assert (done["status"], done["outputs"]) == ("COMPLETED_WITH_ERRORS", outcome)
    error = live.refused("POST", f"/v1/tasks/{task['task_id']}/retry")
    assert (error["status"], error["code"]) == (409, "task_not_ended")


def test_a_failure_that_is_reported_has_its_words(live: Live) -> None:
    task = announced(live)
    failed = report(live, task, status="FAILED", error="the disk went away")
    assert (failed["status"], failed["error"]) == ("FAILED", "the disk went away")
    assert failed["additional_data"]["error"]["code"] == "task_failed"
    error = live.refused("PATCH", f"/v1/tasks/{task['task_id']}", {"outputs": []})
    assert error["details"]["validation_errors"][0]["path"] == "$.outputs"


def test_a_task_is_no_store(live: Live) -> None:
    big = {"blob": "x" * 70_000}
    task = announced(live)["task_id"]
    for method, path, body, where in (
        ("POST", "/v1/tasks", {"task_type": "import", "inputs": [big]}, "$.inputs"),
        ("PATCH", f"/v1/tasks/{task}", {"checkpoint": big}, "$.checkpoint"),
        ("PATCH", f"/v1/tasks/{task}", {"outputs": [big]}, "$.outputs"),
    ):
        (place,) = live.refused(method, path, body)["details"]["validation_errors"]
        assert (place["path"], place["type"]) == (where, "too_long")


def test_the_servers_own_work_is_not_reported_by_others(live: Live) -> None:
    task = started(live, f"/v1/collections/{make_collection(live)}/optimize")
    error = live.refused("PATCH", f"/v1/tasks/{task['task_id']}", {"done": 1})
    assert (error["status"], error["code"]) == (409, "task_not_reported")
    ended(live, task)


def test_a_rebuild_that_was_killed_is_done_by_the_next_start(tmp_path: Path) -> None:
    count = 6_000
    with Server(tmp_path) as server:
        live = server.start()
        name = make_collection(live, [])
        path = f"/v1/collections/{name}"
        for start in range(0, count, 1000):
            rows = [{**a_document(n), "document_id": f"k{n}"} for n in range(start, start + 1000)]
            assert live.ok("POST", f"{path}/documents/upsert", {"documents": rows})["failed"] == 0
        task = started(live, f"{path}/rebuild", {"features": [*FEATURES, COLOUR]})
        while live.ok("GET", f"/v1/tasks/{task['task_id']}")["progress"]["done"] < 200:
            time.sleep(0.01)
        server.kill()
        live = server.start()
        done = ended(live, task, seconds=50)
        assert (done["status"], done["attempts"]) == ("COMPLETED", 2), done
        assert done["outputs"] == [{"index_version": 2, "documents": count}]
        listed = live.ok("POST", f"{path}/documents/list", {"include_total": True, "limit": 1})
        assert listed["pagination"]["total"] == count


def children(data: Path) -> list[Path]:
    """Processes that optimise below a data directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes()
            if b"desireline.index.optimise" in words and bytes(data) in words:
                found.append(path)
    return found


def test_an_optimisation_that_was_killed_is_done_by_the_next_start(tmp_path: Path) -> None:
    count = 12_000
    with Server(tmp_path) as server:
        live = server.start()
        name = make_collection(live, [])
        for start in range(0, count, 2000):
            rows = [{**a_document(n), "document_id": f"k{n}"} for n in range(start, start + 2000)]
            live.ok("POST", f"/v1/collections/{name}/documents/upsert", {"documents": rows})
        task = started(live, f"/v1/collections/{name}/optimize")
        until = time.monotonic() + 20
        while not children(server.data):
            assert time.monotonic() < until
            time.sleep(0.01)
        server.kill()
        while children(server.data):  # it ends with its server
            assert time.monotonic() < until
            time.sleep(0.01)
        live = server.start()
        done = ended(live, task, seconds=50)
        assert (done["status"], done["attempts"]) == ("COMPLETED", 2), done
        assert done["outputs"] == [{"collections": 1, "documents": count}]
        assert not list((server.data / "index").glob("*/*/copy-*"))


def test_a_cancelled_optimisation_ends_its_process(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        name = make_collection(live, [])
        rows = [{**a_document(n), "document_id": f"k{n}"} for n in range(4000)]
        live.ok("POST", f"/v1/collections/{name}/documents/upsert", {"documents": rows})
        task = started(live, f"/v1/collections/{name}/optimize")
        while not children(server.data):
            time.sleep(0.005)
        assert live.ok("DELETE", f"/v1/tasks/{task['task_id']}")["status"] == "CANCELED"
        until = time.monotonic() + 5
        while children(server.data) or list((server.data / "index").glob("*/*/copy-*")):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert live.ok("GET", f"/v1/tasks/{task['task_id']}")["status"] == "CANCELED"
        assert ended(live, started(live, f"/v1/collections/{name}/optimize"))["attempts"] == 1


def test_a_stop_waits_for_no_long_task(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        name = make_collection(live, [])
        rows = [{**a_document(n), "document_id": f"k{n}"} for n in range(4000)]
        for start in range(0, 4000, 1000):
            part = {"documents": rows[start : start + 1000]}
            live.ok("POST", f"/v1/collections/{name}/documents/upsert", part)
        task = started(live, f"/v1/collections/{name}/rebuild")
        while live.ok("GET", f"/v1/tasks/{task['task_id']}")["status"] == "PENDING":
            time.sleep(0.01)
        assert server.stop() == 0
        live = server.start()
        assert ended(live, task)["attempts"] == 1
