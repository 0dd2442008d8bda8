"""The symbolic links inside the embedded event log, made again after a copy that followed them.

`cp -r`-like tools may turn the engine's relative links into directories; it then refuses to open.
Knows the engine's folder layout (`store/` holds the files, `metadata/` and `data/` link to them).
"""

from __future__ import annotations

import shutil
from pathlib import Path


def mend(engine: Path) -> bool:
    """Make links of what a copy made directories; False when there was nothing to mend.

    The database's own directory is the one in `store/` that holds the same statements; the links
    below `data/` are made again by the engine.
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
