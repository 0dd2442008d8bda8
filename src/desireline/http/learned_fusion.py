"""Routes of learned fusion: switches, weights, stats, and the log of decisions."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from desireline.core.contexts import context_key
from desireline.core.snapshot import Served
from desireline.core.times import from_row_time, iso
from desireline.errors import FieldError, NotAvailable, invalid
from desireline.http.auth import Caller
from desireline.http.body import Wire
from desireline.http.caller import admitted
from desireline.http.execute import sampled_of
from desireline.http.wire.learning import (
    FeatureWeight,
    OptedOut,
    ResetDone,
    RolloutOut,
    SetRollout,
    Signal,
    StatsOut,
    Switch,
    Switched,
    UserWeightsOut,
    WeightsOut,
)

AnyRequest = Request[Any, Any, Any]
ROOT = "/v1/retrievers/{retriever:str}/learned-fusion"
NO_STAGE = "this retriever has no learned stage: PATCH its feature_search to fusion `learned`"


def _found(request: AnyRequest, retriever: str, needs: str) -> tuple[Any, Caller, Served]:
    system, caller = admitted(request, needs)
    return system, caller, system.live.retriever(caller.namespace, retriever)


def _hint(served: Served) -> str | None:
    search = served.recipe.search
    return None if search is not None and search.fusion == "learned" else NO_STAGE


async def _switch(request: AnyRequest, retriever: str, data: Switch | None, on: bool) -> Switched:  # noqa: FBT001
    system, caller, served = _found(request, retriever, "admin")
    reason = data.reason if data else ""
    changed = await system.control.switch(served, on=on, by=caller.key_id, reason=reason)
    return Switched(
        retriever_id=f"ret_{served.retriever.retriever_id}", enabled=on, changed=changed,
        at=iso(system.clock()),
    )  # fmt: skip


@post(f"{ROOT}/enable", status_code=200, dto=Wire[Switch], return_dto=None)
async def enable(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[Switch | None] = None
) -> Switched:
    """Serve learned weights again."""
    return await _switch(request, retriever, data, True)


@post(f"{ROOT}/disable", status_code=200, dto=Wire[Switch], return_dto=None)
async def disable(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[Switch | None] = None
) -> Switched:
    """The kill switch: static fusion for everyone, at once."""
    return await _switch(request, retriever, data, False)


@post(f"{ROOT}/rollout", status_code=200, dto=Wire[SetRollout], return_dto=None)
async def set_rollout(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[SetRollout]
) -> RolloutOut:
    """Override the share of traffic that is served learned weights; 100 clears the override."""
    system, caller, served = _found(request, retriever, "admin")
    await system.control.set_rollout(served, data.rollout_pct, caller.key_id)
    served = system.live.by_id(served.retriever.retriever_id)
    effective = system.report.effective_pct(served)
    return RolloutOut(
        retriever_id=f"ret_{served.retriever.retriever_id}", rollout_pct=effective,
        effective_rollout_pct=effective,
        rollout_override=served.rollout.override_pct is not None,
        config_rollout_pct=served.learning.rollout_pct,
    )  # fmt: skip


def _user(user_id: str) -> str:
    found = user_id.removeprefix("/")
    if not found:
        raise invalid("path.user_id", "required_field", "the path needs a user id")
    if len(found) > 512:
        raise invalid("path.user_id", "too_long", "a user id has at most 512 characters")
    return found


@post(f"{ROOT}/opt-out/{{user_id:path}}", status_code=200)
async def opt_out(
    request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]
) -> OptedOut:
    """Static fusion for this user; by default the user's rows teach nothing either."""
    system, caller, served = _found(request, retriever, "write")
    user = _user(user_id)
    changed = await system.control.opt_out(served, user, caller.key_id)
    return OptedOut(user_id=user, opted_out=True, changed=changed)


@post(f"{ROOT}/opt-in/{{user_id:path}}", status_code=200)
async def opt_in(request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]) -> OptedOut:
    """The reverse of opt-out."""
    system, caller, served = _found(request, retriever, "write")
    user = _user(user_id)
    changed = await system.control.opt_in(served, user, caller.key_id)
    return OptedOut(user_id=user, opted_out=False, changed=changed)


@delete(f"{ROOT}/user/{{user_id:path}}", status_code=200, opt={"query": ("erase",)})
async def reset_user(
    request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]
) -> ResetDone:
    """Forget a user's own preferences; what shared levels learned and all rows stay."""
    system, _, served = _found(request, retriever, "write")
    if request.query_params.get("erase", "").lower() in ("true", "1"):
        place = FieldError("query.erase", "not_available", "`erase` is not available")
        raise NotAvailable(
            "`erase` is not available in this version",
            hint="leave it out: a reset keeps rows", fields=(place,),
        )  # fmt: skip
    user = _user(user_id)
    await system.control.reset(served, user)
    return ResetDone(
        user_id=user, reset=True, at=iso(system.clock()),
        message="personal weights forgotten; shared levels and logged rows stay",
    )  # fmt: skip


