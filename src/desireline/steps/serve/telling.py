"""An execution as those who watch are told of it. Keeps nothing of the answer but small values."""

from __future__ import annotations

from desireline.steps.serve.request import Answer
from desireline.types.happenings import LONGEST_QUERY, Executed

TOP = 3


def told(answer: Answer) -> Executed:
    """The few things of an answer that say what happened (the answer itself holds whole states)."""
    request, choice = answer.request, answer.choice
    return Executed(
        execution_id=answer.execution_id, retriever_id=answer.served.retriever.retriever_id,
        query=request.text("query")[:LONGEST_QUERY], user_id=request.user_id,
        segment=request.segment, purpose=request.purpose,
        variant=choice.variant if choice else "", reason=choice.reason if choice else "",
        weights=choice.weights if choice else None,
        searches=answer.served.uris if choice else (), served=choice is not None and choice.served,
        results=len(answer.shown), top=tuple([each.document_id for each in answer.shown[:TOP]]),
        total_ms=answer.latency_ms,
    )  # fmt: skip
