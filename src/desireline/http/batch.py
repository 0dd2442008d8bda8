"""The route that runs a retriever for several queries, one after the other.

A bad query costs only itself. Between two queries other requests have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody

from desireline.core.shapes import convert
from desireline.core.snapshot import Served
from desireline.errors import DesirelineError, invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.running import answered, made_ready, switches
from desireline.http.streaming import as_stream, error_of, message
from desireline.http.wire.execute import (
    DEFAULT_LIMIT,
    BatchedResult,
    BatchRequest,
    BatchResponse,
)
from desireline.http.wire.retrievers import ExecuteRequest

SWITCHES = ("return_vectors", "return_presigned_urls", "stream")


class _Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch on its way."""

    system: Any
    served: Served
    sent: BatchRequest
    switched: frozenset[str]
    request_id: str


@post(
    "/v1/retrievers/{retriever:str}/execute/batch", status_code=200, dto=Wire[BatchRequest],
    return_dto=None, opt={"query": SWITCHES},
)  # fmt: skip
async def execute_batch(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[BatchRequest]
) -> BatchResponse:
    """Run a retriever for 1 to 50 queries: an answer or an error for each, in their order.

    With `stream: true` server-sent events, one a query as it is answered.
    """
    system, _, served = retriever_of(request, retriever, "read")
    data.check()
    on = {name for name in SWITCHES if getattr(data, name)} | switches(request.query_params)
    batch = _Batch(
        system=system, served=served, sent=data,
        switched=frozenset(on), request_id=str(request.scope.get("request_id", "")),
    )  # fmt: skip
    if "stream" in on:
        stream: Any = as_stream(_messages(batch))
        return stream  # type: ignore[no-any-return]  # a Response: Litestar passes it on
    found = [result async for result in _results(batch)]
    return _whole(batch, found)


def _whole(batch: _Batch, found: list[BatchedResult]) -> BatchResponse:
    warnings = []
    if batch.sent.concurrency is not None:
        warnings.append("`concurrency` has no effect: queries run one after the other")
    if "return_presigned_urls" in batch.switched:
        warnings.append("`return_presigned_urls` has no effect")
    failed = sum(result.status == "failed" for result in found)
    return BatchResponse(results=found, total=len(found), failed=failed, warnings=warnings)


async def _messages(batch: _Batch) -> AsyncIterator[bytes]:
    """A message a query, and the counts at the end."""
    found = []
    async for result in _results(batch):
        found.append(msgspec.structs.replace(result, response=msgspec.UNSET))
        yield message("query_complete", **msgspec.to_builtins(result))
    whole = _whole(batch, found)
    yield message("batch_complete", total=whole.total, failed=whole.failed, warnings=whole.warnings)


async def _results(batch: _Batch) -> AsyncIterator[BatchedResult]:
    for index in range(len(batch.sent.queries)):
        yield await _one(batch, index)
        await asyncio.sleep(0)


async def _one(batch: _Batch, index: int) -> BatchedResult:
    try:
        body = _body(batch, index)
        running = await made_ready(
            batch.system, batch.served, body, batch.switched - {"stream", "return_presigned_urls"}
        )
        answer = batch.system.serve.execute(running.served, running.asked)
        found = answered(batch.system, running, answer)
    except DesirelineError as error:
        told = error_of(error, batch.request_id)
        return BatchedResult(index=index, status="failed", error=told)
    return BatchedResult(index=index, status=found.status, response=found)


def _body(batch: _Batch, index: int) -> ExecuteRequest:
    """A query as a body of `execute`. Raises Invalid at its own place in the batch."""
    path = f"$.queries[{index}]"
    body = convert(batch.sent.queries[index], ExecuteRequest, path)
    if body.stream:
        raise invalid(
            f"{path}.stream", "wrong_place", "a query of a batch is not streamed alone",
            "send `stream` beside `queries`",
        )  # fmt: skip
    own = body.settings.limit if body.settings is not None else None
    if body.limit or body.page_size or body.pagination or own:
        return body
    shared = batch.sent.settings.limit if batch.sent.settings is not None else None
    return msgspec.structs.replace(body, limit=shared or DEFAULT_LIMIT)


HANDLERS = [execute_batch]
