"""What simulated users and their judge ask of the server: searches, clicks, reading back.

Knows the public client and the names of a retriever's inputs; nothing of what is liked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from desireline.client import Client
from desireline.client.answers import Execution, LearnedFusionContext
from desireline.client.errors import Forbidden
from desireline.simulation.people import DEPTH, PlannedSearch, Query
from desireline.simulation.target import Target
from desireline.types.log import SIMULATION

READ_AT_ONCE = 200


class Evaluated(msgspec.Struct, frozen=True):
    """An execution of a held-out query, as read back: what was shown, with which learned weights.

    `weights` is empty where nothing learned was served. `shadow` is what a retriever in shadow
    mode computed beside it, best first, as many as were shown.
    """

    query: Query
    shown: tuple[str, ...]
    weights: dict[str, float]
    shadow: tuple[str, ...] = ()


def search(client: Client, target: Target, planned: PlannedSearch) -> tuple[str, list[str]]:
    """One search of a simulated user: (execution_id, document ids as shown)."""
    person = planned.person
    inputs = _inputs(target, planned.query.text, person.user_id, person.segment)
    found = client.retrievers.execute(
        target.retriever.retriever_id, inputs, session_id=_visit(person.user_id),
        purpose=SIMULATION,
    )  # fmt: skip
    return found.execution_id, [hit.document_id for hit in found.documents]


def click(
    execution_id: str, planned: PlannedSearch, document_id: str, position: int
) -> dict[str, Any]:
    """A click as the API takes it."""
    user_id = planned.person.user_id
    return {
        "execution_id": execution_id, "document_id": document_id, "interaction_type": ["click"],
        "position": position, "user_id": user_id, "session_id": _visit(user_id),
    }  # fmt: skip


def send_clicks(client: Client, clicks: Sequence[dict[str, Any]]) -> None:
    """Clicks of several users at once (at most 1,000)."""
    if clicks:
        client.interactions.batch(clicks)


def learn_now(client: Client) -> bool:
    """Close open executions and learn from them; False: the key may not ask for it.

    What is open then closes at its user's next search, or when its attribution window ends.
    """
    try:
        client.admin.flush(close_executions=True)
    except Forbidden:
        return False
    return True


def evaluate(
    client: Client, target: Target, queries: Sequence[Query], round_name: str,
    advance: Callable[[int], None] = lambda steps: None,
) -> Iterator[Evaluated]:  # fmt: skip
    """Run held-out queries (purpose `evaluation`: nothing is learned from them), then read back.

    `advance` is told of every query twice: when it was run, and when it was read.
    """
    started = []
    for number, query in enumerate(queries):
        inputs = _inputs(target, query.text, f"nobody_{query.segment}", query.segment)
        found = client.retrievers.execute(
            target.retriever.retriever_id, inputs, session_id=f"judge_{round_name}_{number}",
            purpose="evaluation",
        )  # fmt: skip
        started.append((query, found.execution_id))
        advance(1)
    for start in range(0, len(started), READ_AT_ONCE):
        part = started[start : start + READ_AT_ONCE]
        read = _read_back(client, target, [execution_id for _, execution_id in part])
        advance(len(part))
        yield from (_evaluated(query, read[execution_id]) for query, execution_id in part)


def _inputs(target: Target, text: str, user_id: str, segment: str) -> dict[str, Any]:
    hidden = {target.segment_input: segment} if target.segment_input else {}
    return {target.query_input: text, "user_id": user_id, **hidden}


def _visit(user_id: str) -> str:
    return f"visit_of_{user_id}"


def _read_back(
    client: Client, target: Target, execution_ids: Sequence[str]
) -> dict[str, Execution]:
    """Executions as logged, by id, in one question."""
    listed = client.executions.list(
        target.retriever.retriever_id, execution_ids=execution_ids, limit=len(execution_ids)
    )
    return {each.execution_id: each for each in listed.page().results}


def _evaluated(query: Query, execution: Execution) -> Evaluated:
    shown = tuple(hit.document_id for hit in execution.documents)[:DEPTH]
    context = execution.learned_fusion_context or LearnedFusionContext()
    weights = context.sampled_weights if context.served else {}
    shadow = context.shadow.top if context.shadow else []
    return Evaluated(query, shown, weights, tuple(shadow[: len(shown)]))
