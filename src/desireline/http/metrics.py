"""Prometheus metrics of the process; `/metrics` prints them. Every name is declared here.

Knows prometheus-client; steps see only the `Metrics` port.
"""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "desireline_http_request_seconds", "Time per HTTP request", ("method", "route", "status"),
    buckets=_SECONDS,
)  # fmt: skip
COUNTERS = {
    "interactions": Counter(
        "desireline_interactions_total", "Interactions received, by outcome", ("outcome",)
    ),
    "executions": Counter(
        "desireline_executions_total", "Executions, by what was served", ("variant", "status")
    ),
    "lessons": Counter("desireline_lessons_total", "Lessons folded into learners", ("kind",)),
    "documents": Counter(
        "desireline_documents_total", "Documents upserted or deleted", ("outcome",)
    ),
}
HISTOGRAMS = {
    "execute_seconds": Histogram(
        "desireline_execute_seconds", "Time of one execution, by part", ("part",), buckets=_SECONDS
    ),
}
GAUGES = {
    "intake_backlog_bytes": Gauge(
        "desireline_intake_backlog_bytes", "Bytes not yet in the event log"
    ),
    "recent_executions": Gauge("desireline_recent_executions", "Executions kept in memory"),
}


class PrometheusMetrics:
    """The `Metrics` port over the declared metrics."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a declared counter."""
        COUNTERS[name].labels(**labels).inc(amount)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a declared histogram."""
        HISTOGRAMS[name].labels(**labels).observe(value)


def route_of(scope: Any) -> str:
    """The route's template (bounded number of label values), not the path as sent."""
    template = scope.get("path_template")
    return template if isinstance(template, str) else "other"
