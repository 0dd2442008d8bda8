"""Real documents, judgments and logs that lie beside the repository, never in it.

Knows where the folder is (`../shared/data`, or `DESIRELINE_SHARED_DATA`); not what is in it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def shared_folder() -> Path:
    """The folder of data sets, there or not."""
    named = os.environ.get("DESIRELINE_SHARED_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


def shared_data(name: str) -> Path:
    """A file or folder of the data sets, such as `esci/products.jsonl.gz`; skips when absent."""
    path = shared_folder() / name
    if not path.exists():
        pytest.skip(f"needs the data set {path} (set DESIRELINE_SHARED_DATA to its folder)")
    return path
