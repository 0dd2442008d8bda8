"""What changes while desireline runs: learners' generations, switches and snapshots, opt-outs,
the audit trail, tombstones (tasks: `tasks.py`).

Knows the questions about them, one method each. Knows no formula: a snapshot is bytes
with a checksum.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, delete, insert, select

from desireline.core.times import row_time
from desireline.store import tables
from desireline.store.database import Database
from desireline.store.tables import row_of, structs
from desireline.types.catalog import AuditRecord, StateSnapshot, Tombstone
from desireline.types.learning import Rollout

SNAPSHOTS_KEPT = 2


class _Part:
    def __init__(self, database: Database) -> None:
        self._database = database


class Learning(_Part):
    """Generations, snapshots, switches and opt-outs of retrievers (`ports.LearningCatalog`)."""

    async def generation(self, retriever_id: str) -> int:
        return await self._database.read(lambda c: _generation(c, retriever_id))

    async def start_generation(self, retriever_id: str, number: int = 0) -> int:
        return await self._database.write(lambda c: _start_generation(c, retriever_id, number))

    async def save_snapshot(self, snapshot: StateSnapshot) -> None:
        await self._database.write(lambda c: _save_snapshot(c, snapshot), notable=False)

    async def newest_snapshot(self, retriever_id: str) -> StateSnapshot | None:
        return await self._database.read(lambda c: _newest_snapshot(c, retriever_id))

    async def delete_snapshots(self, retriever_id: str = "") -> None:
        where = [tables.snapshots.c.retriever_id == retriever_id] if retriever_id else []
        await self._database.write(lambda c: c.execute(delete(tables.snapshots).where(*where)))

    async def set_rollout(self, namespace: str, retriever_id: str, rollout: Rollout) -> bool:
        return await self._database.write(
            lambda c: _set_rollout(c, namespace, retriever_id, rollout)
        )

    async def rollout(self, retriever_id: str) -> Rollout:
        return await self._database.read(lambda c: switches(c).get(retriever_id, Rollout()))

    async def opt_out(self, retriever_id: str, user_id: str, record: AuditRecord) -> bool:
        return await self._database.write(lambda c: _opt_out(c, retriever_id, user_id, record))

    async def opt_in(self, retriever_id: str, user_id: str, record: AuditRecord) -> bool:
        return await self._database.write(lambda c: _opt_in(c, retriever_id, user_id, record))

    async def opted_out(self, retriever_id: str) -> frozenset[str]:
        return await self._database.read(
            lambda c: opted_out_users(c).get(retriever_id, frozenset())
        )


class Audit(_Part):
    """Who did what, when and why; only ever added to (`ports.AuditTrail`)."""

    async def add(self, record: AuditRecord) -> None:
        await self._database.write(lambda c: _insert(c, tables.audit, record), notable=False)

    async def newest(
        self, namespace: str, *, subject: str = "", limit: int = 100
    ) -> list[AuditRecord]:
        columns = tables.audit.c
        where = [columns.namespace == namespace] + ([columns.subject == subject] if subject else [])
        newest = select(tables.audit).where(*where).order_by(columns.audit_id.desc()).limit(limit)
        return await self._database.read(lambda c: structs(c, newest, AuditRecord))


class Tombstones:
    """What was erased, as keyed hashes: no id of an erased thing stays (`ports.Tombstones`)."""

    def __init__(self, database: Database, key: str) -> None:
        self._database = database
        self._key = key.encode()

    async def bury(
        self, namespace: str, kind: str, identifiers: Sequence[str], now_ms: int
    ) -> None:
        erased_at = row_time(now_ms)
        tombstones = [
            Tombstone(
                namespace=namespace, kind=kind, digest=self.digest(kind, each), erased_at=erased_at
            )
            for each in identifiers
        ]  # fmt: skip
        await self._database.write(lambda c: _bury(c, tombstones), notable=False)

    async def buried(self, namespace: str, kind: str, identifier: str) -> bool:
        columns, digest = tables.tombstones.c, self.digest(kind, identifier)
        same = (columns.namespace == namespace, columns.kind == kind, columns.digest == digest)
        found = select(columns.digest).where(*same)
        return await self._database.read(lambda c: c.execute(found).first() is not None)

    async def pending(self) -> list[Tombstone]:
        """Those not yet applied to every table."""
        rows = select(tables.tombstones).where(tables.tombstones.c.applied.is_(False))
        ordered = rows.order_by(*tables.tombstones.primary_key.columns)
        return await self._database.read(lambda c: structs(c, ordered, Tombstone))

    async def applied(self, tombstones: Sequence[Tombstone]) -> None:
        """Note that no table holds these any more."""
        done = [msgspec.structs.replace(each, applied=True) for each in tombstones]
        await self._database.write(lambda c: _bury(c, done), notable=False)

    def digest(self, kind: str, identifier: str) -> str:
        """The keyed hash of an id."""
        return hmac.new(self._key, f"{kind}:{identifier}".encode(), hashlib.sha256).hexdigest()


def switches(connection: Connection) -> dict[str, Rollout]:
    """Every rollout that was ever set, by retriever id."""
    rows = connection.execute(select(tables.rollouts.c.retriever_id, tables.rollouts.c.record))
    return {retriever_id: rollout for retriever_id, rollout in rows}  # noqa: C416


def opted_out_users(connection: Connection) -> dict[str, frozenset[str]]:
    """User ids that opted out, by retriever id."""
    users: dict[str, set[str]] = {}
    for retriever_id, user_id in connection.execute(
        select(tables.opt_outs.c.retriever_id, tables.opt_outs.c.user_id)
    ):
        users.setdefault(retriever_id, set()).add(user_id)
    return {retriever_id: frozenset(found) for retriever_id, found in users.items()}


def _insert(connection: Connection, table: Table, record: Any) -> None:
    connection.execute(insert(table), row_of(table, record))


def _put(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Insert or replace by primary key; two statements do, because writers are one at a time."""
    same: ColumnElement[bool] = and_(
        *(key == values[key.name] for key in table.primary_key.columns)
    )
    connection.execute(delete(table).where(same))
    connection.execute(insert(table), values)


