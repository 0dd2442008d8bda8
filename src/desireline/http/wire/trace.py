"""The trace of an interaction on the wire: what became of it, step by step, in sentences.

Knows what each step is called and how it is said; finds out nothing by itself.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from desireline.core.ids import execution_id_or_none, prefixed, wire_id
from desireline.core.snapshot import Served
from desireline.core.times import from_row_time, iso
from desireline.ports import RecentExecution
from desireline.steps.capture import warning_of
from desireline.steps.capture.receipts import teaches_of
from desireline.steps.executions import Logged
from desireline.steps.learn.traced import Change, Effect
from desireline.types.learning import Taught
from desireline.types.log import SIMULATION, Interaction, Lesson

Name = Literal["received", "stored", "credited", "rewarded", "closed", "learned"]


class TraceStep(msgspec.Struct, kw_only=True):
    """One step on the way; `done` false: not yet, or never, and the sentence says which."""

    step: Name
    done: bool
    at: str | None = None
    sentence: str
    details: dict[str, Any] = {}


class TraceOut(msgspec.Struct, kw_only=True):
    """An interaction from receipt to posterior: `received`, `stored`, `credited`, `rewarded`,
    `closed`, `learned`, in this order.
    """

    interaction_id: str
    retriever_id: str
    retriever_name: str
    execution_id: str | None
    document_id: str
    simulated: bool
    teaches: bool | None
    teaches_reason: str
    steps: list[TraceStep]
    warnings: list[str] = []


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known about an interaction; None where there is no such thing (any more)."""

    row: Interaction
    served: Served | None = None
    logged: Logged | None = None
    recent: RecentExecution | None = None
    lesson: Lesson | None = None
    effect: Effect | None = None

    @property
    def is_learned(self) -> bool:
        """Whether the state that is served holds its lesson."""
        lesson, served = self.lesson, self.served
        return lesson is not None and served is not None and served.snapshot_id >= lesson.seq

    @property
    def teaches(self) -> bool | None:
        """A lesson that holds it says more than what was known when it arrived."""
        return True if self.lesson is not None else teaches_of(self.row)

    @property
    def why_not(self) -> str:
        """Why it teaches nothing, as a sentence."""
        return warning_of(self.row) or f"it teaches nothing ({self.row.teaches_reason})"


def trace_out(known: Known, warnings: list[str]) -> TraceOut:
    """The whole trace."""
    row, served = known.row, known.served
    return TraceOut(
        interaction_id=prefixed("int", row.interaction_id),
        retriever_id=wire_id("ret", row.retriever_id),
        retriever_name=served.retriever.retriever_name if served else "",
        execution_id=execution_id_or_none(row.execution_id), document_id=row.document_id,
        simulated=row.purpose == SIMULATION, teaches=known.teaches,
        teaches_reason=row.teaches_reason,
        steps=[_received(row), _stored(row), _credited(known), _rewarded(row), _closed(known),
               _learned(known)],
        warnings=warnings,
    )  # fmt: skip


def _received(row: Interaction) -> TraceStep:
    at = iso(from_row_time(row.received_at))
    where = "" if row.position < 0 else f" at position {row.position}"
    who = f" by `{row.user_id}`" if row.user_id else ""
    what = " and ".join(row.interaction_type)
    on = f"`{row.document_id}`" if row.document_id else "the query"
    return TraceStep(
        step="received", done=True, at=at, sentence=f"`{what}` on {on}{where}{who} arrived.",
        details={
            "source": row.source, "interaction_type": row.interaction_type,
            "user_id": row.user_id or None, "session_id": row.session_id or None,
            "position": row.position if row.position >= 0 else None,
            "occurred_at": iso(from_row_time(row.occurred_at)),
        },
    )  # fmt: skip


def _stored(row: Interaction) -> TraceStep:
    return TraceStep(
        step="stored", done=True,
        sentence="It was on disk before it was acknowledged, and is in the event log.",
        details={"node": row.node, "seq": row.seq},
    )  # fmt: skip


