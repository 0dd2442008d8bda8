"""A small real HTTP server that answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

DROP = "drop the connection"
HALF = "drop it in the middle of the answer"


class Asked(NamedTuple):
    """A request as it arrived: `path` with its query, decoded JSON (None without a body)."""

    method: str
    path: str
    body: Any
    headers: Any


class Told(NamedTuple):
    """An answer: status, JSON (or raw bytes), headers."""

    status: int = 200
    body: Any = {}  # noqa: RUF012
    headers: dict[str, str] = {}  # noqa: RUF012


class Script:
    """What to answer next (the last answer stays), and what was asked so far."""

    def __init__(self, url: str, answers: list[Any]) -> None:
        self.url, self.answers = url, answers
        self.asked: list[Asked] = []

    def next(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted(*answers: Any) -> Iterator[Script]:
    """A server with a script: `Told`, DROP or HALF, in the order of the requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            script.asked.append(Asked(self.command, self.path, body, self.headers))
            told = script.next()
            if told in (DROP, HALF):
                self.close_connection = True
                if told == HALF:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                return
            self.send(told)

        def send(self, told: Told) -> None:
            raw = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(raw)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script = Script(f"http://127.0.0.1:{server.server_port}", list(answers) or [Told()])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def refusal(status: int, **details: Any) -> Told:
    """A refusal in the envelope."""
    error = {"message": "no", "type": "X", "code": "some_code", "hint": "wait", "details": details}
    body = {"success": False, "status": status, "error": error, "request_id": "r1"}
    return Told(status, body)