def _generation(connection: Connection, retriever_id: str) -> int:
    row = select(tables.learners.c.generation).where(tables.learners.c.retriever_id == retriever_id)
    return int(connection.execute(row).scalar() or 0)


def _start_generation(connection: Connection, retriever_id: str, wanted: int) -> int:
    number = max(_generation(connection, retriever_id) + 1, wanted)
    _put(connection, tables.learners, {"retriever_id": retriever_id, "generation": number})
    return number


def _save_snapshot(connection: Connection, snapshot: StateSnapshot) -> None:
    checksum = hashlib.sha256(snapshot.blob).hexdigest()
    _put(connection, tables.snapshots, {**row_of(tables.snapshots, snapshot), "sha256": checksum})
    mine = tables.snapshots.c.retriever_id == snapshot.retriever_id
    table = tables.snapshots.c
    order = select(table.generation, table.seq).where(mine)
    newest = order.order_by(table.generation.desc(), table.seq.desc())
    for generation, seq in connection.execute(newest.offset(SNAPSHOTS_KEPT)).all():
        old = and_(mine, table.generation == generation, table.seq == seq)
        connection.execute(delete(tables.snapshots).where(old))


def _newest_snapshot(connection: Connection, retriever_id: str) -> StateSnapshot | None:
    """The newest whose bytes still have their checksum, of the present generation or earlier."""
    table = tables.snapshots
    rows = select(table).where(table.c.retriever_id == retriever_id)
    ordered = rows.order_by(table.c.generation.desc(), table.c.seq.desc())
    for row in connection.execute(ordered).mappings():
        if hashlib.sha256(row["blob"]).hexdigest() == row["sha256"]:
            return StateSnapshot(**{name: row[name] for name in StateSnapshot.__struct_fields__})
    return None


def _set_rollout(
    connection: Connection, namespace: str, retriever_id: str, rollout: Rollout
) -> bool:
    """Set and audit; setting what holds already changes nothing (and returns False)."""
    before = switches(connection).get(retriever_id, Rollout())
    if (before.enabled, before.override_pct) == (rollout.enabled, rollout.override_pct):
        return False
    _put(connection, tables.rollouts, {"retriever_id": retriever_id, "record": rollout})
    _insert(connection, tables.audit, _rollout_audit(namespace, retriever_id, before, rollout))
    return True


def _rollout_audit(
    namespace: str, retriever_id: str, before: Rollout, after: Rollout
) -> AuditRecord:
    action = "rollout_changed"
    if before.enabled != after.enabled:
        action = "enabled" if after.enabled else "disabled"
    return AuditRecord(
        namespace=namespace,
        action=action,
        subject=retriever_id,
        at_ms=after.changed_at_ms,
        by=after.changed_by,
        reason=after.reason,
        details={
            "enabled": [before.enabled, after.enabled],
            "override_pct": [before.override_pct, after.override_pct],
        },
    )


def _opt_out(connection: Connection, retriever_id: str, user_id: str, record: AuditRecord) -> bool:
    if user_id in opted_out_users(connection).get(retriever_id, frozenset()):
        return False
    values = {"retriever_id": retriever_id, "user_id": user_id, "at_ms": record.at_ms}
    connection.execute(insert(tables.opt_outs), values)
    _insert(connection, tables.audit, record)
    return True


def _opt_in(connection: Connection, retriever_id: str, user_id: str, record: AuditRecord) -> bool:
    columns = tables.opt_outs.c
    mine = and_(columns.retriever_id == retriever_id, columns.user_id == user_id)
    if connection.execute(delete(tables.opt_outs).where(mine)).rowcount == 0:
        return False
    _insert(connection, tables.audit, record)
    return True


def _bury(connection: Connection, tombstones: list[Tombstone]) -> None:
    """Insert or replace them all by two statements: an erased user leaves thousands."""
    table = tables.tombstones
    rows = [row_of(table, each) for each in tombstones]
    if not rows:
        return
    keys = {f"old_{key.name}": key for key in table.primary_key.columns}
    same = and_(*(key == bindparam(name) for name, key in keys.items()))
    connection.execute(
        delete(table).where(same),
        [{name: row[key.name] for name, key in keys.items()} for row in rows],
    )
    connection.execute(insert(table), rows)