def _credited(known: Known) -> TraceStep:
    row, shown = known.row, known.logged and _shown(known.logged, known.row)
    details: dict[str, Any] = {
        "execution_id": execution_id_or_none(row.execution_id), "attribution": row.attribution,
        "feature_uri": row.feature_uri or None, "propensity": None, "scores": {},
    }  # fmt: skip
    if known.logged is not None and shown:
        parts = zip(
            known.logged.execution.searches, shown.norm_scores, shown.contributions, strict=False
        )
        details["propensity"] = shown.propensity
        details["scores"] = {
            uri: {"norm_score": norm, "contribution": part} for uri, norm, part in parts
        }
    done = bool(shown) and row.attribution in ("logged", "inferred", "client")
    said = _how(row) if done else f"Nothing is credited: {known.why_not}."
    at = iso(from_row_time(row.received_at)) if done else None
    return TraceStep(step="credited", done=done, at=at, sentence=said, details=details)


def _how(row: Interaction) -> str:
    """How the document's search was found."""
    if row.attribution == "client":
        return f"The client named the search that gets the credit: {row.feature_uri}."
    how = "named" if row.attribution == "logged" else "found by session or user"
    most = f" Most of its score came from {row.feature_uri}." if row.feature_uri else ""
    return f"The execution was {how}, and showed this document.{most}"


def _shown(logged: Logged, row: Interaction) -> Any:
    """The document where the execution showed it."""
    return next((each for each in logged.documents if each.document_id == row.document_id), None)


def _rewarded(row: Interaction) -> TraceStep:
    worth = f"It is worth {row.reward:g} under the reward map of its retriever."
    return TraceStep(
        step="rewarded", done=bool(row.reward),
        at=iso(from_row_time(row.received_at)) if row.reward else None,
        sentence=worth if row.reward else "These interaction types earn no reward.",
        details={"reward": row.reward},
    )  # fmt: skip


def _closed(known: Known) -> TraceStep:
    lesson, recent = known.lesson, known.recent
    if lesson is not None:
        kind = "closing of its execution" if lesson.kind == "close" else "late reward of its own"
        taught = msgspec.json.decode(lesson.payload, type=Taught)
        return TraceStep(
            step="closed", done=True, at=iso(from_row_time(lesson.occurred_at)),
            sentence=f"It became part of lesson {lesson.seq}, the {kind}.",
            details={"lesson": lesson.kind, "seq": lesson.seq,
                     "documents": len({each.document_id for each in taught.documents})},
        )  # fmt: skip
    if known.teaches is False:
        return TraceStep(step="closed", done=False, sentence=f"It never will: {known.why_not}.")
    if known.teaches is None:
        return TraceStep(step="closed", done=False, sentence=f"Not known yet: {known.why_not}.")
    if recent is not None and recent.open:
        until = iso(recent.closes_at_ms)
        said = f"Its execution is open until {until}, or until the session's next search."
        return TraceStep(step="closed", done=False, sentence=said, details={"expected_at": until})
    said = "Its execution is closed; it becomes a lesson at one of the learner's next turns."
    return TraceStep(step="closed", done=False, sentence=said)


def _learned(known: Known) -> TraceStep:
    lesson, served = known.lesson, known.served
    if lesson is None or served is None or not known.is_learned:
        return TraceStep(step="learned", done=False, sentence=_not_learned(known))
    version = {"posterior_version": lesson.seq}
    at = iso(from_row_time(lesson.occurred_at))
    effect = known.effect or Effect(unknown="it was not computed")
    if effect.unknown:
        return TraceStep(
            step="learned", done=True, at=at,
            sentence=f"The weights hold it; how they moved is unknown: {effect.unknown}.",
            details={**version, "contexts": "unknown", "reason": effect.unknown},
        )  # fmt: skip
    moved = any(each.before != each.after for each in effect.changes)
    said = (
        "Every context it belongs to was updated; these are the weights before and after."
        if moved else "It is folded, and under the present configuration it changed no weights."
    )  # fmt: skip
    contexts = [_change_out(each, served.uris) for each in effect.changes]
    return TraceStep(
        step="learned", done=True, at=at, sentence=said, details={**version, "contexts": contexts}
    )


def _not_learned(known: Known) -> str:
    if known.teaches is False:
        return f"It never will: {known.why_not}."
    if known.lesson is not None:
        return "Its lesson is written, and is folded at the learner's next turn."
    return "It is learned once it is a lesson."


def _change_out(change: Change, searches: tuple[str, ...]) -> dict[str, Any]:
    return {
        "level": change.level, "context_key": change.context_key,
        "interactions_before": change.interactions_before,
        "interactions_after": change.interactions_after,
        "before": dict(zip(searches, change.before, strict=True)),
        "after": dict(zip(searches, change.after, strict=True)),
    }  # fmt: skip
