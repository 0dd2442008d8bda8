"""Routes that run a retriever, and that read executions back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.params import FromPath, JSONBody

from desireline.core.ids import strip
from desireline.core.times import from_row_time, iso
from desireline.errors import FieldError, NotAvailable, NotFound, invalid
from desireline.http.body import Wire
from desireline.http.caller import admitted
from desireline.http.conversion import execute_out
from desireline.http.wire.common import size_of
from desireline.http.wire.retrievers import ExecuteRequest, ExecuteResponse
from desireline.steps.recipes import required_inputs
from desireline.steps.serve import Request as Asked

AnyRequest = Request[Any, Any, Any]
PURPOSES = ("traffic", "evaluation", "simulation", "test")
UNBUILT = ("explain", "return_vectors", "stream")
LONGEST_ID = 512
SWITCHES = ("include_legacy_results", "return_presigned_urls", "skip_cache")


@post(
    "/v1/retrievers/{retriever:str}/execute", status_code=200, dto=Wire[ExecuteRequest],
    return_dto=None, opt={"query": (*UNBUILT, *SWITCHES)},
)  # fmt: skip
async def execute(
    request: AnyRequest, retriever: FromPath[str], data: JSONBody[ExecuteRequest | None] = None
) -> ExecuteResponse:
    """Run a retriever once: a ranked list with who put each document where it stands."""
    system, caller = admitted(request, "read")
    switched = _switches(request.query_params)
    body = data or ExecuteRequest()
    served = system.live.retriever(caller.namespace, retriever)
    asked, warnings = asked_of(body, caller.namespace)
    asked = msgspec.structs.replace(asked, inputs=required_inputs(served.retriever, asked.inputs))
    answer = system.serve.execute(served, asked)
    warnings += [f"`{name}` has no effect" for name in SWITCHES[1:] if name in switched]
    legacy = body.include_legacy_results or "include_legacy_results" in switched
    return execute_out(answer, legacy=legacy, warnings=warnings)


def _switches(query: Mapping[str, str]) -> set[str]:
    """The query parameters that are on. Raises Invalid for other texts than true and false."""
    for name, value in query.items():
        if value.lower() not in ("true", "false", "1", "0"):
            raise invalid(
                f"query.{name}", "wrong_type", f"`{name}` is true or false, not `{value}`"
            )
    on = {name for name, value in query.items() if value.lower() in ("true", "1")}
    for name in sorted(on & set(UNBUILT)):
        place = FieldError(f"query.{name}", "not_available", f"`{name}` is not available")
        raise NotAvailable(
            f"query parameter `{name}` is not available in this version", hint="leave it out",
            fields=(place,),
        )  # fmt: skip
    return on


def asked_of(body: ExecuteRequest, namespace: str) -> tuple[Asked, list[str]]:
    """The request as the step takes it: older forms folded, `inputs` winning over the top level."""
    inputs = dict(body.inputs)
    if isinstance(body.query, dict):
        inputs = {**body.query, **inputs}
    elif body.query is not None:
        inputs.setdefault("query", body.query)
    for name, value in (
        ("user_id", body.user_id), ("session_id", body.session_id),
        ("user_segment", inputs.get("segment", body.segment)),
    ):  # fmt: skip
        if value is not None:
            inputs.setdefault(name, value)
    _check_people(inputs)
    if body.purpose is not None and body.purpose not in PURPOSES:
        raise invalid(
            "$.purpose", "wrong_value", f"unknown purpose `{body.purpose}`",
            f"one of: {', '.join(PURPOSES)}",
        )  # fmt: skip
    asked = Asked(
        namespace=namespace, inputs=inputs, filters=body.filters,
        limit=size_of(body.limit, body.page_size, 0) or None, purpose=body.purpose or "traffic",
    )  # fmt: skip
    return asked, _without_effect(body)


def _check_people(inputs: dict[str, Any]) -> None:
    """Who searches is named by short texts."""
    for name in ("user_id", "session_id", "user_segment"):
        value, path = inputs.get(name), f"$.inputs.{name}"
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise invalid(path, "wrong_type", f"`{name}` is not a text", "send a string")
        if len(str(value)) > LONGEST_ID:
            raise invalid(path, "too_long", f"`{name}` has more than {LONGEST_ID} characters")


def _without_effect(body: ExecuteRequest) -> list[str]:
    sent = {
        "return_presigned_urls": body.return_presigned_urls,
        "skip_cache": body.skip_cache,
        "settings": bool(body.settings),
    }
    return [f"`{name}` has no effect" for name, given in sent.items() if given]


@get("/v1/retrievers/executions/{execution:str}")
async def get_execution(request: AnyRequest, execution: FromPath[str]) -> dict[str, Any]:
    """An execution read back from the log: documents shown with scores, weights and attribution."""
    return await _execution(request, execution)


@get("/v1/retrievers/{retriever:str}/executions/{execution:str}")
async def get_retriever_execution(
    request: AnyRequest, retriever: FromPath[str], execution: FromPath[str]
) -> dict[str, Any]:
    """An execution of one retriever read back from the log."""
    system, caller = admitted(request, "read")
    served = system.live.retriever(caller.namespace, retriever)
    found = await _execution(request, execution)
    if found["retriever_id"] != f"ret_{served.retriever.retriever_id}":
        raise _no_execution(execution)
    return found


def _no_execution(execution: str) -> NotFound:
    return NotFound(
        f"there is no execution `{execution}`", code="execution_not_found",
        hint="executions are read with the X-Namespace they ran in",
        details={"resource": "execution", "id": execution},
    )  # fmt: skip


async def _execution(request: AnyRequest, execution: str) -> dict[str, Any]:
    system, caller = admitted(request, "read")
    wanted = strip(execution, "exec", path="path.execution_id")
    await system.intake.flushed(timeout_ms=1000)
    rows = await system.event_log.query(
        "execution_by_id", namespace=caller.namespace, execution_id=wanted
    )
    if not rows:
        raise _no_execution(execution)
    shown = await system.event_log.query(
        "impressions_of_execution", namespace=caller.namespace, execution_id=wanted
    )
    return execution_out(rows[0], shown)


def execution_out(row: dict[str, Any], shown: list[dict[str, Any]]) -> dict[str, Any]:
    """A logged execution as answered."""
    searches = row["searches"]
    weights = dict(zip(searches, row["weights"], strict=False))
    at = iso(from_row_time(row["occurred_at"]))
    context = {
        "context_key": row["context_key"] or "prior", "context_level": row["context_level"],
        "sampled_weights": sampled_of(row), "feature_uris": searches,
        "effective_exploration": _payload(row).get("exploration", 0.0),
        "served": row["fusion"] == "learned", "reason": row["reason"] or None,
        "variant": row["variant"], "bucket": row["bucket"],
        "posterior_version": row["snapshot_id"], "seed": row["draw_seed"],
        "shadow": msgspec.json.decode(row["shadow"]) if row["shadow"] else None,
    }  # fmt: skip
    return {
        "execution_id": f"exec_{row['execution_id']}",
        "retriever_id": f"ret_{row['retriever_id']}",
        "retriever_version": row["retriever_version"],
        "status": "degraded" if row["degraded"] else "completed",
        "created_at": at, "completed_at": at, "purpose": row["purpose"],
        "inputs": msgspec.json.decode(row["inputs"]),
        "documents": [_shown_out(each, searches, weights) for each in shown],
        "documents_retained": True, "total_returned": row["shown"],
        "pagination": {"total": row["total"], "returned": row["shown"]},
        "stage_statistics": {"stages": msgspec.json.decode(row["stages"]),
                             "total_time_ms": row["latency_ms"]},
        "fusion": row["fusion"], "degraded": [_lack(each) for each in row["degraded"]],
        **({"learned_fusion_context": context} if row["algorithm"] else {}),
    }  # fmt: skip


def _payload(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(row["payload"]) if row["payload"] else {}
    return found


def sampled_of(row: dict[str, Any]) -> dict[str, float]:
    """The weights drawn for an execution of a learned stage, whether they were served or not."""
    drawn = _payload(row).get("sampled", row["weights"])
    return dict(zip(row["searches"], drawn, strict=False))


def _lack(logged: str) -> dict[str, str]:
    resource, _, name = logged.partition(":")
    return {"resource": resource, "id": name}


def _shown_out(
    row: dict[str, Any], searches: list[str], weights: dict[str, float]
) -> dict[str, Any]:
    return {
        "document_id": row["document_id"], "position": row["position"], "rank": row["position"],
        "score": row["score"], "propensity": row["propensity"],
        "attribution": [
            {"feature_uri": uri, "norm_score": norm, "weight": weights.get(uri, 0.0),
             "contribution": contribution}
            for uri, norm, contribution in zip(
                searches, row["norm_scores"], row["contributions"], strict=False)
        ],
    }  # fmt: skip


HANDLERS = [execute, get_execution, get_retriever_execution]
__all__ = ["HANDLERS", "execution_out"]
