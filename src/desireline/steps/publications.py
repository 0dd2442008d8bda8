"""Retrievers under public names: published, changed, taken back.

Knows names and the catalogue port; who may run what is published is the door's business.
"""

from __future__ import annotations

import re
from typing import Protocol

import msgspec

from desireline.core.snapshot import Served
from desireline.core.times import iso
from desireline.ports import AuditTrail, Clock, PublicationCatalog
from desireline.types.catalog import AuditRecord, PublicationRecord

MOST_LETTERS = 50


class Book(Protocol):
    """The in-memory mirror."""

    def by_id(self, retriever_id: str) -> Served | None:
        """Of any namespace."""

    def replace(self, served: Served) -> None:
        """Swap."""


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What a publication is called; None leaves it as it is (at first: made from the retriever)."""

    public_name: str | None = None
    display_name: str | None = None
    description: str | None = None


class Publications:
    """Publications of one server."""

    def __init__(
        self, catalog: PublicationCatalog, book: Book, audit: AuditTrail, clock: Clock
    ) -> None:
        self.catalog, self.book, self.audit, self.clock = catalog, book, audit, clock

    async def publish(self, served: Served, names: Names, by: str) -> PublicationRecord:
        """Publish, or change what is published. Raises AlreadyExists (`public_name_taken`)."""
        now, retriever = iso(self.clock()), served.retriever
        before = served.publication
        wanted = before or PublicationRecord(
            public_name=slug(
                names.display_name or retriever.retriever_name, retriever.retriever_id
            ),
            retriever_id=retriever.retriever_id, namespace=retriever.namespace,
            display_name=retriever.retriever_name, description=retriever.description,
            created_at=now,
        )  # fmt: skip
        given = {k: v for k, v in msgspec.structs.asdict(names).items() if v is not None}
        record = msgspec.structs.replace(wanted, updated_at=now, **given)
        await self.catalog.put(record)
        self._swap(served, record)
        await self._note(served, "published", by, {"public_name": record.public_name})
        return record

    async def take_back(self, served: Served, by: str) -> bool:
        """Nobody may run it under its public name any more; False when nobody could."""
        if not await self.catalog.delete(served.retriever.retriever_id):
            return False
        self._swap(served, None)
        await self._note(served, "unpublished", by, {})
        return True

    def _swap(self, served: Served, record: PublicationRecord | None) -> None:
        current = self.book.by_id(served.retriever.retriever_id)
        if current is not None:  # else it was deleted meanwhile, and its publication with it
            self.book.replace(msgspec.structs.replace(current, publication=record))

    async def _note(self, served: Served, action: str, by: str, details: dict[str, str]) -> None:
        await self.audit.add(
            AuditRecord(
                namespace=served.retriever.namespace, action=action,
                subject=served.retriever.retriever_id, at_ms=self.clock(), by=by, details=details,
            )
        )  # fmt: skip


def slug(name: str, identifier: str) -> str:
    """A public name out of any name: lower-case letters, digits and single hyphens, 3 to 50.

    >>> slug("Wireless Earbuds!", "0" * 32), slug("検索", "ab" * 16)
    ('wireless-earbuds', 'retriever-abababab')
    """
    words = re.findall(r"[a-z0-9]+", name.lower())
    found = "-".join(words)[:MOST_LETTERS].rstrip("-")
    return found if len(found) >= 3 else f"retriever-{identifier[-8:]}"
