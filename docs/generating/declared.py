"""Settings, signals, error codes, tables, commands, filters and metrics, as the code declares them.

Joins what is declared with the sentences of `meanings.toml`.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from docs.generating.pages import (
    MEANINGS,
    SRC,
    UNSAID,
    fenced,
    first_paragraph,
    module,
    page,
    table,
)


def settings() -> str | None:
    """Every setting with its variable, its limits and its sentence."""
    found = module("settings")
    if found is None:
        return None
    rows = [setting(each) for each in found.descriptions() if not each.is_hidden]
    lead = (
        "Defaults are overridden by a TOML file, that by environment variables, those by arguments "
        "of the command line; `desireline config show` says what came from where. "
        + first_paragraph(found.Settings)
    )
    head = ("setting", "variable", "default", "takes", "meaning")
    return page("Settings", lead, table(head, rows))


def setting(each: Any) -> tuple[str, ...]:
    """The line of one setting."""
    default = shown_default(each.default)
    meaning = each.description or UNSAID
    return f"`{each.name}`", f"`{each.variable}`", default, each.allowed, meaning


def shown_default(default: object) -> str:
    """A default as a person would write it; nothing for an empty one."""
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
    return f"`{shown}`" if shown != "" else ""


def signals() -> str | None:
    """The table of interaction types."""
    found = module("core.signals")
    if found is None:
        return None
    rows = [
        (f"`{s.name}`", s.strength, f"{s.extended:g}", f"{s.compatible:g}", traits(s))
        for s in found.SIGNALS.values()
    ]
    lead = (
        "What one interaction type says, and what it is worth by default. Any other name of "
        "lower-case letters, digits and underscores is a custom type: it is stored, and worth 0 "
        "until the reward map of a retriever names it."
    )
    head = ("interaction type", "says", "reward, extended", "reward, compatible", "also")
    return page("Signals", lead, table(head, rows))


def traits(signal: Any) -> str:
    """What else holds for a signal."""
    said = {"conversion": signal.conversion, "about the query": signal.query_level}
    return ", ".join(name for name, holds in said.items() if holds)


def errors() -> str | None:
    """Every code under a heading of its own, so that it can be linked to."""
    found = module("errors")
    if found is None:
        return None
    kinds = {kind.code: kind for kind in tree_of(found.DesirelineError)}
    names = sorted({*kinds, *codes(), *plain_codes()})
    lead = (
        "Every refusal has a stable code, an HTTP status and a sentence; most have a hint. A 422 "
        "names each place in `details.validation_errors[]` by its JSON path, with a code of its "
        "own. What a code without a kind comes with: the kind of the refusal it stands in."
    )
    listed = table(("code", "status", "type"), (kind_row(kinds[name]) for name in kinds))
    parts = [f"### {name}\n\n{error_text(name, kinds.get(name))}" for name in names]
    return page("Errors", lead, "## Kinds\n\n" + listed, "## Codes", *parts)


def kind_row(kind: Any) -> tuple[object, ...]:
    """The line of a kind, leading to its text."""
    return f"[`{kind.code}`](#{kind.code})", kind.status, f"`{kind.type}`"


def error_text(code: str, kind: Any) -> str:
    """What a code means, and the status it is when it is a kind."""
    said = MEANINGS["codes"].get(code) or (first_paragraph(kind) if kind else UNSAID)
    return f"{kind.status} `{kind.type}`. {said}" if kind else said


def plain_codes() -> set[str]:
    """Codes of what the router refuses before any handler."""
    found = module("http.problems")
    return {code for _, code in found._PLAIN.values()} if found else set()


def tree_of(kind: type[Any]) -> Iterator[Any]:
    """A class and all below it in its module, parents first."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == kind.__module__:
            yield from tree_of(child)


def codes() -> list[str]:
    """Every code that is written out somewhere in the source."""
    trees = (ast.parse(path.read_text("utf-8")) for path in SRC.rglob("*.py"))
    calls = (n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call))
    return sorted({code for call in calls if (code := code_of(call))})


def code_of(call: ast.Call) -> str:
    """The code in `invalid(path, code, …)`, `FieldError(path, code, …)` or `Kind(…, code=…)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    named = next((k.value for k in call.keywords if k.arg == "code"), None)
    if name in ("invalid", "FieldError") and len(call.args) > 1:
        return literal(call.args[1])
    return literal(named) if name[:1].isupper() or name == "invalid" else ""


def literal(node: ast.expr | None) -> str:
    """A string constant's text."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def tables() -> str | None:
    """Every table of the event log: its columns as the migrations declare them."""
    declared = columns()
    if not declared:
        return None
    parts = [
        f"## {name}\n\n{MEANINGS['tables'].get(name, UNSAID)}\n\n"
        + table(
            ("column", "type", "default", "meaning"),
            [(f"`{c}`", f"`{t}`", f"`{d}`" if d else "", meaning(name, c)) for c, t, d in rows],
        )
        for name, rows in declared.items()
    ]
    lead = (
        "The event log. An intake frame is one of these rows as a JSON object; what stands at its "
        "default is left out. Ids are 32 hexadecimal digits without a prefix."
    )
    return page("Tables", lead, *parts)


