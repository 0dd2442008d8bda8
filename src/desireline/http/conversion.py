"""Answers of the steps as wire shapes: documents, executions fresh and logged, learned fusion.

Knows both sides; decides nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.core.ids import prefixed
from desireline.core.snapshot import Served
from desireline.core.stages.candidates import merged
from desireline.core.times import from_row_time, iso
from desireline.http.wire.paging import PageAsked, page_out
from desireline.http.wire.retrievers import (
    Attribution,
    ExecuteResponse,
    LearnedFusionContext,
    RetrieverOut,
)
from desireline.steps.executions import Displayed, Logged
from desireline.steps.serve import Answer, next_place
from desireline.types.log import NOT_RETURNED, Execution
from desireline.types.retriever import Collection, Document, Retriever

_SYSTEM = ("document_id", "collection_id", "score", "position", "rank", "attribution")


def collection_id(bare: str) -> str:
    """As the wire shows it."""
    return f"col_{bare}"


def document_out(document: Document) -> dict[str, Any]:
    """A stored document: own fields at root, system fields under `_internal`."""
    return {
        **document.fields,
        "document_id": document.document_id,
        "collection_id": collection_id(document.collection_id),
        "_internal": {"collection_id": collection_id(document.collection_id)},
        **({"_vectors": document.vectors} if document.vectors else {}),
    }


def hit_out(answer: Answer, place: int) -> dict[str, Any]:
    """A document of an execution with its place and who put it there."""
    document = answer.shown[place]
    written = answer.written[place] if answer.written else {}
    fields = merged(document.fields, written) if written else document.fields
    own = {key: value for key, value in fields.items() if key not in _SYSTEM}
    found: dict[str, Any] = {
        "document_id": document.document_id,
        "collection_id": collection_id(document.collection_id),
        "score": answer.score_of(place),
        "position": place,
        "rank": answer.request.offset + place,
        "attribution": [],
        **own,
    }
    if answer.fused is not None:
        found["attribution"] = _attribution(answer, answer.places[place])
    return found


def _attribution(answer: Answer, row: int) -> list[Attribution]:
    fused = answer.fused
    assert fused is not None
    found = []
    for search, uri in enumerate(answer.served.uris):
        raw, rank = float(fused.raw[row, search]), int(fused.ranks[row, search])
        found.append(
            Attribution(
                feature_uri=uri,
                rank=None if rank == NOT_RETURNED else rank,
                raw_score=None if raw != raw else raw,
                norm_score=float(fused.norm[row, search]),
                weight=float(answer.weights[search]),
                contribution=float(fused.contributions[row, search]),
            )
        )
    return found


def context_out(answer: Answer) -> LearnedFusionContext | msgspec.UnsetType:
    """The decision of a learned stage; absent for any other."""
    choice = answer.choice
    if choice is None:
        return msgspec.UNSET
    return LearnedFusionContext(
        context_key=choice.weights.context_key or "prior",
        context_level=choice.weights.level,
        sampled_weights=dict(zip(answer.served.uris, choice.weights.values, strict=True)),
        feature_uris=list(answer.served.uris),
        effective_exploration=choice.weights.exploration,
        served=choice.served,
        reason=choice.reason or None,
        variant=choice.variant,
        bucket=choice.decision.bucket,
        experiment_id=None,
        posterior_version=choice.snapshot_id,
        seed=choice.seed,
        shadow=answer.shadow,
        swapped=swapped_at(answer.explored_at),
    )


def swapped_at(explored_at: int) -> list[int] | None:
    """The two ranks that exploration exchanged.

    >>> swapped_at(2), swapped_at(-1)
    ([2, 3], None)
    """
    return [explored_at, explored_at + 1] if explored_at >= 0 else None


def logged_context_out(row: Execution) -> LearnedFusionContext:
    """The decision of a learned stage as logged; drawn weights stand in the payload when static
    ones were served.
    """
    payload: dict[str, Any] = msgspec.json.decode(row.payload or "{}")
    drawn = payload.get("sampled", row.weights)
    return LearnedFusionContext(
        context_key=row.context_key or "prior",
        context_level=row.context_level,
        sampled_weights=dict(zip(row.searches, drawn, strict=False)),
        feature_uris=list(row.searches),
        effective_exploration=payload.get("exploration", 0.0),
        served=row.fusion == "learned",
        reason=row.reason or None,
        variant=row.variant,
        bucket=row.bucket,
        experiment_id=row.experiment_id or None,
        posterior_version=row.snapshot_id,
        seed=row.draw_seed,
        shadow=msgspec.json.decode(row.shadow) if row.shadow else None,
        swapped=swapped_at(payload.get("explored_at", -1)),
    )


def logged_out(logged: Logged) -> dict[str, Any]:
    """An execution read back from the log."""
    row, shown = logged.execution, logged.documents
    at = iso(from_row_time(row.occurred_at))
    context = {"learned_fusion_context": logged_context_out(row)} if row.algorithm else {}
    return {
        "execution_id": prefixed("exec", row.execution_id),
        "retriever_id": prefixed("ret", row.retriever_id),
        "retriever_version": row.retriever_version,
        "status": "degraded" if row.degraded else "completed",
        "created_at": at, "completed_at": at, "purpose": row.purpose,
        "inputs": msgspec.json.decode(row.inputs),
        "documents": [_logged_hit_out(each, row) for each in shown],
        "documents_retained": True, "total_returned": len(shown),
        "pagination": {"total": row.total, "returned": len(shown)},
        "stage_statistics": {"stages": msgspec.json.decode(row.stages),
                             "total_time_ms": row.latency_ms},
        "fusion": row.fusion, "degraded": [_lack(each) for each in row.degraded],
        **context,
    }  # fmt: skip


def _logged_hit_out(shown: Displayed, row: Execution) -> dict[str, Any]:
    weights = dict(zip(row.searches, row.weights, strict=False))
    parts = zip(row.searches, shown.norm_scores, shown.contributions, strict=False)
    return {
        "document_id": shown.document_id, "position": shown.position, "rank": shown.position,
        "score": shown.score, "propensity": shown.propensity,
        "attribution": [
            Attribution(
                feature_uri=uri, norm_score=norm, weight=weights.get(uri, 0.0),
                contribution=contribution,
            )
            for uri, norm, contribution in parts
        ],
    }  # fmt: skip


def _lack(logged: str) -> dict[str, str]:
    resource, _, name = logged.partition(":")
    return {"resource": resource, "id": name}


def execute_out(
    answer: Answer, *, legacy: bool, warnings: list[str], page: PageAsked | None = None
) -> ExecuteResponse:
    """The whole answer of an execution; `page` is what was asked for."""
    documents = [hit_out(answer, place) for place in range(len(answer.shown))]
    return ExecuteResponse(
        retriever_id=prefixed("ret", answer.served.retriever.retriever_id),
        execution_id=prefixed("exec", answer.execution_id),
        status=answer.status,
        documents=documents,
        pagination=page_out(
            answer.total, len(documents), answer.request.offset, next_place(answer), page,
            answer.at_ms,
        ),
        stage_statistics=_statistics(answer),
        warnings=[*answer.warnings, *warnings],
        degraded=[msgspec.to_builtins(each) for each in answer.degraded],
        limits=answer.limits,
        interpretation={
            "provided_input_keys": sorted(answer.request.inputs),
            "inferred_inputs": {},
            "ignored_input_keys": [],
            "relaxations": answer.relaxations,
        },
        budget={
            "credits_used": 0, "credits_remaining": None,
            "time_used_ms": round(answer.latency_ms, 3), "limits": {},
        },
        facets=answer.facets,
        learned_fusion_context=context_out(answer),
        results=documents if legacy else msgspec.UNSET,
    )  # fmt: skip


def _statistics(answer: Answer) -> dict[str, Any]:
    stages = {
        stage["name"]: {
            "input_count": stage["input_count"],
            "output_count": stage["output_count"],
            "duration_ms": stage["duration_ms"],
            "efficiency": stage["output_count"] / max(1, stage["input_count"]),
            "stage_cache_hit": False,
            "cached_at": None,
            "error": None,
            "metadata": stage["metadata"],
        }
        for stage in answer.stages
    }
    return {
        "stages": stages,
        "total_time_ms": round(answer.latency_ms, 3),
        "credits_used": 0,
    }


def retriever_out(served: Served, warnings: list[str]) -> RetrieverOut:
    """A retriever as answered."""
    search = served.recipe.search
    return RetrieverOut.of(
        served.retriever, list(served.uris), search.fusion if search else None, warnings,
        is_published=served.publication is not None,
    )  # fmt: skip


def version_out(retriever: Retriever) -> RetrieverOut:
    """An earlier version of a retriever."""
    parameters = [stage["config"]["parameters"] for stage in retriever.stages]
    search: dict[str, Any] = next((each for each in parameters if "searches" in each), {})
    uris = [each.get("feature_uri") or each["vector_name"] for each in search.get("searches", [])]
    return RetrieverOut.of(retriever, uris, search.get("fusion", "rrf") if search else None, [])


def with_wire_id(collection: Collection) -> Collection:
    """A collection as the wire names it."""
    return msgspec.structs.replace(
        collection, collection_id=collection_id(collection.collection_id)
    )
