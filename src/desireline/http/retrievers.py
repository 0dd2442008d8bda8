"""Routes of retrievers: create, list, get, patch, delete, versions."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody

from desireline.errors import invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted, retriever_of
from desireline.http.conversion import retriever_out, version_out
from desireline.http.wire.common import (
    Deleted,
    ListRequest,
    QueryPage,
    QuerySize,
    check_name,
    paged,
)
from desireline.http.wire.retrievers import (
    INPUT_TYPES,
    CreateRetriever,
    InputField,
    PatchRetriever,
    RetrieverOut,
    RetrieverPatched,
    RetrieversPage,
    RetrieverVersions,
)


def schema_in(sent: dict[str, InputField] | None) -> dict[str, Any] | None:
    """An input schema as sent. Raises Invalid for a type that is none."""
    if sent is None:
        return None
    for name, field in sent.items():
        if field.type not in INPUT_TYPES:
            raise invalid(
                f"$.input_schema.{name}.type", "wrong_value", f"unknown input type `{field.type}`",
                f"one of: {', '.join(INPUT_TYPES)}",
            )  # fmt: skip
    schema: dict[str, Any] = msgspec.to_builtins(sent)
    return schema


@post("/v1/retrievers", status_code=200, dto=Wire[CreateRetriever], return_dto=None)
async def create_retriever(request: AnyRequest, data: JSONBody[CreateRetriever]) -> RetrieverOut:
    """Create a retriever. What is odd but allowed comes back in `warnings`."""
    system, caller = admitted(request, "write")
    check_name(data.retriever_name, "$.retriever_name")
    served = await system.retrievers.create(
        caller.namespace, data.retriever_name, data.stages,
        description=data.description or "", collection_identifiers=data.identifiers() or (),
        input_schema=schema_in(data.input_schema), tags=data.tags or (),
        metadata=data.metadata or {}, display_config=data.display_config,
        budget_limits=data.budget_limits,
    )  # fmt: skip
    warnings = [*system.retrievers.warnings(served), *_without_effect(data)]
    return retriever_out(served, warnings)


def _without_effect(data: CreateRetriever) -> list[str]:
    """Fields that are stored or known, and do nothing yet."""
    warned = ["`budget_limits` is kept but not enforced"] if data.budget_limits else []
    if data.visibility not in (None, "PRIVATE"):
        warned.append(f"`visibility: {data.visibility}` has no effect")
    return warned


@get("/v1/retrievers")
async def get_retrievers(
    request: AnyRequest, page: QueryPage = 1, page_size: QuerySize = 50
) -> RetrieversPage:
    """List retrievers, oldest first."""
    return _page(request, ListRequest(page=page, page_size=page_size))


@post("/v1/retrievers/list", status_code=200, dto=Wire[ListRequest], return_dto=None)
async def list_retrievers(
    request: AnyRequest, data: JSONBody[ListRequest | None] = None
) -> RetrieversPage:
    """List retrievers, oldest first; `search` looks into names."""
    return _page(request, data or ListRequest())


def _page(request: AnyRequest, asked: ListRequest) -> RetrieversPage:
    system, caller = admitted(request, "read")
    found = system.live.retrievers(caller.namespace)
    shown, place, total = asked.of(found, lambda each: each.retriever.retriever_name)
    return RetrieversPage(
        results=[retriever_out(served, system.retrievers.warnings(served)) for served in shown],
        total=total, pagination=place,
    )  # fmt: skip


@get("/v1/retrievers/{retriever:str}")
async def get_retriever(request: AnyRequest, retriever: FromPath[str]) -> RetrieverOut:
    """One retriever, by id or name."""
    system, _, served = retriever_of(request, retriever, "read")
    return retriever_out(served, system.retrievers.warnings(served))


@patch("/v1/retrievers/{retriever:str}", dto=Wire[PatchRetriever], return_dto=None)
async def patch_retriever(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[PatchRetriever]
) -> RetrieverPatched:
    """Change a retriever. A `feature_search` stage without `searches` is merged by its name."""
    system, _, served = retriever_of(request, retriever, "write")
    check_name(data.retriever_name, "$.retriever_name")
    given = {
        "retriever_name": data.retriever_name, "description": data.description,
        "collection_identifiers": data.identifiers(), "input_schema": schema_in(data.input_schema),
        "tags": data.tags, "metadata": data.metadata, "display_config": data.display_config,
    }  # fmt: skip
    changes = {key: value for key, value in given.items() if value is not None}
    after = await system.retrievers.patch(served, data.stages, changes)
    return RetrieverPatched(retriever=retriever_out(after, system.retrievers.warnings(after)))


@delete("/v1/retrievers/{retriever:str}", status_code=200)
async def delete_retriever(request: AnyRequest, retriever: FromPath[str]) -> Deleted:
    """Delete a retriever; what it logged stays."""
    system, _, served = retriever_of(request, retriever, "write")
    await system.retrievers.delete(served)
    return Deleted(message=f"retriever `{served.retriever.retriever_name}` deleted")


@get("/v1/retrievers/{retriever:str}/versions")
async def retriever_versions(request: AnyRequest, retriever: FromPath[str]) -> RetrieverVersions:
    """All versions of a retriever, newest first."""
    system, _, served = retriever_of(request, retriever, "read")
    versions = [version_out(each) for each in await system.retrievers.versions(served)]
    return RetrieverVersions(
        results=versions, pagination=paged(len(versions), 1, max(1, len(versions)), counted=True)
    )


HANDLERS = [
    create_retriever, get_retrievers, list_retrievers, get_retriever, patch_retriever,
    delete_retriever, retriever_versions,
]  # fmt: skip
