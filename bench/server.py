"""A desireline server as a child process, for benchmarks: free port, data directory of its own.

Knows processes, ports and the routes that every benchmark needs (collection, documents, retriever,
flush). The data lies below the current folder, so that a disk is a disk. Not run alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from caller import Caller

from desireline.client import ApiError

HOST = "127.0.0.1"
START_SECONDS, STOP_SECONDS = 60.0, 60.0
UPKEEP_SECONDS = 6.0
UPSERT = 500


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """`desireline serve` with these settings, by their names; ends with the block."""

    def __init__(self, **settings: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=".bench-", dir="."))
        self.port = free_port()
        self.log = self.folder / "server.log"
        self._settings = {f"DESIRELINE_{name.upper()}": str(v) for name, v in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave no server behind
        command = [
            sys.executable, "-m", "desireline.cli", "serve", "--host", HOST,
            "--port", str(self.port), "--data", str(self.folder / "data"),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=os.environ | self._settings,
            )  # fmt: skip
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """For a profiler, and for the memory of the process."""
        assert self._process is not None
        return self._process.pid

    def caller(self) -> Caller:
        """A connection of its own, kept alive."""
        return Caller(f"http://{HOST}:{self.port}", timeout_s=300)

    def peak_mb(self) -> float:
        """The most memory the server has held, in MB (0 where /proc is missing)."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return 0.0
        return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

    def settle(self, most_seconds: float = 120.0) -> float:
        """Wait until the server and its children hardly compute (a fresh index is optimised in the
        background); seconds waited, 0 where /proc is missing."""
        began = time.monotonic()
        time.sleep(UPKEEP_SECONDS)  # by then a turn of upkeep has begun what there is to do
        last = self._cpu_seconds()
        while time.monotonic() - began < most_seconds:
            time.sleep(1.0)
            now = self._cpu_seconds()
            if now - last < 0.1:
                break
            last = now
        return time.monotonic() - began

    def _cpu_seconds(self) -> float:
        """CPU time of the server, and of all its children while they live."""
        ticks, pids = 0, [self.pid]
        for pid in pids:
            try:
                threads = Path(f"/proc/{pid}/task").iterdir()
                pids += [int(c) for t in threads for c in (t / "children").read_text().split()]
                own = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            ticks += int(own[11]) + int(own[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _wait_until_ready(self) -> None:
        caller, until = self.caller(), time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process and self._process.poll() is None:
            try:
                caller.get("/readyz")
            except ApiError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")


def make_collection(caller: Caller, name: str, features: Sequence[Mapping[str, Any]]) -> None:
    caller.post("/v1/collections", {"collection_name": name, "features": list(features)})


def upsert(caller: Caller, collection: str, documents: Sequence[Mapping[str, Any]]) -> float:
    """All documents in batches; seconds it took. Raises RuntimeError when one was refused."""
    began, path = time.perf_counter(), f"/v1/collections/{collection}/documents/upsert"
    for start in range(0, len(documents), UPSERT):
        answer = caller.post(path, {"documents": documents[start : start + UPSERT]})
        if answer["failed"]:
            bad = next(each for each in answer["results"] if each.get("error"))
            raise RuntimeError(f"{answer['failed']} documents refused, the first: {bad}")
    return time.perf_counter() - began


def make_retriever(
    caller: Caller, name: str, collection: str, uris: Iterable[str], **parameters: Any
) -> str:
    """A retriever of one feature search over `uris`, every query the input's; its name."""
    searches = [{"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 100} for uri in uris]
    config = {"stage_id": "feature_search", "parameters": {"searches": searches} | parameters}
    stage = {"stage_name": "search", "stage_type": "filter", "config": config}
    body = {"retriever_name": name, "collection_identifiers": [collection], "stages": [stage]}
    caller.post("/v1/retrievers", body)
    return name


def flush(caller: Caller, *, close_executions: bool = False) -> dict[str, Any]:
    """Everything acknowledged in the log; on request, open executions closed and learned from."""
    answer: dict[str, Any] = caller.post("/v1/admin/flush", {"close_executions": close_executions})
    return answer
