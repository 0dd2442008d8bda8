"""A catalogue to test on, once in SQLite and once in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from desireline.store.catalog import Catalog
from desireline.store.database import sqlite_dsn
from tests.postgres_server import fresh_database, postgres_server

names = (f"catalog{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_server() as dsn:
        yield dsn


@pytest.fixture(params=["sqlite", "postgresql"])
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_dsn(tmp_path / "catalog.sqlite")
        return
    with fresh_database(request.getfixturevalue("server"), next(names)) as fresh:
        yield fresh


def an_id(number: int) -> str:
    return f"{number:032x}"


def with_catalog(dsn: str, law):
    """Run a law on an open catalogue; a law is an async function of one catalogue."""

    async def run():
        catalog = Catalog(dsn)
        try:
            return await law(catalog)
        finally:
            await catalog.close()

    return asyncio.run(run())
