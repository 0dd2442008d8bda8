"""Importing the client loads no server, no engine, and no HTTP library until a client is made."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENGINE = (
    "litestar", "uvicorn", "chdb", "clickhouse_connect", "qdrant_edge", "numpy", "sqlalchemy",
    "structlog", "prometheus_client", "jinja2", "desireline.core", "desireline.wiring",
    "desireline.http",
)  # fmt: skip
HTTP = ("httpx", "httpcore", "asyncio", "ssl", "rich")


def loaded(program: str, names: tuple[str, ...]) -> str:
    """Which of these modules a program has loaded at its end."""
    asked = f"{program}; import sys; print([m for m in {names!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "program",
    ["import desireline", "from desireline import AsyncClient, Client, ApiError",
     "from desireline.client import errors, answers"],
)  # fmt: skip
def test_naming_the_client_loads_no_engine_and_no_http_library(program: str):
    assert loaded(program, ENGINE + HTTP) == "[]"


def test_making_one_loads_no_engine():
    program = "from desireline import AsyncClient, Client; Client(); AsyncClient()"
    assert loaded(program, ENGINE) == "[]"
    assert loaded(program, ("httpx",)) == "['httpx']"


def test_other_names_are_not_there():
    import desireline

    with pytest.raises(AttributeError, match="no attribute 'Server'"):
        _ = desireline.Server
