"""The composition root: settings to adapters to steps. The only place that names concrete adapters,
reads the clock and makes randomness.

`open_system` gives everything a door needs; `open_keys` gives the key commands of the shell.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog

from desireline.core.ids import new_id
from desireline.core.times import iso, row_time
from desireline.errors import DesirelineError, FieldError, Invalid, NotFound, StartupError
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.ports import Clock, Metrics
from desireline.settings import Settings
from desireline.steps import recipes
from desireline.steps.capture import Capture, Readings
from desireline.steps.capture import Ports as CapturePorts
from desireline.steps.corpus import Corpus
from desireline.steps.corpus import Ports as CorpusPorts
from desireline.steps.learn import Control, Learner, Report, Sessions
from desireline.steps.learn import Ports as LearnPorts
from desireline.steps.recipes import Retrievers
from desireline.steps.serve import Ports as ServePorts
from desireline.steps.serve import Serve
from desireline.store.catalog import Catalog
from desireline.store.clickhouse import ClickHouse, Limits
from desireline.store.database import sqlite_dsn
from desireline.store.directory import DataDirectory, Layout, prepare
from desireline.store.flusher import Flusher, Pace
from desireline.store.intake import Bounds, SegmentIntake
from desireline.store.live import LiveBook
from desireline.store.memory import rebuild
from desireline.store.pending import PendingJoin
from desireline.store.recent import RecentMemory
from desireline.types.catalog import KeyRecord, NamespaceRecord
from desireline.types.retriever import Collection

logger = structlog.get_logger("desireline")
NODE = "n1"
DEFAULT_NAMESPACE = "default"


def clock() -> int:
    """Now, in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def mint() -> str:
    """A fresh id: 32 hex, time-ordered."""
    return new_id(clock(), int.from_bytes(os.urandom(10), "big"))


class Adapters(msgspec.Struct, frozen=True, kw_only=True):
    """The real parts behind the ports, opened on one data directory."""

    directory: DataDirectory
    catalog: Catalog
    event_log: ClickHouse
    intake: SegmentIntake
    flusher: Flusher
    index: QdrantIndex
    recent: RecentMemory
    live: LiveBook
    encoders: Callable[[str], Any]


