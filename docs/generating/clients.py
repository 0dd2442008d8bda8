"""The methods of our Python client, and what those of the published one do here."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Callable
from typing import Any

from docs.generating.pages import ROOT, first_paragraph, module, page, table


def python_client() -> str | None:
    """Every method of the client by group, with what it sends; then the shared arguments."""
    found = module("client")
    if found is None:
        return None
    client = found.Client(base_url="localhost")
    lead = (
        "`from desireline import Client` or, with the same methods awaited, `AsyncClient`. "
        + first_paragraph(found.Client)
        + " What a method returns has the declared fields as attributes, and everything that was "
        "sent by key; `list` methods are iterated, over as many pages as there are."
    )
    groups = [(n, v) for n, v in vars(client).items() if not n.startswith("_")]
    groups.append(("analytics.retrievers", client.analytics.retrievers))
    groups.append(("namespaces.documents", client.namespaces.documents))
    groups.append(("retriever(retriever_id)", client.retriever("r")))
    parts = [group(f"client.{name}", type(value)) for name, value in sorted(groups)]
    return page("Python client", lead, group("client", found.Client), *parts, keywords())


def group(name: str, kind: type[Any]) -> str:
    """The methods of one class, those it inherits included."""
    calls = [(n, f) for n, f in inspect.getmembers(kind, inspect.isfunction) if n[0] != "_"]
    lead = "" if name == "client" else f"{first_paragraph(kind)}\n\n"
    rows = [(f"`{n}({shown_arguments(f)})`", first_paragraph(f)) for n, f in calls]
    return f"## {name}\n\n{lead}" + table(("method", "what it does"), rows)


def shown_arguments(call: Callable[..., Any]) -> str:
    """Names and defaults; `**execute` stands for the shared arguments of that name."""
    signature, empty = inspect.signature(call), inspect.Parameter.empty
    shown = []
    for each in list(signature.parameters.values())[1:]:
        shared = re.match(r"Unpack\[(\w+?)(Fields)?\]", str(each.annotation))
        name = shared[1].lower() if shared else each.name
        shown.append(each.replace(name=name, annotation=empty))
    return str(signature.replace(parameters=shown, return_annotation=empty)).strip("()")


def keywords() -> str:
    """The arguments that several methods share."""
    kinds = [kind for kind in vars(module("client.fields")).values() if hasattr(kind, "__total__")]
    rows = [
        (
            f"`**{kind.__name__.removesuffix('Fields').lower()}`",
            ", ".join(f"`{name}`" for name in kind.__annotations__),
            first_paragraph(kind),
        )
        for kind in kinds
    ]
    return "## Shared arguments\n\n" + table(("as", "names", "meaning"), rows)


def sdk_rows() -> dict[str, dict[str, Any]]:
    """Row by method of the published client, as `docs/sdk_methods.toml` has them."""
    groups = tomllib.loads((ROOT / "docs" / "sdk_methods.toml").read_text("utf-8"))
    return {
        name if group == "client" else f"{group}.{name}": row
        for group, rows in groups.items()
        for name, row in rows.items()
    }


def sdk_methods() -> str:
    """What each method of the published client does here."""
    rows = [
        (f"`{name}`", row["outcome"], ", ".join(f"`{key}`" for key in row.get("gives", ())),
         row.get("note", ""))
        for name, row in sdk_rows().items()
    ]  # fmt: skip
    lead = (
        "The published Python client, unmodified, with `base_url` at this server: with `/v1`, with "
        "`/api/v1` or without either. Every row is called by a test, at each of the three. "
        "*Not offered* and *later* raise `MixpeekAPIError` 403 with type `NotEnabledError` and say "
        "what to do instead; *later* is part of a later version."
    )
    head = ("method", "here", "the answer has", "note")
    return page("Methods of the published client", lead, table(head, rows))
