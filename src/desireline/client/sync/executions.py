# Written by tools/unasync.py from client/aio/executions.py (`make sync`): change that file.
"""Executions: what was searched and shown, read back; and what others showed, logged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from desireline.client.answers import Execution, ExecutionLogged
from desireline.client.calls import get, once, post
from desireline.client.fields import Body, LogFields
from desireline.client.queries import asked
from desireline.client.sync.rows import Resource, Rows


class Executions(Resource):
    """One row for every search, with scores, weights and propensities."""

    def get(self, execution_id: str) -> Execution:
        """`GET /retrievers/executions/{execution_id}`: one, read back from the log."""
        return self._transport.ask(Execution, get("retrievers", "executions", execution_id))

    def list(self, retriever_id: str | None = None, **selection: Any) -> Rows[Execution]:
        """`POST /retrievers/{id}/executions/list`, or of all retrievers."""
        path = ("retrievers", "executions", "list")
        if retriever_id is not None:
            path = ("retrievers", retriever_id, "executions", "list")  # type: ignore[assignment]
        return Rows(self._transport, Execution, post(*path, body=selection, is_repeatable=True))

    def create(
        self, retriever_id: str, shown: Iterable[Body], *, inputs: Body | None = None,
        query: str | None = None, **fields: Unpack[LogFields],
    ) -> ExecutionLogged:  # fmt: skip
        """`POST /retrievers/{id}/executions`: log what another engine showed
        (`{document_id, score}`, best first); its `execution_id` is for interactions.
        """
        body = {**asked(inputs, query, **fields), "shown": [*shown]}
        call = post("retrievers", retriever_id, "executions", body=body)
        return self._transport.ask(ExecutionLogged, once(call))
