"""Answers of the steps as wire shapes: documents, executions, learned fusion.

Knows both sides; decides nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from desireline.core.snapshot import Served
from desireline.http.wire.retrievers import (
    ExecuteResponse,
    LearnedFusionContext,
    RetrieverOut,
)
from desireline.steps.serve import Answer
from desireline.types.log import NOT_RETURNED
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
    own = {key: value for key, value in document.fields.items() if key not in _SYSTEM}
    found: dict[str, Any] = {
        "document_id": document.document_id,
        "collection_id": collection_id(document.collection_id),
        "score": 0.0,
        "position": place,
        "rank": place,
        "attribution": [],
        **own,
    }
    if answer.fused is not None:
        row = answer.places[place]
        found["score"] = float(answer.fused.scores[row])
        found["attribution"] = _attribution(answer, row)
    return found


def _attribution(answer: Answer, row: int) -> list[dict[str, Any]]:
    fused = answer.fused
    assert fused is not None
    found = []
    for search, uri in enumerate(answer.served.uris):
        raw, rank = float(fused.raw[row, search]), int(fused.ranks[row, search])
        found.append(
            {
                "feature_uri": uri,
                "rank": None if rank == NOT_RETURNED else rank,
                "raw_score": None if raw != raw else raw,
                "norm_score": float(fused.norm[row, search]),
                "weight": float(answer.weights[search]),
                "contribution": float(fused.contributions[row, search]),
            }
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
    )


def execute_out(answer: Answer, *, legacy: bool, warnings: list[str]) -> ExecuteResponse:
    """The whole answer of an execution."""
    documents = [hit_out(answer, place) for place in range(len(answer.shown))]
    return ExecuteResponse(
        retriever_id=f"ret_{answer.served.retriever.retriever_id}",
        execution_id=f"exec_{answer.execution_id}",
        status=answer.status,
        documents=documents,
        pagination={
            "total": answer.total,
            "returned": len(documents),
            "has_next": answer.total > len(documents),
            "next_cursor": None,
        },
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
        served.retriever, list(served.uris), search.fusion if search else None, warnings
    )


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
