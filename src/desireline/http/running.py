"""What all routes that run a retriever share: a body becomes a `Running`, an answer of the step the
answer of a route.

Knows the wire and the step; no address.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from desireline.core.snapshot import Served
from desireline.errors import Invalid, invalid
from desireline.http.caller import AnyRequest
from desireline.http.conversion import execute_out
from desireline.http.preparing import prepared
from desireline.http.streaming import streamed
from desireline.http.wire.common import size_of
from desireline.http.wire.paging import PageAsked
from desireline.http.wire.retrievers import ExecuteRequest, ExecuteResponse
from desireline.steps.recipes import required_inputs
from desireline.steps.serve import Answer, Place, measured, vectors_of
from desireline.steps.serve import Request as Asked
from desireline.types.log import SIMULATION

PURPOSES = ("traffic", "evaluation", SIMULATION, "test")
LONGEST_ID = 512
IDLE = ("return_presigned_urls", "skip_cache")
SWITCHES = ("explain", "return_vectors", "stream", "include_legacy_results", *IDLE)


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An execution on its way: what runs, and what its answer is told besides.

    `switched` are the switches that are on, in the body or the query.
    """

    served: Served
    asked: Asked
    switched: frozenset[str]
    page: PageAsked | None = None
    limits: list[dict[str, Any]] = []
    warnings: list[str] = []


def run(system: Any, running: Running, request: AnyRequest) -> ExecuteResponse:
    """The answer at once, or as a stream."""
    if "stream" not in running.switched:
        return answered(system, running, system.serve.execute(running.served, running.asked))
    steps = system.serve.steps(running.served, running.asked)

    def complete(answer: Answer) -> ExecuteResponse:
        return answered(system, running, answer)

    found: Any = streamed(steps, complete, str(request.scope.get("request_id", "")))
    return found  # type: ignore[no-any-return]  # a Response: Litestar passes it on


async def made_ready(
    system: Any, served: Served, body: ExecuteRequest, switched: frozenset[str] = frozenset(),
    source: str = "execute",
) -> Running:  # fmt: skip
    """What runs. Raises Invalid for what a body may not say."""
    asked, warnings = asked_of(body, served.retriever.namespace)
    inputs = required_inputs(served.retriever, asked.inputs)
    asked = msgspec.structs.replace(asked, inputs=inputs, source=source)
    ready = await prepared(system, served, asked, body.exclude_interacted)
    named = [f"`{name}` has no effect" for name in IDLE if name in switched]
    return Running(
        served=served, asked=ready.asked, page=body.pagination, limits=ready.limits,
        switched=switched | {name for name in SWITCHES if getattr(body, name)},
        warnings=[*warnings, *ready.warnings, *(each for each in named if each not in warnings)],
    )  # fmt: skip


def answered(system: Any, running: Running, answer: Answer) -> ExecuteResponse:
    """What the caller gets."""
    answer.limits = [*answer.limits, *running.limits]
    found = execute_out(
        answer, legacy="include_legacy_results" in running.switched, warnings=running.warnings,
        page=running.page,
    )  # fmt: skip
    if "return_vectors" in running.switched:
        vectors = vectors_of(system.serve.ports, running.served, answer.shown)
        for document, own in zip(found.documents, vectors, strict=True):
            document["_vectors"] = own
    if "explain" in running.switched:
        found.explain_plan = measured(system.serve, answer)
    return found


def switches(query: Mapping[str, str]) -> frozenset[str]:
    """The query parameters that are on. Raises Invalid for other texts than true and false."""
    for name, value in query.items():
        if value.lower() not in ("true", "false", "1", "0"):
            raise invalid(
                f"query.{name}", "wrong_type", f"`{name}` is true or false, not `{value}`",
                f"send {name}=true, or leave it out",
            )  # fmt: skip
    return frozenset(name for name, value in query.items() if value.lower() in ("true", "1"))


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
    limit, offset, behind = _page_of(body)
    asked = Asked(
        namespace=namespace, inputs=inputs, filters=body.filters, limit=limit, offset=offset,
        behind=behind, purpose=body.purpose or "traffic",
    )  # fmt: skip
    return asked, [f"`{name}` has no effect" for name in IDLE if getattr(body, name)]


def _page_of(body: ExecuteRequest) -> tuple[int | None, int, Place | None]:
    """Size, offset, and the place it lies behind. Raises Invalid for two that contradict."""
    limit = size_of(body.limit, body.page_size, 0)
    other = body.settings.limit if body.settings is not None else None
    if limit and other and limit != other:
        raise _contradiction("$.settings.limit", "`settings.limit` differs from `limit`")
    if body.pagination is None:
        return limit or other, 0, None
    if limit or other:
        name = "settings.limit" if other else "limit" if body.limit else "page_size"
        raise _contradiction(f"$.{name}", f"`{name}` stands beside `pagination`")
    return body.pagination.size, *body.pagination.begins()


def _contradiction(path: str, message: str) -> Invalid:
    return invalid(path, "contradiction", message, "send one of them")


def _check_people(inputs: dict[str, Any]) -> None:
    """Who searches is named by short texts."""
    for name in ("user_id", "session_id", "user_segment"):
        value, path = inputs.get(name), f"$.inputs.{name}"
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
            raise invalid(path, "wrong_type", f"`{name}` is not a text", "send a string")
        if len(str(value)) > LONGEST_ID:
            raise invalid(
                path, "too_long", f"`{name}` has more than {LONGEST_ID} characters",
                "send an id, not a text",
            )  # fmt: skip
