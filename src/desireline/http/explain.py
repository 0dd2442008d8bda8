"""The route that says what a retriever would do. Runs nothing."""

from __future__ import annotations

from litestar import post
from litestar.params import FromPath, JSONBody

from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.running import asked_of
from desireline.http.wire.retrievers import ExecuteRequest
from desireline.steps.serve import Plan, explained


@post(
    "/v1/retrievers/{retriever:str}/execute/explain", status_code=200, dto=Wire[ExecuteRequest],
    return_dto=None,
)  # fmt: skip
async def explain(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[ExecuteRequest | None] = None
) -> Plan:
    """What this request would do, stage by stage: searches, filters, bounds, recent times.

    Nothing is searched and nothing is logged; inputs may be left out.
    """
    system, caller, served = retriever_of(request, retriever, "read")
    asked, _ = asked_of(data or ExecuteRequest(), caller.namespace)
    return explained(system.serve, served, asked)


HANDLERS = [explain]
