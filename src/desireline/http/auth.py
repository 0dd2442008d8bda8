"""Who is calling: the key of `Authorization: Bearer`, the namespace of `X-Namespace`.

Without any key in the catalogue desireline is open: bound to loopback only, and closed to what a
proxy passes on. Knows the key book that wiring hands over, an in-memory copy of the catalogue's
keys.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from desireline.core.keys import secret_hash
from desireline.errors import Forbidden, NotFound, Unauthorized
from desireline.http.proxy import sign_of_proxy

MAKE_KEY = "`desireline keys create --data DIR`"
_RANK = {"read": ("read", "write", "admin"), "write": ("write", "admin"), "admin": ("admin",),
         "ingest": ("ingest", "write", "admin")}  # fmt: skip


class Caller(msgspec.Struct, frozen=True):
    """Namespace id to work in, and the key used ("" in open mode)."""

    namespace: str
    key_id: str = ""
    scope: str = "admin"


class KeyLike(Protocol):
    """What a key record tells."""

    key_id: str
    scope: str
    namespace: str


class KeyBook(Protocol):
    """Keys by SHA-256 of the secret, and the namespaces that exist; in memory."""

    def any_keys(self) -> bool:
        """Whether a key exists at all (else: open mode)."""

    def key(self, digest: str) -> KeyLike | None:
        """The live key with this hash."""

    def namespace(self, id_or_name: str) -> str | None:
        """The namespace's id."""


def caller_of(scope: Any, book: KeyBook, needs: str) -> Caller:
    """The caller of an ASGI request, allowed to do what `needs` says (read, write, admin, ingest).

    Raises Unauthorized, Forbidden, or NotFound for a namespace that does not exist.
    """
    wanted = dict(scope["headers"]).get(b"x-namespace", b"").decode("latin-1")
    key = key_of(scope, book)
    if key is None:
        return Caller(_namespace(book, wanted or "default"))
    if key.scope not in _RANK[needs]:
        raise Forbidden(
            f"this key has scope `{key.scope}`, the route needs `{needs}`", code="scope",
            hint=f"use a key with one of: {', '.join(_RANK[needs])}",
        )  # fmt: skip
    namespace = _namespace(book, wanted) if wanted else key.namespace
    if namespace != key.namespace:
        raise Forbidden(
            f"this key has no rights on namespace `{wanted}`", code="namespace",
            hint="leave X-Namespace out, or use a key of that namespace",
        )  # fmt: skip
    return Caller(namespace, key.key_id, key.scope)


def key_of(scope: Any, book: KeyBook) -> KeyLike | None:
    """The live key an ASGI request brings; None where there are no keys.

    Raises Unauthorized; without keys Forbidden for what did not come from this machine.
    """
    if not book.any_keys():
        _refuse_proxy(scope)
        return None
    secret = secret_of(scope)
    if not secret:
        hint = f"send `Authorization: Bearer <key>`; make one with {MAKE_KEY}"
        raise Unauthorized("this server needs a key", hint=hint)
    key = book.key(secret_hash(secret))
    if key is None:
        raise Unauthorized("unknown key", hint=f"make one with {MAKE_KEY}")
    return key


def _refuse_proxy(scope: Any) -> None:
    """Through a proxy comes anybody, and without keys anybody may do everything."""
    sign = sign_of_proxy(scope)
    if sign:
        raise Forbidden(
            f"this server has no key, so it serves its own machine only, and this request {sign}",
            code="proxy_without_key",
            hint="from this machine ask for http://127.0.0.1 or localhost; from elsewhere make a"
            f" key with {MAKE_KEY} and send it, or let the proxy send it",
        )


def secret_of(scope: Any) -> str:
    """The secret that an ASGI request brings; "" without any. Never logged, never answered."""
    sent = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    scheme, _, secret = sent.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def _namespace(book: KeyBook, wanted: str) -> str:
    found = book.namespace(wanted)
    if found is None:
        raise NotFound(
            resource="namespace", reference=wanted, code="namespace_not_found",
            hint="leave X-Namespace out to use your key's default namespace",
        )  # fmt: skip
    return found
