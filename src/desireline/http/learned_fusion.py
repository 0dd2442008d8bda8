"""Routes of learned fusion: switches, weights, stats, and the log of decisions."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from desireline.core.contexts import context_key
from desireline.core.ids import prefixed
from desireline.core.pseudonyms import renamed
from desireline.core.snapshot import Served
from desireline.core.times import HOUR_MS, from_row_time, iso
from desireline.errors import invalid, not_available
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.conversion import logged_context_out
from desireline.http.wire.learning import (
    ExplorationOut,
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
from desireline.types.log import Execution

ROOT = "/v1/retrievers/{retriever:str}/learned-fusion"
FLUSH = 'or POST /v1/admin/flush {"close_executions": true}, in a test'
NO_STAGE = "this retriever has no learned stage: PATCH its feature_search to fusion `learned`"


def hint_of(served: Served) -> str | None:
    """What to do when there is nothing to report on: no stage learns."""
    search = served.recipe.search
    return None if search is not None and search.fusion == "learned" else NO_STAGE


def untaught_of(system: Any, served: Served, total: int) -> str | None:
    """As `hint_of`; where nothing is learned yet, what is waited for."""
    hint = hint_of(served)
    if hint is not None or total:
        return hint
    still_open = _open(system, served)
    if not still_open:
        return "nothing is learned yet: execute, and send interactions with the execution_id"
    count = "1 execution is open; it teaches" if still_open == 1 else (
        f"{still_open} executions are open; they teach"
    )  # fmt: skip
    return f"{count} when the attribution window ends ({FLUSH})"


def check_signal(signal_type: str) -> None:
    """Raises NotAvailable for signals that are not logged."""
    if signal_type != "learned_weights":
        raise not_available(
            "query.signal_type",
            f"signal_type `{signal_type}` is not available in this version",
            "use `learned_weights`",
        )  # fmt: skip


async def _switch(request: AnyRequest, retriever: str, data: Switch | None, on: bool) -> Switched:  # noqa: FBT001
    system, caller, served = retriever_of(request, retriever, "admin")
    reason = data.reason if data else ""
    changed = await system.control.switch(served, on=on, by=caller.key_id, reason=reason)
    return Switched(
        retriever_id=prefixed("ret", served.retriever.retriever_id), enabled=on, changed=changed,
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
    system, caller, served = retriever_of(request, retriever, "admin")
    await system.control.set_rollout(served, data.rollout_pct, caller.key_id)
    served = system.live.retriever(caller.namespace, served.retriever.retriever_id)
    effective = system.report.effective_pct(served)
    return RolloutOut(
        retriever_id=prefixed("ret", served.retriever.retriever_id), rollout_pct=effective,
        effective_rollout_pct=effective,
        rollout_override=served.rollout.override_pct is not None,
        config_rollout_pct=served.learning.rollout_pct,
    )  # fmt: skip


def _user(system: Any, served: Any, user_id: str) -> str:
    """The user as the log knows them."""
    found = user_id.removeprefix("/")
    if not found:
        raise invalid("path.user_id", "required_field", "the path needs a user id", "add it")
    if len(found) > 512:
        message = "a user id has at most 512 characters"
        raise invalid("path.user_id", "too_long", message, "interactions take no longer one")
    known: str = system.known_as(served.retriever.namespace, found)
    return known


@post(f"{ROOT}/opt-out/{{user_id:path}}", status_code=200)
async def opt_out(
    request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]
) -> OptedOut:
    """Static fusion for this user; by default the user's rows teach nothing either."""
    system, caller, served = retriever_of(request, retriever, "write")
    user = _user(system, served, user_id)
    changed = await system.control.opt_out(served, user, caller.key_id)
    return OptedOut(user_id=user, opted_out=True, changed=changed)


@post(f"{ROOT}/opt-in/{{user_id:path}}", status_code=200)
async def opt_in(request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]) -> OptedOut:
    """The reverse of opt-out."""
    system, caller, served = retriever_of(request, retriever, "write")
    user = _user(system, served, user_id)
    changed = await system.control.opt_in(served, user, caller.key_id)
    return OptedOut(user_id=user, opted_out=False, changed=changed)


@delete(f"{ROOT}/user/{{user_id:path}}", status_code=200, opt={"query": ("erase",)})
async def reset_user(
    request: AnyRequest, retriever: FromPath[str], user_id: FromPath[str]
) -> ResetDone:
    """Forget a user's own preferences; what shared levels learned and all rows stay."""
    system, _, served = retriever_of(request, retriever, "write")
    if request.query_params.get("erase", "").lower() in ("true", "1"):
        raise not_available(
            "query.erase", "`erase` is not available in this version",
            "leave it out: a reset keeps rows",
        )  # fmt: skip
    user = _user(system, served, user_id)
    await system.control.reset(served, user)
    return ResetDone(
        user_id=user, reset=True, at=iso(system.clock()),
        message="personal weights forgotten; shared levels and logged rows stay",
    )  # fmt: skip


