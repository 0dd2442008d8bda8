"""The caller and the system of a Litestar request, in one line for every route."""

from __future__ import annotations

from typing import Any

from litestar import Request

from desireline.http.auth import Caller, caller_of


def admitted(request: Request[Any, Any, Any], needs: str) -> tuple[Any, Caller]:
    """The system, and the caller allowed to do what `needs` says. Raises as `auth.caller_of`."""
    system = request.app.state.system
    return system, caller_of(request.scope, system.keys, needs)
