"""How a range of JSON rows becomes one INSERT of the embedded engine, which shares our processor.

Knows how a table's columns are read: words as plain strings, which become the columns' own types a
column at a time. The engine's parser fills a `LowCardinality` column word by word, also where a row
leaves it out, and most columns of a row are left out: half of an insert's price (ADR 0004). A
server is inserted into without this, under the same `SETTINGS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

COLUMNS = (
    "SELECT name, type, default_expression FROM system.columns WHERE database = currentDatabase()"
    " AND table = {table:String} AND default_kind IN ('', 'DEFAULT') ORDER BY position"
)
SETTINGS = {
    "deduplicate_blocks_in_dependent_materialized_views": "1",
    "input_format_null_as_default": "1",
    "input_format_skip_unknown_fields": "1",
    "max_partitions_per_insert_block": "0",
    "max_insert_block_size": "1048449",
    "async_insert": "0",
    # The default parser may be off by a bit; a ranking is recomputed from these numbers.
    "precise_float_parsing": "1",
    # Collapsing equal keys is the merges' work; at insert it costs 40 % of the time.
    "optimize_on_insert": "0",
}

# One block for one token: rows are read as one, by one thread. The engine drops a range that comes
# again only if it was read in as many blocks as the first time.
_ONE_BLOCK = {
    "input_format_parallel_parsing": "0",
    "max_block_size": "1048449",
    "max_insert_threads": "1",
    "min_insert_block_size_rows": "1048449",
    "min_insert_block_size_bytes": "0",
}


class Target(msgspec.Struct, frozen=True):
    """A table to insert into: its name, its columns, and how they are read."""

    table: str
    columns: str
    read_as: str


def target(table: str, columns: Sequence[Mapping[str, Any]]) -> Target:
    """A table by its `COLUMNS`. What a row leaves out has the column's default.

    >>> own = {"name": "purpose", "type": "LowCardinality(String)", "default_expression": "'live'"}
    >>> target("t", [own]).read_as
    "purpose String DEFAULT 'live'"
    """
    read_as = [_read_as(each) for each in columns]
    return Target(table, ", ".join(each["name"] for each in columns), ", ".join(read_as))


def _read_as(column: Mapping[str, Any]) -> str:
    kind = column["type"].replace("LowCardinality(String)", "String")
    default = column["default_expression"]
    return f"{column['name']} {kind}" + (f" DEFAULT {default}" if default else "")


def from_file(to: Target, path: str, settings: dict[str, str]) -> str:
    """The statement for rows in a file that the engine can open."""
    named = ", ".join(
        f"{name} = {_quoted(value)}" for name, value in (settings | _ONE_BLOCK).items()
    )
    return (  # every word is the schema's own, or quoted
        f"INSERT INTO {to.table} ({to.columns}) SELECT {to.columns}"  # noqa: S608
        f" FROM file({_quoted(path)}, 'JSONEachRow', {_quoted(to.read_as)}) SETTINGS {named}"
    )


def read_back(path: str) -> str:
    """The question how many lines the engine finds in a file: none where it takes the path for a
    pattern that matches nothing.
    """
    return f"SELECT count() AS lines FROM file({_quoted(path)}, 'LineAsString')"  # noqa: S608


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