@get(f"{ROOT}/weights")
async def weights(request: AnyRequest, retriever: FromPath[str]) -> WeightsOut:
    """Everyone's weights with intervals, and how far draws are still spread to explore."""
    system, _, served = retriever_of(request, retriever, "read")
    belief, total = system.report.overall(served), system.report.total_interactions(served)
    levels = system.report.levels(served)
    features = {
        uri: FeatureWeight(
            alpha=belief.alpha_beta.get(uri, {}).get("alpha", 0.0),
            beta=belief.alpha_beta.get(uri, {}).get("beta", 0.0),
            mean_weight=_mean(belief, uri), weight=belief.mean[uri], low=belief.low[uri],
            high=belief.high[uri], drawn_low=belief.drawn_low[uri],
            drawn_high=belief.drawn_high[uri], interaction_count=total,
        )
        for uri in served.uris
    }  # fmt: skip
    return WeightsOut(
        feature_weights=features if hint_of(served) is None else {},
        weights=belief.mean if hint_of(served) is None else {},
        total_interactions=total, learner_count=levels["personal"], levels=levels,
        exploration=exploration_out(system, served, belief),
        posterior_version=served.snapshot_id, generation=served.generation,
        as_of=iso(system.clock()), hint=untaught_of(system, served, total),
    )  # fmt: skip


def exploration_out(system: Any, served: Served, belief: Any) -> ExplorationOut:
    """How far draws for a context are spread, on the wire."""
    found = system.report.exploration(served, belief)
    return ExplorationOut(
        effective=found.effective, variance_ratio=found.variance_ratio, floor=found.floor,
        start=found.start, interactions_left=found.interactions_left,
    )  # fmt: skip


def _open(system: Any, served: Served) -> int:
    return int(system.recent.open_of(served.retriever.retriever_id))


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
    system, _, served = retriever_of(request, retriever, "read")
    user = _user(system, served, user_id)
    inputs = renamed(request.query_params, served.retriever.namespace, system.known_as)
    own = system.report.of_user(served, user, inputs)
    count = system.report.personal_interactions(served, user, inputs)
    level = own.weights.level
    return UserWeightsOut(
        user_id=user, context_level="global" if level == "prior" else level, resolved_level=level,
        interaction_count=count, personal_weights=own.mean if level == "personal" else {},
        global_weights=system.report.overall(served).mean, sampled_weights=own.drawn,
        mean_weights=own.mean, intervals={uri: [own.low[uri], own.high[uri]] for uri in own.mean},
        drawn_intervals={uri: [own.drawn_low[uri], own.drawn_high[uri]] for uri in own.mean},
        exploration=exploration_out(system, served, own),
        alpha_beta=own.alpha_beta, posterior_version=served.snapshot_id,
        hint=hint_of(served),
    )  # fmt: skip


@get(f"{ROOT}/stats")
async def stats(request: AnyRequest, retriever: FromPath[str]) -> StatsOut:
    """The learner in numbers."""
    system, _, served = retriever_of(request, retriever, "read")
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
        opted_out_users=len(served.opted_out), open_executions=_open(system, served),
        lessons=served.state.n_lessons, posterior_version=served.snapshot_id,
        generation=served.generation, state_sha256=system.report.fingerprint(served),
        hint=untaught_of(system, served, total),
    )  # fmt: skip


Hours = Annotated[int, QueryParameter(ge=1, le=720)]
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]


@get("/v1/analytics/retrievers/{retriever:str}/signals")
async def signals(
    request: AnyRequest, retriever: FromPath[str], signal_type: FromQuery[str] = "learned_weights",
    hours: Hours = 24, limit: Limit = 100,
) -> list[Signal]:  # fmt: skip
    """Logged decisions of a learned stage, newest first."""
    system, _, served = retriever_of(request, retriever, "read")
    check_signal(signal_type)
    stage = served.recipe.search.stage_name if served.recipe.search else ""
    found = await system.decisions.newest(served, hours * HOUR_MS, limit)
    return [_signal(each, stage) for each in found]


def _signal(row: Execution, stage: str) -> Signal:
    decided = logged_context_out(row)
    return Signal(
        timestamp=iso(from_row_time(row.occurred_at)),
        execution_id=prefixed("exec", row.execution_id),
        signal_type="learned_weights",
        signal_data={
            "context_key": decided.context_key, "context_level": decided.context_level,
            "weights": decided.sampled_weights, "shadow": decided.shadow,
            "served": row.variant == "learned" and row.reason == "",
            "reason": decided.reason, "variant": decided.variant, "stage_name": stage,
            "algorithm": row.algorithm,
        },
        metadata={
            "user_hash": context_key("user", [row.user_id]) if row.user_id else "",
            "session_id": row.session_id, "posterior_version": decided.posterior_version,
            "purpose": row.purpose,
        },
    )  # fmt: skip


HANDLERS = [
    enable, disable, set_rollout, opt_out, opt_in, reset_user, weights, user_weights, stats,
    signals,
]  # fmt: skip
