"""Interactions: create, batch, list, get, delete, delete all of a user.

Routes that ingest are plain ASGI on raw bytes; `TWINS` are their typed doubles, made for the
OpenAPI document and never called. Knows the wire and the capture step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, TypeVar

import msgspec
from litestar import asgi, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from desireline.core.ids import strip
from desireline.core.shapes import explain
from desireline.errors import NotFound, invalid
from desireline.http.auth import caller_of
from desireline.http.body import Wire, decode
from desireline.http.caller import AnyRequest
from desireline.http.ingest import (
    body_of,
    header,
    idempotency_key,
    query_of,
    respond,
    rows_of,
    sent_of,
)
from desireline.http.wire.common import Paging, Place
from desireline.http.wire.interactions import (
    BatchAnswer,
    BatchRequest,
    DeleteInteractionsRequest,
    InteractionDeleted,
    InteractionOut,
    InteractionRequest,
    InteractionsPage,
    ListInteractionsRequest,
    UserErased,
)

PATH = "/v1/retrievers/interactions"
T = TypeVar("T")


@asgi(PATH, copy_scope=False)
async def interactions(scope: Any, receive: Any, send: Any) -> None:
    """Create one (POST), list (GET), delete a user's (DELETE): one path, so one raw handler."""
    system = scope["litestar_app"].state.system
    if scope["method"] == "POST":
        answer: Any = await _create(system, scope, await body_of(receive))
    elif scope["method"] in ("GET", "HEAD"):
        caller = caller_of(scope, system.keys, "read")
        asked = _from_query(ListInteractionsRequest, query_of(scope, ["interaction_type"]))
        answer = await _page(system, caller.namespace, asked, asked)
    elif scope["method"] == "DELETE":
        caller = caller_of(scope, system.keys, "write")
        answer = await _delete_of_user(system, caller.namespace, scope, await body_of(receive))
    else:
        raise MethodNotAllowedException()
    await respond(send, answer)


@asgi(f"{PATH}/batch", copy_scope=False)
async def batch(scope: Any, receive: Any, send: Any) -> None:
    """Create up to 1,000, each row alone."""
    if scope["method"] != "POST":
        raise MethodNotAllowedException()
    system = scope["litestar_app"].state.system
    caller = caller_of(scope, system.keys, "ingest")
    rows = rows_of(await body_of(receive), header(scope, b"content-type"))
    results = await system.capture.create_batch(
        caller.namespace, map(sent_of, rows), rows, idempotency_key(scope)
    )
    await respond(send, BatchAnswer.of(results))


@post(
    f"{PATH}/list", status_code=200, dto=Wire[ListInteractionsRequest], return_dto=None,
    opt={"query": None},
)  # fmt: skip
async def list_interactions(
    request: AnyRequest,
    state: State,
    data: JSONBody[ListInteractionsRequest | None] = None,
) -> InteractionsPage:
    """List interactions, newest first. Paging fields may also stand in the query string."""
    caller = caller_of(request.scope, state.system.keys, "read")
    body = data or ListInteractionsRequest()
    query = query_of(request.scope)
    place = _from_query(Paging, query) if query else body
    return await _page(state.system, caller.namespace, body, place)


@get(f"{PATH}/{{interaction_id:str}}")
async def get_interaction(
    request: AnyRequest, state: State, interaction_id: FromPath[str]
) -> InteractionOut:
    """One interaction."""
    caller = caller_of(request.scope, state.system.keys, "read")
    bare = strip(interaction_id, "int", path="path.interaction_id")
    row, warnings = await state.system.readings.get(caller.namespace, bare)
    answer = InteractionOut.of(row)
    if warnings:
        answer.warnings = warnings
    return answer


@delete(f"{PATH}/{{interaction_id:str}}", status_code=200)
async def delete_interaction(
    request: AnyRequest, state: State, interaction_id: FromPath[str]
) -> InteractionDeleted:
    """Delete an interaction and what it taught; deleting it again is no error."""
    caller = caller_of(request.scope, state.system.keys, "write")
    bare = strip(interaction_id, "int", path="path.interaction_id")
    deleted = await state.system.readings.delete(caller.namespace, bare)
    said = "deleted" if deleted else "there is no such interaction (any more)"
    return InteractionDeleted(interaction_id=f"int_{bare}", deleted=deleted, message=said)


