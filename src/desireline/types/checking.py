"""What a check of a data directory found: values only."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["ok", "warn", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `store` and `name` say which, `detail` what was found there.

    warn: works, but someone should know. bad: something is lost or will not open; `hint` says what
    to do.
    """

    store: str
    name: str
    state: State
    detail: str
    hint: str = ""
