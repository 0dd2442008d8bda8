"""Durable interactions a second over HTTP, beside a bare endpoint and beside the disk alone.

Three things take turns in one run: raw appends with fdatasync of the same bytes; a bare Starlette
endpoint that decodes the same bodies with msgspec, stores nothing and acknowledges; the server with
its defaults (an answer means: on disk). Every interaction is an act of its own, so nothing is
deduplicated; at the end the log must hold exactly the acknowledged rows. Client, server and disk
share this machine, over loopback; bodies are made before the clock starts.

    python bench/ingest.py [--rounds 3] [--seconds 4]
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from caller import Caller
from pace import Pace
from server import HOST, Server, flush, free_port

from desireline.http.wire.interactions import InteractionRequest

SINGLE, BATCH = "/v1/retrievers/interactions", "/v1/retrievers/interactions/batch"
ROWS = 500
PER_SECOND = {ROWS: 200, 1: 8_000}
CONNECTIONS = {ROWS: 16, 1: 64}
WANTED = {ROWS: 60_000.0, 1: 3_000.0}
_LENGTH = re.compile(rb"content-length: *(\d+)", re.I)
_CREATED = re.compile(rb'"created": *(\d+)')


class Tally(msgspec.Struct):
    """What one client saw: acknowledged rows, refused requests, seconds of each request."""

    rows: int = 0
    refused: int = 0
    seconds: float = 0.0
    waits: list[float] = []


# Requests


def act(number: int) -> dict[str, Any]:
    """One click; no two are the same act."""
    return {
        "feature_id": f"B{number:010d}",
        "interaction_type": ["click"],
        "position": number % 10,
        "user_id": f"user-{number % 9973}",
        "session_id": f"session-{number % 29989}",
        "metadata": {"query": "running shoes for children", "device": "mobile"},
    }


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


def requests(rows: int, count: int, first: int) -> list[bytes]:
    encode = msgspec.json.Encoder().encode
    if rows == 1:
        return [request(SINGLE, encode(act(first + n))) for n in range(count)]
    starts = range(first, first + count * rows, rows)
    return [
        request(BATCH, encode({"interactions": [act(n) for n in range(start, start + rows)]}))
        for start in starts
    ]


# The client: one process, many kept connections, nothing but sending and counting


class Line:
    """A connection with one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answer, self._began, self._wanted = bytearray(), 0.0, 0

    def send(self, sent: bytes) -> None:
        self._answer, self._began, self._wanted = bytearray(), time.perf_counter(), 0
        self.socket.sendall(sent)

    def receive(self, rows: int, tally: Tally) -> bool:
        """Take what has arrived; whether the answer is complete (then it is counted)."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed a connection")
        self._answer += part
        if not self._wanted:
            end = self._answer.find(b"\r\n\r\n")
            length = _LENGTH.search(self._answer, 0, end) if end >= 0 else None
            if length is None:
                return False
            self._wanted = end + 4 + int(length[1])
        if len(self._answer) < self._wanted:
            return False
        tally.waits.append(time.perf_counter() - self._began)
        self._count(rows, tally)
        return True

    def _count(self, rows: int, tally: Tally) -> None:
        if not self._answer.startswith(b"HTTP/1.1 200"):
            tally.refused += 1
        elif rows == 1:
            tally.rows += 1
        else:
            created = _CREATED.search(self._answer)
            tally.rows += int(created[1]) if created else 0


def client(
    port: int, rows: int, prepared: Iterable[bytes], seconds: float, connections: int
) -> Tally:
    """Send for so many seconds, or until nothing is left to send."""
    lines = [Line(port) for _ in range(connections)]
    poll, tally, waiting = select.epoll(), Tally(waits=[]), {}
    left = iter(prepared)
    began = time.perf_counter()
    for line, sent in zip(lines, left, strict=False):
        poll.register(line.socket, select.EPOLLIN)
        waiting[line.socket.fileno()] = line
        line.send(sent)
    while waiting:
        for number, _ in poll.poll():
            line = waiting[number]
            if not line.receive(rows, tally):
                continue
            over = time.perf_counter() - began > seconds
            sent = b"" if over else next(left, b"")
            if sent:
                line.send(sent)
            else:
                del waiting[number]
                poll.unregister(line.socket)
    tally.seconds = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return tally


def apart(measured: Callable[..., Tally], *arguments: Any) -> Tally:
    """What a function finds in a process of its own, without our garbage collector in its way."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(measured, arguments)


def in_own_process(port: int, rows: int, first: int | None, options: argparse.Namespace) -> Tally:
    """The client in a process of its own; `first` None repeats acts."""
    return apart(prepared_client, port, rows, first, options.seconds)


def prepared_client(port: int, rows: int, first: int | None, seconds: float) -> Tally:
    connections = CONNECTIONS[rows]
    if first is None:
        repeated = itertools.cycle(requests(rows, 100, 0))
        return client(port, rows, repeated, seconds, connections)
    count = int(PER_SECOND[rows] * seconds)
    return client(port, rows, requests(rows, count, first), seconds, connections)


# The two baselines


