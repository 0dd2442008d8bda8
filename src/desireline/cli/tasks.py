"""`desireline tasks`: what a running server works on, with bars; cancel and begin again.

Knows what can be asked about tasks. Watching asks twice a second and ends when the tasks do.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from desireline.cli import connection
from desireline.cli.output import print_json

if TYPE_CHECKING:
    from rich.progress import Progress

    from desireline.client import Client
    from desireline.client.answers import Task

HELP = "list, watch, cancel and retry the tasks of a running server"
POLL_S = 0.5
LIVE = ("PENDING", "IN_PROGRESS")
STATUSES = ("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`desireline tasks list|show|watch|cancel|retry …`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|show|watch|…")
    listing = actions.add_parser("list", help="tasks, newest first")
    listing.add_argument("--status", type=str.upper, choices=STATUSES, help="only these")
    listing.add_argument("--limit", type=int, default=20, help="how many at most (default 20)")
    show = actions.add_parser("show", help="all about one task")
    watch = actions.add_parser("watch", help="bars of one task, or of all that have not ended")
    cancel = actions.add_parser("cancel", help="stop a task before its next piece of work")
    retry = actions.add_parser("retry", help="begin a failed or cancelled task again")
    for action in (show, cancel, retry):
        action.add_argument(
            "task", metavar="TASK", type=connection.named, help="its id, as `tasks list` shows it"
        )
    watch.add_argument("task", metavar="TASK", nargs="?", help="its id; without: all")
    for action in (listing, show, watch, cancel, retry):
        connection.add_arguments(action)
    for action in (listing, show):
        action.add_argument("--json", action="store_true", help="the server's answer as it is")


def run(arguments: argparse.Namespace) -> int:
    """Do it; 1 when a task that was watched or shown did not end well."""
    with connection.connected(arguments) as client:
        return _ACTIONS[arguments.action](client, arguments)


def _list(client: Client, arguments: argparse.Namespace) -> int:
    selection = {"status": arguments.status} if arguments.status else {}
    page = client.tasks.list(page_size=arguments.limit, **selection).page()
    if arguments.json:
        print_json(page.sent)
    elif page.results:
        _print_table(page.results)
    else:
        print("no tasks")
    return 0


def _show(client: Client, arguments: argparse.Namespace) -> int:
    task = client.tasks.get(arguments.task)
    if arguments.json:
        print_json(task.sent)
    else:
        _print_line(task)
        for name in ("message", "created_at", "started_at", "finished_at", "inputs", "outputs"):
            if task[name]:
                print(f"  {name}: {task[name]}")
        _print_error(task)
    return 1 if task.status == "FAILED" else 0


def _cancel(client: Client, arguments: argparse.Namespace) -> int:
    task = client.tasks.delete(arguments.task)
    print(f"{task.task_id}  {task.status}")
    return 0 if task.status == "CANCELED" else 1


def _retry(client: Client, arguments: argparse.Namespace) -> int:
    task = client.tasks.retry(arguments.task)
    print(f"{task.task_id}  {task.status}")
    return 0


def _watch(client: Client, arguments: argparse.Namespace) -> int:
    with _bars() as progress:
        seen = _followed(client, arguments.task, progress)
    if not seen:
        print("no tasks to watch")
    for task in seen:
        _print_line(task)
        _print_error(task)
    return 1 if any(task.status in ("FAILED", "CANCELED") for task in seen) else 0


def _followed(client: Client, named: str | None, progress: Progress) -> list[Task]:
    """The tasks as they ended, in the order in which they were first seen."""
    bars: dict[str, Any] = {}
    seen: dict[str, Task] = {}
    while True:
        known = [each for each, task in seen.items() if task.status in LIVE]
        for task in _now(client, named, known):
            seen[task.task_id] = task
            if task.task_id not in bars:
                bars[task.task_id] = progress.add_task(task.task_type, total=None)
            progress.update(
                bars[task.task_id], completed=task.progress.done, total=task.progress.total or None,
                description=f"{task.task_type} {task.message or task.status.lower()}",
            )  # fmt: skip
        if not any(task.status in LIVE for task in seen.values()):
            return list(seen.values())
        time.sleep(POLL_S)


def _now(client: Client, named: str | None, known: list[str]) -> list[Task]:
    if named:
        return [client.tasks.get(named)]
    live = [
        task
        for status in reversed(LIVE)
        for task in client.tasks.list(status=status, page_size=100).page().results
    ]
    listed = {task.task_id for task in live}
    return live + [client.tasks.get(each) for each in known if each not in listed]


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip


def _amount(task: Task) -> str:
    place = task.progress
    percent = "" if place.percent is None else f" ({place.percent:.0f} %)"
    total = f" of {place.total:,}" if place.total else ""
    counted = place.done or place.total
    return f"{place.done:,}{total} {place.unit}{percent}".strip() if counted else ""


def _print_table(tasks: list[Task]) -> None:
    for task in tasks:
        line = f"{task.task_id}  {task.task_type:<9} {task.status:<11}"
        print(f"{line} {task.created_at}  {_amount(task)}  {task.message}".rstrip())


def _print_line(task: Task) -> None:
    print(f"{task.task_id}  {task.task_type}  {task.status}  {_amount(task)}")


def _print_error(task: Task) -> None:
    error = task.additional_data.error
    if error:
        sys.stdout.write(f"  error: {error.message} ({error.code})\n")
        if error.hint:
            sys.stdout.write(f"  hint: {error.hint}\n")


_ACTIONS = {"list": _list, "show": _show, "watch": _watch, "cancel": _cancel, "retry": _retry}
