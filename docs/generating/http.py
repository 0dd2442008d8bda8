"""The routes and the objects they take and give, from the OpenAPI document.

Knows JSON Schema as the generator writes it, and Markdown anchors; no handler.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import msgspec

from desireline.http.app import create_app
from desireline.http.openapi import document
from desireline.settings import Settings
from docs.generating.pages import first_paragraph, page, subclasses, table

Json = Mapping[str, Any]
# Where the structs of the wire are, the likeliest first.
WIRE = ("desireline.http.", "desireline.types.", "desireline.core.", "desireline.steps.")


@asynccontextmanager
async def nothing() -> Any:
    """No system: the application is only described."""
    yield None


def described() -> Json:
    """The OpenAPI document of this version."""
    with tempfile.TemporaryDirectory() as folder:
        served: Any = create_app(Settings(data=folder), nothing)
        found: Json = document(served.app)
    return found


def http() -> str:
    """An index of routes, each route, then each object."""
    found = described()
    groups = [(name, list(members)) for name, members in groupby(operations(found), key=group_of)]
    lead = (
        "Every route, also under `/api/v1` and without a prefix. JSON is read whatever the content "
        "type; an absent body is `{}`. The machine-readable form is `/openapi.json`, `/docs` shows "
        "it. Refusals have [one envelope](errors.md); routes that are refused are on [a page of "
        "their own](refused.md)."
    )
    index = table(
        ("route", "what it does"),
        [(linked(title(m, p)), o["description"]) for m, p, o in operations(found)],
    )
    parts = ["\n\n".join([f"## {name}", *map(route, members)]) for name, members in groups]
    schemas = found["components"]["schemas"]
    objects = [an_object(name, schemas[name]) for name in sorted(schemas)]
    return page("HTTP", lead, index, *parts, "## Objects", *objects)


def operations(found: Json) -> list[tuple[str, str, Json]]:
    """(method, path, operation), by group and path."""
    listed = [
        (method.upper(), path, operation)
        for path, methods in found["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(listed, key=lambda row: (group_of(row), row[1], row[0]))


def group_of(row: tuple[str, str, Json]) -> str:
    """The heading a route stands under: the first word of its path that names a thing."""
    parts = [part for part in row[1].split("/")[2:] if not part.startswith("{")]
    inner = [part for part in parts if part in ("interactions", "executions", "learned-fusion")]
    return inner[0] if inner and parts[0] == "retrievers" else parts[0]


def title(method: str, path: str) -> str:
    """The heading of a route."""
    return f"{method} {path}"


def linked(heading: str) -> str:
    """A link to a heading of the page."""
    return f"[`{heading}`](#{anchor(heading)})"


def anchor(heading: str) -> str:
    """The fragment a heading is reached by."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def route(row: tuple[str, str, Json]) -> str:
    """One route: what it does, its query, its body, its answer."""
    method, path, operation = row
    parts = [f"### {title(method, path)}", operation["description"], *query(operation)]
    body = operation.get("requestBody")
    if body:
        parts.append(f"Takes {kind_of(schema_in(body))}.")
    parts += [
        f"Answers {status} with {kind_of(schema_in(answer))}."
        for status, answer in operation["responses"].items()
        if status != "default"
    ]
    return "\n\n".join(parts)


def query(operation: Json) -> Iterator[str]:
    """Query parameters as a table."""
    rows = [
        (
            f"`{p['name']}`",
            kind_of(p["schema"]),
            shown_default(p["schema"]),
            p.get("description", ""),
        )
        for p in operation.get("parameters", [])
        if p["in"] == "query"
    ]
    if rows:
        yield table(("query parameter", "type", "default", "meaning"), rows)


def schema_in(holder: Json) -> Json:
    """The schema of a body or an answer."""
    content = holder.get("content") or {}
    found: Json = next((each["schema"] for each in content.values()), {})
    return found


def an_object(name: str, schema: Json) -> str:
    """An object with its fields."""
    needed = schema.get("required", ())
    rows = [
        (f"`{field}`", kind_of(part), "needed" if field in needed else shown_default(part),
         part.get("description", ""))
        for field, part in schema.get("properties", {}).items()
    ]  # fmt: skip
    said = schema.get("description") or docstring_of(name)
    listed = table(("field", "type", "default", "meaning"), rows) if rows else kind_of(schema)
    return "\n\n".join(part for part in (f"### {name}", said, listed) if part)


def docstring_of(name: str) -> str:
    """The sentence of the struct an object is made of; other rooms have structs of that name."""
    named = [kind for kind in subclasses(msgspec.Struct) if kind.__name__ == name]
    found = [kind for room in WIRE for kind in named if kind.__module__.startswith(room)]
    kind = next((kind for kind in found if vars(kind).get("__doc__")), None)
    return first_paragraph(kind) if kind else ""


def kind_of(schema: Json) -> str:
    """A schema in words; objects with a name are linked."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{anchor(name)})"
    for key in ("oneOf", "anyOf"):
        if key in schema:
            options = [kind_of(option) for option in schema[key]]
            return " or ".join(dict.fromkeys(options)) + limits(schema)
    if "enum" in schema or "const" in schema:
        choices = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{json.dumps(choice)}`" for choice in choices)
    return plain(schema) + limits(schema)


def plain(schema: Json) -> str:
    """A schema without a name."""
    kind = schema.get("type", "any value")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {kind_of(schema['additionalProperties'])}"
    return str(kind)


def limits(schema: Json) -> str:
    """Bounds of a number, a text or a list."""
    names = {
        "minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most",
        "minLength": "length at least", "maxLength": "length at most",
        "minItems": "entries at least", "maxItems": "entries at most",
    }  # fmt: skip
    found = [f"{words} {schema[name]:.16g}" for name, words in names.items() if name in schema]
    return f", {', '.join(found)}" if found else ""


def shown_default(schema: Json) -> str:
    """A default, nothing for an empty one."""
    made = schema.get("default")
    return f"`{json.dumps(made, ensure_ascii=False)}`" if made not in (None, "", [], {}) else ""
