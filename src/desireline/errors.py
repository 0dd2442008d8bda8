"""Every way desireline refuses, with a stable code, an HTTP status, a type of the envelope and a
hint.

    DesirelineError
    ├── BadRequest              400  not JSON, not UTF-8, too deep
    ├── Unauthorized            401
    ├── Forbidden               403
    │   └── NotEnabled          403  known to the published API, not offered here
    ├── NotFound                404
    ├── AlreadyExists           409
    ├── VersionConflict         409  changed by somebody else meanwhile; read again
    ├── PayloadTooLarge         413
    ├── Invalid                 422  understood, not acceptable: `fields` names each place
    │   ├── NotAvailable        422  specified, not built yet
    │   └── StageNotAvailable   422
    ├── TooManyRequests         429
    ├── Unavailable             503  nothing was stored; retry
    │   └── IntakeFull          503
    ├── StorageFull             507  nothing was acknowledged
    └── StartupError                 the process can't start: data directory, address, settings
        └── DataDirectoryLocked

A message says what happened and where; `hint` says what to do next. Knows nothing of HTTP
libraries.
"""

from __future__ import annotations

from typing import Any

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One place that is wrong: JSON path (`$.stages[0].fusion`), stable code, sentence,
    next step.
    """

    path: str
    code: str
    message: str
    hint: str = ""


class DesirelineError(Exception):
    """Base of all: `code` is stable, `hint` is what to do next, `details` is extra JSON."""

    status = 500
    type = "InternalServerError"
    code = "internal_error"

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code
        self.details = details or {}


class BadRequest(DesirelineError):
    """The body could not be read as what the route takes."""

    status, type, code = 400, "BadRequestError", "bad_request"


class Unauthorized(DesirelineError):
    """No key, or an unknown one."""

    status, type, code = 401, "UnauthorizedError", "unauthorized"


class Forbidden(DesirelineError):
    """The key may not do this."""

    status, type, code = 403, "ForbiddenError", "forbidden"


class NotEnabled(Forbidden):
    """Known to the published API, not offered here."""

    type, code = "NotEnabledError", "not_offered"


class NotFound(DesirelineError):
    """There is no such thing (any more). `resource` and `reference` say what was asked for.

    >>> str(NotFound(resource="task", reference="task_1"))
    'there is no task `task_1`'
    """

    status, type, code = 404, "NotFoundError", "not_found"

    def __init__(
        self, message: str = "", *, resource: str = "", reference: str = "", **more: Any
    ) -> None:
        if resource:
            more["details"] = {"resource": resource, "id": reference}
        super().__init__(message or f"there is no {resource} `{reference}`", **more)


class AlreadyExists(DesirelineError):
    """A name is taken."""

    status, type, code = 409, "AlreadyExistsError", "already_exists"


class VersionConflict(DesirelineError):
    """Somebody else changed it since it was read."""

    status, type, code = 409, "VersionConflictError", "version_conflict"


class PayloadTooLarge(DesirelineError):
    """The body is larger than the route takes."""

    status, type, code = 413, "PayloadTooLargeError", "payload_too_large"


class Invalid(DesirelineError):
    """Understood, and not acceptable. `fields` names every place."""

    status, type, code = 422, "ValidationError", "invalid"

    def __init__(self, message: str, *, fields: tuple[FieldError, ...] = (), **more: Any) -> None:
        super().__init__(message, **more)
        self.fields = fields


class NotAvailable(Invalid):
    """Specified, but not built in this version: refused by name rather than ignored."""

    code = "not_available"


class StageNotAvailable(Invalid):
    """A stage that this version does not run."""

    type, code = "NotEnabledError", "stage_not_available"


class TooManyRequests(DesirelineError):
    """A rate limit."""

    status, type, code = 429, "TooManyRequestsError", "too_many_requests"


class Unavailable(DesirelineError):
    """Not now; nothing was stored. `retry_after` is in seconds; the hint says so unless it says
    something better.
    """

    status, type, code = 503, "ServiceUnavailableError", "unavailable"

    def __init__(self, message: str, *, retry_after: int = 1, **more: Any) -> None:
        more.setdefault("hint", f"send it again after {retry_after} s")
        super().__init__(message, **more)
        self.retry_after = retry_after
        self.details.setdefault("retry_after_seconds", retry_after)


class IntakeFull(Unavailable):
    """The backlog of the intake is at its bound."""

    type, code = "IntakeUnavailableError", "intake_full"


class StorageFull(DesirelineError):
    """The disk is full or failing; nothing was acknowledged."""

    status, type, code = 507, "StorageFullError", "storage_full"


class StartupError(DesirelineError):
    """The process can't start."""

    code = "startup"


class DataDirectoryLocked(StartupError):
    """Another process owns the data directory."""

    code = "data_directory_locked"


def invalid(path: str, code: str, message: str, hint: str = "") -> Invalid:
    """An `Invalid` about a single place.

    >>> invalid("$.position", "negative", "position must be >= 0").fields[0].path
    '$.position'
    """
    return Invalid(message, code=code, hint=hint, fields=(FieldError(path, code, message, hint),))


def not_available(path: str, message: str, hint: str = "") -> NotAvailable:
    """A `NotAvailable` about a single place."""
    place = FieldError(path, "not_available", message, hint)
    return NotAvailable(message, hint=hint, fields=(place,))
