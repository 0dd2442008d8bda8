"""What the steps need from the world, as Protocols. Adapters in `store`, `index`, `ml` satisfy
them; `wiring` is the only place that knows which one. Those of the catalogue are in `catalog`.

Times are integer milliseconds since 1970 UTC. Methods marked `async` may wait; all others are
in-memory or bounded by a few milliseconds and are called on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from desireline.ports.catalog import (
    AuditTrail,
    Catalog,
    CollectionCatalog,
    KeyCatalog,
    LearningCatalog,
    NamespaceCatalog,
    PublicationCatalog,
    RetrieverCatalog,
    TaskCatalog,
    Tombstones,
)
from desireline.ports.feed import Feed
from desireline.types.learning import Rollout, TaughtDocument, Weights
from desireline.types.log import Row
from desireline.types.retriever import Collection, Document, Feature, FilterTree, Hit

Clock = Callable[[], int]
"""Now, in milliseconds since 1970 UTC."""


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """A place in the intake's order: everything up to `seq` of this node."""

    seq: int


class Intake(Protocol):
    """The durable, ordered log in front of the event log; one writer, one flusher."""

    def next_seq(self, count: int = 1) -> int:
        """The number for the next row of this node, the first of `count` in a row; never given
        twice, also across restarts.
        """

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
    """What is remembered of one shown document: enough to attribute, reward and teach.

    `claims` are the searches that clients named, by interaction id (policy `attribution: client`).
    """

    document_id: str
    position: int
    score: float
    norm_scores: tuple[float, ...]
    contributions: tuple[float, ...]
    winner: str
    theta: float = 1.0
    rewards: list[tuple[str, float]] = []
    claims: dict[str, str] = {}


class RecentExecution(msgspec.Struct, gc=False):
    """One execution of the last hour, in memory. `open` until its attribution window ended.

    `subject` is what its weights stick to (session_id, else user_id, else execution_id); the same
    weights serve that subject until it interacts (`engaged`) or 30 minutes pass. `draws` are the
    (64, F) re-sampled weights that propensities are computed from. `logged_at` is the intake's
    ticket of its rows (0: they were in the log at start). `source` is the row's (`log`: ranked
    elsewhere), `reason` why learned weights were not served. `mark` names what was asked of which
    retriever, so that pages by number go on in it ("" after a restart).
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
    source: str = ""
    reason: str = ""
    mark: str = ""


class RecentExecutions(Protocol):
    """A bounded memory of the last hour: executions, deduplication keys, idempotent answers."""

    def add(self, execution: RecentExecution) -> None:
        """Remember; the same session's older open execution of that retriever becomes due."""

    def get(self, execution_id: str) -> RecentExecution | None:
        """By id."""

    def extend(self, execution: RecentExecution, shown: Sequence[Shown]) -> None:
        """A further page of a remembered execution: what it had not shown yet, by position."""

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

    def remember(self, keys: Sequence[str], value: str, now_ms: int, keep_ms: int) -> None:
        """Remember an id (or an idempotent answer) under each key for `keep_ms`; a negative time
        forgets the keys.
        """


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

    def vectors(
        self, collection: Collection, feature: Feature, document_ids: Sequence[str]
    ) -> dict[str, Sequence[float]]:
        """The stored vectors of a dense feature by document_id; those without one are left out."""


class Usage(Protocol):
    """How much documents are used, in memory: `core.stages.scoring.Popularity`."""

    def popularity(self, namespace: str, types: Sequence[str], window_days: float) -> Any:
        """As last read; read again in the background when that is a few seconds old.

        Never read: no counts. Call and await `prepare` before, where waiting is allowed.
        """

    async def prepare(self, namespace: str, types: Sequence[str], window_days: float) -> bool:
        """Read what was never read, or not since `renew`; False: the log can't be read now."""

    def renew(self) -> None:
        """Whatever is read from now on shows everything that is in the log now."""


class Encoder(Protocol):
    """Texts to vectors, rows of unit length."""

    dimension: int

    def encode(self, texts: Sequence[str]) -> Any:
        """float32 array (n, dimension)."""


class Metrics(Protocol):
    """Counters and timings of the process (`/metrics`)."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter declared in `http/metrics.py`."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""


__all__ = [
    "AuditTrail", "Catalog", "Clock", "CollectionCatalog", "Encoder", "EventLog", "Feed", "Intake",
    "KeyCatalog", "LearningCatalog", "Metrics", "NamespaceCatalog", "PublicationCatalog",
    "RecentExecution", "RecentExecutions", "RetrieverCatalog", "Rollout", "Row", "SearchIndex",
    "Shown", "TaskCatalog", "TaughtDocument", "Ticket", "Tombstones", "Usage", "Weights",
]  # fmt: skip
