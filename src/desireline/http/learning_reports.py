"""Routes that report on learned fusion over time: activity, convergence, shadow, drawn weights."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Annotated, Any

from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter

from desireline.core import convergence
from desireline.core.convergence import Belief
from desireline.core.ids import prefixed
from desireline.core.snapshot import Served
from desireline.core.times import DAY_MS, HOUR_MS, iso, parse_iso
from desireline.errors import invalid
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.learned_fusion import ROOT, check_signal, exploration_out, hint_of
from desireline.http.wire.learning import SegmentOut, SegmentsOut, SegmentWeight
from desireline.http.wire.reports import (
    Activity,
    ActivityOut,
    ChangesOut,
    ConvergenceDay,
    ConvergenceOut,
    ShadowDelta,
    ShadowOut,
    ShadowSide,
    Share,
    SummaryDay,
    SummaryOut,
    WeightDay,
    WeightThen,
)
from desireline.steps.learn import Entry, Side, Wanted

Hours = Annotated[int, QueryParameter(ge=1, le=8760)]
Days = Annotated[int, QueryParameter(ge=1, le=365)]
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]
SEGMENT_DAYS, LONGEST_DAYS = 30, 365
NO_FEATURES = "no segments: name their inputs in learning_config.demographic_features"


@get(f"{ROOT}/activity")
async def activity(
    request: AnyRequest, retriever: FromPath[str], limit: Limit = 100,
    event_type: FromQuery[str | None] = None, user_id: FromQuery[str | None] = None,
    hours: Hours = 168,
) -> ActivityOut:  # fmt: skip
    """What happened, newest first: switches, rollouts, opt-outs, resets, changed configurations,
    users whose level changed, days on which everyone's weights moved by more than 0.05.
    """
    system, _, served = retriever_of(request, retriever, "read")
    wanted = Wanted(
        since_ms=system.clock() - hours * HOUR_MS, kind=event_type or "", limit=limit,
        user_id=system.known_as(served.retriever.namespace, user_id or ""),
    )  # fmt: skip
    found, warning = await system.chronicle.happened(served, wanted)
    shown = [_activity(each) for each in found]
    return ActivityOut(events=shown, warning=warning or None, hint=hint_of(served))


def _activity(found: Entry) -> Activity:
    return Activity(
        timestamp=iso(found.at_ms), event_type=found.kind, user_id=found.user_id or None,
        details=found.details,
    )  # fmt: skip


@get(f"{ROOT}/changes")
async def changes(
    request: AnyRequest, retriever: FromPath[str], since: FromQuery[str], limit: Limit = 100
) -> ChangesOut:
    """What changed since a moment of the last 365 days: everyone's weights then and now, how much
    was learned in between, and what happened (`limit` of it, newest first).
    """
    system, _, served = retriever_of(request, retriever, "read")
    since_ms = _since(since, system.clock())
    hint = hint_of(served)
    found = await system.chronicle.changes(served, since_ms, limit)
    then, now = (_then(each) if each and hint is None else None for each in (found.then, found.now))
    return ChangesOut(
        since=iso(since_ms), until=iso(found.until_ms), then=then, now=now,
        lessons=found.lessons, interactions=found.interactions,
        moved={uri: now[uri].mean - then[uri].mean for uri in now} if then and now else {},
        happened=[_activity(each) for each in found.happened], warning=found.warning or None,
        hint=hint,
    )  # fmt: skip


def _since(said: str, now_ms: int) -> int:
    since_ms = parse_iso(said, "query.since")
    if now_ms - LONGEST_DAYS * DAY_MS <= since_ms <= now_ms:
        return since_ms
    message = f"`since` lies in the future or more than {LONGEST_DAYS} days back"
    raise invalid("query.since", "out_of_range", message, "name a moment of the last year")


def _then(believed: Any) -> dict[str, WeightThen]:
    return {
        uri: WeightThen(mean=mean, low=believed.low[uri], high=believed.high[uri])
        for uri, mean in believed.mean.items()
    }


@get(f"{ROOT}/convergence")
async def convergence_report(
    request: AnyRequest, retriever: FromPath[str], days: Days = 30
) -> ConvergenceOut:
    """Everyone's weights day by day, how sure they are, and whether they have settled."""
    system, _, served = retriever_of(request, retriever, "read")
    believed = await system.chronicle.days(served, max(days, convergence.SETTLED_DAYS))
    drawn = {row["day"]: row for row in await system.decisions.weights(served, days)}
    levels: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await system.decisions.levels(served, days):
        level = levels[row["day"]]
        level[row["context_level"]] = level.get(row["context_level"], 0) + row["executions"]
    shown: list[ConvergenceDay] = []
    before = Belief()
    for start, belief in believed:
        date = iso(start)[:10]
        shown.append(
            ConvergenceDay(
                date=date, weights=_weights(served, belief, drawn.get(date)),
                levels=_shares(levels[date]), executions=sum(levels[date].values()),
                lessons=belief.lessons, change=convergence.is_change(before, belief),
            )
        )  # fmt: skip
        before = belief if belief.mean else before
    last = believed[-1][1]
    return ConvergenceOut(
        retriever_id=prefixed("ret", served.retriever.retriever_id), days=shown[-days:],
        converged=convergence.is_settled([belief for _, belief in believed]),
        dominant=convergence.dominant(dict(zip(served.uris, last.mean, strict=False))),
        change_points=[day.date for day in shown[-days:] if day.change], hint=hint_of(served),
    )  # fmt: skip


