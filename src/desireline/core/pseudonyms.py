"""Users under another name: a keyed hash in place of the user id, the same one every time.

Knows the form of a pseudonym and where a request may hold a user id. Does not know where the key
lies. Without the key nobody can tell whose a pseudonym is, or try out names; with it, everybody who
asks by the user's own id still finds what is his.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

KnownAs = Callable[[str, str], str]
"""What a user is called in the log: (namespace, user id as sent) to user id as kept."""

FIELD = "user_id"
_FORM = re.compile(r"anon_[0-9a-f]{32}")


def as_sent(namespace: str, user_id: str) -> str:
    """No pseudonyms: users keep their ids."""
    return user_id


def pseudonym(key: bytes, namespace: str, user_id: str) -> str:
    """`anon_` and 32 hex of HMAC-SHA-256 over namespace and id; "" stays "".

    A pseudonym stays itself, so that what an answer showed can be asked for.

    >>> ann = pseudonym(b"k", "default", "ann")
    >>> len(ann), pseudonym(b"k", "default", ann) == ann, pseudonym(b"k", "other", "ann") == ann
    (37, True, False)
    """
    if not user_id or _FORM.fullmatch(user_id):
        return user_id
    name = hmac.new(key, f"{namespace}\x1f{user_id}".encode(), hashlib.sha256)
    return f"anon_{name.hexdigest()[:32]}"


def renamed(fields: Mapping[str, Any], namespace: str, known_as: KnownAs) -> dict[str, Any]:
    """A copy in which `user_id` is what the user is known as; a number counts as its text.

    >>> renamed({"user_id": 7, "query": "x"}, "default", lambda namespace, user_id: f"<{user_id}>")
    {'user_id': '<7>', 'query': 'x'}
    """
    found = dict(fields)
    if found.get(FIELD) is not None:
        said = found[FIELD]
        text = said if isinstance(said, str) else msgspec.json.encode(said).decode()
        found[FIELD] = known_as(namespace, text)
    return found


def renamed_json(raw: bytes, namespace: str, known_as: KnownAs) -> bytes:
    """The same JSON object with its user renamed, also one level deeper; b"" when it is no object.

    >>> renamed_json(b'{"user_id":"ann"}', "default", lambda namespace, user_id: "x")
    b'{"user_id":"x"}'
    >>> renamed_json(b'{"user_id":"ann', "default", lambda namespace, user_id: "x")
    b''
    """
    try:
        fields = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    if not isinstance(fields, dict):
        return b""
    inner = {
        name: renamed(value, namespace, known_as) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    return msgspec.json.encode(renamed(inner, namespace, known_as))
