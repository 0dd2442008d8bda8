"""Routes of collections: create, list, get, update, delete."""

from __future__ import annotations

from typing import Any

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody

from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted, collection_of
from desireline.http.conversion import with_wire_id
from desireline.http.wire.collections import (
    CollectionOut,
    CollectionsPage,
    CreateCollection,
    FeatureIn,
    UpdateCollection,
)
from desireline.http.wire.common import Deleted, ListRequest, QueryPage, QuerySize, check_name
from desireline.types.retriever import Collection, Feature


def _features(system: Any, sent: list[FeatureIn]) -> list[Feature]:
    return [
        each.to_noun(f"$.features[{place}]", system.dimension_of) for place, each in enumerate(sent)
    ]


def out(system: Any, collection: Collection) -> CollectionOut:
    """A collection with its number of documents."""
    return CollectionOut.of(with_wire_id(collection), system.corpus.count(collection))


@post("/v1/collections", status_code=200, dto=Wire[CreateCollection], return_dto=None)
async def create_collection(request: AnyRequest, data: JSONBody[CreateCollection]) -> CollectionOut:
    """Create a collection with its feature registry."""
    system, caller = admitted(request, "write")
    check_name(data.collection_name, "$.collection_name")
    collection = await system.corpus.create(
        caller.namespace, data.collection_name, _features(system, data.features),
        description=data.description, metadata=data.metadata,
    )  # fmt: skip
    return out(system, collection)


@get("/v1/collections")
async def get_collections(
    request: AnyRequest, page: QueryPage = 1, page_size: QuerySize = 50
) -> CollectionsPage:
    """List collections, oldest first."""
    return _page(request, ListRequest(page=page, page_size=page_size))


@post("/v1/collections/list", status_code=200, dto=Wire[ListRequest], return_dto=None)
async def list_collections(
    request: AnyRequest, data: JSONBody[ListRequest | None] = None
) -> CollectionsPage:
    """List collections, oldest first; `search` looks into names."""
    return _page(request, data or ListRequest())


def _page(request: AnyRequest, asked: ListRequest) -> CollectionsPage:
    system, caller = admitted(request, "read")
    found = system.live.collections(caller.namespace)
    shown, place, total = asked.of(found, lambda each: each.collection_name)
    return CollectionsPage(
        results=[out(system, each) for each in shown], pagination=place, total=total
    )


@get("/v1/collections/{collection:str}")
async def get_collection(request: AnyRequest, collection: FromPath[str]) -> CollectionOut:
    """One collection, by id or name."""
    return out(*collection_of(request, collection, "read"))


@patch("/v1/collections/{collection:str}", dto=Wire[UpdateCollection], return_dto=None)
async def update_collection(
    request: AnyRequest, collection: FromPath[str], data: JSONBody[UpdateCollection]
) -> CollectionOut:
    """Change name, description, metadata, or the feature registry (then a new index is built)."""
    system, found = collection_of(request, collection, "write")
    check_name(data.collection_name, "$.collection_name")
    changed = await system.corpus.update(
        found, collection_name=data.collection_name, description=data.description,
        metadata=data.metadata,
    )  # fmt: skip
    if data.features is not None:
        changed = await system.corpus.rebuild(changed, _features(system, data.features))
    return out(system, changed)


@delete("/v1/collections/{collection:str}", status_code=200)
async def delete_collection(request: AnyRequest, collection: FromPath[str]) -> Deleted:
    """Delete a collection with its documents."""
    system, found = collection_of(request, collection, "write")
    await system.corpus.delete(found)
    return Deleted(message=f"collection `{found.collection_name}` deleted")


HANDLERS = [
    create_collection, get_collections, list_collections, get_collection, update_collection,
    delete_collection,
]  # fmt: skip
