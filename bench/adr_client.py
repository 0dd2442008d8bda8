"""What a synchronous client costs beside an asynchronous one, three ways (ADR 0015).

    python bench/adr_client.py [--calls 2000]

One call is a GET over a kept connection to a server of this process that answers at once. Least of
5 rounds a way, wall clock and processor time of the process, which the server is a part of.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import httpx

import desireline.client

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
ROUNDS = 5
T = TypeVar("T")


class LoopThread:
    """An event loop in a thread of its own; `run` waits for a coroutine in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request that has no body."""
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def measured(name: str, calls: int, one: Callable[[], object]) -> None:
    """Print what one call takes."""
    wall, cpu = [], []
    for _ in range(ROUNDS):
        started, used = time.perf_counter(), time.process_time()
        for _ in range(calls):
            one()
        wall.append((time.perf_counter() - started) / calls)
        cpu.append((time.process_time() - used) / calls)
    print(f"{name:34} {min(wall) * 1e6:7.0f} us a call   {min(cpu) * 1e6:7.0f} us CPU")


def main(calls: int) -> None:
    """Lines of both clients, then the three ways."""
    folder = Path(desireline.client.__file__).parent
    for part in ("aio", "sync"):
        lines = sum(len(p.read_text("utf-8").splitlines()) for p in (folder / part).glob("*.py"))
        print(f"client/{part:4} {lines} lines")
    thread = LoopThread()
    server = thread.run(asyncio.start_server(answering, "127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    plain, waiting = httpx.Client(trust_env=False), httpx.AsyncClient(trust_env=False)

    async def once() -> None:
        async with httpx.AsyncClient(trust_env=False) as fresh:
            await fresh.get(url)

    measured("written out (generated)", calls, lambda: plain.get(url))
    measured("async in a thread of its own", calls, lambda: thread.run(waiting.get(url)))
    measured("asyncio.run, a client each call", max(1, calls // 20), lambda: asyncio.run(once()))
    thread.run(waiting.aclose())
    plain.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    main(parser.parse_args().calls)
