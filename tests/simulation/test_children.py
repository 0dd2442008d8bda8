"""Children of the server that can't start, fail with words, or do not end when they are told."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from desireline.steps import simulations
from desireline.steps.simulations import Ports, Simulations
from desireline.types.simulation import Asked, Assignment

ASSIGNED = Assignment(url="", key="secret", namespace="n", task_id="t", asked=Asked(retriever="r"))


async def outcome(code, *, stop=False):
    """What the task of a child that runs this Python code is told, and the child.

    One that is to be stopped says on its standard output when it is ready for that.
    """
    told, children = [], []

    async def failed(namespace, task_id, words):
        told.append((namespace, task_id, words))

    async def spawn(assignment):
        assert assignment == ASSIGNED
        if not code:
            raise FileNotFoundError(2, "No such file or directory")
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=pipe, stdout=pipe, stderr=pipe
        )
        children.append(child)
        return child

    running = Simulations(Ports(spawn=spawn, failed=failed))
    await running.start(ASSIGNED)
    if stop:
        await children[0].stdout.readline()
        await running.stop()
    for _ in range(200):
        if told:
            break
        await asyncio.sleep(0.05)
    return told, children


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "its process could not be started: No such file or directory"),
        ("pass", "its process ended without a word"),
        ("import sys; sys.exit('no server answers')", "no server answers"),
        ("raise RuntimeError('it broke')", "RuntimeError: it broke"),
        ("import sys; sys.exit('x' * 9000)", "x" * 500),
    ],
)
def test_how_it_ended_is_one_line_of_words(code, words):
    told, _ = asyncio.run(outcome(code))
    assert told == [("n", "t", words)]


def test_a_child_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr(simulations, "STOP_S", 0.5)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True)"
    told, (child,) = asyncio.run(outcome(f"import signal, time; {deaf}; time.sleep(60)", stop=True))
    assert told == [("n", "t", "its process ended without a word")]
    assert child.returncode == -signal.SIGKILL
