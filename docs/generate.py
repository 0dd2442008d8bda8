"""Writes docs/reference/*.md from the code; `--check` says what has drifted and writes nothing.

Knows which pages there are; what is on them is in `docs/generating`. `gaps()` lists what has no
sentence.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script, its own folder is the root

from docs.generating import clients, declared, http, refused, stages
from docs.generating.clients import sdk_rows
from docs.generating.declared import columns
from docs.generating.pages import ROOT, TARGET, UNSAID

__all__ = ["PAGES", "columns", "drifted", "gaps", "sdk_rows", "written"]

PAGES: dict[str, Callable[[], str | None]] = {
    "sdk-methods": clients.sdk_methods,
    "settings": declared.settings,
    "signals": declared.signals,
    "errors": declared.errors,
    "tables": declared.tables,
    "cli": declared.cli,
    "filters": declared.filters,
    "stages": stages.stages,
    "refused": refused.refused,
    "http": http.http,
    "metrics": declared.metrics,
    "python-client": clients.python_client,
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
