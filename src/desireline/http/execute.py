"""The route that runs a retriever."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.running import SWITCHES, made_ready, run, switches
from desireline.http.wire.retrievers import ExecuteRequest, ExecuteResponse


@post(
    "/v1/retrievers/{retriever:str}/execute", status_code=200, dto=Wire[ExecuteRequest],
    return_dto=None, opt={"query": SWITCHES},
)  # fmt: skip
async def execute(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[ExecuteRequest | None] = None
) -> ExecuteResponse:
    """Run a retriever once: a ranked list with who put each document where it stands.

    With `stream: true` server-sent events: what each stage did, then the same answer.
    """
    system, _, served = retriever_of(request, retriever, "read")
    body = data or ExecuteRequest()
    switched = switches(request.query_params)
    running = await made_ready(system, served, body, switched)
    return run(system, running, request)


HANDLERS = [execute]
__all__ = ["HANDLERS", "execute"]
