"""How long stages took lately, by retriever: what `explain` estimates from. In memory only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from desireline.types.retriever import Retriever

SHARE = 0.1
MOST = 10_000


class Timing(msgspec.Struct, gc=False):
    """An exponentially weighted mean in milliseconds, and of how many executions."""

    ms: float
    executions: int = 1


class Timings:
    """One process's; a changed retriever begins anew, and so do all beyond the bound."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, dict[str, Timing]]] = {}

    def note(self, retriever: Retriever, stages: Iterable[dict[str, Any]]) -> None:
        """What the stages of one execution took."""
        version, found = self._known.get(retriever.retriever_id, (0, {}))
        if version != retriever.version:
            if len(self._known) >= MOST:
                self._known.clear()
            found = {}
            self._known[retriever.retriever_id] = (retriever.version, found)
        for stage in stages:
            timing = found.get(stage["name"])
            if timing is None:
                found[stage["name"]] = Timing(stage["duration_ms"])
            else:
                timing.ms += SHARE * (stage["duration_ms"] - timing.ms)
                timing.executions += 1

    def of(self, retriever: Retriever) -> dict[str, Timing]:
        """By stage name; empty when it did not run lately."""
        version, found = self._known.get(retriever.retriever_id, (0, {}))
        return found if version == retriever.version else {}
