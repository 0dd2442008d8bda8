"""API keys: how a secret looks, what of it is kept, what of it is shown.

Knows the shape of secrets. Does not know where randomness comes from, nor where keys are kept.
"""

from __future__ import annotations

import base64
import hashlib

SHOWN = 10


def secret_of(random_bytes: bytes) -> str:
    """A new secret made of 32 random bytes; it is shown once and never stored.

    >>> secret_of(bytes(32))[:12], len(secret_of(bytes(32)))
    ('sk_aaaaaaaaa', 55)
    """
    return "sk_" + base64.b32encode(random_bytes).decode().rstrip("=").lower()


def secret_hash(secret: str) -> str:
    """What is kept of a secret: SHA-256 in hex (256 random bits need neither salt nor stretching).

    >>> secret_hash("sk_a")[:8]
    '4cdaf970'
    """
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def shown(secret: str) -> str:
    """The beginning of a secret, enough to recognise it in a list.

    >>> shown("sk_abcdefghijkl")
    'sk_abcdefg'
    """
    return secret[:SHOWN]
