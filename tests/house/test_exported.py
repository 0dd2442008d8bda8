"""The public face: few names, and importing it loads no engine and no server."""

from __future__ import annotations

import subprocess
import sys

import desireline

HEAVY = ("numpy", "litestar", "chdb", "clickhouse_connect", "qdrant_edge", "sqlalchemy", "rich")


def test_there_are_at_most_twelve_public_names():
    public = [name for name in dir(desireline) if not name.startswith("_")]
    exported = getattr(desireline, "__all__", public)
    assert len(exported) <= 12
    assert all(hasattr(desireline, name) for name in exported)


def test_importing_the_package_is_light():
    program = f"import desireline, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_the_version_is_the_packages():
    from importlib.metadata import version

    assert desireline.__version__ == version("desireline")
