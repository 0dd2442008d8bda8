"""What happens while an execution runs, stage by stage; nobody has to listen."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

import msgspec

from desireline.core.stages.candidates import Candidates
from desireline.errors import Invalid

T = TypeVar("T")
FIRST = 100

Listed = list[tuple[str, float]]
"""Ids with scores."""


class Progress(msgspec.Struct, frozen=True, gc=False):
    """`stage_start`, `stage_complete` (with counts and time in `noted`) or `stage_error`.

    `index` counts the stages that run from 0; `documents()` lists the first ones that are left.
    """

    kind: str
    execution_id: str
    stage_name: str
    index: int
    total: int
    noted: dict[str, Any] = {}
    documents: Callable[[], Listed] = list
    error: Invalid | None = None


Steps = Generator[Progress, None, T]
"""Something that runs on with every `next`, and returns its outcome."""


def drained(steps: Steps[T]) -> T:
    """Run to the end at once.

    >>> def three() -> Steps[int]:
    ...     yield Progress("stage_start", "e", "s", 0, 1)
    ...     return 3
    >>> drained(three())
    3
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found


def first_of(candidates: Candidates) -> Listed:
    """The first candidates."""
    return [(each.document.document_id, each.score) for each in candidates[:FIRST]]
