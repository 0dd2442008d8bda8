"""The switches of learned fusion: kill switch, rollout, opt-out, reset. Effective at once.

Each change is written to the catalogue (with its audit row), to memory, and where it teaches, to
the lessons. Knows no HTTP.
"""

from __future__ import annotations

import msgspec

from desireline.core.snapshot import Served
from desireline.errors import NotFound
from desireline.ports import Clock, LearningCatalog, Live
from desireline.steps.learn.learner import Learner
from desireline.types.catalog import AuditRecord
from desireline.types.learning import Rollout


class Control:
    """Changes what is served, not what was learned (a reset excepted)."""

    def __init__(
        self, catalog: LearningCatalog, live: Live, learner: Learner, clock: Clock
    ) -> None:
        self.catalog, self.live, self.learner, self.clock = catalog, live, learner, clock

    async def switch(self, served: Served, *, on: bool, by: str, reason: str) -> bool:
        """Kill switch off or on; False when it stood so already."""
        rollout = msgspec.structs.replace(
            served.rollout, enabled=on, changed_at_ms=self.clock(), changed_by=by, reason=reason
        )
        return await self._set(served, rollout, changed=served.rollout.enabled != on)

    async def set_rollout(self, served: Served, pct: float, by: str) -> Rollout:
        """Override the configured share; 100 clears the override."""
        override = None if pct >= 100 else pct
        rollout = msgspec.structs.replace(
            served.rollout, override_pct=override, changed_at_ms=self.clock(), changed_by=by
        )
        await self._set(served, rollout, changed=served.rollout.override_pct != override)
        return rollout

    async def _set(self, served: Served, rollout: Rollout, *, changed: bool) -> bool:
        if not changed:
            return False
        retriever = served.retriever
        # Memory first: a kill switch must not wait for a disk.
        self._replace(served, rollout=rollout)
        await self.catalog.set_rollout(retriever.namespace, retriever.retriever_id, rollout)
        return True

    async def opt_out(self, served: Served, user_id: str, by: str) -> bool:
        """Static fusion for this user, and by default none of the user's rows teach."""
        self._replace(served, opted_out=served.opted_out | {user_id})
        retriever_id = served.retriever.retriever_id
        changed = await self.catalog.opt_out(
            retriever_id, user_id, self._audit(served, "opt_out", user_id, by)
        )
        if changed:
            self.learner.mark(served, "opt_out", user_id)
        return changed

    async def opt_in(self, served: Served, user_id: str, by: str) -> bool:
        """The reverse."""
        self._replace(served, opted_out=served.opted_out - {user_id})
        changed = await self.catalog.opt_in(
            served.retriever.retriever_id, user_id, self._audit(served, "opt_in", user_id, by)
        )
        if changed:
            self.learner.mark(served, "opt_in", user_id)
        return changed

    async def reset(self, served: Served, user_id: str) -> None:
        """Forget a user's own preferences; shared levels and rows stay. On disk afterwards."""
        await self.learner.reset(served, user_id)

    def _replace(self, served: Served, **changes: object) -> None:
        current = self.live.by_id(served.retriever.retriever_id)
        if current is None:  # it must not come back
            raise NotFound(
                "the retriever was deleted meanwhile", code="retriever_not_found",
                hint="see GET /v1/retrievers",
            )  # fmt: skip
        self.live.replace(msgspec.structs.replace(current, **changes))

    def _audit(self, served: Served, action: str, user_id: str, by: str) -> AuditRecord:
        return AuditRecord(
            namespace=served.retriever.namespace, action=action,
            subject=f"retriever:{served.retriever.retriever_id}", at_ms=self.clock(), by=by,
            details={"user_id": user_id},
        )  # fmt: skip
