"""What just happened, on the wire: one object a happening, by kind.

Knows names and shapes. Everyone's weights are computed here, when somebody looks, not when they
moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from desireline.core import policy
from desireline.core.ids import execution_id_or_none, prefixed, wire_id
from desireline.core.times import iso
from desireline.http.wire.tasks import TaskOut
from desireline.ports import Live
from desireline.steps.feed import Happening, retriever_of
from desireline.types.catalog import TaskRecord
from desireline.types.happenings import Executed, Learned, Moved
from desireline.types.learning import Context
from desireline.types.log import SIMULATION, Interaction

_encode = msgspec.json.Encoder().encode


class LiveMessage(msgspec.Struct, kw_only=True):
    """What happened since the message before, oldest first; objects differ by `kind`.

    `lost`: how many were left out, because more than 50 came at once.
    """

    happened: list[dict[str, Any]]
    lost: int = 0


def message_of(found: Sequence[Happening], lost: int, live: Live) -> bytes:
    """A server-sent message about these; each is written once, whoever asks first."""
    for each in found:
        if not each.said:
            each.said = _encode(happening_out(each, live))
    return b'data: {"happened":[%b],"lost":%d}\n\n' % (b",".join(e.said for e in found), lost)


def happening_out(happening: Happening, live: Live) -> dict[str, Any]:
    """One as a page reads it."""
    retriever_id = retriever_of(happening)
    served = live.by_id(retriever_id)
    own, simulated = _OUT[happening.kind](happening.what)
    return {
        "kind": happening.kind, "at": iso(happening.at_ms),
        "retriever_id": wire_id("ret", retriever_id),
        "retriever_name": "" if served is None else served.retriever.retriever_name,
        "simulated": simulated, **own,
    }  # fmt: skip


def _execution(told: Executed) -> tuple[dict[str, Any], bool]:
    weights = told.weights
    return {
        "execution_id": prefixed("exec", told.execution_id), "query": told.query,
        "user_id": told.user_id, "segment": told.segment, "purpose": told.purpose,
        "variant": told.variant, "reason": told.reason,
        "context_level": weights.level if weights else "",
        "weights": _by(told.searches, weights.values) if weights else {},
        "served": told.served, "results": told.results, "top": told.top,
        "total_ms": round(told.total_ms, 3),
    }, told.purpose == SIMULATION  # fmt: skip


def _interaction(told: Interaction) -> tuple[dict[str, Any], bool]:
    return {
        "interaction_id": prefixed("int", told.interaction_id),
        "execution_id": execution_id_or_none(told.execution_id),
        "document_id": told.document_id, "interaction_type": told.interaction_type,
        "position": told.position if told.position >= 0 else None, "reward": told.reward,
        "teaches": None if told.teaches_reason == "pending" else bool(told.teaches),
        "teaches_reason": told.teaches_reason, "user_id": told.user_id,
    }, told.purpose == SIMULATION  # fmt: skip


def _lesson(told: Learned) -> tuple[dict[str, Any], bool]:
    return {
        "lesson": told.lesson, "seq": told.seq,
        "execution_id": execution_id_or_none(told.execution_id),
        "context_keys": told.context_keys, "shown": told.shown, "rewarded": told.rewarded,
    }, told.purpose == SIMULATION  # fmt: skip


def _weights(told: Moved) -> tuple[dict[str, Any], bool]:
    nodes = {} if told.node is None else {"global": told.node}
    ready = policy.ready(nodes, Context(), told.learning, len(told.searches), told.at_ms)
    return {
        "posterior_version": told.version, "lessons": told.lessons,
        "weights": _by(told.searches, policy.mean(ready).values),
    }, told.purpose == SIMULATION  # fmt: skip


def _task(told: TaskRecord) -> tuple[dict[str, Any], bool]:
    out = TaskOut.of(told)
    return {
        "task_id": out.task_id, "task_type": out.task_type, "status": out.status,
        "done": told.done, "total": told.total, "unit": told.unit, "message": told.message,
    }, told.kind == "simulate"  # fmt: skip


def _by(searches: Sequence[str], values: Sequence[float]) -> dict[str, float]:
    return dict(zip(searches, values, strict=True))


_OUT: dict[str, Any] = {
    "execution": _execution, "interaction": _interaction, "lesson": _lesson, "weights": _weights,
    "task": _task,
}  # fmt: skip
