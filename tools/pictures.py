"""Takes the pictures of the documentation (`make pictures`): of a demo at an address, or its own.

Knows the demo's words and where the pictures lie; what is in them is `web/journeys/pictures.mjs`'s.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from desireline.cli.serve import free_port

ROOT = Path(__file__).parents[1]
JOURNEYS = ROOT / "web" / "journeys"
SEARCHES = "3000"
READY = "The server stays up"
MOST_SECONDS = 600


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo whose simulated users are done."""
    port = free_port("127.0.0.1", 0)
    with TemporaryDirectory() as folder, Path(folder, "out").open("w+") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "desireline.cli", "demo", "--no-browser", "--port", str(port),
             "--searches", SEARCHES], stdout=out, stderr=out,
        )  # fmt: skip
        try:
            until = time.monotonic() + MOST_SECONDS
            while READY not in (said := Path(out.name).read_text("utf-8")):
                if process.poll() is not None or time.monotonic() > until:
                    sys.exit(f"the demo did not get ready:\n{said[-2000:]}")
                time.sleep(1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def take(address: str) -> int:
    """Run the script; returns how many pictures it had to skip."""
    if not (JOURNEYS / "node_modules").is_dir():
        subprocess.run(["npm", "--prefix", str(JOURNEYS), "ci", "--loglevel=error"], check=True)
    folder = ROOT / "docs" / "pictures"
    command = ["node", str(JOURNEYS / "pictures.mjs"), address, str(folder)]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """The exit code."""
    if len(sys.argv) > 1:
        return take(sys.argv[1])
    with demo() as address:
        return take(address)


if __name__ == "__main__":
    sys.exit(main())
