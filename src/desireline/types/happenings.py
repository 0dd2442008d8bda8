"""What just happened, small enough to be remembered by the hundred: one struct a kind, save
interactions and tasks, which are told by their rows.

Values only: no body of a request, nothing learned as a whole. Ids are bare, user ids as the log has
them. When it happened is noted by who remembers it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from desireline.types.learning import LearningConfig, Weights

Kind = Literal["execution", "interaction", "lesson", "weights", "task"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST_QUERY = 500


class Executed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An execution that was answered and logged.

    `weights` as drawn (None: the stage does not learn), in the order of `searches`; `served`: the
    ranking follows them. `results` counts documents of the page, `top` are the first three.
    """

    execution_id: str
    retriever_id: str
    query: str
    user_id: str
    segment: str
    purpose: str
    variant: str
    reason: str
    weights: Weights | None
    searches: tuple[str, ...]
    served: bool
    results: int
    top: tuple[str, ...]
    total_ms: float


class Learned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A lesson that was folded: documents taught, and how many of them had a reward."""

    lesson: str
    seq: int
    retriever_id: str
    execution_id: str
    context_keys: tuple[str, ...]
    shown: int
    rewarded: int
    user_id: str
    purpose: str


class Moved(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Everyone's weights after a fold, not computed yet: the global node and what reads it.

    `version` is the number of the last lesson, `lessons` how many were folded in all, `at_ms` when
    (what is old counts less).
    """

    retriever_id: str
    at_ms: int
    version: int
    lessons: int
    searches: tuple[str, ...]
    learning: LearningConfig
    node: Any
    purpose: str
