"""The composition root: settings to adapters to steps. The only place that names concrete adapters,
reads the clock and makes randomness.

`open_system` gives everything a door needs; `open_keys` gives the key commands of the shell.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from desireline.core import keys
from desireline.core.ids import new_id
from desireline.core.pseudonyms import KnownAs, as_sent, pseudonym
from desireline.core.shapes import nearest
from desireline.core.times import iso, row_time
from desireline.errors import DesirelineError, FieldError, Invalid, NotFound, StartupError
from desireline.index import checking as index_checking
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.ports import Clock, Metrics
from desireline.settings import PREFIX, Settings
from desireline.steps import executions, lookup, namespaces, recipes
from desireline.steps.capture import Capture, Readings
from desireline.steps.capture import Ports as CapturePorts
from desireline.steps.corpus import Corpus
from desireline.steps.corpus import Ports as CorpusPorts
from desireline.steps.executions import Executions
from desireline.steps.feed import Feed
from desireline.steps.learn import (
    Chronicle,
    Control,
    Decisions,
    Learner,
    Report,
    Sessions,
    Traces,
)
from desireline.steps.learn import Ports as LearnPorts
from desireline.steps.lookup import Typeahead
from desireline.steps.namespaces import Namespaces
from desireline.steps.publications import Publications
from desireline.steps.recipes import Retrievers
from desireline.steps.serve import Foreign, Serve
from desireline.steps.serve import Ports as ServePorts
from desireline.steps.simulations import Ports as SimulationPorts
from desireline.steps.simulations import Simulations
from desireline.steps.tasks import Ports as TaskPorts
from desireline.steps.tasks import Tasks
from desireline.store import checking
from desireline.store.catalog import Catalog
from desireline.store.clickhouse import ClickHouse, Limits
from desireline.store.database import sqlite_dsn
from desireline.store.directory import DataDirectory, Layout, prepare
from desireline.store.flusher import Flusher, Pace
from desireline.store.intake import Bounds, SegmentIntake
from desireline.store.live import LiveBook
from desireline.store.memory import rebuild
from desireline.store.pending import PendingJoin
from desireline.store.pseudonyms import key_of
from desireline.store.recent import RecentMemory
from desireline.store.usage import Usage
from desireline.types.catalog import KeyRecord, NamespaceRecord
from desireline.types.checking import Finding
from desireline.types.retriever import Collection, Feature
from desireline.types.simulation import Assignment

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
    known_as: KnownAs


class System:
    """Everything a door needs, bound together. Opened by `open_system`, ended by `close`."""

    def __init__(self, settings: Settings, parts: Adapters, metrics: Metrics) -> None:
        self.settings, self.parts, self.metrics = settings, parts, metrics
        self.clock: Clock = clock
        self.live = self.keys = parts.live
        self.feed = Feed(clock)
        self.intake, self.event_log, self.recent = parts.intake, parts.event_log, parts.recent
        self.catalog, self.index = parts.catalog, parts.index
        self.known_as = parts.known_as
        self.sessions = Sessions(clock)
        self.touched: set[str] = set()
        self.learner = Learner(
            LearnPorts(
                live=self.live, intake=self.intake, event_log=self.event_log, recent=self.recent,
                catalog=self.catalog.learning, tombstones=self.catalog.tombstones,
                sessions=self.sessions, clock=clock, metrics=metrics, feed=self.feed, node=NODE,
            )
        )  # fmt: skip
        self.control = Control(self.catalog.learning, self.live, self.learner, clock)
        self.report = Report(clock)
        self.usage = Usage(self.event_log, clock)
        self.chronicle = Chronicle(self.learner.history, self.catalog, clock)
        self.decisions = Decisions(self.learner.history.ports)
        self.traces = Traces(self.learner.history)
        self.pending = PendingJoin(self.event_log, self.live)
        self.captured = self._capture_ports()
        self.capture, self.readings = Capture(self.captured), Readings(self.captured)
        self.executions, self.typeahead = self._reading()
        self.serve = Serve(
            ServePorts(
                live=self.live, index=self.index, intake=self.intake, recent=self.recent,
                session_of=self.sessions.of, clock=clock, mint=mint, metrics=metrics,
                usage=self.usage, feed=self.feed, node=NODE, known_as=self.known_as,
            )
        )  # fmt: skip
        self.foreign = Foreign(self.serve)
        self.retrievers = Retrievers(
            recipes.Ports(
                catalog=self.catalog.retrievers, book=self.live, clock=clock, mint=mint,
                refold=self.learner.refold,
            )
        )  # fmt: skip
        self.publications = Publications(
            self.catalog.publications, self.live, self.catalog.audit, clock
        )
        self.tasks = Tasks(
            TaskPorts(catalog=self.catalog.tasks, clock=clock, mint=mint, feed=self.feed)
        )
        self.simulations = Simulations(SimulationPorts(spawn=spawned, failed=self.tasks.failed))
        self.corpus = Corpus(
            CorpusPorts(
                catalog=self.catalog.collections, book=self.live, index=self.index, clock=clock,
                mint=mint, metrics=metrics, touched=self._touched,
            )
        )  # fmt: skip

        self.namespaces = self._namespaces()

    def _reading(self) -> tuple[Executions, Typeahead]:
        """What reads the log for callers and needs nothing else of the loop."""
        intake, event_log, known_as = self.intake, self.event_log, self.known_as
        return Executions(
            executions.Ports(
                intake=intake, event_log=event_log, recent=self.recent, known_as=known_as
            )
        ), Typeahead(
            lookup.Ports(
                live=self.live, index=self.index, intake=intake, event_log=event_log,
                clock=clock, known_as=known_as,
            )
        )  # fmt: skip

    def _namespaces(self) -> Namespaces:
        return Namespaces(
            namespaces.Ports(
                catalog=self.catalog.namespaces, book=self.live, clock=clock, mint=mint,
                new_collection=self._implicit, grow=self.corpus.rebuild, drop=self.index.drop,
                forget=self.feed.forget_namespace,
            )
        )  # fmt: skip

    async def _implicit(
        self, namespace: str, name: str, features: Sequence[Feature], collection_id: str
    ) -> Collection:
        """The collection of a standalone namespace, which knows its id before it is made."""
        return await self.corpus.create(namespace, name, features, collection_id=collection_id)

    def _capture_ports(self) -> CapturePorts:
        return CapturePorts(
            intake=self.intake, event_log=self.event_log, recent=self.recent, live=self.live,
            clock=clock, metrics=self.metrics, tombstones=self.catalog.tombstones,
            late=self.learner.late, rewarded=self.sessions.rewarded, forget=self.learner.forget,
            feed=self.feed, node=NODE, known_as=self.known_as,
        )  # fmt: skip

    @property
    def own_url(self) -> str:
        """Where this server answers itself: a loopback address if it listens on all."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

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
        self.usage.renew()
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
        changes = -1
        while changes != self.live.changes:  # else what was read is older than what is known
            changes = self.live.changes
            found = await self.catalog.definitions()
        self.live.know(found.namespaces, found.keys)

    async def close(self) -> None:
        """Stop who works for us, learn what is open, save, drain, release."""
        await self.simulations.stop()
        await self.learner.tick()
        await self.learner.save(self.live.retrievers())
        await self.usage.close()
        await self.intake.close()
        self.index.close()
        self.event_log.close()
        await self.catalog.close()
        self.parts.directory.release()


