"""One engine for the catalogue: SQLite beside the data, or PostgreSQL by DSN; one writer at a time.

A write runs on the one writer thread, in a transaction that first takes the catalogue's write lock
(SQLite: BEGIN IMMEDIATE; PostgreSQL: the row `revision`), so what it read is still true when it
writes, on both engines and with several processes. Reads run on two threads beside it. Nothing runs
on the event loop: a durable commit takes milliseconds (docs/adr/0008-catalogue.md).

Knows connections, threads, schema versions and engine errors; not what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, StatementError

from desireline.errors import DesirelineError, StartupError, StorageFull, Unavailable
from desireline.store.evolution import MIGRATIONS
from desireline.store.tables import SCHEMA_VERSION, meta, metadata

Answer = TypeVar("Answer")

_BUSY_SECONDS = 5
_READERS = 2
_CREATION_LOCK = 7_239_461_001  # any number of our own, for pg_advisory_xact_lock
_FULL = (
    "database or disk is full",
    "No space left on device",
    "disk I/O error",
    "could not extend",
)
_STUCK = "the catalogue cannot be reached now"


class Database:
    """The catalogue's connections and its writer thread, from opening to `close`."""

    def __init__(self, dsn: str, version: int = SCHEMA_VERSION) -> None:
        """Open, and create or migrate the tables.

        Raises `errors.StartupError` when that is not possible; where the tables are of a newer
        version, it names both.
        """
        url = url_of(dsn)
        self._writes = _engine(url, "BEGIN IMMEDIATE", 1)
        self._reads = _engine(url, "BEGIN", _READERS)
        self._writer = ThreadPoolExecutor(1, "catalog-writer")
        self._readers = ThreadPoolExecutor(_READERS, "catalog-reader")
        try:
            self._writer.submit(_prepare, self._writes, version).result()
        except (DBAPIError, OSError) as error:
            self._release()
            raise StartupError(
                f"the catalogue {url.render_as_string()} cannot be opened: {_first_line(error)}",
                hint="is the path writable, the server reachable, the DSN right?",
            ) from error
        except BaseException:
            self._release()
            raise

    async def write(
        self, action: Callable[[Connection], Answer], *, notable: bool = True
    ) -> Answer:
        """Run `action` in a transaction of its own on the writer thread; returns after the commit.

        `notable` raises the revision that other processes watch. Raises what `action` raises (then
        nothing was written), `errors.StorageFull`, `errors.Unavailable`.
        """
        return await self._run(self._writer, _write, self._writes, action, notable)

    async def read(self, action: Callable[[Connection], Answer]) -> Answer:
        """Run `action` on one consistent state of the catalogue, beside the writer."""
        return await self._run(self._readers, _read, self._reads, action)

    async def close(self) -> None:
        """Finish what is queued, release threads and connections; later calls are refused."""
        await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self._writes.dispose()
        self._reads.dispose()

    async def _run(
        self, pool: ThreadPoolExecutor, work: Callable[..., Answer], *given: Any
    ) -> Answer:
        try:
            queued: Future[Answer] = pool.submit(work, *given)
        except RuntimeError as error:
            raise Unavailable("the catalogue is closed") from error
        return await asyncio.wrap_future(queued)


def url_of(dsn: str) -> URL:
    """The address behind a DSN, with our driver: `postgresql://…`, `postgres://…` or `sqlite:///path`.

    Raises `errors.StartupError`; a password never enters the message.

    >>> url_of("postgres://me@db/catalog").drivername
    'postgresql+psycopg'
    """
    try:
        url = make_url(dsn)
    except ArgumentError as error:
        raise _bad_dsn("it cannot be read") from error
    drivers = {
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
        "sqlite": "sqlite",
    }
    if url.drivername in ("postgresql+psycopg", *drivers):
        return url.set(drivername=drivers.get(url.drivername, url.drivername))
    raise _bad_dsn(f"{url.drivername} is not among the databases it can be")


