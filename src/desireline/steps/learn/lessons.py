"""Rows of `lessons` as values: made, folded, cleared of what was deleted; snapshots as bytes.

Pure: knows `core.policy` and the row shape, no ports.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterator

import msgspec

from desireline.core import policy
from desireline.core.snapshot import Served
from desireline.core.times import row_time
from desireline.types.learning import Taught
from desireline.types.log import Lesson

FOLDED_AT_ONCE = 500
_encode = msgspec.json.Encoder().encode
_DIGEST = hashlib.sha256().digest_size


class Waiting(msgspec.Struct, frozen=True):
    """A lesson without a number: not in the intake yet, or given back by a failing disk."""

    retriever_id: str
    namespace: str
    kind: str
    at_ms: int
    execution_id: str
    context_keys: tuple[str, ...]
    taught: Taught
    purpose: str = "traffic"


def row_of(waiting: Waiting, generation: int, seq: int, node: str) -> Lesson:
    """The row of a lesson under its number."""
    at = row_time(waiting.at_ms)
    return Lesson(
        namespace=waiting.namespace, occurred_at=at, received_at=at, source="learn", node=node,
        seq=seq, user_id=waiting.taught.user_id, session_id=waiting.taught.session_id,
        retriever_id=waiting.retriever_id, generation=generation, kind=waiting.kind,
        execution_id=waiting.execution_id, context_keys=waiting.context_keys,
        purpose=waiting.purpose, payload=_encode(waiting.taught).decode(),
    )  # fmt: skip


def frame(row: Lesson) -> tuple[str, bytes]:
    """A lesson as the intake takes it."""
    return "lessons", _encode(row)


def folded(served: Served, rows: list[Lesson]) -> Served:
    """A retriever's `Served` after these lessons; those of other searches teach nothing."""
    if not rows:
        return served
    lessons = [policy.lesson_of(row) for row in rows]
    fitting = [
        lesson
        for lesson in lessons
        if not lesson.taught.searches or lesson.taught.searches == served.uris
    ]
    state = policy.fold_all(served.state, fitting, served.learning, len(served.uris))
    return msgspec.structs.replace(served, state=state, snapshot_id=rows[-1].seq)


def parts(rows: list[Lesson], most: int = FOLDED_AT_ONCE) -> Iterator[list[Lesson]]:
    """The rows in pieces."""
    for start in range(0, len(rows), most):
        yield rows[start : start + most]


async def folded_in_parts(served: Served, rows: list[Lesson], most: int = FOLDED_AT_ONCE) -> Served:
    """As `folded`, in pieces: others run in between."""
    for part in parts(rows, most):
        served = folded(served, part)
        await asyncio.sleep(0)
    return served


def interactions_of(lesson: Lesson) -> set[str]:
    """The interactions that a lesson teaches from."""
    taught = msgspec.json.decode(lesson.payload, type=Taught)
    return {interaction for document in taught.documents for interaction, _ in document.rewards}


def without(lesson: Lesson, forgotten: Collection[str]) -> Lesson | None:
    """A lesson without the rewards of deleted interactions: itself when it has none of them.

    A late reward that is deleted is no lesson any more (None).
    """
    taught = msgspec.json.decode(lesson.payload, type=Taught)
    cleared = cleared_of(taught, forgotten)
    if cleared is taught:
        return lesson
    if lesson.kind == "late" and not any(d.rewards for d in cleared.documents):
        return None
    return msgspec.structs.replace(lesson, payload=_encode(cleared).decode())


def cleared_of(taught: Taught, forgotten: Collection[str]) -> Taught:
    """What was taught, without the rewards of these interactions (itself when it has none)."""
    if not any(i in forgotten for document in taught.documents for i, _ in document.rewards):
        return taught
    documents = tuple(
        msgspec.structs.replace(d, rewards=tuple(r for r in d.rewards if r[0] not in forgotten))
        for d in taught.documents
    )
    return msgspec.structs.replace(taught, documents=documents)


def stamp(served: Served) -> bytes:
    """What a state was folded under: its searches and configuration, as 32 bytes."""
    folded_under = (served.uris, served.learning)
    return hashlib.sha256(msgspec.json.encode(folded_under, order="deterministic")).digest()


def blob_of(served: Served) -> bytes:
    """A snapshot's bytes: the stamp, then the state."""
    return stamp(served) + policy.to_bytes(served.state)


def state_in(blob: bytes, served: Served) -> policy.State | None:
    """The state of a snapshot; None when it was folded under another configuration."""
    if blob[:_DIGEST] != stamp(served):
        return None
    return policy.from_bytes(blob[_DIGEST:])
