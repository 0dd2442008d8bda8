"""The one list of what the published API has and this version refuses by name.

Read from where the refusals are: routes, stages, fields and values of structs, operators, and the
places that raise `not_available` themselves.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from typing import Any

import msgspec

from desireline.core import filters, shapes
from desireline.core.recipe.shape import REFUSED
from desireline.http import not_offered
from docs.generating.pages import MEANINGS, SRC, UNSAID, first_paragraph, page, subclasses, table

SAID = MEANINGS["refused"]
PLAIN = "leave it out"
ROOMS = ("desireline.http", "desireline.core", "desireline.types")


def refused() -> str:
    """Routes, stages, fields, values, operators, templates, and single refusals."""
    lead = (
        "What the published API has and this version does not run is refused by name, never "
        "ignored: routes with 403 [`not_offered`](errors.md#not_offered) or "
        "[`not_available`](errors.md#not_available), stages with 422 "
        "[`stage_not_available`](errors.md#stage_not_available), all else with 422 "
        "[`not_available`](errors.md#not_available) at its JSON path. What is accepted without "
        "effect is named in `warnings[]` of the answer. A name that nobody knows is 422 "
        "[`unknown_field`](errors.md#unknown_field)."
    )
    return page(
        "What is refused", lead,
        "## Routes\n\n" + routes(), "## Stages\n\n" + refused_stages(),
        "## Fields\n\n" + fields(), "## Fields of any request\n\n" + elsewhere(),
        "## Values\n\n" + values(), "## Filter operators\n\n" + operators(),
        "## Templates\n\n" + templates(), "## In single places\n\n" + raised(),
    )  # fmt: skip


def routes() -> str:
    """Refused routes, never offered ones first."""
    kinds = ((not_offered.NEVER, "not_offered"), (not_offered.LATER, "not_available"))
    rows = [
        (f"`{'/'.join(each.methods)} /v1{plain_path(each.path)}`", each.what, code, each.instead)
        for listed, code in kinds
        for each in listed
    ]
    return table(("route", "what it is", "code", "instead"), rows)


def plain_path(path: str) -> str:
    """A path without the types of its parameters."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", path)


def refused_stages() -> str:
    """Stages that are known and not run."""
    said = SAID["stages"]
    rows = [(f"`{name}`", said.get(name, UNSAID)) for name in sorted(REFUSED)]
    return table(("stage", "instead"), rows)


def fields() -> str:
    """Refused fields by the request they would stand in."""
    rows = [
        (what(kind), ", ".join(f"`{name}`" for name in names), instead)
        for kind in refusing("not_available")
        for instead, names in by_instead(kind).items()
    ]
    return table(("of", "fields", "instead"), rows)


def what(kind: Any) -> str:
    """The request a struct is; one that is only a part of others by what they are."""
    whole = [kind] if vars(kind).get("__doc__") else kind.__subclasses__()
    return " ".join(first_paragraph(each) for each in whole)


def by_instead(kind: Any) -> dict[str, list[str]]:
    """The refused fields of a struct, those with the same advice together."""
    found: dict[str, list[str]] = {}
    for name in sorted(kind.not_available):
        said = SAID["fields"].get(name) or getattr(kind, "not_available_hint", PLAIN)
        found.setdefault(said, []).append(name)
    return found


def elsewhere() -> str:
    """Fields that are refused wherever they stand."""
    said = SAID["fields"]
    rows = [(f"`{name}`", said.get(name, PLAIN)) for name in sorted(shapes._ELSEWHERE)]
    return table(("field", "instead"), rows)


def values() -> str:
    """Refused values of fields that are there."""
    rows = [
        (what(kind), f"`{field}`", ", ".join(f"`{v}`" for v in refused_values),
         SAID["values"].get(field, UNSAID))
        for kind in refusing("not_available_values")
        for field, refused_values in kind.not_available_values.items()
    ]  # fmt: skip
    return table(("of", "field", "values", "instead"), rows)


def operators() -> str:
    """Operators that the reader of filters refuses."""
    names = [name for name in filters.OPERATORS if name not in filters._CHECKS]
    rows = [(f"`{name}`", SAID["operators"].get(name, UNSAID)) for name in names]
    return table(("operator", "instead"), rows)


def templates() -> str:
    """What a template may not hold."""
    return table(
        ("in a template", "instead"), [(f"`{n}`", s) for n, s in SAID["templates"].items()]
    )


def refusing(mark: str) -> list[Any]:
    """Every struct of the wire and of the core that refuses something, by module and name."""
    for room in ROOMS:
        for each in pkgutil.walk_packages([str(SRC / room.split(".")[1])], f"{room}."):
            importlib.import_module(each.name)
    found = {kind for kind in subclasses(msgspec.Struct) if mark in vars(kind)}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def raised() -> str:
    """Refusals that code raises itself: where, and in what words."""
    found = {
        row
        for path in sorted(SRC.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and (row := refusal(node))
    }
    return table(("at", "in words", "instead"), sorted(found))


def refusal(call: ast.Call) -> tuple[str, str, str] | None:
    """Path, message and hint of `not_available(…)` or `FieldError(path, "not_available", …)`."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    given = [text(part) for part in call.args]
    if name == "not_available" and len(given) >= 2:
        at, message, hint = given[0], given[1], given[2] if len(given) > 2 else ""
    elif name in ("FieldError", "invalid") and given[1:2] == ["not_available"]:
        at, message, hint = given[0], given[2], given[3] if len(given) > 3 else ""
    else:
        return None
    at = re.sub(r"^\{(path|where|inner)\}", "…", at) or "…"
    instead = SAID["places"].get(at) or hint or PLAIN
    return (f"`{at}`", message, instead) if message else None


def text(node: ast.expr) -> str:
    """A string, with names in braces where an f-string fills in; "" for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text(part) for part in node.values)
    return f"{{{ast.unparse(node.value)}}}" if isinstance(node, ast.FormattedValue) else ""
