"""Where the steps tell what just happened, for those who watch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol, TypeVar

from desireline.types.happenings import Kind

Row = TypeVar("Row")


class Feed(Protocol):
    """A short memory of what happened in each namespace; costs a microsecond, keeps references."""

    def tell(self, namespace: str, kind: Kind, what: Any) -> None:
        """It happened: a struct of `types.happenings`, or the row of a task. Never raises."""

    def tell_all(
        self, namespace: str, kind: Kind, rows: Sequence[Row], told: Callable[[Row], Any]
    ) -> None:
        """As `tell` of each row; `told` makes the struct, only of rows that anybody can see."""

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
