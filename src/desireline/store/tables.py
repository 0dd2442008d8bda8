"""The tables of the catalogue, for SQLite and PostgreSQL alike, and how their values are written.

Knows names, keys and encodings. Does not know connections, nor what is asked of the tables
(`definitions.py`, `state.py`, `tasks.py` …). Version 3; a change adds a step to
`evolution.MIGRATIONS`.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from desireline.errors import Invalid
from desireline.types.catalog import NamespaceRecord, PublicationRecord
from desireline.types.learning import Rollout
from desireline.types.retriever import Collection, Retriever

Struct = TypeVar("Struct", bound=msgspec.Struct)
SCHEMA_VERSION = 3
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Words(TypeDecorator[str]):
    """Text that both engines store and sort alike (by code point); what one of them cannot hold
    (NUL, lone surrogates) is refused by both."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(String(collation=collation))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and _UNSTORABLE.search(value):
            raise Invalid(
                "text with NUL or lone surrogates cannot be stored", code="invalid_text",
                hint="leave such characters out",
            )  # fmt: skip
        return value


class Json(TypeDecorator[Any]):
    """A struct (or any JSON value) as JSON text; unknown fields are ignored on reading."""

    impl = String
    cache_ok = True

    def __init__(self, struct: Any = Any) -> None:
        super().__init__()
        self.struct = struct

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return msgspec.json.decode(value or "null", type=self.struct)


metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Words, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

namespaces = Table(
    "namespaces",
    metadata,
    Column("namespace_id", Words, primary_key=True),
    Column("namespace_name", Words, nullable=False, unique=True),
    Column("record", Json(NamespaceRecord), nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("key_id", Words, primary_key=True),
    Column("secret_hash", Words, nullable=False, unique=True),
    Column("prefix", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("namespace", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("created_at", Words, nullable=False),
    Column("revoked_at", Words, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("collection_id", Words, primary_key=True),
    Column("namespace", Words, nullable=False),
    Column("collection_name", Words, nullable=False),
    Column("index_version", Integer, nullable=False),
    Column("record", Json(Collection), nullable=False),
    UniqueConstraint("namespace", "collection_name"),
)

retrievers = Table(
    "retrievers",
    metadata,
    Column("retriever_id", Words, primary_key=True),
    Column("namespace", Words, nullable=False),
    Column("retriever_name", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("record", Json(Retriever), nullable=False),
    UniqueConstraint("namespace", "retriever_name"),
)

# Versions outlive their retriever: the log names (retriever_id, version) for as long as it is kept.
retriever_versions = Table(
    "retriever_versions",
    metadata,
    Column("retriever_id", Words, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("record", Json(Retriever), nullable=False),
)

learners = Table(
    "learners",
    metadata,
    Column("retriever_id", Words, primary_key=True),
    Column("generation", Integer, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("retriever_id", Words, primary_key=True),
    Column("record", Json(Rollout), nullable=False),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    Column("retriever_id", Words, primary_key=True),
    Column("user_id", Words, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("retriever_id", Words, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("blob", LargeBinary, nullable=False),
)

tasks = Table(
    "tasks",
    metadata,
    Column("task_id", Words, primary_key=True),
    Column("namespace", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("unit", Words, nullable=False),
    Column("message", Words, nullable=False),
    Column("error", Json(), nullable=False),
    Column("parameters", Json(), nullable=False),
    Column("result", Json(), nullable=False),
    Column("checkpoint", Json(), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("done_before", BigInteger, nullable=False),
    Column("is_reported", Boolean, nullable=False),
    Column("created_at", Words, nullable=False),
    Column("started_at", Words, nullable=False),
    Column("updated_at", Words, nullable=False),
    Column("finished_at", Words, nullable=False),
    Index("tasks_by_namespace", "namespace", "task_id"),
    Index("tasks_by_status", "status"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True),
    Column("namespace", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("details", Json(), nullable=False),
    Index("audit_by_subject", "namespace", "subject", "audit_id"),
)

publications = Table(
    "publications",
    metadata,
    Column("public_name", Words, primary_key=True),
    Column("retriever_id", Words, nullable=False, unique=True),
    Column("namespace", Words, nullable=False),
    Column("record", Json(PublicationRecord), nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("namespace", Words, primary_key=True),
    Column("kind", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("erased_at", Words, nullable=False),
    Column("applied", Boolean, nullable=False),
)


def row_of(table: Table, record: msgspec.Struct) -> dict[str, Any]:
    """A struct as values of the columns of the same names; a column `record` holds it whole."""
    values = {**msgspec.structs.asdict(record), "record": record}
    return {column.name: values[column.name] for column in table.columns if column.name in values}


def structs(connection: Connection, rows: Select[Any], struct: type[Struct]) -> list[Struct]:
    """The rows of a query as structs with fields of the same names."""
    fields = struct.__struct_fields__
    answers = connection.execute(rows).mappings()
    return [struct(**{name: row[name] for name in fields}) for row in answers]
