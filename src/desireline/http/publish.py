"""Routes that copy a retriever, and that publish it under a name anybody may use."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody

from desireline.core.ids import prefixed
from desireline.core.snapshot import Served
from desireline.errors import NotFound
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.conversion import retriever_out
from desireline.http.retrievers import schema_in
from desireline.http.wire.common import Deleted, check_name
from desireline.http.wire.publications import (
    CloneRetriever,
    PublicationOut,
    PublishRetriever,
    RetrieverCloned,
)
from desireline.steps.publications import Names

ROOT = "/v1/retrievers/{retriever:str}"
COPIED = (
    "description", "collection_identifiers", "input_schema", "tags", "metadata", "display_config",
    "budget_limits",
)  # fmt: skip
FRESH = (
    "the clone has learned nothing: weights, opt-outs, switches and the public name stay with the "
    "source"
)


@post(f"{ROOT}/clone", status_code=200, dto=Wire[CloneRetriever], return_dto=None)
async def clone_retriever(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[CloneRetriever]
) -> RetrieverCloned:
    """A new retriever like this one, with other fields where given. It has learned nothing."""
    system, caller, served = retriever_of(request, retriever, "write")
    check_name(data.retriever_name, "$.retriever_name")
    given = data.given()
    stages = given.pop("stages", None)
    stored = served.retriever.stages
    if stages is not None:
        stored = system.retrievers.merged(served.retriever, stages)
    copied = {name: getattr(served.retriever, name) for name in COPIED}
    if "input_schema" in given:
        given["input_schema"] = schema_in(given["input_schema"])
    made = await system.retrievers.create(
        caller.namespace, data.retriever_name, stored, **(copied | given)
    )
    return RetrieverCloned(
        retriever=retriever_out(made, system.retrievers.warnings(made)),
        source_retriever_id=prefixed("ret", served.retriever.retriever_id), warnings=[FRESH],
    )  # fmt: skip


@post(f"{ROOT}/publish", status_code=200, dto=Wire[PublishRetriever], return_dto=None)
async def publish(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[PublishRetriever | None] = None
) -> PublicationOut:
    """Let anybody run this retriever under a public name; again: change the names."""
    return await _published(request, retriever, data or PublishRetriever())


@patch(f"{ROOT}/publish", dto=Wire[PublishRetriever], return_dto=None)
async def update_publication(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[PublishRetriever]
) -> PublicationOut:
    """Change the names of a publication."""
    _record(retriever_of(request, retriever, "admin")[2])
    return await _published(request, retriever, data)


async def _published(request: AnyRequest, retriever: str, data: PublishRetriever) -> PublicationOut:
    system, caller, served = retriever_of(request, retriever, "admin")
    names = Names(**{name: getattr(data, name) for name in Names.__struct_fields__})
    record = await system.publications.publish(served, names, caller.key_id)
    return PublicationOut.of(served, record, str(request.base_url))


@get(f"{ROOT}/publish")
async def get_publication(request: AnyRequest, retriever: FromPath[str]) -> PublicationOut:
    """Under which name a retriever is published (404 when it is not)."""
    served = retriever_of(request, retriever, "read")[2]
    return PublicationOut.of(served, _record(served), str(request.base_url))


@delete(f"{ROOT}/publish", status_code=200)
async def unpublish(request: AnyRequest, retriever: FromPath[str]) -> Deleted:
    """Take the public name back; again is no error. Its stages may change again."""
    system, caller, served = retriever_of(request, retriever, "admin")
    taken = await system.publications.take_back(served, caller.key_id)
    return Deleted(message="not public any more" if taken else "it was not published")


def _record(served: Served) -> Any:
    if served.publication is None:
        name = served.retriever.retriever_name
        raise NotFound(
            f"the retriever `{name}` is not published", resource="publication", reference=name,
            code="not_published", hint="publish it: POST …/publish",
        )  # fmt: skip
    return served.publication


HANDLERS = [clone_retriever, publish, update_publication, get_publication, unpublish]
