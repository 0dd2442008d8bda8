"""What a request waits for before its retriever runs: what its user did, and what is popular.

Ranking itself waits for nothing. Knows the wire, the capture step and the port `Usage`; what comes
out is a request that needs no log any more.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.core import signals
from desireline.core.snapshot import Served
from desireline.core.stages.table import boost_of
from desireline.core.times import DAY_MS
from desireline.errors import invalid
from desireline.http.wire.retrievers import ExcludeInteracted
from desireline.steps.capture import Visitor
from desireline.steps.serve import Request as Asked

MOST_EXCLUDED = 10_000
UNBOOSTED = "the log did not say in time what is used: popular documents are not boosted"
_PATH = "$.exclude_interacted.interaction_types"


class Prepared(msgspec.Struct, frozen=True):
    """The request as it runs, and what to add to `limits[]` and `warnings[]` of the answer."""

    asked: Asked
    limits: list[dict[str, Any]] = []
    warnings: list[str] = []


async def prepared(
    system: Any, served: Served, asked: Asked, exclude: ExcludeInteracted | None = None
) -> Prepared:
    """The request without the documents its user acted on, and use counted where a stage boosts it.

    Raises Invalid when `exclude` is sent and nobody is named, or for types that are none.
    """
    warnings = [] if await _counted(system, served) else [UNBOOSTED]
    if exclude is None:
        return Prepared(asked, warnings=warnings)
    types = signals.check(exclude.interaction_types, _PATH)
    since_ms = max(0, system.clock() - round(exclude.days * DAY_MS))
    used = await system.readings.used(_who(asked), types, since_ms, MOST_EXCLUDED)
    return Prepared(
        msgspec.structs.replace(asked, excluded=used.document_ids),
        [_cut(used.total)] if used.total > MOST_EXCLUDED else [],
        [*warnings, *used.warnings],
    )


async def _counted(system: Any, served: Served) -> bool:
    """Whether every stage that boosts by use has counts to do so."""
    found = [boost_of(getattr(stage, "parameters", None)) for stage in served.recipe.stages]
    known = [
        await system.usage.prepare(
            served.retriever.namespace, boost.interaction_types, boost.time_window_days
        )
        for boost in found
        if boost is not None
    ]
    return all(known)


def _who(asked: Asked) -> Visitor:
    if not (asked.user_id or asked.session_id):
        raise invalid(
            "$.inputs.user_id", "required_field",
            "`exclude_interacted` needs to know who searches",
            "send inputs.user_id, or inputs.session_id for a visitor without one",
        )  # fmt: skip
    return Visitor(namespace=asked.namespace, user_id=asked.user_id, session_id=asked.session_id)


def _cut(total: int) -> dict[str, Any]:
    return {
        "name": "exclude_interacted", "requested": total, "applied": MOST_EXCLUDED,
        "ceiling": MOST_EXCLUDED, "stage": None,
    }  # fmt: skip