def raw(seconds: float) -> float:
    """Rows a second when 500 rows at a time are appended and synced, and nothing else happens."""
    body = requests(ROWS, 1, 0)[0]
    with tempfile.NamedTemporaryFile(dir=".", prefix=".bench-") as file:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            os.write(file.fileno(), body)
            os.fdatasync(file.fileno())
            count += 1
        return count * ROWS / (time.perf_counter() - began)


def serve_bare(port: int) -> None:
    """Starlette and msgspec: decode as the server decodes, acknowledge, store nothing."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    class Envelope(msgspec.Struct):
        interactions: list[msgspec.Raw]

    envelope = msgspec.json.Decoder(Envelope).decode
    row = msgspec.json.Decoder(InteractionRequest).decode

    async def single(asked: Request) -> Response:
        row(await asked.body())
        return Response(b'{"created":1}', media_type="application/json")

    async def batch(asked: Request) -> Response:
        taken = [row(each) for each in envelope(await asked.body()).interactions]
        return Response(b'{"created":%d}' % len(taken), media_type="application/json")

    routes = [Route(SINGLE, single, methods=["POST"]), Route(BATCH, batch, methods=["POST"])]
    run_bare(Starlette(routes=routes), port)


def run_bare(app: Any, port: int) -> None:
    """An ASGI application under the server's own web server, until it is stopped."""
    import uvicorn

    uvicorn.run(
        app, host=HOST, port=port, log_level="error", access_log=False, http="httptools",
        loop="uvloop",
    )  # fmt: skip


@contextmanager
def bare_server(script: str = __file__) -> Iterator[int]:
    """The baseline of a benchmark: its script, asked with `--bare PORT`; ends with the block."""
    port = free_port()
    process = subprocess.Popen([sys.executable, script, "--bare", str(port)])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


# The report


class Series(msgspec.Struct):
    """One target over the rounds."""

    rates: list[float] = []
    waits: list[float] = []
    rows: int = 0
    refused: int = 0

    def add(self, tally: Tally) -> None:
        self.rates.append(tally.rows / tally.seconds)
        self.waits += tally.waits
        self.rows += tally.rows
        self.refused += tally.refused


def held(caller: Caller) -> int:
    """Rows in the log, counted by the list route."""
    answer = caller.post(f"{SINGLE}/list", {"include_total": True, "limit": 1})
    return int(answer["pagination"]["total"])


def table(rows: int, ours: Series, bare: Series, disk: Sequence[float]) -> None:
    what = "one interaction a request" if rows == 1 else f"batches of {rows}"
    print(f"\n### {what}, {CONNECTIONS[rows]} connections\n")
    print("| | interactions a second, median (lowest to highest) | request, ms p50 / p99 |")
    print("|---|---|---|")
    if rows != 1:
        print(f"| append and fdatasync of the same bytes | {span(disk)} | |")
    print(f"| bare Starlette + msgspec, stores nothing | {span(bare.rates)} | {pair(bare.waits)} |")
    print(f"| desireline, durable | {span(ours.rates)} | {pair(ours.waits)} |")
    rate = statistics.median(ours.rates)
    word = "met" if rate >= WANTED[rows] else "missed"
    print(
        f"\n{rate / statistics.median(bare.rates):.2f} of the bare endpoint; "
        f"{rate:,.0f} a second, target {WANTED[rows]:,.0f}: {word}; refused {ours.refused}"
    )


def span(rates: Sequence[float]) -> str:
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


def pair(waits: Sequence[float]) -> str:
    p50, p99 = np.percentile(waits, [50, 99]) * 1000
    return f"{p50:.1f} / {p99:.1f}"


def compare(options: argparse.Namespace) -> None:
    ours, bare = {ROWS: Series(), 1: Series()}, {ROWS: Series(), 1: Series()}
    disk: list[float] = []
    drained: list[float] = []
    first, pace = 0, Pace()
    with Server() as server, bare_server() as bare_port:
        caller = server.caller()
        for _ in range(options.rounds):
            disk.append(raw(1.0))
            for rows in (ROWS, 1):
                pace.take()
                bare[rows].add(in_own_process(bare_port, rows, None, options))
                tally = in_own_process(server.port, rows, first, options)
                ours[rows].add(tally)
                first += rows * int(PER_SECOND[rows] * options.seconds)
                began = time.perf_counter()
                flush(caller)
                if rows == ROWS:
                    whole = tally.seconds + time.perf_counter() - began
                    drained.append(tally.rows / whole)
        acknowledged = sum(each.rows for each in ours.values())
        found = held(caller)
        for rows in (ROWS, 1):
            table(rows, ours[rows], bare[rows], disk)
        print(f"batches until all rows are in the log: {span(drained)} a second")
        print(f"{pace}; peak memory of the server {server.peak_mb():.0f} MB")
    word = "equal" if acknowledged == found else "NOT EQUAL"
    print(f"acknowledged {acknowledged}, in the log {found}: {word}")
    if acknowledged != found:
        raise SystemExit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.bare:
        serve_bare(options.bare)
        return
    print(f"{os.cpu_count()} cores for client, server and disk; loopback; "
          f"a row is {len(json.dumps(act(0)))} bytes as sent")  # fmt: skip
    compare(options)


if __name__ == "__main__":
    main()