def _weights(served: Served, belief: Belief, drawn: dict[str, Any] | None) -> dict[str, WeightDay]:
    return {
        uri: WeightDay(
            mean=belief.mean[place] if belief.mean else None,
            posterior_sd=belief.sd[place] if belief.mean else None,
            drawn_mean=drawn["mean"][place] if drawn else None,
            drawn_sd=drawn["sd"][place] if drawn else None,
        )
        for place, uri in enumerate(served.uris)
    }  # fmt: skip


def _shares(counts: dict[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {level: count / total for level, count in sorted(counts.items())}


@get(f"{ROOT}/segments")
async def segments(
    request: AnyRequest, retriever: FromPath[str], limit: Limit = 50
) -> SegmentsOut:  # fmt: skip
    """Weights of the demographic levels: what users without weights of their own are drawn from.

    A segment with executions and no interactions yet is listed too.
    """
    system, _, served = retriever_of(request, retriever, "read")
    logged = await system.decisions.segments(served, SEGMENT_DAYS)
    shown = [_segment_out(system, served, each)
             for each in system.report.segments(served, logged, limit)]  # fmt: skip
    hint = hint_of(served)
    if hint is None and not served.learning.demographic_features:
        hint = NO_FEATURES
    return SegmentsOut(segments=shown if hint is None else [], hint=hint)


def _segment_out(system: Any, served: Served, found: Any) -> SegmentOut:
    belief, level = found.belief, found.belief.weights.level
    return SegmentOut(
        segment=found.name, context_level=level, context_key=found.context_key,
        interactions=found.interactions, executions=found.executions,
        weights={
            uri: SegmentWeight(
                mean=belief.mean[uri], low=belief.low[uri], high=belief.high[uri],
                drawn_low=belief.drawn_low[uri], drawn_high=belief.drawn_high[uri],
            )
            for uri in served.uris
        },
        exploration=exploration_out(system, served, belief),
    )  # fmt: skip


@get(f"{ROOT}/shadow-report")
async def shadow_report(
    request: AnyRequest, retriever: FromPath[str], hours: Hours = 168
) -> ShadowOut:
    """How the ranking of learned weights differs from the one that was shown in shadow mode."""
    system, _, served = retriever_of(request, retriever, "read")
    found = await system.decisions.shadow(served, hours * HOUR_MS)
    summary, delta = found.summary, found.delta
    weights = zip(served.uris, summary["mean"], summary["sd"], strict=False)
    return ShadowOut(
        retriever_id=prefixed("ret", served.retriever.retriever_id), hours=hours,
        executions=summary["executions"], overlap_at_10=_share(summary, "overlap"),
        kendall_tau=_share(summary, "tau"),
        weights={uri: {"mean": mean, "sd": sd} for uri, mean, sd in weights},
        clicks=found.clicks, executions_with_clicks=found.rewarded_executions,
        coverage=_number(found.coverage), static=_side(found.static), learned=_side(found.learned),
        delta=ShadowDelta(
            ndcg_at_10=_number(delta.mean), ci95=_interval(delta.low, delta.high),
            p=delta.p if delta.n > 1 else None, users=delta.n, verdict=found.verdict,
        ),
        caveats=found.caveats, hint=hint_of(served),
    )  # fmt: skip


def _share(summary: dict[str, Any], name: str) -> Share:
    if not summary["executions"]:
        return Share(mean=None, p10=None, p90=None)
    return Share(**{part: summary[f"{name}_{part}"] for part in ("mean", "p10", "p90")})


def _side(found: Side) -> ShadowSide:
    return ShadowSide(
        ndcg_at_10=_number(found.ndcg), ctr_ips=_number(found.rewarded),
        ci95=_interval(found.low, found.high),
    )  # fmt: skip


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _interval(low: float, high: float) -> list[float] | None:
    return [low, high] if math.isfinite(low) and math.isfinite(high) else None


@get("/v1/analytics/retrievers/{retriever:str}/signals/summary")
async def signals_summary(
    request: AnyRequest, retriever: FromPath[str], signal_type: FromQuery[str] = "learned_weights",
    days: Days = 30,
) -> SummaryOut:  # fmt: skip
    """Drawn weights day by day with their spread: falling spread is learning."""
    system, _, served = retriever_of(request, retriever, "read")
    check_signal(signal_type)
    drawn = await system.decisions.weights(served, days)
    parts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in await system.decisions.levels(served, days):
        parts[row["day"]].append(row)
    known = {row["day"]: row for row in drawn}
    shown = [_day(served, day, known.get(day), rows) for day, rows in sorted(parts.items())]
    places = [number for number, day in enumerate(shown) if day.weights]
    trend = {
        uri: convergence.slope(places, [shown[n].weights[uri]["mean"] for n in places])
        for uri in served.uris
    }
    believed = await system.chronicle.days(served, convergence.SETTLED_DAYS)
    return SummaryOut(
        retriever_id=prefixed("ret", served.retriever.retriever_id), signal_type=signal_type,
        days=shown, trend=trend, hint=hint_of(served),
        converged=convergence.is_settled([belief for _, belief in believed]),
    )  # fmt: skip


def _day(
    served: Served, date: str, drawn: dict[str, Any] | None, rows: list[dict[str, Any]]
) -> SummaryDay:
    levels: dict[str, int] = defaultdict(int)
    segments: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        levels[row["context_level"]] += row["executions"]
        segments[row["segment"]].append(row)
    names = ("mean", "sd", "p10", "p90")
    return SummaryDay(
        date=date, executions=sum(levels.values()), by_level=dict(levels),
        weights={
            uri: {name: drawn[name][place] for name in names}
            for place, uri in enumerate(served.uris)
        } if drawn else {},
        by_segment={
            segment: _segment(served, found) for segment, found in segments.items() if segment
        },
    )  # fmt: skip


def _segment(served: Served, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Executions of a segment on a day, and the mean of what was drawn for it."""
    count = sum(row["executions"] for row in rows)
    mean = {
        uri: sum(row["sums"][place] for row in rows) / count
        for place, uri in enumerate(served.uris)
    }
    return {"executions": count, "weights": mean}


HANDLERS = [
    activity, changes, convergence_report, segments, shadow_report, signals_summary,
]  # fmt: skip
