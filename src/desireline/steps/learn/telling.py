"""Lessons and moved weights as those who watch are told of them: small values, no states."""

from __future__ import annotations

from collections.abc import Sequence

from desireline.core.snapshot import Served
from desireline.types.happenings import Learned, Moved
from desireline.types.learning import Taught
from desireline.types.log import SIMULATION, Lesson


def told_of(row: Lesson, taught: Taught) -> Learned:
    """A lesson that was folded, in numbers: a document that has two rewards counts once."""
    rewarded = {document.document_id for document in taught.documents if document.rewards}
    return Learned(
        lesson=row.kind, seq=row.seq, retriever_id=row.retriever_id,
        execution_id=row.execution_id, context_keys=row.context_keys,
        shown=len({document.document_id for document in taught.documents}), rewarded=len(rewarded),
        user_id=row.user_id, purpose=row.purpose,
    )  # fmt: skip


def moved(served: Served, purposes: Sequence[str], now_ms: int) -> Moved:
    """What everyone's weights can be computed from, should somebody ask.

    Simulated as soon as one of the lessons was.
    """
    purpose = SIMULATION if SIMULATION in purposes else purposes[-1]
    return Moved(
        retriever_id=served.retriever.retriever_id, at_ms=now_ms, version=served.snapshot_id,
        lessons=served.state.n_lessons, searches=served.uris, learning=served.learning,
        node=served.state.nodes.get("global"), purpose=purpose,
    )  # fmt: skip
