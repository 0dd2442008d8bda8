"""The memory of the last hour, rebuilt from the event log after a restart, and what a crash left
untaught.

Runs after the intake's backlog went into the log. Knows the questions and the ports it fills. Open
executions are those without a close lesson; a reward on a closed one that no lesson holds was
still waiting to be taught.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from desireline.core import duplicates, policy
from desireline.core.contexts import subject_of
from desireline.core.propensity import examined
from desireline.core.recall import execution_of, shown_of
from desireline.core.times import from_row_time
from desireline.ports import EventLog, Live, RecentExecution, RecentExecutions
from desireline.types.learning import Context, Weights
from desireline.types.log import COUNTED

WINDOW_MS = 60 * 60_000
PIN_MS = 30 * 60_000
ROWS = 1_000_000
KEYS = 120_000
IDS_AT_ONCE = 2_000
DRAWS = 64

Rows = list[dict[str, Any]]


class Missed(msgspec.Struct, frozen=True):
    """A reward for a closed execution that no lesson holds."""

    execution: RecentExecution
    document_id: str
    interaction_id: str
    reward: float


class Taught(msgspec.Struct, frozen=True):
    """What lessons hold: executions that were closed, interactions, resets (when, by retriever and
    user).
    """

    closed: set[str]
    interactions: set[str]
    resets: dict[tuple[str, str], int]


class Found(msgspec.Struct, frozen=True):
    """What the log holds of lately: acts and impressions by execution, and the lessons."""

    shown: dict[str, Rows]
    acts: dict[str, Rows]
    lessons: Taught
    live: Live


async def rebuild(
    recent: RecentExecutions, log: EventLog, live: Live, now_ms: int, window_ms: int = WINDOW_MS
) -> list[Missed]:
    """Fill the memory: executions of the last hour and all open ones, with their rewards; keys of
    acts and answers. Returns the rewards that are to be taught now, in order of acceptance.

    `window_ms` is the longest attribution window of any retriever.
    """
    since = now_ms - WINDOW_MS
    open_since = await _open_since(log, window_ms, now_ms)
    executions = await log.query("executions_since", since_ms=since, limit=ROWS)
    impressions = await log.query("impressions_since", since_ms=since, limit=ROWS)
    acts = await log.query("rewards_since", since_ms=open_since, limit=ROWS)
    older = await log.query("executions_open", since_ms=open_since, before_ms=since, limit=ROWS)
    # A further page of an older one may be young: all it showed is asked for once.
    old = _ids(older)
    impressions = [each for each in impressions if each["execution_id"] not in old]
    impressions += await _asked(log, "impressions_of_executions", old)
    lessons = await taught_since(log, open_since)
    found = Found(_by_execution(impressions), _by_execution(acts), lessons, live)
    remembered = [_execution(row, found) for row in (*older, *executions)]
    for execution in remembered:
        recent.add(execution)
    _pin(remembered, executions, found, now_ms)
    await _remember_keys(recent, log, now_ms)
    return await missed(log, acts, remembered, found)


async def _open_since(log: EventLog, window_ms: int, now_ms: int) -> int:
    """When the oldest execution that may be open was served: the server may have been down for
    long, so its windows count from the last row it wrote.
    """
    (newest,) = await log.query("newest_row")
    last_ms = min(now_ms, from_row_time(newest["received_at"]))
    return max(0, last_ms - window_ms - WINDOW_MS)


async def taught_since(log: EventLog, since_ms: int) -> Taught:
    """Executions that were closed, interactions that have taught, resets."""
    found = Taught(set(), set(), {})
    for row in await log.query("lessons_since", since_ms=since_ms, limit=ROWS):
        found.interactions.update(row["interaction_ids"])
        if row["kind"] == "close":
            found.closed.add(row["execution_id"])
        elif row["kind"] == "reset":
            whose = (row["retriever_id"], row["user_id"])
            found.resets[whose] = max(_ms(row), found.resets.get(whose, 0))
    return found


async def missed(
    log: EventLog, acts: Rows, remembered: Iterable[RecentExecution], found: Found
) -> list[Missed]:
    """Those of `acts` that no lesson holds and no open execution will teach."""
    known = {execution.execution_id: execution for execution in remembered}
    left = [
        act for act in acts
        if act["interaction_id"] not in found.lessons.interactions
        and not (act["execution_id"] in known and known[act["execution_id"]].open)
    ]  # fmt: skip
    unknown = {act["execution_id"] for act in left} - known.keys()
    rows = await _asked(log, "executions_by_ids", unknown)
    shown = _by_execution(await _asked(log, "impressions_of_executions", unknown))
    asked = _by_execution(left)
    for row in rows:
        there = msgspec.structs.replace(found, shown=shown, acts=asked)
        execution = _execution(row, there)
        execution.open = False
        known[row["execution_id"]] = execution
    return [
        Missed(known[a["execution_id"]], a["document_id"], a["interaction_id"], a["reward"])
        for a in left
        if a["execution_id"] in known
    ]


async def _asked(log: EventLog, question: str, ids: Iterable[str]) -> Rows:
    """A question about executions, some at a time."""
    found: Rows = []
    for part in _pieces(sorted(ids)):
        found += await log.query(question, execution_ids=part)
    return found


def _pieces(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]


def _ids(rows: Rows) -> set[str]:
    return {row["execution_id"] for row in rows}


def _ms(row: dict[str, Any]) -> int:
    return from_row_time(row["received_at"])


def _by_execution(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row["execution_id"]].append(row)
    return found


def _execution(row: dict[str, Any], found: Found) -> RecentExecution:
    execution_id = row["execution_id"]
    served = found.live.by_id(row["retriever_id"])
    teaches = bool(row["variant"]) and row["purpose"] in COUNTED
    teaches = teaches and served is not None
    window = served.learning.attribution_window_seconds * 1000 if served else 0
    acts = found.acts.get(execution_id, [])
    claims = _claims(acts, served)
    rewards: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for act in acts:
        if act["interaction_id"] not in found.lessons.interactions:
            rewards[act["document_id"]].append((act["interaction_id"], act["reward"]))
    shown = [
        shown_of(
            each, theta=examined(each["position"]), claims=claims,
            rewards=list(rewards.get(each["document_id"], ())),
        )
        for each in found.shown.get(execution_id, ())
    ]  # fmt: skip
    return execution_of(
        row, shown, teaches=teaches, open=teaches and execution_id not in found.lessons.closed,
        closes_at_ms=from_row_time(row["occurred_at"]) + window,
        depth=served.learning.examined_depth if served else 10,
        subject="" if row["source"] == "log"
        else subject_of(row["session_id"], row["user_id"], execution_id),
        engaged=any(act["occurred_at"] == act["received_at"] for act in acts),
        snapshot_id=int(row["snapshot_id"]), draw_seed=int(row["draw_seed"]),
    )  # fmt: skip


def _claims(acts: Rows, served: Any) -> dict[str, str]:
    """The searches that clients named, by interaction, where their word counts; of a row that came
    before its execution was known, the retriever's present policy decides.
    """
    trusted = served is not None and served.learning.attribution == "client"
    counts = ("client", "pending") if trusted else ("client",)
    return {
        act["interaction_id"]: act["client_feature_uri"]
        for act in acts
        if act["client_feature_uri"] and act["attribution"] in counts
    }


# The weights that a session keeps, and those that further pages need.


def _pin(executions: Iterable[RecentExecution], rows: Rows, found: Found, now_ms: int) -> None:
    """Give executions their weights back, and where they still hold for the last one of a subject
    what propensities are computed from, drawn again from the present posterior.
    """
    by_id = {row["execution_id"]: row for row in rows}
    last: dict[tuple[str, str], RecentExecution] = {}
    for execution in executions:
        row = by_id.get(execution.execution_id)
        execution.weights = _weights_of(row, execution) if row is not None else None
        last[execution.retriever_id, execution.subject] = execution
    for execution in last.values():
        whose = (execution.retriever_id, execution.user_id)
        since_ms = max(now_ms - PIN_MS, found.lessons.resets.get(whose, 0))
        served = found.live.by_id(execution.retriever_id)
        is_as_it_was = served is not None and served.uris == execution.searches
        if execution.at_ms < since_ms or not is_as_it_was:
            execution.engaged = True  # decides no weights any more
        elif not execution.engaged and execution.weights and execution.weights.level != "prior":
            execution.draws = _redrawn(execution, served, now_ms)


def _weights_of(row: dict[str, Any], execution: RecentExecution) -> Weights | None:
    """The weights that were drawn, if the row's columns hold them (fusion takes them at the
    precision of the row).
    """
    if row["context_level"] == "prior":
        count = len(execution.searches)
        return Weights(values=(1 / count,) * count, level="prior", context_key="")
    if row["fusion"] != "learned":
        return None
    return Weights(
        values=tuple(row["weights"]), level=row["context_level"], context_key=row["context_key"]
    )


def _redrawn(execution: RecentExecution, served: Any, now_ms: int) -> Any:
    keys = {key.partition(":")[0]: key for key in execution.context_keys}
    context = Context(personal=keys.get("personal", ""), demographic=keys.get("demographic", ""))
    ready = policy.ready(served.state.nodes, context, served.learning, len(served.uris), now_ms)
    return policy.draw_with_others(ready, execution.draw_seed, DRAWS)[1]


# Keys of acts and answers.


async def _remember_keys(recent: RecentExecutions, log: EventLog, now_ms: int) -> None:
    interactions = await log.query(
        "interactions_since", since_ms=now_ms - duplicates.WINDOW_MS, limit=KEYS
    )
    answers = await log.query(
        "client_events_since", since_ms=now_ms - duplicates.ANSWERS_MS, limit=ROWS
    )
    for row in interactions:
        _remember(recent, row, duplicates.key_of_row(row), duplicates.STORED)
    for row in answers:
        key = duplicates.answer_key(row["namespace"], row["client_event_id"])
        _remember(recent, row, key, row["interaction_id"])


def _remember(recent: RecentExecutions, row: dict[str, Any], key: str, said: str) -> None:
    """As if it had been remembered when it was accepted."""
    keep_ms = duplicates.WINDOW_MS if said == duplicates.STORED else duplicates.ANSWERS_MS
    if key:
        recent.remember([key], said, _ms(row), keep_ms)
