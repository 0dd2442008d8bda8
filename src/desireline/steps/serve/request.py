"""What is asked of an execution, and what comes out of it: the step's own nouns.

Knows where user, session and segment may stand in a request. Knows no wire shape.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.fusion import Fused
from desireline.core.snapshot import Served
from desireline.types.learning import Context, Decision, Weights
from desireline.types.retriever import Document

Floats = npt.NDArray[np.float64]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One execution asked for; `inputs` already carry what came at top level."""

    namespace: str
    inputs: dict[str, Any]
    filters: Any = None
    limit: int | None = None
    purpose: str = "traffic"
    external_id: str = ""
    source: str = "execute"

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
    """What the searches found: `returned` runs as they came, `complete` with by-id scores added.

    `homes` maps each candidate to the collection it lives in.
    """

    returned: list[Any]
    complete: list[Any]
    homes: dict[str, str]
    degraded: list[Degraded] = []
    warnings: list[str] = []
    search_ms: list[float] = []
    extra_ms: float = 0.0


class Answer(msgspec.Struct, kw_only=True):
    """A finished execution: the page shown, the whole fused list, and how it came about."""

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
    relaxations: list[str] = []

    @property
    def status(self) -> str:
        """`completed`, or `degraded` when something is missing."""
        return "degraded" if self.degraded else "completed"
