"""An execution into rows of the log and into memory: what makes learning and proof possible.

Knows the row shapes and which columns replay needs. Does not wait for the disk: the rows are in the
intake's order before the answer leaves.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec
import numpy as np

from desireline.core.contexts import subject_of
from desireline.core.propensity import examined
from desireline.core.queries import query_key
from desireline.core.times import row_time
from desireline.ports import RecentExecution, Shown, Ticket
from desireline.steps.serve.rank import Ranked
from desireline.steps.serve.request import Answer, Choice
from desireline.types.log import COUNTED, Execution, Impression

KEPT = 100
_encode = msgspec.json.Encoder().encode


def rows(answer: Answer, ranked: Ranked | None, node: str, seq: int) -> list[tuple[str, bytes]]:
    """The execution's row and one per document shown, as frames (table, JSON)."""
    frames = [("executions", _encode(execution_row(answer, ranked, node, seq)))]
    if ranked is not None:
        rows_ = impression_rows(answer, ranked, node, seq)
        frames.extend(("impressions", _encode(row)) for row in rows_)
    return frames


def page_rows(
    answer: Answer, ranked: Ranked, stamp: tuple[str, int], known: Container[str]
) -> list[tuple[str, bytes]]:
    """Frames of a further page: what it shows that is not `known`; the execution has its row.

    `stamp` is the node and its next number.
    """
    rows_ = impression_rows(answer, ranked, *stamp)
    return [("impressions", _encode(row)) for row in rows_ if row.document_id not in known]


def execution_row(answer: Answer, ranked: Ranked | None, node: str, seq: int) -> Execution:
    """The request, the decision and the top candidates as one row."""
    request, retriever = answer.request, answer.served.retriever
    at = row_time(answer.at_ms)
    query = request.text("query")
    return Execution(
        namespace=request.namespace, occurred_at=at, received_at=at, source=request.source,
        node=node, seq=seq, user_id=request.user_id, session_id=request.session_id,
        purpose=request.purpose, execution_id=answer.execution_id, external_id=request.external_id,
        retriever_id=retriever.retriever_id, retriever_version=retriever.version, query=query,
        query_key=query_key(query), inputs=_json(request.inputs),
        filters=_json(request.filters or {}), segment=request.segment,
        device=request.text("device_type"), locale=request.text("locale"),
        country=request.text("country"), total=answer.total, shown=len(answer.shown),
        latency_ms=answer.latency_ms, stages=_json(answer.stages),
        degraded=tuple(f"{d.resource}:{d.id}" for d in answer.degraded),
        fusion=answer.method, **_decision(answer, ranked), **_candidates(ranked),
    )  # fmt: skip


def _decision(answer: Answer, ranked: Ranked | None) -> dict[str, Any]:
    choice = answer.choice
    if ranked is None:
        return {}
    common = {
        "searches": answer.served.uris,
        "weights": ranked.weights,
        "static_weights": ranked.static_weights,
    }
    if choice is None:
        return common
    config = answer.served.learning
    return common | {
        "base": config.base,
        "algorithm": config.algorithm,
        "context_level": choice.weights.level,
        "context_key": choice.weights.context_key,
        "context_keys": choice.context.keys,
        "snapshot_id": choice.snapshot_id,
        "draw_seed": choice.seed,
        "variant": choice.variant,
        "reason": choice.reason,
        "explore": 1 if ranked.explored_at >= 0 else 0,
        "bucket": choice.decision.bucket,
        "shadow": _json(ranked.shadow) if ranked.shadow else "",
        "payload": _json(_replayable(ranked) | _decided(choice)),
    }


def _replayable(ranked: Ranked) -> dict[str, Any]:
    """What, beside the columns, gives the logged ranking again from the row alone."""
    found: dict[str, Any] = {}
    if ranked.learned is not None and ranked.learned.ids:
        found["bounds"] = ranked.learned.bounds.tolist()
    if ranked.explored_at >= 0:
        found["explored_at"] = ranked.explored_at
    return found


def _decided(choice: Choice) -> dict[str, Any]:
    """What was drawn, where the columns hold the static weights that were served instead."""
    drawn = {} if choice.served else {"sampled": choice.weights.values}
    return {"exploration": choice.weights.exploration} | drawn


