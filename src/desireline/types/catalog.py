"""Small records of the catalogue, neither searched nor learned from: namespaces, keys, tasks …

Values only. Ids are bare 32 hex; `*_at` are UTC times as text, "" = not yet. They know no database.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from desireline.types.learning import Rollout
from desireline.types.retriever import Collection, Retriever

TaskStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
UNFINISHED: tuple[TaskStatus, ...] = ("pending", "running")


class NamespaceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The boundary of names, documents, keys and rows.

    `standalone` ones hold vectors of the caller in one collection, `collection_id`.
    `is_open`: vector names unknown so far become features at their first upsert.
    """

    namespace_id: str
    namespace_name: str
    description: str = ""
    metadata: dict[str, Any] = {}
    created_at: str = ""
    mode: Literal["managed", "standalone"] = "managed"
    collection_id: str = ""
    is_open: bool = False


class PublicationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A retriever that anybody may run under a public name, unique among all namespaces."""

    public_name: str
    retriever_id: str
    namespace: str
    display_name: str = ""
    description: str = ""
    created_at: str = ""
    updated_at: str = ""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret: `secret_hash` is SHA-256 hex, `prefix` what lists show."""

    key_id: str
    prefix: str
    secret_hash: str
    scope: str
    namespace: str
    name: str = ""
    created_at: str = ""
    revoked_at: str = ""


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Work a user can watch: `done` of `total` (0: not known yet), counted in `unit`.

    `error` is {code, message, hint} of a failure. `checkpoint` is from where the work goes on after
    a restart ({}: from the beginning). `attempts` counts starts that were not put off by a clean
    stop, `done_before` is what was done when the last one began. `is_reported`: a program outside
    does the work and tells its progress.
    """

    task_id: str
    namespace: str
    kind: str
    status: TaskStatus = "pending"
    done: int = 0
    total: int = 0
    unit: str = ""
    message: str = ""
    error: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    result: dict[str, Any] = {}
    checkpoint: dict[str, Any] = {}
    attempts: int = 0
    done_before: int = 0
    is_reported: bool = False
    created_at: str = ""
    started_at: str = ""
    updated_at: str = ""
    finished_at: str = ""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what, when and why. `at_ms` is milliseconds since 1970 UTC."""

    namespace: str
    action: str
    subject: str
    at_ms: int
    by: str = ""
    reason: str = ""
    details: dict[str, Any] = {}


class StateSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A learner's state: the fold of the lessons of `generation` up to and including `seq`."""

    retriever_id: str
    generation: int
    seq: int
    blob: bytes
    at_ms: int = 0


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """Something erased (kind user, interaction …): `digest` is the keyed hash of its id; `applied`
    once no table holds it."""

    namespace: str
    kind: str
    digest: str
    erased_at: str
    applied: bool = False


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """All that serving keeps in memory, of one moment. `revision` rises with every change."""

    revision: int
    namespaces: list[NamespaceRecord]
    keys: list[KeyRecord]
    collections: list[Collection]
    retrievers: list[Retriever]
    rollouts: dict[str, Rollout]
    opted_out: dict[str, frozenset[str]]
    publications: list[PublicationRecord] = []