class System:
    """Everything a door needs, bound together. Opened by `open_system`, ended by `close`."""

    def __init__(self, settings: Settings, parts: Adapters, metrics: Metrics) -> None:
        self.settings, self.parts, self.metrics = settings, parts, metrics
        self.clock: Clock = clock
        self.live = self.keys = parts.live
        self.intake, self.event_log, self.recent = parts.intake, parts.event_log, parts.recent
        self.catalog, self.index = parts.catalog, parts.index
        self.sessions = Sessions(clock)
        self.touched: set[str] = set()
        self.learner = Learner(
            LearnPorts(
                live=self.live, intake=self.intake, event_log=self.event_log, recent=self.recent,
                catalog=self.catalog.learning, tombstones=self.catalog.tombstones,
                sessions=self.sessions, clock=clock, metrics=metrics, node=NODE,
            )
        )  # fmt: skip
        self.control = Control(self.catalog.learning, self.live, self.learner, clock)
        self.report = Report(clock)
        self.pending = PendingJoin(self.event_log, self.live)
        self.captured = self._capture_ports()
        self.capture, self.readings = Capture(self.captured), Readings(self.captured)
        self.serve = Serve(
            ServePorts(
                live=self.live, index=self.index, intake=self.intake, recent=self.recent,
                session_of=self.sessions.of, clock=clock, mint=mint, metrics=metrics, node=NODE,
            )
        )  # fmt: skip
        self.retrievers = Retrievers(
            recipes.Ports(
                catalog=self.catalog.retrievers, book=self.live, clock=clock, mint=mint,
                refold=self.learner.refold,
            )
        )  # fmt: skip
        self.corpus = Corpus(
            CorpusPorts(
                catalog=self.catalog.collections, book=self.live, index=self.index, clock=clock,
                mint=mint, metrics=metrics, touched=self._touched,
            )
        )  # fmt: skip

    def _capture_ports(self) -> CapturePorts:
        return CapturePorts(
            intake=self.intake, event_log=self.event_log, recent=self.recent, live=self.live,
            clock=clock, metrics=self.metrics, tombstones=self.catalog.tombstones,
            late=self.learner.late, rewarded=self.sessions.rewarded, forget=self.learner.forget,
            node=NODE,
        )  # fmt: skip

    def _touched(self, collection: Collection) -> None:
        self.touched.add(collection.collection_id)

    def dimension_of(self, model: str, path: str) -> int:
        """An encoder's dimension; raises Invalid at `path` for an unknown one."""
        try:
            return int(self.parts.encoders(model).dimension)
        except DesirelineError as error:
            field = FieldError(path, error.code, error.message, error.hint)
            raise Invalid(
                f"{error.message} at {path}", code=error.code, hint=error.hint, fields=(field,)
            ) from error

    async def flush(self, *, close_executions: bool) -> dict[str, Any]:
        """Everything acknowledged visible, open executions closed, learning applied."""
        await self.intake.flushed(timeout_ms=60_000)
        await self.join_pending()
        closed = await self.learner.tick(everything=close_executions)
        flushed = await self.intake.flushed(timeout_ms=60_000)
        snapshot = max((s.snapshot_id for s in self.live.retrievers()), default=0)
        return {"flushed": flushed, "closed": closed, "snapshot": snapshot}

    async def join_pending(self) -> None:
        """Teach what came for executions that only the log knew."""
        for each in await self.pending.found(clock()):
            self.learner.late(each.execution, each.document_id, each.interaction_id, each.reward)

    async def reload(self) -> None:
        """Namespaces and keys as the catalogue has them now (another process may have
        added some).
        """
        found = await self.catalog.definitions()
        self.live.know(found.namespaces, found.keys)

    async def close(self) -> None:
        """Learn what is open, save, drain, release."""
        await self.learner.tick()
        await self.learner.save(self.live.retrievers())
        await self.intake.close()
        self.index.close()
        self.event_log.close()
        await self.catalog.close()
        self.parts.directory.release()


async def open_system(settings: Settings, metrics: Metrics) -> System:
    """Open a data directory and everything on it. Raises StartupError, DataDirectoryLocked."""
    directory = DataDirectory(Path(settings.data))
    try:
        parts = _adapters(settings, directory)
        system = System(settings, parts, metrics)
        await _load(system)
    except BaseException:
        directory.release()
        raise
    return system


def _adapters(settings: Settings, directory: DataDirectory) -> Adapters:
    layout = directory.layout
    catalog = Catalog(_catalog_dsn(settings, layout), settings.erasure_key)
    event_log = ClickHouse(
        settings.event_log_dsn or f"chdb://{layout.event_log}",
        layout.path,
        Limits(
            memory_bytes=settings.event_log_memory_bytes,
            mark_cache_bytes=settings.event_log_cache_bytes,
        ),
    )
    fail = _fail_point(settings.fail_point)
    intake = SegmentIntake(
        layout.intake, NODE, bounds=Bounds(backlog_bytes=settings.intake_backlog_bytes),
        ack=settings.intake_ack, fail_point=fail,
    )  # fmt: skip
    flusher = Flusher(
        intake, event_log, pace=Pace(interval=settings.flush_interval_ms / 1000), fail_point=fail
    )
    encoders = encoder_for
    return Adapters(
        directory=directory, catalog=catalog, event_log=event_log, intake=intake, flusher=flusher,
        index=QdrantIndex(layout.index, encoders, settings.optimise_threshold),
        recent=RecentMemory(
            settings.recent_window_minutes * 60_000, settings.recent_memory_bytes
        ),
        live=LiveBook(), encoders=encoders,
    )  # fmt: skip


def _catalog_dsn(settings: Settings, layout: Layout) -> str:
    return settings.catalog_dsn or sqlite_dsn(layout.catalog)


def _fail_point(wanted: str) -> Callable[[str], None]:
    """`name[:n]`: die by SIGKILL at the n-th passage of the place of that name (crash tests)."""
    name, _, number = wanted.partition(":")
    left = int(number or 1)

    def passing(place: str) -> None:
        nonlocal left
        if place == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passing


