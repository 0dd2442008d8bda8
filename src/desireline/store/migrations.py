"""Bringing the log's tables to this program's schema version, and refusing a newer one.

Knows the numbered files of `schema/` and their placeholders. `run` executes one statement, `ask`
returns rows: which client does that, and over what, is the caller's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources
from string import Template
from typing import Any

import msgspec

from desireline import errors

Run = Callable[[str], None]
Ask = Callable[[str], list[dict[str, Any]]]

VERSIONS = """
CREATE TABLE IF NOT EXISTS schema_versions$local $on_cluster
(version UInt32, name String, program String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ${replicated}MergeTree ORDER BY version
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


class Layout(msgspec.Struct, frozen=True):
    """What the placeholders of a statement stand for; the defaults are one machine.

    A cluster sets `on_cluster="ON CLUSTER '…'"`, `replicated="Replicated"`, `local="_local"` and
    `window="replicated_deduplication_window"`, and adds `Distributed` tables of the plain names.
    """

    on_cluster: str = ""
    replicated: str = ""
    local: str = ""
    window: str = "non_replicated_deduplication_window"


def render(statement: str, layout: Layout, **more: str) -> str:
    """The statement for this layout.

    >>> render("DELETE FROM lessons$local $on_cluster", Layout(local="_local")).strip()
    'DELETE FROM lessons_local'
    """
    return Template(statement).substitute(msgspec.structs.asdict(layout) | more)


def migrations() -> dict[int, tuple[str, list[str]]]:
    """Version to (file name, statements), in order.

    >>> migrations()[1][0]
    '0001_log'
    """
    found = {}
    for entry in resources.files("desireline.store").joinpath("schema").iterdir():
        if re.fullmatch(r"\d{4}_\w+\.sql", entry.name):
            statements = split(entry.read_text(encoding="utf-8"))
            found[int(entry.name[:4])] = (entry.name[:-4], statements)
    return dict(sorted(found.items()))


def split(text: str) -> list[str]:
    """Statements end with a semicolon at the end of a line; comment lines are dropped.

    >>> split("-- one;\\nSELECT 1;\\nSELECT\\n2;")
    ['SELECT 1', 'SELECT\\n2']
    """
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [part.strip() for part in re.split(r";\s*(?:\n|$)", lines) if part.strip()]


def migrate(run: Run, ask: Ask, layout: Layout, program: str) -> None:
    """Apply what is missing, in order; raises `errors.StartupError` for a newer schema."""
    known = migrations()
    run(render(VERSIONS, layout))
    held = ask("SELECT version, program FROM schema_versions ORDER BY version")
    refuse_newer(held, max(known), program)
    applied = {row["version"] for row in held}
    for version, (name, statements) in known.items():
        if version not in applied:
            for statement in statements:
                run(render(statement, layout))
            run(
                render("INSERT INTO schema_versions$local (version, name, program) ", layout)
                + f"VALUES ({version}, '{name}', '{program}')"
            )


def refuse_newer(held: list[dict[str, Any]], newest: int, program: str) -> None:
    """Raise when a version that this program does not know was applied."""
    if held and held[-1]["version"] > newest:
        raise errors.StartupError(
            f"the event log has schema version {held[-1]['version']}, written by desireline "
            f"{held[-1]['program']}; this is desireline {program}, which knows up to {newest}",
            hint="start the newer version, or give this one a data directory of its own",
            code="data_directory_newer",
        )
