"""Small records of the catalogue, neither searched nor learned from: namespaces, keys, tasks …

Values only. Ids are bare 32 hex; `*_at` are UTC times as text, "" = not yet. They know no database.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from desireline.types.learning import Rollout
from desireline.types.retriever import Collection, Retriever

TaskStatus = Literal["queued", "running", "done", "failed", "cancelled"]
UNFINISHED: tuple[TaskStatus, ...] = ("queued", "running")


class NamespaceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant: the boundary of names, documents, keys and rows."""

    namespace_id: str
    namespace_name: str
    description: str = ""
    metadata: dict[str, Any] = {}
    created_at: str = ""


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
    """Work a user can watch: `progress` of `total` steps done (total 0: not known yet)."""

    task_id: str
    namespace: str
    kind: str
    status: TaskStatus = "queued"
    progress: int = 0
    total: int = 0
    error: str = ""
    request: dict[str, Any] = {}
    result: dict[str, Any] = {}
    created_at: str = ""
    updated_at: str = ""


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
