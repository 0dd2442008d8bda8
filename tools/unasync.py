"""Writes the synchronous client from the asynchronous one; `--check` says what has drifted.

Knows which words differ between the two; everything else is the same by construction.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "src" / "desireline" / "client"
SOURCE, TARGET = CLIENT / "aio", CLIENT / "sync"
HEADER = "# Written by tools/unasync.py from client/aio/{name} (`make sync`): change that file.\n"

RUFF = str(Path(sys.executable).parent / "ruff")
# Imports in their order, `yield from` where the source could not say it.
TIDY = ["--select", "I,UP028", "--unsafe-fixes", "--fix-only"]
TIDY += ["--config", 'lint.isort.known-first-party=["desireline"]']
# In this order; patterns are regular expressions.
WORDS = {
    r"\basync (def|for|with)\b": r"\1",
    r"\bawait ": "",
    r"\bAwaitable\[(\w+)\]": r"\1",
    r"\bAwaitable, ": "",
    r"\bAsync(?=[A-Z])": "",
    r"\b__a(iter|next|enter|exit)__\b": r"__\1__",
    r"\ba(close|read|iter_lines)\b": r"\1",
    r"\basyncio\b": "time",
    r"\bclient\.aio\b": "client.sync",
}


def unasync(text: str) -> str:
    """A module without waiting.

    >>> unasync("async def ask(self) -> AsyncIterator[int]: return await self._http.aclose()")
    'def ask(self) -> Iterator[int]: return self._http.close()'
    """
    for pattern, word in WORDS.items():
        text = re.sub(pattern, word, text)
    return text


def written() -> dict[Path, str]:
    """Every synchronous module by its path, as `make format` would leave it."""
    with TemporaryDirectory() as folder:
        for path in SOURCE.glob("*.py"):
            text = HEADER.format(name=path.name) + unasync(path.read_text("utf-8"))
            (Path(folder) / path.name).write_text(text, "utf-8")
        for command in (["check", *TIDY], ["format"]):
            settings = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--quiet"]
            subprocess.run([RUFF, *command, *settings, folder], check=True)
        return {TARGET / p.name: p.read_text("utf-8") for p in sorted(Path(folder).glob("*.py"))}


def drifted() -> list[str]:
    """Modules that are not what their source says now, or have none."""
    made = written()
    stale = [p for p, text in made.items() if not p.exists() or p.read_text("utf-8") != text]
    left_over = [path for path in TARGET.glob("*.py") if path not in made]
    return [f"client/{TARGET.name}/{path.name}" for path in (*stale, *left_over)]


def main() -> int:
    """Write the modules, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail on drift")
    if parser.parse_args().check:
        stale = drifted()
        print("\n".join(f"{name} is stale: run `make sync`" for name in stale) or "sync: no drift")
        return 1 if stale else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
