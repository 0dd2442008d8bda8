"""The Litestar application behind the front: routes, error envelope, OpenAPI, life cycle.

Knows which handlers exist. Opens and closes nothing itself: that is handed in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State

from desireline.http import (
    ad_hoc,
    admin,
    batch,
    collections,
    documents,
    execute,
    executions,
    explain,
    fuse,
    interactions,
    learned_fusion,
    learning_reports,
    live,
    lookup,
    namespaces,
    not_offered,
    openapi,
    pages,
    public,
    publish,
    retrievers,
    simulations,
    stages,
    tasks,
    trace,
)
from desireline.http.caller import keyed
from desireline.http.front import OWN_ROOTS, App, Front
from desireline.http.problems import HANDLERS as PROBLEMS
from desireline.http.proxy import behind
from desireline.http.strict import refuse_unread
from desireline.settings import Settings

METHODS = ["GET", "POST", "PATCH", "DELETE", "OPTIONS"]
ALLOWED = [
    "Authorization", "Content-Type", "X-Namespace", "X-Public-API-Key", "X-Session-ID",
    "Idempotency-Key", "X-Request-ID",
]  # fmt: skip
EXPOSED = [
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Window",
    "Retry-After", "X-Request-ID",
]  # fmt: skip
Life = Callable[[], AbstractAsyncContextManager[Any]]


def create_app(settings: Settings, life: Life) -> App:
    """The ASGI application; `life()` opens the system, yields it, and closes it.

    Raises StartupError for a prefix or a trusted proxy that can't be.
    """

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with life() as system:
            app.state.system = system
            app.state.ready = True
            yield
            app.state.ready = False

    litestar = Litestar(
        route_handlers=[
            *admin.HANDLERS, *interactions.HANDLERS, *retrievers.HANDLERS, *execute.HANDLERS,
            *executions.HANDLERS, *fuse.HANDLERS, *batch.HANDLERS, *explain.HANDLERS,
            *ad_hoc.HANDLERS, *stages.HANDLERS,
            *learned_fusion.HANDLERS, *collections.HANDLERS, *documents.HANDLERS,
            *namespaces.HANDLERS, *publish.HANDLERS, *public.HANDLERS, *learning_reports.HANDLERS,
            *lookup.HANDLERS, *live.HANDLERS, *trace.HANDLERS, *not_offered.HANDLERS,
            *tasks.HANDLERS, *simulations.HANDLERS, *pages.HANDLERS, openapi.openapi_json,
        ],
        exception_handlers=PROBLEMS,
        guards=[keyed],
        before_request=refuse_unread,
        cors_config=CORSConfig(
            allow_origins=list(settings.cors_origins), allow_methods=METHODS,  # type: ignore[arg-type]
            allow_headers=ALLOWED, expose_headers=EXPOSED, max_age=600,
        ),
        openapi_config=openapi.config(settings.root_path.rstrip("/") or "/"),
        lifespan=[lifespan],
        state=State({"ready": False}),
        request_max_body_size=None,
        logging_config=None,
    )  # fmt: skip
    # The generator's own pages and paths are not served: /docs and /openapi.json are ours.
    front = behind(settings.root_path, settings.trusted_proxies, _first_segments(litestar))
    return Front(litestar, settings.max_body_bytes, settings.max_batch_body_bytes, front)


def _first_segments(litestar: Litestar) -> set[str]:
    """How a path of ours may begin, aliases of `/v1` included."""
    paths = [*OWN_ROOTS, "/api", *(route.path.removeprefix("/v1") for route in litestar.routes)]
    return {path.split("/")[1] for path in paths if path != "/" and path}
