"""What the interpreter's compiled modules say of themselves: names, signatures, docstrings.

Only modules written in C (built in or extension files) are imported here; importing those opens no
window, prints nothing and reads no configuration, save for a few that are left out by name. Python
source is never imported: `corpus` reads it as text.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import inspect
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

LEFT_OUT = frozenset({
    "readline", "nis", "ossaudiodev", "spwd", "xxlimited", "xxlimited_35", "xxsubtype", "_tkinter",
    "_curses", "_curses_panel", "_dbm", "_gdbm", "_crypt",
})  # fmt: skip
PUBLISHED_ELSEWHERE = frozenset({"posix", "nt"})  # everyone calls them `os`
_COMPILED = (importlib.machinery.BuiltinImporter, importlib.machinery.ExtensionFileLoader)


class Definition(NamedTuple):
    """A documented name: `path` below its module ("" is the module itself, "list.append")."""

    path: str
    kind: str
    signature: str
    text: str


def compiled_names() -> list[str]:
    """The public compiled modules of this interpreter, sorted."""
    public = (name for name in sys.stdlib_module_names if not name.startswith("_"))
    return sorted(name for name in public if is_compiled(name) and name not in PUBLISHED_ELSEWHERE)


def is_compiled(name: str) -> bool:
    """Whether this top-level module is C, and safe to import."""
    if name in LEFT_OUT or name not in sys.stdlib_module_names:
        return False
    if name in sys.builtin_module_names:
        return True
    spec = importlib.machinery.PathFinder.find_spec(name)  # runs no hook, imports nothing
    return spec is not None and isinstance(spec.loader, _COMPILED)


def definitions(name: str) -> list[Definition]:
    """Everything documented in a compiled module; empty when it can't be loaded here."""
    module = _loaded(name)
    if module is None:
        return []
    found = [Definition("", "module", "", _doc(module))]
    for attribute in sorted(vars(module)):
        if not attribute.startswith("_"):
            found.extend(_described(attribute, vars(module)[attribute]))
    return [definition for definition in found if definition.text]


def _loaded(name: str) -> ModuleType | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def _described(path: str, value: Any) -> Iterator[Definition]:
    if inspect.isclass(value):
        yield Definition(path, "class", _signature(value), _doc(value))
        yield from _methods(path, value)
    elif inspect.isbuiltin(value):
        yield Definition(path, "function", _signature(value), _doc(value))


def _methods(path: str, owner: type) -> Iterator[Definition]:
    for attribute, value in sorted(vars(owner).items()):
        if not attribute.startswith("_") and inspect.isroutine(value):
            yield Definition(f"{path}.{attribute}", "method", _signature(value), _doc(value))


def _doc(value: Any) -> str:
    text = getattr(value, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def _signature(value: Any) -> str:
    text = getattr(value, "__text_signature__", None)
    return text.replace("$", "") if isinstance(text, str) else ""
