"""Routes of those who bring their own engine: fuse its runs, or log what it showed.

Knows the wire and the step. Numbers that JSON lacks (NaN, Infinity) are named with their place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody

from desireline.core.ids import prefixed
from desireline.errors import BadRequest, invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.ingest import idempotency_key
from desireline.http.running import answered, asked_of, made_ready
from desireline.http.wire.fuse import ExecutionLogged, FuseRequest, LogExecutionRequest
from desireline.http.wire.retrievers import ExecuteResponse

T = TypeVar("T")
FUTURE = "occurred_at was in the future and became the time of arrival"


class Finite(Wire[T]):
    """A body whose scores come from programs: NaN and infinities are found, not just refused."""

    def decode_bytes(self, value: bytes) -> Any:
        """The struct from the body."""
        try:
            return super().decode_bytes(value)
        except BadRequest:
            place = not_finite(value)
            if not place:
                raise
            raise invalid(
                place, "not_finite", f"the number at {place} is NaN or infinite",
                "leave such a hit out, or send its document with a finite score",
            ) from None  # fmt: skip


@post(
    "/v1/retrievers/{retriever:str}/fuse", status_code=200, dto=Finite[FuseRequest],
    return_dto=None,
)  # fmt: skip
async def fuse(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[FuseRequest]
) -> ExecuteResponse:
    """Fuse what your own engine found: the execute answer (ids and attribution), logged as one."""
    system, _, served = retriever_of(request, retriever, "read")
    running = await made_ready(system, served, data.executed(data.limit), source="fuse")
    asked = msgspec.structs.replace(running.asked, external_id=data.external_id)
    found = answered(system, running, system.foreign.fuse(served, asked, data.to_runs()))
    for document in found.documents:
        del document["collection_id"]  # it lives in an engine that is not ours
    return found


@post(
    "/v1/retrievers/{retriever:str}/executions", status_code=200, dto=Finite[LogExecutionRequest],
    return_dto=None,
)  # fmt: skip
async def log_execution(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[LogExecutionRequest]
) -> ExecutionLogged:
    """Log a list that your own engine ranked and showed: teaches judgments, never weights."""
    system, caller, served = retriever_of(request, retriever, "ingest")
    asked, warnings = asked_of(data.executed(), caller.namespace)
    asked = msgspec.structs.replace(asked, source="log", external_id=data.external_id)
    key = data.external_id or idempotency_key(request.scope)
    logged = await system.foreign.log(served, asked, data.to_hits(), data.occurred_at or "", key)
    return ExecutionLogged(
        execution_id=prefixed("exec", logged.execution_id), deduplicated=logged.deduplicated,
        warnings=[*warnings, *([FUTURE] if logged.future else [])],
    )  # fmt: skip


def not_finite(body: bytes) -> str:
    """The JSON path of the first number that is NaN or infinite, "" when that is not the trouble.

    >>> not_finite(b'{"runs": [{"hits": [{"score": 1}, {"score": NaN}]}]}')
    '$.runs[0].hits[1].score'
    >>> not_finite(b'{"shown": [1e999'), not_finite(b'{"limit": 3}')
    ('', '')
    """
    try:
        return next(_wild(json.loads(body), "$"), "")
    except (ValueError, RecursionError):
        return ""


def _wild(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, float) and not math.isfinite(value):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _wild(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _wild(inner, f"{path}[{place}]")


HANDLERS = [fuse, log_execution]
