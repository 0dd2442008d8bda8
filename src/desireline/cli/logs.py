"""Structured logs on stderr: one JSON object a line, or for people."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any, TextIO

import structlog


class _Lossy:
    """A stream whose failures are nobody's business: a full disk under the log must not turn an
    answer into an error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or don't."""
        try:
            return self._stream.write(text)
        except OSError:
            return 0

    def flush(self) -> None:
        """Flush, or don't."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(level: str, form: str) -> None:
    """Set up structlog for this process; `form` is `json` or `console`."""
    stream: Any = _Lossy(sys.stderr)
    renderer = (
        structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
