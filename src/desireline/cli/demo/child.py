"""The demo's server: `desireline serve` as a child process on loopback, stopped with the demo.

Knows processes and ports; nothing of what is asked of the server.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from desireline.cli.caller import Caller, Refused
from desireline.errors import StartupError, Unavailable

HOST = "127.0.0.1"
USUAL_PORT = 8080
START_SECONDS = 60.0
STOP_SECONDS = 15.0


class Server:
    """A running server. Without `data` its directory is temporary and removed at the end."""

    def __init__(self, data: str, port: int) -> None:
        self._is_temporary = not data
        self.data = Path(data or tempfile.mkdtemp(prefix="desireline-demo-"))
        self.port = port or free_port()
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

    def wait_until_ready(self) -> Caller:
        """A caller of the server, once it answers. Raises StartupError when it never does."""
        caller = Caller(self.url)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                caller.get("/readyz")
            except (Refused, Unavailable):
                time.sleep(0.05)
            else:
                return caller
        message = f"the server did not start: {self._last_words()}"
        raise StartupError(message, hint=f"the whole log: {self.log}")

    def wait(self) -> int:
        """Until the server ends (Ctrl-C ends both)."""
        return self._process.wait() if self._process is not None else 0

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def free_port() -> int:
    """8080 when nobody has it, else any free port of loopback."""
    for wanted in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartupError("no free port on loopback", hint="name one with --port")
