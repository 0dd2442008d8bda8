"""The memory of the last hour, rebuilt from the event log after a restart.

Knows the questions and the ports it fills; runs after the intake's backlog went into the log.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from desireline.core import duplicates
from desireline.core.closing import examination
from desireline.core.contexts import subject_of
from desireline.core.times import from_row_time
from desireline.ports import EventLog, Live, RecentExecution, RecentExecutions, Shown

WINDOW_MS = 60 * 60_000
ROWS = 1_000_000


async def rebuild(recent: RecentExecutions, log: EventLog, live: Live, now_ms: int) -> None:
    """Executions of the last hour with the rewards that fell on them; keys of acts and answers."""
    since = now_ms - WINDOW_MS
    executions = await log.query("executions_since", since_ms=since, limit=ROWS)
    impressions = await log.query("impressions_since", since_ms=since, limit=ROWS)
    interactions = await log.query("interactions_since", since_ms=since, limit=ROWS)
    closed = {
        row["execution_id"] for row in await log.query("closings_since", since_ms=since, limit=ROWS)
    }
    shown: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in impressions:
        shown[row["execution_id"]].append(row)
    acts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in interactions:
        acts[row["execution_id"]].append(row)
    for row in executions:
        execution_id = row["execution_id"]
        recent.add(_execution(row, shown[execution_id], acts[execution_id], closed, live))
    answers = await log.query(
        "client_events_since", since_ms=now_ms - duplicates.ANSWERS_MS, limit=ROWS
    )
    for row in interactions:
        _remember(recent, row, duplicates.key_of_row(row), duplicates.WINDOW_MS)
    for row in answers:
        key = duplicates.answer_key(row["namespace"], row["client_event_id"])
        _remember(recent, row, key, duplicates.ANSWERS_MS)


def _execution(
    row: dict[str, Any], shown: Iterable[dict[str, Any]], acts: list[dict[str, Any]],
    closed: set[str], live: Live,
) -> RecentExecution:  # fmt: skip
    at_ms = from_row_time(row["occurred_at"])
    served = live.by_id(row["retriever_id"])
    learned = bool(row["variant"]) and row["purpose"] in ("traffic", "simulation")
    window = served.learning.attribution_window_seconds * 1000 if served else 0
    rewards: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for act in acts:
        if act["teaches"]:
            rewards[act["document_id"]].append((act["interaction_id"], act["reward"]))
    return RecentExecution(
        execution_id=row["execution_id"], namespace=row["namespace"],
        retriever_id=row["retriever_id"], at_ms=at_ms, closes_at_ms=at_ms + window,
        query_key=row["query_key"], user_id=row["user_id"], session_id=row["session_id"],
        context_keys=tuple(row["context_keys"]), searches=tuple(row["searches"]),
        variant=row["variant"], shown=[_shown(each, rewards) for each in shown],
        teaches=learned and served is not None,
        open=learned and served is not None and row["execution_id"] not in closed,
        depth=served.learning.examined_depth if served else 10, purpose=row["purpose"],
        subject=subject_of(row["session_id"], row["user_id"], row["execution_id"]),
        # Weights are not kept in this query: after a restart a subject is drawn for anew.
        engaged=True,
    )  # fmt: skip


def _shown(row: dict[str, Any], rewards: dict[str, list[tuple[str, float]]]) -> Shown:
    return Shown(
        document_id=row["document_id"], position=row["position"], score=row["score"],
        norm_scores=tuple(row["norm_scores"]), contributions=tuple(row["contributions"]),
        winner=row["winner"], theta=examination(row["position"]),
        rewards=list(rewards.get(row["document_id"], ())),
    )  # fmt: skip


def _remember(recent: RecentExecutions, row: dict[str, Any], key: str, keep_ms: int) -> None:
    """As if it had been remembered when it was accepted."""
    if key:
        recent.remember(key, row["interaction_id"], from_row_time(row["received_at"]), keep_ms)
