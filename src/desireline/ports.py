"""What the steps need from the world, as Protocols. Adapters in `store`, `index`, `ml` satisfy
them; `wiring` is the only place that knows which one.

Times are integer milliseconds since 1970 UTC. Methods marked `async` may wait; all others are
in-memory or bounded by a few milliseconds and are called on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from desireline.types.catalog import (
    AuditRecord,
    Definitions,
    KeyRecord,
    NamespaceRecord,
    StateSnapshot,
    TaskRecord,
    Tombstone,
)
from desireline.types.learning import Rollout, TaughtDocument, Weights
from desireline.types.log import Row
from desireline.types.retriever import Collection, Document, Feature, FilterTree, Hit, Retriever

Clock = Callable[[], int]
"""Now, in milliseconds since 1970 UTC."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A place in the intake's order: everything up to `seq` of this node."""

    seq: int


class Intake(Protocol):
    """The durable, ordered log in front of the event log; one writer, one flusher."""

    def next_seq(self) -> int:
        """The number for the next row of this node; never given twice, also across restarts."""

    def append(self, rows: Sequence[tuple[str, bytes]]) -> Ticket:
        """Queue frames, each (table, JSON of one row), in this order, all or none; does not wait.

        Raises `errors.IntakeFull` (backlog bound) or `errors.StorageFull`; then nothing was queued.
        """

    async def synced(self, ticket: Ticket) -> None:
        """Wait until everything up to `ticket` survived an fdatasync. Raises
        `errors.StorageFull`.
        """

    def lost(self, ticket: Ticket) -> bool:
        """Whether the disk refused the rows behind `ticket` (False while that is open)."""

    async def flushed(self, ticket: Ticket | None = None, timeout_ms: int = 1000) -> bool:
        """Wait until everything up to `ticket` (None: appended so far) is in the event log."""

    async def close(self) -> None:
        """Drain what is queued, flush, stop the threads."""


