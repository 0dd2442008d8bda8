"""The catalogue: definitions and small state, transactional, in SQLite or PostgreSQL.

One method per question, sorted by noun; each part satisfies the narrow Protocol of `ports` that the
steps name. Knows how the parts hang together; the questions are in the modules beside it.
"""

from __future__ import annotations

from desireline.store.database import Database, revision
from desireline.store.definitions import Collections, Keys, Namespaces, Retrievers, everything
from desireline.store.publications import Publications
from desireline.store.state import Audit, Learning, Tombstones
from desireline.store.tasks import Tasks
from desireline.types.catalog import Definitions


class Catalog:
    """Opened by DSN (`database.sqlite_dsn(path)` for a file); satisfies `ports.Catalog`."""

    def __init__(self, dsn: str, erasure_key: str = "") -> None:
        """Open, creating or migrating the tables; the key hashes erased ids.

        Raises `errors.StartupError`.
        """
        self._database = Database(dsn)
        self.namespaces = Namespaces(self._database)
        self.keys = Keys(self._database)
        self.collections = Collections(self._database)
        self.retrievers = Retrievers(self._database)
        self.learning = Learning(self._database)
        self.publications = Publications(self._database)
        self.tasks = Tasks(self._database)
        self.audit = Audit(self._database)
        self.tombstones = Tombstones(self._database, erasure_key)

    async def definitions(self) -> Definitions:
        """Everything that serving keeps in memory, of one moment."""
        return await self._database.read(everything)

    async def revision(self) -> int:
        """Rises with every change of the definitions: compare with `Definitions.revision`."""
        return await self._database.read(revision)

    async def close(self) -> None:
        """Finish queued writes, release threads and connections."""
        await self._database.close()
