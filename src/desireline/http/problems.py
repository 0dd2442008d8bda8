"""The one error envelope, and every exception's way into it. Never a traceback.

`{"success": false, "status", "error": {"message", "type", "code", "hint", "details"},
"request_id"}`; `details.validation_errors[]` names each place as `{type, location[], path, message,
hint}`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from desireline.core.shapes import expected, expected_of
from desireline.errors import DesirelineError, FieldError, Invalid, StorageFull, Unavailable
from desireline.http.caller import AnyRequest

logger = structlog.get_logger("desireline.http")

_PARTS = re.compile(r"[^.\[\]$]+")
_PLAIN = {
    400: ("BadRequestError", "bad_request"),
    401: ("UnauthorizedError", "unauthorized"),
    404: ("NotFoundError", "no_such_route"),
    405: ("MethodNotAllowedError", "method_not_allowed"),
    413: ("PayloadTooLargeError", "payload_too_large"),
}


def envelope(error: DesirelineError, request_id: str) -> dict[str, Any]:
    """The body of an error answer."""
    details, message = dict(error.details), error.message
    if isinstance(error, Invalid):
        places = error.fields or (FieldError("$", error.code, message, error.hint),)
        details["validation_errors"] = [_place(field) for field in places]
        if error.fields and places[0].path not in message:
            message = f"{message} (at {places[0].path})"
    return {
        "success": False,
        "status": error.status,
        "error": {
            "message": message,
            "type": error.type,
            "code": error.code,
            "hint": error.hint,
            "details": details,
        },
        "request_id": request_id,
    }


def _place(field: FieldError) -> dict[str, Any]:
    location = [
        int(part) if part.isascii() and part.isdigit() else part
        for part in (*(["body"] if field.path.startswith("$") else []), *_PARTS.findall(field.path))
    ]
    return {
        "type": field.code,
        "location": location,
        "path": field.path,
        "message": field.message,
        "hint": field.hint,
    }


def headers_of(error: DesirelineError) -> dict[str, str]:
    """Headers an error needs besides its body."""
    if isinstance(error, Unavailable):
        return {"retry-after": str(error.retry_after)}
    return {"www-authenticate": "Bearer"} if error.status == 401 else {}


def to_error(exception: Exception, handler: Any = None) -> DesirelineError:
    """Any exception as one of ours; `handler` is the route's, whose parameters it may be about."""
    if isinstance(exception, DesirelineError):
        return exception
    if isinstance(exception, HTTPException):
        return _from_http(exception, handler)
    return DesirelineError(
        "something broke inside desireline",
        hint="the server's log has the traceback under this request_id; please report it",
    )


def _from_http(exception: HTTPException, handler: Any) -> DesirelineError:
    status = 400 if exception.status_code == 500 else exception.status_code
    kind, code = _PLAIN.get(status, ("BadRequestError", "bad_request"))
    if status == 400:
        return _query_error(exception, handler)
    error = DesirelineError(exception.detail or kind, code=code)
    error.status, error.type = status, kind
    return error


def _routed(error: DesirelineError, method: str, path: str, allowed: str) -> None:
    """Words for a route that is not there, or not under this method."""
    if error.code == "no_such_route":
        error.message = f"there is no route {method} {path}"
        error.hint = "see /docs for all routes of this version"
    elif error.code == "method_not_allowed":
        error.message = f"{method} is not allowed at {path}"
        error.hint = f"send {allowed}" if allowed else "see /docs for the methods of this route"


def _query_error(exception: HTTPException, handler: Any) -> DesirelineError:
    """Litestar's complaint about a query or path parameter, by name."""
    extra = exception.extra if isinstance(exception.extra, list) else []
    fields = tuple(
        FieldError(
            f"{_source(part)}.{part.get('key', '')}",
            _code(part),
            str(part["message"]),
            _taken(str(part.get("key", "")), handler) or expected_of(str(part["message"])),
        )
        for part in extra
        if isinstance(part, dict) and part.get("message")
    )
    if fields:
        first = fields[0]
        return Invalid(
            f"{first.message} at {first.path}", code=first.code, hint=first.hint, fields=fields
        )
    error = DesirelineError(exception.detail or "bad request", code="bad_request")
    error.status, error.type = 400, "BadRequestError"
    return error


def _taken(name: str, handler: Any) -> str:
    """What a query or path parameter takes, as its route declares it; "" for any text."""
    signature = getattr(handler, "parsed_fn_signature", None)
    found = signature.parameters.get(name) if signature else None
    words = expected(found.annotation) if found else ""
    return "" if words == "send a text" else words


def _source(part: dict[str, Any]) -> str:
    return str(getattr(part.get("source"), "value", part.get("source") or "query"))


def _code(part: dict[str, Any]) -> str:
    words = str(part["message"])
    if "Missing required" in words:
        return "required_field"
    marks = ("` >", "` <", "Invalid enum value")
    return "wrong_value" if any(mark in words for mark in marks) else "wrong_type"


def answer(request: AnyRequest, exception: Exception) -> Response[bytes]:
    """The response to any exception (Litestar's exception handler)."""
    error = to_error(exception, request.scope.get("route_handler"))
    kept = _kept_headers(exception)
    methods = set(kept.get("Allow", "").replace(" ", "").split(",")) - {"HEAD", "OPTIONS"}
    allowed = " or ".join(sorted(methods))
    _routed(error, str(request.method), request.url.path, allowed)
    request_id = str(request.scope.get("request_id", ""))
    if error.status >= 500 and not isinstance(error, Unavailable | StorageFull):
        logger.error("request failed", path=request.url.path, exc_info=exception)
    return Response(
        msgspec.json.encode(envelope(error, request_id)),
        status_code=error.status,
        media_type="application/json",
        headers={**kept, **headers_of(error)},
    )


def _kept_headers(exception: Exception) -> dict[str, str]:
    """`Allow` of a 405."""
    sent = (getattr(exception, "headers", None) or {}) if exception else {}
    found = [value for name, value in sent.items() if name.lower() == "allow"]
    return {"Allow": found[0]} if found else {}


HANDLERS: ExceptionHandlersMap = {HTTPException: answer, Exception: answer}
