"""The OpenAPI document tells the truth: routes, words, shapes. test_fuzz sends what it allows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from desireline.http import not_offered
from desireline.http.app import create_app
from desireline.http.openapi import document
from desireline.settings import Settings
from tests.capturing import EXECUTION
from tests.e2e.live import Live
from tests.http.test_interactions import never


def an_app(folder: Path) -> Any:
    return create_app(Settings(data=str(folder)), never).app


def normal(path: str) -> str:
    """A path as OpenAPI writes it: no types of parameters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def served_routes(app: Any) -> set[tuple[str, str]]:
    """(method, path) of everything below /v1 that the application answers, refusals apart."""
    refused = {f"/v1{each.path}" for each in (*not_offered.NEVER, *not_offered.LATER)}
    found = set()
    for route in app.routes:
        methods = getattr(route, "methods", None) or RAW[route.path]
        if route.path.startswith("/v1") and route.path not in refused:
            found |= {(m.lower(), normal(route.path)) for m in methods if m not in HIDDEN}
    return found


HIDDEN = ("OPTIONS", "HEAD")
RAW = {
    "/v1/retrievers/interactions": ("GET", "POST", "DELETE"),
    "/v1/retrievers/interactions/batch": ("POST",),
}


def test_every_route_is_described_and_every_description_is_a_route(tmp_path: Path):
    app = an_app(tmp_path)
    described = {
        (method, path)
        for path, operations in document(app)["paths"].items()
        for method in operations
        if method in ("get", "post", "patch", "put", "delete")
    }
    assert described == served_routes(app)


def test_every_operation_has_words_a_body_shape_and_the_error_envelope(tmp_path: Path):
    found = document(an_app(tmp_path))
    names = [o["operationId"] for ops in found["paths"].values() for o in ops.values()]
    assert len(names) == len(set(names))
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("description") or operation.get("summary"), where
            refused = operation["responses"]["default"]["content"]["application/json"]
            assert refused["schema"]["$ref"].endswith("/Error"), where
            assert all(status in ("200", "202", "default") for status in operation["responses"]), (
                where
            )
            for parameter in operation.get("parameters", []):
                assert parameter["in"] in ("path", "query"), (where, parameter)


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(part) for part in node.values()))
    return set().union(*(references(part) for part in node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere(tmp_path: Path):
    found = document(an_app(tmp_path))
    known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
    assert references(found) <= known


def an_example(schema: Any, components: Any) -> Any:
    """The plainest value of a schema, required and optional fields alike."""
    if "$ref" in schema:
        return an_example(components[schema["$ref"].rpartition("/")[2]], components)
    for key in ("oneOf", "anyOf"):
        if key in schema:
            options = [o for o in schema[key] if o.get("type") != "null"]
            return an_example(options[0], components)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    kinds = schema.get("type", "object")
    kind = kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: an_example(each, components) for name, each in fields.items()}
    if kind == "array":
        return [an_example(schema["items"], components)]
    plain = {"string": "click", "boolean": False, "number": 1.0, "integer": 1}
    return plain[kind]


def test_what_the_twins_describe_is_what_the_raw_routes_take(live: Live):
    found = live.ok("GET", "/openapi.json")
    components = found["components"]["schemas"]
    for path in RAW:
        body = found["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        example = an_example(body["schema"], components)
        rows = example.get("interactions", [example])
        for row in rows:
            row |= {"document_id": row["feature_id"], "execution_id": f"exec_{EXECUTION}",
                    "occurred_at": "2026-01-01T00:00:00Z"}  # fmt: skip
        answer = live.ok("POST", path, example)
        wanted = found["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]
        shape = components[wanted["schema"]["$ref"].rpartition("/")[2]]
        assert set(shape["required"]) <= set(answer)
        if "interactions" in example:
            assert answer["created"] == 1, answer
    listed = found["paths"]["/v1/retrievers/interactions"]["get"]["parameters"]
    query = "&".join(f"{p['name']}={_sample(p)}" for p in listed)
    live.ok("GET", f"/v1/retrievers/interactions?{query}")


def _sample(parameter: Any) -> str:
    given = {
        "created_after": "2026-01-01T00:00:00Z", "created_before": "2026-02-01T00:00:00Z",
        "attribution": "logged", "interaction_type": "click", "cursor": "1-" + "0" * 32,
        "include_total": "true",
    }  # fmt: skip
    return given.get(parameter["name"], "1")
