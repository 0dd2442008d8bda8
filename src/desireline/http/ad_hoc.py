"""The route that runs stages which are stored nowhere."""

from __future__ import annotations

from litestar import post
from litestar.params import JSONBody

from desireline.core.snapshot import Served
from desireline.errors import invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted
from desireline.http.retrievers import schema_in
from desireline.http.running import SWITCHES, asked_of, made_ready, run, switches
from desireline.http.wire.execute import AdHocRequest
from desireline.http.wire.retrievers import ExecuteResponse
from desireline.steps.recipes import AD_HOC, Retrievers


@post(
    "/v1/retrievers/execute", status_code=200, dto=Wire[AdHocRequest], return_dto=None,
    opt={"query": SWITCHES},
)  # fmt: skip
async def execute_ad_hoc(request: AnyRequest, data: JSONBody[AdHocRequest]) -> ExecuteResponse:
    """Run stages without storing a retriever; logged, but nothing is learned from it.

    The same stages have the same `retriever_id`, so that interactions can name it.
    """
    system, caller = admitted(request, "read")
    served = _served(system.retrievers, caller.namespace, data)
    switched = switches(request.query_params)
    running = await made_ready(system, served, data, switched, source=AD_HOC)
    running.warnings.extend(served.recipe.warnings)
    if data.budget_limits:
        running.warnings.append("`budget_limits` has no effect")
    return run(system, running, request)


def _served(retrievers: Retrievers, namespace: str, data: AdHocRequest) -> Served:
    """The retriever of the moment. Raises Invalid, NotFound (a collection)."""
    first, second = data.collection_identifiers, data.collection_ids
    if first is not None and second is not None and first != second:
        raise invalid(
            "$.collection_ids", "contradiction",
            "`collection_ids` differs from `collection_identifiers`", "send one of them",
        )  # fmt: skip
    asked, _ = asked_of(data, namespace)
    literal = asked.inputs.get("query")
    return retrievers.ad_hoc(
        namespace, data.stages, first or second or (), schema_in(data.input_schema),
        literal if isinstance(literal, str) else None,
    )  # fmt: skip


HANDLERS = [execute_ad_hoc]