class EventLog(Protocol):
    """The analytic tables of `types.log`, by named questions (`store/queries/*.sql`)."""

    def insert(self, table: str, rows: bytes, token: str) -> None:
        """Insert newline-separated JSON rows once per token (blocking; the flusher's thread)."""

    async def query(self, question: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows of the query file `question`; parameters are bound, never pasted."""

    async def delete_interactions(self, namespace: str, interaction_ids: Sequence[str]) -> int:
        """Delete from every table that holds them, counters exact afterwards; returns rows."""

    async def delete_lessons(self, retriever_id: str, before_generation: int) -> None:
        """Drop the lessons of superseded generations."""

    def close(self) -> None:
        """Release the engine."""


class Shown(msgspec.Struct, gc=False):
    """What is remembered of one shown document: enough to attribute, reward and teach."""

    document_id: str
    position: int
    score: float
    norm_scores: tuple[float, ...]
    contributions: tuple[float, ...]
    winner: str
    theta: float = 1.0
    rewards: list[tuple[str, float]] = []


class RecentExecution(msgspec.Struct, gc=False):
    """One execution of the last hour, in memory. `open` until its attribution window ended.

    `subject` is what its weights stick to (session_id, else user_id, else execution_id); the same
    weights serve that subject until it interacts (`engaged`) or 30 minutes pass. `draws` are the
    (64, F) re-sampled weights that propensities are computed from. `logged_at` is the intake's
    ticket of its rows (0: they were in the log at start).
    """

    execution_id: str
    namespace: str
    retriever_id: str
    at_ms: int
    closes_at_ms: int
    query_key: str
    user_id: str
    session_id: str
    context_keys: tuple[str, ...]
    searches: tuple[str, ...]
    variant: str
    shown: list[Shown]
    teaches: bool = True
    open: bool = True
    depth: int = 10
    purpose: str = "traffic"
    subject: str = ""
    weights: Weights | None = None
    draws: Any = None
    snapshot_id: int = 0
    draw_seed: int = 0
    engaged: bool = False
    logged_at: int = 0


class RecentExecutions(Protocol):
    """A bounded memory of the last hour: executions, deduplication keys, idempotent answers."""

    def add(self, execution: RecentExecution) -> None:
        """Remember; the same session's older open execution of that retriever becomes due."""

    def get(self, execution_id: str) -> RecentExecution | None:
        """By id."""

    def last_shown(
        self, namespace: str, visitor: str, document_id: str, query_key: str, since_ms: int
    ) -> RecentExecution | None:
        """The latest execution that showed the document to this session (else user)."""

    def last_of(self, retriever_id: str, subject: str) -> RecentExecution | None:
        """The subject's latest execution on this retriever."""

    def unpin(self, retriever_id: str, user_id: str) -> None:
        """The user's executions no longer decide the weights of the next one."""

    def due(self, now_ms: int, *, everything: bool = False) -> list[RecentExecution]:
        """Open executions whose window ended (or all), in closing order."""

    def seen(self, key: str, now_ms: int) -> str | None:
        """The interaction id remembered under a deduplication key, if it is still fresh."""

    def remember(self, key: str, value: str, now_ms: int, keep_ms: int) -> None:
        """Remember an id (or an idempotent answer) under a key for `keep_ms`."""


class Live(Protocol):
    """The retrievers as served right now, in memory (`core.snapshot.Served`), and the
    collections.
    """

    def retriever(self, namespace: str, id_or_name: str) -> Any:
        """The `Served` of a retriever; raises `errors.NotFound`."""

    def by_id(self, retriever_id: str) -> Any:
        """The `Served` of a retriever of any namespace, or None."""

    def replace(self, served: Any) -> None:
        """Swap one retriever's `Served`."""

    def remove(self, retriever_id: str) -> None:
        """Forget a deleted retriever."""

    def collections(self, namespace: str) -> Sequence[Collection]:
        """All collections of a namespace."""


class SearchIndex(Protocol):
    """Documents of all collections, searchable. Every call is exact about ids:
    document_id strings.
    """

    def create(self, collection: Collection) -> None:
        """Make the folder(s) of a collection (idempotent)."""

    def drop(self, collection: Collection) -> None:
        """Remove a collection's documents and folders."""

    async def upsert(self, collection: Collection, documents: Sequence[Document]) -> None:
        """Insert or replace, in slices that leave the event loop free; encodes what must be
        encoded.
        """

    async def delete(self, collection: Collection, document_ids: Sequence[str]) -> int:
        """Delete by id; returns how many existed."""

    def get(self, collection: Collection, document_ids: Sequence[str]) -> list[Document]:
        """Documents by id, in that order; unknown ids are left out."""

    def page(
        self, collection: Collection, where: FilterTree | None, limit: int, after: str = ""
    ) -> tuple[list[Document], str]:
        """A page of documents and the cursor of the next one ("" = last page)."""

    def count(self, collection: Collection, where: FilterTree | None = None) -> int:
        """How many documents (match)."""

    def search(
        self,
        collection: Collection,
        feature: Feature,
        query: str | Sequence[float],
        top_k: int,
        where: FilterTree | None = None,
    ) -> list[Hit]:
        """Best first. A lexical search returns no document that shares no term with the query."""

    def score(
        self,
        collection: Collection,
        feature: Feature,
        query: str | Sequence[float],
        document_ids: Sequence[str],
    ) -> list[float]:
        """The same score as `search`, for given ids, in that order (no shared term, no
        vector: 0).
        """


class Encoder(Protocol):
    """Texts to vectors, rows of unit length."""

    dimension: int

    def encode(self, texts: Sequence[str]) -> Any:
        """float32 array (n, dimension)."""


class Tombstones(Protocol):
    """What was erased and must stay so: the flusher applies these after every insert."""

    async def bury(self, namespace: str, kind: str, identifier: str, now_ms: int) -> None:
        """Note that a thing of this kind (`interaction`) was erased; durable when it returns."""

    def digest(self, kind: str, identifier: str) -> str:
        """The keyed hash under which `bury` notes an id."""

    async def pending(self) -> list[Tombstone]:
        """Those that may still be in a table or in what was learned."""

    async def applied(self, tombstones: Sequence[Tombstone]) -> None:
        """Note that these are nowhere any more."""


class NamespaceCatalog(Protocol):
    """Tenants. A reference is an id (bare, or as the wire shows it) or a name, here and below."""

    async def create(self, record: NamespaceRecord) -> None:
        """Raises `errors.AlreadyExists`."""

    async def ensure(self, record: NamespaceRecord) -> NamespaceRecord:
        """The namespace of that name, made from `record` if there is none."""

    async def get(self, reference: str) -> NamespaceRecord:
        """Raises `errors.NotFound`."""

    async def all(self) -> list[NamespaceRecord]:
        """All, oldest first."""


class KeyCatalog(Protocol):
    """API keys, without their secrets."""

    async def create(self, record: KeyRecord) -> None:
        """Keep a key (its hash, never its secret)."""

    async def all(self) -> list[KeyRecord]:
        """All, revoked ones too, oldest first."""

    async def revoke(self, reference: str, revoked_at: str) -> KeyRecord:
        """End a key; again changes nothing. By id. Raises `errors.NotFound`."""


class CollectionCatalog(Protocol):
    """Sets of documents with their feature registry."""

    async def create(self, collection: Collection) -> None:
        """Raises `errors.AlreadyExists` (`collection_name_taken`)."""

    async def get(self, namespace: str, reference: str) -> Collection:
        """Raises `errors.NotFound` (`collection_not_found`)."""

    async def page(
        self, namespace: str, *, limit: int = 1000, offset: int = 0, after: str = ""
    ) -> list[Collection]:
        """Oldest first, from behind the id `after`."""

    async def count(self, namespace: str) -> int:
        """How many."""

    async def update(
        self, namespace: str, reference: str, change: Callable[[Collection], Collection]
    ) -> Collection:
        """Read, change, write in one transaction. `change` is pure: the writer thread runs it."""

    async def delete(self, namespace: str, reference: str) -> Collection:
        """The record that is gone. Raises `errors.NotFound`."""


class RetrieverCatalog(Protocol):
    """Recipes, and every version they ever had."""

    async def create(self, retriever: Retriever) -> None:
        """Raises `errors.AlreadyExists` (`retriever_name_taken`)."""

    async def get(self, namespace: str, reference: str) -> Retriever:
        """Raises `errors.NotFound` (`retriever_not_found`)."""

    async def page(
        self, namespace: str, *, limit: int = 1000, offset: int = 0, after: str = ""
    ) -> list[Retriever]:
        """Oldest first, from behind the id `after`."""

    async def count(self, namespace: str) -> int:
        """How many."""

    async def update(self, retriever: Retriever, *, expected_version: int) -> Retriever:
        """Store it as version `expected_version` + 1, if that still is the present one.

        Raises `errors.VersionConflict` (read again, merge again), `NotFound`, `AlreadyExists`.
        """

    async def delete(self, namespace: str, reference: str) -> Retriever:
        """The record that is gone; its versions stay, because the log names them."""

    async def versions(self, namespace: str, reference: str) -> list[Retriever]:
        """All versions of one retriever, 1 first."""

    async def version(self, retriever_id: str, version: int) -> Retriever:
        """One version, also of a deleted retriever. Raises `errors.NotFound`."""


class LearningCatalog(Protocol):
    """Generations, snapshots, switches and opt-outs of retrievers."""

    async def generation(self, retriever_id: str) -> int:
        """The number of the present generation of lessons; 0 at first."""

    async def start_generation(self, retriever_id: str, number: int = 0) -> int:
        """Make the next one present, or `number` if that is higher; returns it."""

    async def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """Keep a learner's state (the newest two per retriever are kept)."""

    async def newest_snapshot(self, retriever_id: str) -> StateSnapshot | None:
        """The newest whose bytes are undamaged; None: fold all lessons."""

    async def delete_snapshots(self, retriever_id: str = "") -> None:
        """Of one retriever, or all."""

    async def set_rollout(self, namespace: str, retriever_id: str, rollout: Rollout) -> bool:
        """Set the live switches and write the audit trail; False when they held already."""

    async def rollout(self, retriever_id: str) -> Rollout:
        """The live switches (defaults if never set)."""

    async def opt_out(self, retriever_id: str, user_id: str, record: AuditRecord) -> bool:
        """Static fusion for this user from now on; `record` is kept. False: already so."""

    async def opt_in(self, retriever_id: str, user_id: str, record: AuditRecord) -> bool:
        """The reverse of `opt_out`. False: was not opted out."""

    async def opted_out(self, retriever_id: str) -> frozenset[str]:
        """User ids that opted out."""


class TaskCatalog(Protocol):
    """Work a user can watch, cancel, and that resumes after a restart."""

    async def create(self, task: TaskRecord) -> None:
        """Keep a new task."""

    async def get(self, namespace: str, task_id: str) -> TaskRecord:
        """By bare id. Raises `errors.NotFound`."""

    async def newest(self, namespace: str, *, kind: str = "", limit: int = 100) -> list[TaskRecord]:
        """Newest first."""

    async def unfinished(self) -> list[TaskRecord]:
        """Queued or running ones of all namespaces, oldest first: what to resume at start."""

    async def save(self, task: TaskRecord) -> bool:
        """Overwrite an unfinished task; False when it had ended meanwhile (cancelled: stop)."""


class AuditTrail(Protocol):
    """Who did what, when and why; only ever added to."""

    async def add(self, record: AuditRecord) -> None:
        """Keep one."""

    async def newest(
        self, namespace: str, *, subject: str = "", limit: int = 100
    ) -> list[AuditRecord]:
        """Newest first."""


class Catalog(Protocol):
    """Definitions and small state, transactional: SQLite or PostgreSQL.

    One generic keyed store of JSON records per kind would hide its schema, so the adapter
    (`store/catalog.py`) has one method per question, sorted by noun into the Protocols above.
    """

    @property
    def namespaces(self) -> NamespaceCatalog:
        """Tenants."""

    @property
    def keys(self) -> KeyCatalog:
        """API keys."""

    @property
    def collections(self) -> CollectionCatalog:
        """Sets of documents."""

    @property
    def retrievers(self) -> RetrieverCatalog:
        """Recipes."""

    @property
    def learning(self) -> LearningCatalog:
        """What learners need to keep."""

    @property
    def tasks(self) -> TaskCatalog:
        """Long work."""

    @property
    def audit(self) -> AuditTrail:
        """Who did what."""

    async def definitions(self) -> Definitions:
        """Everything that serving keeps in memory, of one moment."""

    async def revision(self) -> int:
        """Rises with every change of the definitions: compare with `Definitions.revision`."""

    async def close(self) -> None:
        """Finish queued writes, release connections."""


class Metrics(Protocol):
    """Counters and timings of the process (`/metrics`)."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter declared in `http/metrics.py`."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""


__all__ = [
    "Catalog", "Clock", "Encoder", "EventLog", "Intake", "Metrics", "RecentExecution",
    "RecentExecutions", "Rollout", "Row", "SearchIndex", "Shown", "TaughtDocument", "Ticket",
    "Tombstones", "Weights",
]  # fmt: skip
