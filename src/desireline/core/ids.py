"""Identifiers: 32 lower-case hex, time-ordered; on the wire with a prefix that says what they name.

Knows the shape of ids. Does not know the clock or where randomness comes from: both are arguments.
"""

from __future__ import annotations

import hashlib
import re

from desireline.errors import invalid
from desireline.types.log import NO_ID

_HEX = re.compile(r"[0-9a-f]{32}")
_DASHED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RANDOM_BITS = 74
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def new_id(now_ms: int, random_bits: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) as 32 hex: 48 bits of milliseconds, then 74 random bits.

    Only the lowest 74 bits of `random_bits` are used. Ids of later milliseconds sort later.

    >>> new_id(1_700_000_000_000, 0)
    '018bcfe5680070008000000000000000'
    >>> new_id(1, 5) < new_id(2, 3)
    True
    """
    high, low = (random_bits >> 62) & 0xFFF, random_bits & ((1 << 62) - 1)
    return f"{(now_ms << 80) | (7 << 76) | (high << 64) | (2 << 62) | low:032x}"


def new_ids(now_ms: int, noise: bytes) -> list[str]:
    """UUIDv7s of one moment, one of every 10 bytes of noise (74 bits of them are used).

    >>> new_ids(1_700_000_000_000, bytes(20))[1]
    '018bcfe5680070008000000000000000'
    """
    start, digits = f"{now_ms:012x}7", noise.hex()
    return [
        start + digits[at : at + 3] + _VARIANTS[digits[at + 3]] + digits[at + 4 : at + 19]
        for at in range(0, len(digits), 20)
    ]


def milliseconds(identifier: str) -> int:
    """The moment inside a UUIDv7, in milliseconds since 1970 UTC.

    >>> milliseconds(new_id(1_700_000_000_000, 77))
    1700000000000
    """
    return int(identifier[:12], 16)


def derived_id(*parts: str) -> str:
    """A stable id made from foreign ones: SHA-256 of the parts, cut to 32 hex.

    >>> derived_id("algolia", "q1") == derived_id("algolia", "q1") != derived_id("algoliaq", "1")
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()[:32]


def is_id(identifier: str) -> bool:
    """Whether this is bare 32 lower-case hex, as rows hold it.

    >>> is_id("018bcfe5680070008000000000000000"), is_id("exec_1")
    (True, False)
    """
    return _HEX.fullmatch(identifier) is not None


def strip(identifier: str, *prefixes: str, path: str = "$") -> str:
    """The 32 hex of an id sent bare, dashed, or with one of `prefixes` (with or without its `_`).

    Raises `errors.Invalid` (`invalid_id`) at `path` for anything else.

    >>> strip("exec_018BCFE5680070008000000000000000", "exec_")
    '018bcfe5680070008000000000000000'
    >>> strip("018bcfe5-6800-7000-8000-000000000000", "exec_")
    '018bcfe5680070008000000000000000'
    """
    bare = identifier
    for prefix in prefixes:
        bare = bare.removeprefix(prefix.rstrip("_") + "_")
    bare = bare.lower()
    if _DASHED.fullmatch(bare):
        bare = bare.replace("-", "")
    if _HEX.fullmatch(bare):
        return bare
    example = "018bcfe5680070008000000000000000"
    hint = f"ids look like {prefixed(prefixes[0], example) if prefixes else example}"
    raise invalid(path, "invalid_id", f"{identifier[:80]!r} is not an id", hint)


def prefixed(prefix: str, bare: str) -> str:
    """An id as the wire shows it.

    >>> prefixed("exec", "018bcfe5680070008000000000000000")
    'exec_018bcfe5680070008000000000000000'
    """
    return f"{prefix.rstrip('_')}_{bare}"


def wire_id(prefix: str, kept: str) -> str:
    """As `prefixed`; what rows hold that is no id of ours (`default`, a foreign name) as it is.

    >>> wire_id("ns", "default"), wire_id("ns", "0" * 32)[:5]
    ('default', 'ns_00')
    """
    return prefixed(prefix, kept) if is_id(kept) else kept


def execution_id_or_none(bare: str) -> str | None:
    """The id of an execution as the wire shows it; None for `NO_ID`.

    >>> execution_id_or_none(NO_ID), execution_id_or_none("1" * 32)[:7]
    (None, 'exec_11')
    """
    return None if bare == NO_ID else prefixed("exec", bare)
