"""What the steps need of the catalogue: definitions and small state, one Protocol per noun.

The adapter is `store/catalog.py`, on SQLite or PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from desireline.types.catalog import (
    AuditRecord,
    Definitions,
    KeyRecord,
    NamespaceRecord,
    PublicationRecord,
    StateSnapshot,
    TaskRecord,
    TaskStatus,
    Tombstone,
)
from desireline.types.learning import Rollout
from desireline.types.retriever import Collection, Retriever


class Tombstones(Protocol):
    """What was erased and must stay so: the flusher applies these after every insert."""

    async def bury(
        self, namespace: str, kind: str, identifiers: Sequence[str], now_ms: int
    ) -> None:
        """Note that things of this kind (`interaction`) were erased; durable when it returns."""

    def digest(self, kind: str, identifier: str) -> str:
        """The keyed hash under which `bury` notes an id."""

    async def pending(self) -> list[Tombstone]:
        """Those that may still be in a table or in what was learned."""

    async def applied(self, tombstones: Sequence[Tombstone]) -> None:
        """Note that these are nowhere any more."""


class NamespaceCatalog(Protocol):
    """The boundaries between data sets. A reference is an id (bare, or as the wire shows it) or a
    name, here and below.
    """

    async def create(self, record: NamespaceRecord) -> None:
        """Raises `errors.AlreadyExists`."""

    async def ensure(self, record: NamespaceRecord) -> NamespaceRecord:
        """The namespace of that name, made from `record` if there is none."""

    async def get(self, reference: str) -> NamespaceRecord:
        """Raises `errors.NotFound`."""

    async def all(self) -> list[NamespaceRecord]:
        """All, oldest first."""

    async def delete(self, reference: str, revoked_at: str) -> int:
        """A namespace with all that is defined in it, at once; its keys end, and are counted."""


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


class PublicationCatalog(Protocol):
    """Retrievers under public names."""

    async def put(self, record: PublicationRecord) -> None:
        """Publish, or change what is published. Raises `errors.AlreadyExists`
        (`public_name_taken`).
        """

    async def delete(self, retriever_id: str) -> bool:
        """Take back; False when it was not published."""


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

    async def newest(
        self, namespace: str, *, kind: str = "", statuses: Sequence[TaskStatus] = (),
        before: str = "", limit: int = 100,
    ) -> list[TaskRecord]:  # fmt: skip
        """Newest first, from behind the id `before`."""

    async def unfinished(self) -> list[TaskRecord]:
        """Pending or running ones of all namespaces, oldest first: what to resume at start."""

    async def save(self, task: TaskRecord) -> bool:
        """Overwrite an unfinished task; False when it had ended meanwhile (cancelled: stop)."""

    async def change(
        self, namespace: str, task_id: str, change: Callable[[TaskRecord], TaskRecord]
    ) -> TaskRecord:
        """Read, change, write in one transaction. `change` is pure: the writer thread runs it."""


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
        """The boundaries between data sets."""

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
    def publications(self) -> PublicationCatalog:
        """Public names."""

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