def meaning(table_name: str, column: str) -> str:
    """The sentence of a column: the table's own, else the one all tables share."""
    said = MEANINGS["columns"]
    own: str | None = said.get(table_name, {}).get(column)
    return own or said["common"].get(column, UNSAID)


def columns() -> dict[str, list[tuple[str, str, str]]]:
    """Columns (name, type, default) by table, read from the migrations."""
    text = "\n".join(p.read_text("utf-8") for p in sorted((SRC / "store/schema").glob("*.sql")))
    pattern = r"CREATE TABLE IF NOT EXISTS ([a-z_]+)[^\n]*\n\(\n(.*?)\n\)"
    return {
        name: list(filter(None, map(column_of, body.splitlines())))
        for name, body in re.findall(pattern, text, re.DOTALL)
        if name != "schema_version"
    }


def column_of(line: str) -> tuple[str, str, str] | None:
    """One line of a CREATE TABLE, unless it declares an index or is a comment."""
    found = re.match(r"\s+([a-z_]+) (.+?)(?: DEFAULT (\S+))?(?: TTL .*)?,?$", line)
    return (found[1], found[2], found[3] or "") if found else None


def cli() -> str | None:
    """Every command, as `--help` prints it."""
    found = module("cli")
    make = getattr(found, "parser", None)
    if make is None:
        return None
    os.environ["COLUMNS"] = "80"
    try:
        root = make()
    except ModuleNotFoundError:
        return None
    parts = [f"## desireline {name}\n\n{fenced(p.format_help())}" for name, p in commands(root)]
    return page("Command line", str(root.description), fenced(root.format_help()), *parts)


def commands(parser: argparse.ArgumentParser, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every command below a parser, with its words."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield f"{prefix}{name}", below
                yield from commands(below, f"{prefix}{name} ")


def filters() -> str | None:
    """The operators of a filter, with their `$` names."""
    found = module("core.filters")
    if found is None:
        return None
    alias = {name: f"`{sign}`" for sign, name in getattr(found, "_ALIASES", {}).items()}
    said = MEANINGS["operators"]
    rows = [(f"`{o}`", alias.get(o, ""), said.get(o, UNSAID)) for o in found.OPERATORS]
    lead = (
        'A leaf is `{"field": …, "operator": …, "value": …}` or, shorter, '
        '`{"brand": "Acme", "price": {"gte": 10}}`; `AND`, `OR`, `NOT` join them.'
    )
    return page("Filters", lead, table(("operator", "also", "holds when"), rows))


def metrics() -> str | None:
    """Metrics of rankings, then those of the process."""
    parts = [part for part in (ranking_metrics(), process_metrics()) if part]
    lead = "Numbers about rankings, and numbers about the process at `/metrics`."
    return page("Metrics", lead, *parts) if parts else None


def ranking_metrics() -> str:
    """Every public function of the metrics module with its definition."""
    found = module("core.metrics")
    if found is None:
        return ""
    rows = [(f"`{n}`", first_paragraph(f)) for n, f in public_functions(found)]
    return "## Of a ranking\n\n" + table(("metric", "definition"), rows)


def process_metrics() -> str:
    """Every declared counter, gauge and histogram."""
    found = module("http.metrics")
    if found is None:
        return ""
    declared = [m for value in vars(found).values() for m in collectors(value)]
    rows = sorted({exposed(collector) for collector in declared})
    return "## Of the process\n\n" + table(("metric", "type", "labels", "meaning"), rows)


def collectors(value: object) -> Iterator[Any]:
    """Prometheus collectors in a module's value, alone or in a dict."""
    for each in value.values() if isinstance(value, Mapping) else (value,):
        if hasattr(each, "_documentation") and hasattr(each, "_labelnames"):
            yield each


def exposed(collector: Any) -> tuple[str, str, str, str]:
    """Name as `/metrics` prints it, type, labels, help text."""
    name = collector._name + ("_total" if collector._type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in collector._labelnames)
    return f"`{name}`", collector._type, labels, collector._documentation or UNSAID


def public_functions(found: ModuleType) -> list[tuple[str, Callable[..., Any]]]:
    """Functions a module defines for others, in the order it defines them."""
    here = [
        (name, value)
        for name, value in vars(found).items()
        if inspect.isfunction(value) and value.__module__ == found.__name__
    ]
    return [(name, value) for name, value in here if not name.startswith("_")]
