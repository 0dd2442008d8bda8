"""One real server process for all tests that need one, a small JSON caller, and things to search.

Knows the command line, the routes and the error envelope; not what a test is about. Everything made
here has a name of its own, so tests share the server without seeing each other.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

START_S = 40
TEXT = "mixpeek://text_extractor@v1/multilingual_e5_large_instruct_v1"
IMAGE = "mixpeek://multimodal_extractor@v1/vertex_multimodal_embedding"
OWN = "desireline://own@v1/vec"
POPULARITY = "desireline://popularity@v1"
FEATURES = [
    {"feature_uri": TEXT, "kind": "lexical", "fields": ["title"]},
    {"feature_uri": IMAGE, "kind": "lexical", "fields": ["caption"]},
    {"feature_uri": OWN, "kind": "dense", "dimension": 8, "distance": "cosine"},
    {"feature_uri": POPULARITY, "kind": "field", "field": "popularity"},
]
_numbers = itertools.count(1)


class Reply(NamedTuple):
    """An answer: status, decoded JSON (None without a body), headers, the bytes."""

    status: int
    json: Any
    headers: httpx.Headers
    content: bytes


class Live:
    """A running server at `url`, with its data directory and log file."""

    def __init__(self, url: str, data: Path, log: Path) -> None:
        self.url, self.data, self.log = url, data, log
        self._client = httpx.Client(base_url=url, timeout=30)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; `bytes` are sent as they are, anything else as JSON. Never raises."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        given: dict[str, Any] = {} if body is None else {"json": body}
        if isinstance(body, bytes):
            given = {"content": body}
        answer = self._client.request(method, path, headers=sent, **given)
        is_json = bool(answer.content) and "json" in answer.headers.get("content-type", "")
        return Reply(
            answer.status_code, answer.json() if is_json else None, answer.headers, answer.content
        )

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The decoded answer; fails with the server's words when it is an error."""
        reply = self.call(method, path, body, **headers)
        assert reply.status < 300, (method, path, reply.status, reply.content[:2000])
        return reply.json

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """The `error` of a refusal in the one envelope, with `status`; fails when it was taken."""
        reply = self.call(method, path, body, **headers)
        assert reply.status >= 400, (method, path, reply.status, reply.content[:500])
        return {"status": reply.status, **checked_error(reply)}

    def learn(self) -> None:
        """Close every open execution and fold what it teaches."""
        self.ok("POST", "/v1/admin/flush", {"close_executions": True})

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def checked_error(reply: Reply) -> dict[str, Any]:
    """The `error` object of an answer, after everything an error must have was found there."""
    body = reply.json
    assert isinstance(body, dict), reply.content[:500]
    assert set(body) == {"success", "status", "error", "request_id"}, body
    assert body["success"] is False
    assert body["status"] == reply.status
    assert body["request_id"] == reply.headers["x-request-id"]
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "code", "hint", "details"}, error
    assert all(error[name] for name in ("message", "type", "code")), error
    assert b"Traceback" not in reply.content
    assert reply.status != 500, error
    if reply.status == 422:
        places = error["details"].get("validation_errors")
        assert places, f"a 422 names no place: {error}"
        assert all(place["path"] and place["message"] and place["type"] for place in places)
    return error


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The one server of the test session."""
    with serving(tmp_path_factory.mktemp("live")) as server:
        yield server


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[Live]:
    """A server on a data directory below `folder`; `settings` are further settings by name."""
    data, log, port = folder / "data", folder / "server.log", free_port()
    named = {f"DESIRELINE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "desireline.cli", "serve", "--data", str(data)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=output, stderr=output, env={**os.environ, **named}, cwd=folder,
        )  # fmt: skip
    server = Live(f"http://127.0.0.1:{port}", data, log)
    try:
        _wait_until_ready(server, process)
        yield server
    finally:
        server.close()
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def key(data: Path, *arguments: str) -> str:
    """The secret of a new key; a server notices it at its start, or within a second."""
    command = [sys.executable, "-m", "desireline.cli", "keys", "create", "--data", str(data)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_until_ready(server: Live, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if server.call("GET", "/readyz").status == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{server.log.read_text()[-3000:]}")


def a_name(prefix: str = "thing") -> str:
    """A name nobody else has."""
    return f"{prefix}-{next(_numbers)}-{os.getpid()}"


def a_document(number: int, **fields: Any) -> dict[str, Any]:
    """Document `d00`, `d01`, …: text by number, a vector that turns with it, price, colour."""
    colours = ("red", "green", "blue")
    vector = [0.0] * 8
    vector[number % 8], vector[(number + 1) % 8] = 1.0, 0.25 + number / 100
    return {
        "document_id": f"d{number:02d}",
        "title": " ".join(["wireless"] * (1 + number % 3) + ["earbuds", f"model{number}"]),
        "caption": " ".join([*["noise", "cancelling"][: 1 + number % 2], "wireless", "sound"]),
        "price": float(number),
        "colour": colours[number % 3],
        "popularity": float((number * 7) % 30),
        "_vectors": {OWN: vector},
        **fields,
    }


def make_collection(
    live: Live, documents: int | list[dict[str, Any]] = 30, features: Any = None
) -> str:
    """A collection with documents in it; returns its name."""
    name = a_name("products")
    live.ok(
        "POST", "/v1/collections",
        {"collection_name": name, "features": FEATURES if features is None else features},
    )  # fmt: skip
    rows = [a_document(n) for n in range(documents)] if isinstance(documents, int) else documents
    if rows:
        sent = live.ok("POST", f"/v1/collections/{name}/documents/upsert", {"documents": rows})
        assert sent["failed"] == 0, sent
    return name


def a_search(uri: str = TEXT, **fields: Any) -> dict[str, Any]:
    """One entry of `searches`."""
    return {"feature_uri": uri, "query": "{{INPUT.query}}", "top_k": 100, **fields}


def a_stage(searches: list[dict[str, Any]] | None = None, **parameters: Any) -> dict[str, Any]:
    """A `feature_search` stage over the text and the image feature unless said otherwise."""
    both = [a_search(TEXT), a_search(IMAGE)]
    return {
        "stage_name": "feature_search",
        "stage_type": "filter",
        "config": {
            "stage_id": "feature_search",
            "parameters": {"searches": both if searches is None else searches, **parameters},
        },
    }


def a_filter(conditions: Any, **parameters: Any) -> dict[str, Any]:
    """An `attribute_filter` stage."""
    return {
        "config": {
            "stage_id": "attribute_filter",
            "parameters": {"conditions": conditions, **parameters},
        }
    }


def make_retriever(
    live: Live, collection: str | list[str], *stages: dict[str, Any], **fields: Any
) -> str:
    """A retriever over a collection; returns its id."""
    named = [collection] if isinstance(collection, str) else collection
    made = live.ok(
        "POST", "/v1/retrievers",
        {"retriever_name": a_name("search"), "collection_identifiers": named,
         "stages": list(stages) or [a_stage()], **fields},
    )  # fmt: skip
    retriever_id: str = made["retriever_id"]
    return retriever_id


def execute(live: Live, retriever: str, query: str = "wireless earbuds", **body: Any) -> Any:
    """The answer of an execution; further inputs as `inputs=`."""
    inputs = {"query": query, **body.pop("inputs", {})}
    return live.ok("POST", f"/v1/retrievers/{retriever}/execute", {"inputs": inputs, **body})


def ids(answer: Any) -> list[str]:
    """The ids of the documents answered, in order."""
    return [document["document_id"] for document in answer["documents"]]


def click(live: Live, answer: Any, position: int, kind: str = "click", **fields: Any) -> Any:
    """An interaction on the document at `position` of an answer."""
    return live.ok(
        "POST", "/v1/retrievers/interactions",
        {"feature_id": ids(answer)[position], "interaction_type": [kind], "position": position,
         "execution_id": answer["execution_id"], **fields},
    )  # fmt: skip
