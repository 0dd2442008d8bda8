"""What is asked of an execution, and what comes out of it: the step's own nouns.

Knows where user, session and segment may stand in a request. Knows no wire shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.fusion import Candidates, Fused
from desireline.core.pseudonyms import KnownAs, as_sent, renamed
from desireline.core.snapshot import Served
from desireline.types.learning import Context, Decision, Weights
from desireline.types.retriever import Document

Floats = npt.NDArray[np.float64]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a further page begins: behind `offset` documents of a ranking that was answered.

    `mark` says what was asked, and of which retriever (`continuing.mark_of`); from `until_ms` on
    the place is no longer good (0: while the execution is remembered). `path` is where it stood.
    """

    execution_id: str
    offset: int
    mark: str
    until_ms: int = 0
    path: str = "$.pagination.cursor"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One execution asked for; `inputs` already carry what came at top level.

    `excluded` are documents that may not be found, besides what `filters` say. With `behind` it is
    a further page of an earlier execution, and `offset` is that place's.
    """

    namespace: str
    inputs: dict[str, Any]
    filters: Any = None
    excluded: tuple[str, ...] = ()
    limit: int | None = None
    offset: int = 0
    behind: Place | None = None
    purpose: str = "traffic"
    external_id: str = ""
    source: str = "execute"

    def under(self, known_as: KnownAs) -> Request:
        """The same with its user under the name that the log keeps."""
        if known_as is as_sent:
            return self
        inputs = renamed(self.inputs, self.namespace, known_as)
        return msgspec.structs.replace(self, inputs=inputs)

    def text(self, name: str) -> str:
        """An input as text, "" when absent."""
        value = self.inputs.get(name)
        return "" if value is None else str(value)

    @property
    def user_id(self) -> str:
        """The user, "" when anonymous."""
        return self.text("user_id")

    @property
    def session_id(self) -> str:
        """The session, "" when unknown."""
        return self.text("session_id")

    @property
    def segment(self) -> str:
        """The user's segment."""
        return self.text("user_segment")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The decision of a learned stage, all that replay and propensities need.

    `weights` is the draw (whether served or not), `draws` (64, F) re-draws of the same policy,
    `served` whether the ranking follows `weights`; otherwise `reason` says why not.
    """

    decision: Decision
    context: Context
    weights: Weights
    draws: Floats | None
    seed: int
    snapshot_id: int
    served: bool
    reason: str
    variant: str


class Degraded(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could not be done, and what the answer lacks therefore."""

    resource: str
    id: str
    reason: str
    next_step: str
    stage: str = ""


class Retrieved(msgspec.Struct, kw_only=True):
    """What the searches found: `returned` runs as they came; for learned fusion the `complete`
    union, where every search has a score for every candidate.

    `homes` maps each candidate to the collection it lives in.
    """

    returned: list[Any]
    homes: dict[str, str]
    complete: Candidates | None = None
    degraded: list[Degraded] = []
    warnings: list[str] = []
    search_ms: list[float] = []
    extra_ms: float = 0.0


class Answer(msgspec.Struct, kw_only=True):
    """A finished execution: the page shown, the whole fused list, and how it came about.

    `places` are the rows of the documents shown in the fused list, `scores` what the stages made of
    their scores (empty: as fused), `written` what stages added to them. `mark` names the question
    to those who ask for a further page ("": there is none).
    """

    execution_id: str
    served: Served
    request: Request
    at_ms: int
    fused: Fused | None
    shown: list[Document]
    places: list[int]
    homes: dict[str, str]
    weights: tuple[float, ...]
    method: str
    choice: Choice | None
    total: int
    stages: list[dict[str, Any]]
    latency_ms: float
    propensities: list[float]
    explored_at: int = -1
    shadow: dict[str, Any] | None = None
    degraded: list[Degraded] = []
    warnings: list[str] = []
    limits: list[dict[str, Any]] = []
    scores: list[float] = []
    written: list[Mapping[str, Any]] = []
    facets: dict[str, Any] = {}
    relaxations: list[str] = []
    mark: str = ""

    def score_of(self, place: int) -> float:
        """The score of a document shown: as the last stage left it, else as fused, else 0."""
        if self.scores:
            return self.scores[place]
        return float(self.fused.scores[self.places[place]]) if self.fused is not None else 0.0

    @property
    def status(self) -> str:
        """`completed`, or `degraded` when something is missing."""
        return "degraded" if self.degraded else "completed"
