"""What one interaction taught: the lesson that holds it, and what that lesson changed.

Before and after are folds of the lessons up to the one before it and up to itself, under the
present configuration: exact, and as repeatable as the state. Knows ports, no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from desireline.core import policy
from desireline.core.snapshot import Served
from desireline.core.times import from_row_time
from desireline.steps.learn.history import History
from desireline.steps.learn.lessons import folded, folded_in_parts, interactions_of
from desireline.types.log import Lesson

MOST_LESSONS = 20_000
PAGE = 1_000
AT_ONCE = 100
OF_ONE = 1_000
"""Late rewards of one execution that are looked through."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A context before and after a lesson: interactions behind it, weights in search order.

    The weights are those this level believes by itself, whether or not it decides yet.
    """

    level: str
    context_key: str
    interactions_before: int
    interactions_after: int
    before: tuple[float, ...]
    after: tuple[float, ...]


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a lesson changed, widest level first; or why that is not known ("": it is)."""

    changes: tuple[Change, ...] = ()
    unknown: str = ""


class Traces:
    """Answers about single interactions; one fold at a time."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._turn = asyncio.Lock()

    async def lesson_of(
        self, served: Served, execution_id: str, interaction_id: str
    ) -> Lesson | None:
        """The lesson of the present generation that holds the interaction; bare ids."""
        await self.history.ports.intake.flushed()
        rows = await self.history.ports.event_log.query(
            "lessons_of_execution", namespace=served.retriever.namespace,
            retriever_id=served.retriever.retriever_id, generation=served.generation,
            execution_id=execution_id, limit=OF_ONE,
        )  # fmt: skip
        lessons = (msgspec.convert(row, Lesson, strict=False) for row in rows)
        return next((each for each in lessons if interaction_id in interactions_of(each)), None)

    async def effect(self, served: Served, lesson: Lesson) -> Effect:
        """What the lesson changed in the contexts it teaches."""
        async with self._turn:
            before = await self._before(served, lesson)
        if before is None:
            why = f"more than {MOST_LESSONS:,} lessons stand before it: too many to fold for this"
            return Effect(unknown=why)
        after = folded(before, [lesson])
        keys = lesson.context_keys or ("global",)
        now_ms = from_row_time(lesson.occurred_at)
        changes = (_change(before, after, keys[: n + 1], now_ms) for n in range(len(keys)))
        return Effect(changes=tuple(changes))

    async def _before(self, served: Served, lesson: Lesson) -> Served | None:
        """The state that the lesson was folded into; None when that is too long a way."""
        state, count = await self._base(served, lesson.seq), 0
        while True:
            rows = await self.history.ports.event_log.query(
                "lessons", namespace=served.retriever.namespace,
                retriever_id=served.retriever.retriever_id, generation=served.generation,
                after_seq=state.snapshot_id, limit=PAGE,
            )  # fmt: skip
            found = [msgspec.convert(row, Lesson, strict=False) for row in rows]
            earlier = [each for each in found if each.seq < lesson.seq]
            count += len(earlier)
            if count > MOST_LESSONS:
                return None
            state = await folded_in_parts(state, earlier, AT_ONCE)
            if len(earlier) < PAGE:
                return state

    async def _base(self, served: Served, seq: int) -> Served:
        """The newest snapshot from before that number, else nothing."""
        nothing = msgspec.structs.replace(served, state=policy.State(), snapshot_id=0)
        kept = await self.history.snapshot(nothing)
        return nothing if kept is None or kept.snapshot_id >= seq else kept


def _change(before: Served, after: Served, keys: Iterable[str], now_ms: int) -> Change:
    """Of the last of these contexts."""
    listed, searches, config = tuple(keys), len(before.uris), before.learning
    key = listed[-1]
    counts = [
        policy.interactions(side.state.nodes.get(key), searches, now_ms, config)
        for side in (before, after)
    ]
    means = [
        policy.own_mean(side.state.nodes, listed, config, searches, now_ms)
        for side in (before, after)
    ]
    return Change(
        level=key.partition(":")[0], context_key=key, interactions_before=counts[0],
        interactions_after=counts[1], before=means[0], after=means[1],
    )  # fmt: skip
