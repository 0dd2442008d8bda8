"""Bytes in, bytes out: what the raw ingest routes share.

Ingest routes are plain ASGI inside Litestar, because a typed body costs more than storing the rows.
Knows bodies and how a batch falls into rows; knows no route.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from desireline.errors import DesirelineError, FieldError, Invalid, invalid
from desireline.http.body import decode, unreadable
from desireline.http.wire.common import MOST_ROWS
from desireline.http.wire.interactions import BatchEnvelope, InteractionRequest
from desireline.steps.capture import Sent

Raw = bytes | msgspec.Raw
_envelope = msgspec.json.Decoder(BatchEnvelope).decode
_request = msgspec.json.Decoder(InteractionRequest).decode
_HEAD = re.compile(r'\s*\{\s*"interactions"\s*:\s*\[\s*')
_BETWEEN = re.compile(r"\s*([,\]])\s*")
_TAIL = re.compile(r"\}\s*")


async def body_of(receive: Any) -> bytes:
    """The whole body."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def respond(send: Any, answer: Any) -> None:
    """A struct as a JSON answer with status 200."""
    body = msgspec.json.encode(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Any, name: bytes) -> str:
    """A header's value, "" when absent."""
    return next((v.decode("latin-1") for k, v in scope["headers"] if k == name), "")


def idempotency_key(scope: Any) -> str:
    """The `Idempotency-Key` ("" when not sent). Raises Invalid when it is too long."""
    key = header(scope, b"idempotency-key").strip()
    if len(key) > 255:
        raise invalid(
            "$.headers.Idempotency-Key", "too_long", "Idempotency-Key has more than 255 characters",
            "send a shorter one, such as a UUID",
        )  # fmt: skip
    return key


def query_of(scope: Any, lists: Sequence[str] = ()) -> dict[str, Any]:
    """The query string as a dict; those named in `lists` repeat, of others the last one counts.

    >>> query_of({"query_string": b"a=1&t=x&t=y&a=2"}, ["t"])
    {'a': '2', 't': ['x', 'y']}
    """
    found: dict[str, Any] = {}
    for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in lists:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def rows_of(body: bytes, content_type: str) -> Sequence[Raw]:
    """The rows of a batch as bytes: `{"interactions": […]}`, or NDJSON when declared as that.

    Raises BadRequest or Invalid when the envelope is wrong or holds no row or too many.
    """
    rows = _lines(body) if _is_ndjson(content_type) else _enveloped(body)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise Invalid(
            f"a batch takes 1 to {MOST_ROWS} interactions, this one has {len(rows)}",
            code="batch_size",
            hint="split it",
            fields=(FieldError("$.interactions", "batch_size", f"{len(rows)} rows"),),
            details={"limits": {"interactions": MOST_ROWS}},
        )
    return rows


def sent_of(raw: Raw) -> Sent | Invalid:
    """One row of a batch, or what is wrong with it."""
    try:
        return _request(raw).to_noun()
    except Invalid as error:
        return error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _refusal(bytes(raw))


def _refusal(raw: bytes) -> Invalid:
    try:
        decode(raw, InteractionRequest)
    except Invalid as error:
        return error
    except DesirelineError as error:
        place = FieldError("$", error.code, error.message, error.hint)
        return Invalid(error.message, code=error.code, hint=error.hint, fields=(place,))
    raise AssertionError("a row was refused and accepted")


def _is_ndjson(content_type: str) -> bool:
    return "ndjson" in content_type or "jsonl" in content_type


def _lines(body: bytes) -> Sequence[bytes]:
    return [line for line in body.split(b"\n") if line.strip()]


def _enveloped(body: bytes) -> Sequence[Raw]:
    try:
        return _envelope(body).interactions
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        rows = _salvaged(body)
        if rows is not None:
            return rows
        if isinstance(error, msgspec.ValidationError):
            decode(body, BatchEnvelope)
        raise unreadable(error) from None


def _salvaged(body: bytes) -> list[bytes] | None:
    """Rows of an envelope that is JSON but for numbers no row may hold (NaN, Infinity, 1e999).

    Only clients that write such numbers pay for this slow way; None when that is not the trouble.
    """
    try:
        text = body.decode()
        head = _HEAD.match(text)
        scan, rows = json.JSONDecoder().raw_decode, []
        at, goes_on = (head.end(), True) if head else (0, False)
        while goes_on:
            _, end = scan(text, at)
            rows.append(text[at:end].encode())
            between = _BETWEEN.match(text, end)
            if between is None:
                return None
            at, goes_on = between.end(), between[1] == ","
    except (ValueError, RecursionError):
        return None
    return rows if rows and _TAIL.fullmatch(text, at) else None


__all__ = [
    "body_of", "header", "idempotency_key", "query_of", "respond", "rows_of", "sent_of",
]  # fmt: skip
