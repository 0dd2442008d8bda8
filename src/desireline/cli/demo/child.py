"""The demo's server: `desireline serve` as a child process on loopback, stopped with the demo.

Knows processes and ports; nothing of what is asked of the server.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from desireline.cli.connection import client_of
from desireline.cli.serve import free_port
from desireline.client import ApiError, Client
from desireline.errors import StartupError

HOST = "127.0.0.1"
USUAL_PORT = 8080
START_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.05


class Server:
    """A running server. Without `data` its directory is temporary and removed at the end."""

    def __init__(self, data: str, port: int) -> None:
        self.port = port_for(port)
        self._is_temporary = not data
        self.data = Path(data or tempfile.mkdtemp(prefix="desireline-demo-"))
        self.url = f"http://{HOST}:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable, "-m", "desireline.cli", "serve", "--host", HOST,
            "--port", str(self.port), "--data", str(self.data),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._is_temporary:
            shutil.rmtree(self.data, ignore_errors=True)

    @property
    def log(self) -> Path:
        """Where the server's own log goes."""
        return self.data / "demo-server.log"

    def wait_until_ready(self) -> Client:
        """A client of the server, once it answers. Raises StartupError when it never does."""
        until = time.monotonic() + START_SECONDS
        with client_of(self.url, sleep=lambda _: time.sleep(POLL_SECONDS)) as waiting:
            while time.monotonic() < until:
                if self._process is not None and self._process.poll() is not None:
                    break
                with contextlib.suppress(ApiError):
                    waiting.admin.ready()
                    return client_of(self.url)
                time.sleep(POLL_SECONDS)
        error, hint = self._last_words()
        if not hint and not self._is_temporary:
            hint = f"the whole log: {self.log}"
        raise StartupError(f"the server did not start: {error}", hint=hint)

    def wait(self) -> int:
        """Until the server ends (Ctrl-C ends both)."""
        return self._process.wait() if self._process is not None else 0

    def _last_words(self) -> tuple[str, str]:
        """The error and the hint that the server ended with."""
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        said = dict(line.split(": ", 1) for line in lines if line.startswith(("error: ", "hint: ")))
        return said.get("error", lines[-1]), said.get("hint", "")


def port_for(chosen: int) -> int:
    """The chosen port; for 0 the usual one when nobody has it, else any. Raises StartupError.

    Asked before the server starts: whoever has the port may answer like our own server.
    """
    if not chosen:
        with contextlib.suppress(StartupError):
            return free_port(HOST, USUAL_PORT)
    return free_port(HOST, chosen)
