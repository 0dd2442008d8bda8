"""Learned fusion of a retriever: switches, weights, reports."""

from __future__ import annotations

from typing import Any

from desireline.client.aio.rows import AsyncResource
from desireline.client.answers import (
    LearnedWeights,
    LearningStats,
    OptedOut,
    Rollout,
    Switched,
    UserReset,
    UserWeights,
)
from desireline.client.calls import delete, get, given, post
from desireline.client.reading import Open


class AsyncLearnedFusion(AsyncResource):
    """The part of `retrievers` that is about learning."""

    async def enable_learned_fusion(
        self, retriever_id: str, *, reason: str | None = None
    ) -> Switched:
        """`POST /retrievers/{id}/learned-fusion/enable`: serve learned weights again."""
        call = post(*_path(retriever_id), "enable", body=given(reason=reason), is_repeatable=True)
        return await self._transport.ask(Switched, call)

    async def disable_learned_fusion(
        self, retriever_id: str, *, reason: str | None = None
    ) -> Switched:
        """`POST …/disable`: the kill switch, static fusion for everyone at once."""
        call = post(*_path(retriever_id), "disable", body=given(reason=reason), is_repeatable=True)
        return await self._transport.ask(Switched, call)

    async def set_rollout(self, retriever_id: str, rollout_pct: float) -> Rollout:
        """`POST …/rollout`: the share of traffic with learned weights; 100 clears the override."""
        body = {"rollout_pct": rollout_pct}
        call = post(*_path(retriever_id), "rollout", body=body, is_repeatable=True)
        return await self._transport.ask(Rollout, call)

    async def opt_out_user(self, retriever_id: str, user_id: str) -> OptedOut:
        """`POST …/opt-out/{user_id}`: static fusion for this user."""
        call = post(*_path(retriever_id), "opt-out", user_id, is_repeatable=True)
        return await self._transport.ask(OptedOut, call)

    async def opt_in_user(self, retriever_id: str, user_id: str) -> OptedOut:
        """`POST …/opt-in/{user_id}`: the reverse."""
        call = post(*_path(retriever_id), "opt-in", user_id, is_repeatable=True)
        return await self._transport.ask(OptedOut, call)

    async def reset_user(
        self, retriever_id: str, user_id: str, *, erase: bool | None = None
    ) -> UserReset:
        """`DELETE …/user/{user_id}`: forget the user's own preferences."""
        call = delete(*_path(retriever_id), "user", user_id, erase=erase)
        return await self._transport.ask(UserReset, call)

    async def get_weights(self, retriever_id: str) -> LearnedWeights:
        """`GET …/weights`: everyone's weights with intervals, and how much is explored."""
        return await self._transport.ask(LearnedWeights, get(*_path(retriever_id), "weights"))

    async def get_user_weights(self, retriever_id: str, user_id: str, **inputs: Any) -> UserWeights:
        """`GET …/weights/{user_id}`: one user's; `inputs` (`user_segment="pro"`) name the
        segment.
        """
        call = get(*_path(retriever_id), "weights", user_id, **inputs)
        return await self._transport.ask(UserWeights, call)

    async def get_segments(self, retriever_id: str, *, limit: int | None = None) -> Open:
        """`GET …/segments`: weights of the segments, those with most interactions first."""
        call = get(*_path(retriever_id), "segments", limit=limit)
        return await self._transport.ask(Open, call)

    async def get_stats(self, retriever_id: str) -> LearningStats:
        """`GET …/stats`: the learner in numbers."""
        return await self._transport.ask(LearningStats, get(*_path(retriever_id), "stats"))

    async def get_activity(self, retriever_id: str, **selection: Any) -> Open:
        """`GET …/activity`: what changed, by whom (`limit`, `user_id`, `hours`)."""
        return await self._transport.ask(Open, get(*_path(retriever_id), "activity", **selection))

    async def get_changes(self, retriever_id: str, since: str, *, limit: int | None = None) -> Open:
        """`GET …/changes`: everyone's weights at the moment `since` (ISO 8601) and now."""
        call = get(*_path(retriever_id), "changes", since=since, limit=limit)
        return await self._transport.ask(Open, call)

    async def get_shadow_report(self, retriever_id: str, *, hours: int | None = None) -> Open:
        """`GET …/shadow-report`: learned against static, while static is served."""
        call = get(*_path(retriever_id), "shadow-report", hours=hours)
        return await self._transport.ask(Open, call)

    async def get_convergence(self, retriever_id: str, *, days: int | None = None) -> Open:
        """`GET …/convergence`: whether the weights have settled."""
        call = get(*_path(retriever_id), "convergence", days=days)
        return await self._transport.ask(Open, call)


def _path(retriever_id: str) -> tuple[str, str, str]:
    return "retrievers", retriever_id, "learned-fusion"
