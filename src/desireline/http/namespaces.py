"""Routes of namespaces: list, get, create (managed, standalone), delete, and vectors of the caller.

Without keys everybody may do everything. With keys, an admin key of the default namespace makes,
sees and deletes all of them; any other key sees its own, and admin keys may delete it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody

from desireline.errors import Forbidden, NotFound, invalid
from desireline.http.auth import Caller
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted
from desireline.http.documents import upserted
from desireline.http.wire.collections import DocumentResult
from desireline.http.wire.common import ListRequest, QueryPage, QuerySize
from desireline.http.wire.namespaces import (
    CreateNamespace,
    CreateStandalone,
    NamespaceDeleted,
    NamespaceOut,
    NamespacesPage,
    UpsertVectors,
    VectorsUpserted,
    own_documents,
)
from desireline.types.catalog import NamespaceRecord
from desireline.types.retriever import Collection

ROOT = "/v1/namespaces"
KEPT = [
    {
        "what": "rows of the log: executions, impressions, interactions, lessons",
        "why": "no route reads them any more; their namespace id is never given again",
        "erase": "before the namespace is deleted, interactions of each user: "
        "DELETE /v1/retrievers/interactions?user_id=…",
    },
    {
        "what": "the audit trail, and versions of its retrievers",
        "why": "who did what stays known",
        "erase": "not offered",
    },
]


def _is_operator(caller: Caller) -> bool:
    """Whether a caller may act on namespaces other than its own."""
    return not caller.key_id or (caller.scope == "admin" and caller.namespace == "default")


def _admitted(request: AnyRequest, needs: str) -> tuple[Any, Caller]:
    system, caller = admitted(request, needs)
    if not _is_operator(caller):
        raise Forbidden(
            "namespaces are made with an admin key of the namespace `default`", code="namespace",
            hint="desireline keys create --scope admin",
        )  # fmt: skip
    return system, caller


def _found(request: AnyRequest, reference: str, needs: str) -> tuple[Any, NamespaceRecord]:
    """A namespace that this caller may see."""
    system, caller = admitted(request, needs)
    record = system.live.namespace_record(reference)
    if record is None:
        raise NotFound(
            resource="namespace", reference=reference, code="namespace_not_found",
            hint="see GET /v1/namespaces",
        )  # fmt: skip
    if caller.namespace != record.namespace_id and not _is_operator(caller):
        raise _no_rights(record)
    return system, record


def _no_rights(record: NamespaceRecord) -> Forbidden:
    return Forbidden(
        f"this key has no rights on namespace `{record.namespace_name}`", code="namespace",
        hint=f"make one: desireline keys create --namespace {record.namespace_name}",
    )  # fmt: skip


def _out(system: Any, record: NamespaceRecord, warnings: tuple[str, ...] = ()) -> NamespaceOut:
    collections = system.live.collections(record.namespace_id)
    documents = sum(system.corpus.count(each) for each in collections)
    implicit = [each for each in collections if each.collection_id == record.collection_id]
    features = implicit[0].features if implicit else ()
    return NamespaceOut.of(record, features, (len(collections), documents), warnings)


@get(ROOT)
async def get_namespaces(
    request: AnyRequest, page: QueryPage = 1, page_size: QuerySize = 50
) -> NamespacesPage:
    """List namespaces, oldest first: all, or the key's own."""
    return _page(request, ListRequest(page=page, page_size=page_size))


@post(f"{ROOT}/list", status_code=200, dto=Wire[ListRequest], return_dto=None)
async def list_namespaces(
    request: AnyRequest, data: JSONBody[ListRequest | None] = None
) -> NamespacesPage:
    """List namespaces, oldest first; `search` looks into names."""
    return _page(request, data or ListRequest())


def _page(request: AnyRequest, asked: ListRequest) -> NamespacesPage:
    system, caller = admitted(request, "read")
    found = [
        each for each in system.live.namespaces()
        if _is_operator(caller) or each.namespace_id == caller.namespace
    ]  # fmt: skip
    shown, place, total = asked.of(found, lambda each: each.namespace_name)
    results = [_out(system, each) for each in shown]
    return NamespacesPage(results=results, pagination=place, total_count=total)


@get(f"{ROOT}/{{namespace:str}}")
async def get_namespace(request: AnyRequest, namespace: FromPath[str]) -> NamespaceOut:
    """One namespace, by id or name."""
    return _out(*_found(request, namespace, "read"))


@post(ROOT, status_code=200, dto=Wire[CreateNamespace], return_dto=None)
async def create_namespace(request: AnyRequest, data: JSONBody[CreateNamespace]) -> NamespaceOut:
    """Create a namespace. With keys in use it needs one of its own: see `warnings`."""
    if data.is_standalone:
        return await _standalone(request, data)
    system, caller = _admitted(request, "admin")
    record = await system.namespaces.create(data.name(), data.description, data.metadata)
    return _out(system, record, (*data.warnings(), *_needs_key(caller, record)))


@post(f"{ROOT}/standalone", status_code=200, dto=Wire[CreateStandalone], return_dto=None)
async def create_standalone(request: AnyRequest, data: JSONBody[CreateStandalone]) -> NamespaceOut:
    """Create a namespace for vectors of the caller: one collection, one feature a vector name."""
    return await _standalone(request, data)


