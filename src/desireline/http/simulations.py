"""The route that lets simulated users loose on a retriever. Their progress is a task.

Knows what is refused at once; the users are a process of their own (`steps/simulations.py`).
"""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.params import JSONBody

from desireline.core.ids import prefixed
from desireline.errors import invalid
from desireline.http.auth import secret_of
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest, retriever_of
from desireline.http.learned_fusion import NO_STAGE, hint_of
from desireline.http.wire.simulations import SimulationRequest
from desireline.http.wire.tasks import TaskOut
from desireline.types.simulation import Asked, Assignment


@post("/v1/simulations", status_code=202, dto=Wire[SimulationRequest], return_dto=None)
async def start_simulation(request: AnyRequest, data: JSONBody[SimulationRequest]) -> TaskOut:
    """Let simulated users search and click, and judge what is learned from them.

    They work through this API, with the caller's own key and the purpose `simulation`. Watch the
    task, cancel it to stop them; its `outputs` hold the curve so far, later the verdict. One at a
    time in a namespace.
    """
    system, caller, served = retriever_of(request, data.retriever, "write")
    if hint_of(served) is not None:
        name = served.retriever.retriever_name
        raise invalid("$.retriever", "not_learned", f"the retriever `{name}` learns nothing",
                      NO_STAGE)  # fmt: skip
    named = {
        "retriever_id": prefixed("ret", served.retriever.retriever_id),
        "retriever_name": served.retriever.retriever_name,
    }
    asked = msgspec.to_builtins(data)
    task = await system.tasks.announce(
        caller.namespace, "simulate", asked | named, data.searches, "searches"
    )
    assignment = Assignment(
        url=system.own_url, key=secret_of(request.scope), namespace=caller.namespace,
        task_id=task.task_id, asked=Asked(**(asked | {"retriever": named["retriever_id"]})),
    )  # fmt: skip
    await system.simulations.start(assignment)
    return TaskOut.of(await system.tasks.get(caller.namespace, task.task_id))


HANDLERS = [start_simulation]
