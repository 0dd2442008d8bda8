"""Reports about learned fusion on the wire: activity, convergence, shadow, summary of weights."""

from __future__ import annotations

from typing import Any

import msgspec


class Activity(msgspec.Struct, kw_only=True):
    """One thing that happened to what is learned or served."""

    timestamp: str
    event_type: str
    user_id: str | None
    details: dict[str, Any]


class ActivityOut(msgspec.Struct, kw_only=True):
    """What happened, newest first."""

    events: list[Activity]
    source: str = "desireline"
    warning: str | None = None
    hint: str | None = None


class WeightThen(msgspec.Struct, kw_only=True):
    """One search at a moment: mean weight, and where the best was believed to be (95 %)."""

    mean: float
    low: float
    high: float


class ChangesOut(msgspec.Struct, kw_only=True):
    """Everyone's weights at two moments, by search, and what lies in between.

    `then` and `now` are null where nothing was learned, and `moved` (now minus then) is empty when
    one of them is. `happened` is newest first. Under another configuration than at `since`, `then`
    is what the lessons until then give under the present one.
    """

    since: str
    until: str
    then: dict[str, WeightThen] | None
    now: dict[str, WeightThen] | None
    lessons: int
    interactions: int
    moved: dict[str, float]
    happened: list[Activity]
    warning: str | None = None
    hint: str | None = None


class WeightDay(msgspec.Struct, kw_only=True):
    """One search on one day: the belief at its end, and the weights drawn during it.

    `mean` and `posterior_sd` are null until somebody taught; `drawn_*` where nothing was drawn.
    """

    mean: float | None
    posterior_sd: float | None
    drawn_mean: float | None
    drawn_sd: float | None


class ConvergenceDay(msgspec.Struct, kw_only=True):
    """One UTC day. `levels` are shares of executions; `change` when a mean moved further than both
    days' uncertainty explains.
    """

    date: str
    weights: dict[str, WeightDay]
    levels: dict[str, float]
    executions: int
    lessons: int
    change: bool


class ConvergenceOut(msgspec.Struct, kw_only=True):
    """Whether the weights have settled: `converged` when on each of the last three days the
    posterior sd of every weight was below 0.05. `dominant` has at least 0.9 of the weight.
    """

    retriever_id: str
    days: list[ConvergenceDay]
    converged: bool
    dominant: str | None
    change_points: list[str]
    hint: str | None = None


class Share(msgspec.Struct, kw_only=True):
    """A mean with its 10 % and 90 % quantiles over executions; null without any."""

    mean: float | None
    p10: float | None
    p90: float | None


class ShadowSide(msgspec.Struct, kw_only=True):
    """One ranking: its numbers, and the 95 % interval of its NDCG (clusters: users)."""

    ndcg_at_10: float | None
    ctr_ips: float | None
    ci95: list[float] | None


class ShadowDelta(msgspec.Struct, kw_only=True):
    """Learned minus static, paired by execution; `p` of a sign-flip test over users."""

    ndcg_at_10: float | None
    ci95: list[float] | None
    p: float | None
    users: int
    verdict: str


class ShadowOut(msgspec.Struct, kw_only=True):
    """What learned weights would have shown in shadow mode, beside what was shown.

    `static` and `learned` are estimates from rewards of the shown ranking, moved by the
    examination curve; read `caveats` before any of them. `coverage`: how much of the shadow's
    first ten was shown at all.
    """

    retriever_id: str
    hours: int
    executions: int
    overlap_at_10: Share
    kendall_tau: Share
    weights: dict[str, dict[str, float]]
    clicks: int
    executions_with_clicks: int
    coverage: float | None
    static: ShadowSide
    learned: ShadowSide
    delta: ShadowDelta
    caveats: list[str]
    hint: str | None = None


class SummaryDay(msgspec.Struct, kw_only=True):
    """Weights drawn on one UTC day, by search, level and segment."""

    date: str
    executions: int
    weights: dict[str, dict[str, float]]
    by_level: dict[str, int]
    by_segment: dict[str, dict[str, Any]]


class SummaryOut(msgspec.Struct, kw_only=True):
    """Drawn weights day by day; `trend` is the change of the daily mean per day."""

    retriever_id: str
    signal_type: str
    days: list[SummaryDay]
    trend: dict[str, float]
    converged: bool
    hint: str | None = None