async def _standalone(
    request: AnyRequest, data: CreateNamespace | CreateStandalone
) -> NamespaceOut:
    system, caller = _admitted(request, "admin")
    record = await system.namespaces.create_standalone(
        data.name(), data.vectors(), data.description, data.metadata
    )
    return _out(system, record, (*data.warnings(), *_needs_key(caller, record)))


def _needs_key(caller: Caller, record: NamespaceRecord) -> tuple[str, ...]:
    """A key belongs to one namespace: the one that made this has no rights in it."""
    if not caller.key_id:
        return ()
    name = record.namespace_name
    return (f"work in it with a key of its own: desireline keys create --namespace {name}",)


@delete(f"{ROOT}/{{namespace:str}}", status_code=200)
async def delete_namespace(request: AnyRequest, namespace: FromPath[str]) -> NamespaceDeleted:
    """Delete a namespace with its collections, documents and retrievers; its keys are revoked.

    The log keeps its rows: `kept` says which, and how they are erased.
    """
    system, record = _found(request, namespace, "admin")
    gone = await system.namespaces.delete(record)
    return NamespaceDeleted(
        message=f"namespace `{record.namespace_name}` deleted",
        removed={"collections": gone.collections, "retrievers": gone.retrievers,
                 "keys_revoked": gone.keys_revoked},
        kept=KEPT,
    )  # fmt: skip


@post(
    f"{ROOT}/{{namespace:str}}/documents/upsert", status_code=200, dto=Wire[UpsertVectors],
    return_dto=None,
)  # fmt: skip
async def upsert_vectors(
    request: AnyRequest, namespace: FromPath[str], data: JSONBody[UpsertVectors]
) -> VectorsUpserted:
    """Insert or replace documents `{document_id, vectors: {name: […]}, payload: {…}}`.

    One bad document never refuses its neighbours. Without `vector_configs` at its creation, a
    namespace takes vector names it does not know yet.
    """
    system, record = _found(request, namespace, "write")
    _, caller = admitted(request, "write")
    if caller.key_id and caller.namespace != record.namespace_id:
        raise _no_rights(record)
    if not data.documents:
        raise invalid("$.documents", "empty", "`documents` is empty", "send at least one")
    good, wrong = own_documents(data.documents)
    collection = await _collection(system, record, data.collection_id, good)
    outcomes = await system.corpus.upsert(collection, good) if good else []
    return _upserted(collection, data, good, outcomes, wrong)


async def _collection(
    system: Any, record: NamespaceRecord, named: str | None, documents: list[Any]
) -> Collection:
    """The collection that was named, else the one of a standalone namespace."""
    if named:
        found: Collection = system.live.collection(record.namespace_id, named)
        return found
    vectors = [v for d in documents if isinstance(d, dict) for v in _vectors_of(d)]
    own: Collection = await system.namespaces.collection_of(record, dict(reversed(vectors)))
    return own


def _vectors_of(document: dict[str, Any]) -> list[tuple[str, int]]:
    """Names and dimensions of a document's dense vectors."""
    sent = document.get("_vectors")
    found = sent.items() if isinstance(sent, dict) else ()
    return [
        (name, len(vector)) for name, vector in found
        if isinstance(vector, list) and all(isinstance(v, int | float) for v in vector)
    ]  # fmt: skip


def _upserted(
    collection: Collection, data: UpsertVectors, good: list[Any], outcomes: Any, wrong: Any
) -> VectorsUpserted:
    """Results in the order sent."""
    done = iter(upserted(outcomes).results)
    results = []
    for place, sent in enumerate(data.documents):
        if place in wrong:
            shown = msgspec.to_builtins(wrong[place])
            results.append(
                DocumentResult(index=place, document_id="", status="failed", error=shown)
            )
        else:
            results.append(_placed(next(done), place, sent))
    names = {feature.feature_uri for feature in collection.features}
    blind = {
        str(d.get("document_id")) for d in good
        if isinstance(d, dict) and not names & (d.get("_vectors") or {}).keys()
    }  # fmt: skip
    stored = [each.document_id for each in results if each.status == "upserted"]
    return VectorsUpserted(
        inserted=len(stored), failed=len(results) - len(stored), document_ids=stored,
        unsearchable_document_ids=[each for each in stored if each in blind], results=results,
        warnings=_token(data),
    )  # fmt: skip


def _placed(result: DocumentResult, place: int, sent: Any) -> DocumentResult:
    """A result of the corpus, in the words and at the place of what was sent."""
    if result.error is not None:
        path = result.error["path"].replace(f"[{result.index}]", f"[{place}]", 1)
        if isinstance(sent, dict) and "vectors" in sent:
            path = path.replace("._vectors", ".vectors", 1)
        result.error["path"] = path
    result.index = place
    return result


def _token(data: UpsertVectors) -> list[str]:
    asked = data.options is not None and data.options.write_token
    said = "`options.write_token` has no effect: what is answered is visible at once"
    return [said] if asked else []


HANDLERS = [
    get_namespaces, list_namespaces, get_namespace, create_namespace, create_standalone,
    delete_namespace, upsert_vectors,
]  # fmt: skip