async def spawned(assignment: Assignment) -> asyncio.subprocess.Process:
    """Simulated users on this assignment, in a session of their own: a Ctrl-C is for the server.

    The assignment goes through standard input, which stays open: they end when it closes, so with
    this process, however that ends. Settings (and their secrets) are not for them, nor a proxy: the
    key would go through it to the machine they are on. Raises OSError.
    """
    kept = {
        name: value for name, value in os.environ.items()
        if not name.startswith(PREFIX) and not name.lower().endswith("_proxy")
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "desireline.simulation",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, env=kept, start_new_session=True,
    )  # fmt: skip
    if process.stdin is not None:
        process.stdin.write(msgspec.json.encode(assignment) + b"\n")
    return process


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
    key = key_of(layout, wanted=settings.anonymize == "hmac")
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
        known_as=as_sent if key is None else partial(pseudonym, key),
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


def _default_namespace() -> NamespaceRecord:
    return NamespaceRecord(
        namespace_id=DEFAULT_NAMESPACE, namespace_name=DEFAULT_NAMESPACE, created_at=iso(clock())
    )


async def _load(system: System) -> None:
    """Definitions, then the backlog, then the memory of the last hour, then what was learned."""
    parts = system.parts
    await parts.catalog.namespaces.ensure(_default_namespace())
    found = await parts.catalog.definitions()
    parts.live.know(found.namespaces, found.keys)
    for collection in found.collections:
        parts.index.create(collection)
        parts.live.put_collection(collection)
        system.touched.add(collection.collection_id)
    parts.index.tidy(found.collections)
    parts.flusher.start()
    await parts.intake.flushed(timeout_ms=600_000)
    public = {each.retriever_id: each for each in found.publications}
    for retriever in found.retrievers:
        served = recipes.new_served(
            retriever, rollout=found.rollouts.get(retriever.retriever_id),
            opted_out=found.opted_out.get(retriever.retriever_id, frozenset()),
        )  # fmt: skip
        served = msgspec.structs.replace(served, publication=public.get(retriever.retriever_id))
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


