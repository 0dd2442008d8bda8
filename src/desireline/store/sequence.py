"""Numbers for the rows of a node: rising, and never given twice, also after a crash.

Knows one small file: the first number that no process has reserved yet. A process reserves a block
before it gives out the block's first number, so a crash wastes numbers and repeats none.
"""

from __future__ import annotations

import threading
from pathlib import Path

from desireline.store.segments import replace_file


class Numbers:
    """The numbers of one node; `block` of them are reserved at a time (one synced write)."""

    def __init__(self, path: Path, block: int = 1 << 20) -> None:
        self._path, self._block = path, block
        self._lock = threading.Lock()
        self._next = self._reserved = int(path.read_text()) if path.exists() else 1

    def take(self, count: int = 1) -> int:
        """The next number, the first of `count` in a row."""
        with self._lock:
            while self._next + count > self._reserved:
                self._reserve()
            self._next += count
            return self._next - count

    def _reserve(self) -> None:
        bound = self._reserved + self._block
        replace_file(self._path, b"%d" % bound)
        self._reserved = bound