@contextmanager
def read_only(dsn: str) -> Iterator[Connection]:
    """One connection that creates and migrates nothing, for looking at a catalogue.

    Raises SQLAlchemy's errors, and `errors.StartupError` for a DSN that cannot be read.
    """
    engine = _engine(url_of(dsn), "BEGIN", 1)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def sqlite_dsn(path: Path) -> str:
    """The DSN of a catalogue in a file.

    >>> sqlite_dsn(Path("/data/catalog.sqlite"))
    'sqlite:////data/catalog.sqlite'
    """
    return URL.create("sqlite", database=str(path)).render_as_string()


def revision(connection: Connection) -> int:
    """How often something notable was written; other processes compare it with theirs."""
    return int(
        connection.execute(select(meta.c.value).where(meta.c.name == "revision")).scalar_one()
    )


def _bad_dsn(why: str) -> StartupError:
    return StartupError(
        f"catalog_dsn: {why}",
        hint='"" for SQLite in the data directory, or postgresql://user:password@host/database',
    )


def _engine(url: URL, begin: str, size: int) -> Engine:
    try:
        if url.drivername == "sqlite":
            return _sqlite_engine(url, begin, size)
        return create_engine(url, pool_size=size, max_overflow=0, pool_pre_ping=True)
    except (ImportError, NoSuchModuleError) as error:
        raise StartupError(
            "a PostgreSQL catalogue needs psycopg", hint='pip install "desireline[postgres]"'
        ) from error


def _sqlite_engine(url: URL, begin: str, size: int) -> Engine:
    # isolation_level None: the driver opens no transaction, ours begins with the right lock.
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        connect_args={
            "isolation_level": None,
            "timeout": _BUSY_SECONDS,
            "check_same_thread": False,
        },
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _prepare(engine: Engine, version: int) -> None:
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(
                text("SELECT pg_advisory_xact_lock(:number)"), {"number": _CREATION_LOCK}
            )
        if not inspect(connection).has_table(meta.name):
            _create(connection, version)
        else:
            _migrate(connection, version)


def _create(connection: Connection, version: int) -> None:
    metadata.create_all(connection)
    first = [{"name": "schema", "value": version}, {"name": "revision", "value": 0}]
    connection.execute(insert(meta), first)


def _migrate(connection: Connection, version: int) -> None:
    found = connection.execute(select(meta.c.value).where(meta.c.name == "schema")).scalar_one()
    if found > version:
        raise StartupError(
            f"the catalogue has version {found} of the tables, this desireline knows {version}",
            hint="start the newer desireline that wrote it, or restore a copy from before",
        )
    for step in range(found + 1, version + 1):
        MIGRATIONS[step](connection)
    connection.execute(update(meta).where(meta.c.name == "schema").values(value=version))


def _write(engine: Engine, action: Callable[[Connection], Answer], notable: bool) -> Answer:  # noqa: FBT001
    def locked(connection: Connection) -> Answer:
        # On PostgreSQL this row is the write lock; the order of commits is the order of revisions.
        raised = update(meta).where(meta.c.name == "revision")
        connection.execute(raised.values(value=meta.c.value + int(notable)))
        return action(connection)

    return _read(engine, locked)


def _read(engine: Engine, action: Callable[[Connection], Answer]) -> Answer:
    try:
        with engine.begin() as connection:
            return action(connection)
    except StatementError as error:
        raise _ours(error) from error


def _ours(error: StatementError) -> Exception:
    """Our error for the engine's: refused by a column, no space, not reachable; else as it is."""
    if isinstance(error.orig, DesirelineError):
        return error.orig
    if any(sign in str(error.orig) for sign in _FULL):
        return StorageFull(
            "the catalogue's disk is full; nothing was changed",
            hint="free disk space and send it again",
        )
    if isinstance(error, DBAPIError) and type(error).__name__ in (
        "OperationalError",
        "InterfaceError",
    ):
        return Unavailable(f"{_STUCK}: {_first_line(error)}", retry_after=1)
    return error


def _first_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__
