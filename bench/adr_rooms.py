"""The numbers of ADR 0001: how many rooms a concept lives in, and how far one module reaches.

Counts our own source tree: files and folders that define a concept, the share of the package that
one module drags in, import cycles, body lengths, and which core modules more than one step needs
(what a layout by slices would have to share). Run: `python bench/adr_rooms.py`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import grimp
import numpy as np

SRC = Path(__file__).parents[1] / "src" / "desireline"
CONCEPTS = ("interaction", "impression", "execution", "fusion|fuse", "posterior|logistic|beta")


def files_of(concept: str) -> list[Path]:
    """Files that define something named for the concept (a class, function or module)."""
    pattern = re.compile(concept)
    return [path for path in sorted(SRC.rglob("*.py")) if any(map(pattern.search, defined(path)))]


def defined(path: Path) -> list[str]:
    """Lower-case names a file defines at its top level, and its own."""
    tree = ast.parse(path.read_text("utf-8"))
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [path.stem, *(node.name.lower() for node in tree.body if isinstance(node, named))]


def reach(graph: grimp.ImportGraph) -> tuple[float, str, float]:
    """Mean share of the package one module needs, and the module that needs most."""
    needed = {m: len(graph.find_upstream_modules(m)) / len(graph.modules) for m in graph.modules}
    widest = max(needed, key=lambda module: (needed[module], module))
    return float(np.mean(list(needed.values()))), widest, needed[widest]


def in_cycles(graph: grimp.ImportGraph) -> int:
    """Modules that need themselves."""
    return sum(module in graph.find_upstream_modules(module) for module in graph.modules)


def shared_by_slices(graph: grimp.ImportGraph) -> dict[str, list[str]]:
    """Core modules that at least two steps import: they would belong to no single slice."""
    users: dict[str, set[str]] = {}
    for module in graph.modules:
        parts = module.split(".")
        if len(parts) > 2 and parts[1] == "steps":
            for needed in graph.find_upstream_modules(module):
                if needed.startswith("desireline.core."):
                    users.setdefault(needed, set()).add(parts[2])
    return {name: sorted(steps) for name, steps in sorted(users.items()) if len(steps) > 1}


def body_lengths() -> list[int]:
    """Lines of every function below its docstring."""
    found = []
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                found.append((node.end_lineno or 0) - body[0].lineno + 1 if body else 0)
    return found


def main() -> None:
    """Print the table of the decision."""
    graph = grimp.build_graph("desireline", cache_dir=None)
    files = sorted(SRC.rglob("*.py"))
    lines = [len(path.read_text("utf-8").splitlines()) for path in files]
    bodies = body_lengths()
    print(
        f"files {len(files)}, lines {sum(lines)}, median {np.median(lines):.0f}, max {max(lines)}"
    )
    print(
        f"functions {len(bodies)}, body median {np.median(bodies):.0f}, "
        f"p95 {np.percentile(bodies, 95):.0f}, max {max(bodies)}"
    )
    mean, widest, share = reach(graph)
    print(f"reach: mean {mean:.0%} of the package; most: {widest} {share:.0%}")
    print(f"modules in import cycles: {in_cycles(graph)} of {len(graph.modules)}")
    for concept in CONCEPTS:
        found = files_of(concept)
        folders = {path.parent for path in found}
        print(f"{concept}: defined in {len(found)} files, {len(folders)} folders")
    shared = shared_by_slices(graph)
    core = sum(m.startswith("desireline.core.") for m in graph.modules)
    print(f"core modules that two or more steps need: {len(shared)} of {core}")
    for name, steps in shared.items():
        print(f"  {name.removeprefix('desireline.')}: {', '.join(steps)}")


if __name__ == "__main__":
    main()
