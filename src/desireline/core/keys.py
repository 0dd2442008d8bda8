"""API keys: how a secret looks, what of it is kept, what of it is shown.

Knows the shape of secrets. Does not know where randomness comes from, nor where keys are kept.
"""

from __future__ import annotations

import base64
import hashlib

SHOWN = 9
SCOPES = ("admin", "write", "read", "ingest")
"""What a key may do at most; those that stand in pages have `public`, which is none of these."""


def secret_of(random_bytes: bytes, scope: str) -> str:
    """A new secret made of 32 random bytes; it is shown once and never stored. Those of public
    routes begin otherwise: they may stand in a page.

    >>> secret_of(bytes(32), "read")[:12], secret_of(bytes(32), "public")[:12]
    ('sk_AAAAAAAAA', 'prk_AAAAAAAA')
    """
    kind = "prk" if scope == "public" else "sk"
    return f"{kind}_{base64.urlsafe_b64encode(random_bytes).decode().rstrip('=')}"


def secret_hash(secret: str) -> str:
    """What is kept of a secret: SHA-256 in hex (256 random bits need neither salt nor stretching).

    >>> secret_hash("sk_a")[:8]
    '4cdaf970'
    """
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def shown(secret: str) -> str:
    """The beginning of a secret, enough to recognise it in a list.

    >>> shown("sk_abcdefghijkl")
    'sk_abcdef'
    """
    return secret[:SHOWN]
