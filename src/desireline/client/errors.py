"""What a call can raise: the tree of `desireline.errors`, plus what only a caller knows.

    ApiError                        status, code, path, hint, request_id, retryable, fields
    ├── BadRequest              400
    ├── Unauthorized            401
    ├── Forbidden               403
    ├── NotFound                404
    ├── AlreadyExists           409
    ├── VersionConflict         409
    ├── PayloadTooLarge         413
    ├── Invalid                 422  `fields` names every place
    │   └── NotAvailable             this server does not have it: 404, 403 or 422
    ├── TooManyRequests         429
    ├── Unavailable             503  nothing was stored
    ├── StorageFull             507
    ├── ServerError             other 5xx
    ├── NoAnswer                     nobody answered, or the connection broke
    │   └── TimedOut
    └── NotUnderstood                an answer, but not of a desireline server

Each is also the error of the same name in `desireline.errors`, so that one `except` serves code
that runs in front of the server and inside it. Knows the error envelope, no HTTP library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from desireline import errors
from desireline.errors import FieldError

RETRIED = (429, 503)
MISSING = ("no_such_route", "not_available", "not_offered", "stage_not_available")


class ApiError(errors.DesirelineError):
    """A call that failed; `status` is 0 when there was no answer.

    `code` is stable, `path` the JSON path of the first wrong place (`""` when none is named),
    `retry_after_s` what the server asked for, `call` what was asked (`POST /v1/retrievers`).
    """

    status = 0
    code = "refused"
    request_id = ""
    call = ""
    retry_after_s: float | None = None
    fields: tuple[FieldError, ...] = ()

    @property
    def path(self) -> str:
        """Where the first wrong place is."""
        return self.fields[0].path if self.fields else ""

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later: as the server says, else 429 and 503."""
        said = self.details.get("retryable")
        return said if isinstance(said, bool) else self.status in RETRIED

    def __str__(self) -> str:
        parts = [self.message, self.hint and f"hint: {self.hint}"]
        where = " ".join(str(part) for part in (self.status or "", self.code, self.call) if part)
        parts += [f"({where}{f', request {self.request_id}' if self.request_id else ''})"]
        return "; ".join(part for part in parts if part)


class BadRequest(ApiError, errors.BadRequest):
    """400: the body could not be read."""


class Unauthorized(ApiError, errors.Unauthorized):
    """401: no key, or an unknown one."""


class Forbidden(ApiError, errors.Forbidden):
    """403: the key may not do this."""


class NotFound(ApiError, errors.NotFound):
    """404: there is no such thing (any more)."""


class AlreadyExists(ApiError, errors.AlreadyExists):
    """409: the name is taken."""


class VersionConflict(ApiError, errors.VersionConflict):
    """409: changed by somebody else meanwhile; read again."""


class PayloadTooLarge(ApiError, errors.PayloadTooLarge):
    """413: the body is larger than the route takes."""


class Invalid(ApiError, errors.Invalid):
    """422: understood, not acceptable."""


class NotAvailable(Invalid, errors.NotAvailable):
    """This server does not have the route, the field or the stage: perhaps it is older."""


class TooManyRequests(ApiError, errors.TooManyRequests):
    """429: a rate limit; raised when waiting did not help."""


class Unavailable(ApiError, errors.Unavailable):
    """503: not now, and nothing was stored; raised when waiting did not help."""


class StorageFull(ApiError, errors.StorageFull):
    """507: the server's disk is full or failing."""


class ServerError(ApiError):
    """5xx: something broke inside the server; its log knows the `request_id`."""


class NoAnswer(ApiError):
    """Nobody answered, or the connection broke before the answer was complete."""

    code = "no_answer"


class TimedOut(NoAnswer):
    """No answer within the timeout; whether the call took effect is not known."""

    code = "timed_out"


class NotUnderstood(ApiError):
    """An answer that is no JSON, or not of the shape that this client knows."""

    code = "not_understood"


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 405: NotAvailable,
    409: AlreadyExists, 413: PayloadTooLarge, 422: Invalid, 429: TooManyRequests, 503: Unavailable,
    507: StorageFull,
}  # fmt: skip


def refusal(status: int, headers: Mapping[str, str], content: bytes, call: str) -> ApiError:
    """The error for an answer of `status` >= 400, whatever its body is.

    >>> body = b'{"error": {"code": "not_found", "message": "gone"}}'
    >>> found = refusal(404, {}, body, "GET /v1/x")
    >>> type(found).__name__, str(found)
    ('NotFound', 'gone; (404 not_found GET /v1/x)')
    """
    body = _object(content)
    said = body["error"] if isinstance(body.get("error"), dict) else {}
    details = said["details"] if isinstance(said.get("details"), dict) else {}
    code = str(said.get("code") or "refused")
    error = _kind(status, code)(
        str(said.get("message") or f"the server answered {status}"),
        hint=str(said.get("hint") or ""), code=code, details=details,
    )  # fmt: skip
    error.status, error.type = status, str(said.get("type") or error.type)
    error.call, error.fields = call, _places(details)
    error.request_id = str(body.get("request_id") or headers.get("x-request-id") or "")
    error.retry_after_s = _positive(headers.get("retry-after")) or _positive(
        details.get("retry_after_seconds")
    )
    return error


def _kind(status: int, code: str) -> type[ApiError]:
    if code in MISSING:
        return NotAvailable
    if code == "version_conflict":
        return VersionConflict
    return _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _places(details: dict[str, Any]) -> tuple[FieldError, ...]:
    listed = details.get("validation_errors")
    return tuple(
        FieldError(
            str(each.get("path") or "$"), str(each.get("type") or ""),
            str(each.get("message") or ""), str(each.get("hint") or ""),
        )
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict)
    )  # fmt: skip


def _positive(value: Any) -> float | None:
    """A number of seconds; None for a date, nonsense or 0, which leave the choice to us."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 < seconds < float("inf") else None