async def _create(system: Any, scope: Any, body: bytes) -> InteractionOut:
    caller = caller_of(scope, system.keys, "ingest")
    sent = decode(body, InteractionRequest).to_noun()
    receipt = await system.capture.create(caller.namespace, sent, idempotency_key(scope))
    return InteractionOut.of(receipt.row, deduplicated=receipt.deduplicated)


async def _delete_of_user(system: Any, namespace: str, scope: Any, body: bytes) -> UserErased:
    if body.strip() != b"{}":  # what the door makes of an absent one
        raise invalid("$", "unknown_field", "this route takes no body", "send ?user_id=…")
    whose = _from_query(DeleteInteractionsRequest, query_of(scope)).user_id
    return UserErased.of(whose, await system.readings.delete_user(namespace, whose))


async def _page(
    system: Any, namespace: str, asked: ListInteractionsRequest, paging: Paging
) -> InteractionsPage:
    place = Place.of(paging)
    chosen = asked.to_noun(namespace, system.clock(), _retriever_ids(system.live, namespace))
    page = await system.readings.list(
        chosen, place.size, place.offset, place.cursor, count=place.counted
    )
    return InteractionsPage.of(page, place)


def _retriever_ids(live: Any, namespace: str) -> Callable[[str], tuple[str, ...]]:
    """Every form in which the log may hold the retriever: its id, or the name as it was sent."""

    def find(reference: str) -> tuple[str, ...]:
        forms = {reference, reference.removeprefix("ret_")}
        with suppress(NotFound):
            forms.add(live.retriever(namespace, reference).retriever.retriever_id)
        return tuple(sorted(forms))

    return find


def _from_query(struct: type[T], query: dict[str, Any]) -> T:
    """A struct from query parameters, whose numbers and switches are text."""
    try:
        return msgspec.convert(query, struct, strict=False)
    except msgspec.ValidationError as error:
        raise explain(query, struct, str(error), "query") from None


HANDLERS = [interactions, batch, list_interactions, get_interaction, delete_interaction]

Number = Annotated[int | None, QueryParameter(ge=1)]
Types = Annotated[list[str] | None, QueryParameter(description="any of these; repeatable")]


async def _whose(
    execution_id: FromQuery[str | None] = None,
    retriever_id: FromQuery[str | None] = None,
    session_id: FromQuery[str | None] = None,
    user_id: FromQuery[str | None] = None,
    feature_id: FromQuery[str | None] = None,
) -> None:
    """Query parameters: on what, and by whom."""


async def _which(
    interaction_type: Types = None,
    attribution: FromQuery[str | None] = None,
    days: Number = None,
    created_after: FromQuery[str | None] = None,
    created_before: FromQuery[str | None] = None,
) -> None:
    """Query parameters: what, and when."""


async def _where(
    limit: Number = None,
    page: Number = None,
    page_size: Number = None,
    cursor: FromQuery[str | None] = None,
    *,
    include_total: FromQuery[bool | None] = None,
) -> None:
    """Query parameters: which page."""


@post(PATH, status_code=200, dto=Wire[InteractionRequest], return_dto=None)
async def create_interaction_twin(data: JSONBody[InteractionRequest]) -> InteractionOut:
    """Record one act of a user on a result. Answered when it is on disk."""
    raise NotImplementedError


@post(f"{PATH}/batch", status_code=200, dto=Wire[BatchRequest], return_dto=None)
async def create_interactions_twin(data: JSONBody[BatchRequest]) -> BatchAnswer:
    """Record 1 to 1,000 acts; also NDJSON, gzip and text/plain. A bad row costs only itself."""
    raise NotImplementedError


@get(
    PATH,
    dependencies={"whose": Provide(_whose), "which": Provide(_which), "where": Provide(_where)},
)
async def list_interactions_twin(
    whose: NamedDependency[None], which: NamedDependency[None], where: NamedDependency[None]
) -> InteractionsPage:
    """List interactions, newest first: the fields of the POST form as query parameters."""
    raise NotImplementedError


@delete(PATH, status_code=200)
async def delete_interactions_twin(user_id: FromQuery[str]) -> UserErased:
    """Delete all interactions of a user and what they taught; again finds none. The receipt."""
    raise NotImplementedError


TWINS: list[HTTPRouteHandler] = [
    create_interaction_twin,
    create_interactions_twin,
    list_interactions_twin,
    delete_interactions_twin,
]
