"""`desireline tasks`, and what `desireline import` tells the server of itself."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from desireline.cli import main
from desireline.cli.connection import client_of
from desireline.cli.reporting import Reporter
from desireline.errors import Invalid
from tests.e2e.live import Live, a_name, make_collection


def said(capsys: Any, live: Live, *words: str) -> tuple[int, str, str]:
    """(exit code, printed, errors) of `desireline WORDS --url …`."""
    code = main([*words, "--url", live.url])
    out = capsys.readouterr()
    return code, out.out, out.err


def a_file(folder: Path, count: int) -> Path:
    path = folder / "rows.jsonl"
    rows = (json.dumps({"document_id": f"r{n}", "title": f"row {n}"}) for n in range(count))
    path.write_text("\n".join(rows) + "\n")
    return path


def imports(live: Live, collection: str) -> list[Any]:
    found = live.ok("GET", "/v1/tasks?task_type=import&page_size=500")["results"]
    return [task for task in found if task["inputs"][0].get("collection") == collection]


def test_an_import_is_a_task(live: Live, tmp_path: Path, capsys: Any) -> None:
    name, file = a_name("imported"), a_file(tmp_path, 1200)
    code, out, _ = said(capsys, live, "import", "documents", str(file), "--collection", name)
    assert (code, out.startswith("1200 documents")) == (0, True)
    (task,) = imports(live, name)
    size = file.stat().st_size
    assert task["status"] == "COMPLETED"
    assert task["inputs"] == [{"file": "rows.jsonl", "collection": name, "bytes": size}]
    assert task["outputs"] == [{"imported": 1200, "failed": 0}]
    assert (task["progress"]["done"], task["progress"]["unit"]) == (size, "bytes")


def test_an_import_with_bad_rows_completes_with_errors(
    live: Live, tmp_path: Path, capsys: Any
) -> None:
    name, file = a_name("imported"), a_file(tmp_path, 2)
    file.write_text(file.read_text() + "{\n")
    assert said(capsys, live, "import", "documents", str(file), "--collection", name)[0] == 1
    (task,) = imports(live, name)
    assert task["status"] == "COMPLETED_WITH_ERRORS"
    assert task["outputs"] == [{"imported": 2, "failed": 1}]


def test_an_import_that_somebody_cancels_stops_and_goes_on_with_resume(
    live: Live, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desireline.cli.reporting.REPORT_S", 0)
    name, file = a_name("imported"), a_file(tmp_path, 3000)
    begun = Reporter.reached

    def cancelled_after_1000(self: Reporter, done: int, line: int) -> None:
        if line == 1000:
            live.ok("DELETE", f"/v1/tasks/{self.task_id}")
        begun(self, done, line)

    monkeypatch.setattr(Reporter, "reached", cancelled_after_1000)
    command = ("import", "documents", str(file), "--collection", name)
    code, out, err = said(capsys, live, *command)
    (task,) = imports(live, name)
    assert (code, out.split()[0]) == (1, "1000")
    assert "cancelled after line 1000" in err
    assert f"--resume {task['task_id']}" in err
    assert task["status"] == "CANCELED"
    monkeypatch.setattr(Reporter, "reached", begun)
    code, out, _ = said(capsys, live, *command, "--resume", task["task_id"])
    # The checkpoint is the last one that was reported before the cancel: line 500.
    assert (code, out.split()[0]) == (0, "2500")
    (task,) = imports(live, name)
    assert task["status"] == "COMPLETED"
    count = live.ok("GET", f"/v1/collections/{name}")
    assert 3000 in count.values()
    code, _, err = said(capsys, live, *command, "--resume", task["task_id"])
    assert (code, "needs no resuming" in err) == (2, True)


def test_resume_is_about_the_same_file(live: Live, tmp_path: Path) -> None:
    file = a_file(tmp_path, 3)
    client = client_of(live.url)
    first = Reporter(client, str(file), "shop")
    with pytest.raises(Invalid, match="another collection"):
        Reporter(client, str(file), "other", first.task_id)
    file.write_text("{}")
    with pytest.raises(Invalid, match="another bytes"):
        Reporter(client, str(file), "shop", first.task_id)
    client.close()


def test_an_import_that_breaks_says_so_in_its_task(live: Live, tmp_path: Path) -> None:
    file = a_file(tmp_path, 3)
    client = client_of(live.url)
    reporter = Reporter(client, str(file), a_name("broken"))
    with pytest.raises(ZeroDivisionError), reporter.telling(lambda: {"imported": 1}):
        raise ZeroDivisionError("by 0")
    task = client.tasks.get(reporter.task_id)
    assert (task.status, task.error) == ("FAILED", "by 0")
    with pytest.raises(KeyboardInterrupt), Reporter(client, str(file), "x").telling(dict) as _:
        raise KeyboardInterrupt
    newest = client.tasks.list(page_size=1).page().results[0]
    assert newest.status == "CANCELED"
    client.close()


def test_list_show_cancel_and_retry(live: Live, capsys: Any) -> None:
    task = live.ok("POST", "/v1/tasks", {"task_type": "import", "total": 200, "unit": "bytes"})
    name = task["task_id"]
    live.ok("PATCH", f"/v1/tasks/{name}", {"done": 50, "message": "reading"})
    code, out, _ = said(capsys, live, "tasks", "list", "--status", "in_progress")
    line = next(each for each in out.splitlines() if each.startswith(name))
    assert code == 0
    assert "50 of 200 bytes (25 %)" in line
    assert line.endswith("reading")
    code, out, _ = said(capsys, live, "tasks", "list", "--json", "--limit", "1")
    assert json.loads(out)["results"][0]["task_id"] == name
    assert said(capsys, live, "tasks", "show", name)[0] == 0
    assert said(capsys, live, "tasks", "cancel", name)[:2] == (0, f"{name}  CANCELED\n")
    assert said(capsys, live, "tasks", "retry", name)[:2] == (0, f"{name}  IN_PROGRESS\n")
    live.ok("PATCH", f"/v1/tasks/{name}", {"status": "FAILED", "error": "no disk"})
    code, out, _ = said(capsys, live, "tasks", "show", name)
    assert (code, "error: no disk (task_failed)" in out) == (1, True)
    code, out, _ = said(capsys, live, "tasks", "show", name, "--json")
    assert json.loads(out)["error"] == "no disk"
    code, _, err = said(capsys, live, "tasks", "show", "task_0")
    assert (code, err.startswith("error: there is no task `")) == (2, True)


def test_watch_ends_with_its_task(live: Live, capsys: Any) -> None:
    live_task = live.ok("POST", "/v1/tasks", {"task_type": "import", "total": 2})
    name = live_task["task_id"]

    def work() -> None:
        client = client_of(live.url)
        for done in (1, 2):
            time.sleep(0.2)
            client.tasks.update(name, done=done)
        client.tasks.update(name, status="COMPLETED")
        client.close()

    worker = threading.Thread(target=work)
    worker.start()
    code, out, _ = said(capsys, live, "tasks", "watch", name)
    worker.join()
    assert (code, "COMPLETED  2 of 2" in out) == (0, True)


def test_watch_without_a_name_follows_what_runs(live: Live, capsys: Any) -> None:
    for task in live.ok("GET", "/v1/tasks?status=IN_PROGRESS")["results"]:
        live.ok("DELETE", f"/v1/tasks/{task['task_id']}")
    name = make_collection(live)
    task = live.ok("POST", f"/v1/collections/{name}/optimize")
    code, out, _ = said(capsys, live, "tasks", "watch")
    assert code == 0
    assert "no tasks" in out or f"{task['task_id']}  optimize  COMPLETED" in out
