"""The route that follows one interaction from its receipt into the weights.

Knows who can tell each part of the way; how it is said is `wire/trace.py`'s.
"""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import get
from litestar.params import FromPath

from desireline.core.ids import strip
from desireline.http.caller import AnyRequest, admitted
from desireline.http.wire.trace import Known, TraceOut, trace_out
from desireline.types.log import NO_ID


@get("/v1/retrievers/interactions/{interaction_id:str}/trace")
async def get_trace(request: AnyRequest, interaction_id: FromPath[str]) -> TraceOut:
    """Follow one interaction: received, stored, credited, rewarded, closed, learned; how it moved
    the weights of each context it belongs to.
    """
    system, caller = admitted(request, "read")
    bare = strip(interaction_id, "int", path="path.interaction_id")
    row, warnings = await system.readings.get(caller.namespace, bare)
    return trace_out(await _known(system, Known(row=row)), warnings)


async def _known(system: Any, known: Known) -> Known:
    """What the log, the memory of the last hour and the lessons say about it."""
    row, replace = known.row, msgspec.structs.replace
    served = system.live.by_id(row.retriever_id)
    if served is not None and served.retriever.namespace == row.namespace:
        known = replace(known, served=served)
    if row.execution_id == NO_ID:
        return known
    known = replace(
        known, logged=await system.executions.get(row.namespace, row.execution_id),
        recent=system.recent.get(row.execution_id),
    )  # fmt: skip
    if known.served is None:
        return known
    lesson = await system.traces.lesson_of(known.served, row.execution_id, row.interaction_id)
    known = replace(known, lesson=lesson)
    if lesson is None or not known.is_learned:
        return known
    return replace(known, effect=await system.traces.effect(known.served, lesson))


HANDLERS = [get_trace]
