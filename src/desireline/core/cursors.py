"""Cursors of lists by time: `<ms in hex>-<id>` names the last row of the page before.

Knows the text. Rows that arrive later with a later time do not move the place it names.
"""

from __future__ import annotations

import re

_FORM = re.compile(r"[0-9a-f]{1,12}-[0-9a-f]{32}")


def cursor_of(at_ms: int, identity: str) -> str:
    """The cursor behind a row of this time and bare id.

    >>> cursor_of(1_700_000_000_000, "0" * 32)[:14]
    '18bcfe56800-00'
    """
    return f"{at_ms:x}-{identity}"


def is_cursor(text: str) -> bool:
    """Whether `cursor_of` may have made this.

    >>> is_cursor(cursor_of(0, "0" * 32)), is_cursor("7-7")
    (True, False)
    """
    return _FORM.fullmatch(text) is not None


def behind(cursor: str) -> tuple[int, str]:
    """(ms, id) of the row that a cursor names; (0, "") for the first page ("").

    >>> behind(cursor_of(7, "ab"))
    (7, 'ab')
    """
    at, _, identity = cursor.partition("-")
    return (int(at, 16), identity) if cursor else (0, "")
