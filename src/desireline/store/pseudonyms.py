"""The key behind pseudonyms (`core.pseudonyms`): where it lies, and when there may be one.

A data directory holds clear user ids or pseudonyms, never both, so that neither a search for a user
nor an erasure misses half of the rows: the key is made at the first start with `anonymize: hmac`,
and later starts have to agree with that.
"""

from __future__ import annotations

import os
import secrets

from desireline.errors import StartupError
from desireline.store.directory import Layout

FILE = "pseudonym.key"
_BYTES = 32


def key_of(layout: Layout, *, wanted: bool) -> bytes | None:
    """The directory's key, made at its first start; None when pseudonyms are not wanted.

    Raises `errors.StartupError` when the directory was begun otherwise, or the key is damaged.
    """
    path = layout.path / FILE
    if wanted and not path.exists():
        if any(layout.intake.iterdir()):
            raise StartupError(
                f"the data directory {layout.path} was begun with clear user ids",
                hint=f"anonymize: hmac needs a new directory (or {FILE} back in its place)",
            )
        _made(layout)
    if path.exists() and not wanted:
        raise StartupError(
            f"the data directory {layout.path} was begun with anonymize: hmac",
            hint="set `anonymize` to hmac again, or start with a new directory",
        )
    if not wanted:
        return None
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise StartupError(
            f"{path} is no key of {_BYTES} bytes",
            hint="restore it from a copy: without it nobody finds a user's rows",
        )
    return key


def _made(layout: Layout) -> None:
    """All or nothing, readable by the owner alone."""
    draft = layout.tmp / FILE
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(_BYTES))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(layout.path / FILE)
    folder = os.open(layout.path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
