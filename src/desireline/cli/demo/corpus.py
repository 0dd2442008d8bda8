"""The demo's documents: the running interpreter's own standard library, read as text.

One document for every public module, class, function and method with a docstring. Python source is
parsed and never imported (some modules print, open windows or a browser when imported); compiled
modules are asked by `compiled`. Tests are left out. The same interpreter gives the same documents
in the same order. Knows nothing of collections or of HTTP.
"""

from __future__ import annotations

import ast
import gc
import inspect
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeGuard

import msgspec

from desireline.cli.demo import compiled
from desireline.cli.demo.compiled import Definition
from desireline.simulation.words import name_words

LEFT_OUT = frozenset({"test", "tests", "idle_test", "turtledemo", "pydoc_data", "__main__"})
LONGEST_TEXT = 2000
SHOWN_AS = {"posixpath": "os.path"}
_IDENTIFIER = re.compile(r"[A-Za-z_]\w+")


class LibraryDocument(msgspec.Struct, frozen=True, gc=False):
    """A documented name of the standard library.

    `name` is the dotted name in words, `parent` the class or module it belongs to, `popularity`
    how often the name's last part occurs in the library's own source.
    """

    document_id: str
    name: str
    signature: str
    text: str
    summary: str
    module: str
    parent: str
    kind: str
    popularity: int


class Source(NamedTuple):
    """What one Python file defines, and what it takes from private modules (module -> names)."""

    definitions: list[Definition]
    borrowed: list[tuple[str, tuple[str, ...]]]


def documents() -> list[LibraryDocument]:
    """Every public module, class, function and method with a docstring; ids are unique."""
    with _without_collector():
        sources, uses = _read_sources(Path(sysconfig.get_paths()["stdlib"]))
        found: dict[str, LibraryDocument] = {}
        for module, definition in _public(sources):
            document = _document(module, definition, uses)
            if document.text:
                found.setdefault(document.document_id, document)
    return sorted(found.values(), key=lambda document: document.document_id)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Syntax trees hold many small objects: without the collector parsing is three times faster."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_sources(library: Path) -> tuple[dict[str, Source], Counter[str]]:
    sources: dict[str, Source] = {}
    uses: Counter[str] = Counter()
    for module, path in _files(library):
        text = path.read_bytes()
        uses.update(_IDENTIFIER.findall(text.decode("utf-8", "replace")))
        sources[module] = _parsed(text, module, is_package=path.name == "__init__.py")
    return sources, uses


def _files(library: Path) -> Iterator[tuple[str, Path]]:
    for name in sorted(sys.stdlib_module_names - LEFT_OUT):
        single, package = library / f"{name}.py", library / name
        if single.is_file():
            yield name, single
        elif (package / "__init__.py").is_file():
            for path in sorted(package.rglob("*.py")):
                parts = path.relative_to(library).with_suffix("").parts
                if not LEFT_OUT.intersection(parts):
                    yield ".".join(parts).removesuffix(".__init__"), path


def _parsed(text: bytes, module: str, *, is_package: bool) -> Source:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # a template or a file of a tool, not a module
        return Source([], [])
    about = Definition("", "module", "", ast.get_docstring(tree) or "")
    package = module if is_package else module.rpartition(".")[0]
    imports = [node for node in _statements(tree.body) if isinstance(node, ast.ImportFrom)]
    borrowed = [_borrowed(node, package) for node in imports]
    return Source([about, *_defined(tree.body, "")], [entry for entry in borrowed if entry[0]])


def _borrowed(node: ast.ImportFrom, package: str) -> tuple[str, tuple[str, ...]]:
    """The private module that an import takes names from ("" when it is not private)."""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - node.level + 1] if node.level else []
    origin = ".".join([*base, *([node.module] if node.module else [])])
    is_private = any(part.startswith("_") for part in origin.split("."))
    names = tuple(alias.name for alias in node.names if alias.asname in (None, alias.name))
    is_private = is_private or origin in compiled.PUBLISHED_ELSEWHERE
    return (origin if is_private else "", names)


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[Definition]:
    for node in _statements(body):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = f"({', '.join(ast.unparse(base) for base in node.bases)})"
            yield Definition(prefix + node.name, "class", bases, ast.get_docstring(node) or "")
            yield from _defined(node.body, f"{prefix}{node.name}.")
        elif _is_public_function(node):
            yield _function(node, prefix)


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, also those behind `if` and `try` (definitions for some platforms)."""
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            handlers = node.handlers if isinstance(node, ast.Try) else []
            handled = [statement for handler in handlers for statement in handler.body]
            yield from _statements([*node.body, *node.orelse, *handled])
        else:
            yield node


def _is_public_function(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return not node.name.startswith("_")


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> Definition:
    text = ast.get_docstring(node) or ""
    signature = f"({ast.unparse(node.args)})" if text else ""
    return Definition(prefix + node.name, "method" if prefix else "function", signature, text)


def _public(sources: dict[str, Source]) -> Iterator[tuple[str, Definition]]:
    """Definitions under the public name of their module, those borrowed from private ones too."""
    for module, source in sources.items():
        if any(part.startswith("_") for part in module.split(".")):
            continue
        yield from ((module, definition) for definition in source.definitions)
        for origin, names in source.borrowed:
            yield from ((module, found) for found in _taken(sources, origin, names))
    for module in compiled.compiled_names():
        yield from ((module, definition) for definition in compiled.definitions(module))


def _taken(sources: dict[str, Source], origin: str, names: tuple[str, ...]) -> Iterator[Definition]:
    if origin in sources:
        known = sources[origin].definitions
    elif compiled.is_compiled(origin):
        known = compiled.definitions(origin)
    else:
        known = []
    for definition in known:
        if definition.path and ("*" in names or definition.path.split(".")[0] in names):
            yield definition


def _document(module: str, definition: Definition, uses: Counter[str]) -> LibraryDocument:
    module = SHOWN_AS.get(module, module)
    dotted = f"{module}.{definition.path}" if definition.path else module
    parent, _, last = dotted.rpartition(".")
    return LibraryDocument(
        document_id=dotted,
        name=" ".join(name_words(dotted)),
        signature=definition.signature[:300],
        text=definition.text.strip()[:LONGEST_TEXT],
        summary=summary_of(definition.text),
        module=module,
        parent=parent,
        kind=definition.kind,
        popularity=uses[last],
    )


def summary_of(text: str) -> str:
    """The first sentence of a docstring, on one line.

    >>> summary_of("Split a path.\\n\\nMore about it.")
    'Split a path.'
    >>> summary_of("Return x. Then more")
    'Return x.'
    """
    paragraph = inspect.cleandoc(text).split("\n\n", 1)[0]
    line = " ".join(paragraph.split())
    sentence, dot, _ = line.partition(". ")
    return (sentence + dot).strip()[:300]