async def _load(system: System) -> None:
    """Definitions, then the backlog, then the memory of the last hour, then what was learned."""
    parts = system.parts
    record = NamespaceRecord(
        namespace_id=DEFAULT_NAMESPACE, namespace_name=DEFAULT_NAMESPACE, created_at=iso(clock())
    )
    await parts.catalog.namespaces.ensure(record)
    found = await parts.catalog.definitions()
    parts.live.know(found.namespaces, found.keys)
    for collection in found.collections:
        parts.index.create(collection)
        parts.live.put_collection(collection)
        system.touched.add(collection.collection_id)
    parts.index.tidy(found.collections)
    parts.flusher.start()
    await parts.intake.flushed(timeout_ms=600_000)
    for retriever in found.retrievers:
        served = recipes.new_served(
            retriever, rollout=found.rollouts.get(retriever.retriever_id),
            opted_out=found.opted_out.get(retriever.retriever_id, frozenset()),
        )  # fmt: skip
        parts.live.replace(served)
        parts.live.replace(await system.learner.restore(served))
    await _remember(system)


async def _remember(system: System) -> None:
    """The memory of the last hour out of the log; what a crash left untaught is taught."""
    parts, retrievers = system.parts, system.live.retrievers()
    windows = [served.learning.attribution_window_seconds * 1000 for served in retrievers]
    missed = await rebuild(
        parts.recent, parts.event_log, parts.live, clock(), max(windows, default=0)
    )
    for each in missed:
        system.learner.late(each.execution, each.document_id, each.interaction_id, each.reward)
    await system.learner.agree(retrievers)


class KeyDesk:
    """Keys from the shell: works beside a running server, which notices within a second."""

    def __init__(self, catalog: Catalog, loop: asyncio.Runner) -> None:
        self._catalog, self._run = catalog, loop.run

    def create(self, namespace: str, scope: str, name: str) -> str:
        """A new key; returns its secret, which is nowhere stored."""
        record = NamespaceRecord(
            namespace_id=namespace if namespace == DEFAULT_NAMESPACE else mint(),
            namespace_name=namespace, created_at=iso(clock()),
        )  # fmt: skip
        owner = self._run(self._catalog.namespaces.ensure(record))
        secret = f"sk_{secrets.token_urlsafe(32)}"
        key = KeyRecord(
            key_id=mint(), prefix=secret[:9],
            secret_hash=hashlib.sha256(secret.encode()).hexdigest(), scope=scope,
            namespace=owner.namespace_id, name=name, created_at=iso(clock()),
        )  # fmt: skip
        self._run(self._catalog.keys.create(key))
        return secret

    def list(self) -> list[KeyRecord]:
        """All keys, oldest first."""
        return self._run(self._catalog.keys.all())

    def revoke(self, reference: str) -> str:
        """End a key, by id or by the beginning that `list` shows. Raises NotFound."""
        for key in self._run(self._catalog.keys.all()):
            if reference in (key.key_id, f"key_{key.key_id}", key.prefix):
                self._run(self._catalog.keys.revoke(key.key_id, row_time(clock())))
                return key.key_id
        raise NotFound(f"there is no key `{reference}`", hint="see `desireline keys list`")


@contextmanager
def open_keys(settings: Settings) -> Iterator[KeyDesk]:
    """The key commands on a data directory."""
    layout = prepare(Path(settings.data))
    with asyncio.Runner() as runner:
        catalog = Catalog(_catalog_dsn(settings, layout), settings.erasure_key)
        try:
            yield KeyDesk(catalog, runner)
        finally:
            runner.run(catalog.close())


def refuse_open_network(settings: Settings, *, keyed: bool) -> None:
    """Without any key only loopback is served. Raises StartupError naming the command."""
    if keyed or settings.host in ("127.0.0.1", "::1", "localhost"):
        return
    raise StartupError(
        f"refusing to listen on {settings.host} without any API key",
        hint="create one first: desireline keys create --data "
        f"{settings.data} (or serve on 127.0.0.1)",
    )
