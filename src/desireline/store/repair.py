"""What the embedded engine does not repair by itself, put right before it is opened.

Two things: a copy that followed symbolic links, and what an insert that was killed left behind.
Knows the engine's folder layout; does nothing while another process has the folder open.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from desireline.store.segments import replace_file

_ADD = "1"
_LOGS = "store/*/*/deduplication_logs/deduplication_log_*.txt"


class Part(NamedTuple):
    """A part's partition and the first and last insert that is in it."""

    partition: str
    first: int
    last: int


def repair(engine: Path) -> None:
    """Mend the links and forget the tokens of inserts that never were."""
    if _is_open_elsewhere(engine):
        return
    mend_links(engine)
    forget_unfinished(engine)


def _is_open_elsewhere(engine: Path) -> bool:
    """The engine holds a lock on its file `status` while it runs."""
    status = engine / "status"
    if not status.exists():
        return False
    with status.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def mend_links(engine: Path) -> bool:
    """Make links of what a copy made directories; False when there was nothing to mend.

    `store/` holds the files, `metadata/` and `data/` link to them. The database's own directory is
    the one in `store/` with the same statements; the links below `data/` the engine makes again.
    """
    copied = engine / "metadata" / "default"
    if copied.is_symlink() or not copied.is_dir():
        return False
    names = sorted(entry.name for entry in copied.iterdir())
    for original in (engine / "store").glob("*/*"):
        if names and sorted(entry.name for entry in original.iterdir()) == names:
            shutil.rmtree(copied)
            copied.symlink_to(Path("..") / original.relative_to(engine))
            _unlink_tables(engine / "data" / "default")
            return True
    return False


def _unlink_tables(tables: Path) -> None:
    """Remove the doubled directories of the tables."""
    for entry in tables.iterdir() if tables.is_dir() else ():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)


def forget_unfinished(engine: Path) -> int:
    """Drop the tokens of inserts whose part does not exist; returns how many.

    The engine notes a token about 100 microseconds before it renames the part into place, and never
    compares the two. Killed in between, it takes the repeated insert for a duplicate: acknowledged
    rows would be lost (seen in tests/e2e/test_kill.py).
    """
    forgotten = 0
    for log in sorted(engine.glob(_LOGS)):
        lines = log.read_text().splitlines(keepends=True)
        there = list(_parts(log.parent.parent))
        kept = [line for line in lines if not _is_unfinished(line, there)]
        if len(kept) < len(lines):
            # Beside, because the engine reads every file in the log's folder.
            replace_file(log, "".join(kept).encode(), engine / "repaired")
            forgotten += len(lines) - len(kept)
    return forgotten


def _is_unfinished(line: str, there: Iterable[Part]) -> bool:
    kind, _, rest = line.partition("\t")
    wanted = _part(rest.partition("\t")[0])
    if kind != _ADD or wanted is None:
        return False
    partition, first, last = wanted
    return not any(
        part.partition == partition and part.first <= first and last <= part.last for part in there
    )


def _parts(table: Path) -> Iterable[Part]:
    for entry in os.scandir(table):
        found = _part(entry.name) if entry.is_dir() else None
        if found is not None:
            yield found


def _part(name: str) -> Part | None:
    """A part by its name: partition, first and last insert, level, and perhaps a mutation.

    >>> _part("202611_1_6_1_7"), _part("tmp_insert_202611_3_3_0"), _part("detached")
    (Part(partition='202611', first=1, last=6), None, None)
    """
    words = name.split("_")
    if len(words) not in (4, 5) or not all(word.isdigit() for word in words[1:]):
        return None
    return Part(words[0], int(words[1]), int(words[2]))
