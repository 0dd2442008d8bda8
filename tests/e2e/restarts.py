"""A server on one data directory that is stopped, killed and started again, and a shop to search.

Knows processes and signals; what is asked of the server goes through `live.Live`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.live import Live, a_search, a_stage, free_port, make_collection, make_retriever

START_S = 40
STOP_S = 30


class Server:
    """`desireline serve` on `folder/data`; `settings` are given through the environment."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder, self.settings = folder, settings
        self.data, self.log = folder / "data", folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.live: Live = None  # type: ignore[assignment]  # there is none before `start`

    def start(self, **more: str) -> Live:
        """Start and wait until it is ready; `more` are settings of this start alone."""
        self.launch(**more)
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process and self.process.poll() is None:
            try:
                if self.live.call("GET", "/readyz").status == 200:
                    return self.live
            except httpx.TransportError:
                time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log.read_text()[-3000:]}")

    def launch(self, **more: str) -> None:
        """Start and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        named = {f"DESIRELINE_{k.upper()}": v for k, v in (self.settings | more).items()}
        port = free_port()
        command = [sys.executable, "-m", "desireline.cli", "serve", "--data", str(self.data)]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)],
                stdout=output, stderr=output, env={**os.environ, **named}, cwd=self.folder,
            )  # fmt: skip
        self.live = Live(f"http://127.0.0.1:{port}", self.data, self.log)

    def kill(self) -> None:
        """SIGKILL: nothing is drained."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number: int) -> int:
        """Send a signal, wait for the end."""
        assert self.process is not None
        self.live.close()
        self.process.send_signal(number)
        code = self.process.wait(STOP_S)
        self.process = None
        return code

    def died(self, seconds: float = STOP_S) -> int:
        """Wait until it has ended by itself."""
        assert self.process is not None
        code = self.process.wait(seconds)
        self.live.close()
        self.process = None
        return code

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.live.close()
            self.process.kill()
            self.process.wait(STOP_S)


def learned(**config: Any) -> dict[str, Any]:
    """A learned stage over two lexical searches."""
    from tests.e2e.live import IMAGE, TEXT

    return a_stage([a_search(TEXT), a_search(IMAGE)], fusion="learned", learning_config=config)


def a_shop(live: Live, *configs: dict[str, Any], documents: int = 30) -> list[str]:
    """A collection and one learned retriever per configuration; returns their ids."""
    name = make_collection(live, documents)
    return [make_retriever(live, name, learned(**config)) for config in configs or ({},)]


def stats(live: Live, retriever: str) -> dict[str, Any]:
    """The learner in numbers."""
    found: dict[str, Any] = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/stats")
    return found


def an_act(answer: Any, position: int, *types: str, **fields: Any) -> dict[str, Any]:
    """An interaction on a result, as the API takes it."""
    return {
        "feature_id": answer["documents"][position]["document_id"],
        "interaction_type": list(types or ("click",)), "position": position,
        "execution_id": answer["execution_id"], **fields,
    }  # fmt: skip


def send(live: Live, acts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Store interactions in batches; every one must be taken. Returns the results."""
    results: list[dict[str, Any]] = []
    for start in range(0, len(acts), 500):
        batch = {"interactions": acts[start : start + 500]}
        answer = live.ok("POST", "/v1/retrievers/interactions/batch", batch)
        results += answer["results"]
    assert all(each["status"] == "created" for each in results), results[:3]
    return results


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
