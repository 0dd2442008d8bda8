"""The stages a retriever may have: parameters from their structs, examples from `stages.toml`.

Knows how an annotation reads in words. The examples are run by tests/e2e/test_stages.py.
"""

from __future__ import annotations

import json
import re
import tomllib
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from desireline.core.recipe.filtering import AttributeFilter
from desireline.core.recipe.searching import FeatureSearch
from desireline.core.recipe.shape import CATEGORIES, MOST_STAGES
from desireline.core.shapes import expected
from desireline.core.stages.table import LATER
from desireline.types.retriever import FusionMethod
from docs.generating.pages import MEANINGS, ROOT, UNSAID, code_block, first_paragraph, page, table

EXAMPLES = tomllib.loads((ROOT / "docs" / "stages.toml").read_text("utf-8"))
HEAD = ("parameter", "takes", "default", "meaning")
ORDER = {True: "what stays, stays in its order", False: "gives another order"}
_FOUND = {"feature_search": FeatureSearch, "attribute_filter": AttributeFilter}
STRUCTS: dict[str, Any] = _FOUND | {name: stage.parameters for name, stage in LATER.items()}


def stages() -> str:
    """Shapes, fusion methods, then every stage with its parameters and an example."""
    lead = (
        f"A retriever is a list of 1 to {MOST_STAGES} stages. The first ones find documents "
        "(`feature_search`, or an `attribute_filter` that lists), the others order, cut and mark "
        "what was found. A parameter may be a template, such as `{{INPUT.k}}`, filled in at each "
        "execution. What is refused by name is on [a page of its own](refused.md)."
    )
    beside = table(("field", "meaning"), [(f"`{n}`", s) for n, s in MEANINGS["beside"].items()])
    parts = [stage_part(name) for name in STRUCTS]
    inner = [inner_part(kind) for kind in inner_structs()]
    return page(
        "Stages", lead, overview(), collection_part(), shapes_part(),
        "## Beside the parameters\n\n" + beside, fusion_part(), *parts,
        "## Objects inside parameters", *inner,
    )  # fmt: skip


def overview() -> str:
    """One line a stage."""
    rows = [
        (f"[`{name}`](#{name})", CATEGORIES[name], order_of(name), first_paragraph(struct))
        for name, struct in STRUCTS.items()
    ]
    return table(("stage", "type", "order", "what it does"), rows)


def order_of(name: str) -> str:
    """Whether a stage moves documents."""
    if name not in LATER:
        return "finds" if name == "feature_search" else ORDER[True]
    stage = LATER[name]
    return ORDER[stage.keeps_order] + (", propensities stay known" if stage.keeps_places else "")


def collection_part() -> str:
    """What the examples are run on."""
    held = EXAMPLES["collection"]
    return (
        "## The collection of the examples\n\nEvery example below is run by a test: on a "
        "collection with these features\n\n" + code_block(held["features"]) + "\n\nand documents"
        "\n\n" + code_block(held["documents"]) + "\n\nwith these inputs. A stage other than "
        "`feature_search` stands behind the `feature_search` of its own example.\n\n"
        + code_block(held["inputs"])
    )


def shapes_part() -> str:
    """The four shapes, each with an example."""
    parts = [
        f"### {name} shape\n\n{shape['says']}\n\n" + code_block(shape["stages"]) + gives(shape)
        for name, shape in EXAMPLES["shapes"].items()
    ]
    return "\n\n".join(["## Shapes\n\nFour are taken; reads answer the first.", *parts])


def gives(example: dict[str, Any]) -> str:
    """The documents of an example."""
    return "\n\ngives " + ", ".join(f"`{each}`" for each in example["gives"])


def fusion_part() -> str:
    """The methods that make one list of several."""
    said = MEANINGS["fusion"]
    rows = [(f"`{name}`", said.get(name, UNSAID)) for name in typing.get_args(FusionMethod)]
    lead = (
        "How a `feature_search` makes one list of several; equal scores go by document id. A "
        "weight that was not sent is 1. With one search its own scores stay."
    )
    return f"## Fusion\n\n{lead}\n\n" + table(("method", "score of a document"), rows)


def stage_part(name: str) -> str:
    """A stage: what it does, its parameters, an example."""
    example = EXAMPLES["stages"].get(name)
    shown = code_block(example["stage"]) + gives(example) if example else UNSAID
    lead = f"{first_paragraph(STRUCTS[name])} Type `{CATEGORIES[name]}`; {order_of(name)}."
    return f"## {name}\n\n{lead}\n\n{parameters(STRUCTS[name])}\n\nExample:\n\n{shown}"


def inner_part(kind: Any) -> str:
    """An object inside parameters."""
    return f"### {kind.__name__}\n\n{first_paragraph(kind)}\n\n{parameters(kind)}"


def parameters(kind: Any) -> str:
    """The fields of a struct as a table."""
    rows = [
        (f"`{f.encode_name}`", takes(f.type), default_of(f), meaning(kind, f))
        for f in msgspec.structs.fields(kind)
    ]
    return table(HEAD, rows)


def takes(annotation: Any) -> str:
    """What may be sent, in words; objects with a table of their own are linked."""
    inner = list(structs_in(annotation))
    words = expected(annotation).removeprefix("send ")
    if not inner:
        return words or "any value"
    links = ", ".join(linked(kind) for kind in inner)
    words = re.sub(r"( of objects| an object|^an object) with: .*", r"\1", words)
    return f"{words or 'a text, a list of numbers, or an object'} ({links})"


def linked(kind: Any) -> str:
    """A link to the table of an object: its own, or that of the stage that has the same."""
    stage = next((name for name, struct in STRUCTS.items() if struct is kind), None)
    return f"[{kind.__name__}](#{stage or kind.__name__.lower()})"


def default_of(field: Any) -> str:
    """The default as JSON, "needed" when there is none, nothing for null."""
    if field.required:
        return "needed"
    made = field.default
    if made is msgspec.NODEFAULT:
        made = field.default_factory()
    empty = made is None or made in ("", (), [], {})
    return "" if empty else f"`{json.dumps(made, ensure_ascii=False)}`"


def meaning(kind: Any, field: Any) -> str:
    """The description of a field: in its annotation, else in `meanings.toml`."""
    said = MEANINGS["parameters"].get(kind.__name__, {}).get(field.encode_name)
    return said or description(field.type) or UNSAID


def description(annotation: Any) -> str:
    """The sentence in an annotation's Meta, wherever it stands."""
    for part in typing.get_args(annotation):
        found = part.description if isinstance(part, msgspec.Meta) else description(part)
        if found:
            return str(found)
    return ""


def structs_in(annotation: Any) -> Iterator[Any]:
    """Structs that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation
        return
    for part in typing.get_args(annotation):
        yield from structs_in(part)


def inner_structs() -> list[Any]:
    """Structs inside parameters, each once, outer ones first."""
    found: list[Any] = []
    rest = list(STRUCTS.values())
    while rest:
        fields = msgspec.structs.fields(rest.pop(0))
        new = [s for f in fields for s in structs_in(f.type) if s not in found]
        new = [s for s in dict.fromkeys(new) if s not in STRUCTS.values()]
        found, rest = [*found, *new], [*rest, *new]
    return found