def _candidates(ranked: Ranked | None) -> dict[str, Any]:
    """The top candidates per search; on a learned stage with the by-id scores of all searches."""
    if ranked is None:
        return {}
    listed = _aligned(ranked)
    raw = np.nan_to_num(listed.raw[:KEPT].T.astype(np.float32), nan=0.0)
    return {
        "candidate_ids": tuple(listed.ids[:KEPT]),
        "candidate_scores": raw.tolist(),
        "candidate_ranks": listed.ranks[:KEPT].T.tolist(),
        "candidate_fused": ranked.served.scores[:KEPT].astype(np.float32).tolist(),
    }


def _aligned(ranked: Ranked) -> Any:
    """The learned arrays in the order that was served (they are, when learned weights are)."""
    if ranked.learned is None or ranked.method == "learned":
        return ranked.served
    own = ranked.learned
    place = {document_id: row for row, document_id in enumerate(own.ids)}
    order = np.array([place[i] for i in ranked.served.ids], dtype=np.intp)
    return type(own)(
        ranked.served.ids, own.scores[order], own.raw[order], own.ranks[order], own.norm[order],
        own.contributions[order], own.winner[order], own.bounds,
    )  # fmt: skip


def impression_rows(answer: Answer, ranked: Ranked, node: str, seq: int) -> list[Impression]:
    """One row per document shown, with normalised scores and the logged propensity."""
    request, at = answer.request, row_time(answer.at_ms)
    key, uris = query_key(request.text("query")), answer.served.uris
    norm, first = _aligned(ranked).norm, request.offset
    found = []
    for place, position in enumerate(answer.places):
        found.append(
            Impression(
                namespace=request.namespace, occurred_at=at, received_at=at,
                source=request.source, node=node, seq=seq, user_id=request.user_id,
                session_id=request.session_id, purpose=request.purpose,
                execution_id=answer.execution_id, document_id=ranked.served.ids[position],
                retriever_id=answer.served.retriever.retriever_id, position=first + place,
                query_key=key, segment=request.segment, device=request.text("device_type"),
                variant=answer.choice.variant if answer.choice else "",
                score=answer.score_of(place),
                norm_scores=tuple(norm[position].tolist()),
                contributions=tuple(ranked.served.contributions[position].tolist()),
                winner=uris[int(ranked.served.winner[position])],
                propensity=answer.propensities[place],
            )
        )  # fmt: skip
    return found


def remembered(answer: Answer, ranked: Ranked, ticket: Ticket | None) -> RecentExecution:
    """What memory keeps for receipts, pins and closing; without a ticket it was not logged."""
    request, choice, config = answer.request, answer.choice, answer.served.learning
    shown = shown_of(answer, ranked)
    teaches = ticket is not None and choice is not None and request.purpose in COUNTED
    return RecentExecution(
        execution_id=answer.execution_id, namespace=request.namespace,
        retriever_id=answer.served.retriever.retriever_id, at_ms=answer.at_ms,
        closes_at_ms=answer.at_ms + config.attribution_window_seconds * 1000,
        query_key=query_key(request.text("query")), user_id=request.user_id,
        session_id=request.session_id, context_keys=choice.context.keys if choice else (),
        searches=answer.served.uris, variant=choice.variant if choice else "", shown=shown,
        teaches=teaches, open=teaches, depth=config.examined_depth, purpose=request.purpose,
        subject=subject_of(request.session_id, request.user_id, answer.execution_id),
        weights=choice.weights if choice else None, draws=choice.draws if choice else None,
        snapshot_id=choice.snapshot_id if choice else 0, draw_seed=choice.seed if choice else 0,
        logged_at=ticket.seq if ticket else 0, source=request.source,
        reason=choice.reason if choice else "", mark=answer.mark,
    )  # fmt: skip


def shown_of(answer: Answer, ranked: Ranked) -> list[Shown]:
    """The documents of a page as memory keeps them, at their absolute positions."""
    norm, uris, first = _aligned(ranked).norm, answer.served.uris, answer.request.offset
    return [
        Shown(
            document_id=ranked.served.ids[position],
            position=first + place,
            score=answer.score_of(place),
            norm_scores=tuple(norm[position].tolist()),
            contributions=tuple(ranked.served.contributions[position].tolist()),
            winner=uris[int(ranked.served.winner[position])],
            theta=examined(first + place),
            rewards=[],
        )
        for place, position in enumerate(answer.places)
    ]


def _json(value: Any) -> str:
    return _encode(value).decode()
