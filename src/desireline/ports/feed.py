"""Where the steps tell what just happened, for those who watch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

from desireline.types.happenings import Kind


class Feed(Protocol):
    """A short memory of what happened in each namespace; costs a microsecond, keeps references."""

    def tell(self, namespace: str, kind: Kind, what: Any) -> None:
        """It happened: a struct of `types.happenings`, or the row of an interaction or a task.

        Never raises.
        """

    def tell_all(self, namespace: str, kind: Kind, what: Sequence[Any]) -> None:
        """As `tell` of each, cheaper than that."""

    def forget(
        self,
        namespace: str,
        *,
        user_id: str = "",
        interaction_ids: Collection[str] = (),
        execution_ids: Collection[str] = (),
    ) -> None:
        """What was deleted is not told any more: all of a user, these interactions, what was
        learned from these executions.
        """
