"""How commands print: tables for people, JSON for programs.

Knows the terminal. Into a pipe a table has a fixed width, so that lines stay lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

PIPED_WIDTH = 160


def print_json(answer: Any) -> None:
    """Anything that msgspec encodes, indented."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(answer)).decode())


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Texts are printed as they are: brackets in them are no markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if Console().is_terminal else PIPED_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    console.print(table)
