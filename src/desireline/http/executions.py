"""Routes that read executions back from the log: one, or a page of them in one question.

Knows which executions are asked for and how pages are answered; runs nothing.
"""

from __future__ import annotations

from typing import Any

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from desireline.core.ids import strip
from desireline.errors import NotFound
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted, retriever_of
from desireline.http.conversion import logged_out
from desireline.http.wire.common import Place, QuerySize
from desireline.http.wire.executions import ExecutionsPage, ExecutionsRequest
from desireline.steps.capture.reading import LAGGING
from desireline.steps.executions import Logged

ONE_LIST, ALL_LIST = "/v1/retrievers/{retriever:str}/executions", "/v1/retrievers/executions/list"


@post(ALL_LIST, status_code=200, dto=Wire[ExecutionsRequest], return_dto=None)
async def list_executions(
    request: AnyRequest, data: JSONBody[ExecutionsRequest | None] = None
) -> ExecutionsPage:
    """List executions of all retrievers, newest first, each with the documents it showed."""
    return await _page(request, data or ExecutionsRequest())


@post(f"{ONE_LIST}/list", status_code=200, dto=Wire[ExecutionsRequest], return_dto=None)
async def list_retriever_executions(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[ExecutionsRequest | None] = None
) -> ExecutionsPage:
    """List executions of one retriever, newest first, each with the documents it showed."""
    return await _page(request, data or ExecutionsRequest(), retriever)


@get(ONE_LIST)
async def get_retriever_executions(
    request: AnyRequest,
    retriever: FromPath[str],
    user_id: FromQuery[str | None] = None,
    session_id: FromQuery[str | None] = None,
    page_size: QuerySize = 50,
    cursor: FromQuery[str | None] = None,
) -> ExecutionsPage:
    """List executions of one retriever, newest first."""
    asked = ExecutionsRequest(
        user_id=user_id, session_id=session_id, page_size=page_size, cursor=cursor
    )
    return await _page(request, asked, retriever)


async def _page(
    request: AnyRequest, asked: ExecutionsRequest, retriever: str = ""
) -> ExecutionsPage:
    """One question: a page of executions with what each showed."""
    system, caller = admitted(request, "read")
    one = system.live.retriever(caller.namespace, retriever).retriever if retriever else None
    place = Place.of(asked)
    chosen = asked.to_noun(
        caller.namespace, system.clock(), (one.retriever_id,) if one is not None else ()
    )
    page = await system.executions.list(chosen, place.size, place.offset, place.cursor)
    found = [logged_out(each) for each in page.found]
    return ExecutionsPage.of(found, page.cursor, place, [] if page.fresh else [LAGGING])


@get("/v1/retrievers/executions/{execution:str}")
async def get_execution(request: AnyRequest, execution: FromPath[str]) -> dict[str, Any]:
    """An execution read back from the log: documents shown with scores, weights and attribution."""
    return logged_out(await _execution(request, execution))


@get("/v1/retrievers/{retriever:str}/executions/{execution:str}")
async def get_retriever_execution(
    request: AnyRequest, retriever: FromPath[str], execution: FromPath[str]
) -> dict[str, Any]:
    """An execution of one retriever read back from the log."""
    _, _, served = retriever_of(request, retriever, "read")
    found = await _execution(request, execution)
    if found.execution.retriever_id != served.retriever.retriever_id:
        raise _no_execution(execution)
    return logged_out(found)


async def _execution(request: AnyRequest, execution: str) -> Logged:
    system, caller = admitted(request, "read")
    bare = strip(execution, "exec", path="path.execution_id")
    found: Logged | None = await system.executions.get(caller.namespace, bare)
    if found is None:
        raise _no_execution(execution)
    return found


def _no_execution(execution: str) -> NotFound:
    return NotFound(
        resource="execution", reference=execution, code="execution_not_found",
        hint="executions are read with the X-Namespace they ran in",
    )  # fmt: skip


HANDLERS = [
    list_executions, list_retriever_executions, get_retriever_executions, get_execution,
    get_retriever_execution,
]  # fmt: skip
