"""Routes that anybody may use: run a published retriever, and report acts on what it gave.

No key is needed; `X-Public-API-Key` names the page that asks, and must be right when it is sent.
Strangers are anonymous: they have sessions, never a `user_id`, and act on executions of this
retriever only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody

from desireline.core import shapes
from desireline.core.keys import secret_hash
from desireline.core.snapshot import Served
from desireline.errors import Forbidden, Invalid, Unauthorized, invalid
from desireline.http.body import Wire
from desireline.http.caller import AnyRequest
from desireline.http.running import answered, made_ready
from desireline.http.wire.interactions import BatchAnswer
from desireline.http.wire.publications import (
    PublicBatch,
    PublicConfig,
    PublicInteraction,
    PublicReceipt,
)
from desireline.http.wire.retrievers import ExecuteRequest, ExecuteResponse
from desireline.steps.capture import Result, Sent, warning_of
from desireline.steps.capture.linking import bare_execution_id
from desireline.steps.capture.sent import check

ROOT = "/v1/public/retrievers/{public_name:str}"
MOST_SESSION = 512
MOST_BYTES = 64 << 10
"""Of anything that strangers send and the log keeps, as JSON: it is our disk that they fill."""
ALWAYS = ("document_id", "collection_id", "score", "scores", "position", "rank", "attribution")


def _found(request: AnyRequest, public_name: str) -> tuple[Any, Served]:
    """The published retriever. Raises NotFound, Unauthorized or Forbidden for a wrong key."""
    system = request.app.state.system
    served: Served = system.live.published(public_name)
    secret = request.headers.get("x-public-api-key", "").strip()
    if secret:
        key = system.keys.key(secret_hash(secret))
        if key is None or key.scope != "public":
            raise Unauthorized(
                "unknown public key",
                hint="create one with `desireline keys create --public`, or leave it out",
            )
        if key.namespace != served.retriever.namespace:
            raise Forbidden(
                f"this key has no rights on `{public_name}`", code="namespace",
                hint="use a public key of the retriever's namespace, or none",
            )  # fmt: skip
    return system, served


def _session(request: AnyRequest) -> str:
    found: str = request.headers.get("x-session-id", "").strip()
    if len(found) > MOST_SESSION:
        raise invalid(
            "$.headers.X-Session-ID", "too_long",
            f"X-Session-ID has more than {MOST_SESSION} characters", "send a shorter one",
        )  # fmt: skip
    return found


@post(f"{ROOT}/execute", status_code=200, dto=Wire[ExecuteRequest], return_dto=None)
async def execute_public(
    request: AnyRequest, public_name: FromPath[str], data: JSONBody[ExecuteRequest | None] = None
) -> ExecuteResponse:
    """Run a published retriever as a stranger: a session (`X-Session-ID`), but no `user_id`.

    With `exposed_fields` in the retriever's display_config, documents have those fields only.
    """
    system, served = _found(request, public_name)
    body = data or ExecuteRequest()
    _check_stranger(body)
    session = body.session_id or _session(request) or None
    body = msgspec.structs.replace(body, session_id=session)
    running = await made_ready(system, served, body, source="public")
    found = answered(system, running, system.serve.execute(served, running.asked))
    shown = (served.retriever.display_config or {}).get("exposed_fields")
    if isinstance(shown, list):
        names = [name for name in shown if isinstance(name, str)]
        found.documents = [_exposed(document, names) for document in found.documents]
        found.results = found.documents if found.results is not msgspec.UNSET else msgspec.UNSET
    return found


def _exposed(document: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """A document with what every answer says of it, and these of its own fields (dots go deeper).

    >>> _exposed({"document_id": "d", "a": {"b": 1, "c": 2}, "secret": 3}, ["a.b"])
    {'document_id': 'd', 'a': {'b': 1}}
    """
    kept = {name: value for name, value in document.items() if name in ALWAYS}
    for name in names:
        *outer, last = name.split(".")
        source, target = document, kept
        for part in outer:
            inner = source.get(part)
            if not isinstance(inner, dict):
                break
            source, target = inner, target.setdefault(part, {})
        else:
            if last in source:
                target[last] = source[last]
    return kept


def _check_stranger(body: ExecuteRequest) -> None:
    """Weights of a user are the user's own business, and so is what the user saw; how a retriever
    works, and fields that are not exposed, are its author's.
    """
    folded = body.query if isinstance(body.query, dict) else {}
    named = (body.user_id, body.inputs.get("user_id"), folded.get("user_id"))
    if any(each is not None for each in named):
        raise invalid(
            "$.inputs.user_id", "anonymous", "public routes are anonymous: they take no `user_id`",
            "send a session id (X-Session-ID), or use a key and /v1/retrievers/{id}/execute",
        )  # fmt: skip
    _small("$.inputs", body.inputs)
    _small("$.query", body.query)
    for name in ("purpose", "exclude_interacted", "stream", "explain", "return_vectors"):
        if getattr(body, name) not in (None, False):
            raise _not_for_strangers(name)
    for name in ("stream", "explain", "return_vectors"):
        if getattr(body, name):
            raise _not_for_strangers(name)


def _not_for_strangers(name: str) -> Invalid:
    return invalid(f"$.{name}", "anonymous", f"public routes take no `{name}`", "leave it out")


@get(f"{ROOT}/config")
async def public_config(request: AnyRequest, public_name: FromPath[str]) -> PublicConfig:
    """Which inputs a published retriever takes, and how its author wants it shown."""
    _, served = _found(request, public_name)
    record, retriever = served.publication, served.retriever
    assert record is not None
    return PublicConfig(
        public_name=record.public_name, display_name=record.display_name,
        description=record.description, input_schema=retriever.input_schema or {},
        display_config=retriever.display_config or {},
    )  # fmt: skip


@post(f"{ROOT}/interactions", status_code=200, dto=Wire[PublicInteraction], return_dto=None)
async def create_public_interaction(
    request: AnyRequest, public_name: FromPath[str], data: JSONBody[PublicInteraction]
) -> PublicReceipt:
    """Record one act of a stranger on a result of this retriever. Answered when it is on disk."""
    system, served = _found(request, public_name)
    sent = data.to_noun(served.retriever.retriever_id, _session(request))
    known = await _executions(system, served, [sent.execution_id])
    _check_own(sent, known)
    receipt = await system.capture.create(served.retriever.namespace, sent)
    row = receipt.row
    return PublicReceipt(
        interaction_id=None if receipt.deduplicated else f"int_{row.interaction_id}",
        deduplicated=receipt.deduplicated, attribution=row.attribution,
        warning=warning_of(row, deduplicated=receipt.deduplicated),
    )  # fmt: skip


@post(f"{ROOT}/interactions/batch", status_code=200, dto=Wire[PublicBatch], return_dto=None)
async def create_public_interactions(
    request: AnyRequest, public_name: FromPath[str], data: JSONBody[PublicBatch]
) -> BatchAnswer:
    """Record 1 to 100 acts of a stranger; a bad row costs only itself, and is not kept."""
    system, served = _found(request, public_name)
    retriever_id, session = served.retriever.retriever_id, _session(request)
    rows = [_row(value, retriever_id, session) for value in data.interactions]
    sent = [row for row in rows if isinstance(row, Sent)]
    known = await _executions(system, served, [row.execution_id for row in sent])
    checked = [_checked(row, known) for row in rows]
    good = [(place, row) for place, row in enumerate(checked) if isinstance(row, Sent)]
    taken = []
    if good:
        namespace = served.retriever.namespace
        taken = await system.capture.create_batch(
            namespace, [r for _, r in good], [b""] * len(good)
        )
    return BatchAnswer.of(_results(checked, dict(zip((p for p, _ in good), taken, strict=True))))


def _row(value: Any, retriever_id: str, session: str) -> Sent | Invalid:
    try:
        return shapes.convert(value, PublicInteraction).to_noun(retriever_id, session)
    except Invalid as error:
        return error


def _checked(row: Sent | Invalid, known: set[str]) -> Sent | Invalid:
    """A row that can be stored, or why not: what strangers get wrong is not kept."""
    if isinstance(row, Invalid):
        return row
    try:
        _check_own(row, known)
        check(row)
    except Invalid as error:
        return error
    return row


def _results(rows: list[Sent | Invalid], taken: dict[int, Result]) -> list[Result]:
    return [
        msgspec.structs.replace(taken[place], index=place) if place in taken else Result(
            index=place, interaction_id="", status="failed",
            error=str(row) if isinstance(row, Invalid) else "not stored",
        )
        for place, row in enumerate(rows)
    ]  # fmt: skip


async def _executions(system: Any, served: Served, sent: Iterable[str]) -> set[str]:
    """Which of these execution ids are this retriever's, bare."""
    known: set[str] = await system.executions.of_retriever(
        served.retriever.retriever_id, map(bare_execution_id, sent)
    )
    return known


def _small(path: str, kept: Any) -> None:
    size = len(msgspec.json.encode(kept))
    if size > MOST_BYTES:
        raise invalid(
            path, "too_long", f"{size:,} bytes of JSON",
            f"public routes take at most {MOST_BYTES:,} bytes of it",
        )  # fmt: skip


def _check_own(sent: Sent, known: set[str]) -> None:
    _small("$.metadata", sent.metadata)
    _small("$.query_snapshot", sent.query_snapshot)
    if bare_execution_id(sent.execution_id) not in known:
        raise invalid(
            "$.execution_id", "unknown_execution", "this retriever has no such execution",
            "send the execution_id of this retriever's own execute answer",
        )  # fmt: skip


HANDLERS = [
    execute_public, public_config, create_public_interaction, create_public_interactions,
]  # fmt: skip
