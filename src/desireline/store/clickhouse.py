"""The event log in ClickHouse's SQL: embedded (`chdb:///path`) or a server (`http://…`), one class.

Knows clients, threads, limits and how a range of rows is inserted once. Which rows and which
questions exist it takes from `schema/`, `queries/` and `removal`.

One client per thread: a clickhouse-connect client serialises on its own lock, so a slow query on a
shared one would hold up the flusher (measured: 24 ms against 4.5 s). The writer's client is used
under a
lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chdb
import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

import desireline
from desireline import errors
from desireline.store import inserts, migrations, queries, removal, repair

EMBEDDED = "chdb://"
TOO_LONG, TOO_MUCH_MEMORY = "code: 159", "code: 241"

READ_SETTINGS = {
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "0",
    "max_threads": "1",
}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine may use: bytes of the process and of the mark cache, seconds of a read,
    threads.

    The data source name ignores the first two, so an embedded engine is opened with them before the
    first client. A question that may take longer says so in its own `SETTINGS`.
    """

    memory_bytes: int = 2 << 30
    mark_cache_bytes: int = 256 << 20
    background_threads: int = 2
    read_seconds: int = 5
    readers: int = 2


class ClickHouse:
    """The port `EventLog`. `data_dir/tmp` takes the files that embedded inserts travel through."""

    def __init__(
        self,
        dsn: str,
        data_dir: Path,
        limits: Limits | None = None,
        layout: migrations.Layout | None = None,
    ) -> None:
        self.dsn = dsn
        self.limits = limits or Limits()
        self.layout = layout or migrations.Layout()
        self._embedded = dsn.startswith(EMBEDDED)
        self._tmp = Path(os.path.abspath(data_dir / "tmp"))
        self._clients: list[Client] = []
        self._targets: dict[str, inserts.Target] = {}
        self._local = threading.local()
        self._writing = threading.Lock()
        self._readers = ThreadPoolExecutor(self.limits.readers, "event-log-read")
        self._engine = self._open() if self._embedded else None
        try:
            self._writer = self._connect({})
            if self._embedded:
                self._probe()
            migrations.migrate(self._run, self._ask, self.layout, desireline.__version__)
        except BaseException:
            self.close()
            raise

    def insert(self, table: str, rows: bytes, token: str) -> None:
        """Insert newline-separated JSON rows once per token (blocking; the flusher's thread).

        Columns that a row leaves out take their default. Raises clickhouse-connect's errors.
        """
        settings = inserts.SETTINGS | {"insert_deduplication_token": token}
        with self._writing:
            if not self._embedded:
                self._writer.raw_insert(
                    f"{table}{self.layout.local}", insert_block=rows, fmt="JSONEachRow",
                    settings=settings,
                )  # fmt: skip
                return
            with self._file(rows) as path:
                self._run(inserts.from_file(self._target(table), path, settings))

    async def query(self, question: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of the query file `question`; parameters are bound, never pasted.

        Ids come as 32 lower-case hex, times as 'YYYY-MM-DD hh:mm:ss.mmm', NaN as None. Raises
        `KeyError` and `ValueError` for a question or parameter that does not exist,
        `errors.Unavailable` when
        the log does not answer within its limits.
        """
        asked = queries.load(question)
        bound = queries.bind(asked, parameters)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, asked.sql, bound)

    def query_blocking(self, question: str, **parameters: Any) -> list[dict[str, Any]]:
        """`query` for start-up and jobs, on the calling thread's own client."""
        asked = queries.load(question)
        return self._read(asked.sql, queries.bind(asked, parameters))

    async def delete_interactions(self, namespace: str, interaction_ids: Sequence[str]) -> int:
        """Delete from every table that holds them, counters exact afterwards; returns rows."""
        loop = asyncio.get_running_loop()
        ids = list(interaction_ids)
        return await loop.run_in_executor(
            self._readers, self.delete_interactions_blocking, namespace, ids
        )

    def delete_interactions_blocking(self, namespace: str, interaction_ids: Sequence[str]) -> int:
        """`delete_interactions` for the flusher's thread; repeating it changes nothing."""
        bound = {"namespace": namespace, "interaction_ids": sorted(set(interaction_ids))}
        with self._writing:
            found = self._ask(removal.COUNT, bound)
            for row in found:
                for statement in removal.INTERACTION_STATEMENTS:
                    sql = migrations.render(statement, self.layout, month=str(row["month"]))
                    self._writer.command(sql, parameters=bound)
        return sum(int(row["held"]) for row in found)

    async def delete_lessons(self, retriever_id: str, before_generation: int) -> None:
        """Drop the lessons of superseded generations."""
        bound = {"retriever_id": retriever_id, "before_generation": before_generation}
        statement = migrations.render(removal.REMOVE_LESSONS, self.layout)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._readers, self._command, statement, bound)

    def close(self) -> None:
        """Release the engine and its lock on the directory."""
        self._readers.shutdown(wait=True)
        for client in self._clients:
            client.close()
        self._clients.clear()
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _open(self) -> Any:
        path = Path(os.path.realpath(self.dsn.removeprefix(EMBEDDED)))
        self._tmp.mkdir(parents=True, exist_ok=True)
        for left in self._tmp.glob("*.rows"):
            left.unlink()
        path.mkdir(parents=True, exist_ok=True)
        repair.repair(path)
        try:
            return chdb.connect(f"{path}?{_engine_options(self.limits)}")
        except RuntimeError as error:
            raise _startup_error(path, str(error)) from error

    def _connect(self, settings: dict[str, str]) -> Client:
        try:
            client = clickhouse_connect.get_client(dsn=self.dsn, settings=settings)
        except ClickHouseError as error:
            if self._embedded:
                raise
            raise errors.StartupError(
                f"the event log at {self.dsn.rpartition('@')[2]} does not answer: {error}",
                hint="start the server, or check the address and the password",
            ) from error
        self._clients.append(client)
        return client

    def _reader(self) -> Client:
        client: Client | None = getattr(self._local, "client", None)
        if client is None:
            limit = {"max_execution_time": str(self.limits.read_seconds)}
            client = self._local.client = self._connect(READ_SETTINGS | limit)
        return client

    def _read(self, sql: str, bound: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            body = self._reader().raw_query(sql, parameters=bound, fmt="JSONEachRow")
        except ClickHouseError as error:
            raise _read_error(error) from error
        return [msgspec.json.decode(line) for line in body.splitlines() if line]

    def _run(self, statement: str) -> None:
        self._writer.command(statement)

    def _command(self, statement: str, bound: dict[str, Any]) -> None:
        with self._writing:
            self._writer.command(statement, parameters=bound)

    def _ask(self, sql: str, bound: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        body = self._writer.raw_query(sql, parameters=bound, fmt="JSONEachRow")
        return [msgspec.json.decode(line) for line in body.splitlines() if line]

    def _probe(self) -> None:
        """Rows must come through our files, or they would be acknowledged and never stored."""
        with self._file(b"{}\n") as path:
            try:
                found = self._ask(inserts.read_back(path))
            except ClickHouseError as error:
                found = [{"error": str(error)}]
        if found != [{"lines": 1}]:
            raise errors.StartupError(
                f"the embedded event log can't read files in {self._tmp}: it takes braces, stars, "
                "question marks and :: in a path for a pattern",
                hint="choose a data directory without them in its path",
            )

    def _target(self, table: str) -> inserts.Target:
        found = self._targets.get(table)
        if found is None:
            columns = self._ask(inserts.COLUMNS, {"table": table})
            found = self._targets[table] = inserts.target(table, columns)
        return found

    @contextmanager
    def _file(self, rows: bytes) -> Iterator[str]:
        # Our own file, because the client would use the process-wide tempfile.tempdir.
        handle, path = tempfile.mkstemp(suffix=".rows", dir=self._tmp)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(rows)
            yield path
        finally:
            os.unlink(path)


def fingerprint(rows: Sequence[dict[str, Any]]) -> str:
    """SHA-256 over rows in a canonical form, for comparing two logs.

    >>> fingerprint([{"a": 1, "b": 2}]) == fingerprint([{"b": 2, "a": 1}])
    True
    """
    return hashlib.sha256(msgspec.json.encode(rows, order="deterministic")).hexdigest()


def _engine_options(limits: Limits) -> str:
    return (
        f"max_server_memory_usage={limits.memory_bytes}"
        f"&mark_cache_size={limits.mark_cache_bytes}"
        f"&background_pool_size={limits.background_threads}"
    )


def _startup_error(path: Path, message: str) -> errors.StartupError:
    if _is_locked(path / "status"):
        return errors.DataDirectoryLocked(
            f"another process uses the event log in {path}",
            hint="stop that process, or give this one a data directory of its own",
        )
    return errors.StartupError(
        f"the event log in {path} does not open: {message}",
        hint="`desireline check DIR` says which of its parts are damaged",
    )


def _is_locked(file: Path) -> bool:
    # The engine says only that it could not start; the reason goes to standard error.
    try:
        with file.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _read_error(error: ClickHouseError) -> Exception:
    text = str(error).lower()
    if TOO_LONG in text:
        return errors.Unavailable("the log did not answer in time", hint="ask for a shorter period")
    if TOO_MUCH_MEMORY in text:
        return errors.Unavailable(
            "the answer needs more memory than a read may use",
            hint="ask for a shorter period, or raise event_log_memory_bytes",
        )
    return error
