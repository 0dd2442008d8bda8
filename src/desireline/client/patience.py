"""When a call is made again, and after how long.

The documented rule: only 429 and 503; the wait is `Retry-After`, else `retry_after_seconds`, else
2 s doubling; one wait is at most 30 s, all together at most 180 s; nothing when the server says
`retryable: false`. Connection failures are tried twice more. Knows no clock and does not sleep.
"""

from __future__ import annotations

from desireline.client.errors import RETRIED, ApiError

FIRST_WAIT_S = 2.0
MOST_WAIT_S = 30.0
MOST_TOTAL_S = 180.0
RECONNECTS = 2
RECONNECT_WAIT_S = 0.3


class Patience:
    """What is left of it for one call.

    >>> patience, busy = Patience(), ApiError("busy")
    >>> busy.status = 503
    >>> [patience.after_refusal(busy) for _ in range(4)]
    [2.0, 4.0, 8.0, 16.0]
    """

    def __init__(self) -> None:
        self._waited_s = 0.0
        self._refusals = 0
        self._failures = 0

    def after_refusal(self, error: ApiError) -> float | None:
        """Seconds to wait before asking again; None: give up."""
        if error.status not in RETRIED or not error.retryable:
            return None
        wanted = error.retry_after_s or FIRST_WAIT_S * 2**self._refusals
        wait_s = min(wanted, MOST_WAIT_S)
        if self._waited_s + wait_s > MOST_TOTAL_S:
            return None
        self._refusals += 1
        self._waited_s += wait_s
        return wait_s

    def after_failure(self) -> float | None:
        """Seconds to wait before connecting again; None: give up.

        >>> patience = Patience()
        >>> [patience.after_failure() for _ in range(3)]
        [0.3, 0.6, None]
        """
        if self._failures == RECONNECTS:
            return None
        self._failures += 1
        return RECONNECT_WAIT_S * self._failures
