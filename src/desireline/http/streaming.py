"""Server-sent events: an execution stage by stage, one `data: {json}` a message.

The first message is made before the answer begins, so that what is refused then is refused as
ever. A client that goes away ends the execution where it stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from litestar.response import Stream

from desireline.core.ids import prefixed
from desireline.errors import DesirelineError
from desireline.http.problems import envelope, to_error
from desireline.steps.serve import Answer, Progress, Steps

logger = structlog.get_logger("desireline.http")
KEEPALIVE_S = 15.0
ALIVE = b": keepalive\n\n"
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache",
    "x-accel-buffering": "no",
}  # fmt: skip


def message(kind: str, **body: Any) -> bytes:
    """One message; its kind is inside.

    >>> message("stage_start", stage_index=0)
    b'data: {"event_type":"stage_start","stage_index":0}\\n\\n'
    """
    return b"data: " + msgspec.json.encode({"event_type": kind, **body}) + b"\n\n"


def streamed(steps: Steps[Answer], complete: Callable[[Answer], Any], request_id: str) -> Stream:
    """The stages of an execution as a response. Raises what its beginning raises."""
    return as_stream(_executed(next(steps), steps, complete, request_id))


def as_stream(messages: AsyncIterator[bytes]) -> Stream:
    """A response out of messages."""
    return Stream(kept_alive(messages), headers=HEADERS, status_code=200)


async def _executed(
    first: Progress, steps: Steps[Answer], complete: Callable[[Answer], Any], request_id: str
) -> AsyncIterator[bytes]:
    """A message for each thing that happens; the last one is the answer, or why there is none."""
    for each in _happening(first, steps, complete, request_id):
        yield each if isinstance(each, bytes) else _told(each)
        await asyncio.sleep(0)


def _happening(
    first: Progress, steps: Steps[Answer], complete: Callable[[Answer], Any], request_id: str
) -> Iterator[Progress | bytes]:
    yield first
    try:
        answer = yield from steps
        yield message("execution_complete", **_fields(complete(answer)))
    except Exception as error:
        yield _failed(first, error, request_id)


def _failed(progress: Progress, error: Exception, request_id: str) -> bytes:
    return message(
        "execution_error", execution_id=prefixed("exec", progress.execution_id), status="failed",
        error=error_of(error, request_id),
    )  # fmt: skip


def error_of(error: Exception, request_id: str) -> dict[str, Any]:
    """The `error` object that a refused request would have been answered with, and its status."""
    if not isinstance(error, DesirelineError):
        logger.error("a stream failed", exc_info=error)
    found = to_error(error)
    told: dict[str, Any] = envelope(found, request_id)["error"]
    return {**told, "status": found.status, "request_id": request_id}


def _fields(answer: Any) -> dict[str, Any]:
    return {
        name: value for name in answer.__struct_fields__
        if (value := getattr(answer, name)) is not msgspec.UNSET
    }  # fmt: skip


def _told(progress: Progress) -> bytes:
    """A stage's message."""
    more: dict[str, Any] = {}
    if progress.kind == "stage_complete":
        more["statistics"] = {
            name: progress.noted[name] for name in ("input_count", "output_count", "duration_ms")
        }
        more["documents"] = [
            {"document_id": document_id, "score": score}
            for document_id, score in progress.documents()
        ]
    if progress.error is not None:
        more["error"] = error_of(progress.error, "")
    return message(
        progress.kind, execution_id=prefixed("exec", progress.execution_id),
        stage_name=progress.stage_name, stage_index=progress.index, total_stages=progress.total,
        **more,
    )  # fmt: skip


async def kept_alive(
    messages: AsyncIterator[bytes], seconds: float = KEEPALIVE_S
) -> AsyncIterator[bytes]:
    """The messages, and a comment whenever the next one takes this long: proxies hang up on
    silence.
    """
    while True:
        waiting = asyncio.ensure_future(anext(messages, b""))
        try:
            while not (await asyncio.wait({waiting}, timeout=seconds))[0]:
                yield ALIVE
            found = waiting.result()
        finally:
            if not waiting.done():  # the client went away
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting
        if not found:
            return
        yield found
