"""Writes docs/reference/*.md from the code; `--check` says what has drifted and writes nothing.

Knows where the code declares settings, signals, errors, columns, commands, operators and metrics,
and joins them with the sentences of `meanings.toml`. `gaps()` lists what has no sentence.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import re
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "desireline"
TARGET = ROOT / "docs" / "reference"
MEANINGS = tomllib.loads((ROOT / "docs" / "meanings.toml").read_text("utf-8"))
UNSAID = "(not said)"
GENERATED = "<!-- written by docs/generate.py (`make docs`): change the code, not this page -->"


def module(name: str) -> ModuleType | None:
    """A module of the package, or None when it is not part of this version."""
    try:
        return importlib.import_module(f"desireline.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("desireline"):
            return None
        raise


def page(title: str, lead: str, *parts: str) -> str:
    """A page: title, what it lists, its tables."""
    return "\n\n".join([f"# {title}", GENERATED, lead, *parts]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(c) for c in line) + " |" for line in lines)


def cell(value: object) -> str:
    """One cell, on one line."""
    return " ".join(str(value).split()).replace("|", "\\|")


def first_paragraph(thing: object) -> str:
    """The opening sentence or two of a docstring."""
    return (inspect.getdoc(thing) or UNSAID).split("\n\n")[0]


# ------------------------------------------------------------------------------------- settings
def settings() -> str | None:
    """Every setting with its variable, its limits and its sentence."""
    found = module("settings")
    if found is None:
        return None
    rows = [
        (
            f"`{s.name}`",
            f"`{s.variable}`",
            shown_default(s.default),
            s.allowed,
            s.description or UNSAID,
        )
        for s in found.descriptions()
        if not s.is_hidden
    ]
    lead = (
        "Defaults are overridden by a TOML file, that by environment variables, those by arguments "
        "of the command line. " + first_paragraph(found.Settings)
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
    return f"`{default}`" if default not in ("", ()) else ""


# -------------------------------------------------------------------------------------- signals
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


# --------------------------------------------------------------------------------------- errors
def errors() -> str | None:
    """The error tree, then every code with its sentence."""
    found = module("errors")
    if found is None:
        return None
    kinds = [
        (f"`{kind.code}`", kind.status, f"`{kind.type}`", first_paragraph(kind))
        for kind in tree_of(found.DesirelineError)
    ]
    said = MEANINGS["codes"]
    places = [(f"`{code}`", said.get(code, UNSAID)) for code in codes()]
    lead = "Every refusal has a stable code, an HTTP status and a sentence; most have a hint."
    return page(
        "Errors",
        lead,
        "## Kinds\n\n" + table(("code", "status", "type", "meaning"), kinds),
        "## Codes of one place in a request, or of one cause\n\n"
        + table(("code", "meaning"), places),
    )


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


# --------------------------------------------------------------------------------------- tables
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


# ------------------------------------------------------------------------------------------ cli
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


def fenced(text: str) -> str:
    """Text as it is."""
    return f"```text\n{textwrap.dedent(text).rstrip()}\n```"


# -------------------------------------------------------------------------------------- filters
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


# -------------------------------------------------------------------------------------- metrics
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


# --------------------------------------------------------------------------------------- pages
PAGES: dict[str, Callable[[], str | None]] = {
    "settings": settings,
    "signals": signals,
    "errors": errors,
    "tables": tables,
    "cli": cli,
    "filters": filters,
    "metrics": metrics,
}


def written() -> dict[Path, str]:
    """Every page that this version has, by its path."""
    made = {TARGET / f"{name}.md": make() for name, make in PAGES.items()}
    return {path: text for path, text in made.items() if text is not None}


def gaps() -> list[str]:
    """Lines of the reference that do not say what their name means."""
    return [
        f"{path.name}: {line}"
        for path, text in written().items()
        for line in text.splitlines()
        if UNSAID in line
    ]


def drifted() -> list[str]:
    """Pages that are not what the code says now."""
    return [
        str(path.relative_to(ROOT))
        for path, text in written().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    if parser.parse_args().check:
        stale = drifted()
        print("\n".join(f"{name} is stale: run `make docs`" for name in stale) or "docs: no drift")
        return 1 if stale else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
    print("\n".join(gaps()) or f"{len(written())} pages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
