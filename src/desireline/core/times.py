"""Times: integer milliseconds since 1970 UTC inside, UTC strings in rows and on the wire.

Knows the three forms and how to go between them. Does not know what time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from desireline.errors import invalid

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_FULL_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}([Tt ].+)?", re.ASCII)
LATEST_MS = 10_413_791_999_999
"""2299-12-31 23:59:59.999, the last moment a row can hold."""


def row_time(ms: int) -> str:
    """The time as rows hold it.

    >>> row_time(1_700_000_000_123)
    '2023-11-14 22:13:20.123'
    """
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.replace(tzinfo=None).isoformat(" ", "milliseconds")


def iso(ms: int) -> str:
    """The time as responses show it.

    >>> iso(1_700_000_000_123)
    '2023-11-14T22:13:20.123Z'
    """
    moment = _EPOCH + timedelta(milliseconds=ms)
    return moment.replace(tzinfo=None).isoformat("T", "milliseconds") + "Z"


def from_row_time(text: str) -> int:
    """Milliseconds of a row's time (fraction optional).

    >>> from_row_time("2023-11-14 22:13:20.123")
    1700000000123
    """
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def moment(said: str, now_ms: int, path: str) -> tuple[int, bool]:
    """When it happened, in ms, never later than now ("" = now); and whether later was said.

    >>> moment("2023-11-14", 1_800_000_000_000, "$"), moment("2023-11-14", 5, "$")
    ((1699920000000, False), (5, True))
    """
    if not said:
        return now_ms, False
    ms = parse_iso(said, path)
    return min(ms, now_ms), ms > now_ms


def parse_iso(text: str, path: str = "$") -> int:
    """Milliseconds of an ISO 8601 time; without an offset it is UTC; finer digits are cut off.

    Raises `errors.Invalid` (`invalid_time`) at `path` when it is none, or outside 1970 to 2299.

    >>> parse_iso("2023-11-14T23:13:20.123456+01:00")
    1700000000123
    >>> parse_iso("2023-11-14")
    1699920000000
    """
    try:
        if not _FULL_DATE.fullmatch(text):
            raise ValueError(text)
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        ms = (aware - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        ms = -1
    if 0 <= ms <= LATEST_MS:
        return ms
    raise invalid(
        path,
        "invalid_time",
        f"{text[:80]!r} is not a time between 1970 and 2299",
        "send ISO 8601 such as 2026-01-31T12:00:00Z",
    )