def check_directory(settings: Settings) -> list[Finding]:
    """What is wrong with the stores of `settings.data`, which nobody may serve meanwhile.

    Repairs nothing. Raises DataDirectoryLocked, StartupError (no data directory).
    """
    held, scratch = checking.directory.held, checking.directory.scratch
    with held(Path(settings.data)) as layout, scratch(layout) as room:
        found = checking.directory.check(layout)
        intake = checking.intake.check(layout.intake, NODE)
        found += intake.findings
        if settings.event_log_dsn:
            detail = "on a server of its own: not looked at"
            found.append(Finding(checking.log.STORE, "log", "ok", detail))
        else:
            found += checking.log.check(
                layout.event_log, room, intake.reserved, waiting=intake.waiting
            )
        catalogue = checking.catalogue.check(settings.catalog_dsn, layout.catalog, room)
        found += catalogue.findings
        if catalogue.collections is None:
            detail = "not looked at: the catalogue does not say what has to be there"
            found.append(Finding(index_checking.STORE, "collections", "warn", detail))
        else:
            found += index_checking.check(layout.index, catalogue.collections, room)
    return found


class KeyDesk:
    """Keys from the shell: works beside a running server, which notices within a second."""

    def __init__(self, catalog: Catalog, loop: asyncio.Runner) -> None:
        self._catalog, self._run = catalog, loop.run

    def create(self, namespace: str, scope: str, name: str) -> str:
        """A new key; returns its secret, which is nowhere stored. Raises NotFound."""
        owner = self._namespace(namespace)
        secret = keys.secret_of(os.urandom(32), scope)
        key = KeyRecord(
            key_id=mint(), prefix=keys.shown(secret), secret_hash=keys.secret_hash(secret),
            scope=scope,
            namespace=owner.namespace_id, name=name, created_at=iso(clock()),
        )  # fmt: skip
        self._run(self._catalog.keys.create(key))
        return secret

    def _namespace(self, reference: str) -> NamespaceRecord:
        """The namespace by name or id; `default` is made if no server has run here yet."""
        known = self._catalog.namespaces
        if reference == DEFAULT_NAMESPACE:
            return self._run(known.ensure(_default_namespace()))
        try:
            return self._run(known.get(reference))
        except NotFound as error:
            names = {each.namespace_name for each in self._run(known.all())}
            raise NotFound(
                resource="namespace", reference=reference, code="namespace_not_found",
                hint=f"{nearest(reference, names | {DEFAULT_NAMESPACE})}; POST /v1/namespaces"
                " makes one",
            ) from error  # fmt: skip

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