@get(f"{ROOT}/weights")
async def weights(request: AnyRequest, retriever: FromPath[str]) -> WeightsOut:
    """Everyone's weights with intervals."""
    system, _, served = _found(request, retriever, "read")
    belief, total = system.report.overall(served), system.report.total_interactions(served)
    levels = system.report.levels(served)
    features = {
        uri: FeatureWeight(
            alpha=belief.alpha_beta.get(uri, {}).get("alpha", 0.0),
            beta=belief.alpha_beta.get(uri, {}).get("beta", 0.0),
            mean_weight=_mean(belief, uri), weight=belief.mean[uri], low=belief.low[uri],
            high=belief.high[uri], interaction_count=total,
        )
        for uri in served.uris
    }  # fmt: skip
    return WeightsOut(
        feature_weights=features if _hint(served) is None else {},
        weights=belief.mean if _hint(served) is None else {},
        total_interactions=total, learner_count=levels["personal"], levels=levels,
        posterior_version=served.snapshot_id, generation=served.generation,
        as_of=iso(system.clock()), hint=_hint(served),
    )  # fmt: skip


def _mean(belief: Any, uri: str) -> float:
    """alpha / (alpha + beta) where there are Beta parameters, else the weight itself."""
    known = belief.alpha_beta.get(uri)
    if known is None:
        return float(belief.mean[uri])
    return float(known["alpha"] / (known["alpha"] + known["beta"]))


@get(f"{ROOT}/weights/{{user_id:path}}", opt={"query": None})
async def user_weights(
    request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]
) -> UserWeightsOut:
    """A user's weights. Query parameters are inputs (`?user_segment=pro`) for
    demographic levels.
    """
    system, _, served = _found(request, retriever, "read")
    user, inputs = _user(user_id), dict(request.query_params)
    own = system.report.of_user(served, user, inputs)
    count = system.report.personal_interactions(served, user, inputs)
    level = own.weights.level
    return UserWeightsOut(
        user_id=user, context_level="global" if level == "prior" else level, resolved_level=level,
        interaction_count=count, personal_weights=own.mean if level == "personal" else {},
        global_weights=system.report.overall(served).mean, sampled_weights=own.drawn,
        mean_weights=own.mean, alpha_beta=own.alpha_beta, posterior_version=served.snapshot_id,
        hint=_hint(served),
    )  # fmt: skip


@get(f"{ROOT}/stats")
async def stats(request: AnyRequest, retriever: FromPath[str]) -> StatsOut:
    """The learner in numbers."""
    system, _, served = _found(request, retriever, "read")
    levels, learners = system.report.levels(served), 0
    for key in served.state.nodes:
        learners += key.startswith("personal:")
    mean = system.report.overall(served).mean
    total = system.report.total_interactions(served)
    return StatsOut(
        total_learners=learners, active_learners=learners,
        avg_interactions_per_user=total / learners if learners else 0.0,
        weight_spread=max((abs(w - 1 / len(mean)) for w in mean.values()), default=0.0),
        context_level_distribution=levels,
        context_hit_rate=1 - levels["global"] / sum(levels.values()) if any(levels.values()) else 0,
        enabled=served.rollout.enabled, rollout_pct=system.report.effective_pct(served),
        rollout_override=served.rollout.override_pct is not None,
        config_rollout_pct=served.learning.rollout_pct, shadow_mode=served.learning.shadow_mode,
        opted_out_users=len(served.opted_out), open_executions=0,
        lessons=served.state.n_lessons, posterior_version=served.snapshot_id,
        generation=served.generation, state_sha256=system.report.fingerprint(served),
        hint=_hint(served),
    )  # fmt: skip


Hours = Annotated[int, QueryParameter(ge=1, le=720)]
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


@get("/v1/analytics/retrievers/{retriever:str}/signals")
async def signals(
    request: AnyRequest, retriever: FromPath[str], signal_type: FromQuery[str] = "learned_weights",
    hours: Hours = 24, limit: Limit = 100,
) -> list[Signal]:  # fmt: skip
    """Logged decisions of a learned stage, newest first."""
    system, caller, served = _found(request, retriever, "read")
    if signal_type != "learned_weights":
        place = FieldError("query.signal_type", "not_available", f"unknown `{signal_type}`")
        raise NotAvailable(
            f"signal_type `{signal_type}` is not available in this version",
            hint="use `learned_weights`", fields=(place,),
        )  # fmt: skip
    await system.intake.flushed(timeout_ms=1000)
    now_ms = system.clock()
    rows = await system.event_log.query(
        "learned_weights", namespace=caller.namespace,
        retriever_id=served.retriever.retriever_id, before_ms=now_ms, limit=limit,
    )  # fmt: skip
    since = now_ms - hours * 3_600_000
    stage = served.recipe.search.stage_name if served.recipe.search else ""
    return [_signal(row, stage) for row in rows if from_row_time(row["occurred_at"]) >= since]


def _signal(row: dict[str, Any], stage: str) -> Signal:
    return Signal(
        timestamp=iso(from_row_time(row["occurred_at"])),
        execution_id=f"exec_{row['execution_id']}",
        signal_type="learned_weights",
        signal_data={
            "context_key": row["context_key"] or "prior", "context_level": row["context_level"],
            "weights": sampled_of(row),
            "shadow": msgspec.json.decode(row["shadow"]) if row["shadow"] else None,
            "served": row["variant"] == "learned" and row["reason"] == "",
            "reason": row["reason"] or None, "variant": row["variant"], "stage_name": stage,
            "algorithm": row["algorithm"],
        },
        metadata={
            "user_hash": context_key("user", [row["user_id"]]) if row["user_id"] else "",
            "session_id": row["session_id"], "posterior_version": row["snapshot_id"],
        },
    )  # fmt: skip


HANDLERS = [
    enable, disable, set_rollout, opt_out, opt_in, reset_user, weights, user_weights, stats,
    signals,
]  # fmt: skip
