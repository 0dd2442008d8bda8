"""The OpenAPI document: every route under `/v1`, made of the same structs the routes decode.

Ingest routes are plain ASGI and invisible to the generator, so a second application of typed twins
is described and merged in (a test sends its examples to the live routes). Knows no behaviour.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from litestar import Litestar, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme, Server

from desireline import __version__
from desireline.http import interactions
from desireline.http.caller import AnyRequest

ERROR = {
    "type": "object",
    "required": ["success", "status", "error", "request_id"],
    "properties": {
        "success": {"const": False},
        "status": {"type": "integer"},
        "request_id": {"type": "string"},
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "hint", "details"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "hint": {"type": "string"},
                "details": {"type": "object"},
            },
        },
    },
}


def config(root: str = "/") -> OpenAPIConfig:
    """The document's head; `root` is what stands before every path, on whatever host it is read."""
    bearer = SecurityScheme(type="http", scheme="bearer")
    return OpenAPIConfig(
        title="desireline", version=__version__,
        description="A self-hosted search feedback loop.",
        use_handler_docstrings=True, servers=[Server(url=root)],
        components=Components(security_schemes={"key": bearer}),
    )  # fmt: skip


@lru_cache(maxsize=1)
def _twins() -> dict[str, Any]:
    schema: dict[str, Any] = Litestar(
        interactions.TWINS, openapi_config=config()
    ).openapi_schema.to_schema()
    return schema


def document(app: Litestar) -> dict[str, Any]:
    """The whole document: live routes and twins, with the one error envelope on every operation."""
    found: dict[str, Any] = app.openapi_schema.to_schema()
    twins = _twins()
    for path, operations in twins["paths"].items():
        found["paths"].setdefault(path, {}).update(operations)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(twins.get("components", {}).get("schemas", {}))
    schemas["Error"] = ERROR
    for operations in found["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"].pop("400", None)
                operation["responses"]["default"] = _refusal()
    found["paths"] = dict(sorted(found["paths"].items()))
    return found


def _refusal() -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Error"}
    return {
        "description": "Refused: what happened, where, what to do next",
        "content": {"application/json": {"schema": reference}},
    }


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi_json(request: AnyRequest) -> dict[str, Any]:
    """The document, made once."""
    state = request.app.state
    if "openapi" not in state:
        state.openapi = document(request.app)
    found: dict[str, Any] = state.openapi
    return found
