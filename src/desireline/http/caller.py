"""Who calls, the system, and the retriever or collection that the path names: one line a route."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection

from desireline.core.snapshot import Served
from desireline.http.auth import Caller, caller_of, key_of
from desireline.types.retriever import Collection

Connection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]


def keyed(connection: Connection, _: object) -> None:
    """A guard, before any body is read: raises Unauthorized without a live key.

    What the key may do is the route's to say; public routes have keys of their own.
    """
    path = connection.scope["path"]
    preflight = connection.scope.get("method") == "OPTIONS"
    if path.startswith("/v1/") and not path.startswith("/v1/public/") and not preflight:
        key_of(connection.scope, connection.app.state.system.keys)


def admitted(request: AnyRequest, needs: str) -> tuple[Any, Caller]:
    """The system, and the caller allowed to do what `needs` says. Raises as `auth.caller_of`."""
    system = request.app.state.system
    return system, caller_of(request.scope, system.keys, needs)


def retriever_of(request: AnyRequest, retriever: str, needs: str) -> tuple[Any, Caller, Served]:
    """As `admitted`, and the retriever of that id or name. Raises NotFound."""
    system, caller = admitted(request, needs)
    return system, caller, system.live.retriever(caller.namespace, retriever)


def collection_of(request: AnyRequest, collection: str, needs: str) -> tuple[Any, Collection]:
    """As `admitted`, and the collection of that id or name. Raises NotFound."""
    system, caller = admitted(request, needs)
    return system, system.live.collection(caller.namespace, collection)
