"""Routes for operators: health, readiness, metrics, flush."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import MediaType, Response, get, post
from litestar.params import JSONBody
from prometheus_client import generate_latest

from desireline import __version__
from desireline.errors import Unavailable
from desireline.http import metrics
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, admitted

DISK_FULL = (
    "the disk refused the last write: interactions are answered 507 and nothing is learned;"
    " free disk space below the data directory (no restart is needed)"
)


class FlushRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of flush."""

    close_executions: bool = False


class FlushDone(msgspec.Struct, kw_only=True):
    """Whether everything acknowledged is visible, how many executions closed, the
    newest snapshot.
    """

    flushed: bool
    closed: int
    snapshot: int


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok", "version": __version__}


@get("/readyz", include_in_schema=False)
async def readyz(request: AnyRequest) -> dict[str, Any]:
    """Requests are served (503 while starting or stopping).

    With a full disk searches are still answered, so that is a warning, not a 503.
    """
    if not getattr(request.app.state, "ready", False):
        raise Unavailable("not ready: starting or draining", code="not_ready")
    failing = request.app.state.system.intake.is_failing
    return {"status": "ready", "warnings": [DISK_FULL] if failing else []}


@get("/metrics", media_type=MediaType.TEXT, include_in_schema=False)
async def prometheus(request: AnyRequest) -> Response[bytes]:
    """Prometheus text format."""
    system = request.app.state.system
    metrics.GAUGES["intake_backlog_bytes"].set(system.intake.backlog_bytes)
    metrics.GAUGES["recent_executions"].set(len(system.recent))
    return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")


@post("/v1/admin/flush", status_code=200, dto=Wire[FlushRequest], return_dto=None)
async def flush(request: AnyRequest, data: JSONBody[FlushRequest | None] = None) -> FlushDone:
    """Make everything acknowledged visible; on request close open executions and learn
    from them.
    """
    system, _ = admitted(request, "admin")
    asked = data or FlushRequest()
    return FlushDone(**await system.flush(close_executions=asked.close_executions))


HANDLERS = [healthz, readyz, prometheus, flush]
