"""One open index folder: a generation of the engine's files, and what is remembered beside them.

    v3/state.json    which generation is current, average lengths baked into its vectors
    v3/g0/ v3/g1/    the engine's files; all but the current one are left-overs and removed at open

Knows files, points and the engine's errors. Does not know what vectors mean, nor what a filter is.
"""

from __future__ import annotations

import os
import shutil
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
from qdrant_edge import (
    CountRequest,
    EdgeConfig,
    EdgeShard,
    Filter,
    PayloadSchemaType,
    Point,
    Record,
    ScrollRequest,
    UpdateOperation,
)

from desireline.errors import DataDirectoryLocked, DesirelineError, NotFound, StorageFull
from desireline.index.filters import IS_ODD
from desireline.index.vectors import DOCUMENT_ID, FALSE, FIELDS, ODD, TRUE, number_of

PAGE = 200
_REMEMBERED_IDS = 1 << 18


class State(msgspec.Struct, kw_only=True):
    """What `state.json` holds. `optimised`: how many documents the last optimisation saw."""

    format: int = 1
    generation: int = 0
    features: tuple[str, ...] = ()
    average_lengths: dict[str, float] = {}
    optimised: int = 0


class Folder:
    """Owns one engine shard from `create` or `load` to `close`; every call is synchronous."""

    def __init__(self, path: Path, state: State, shard: EdgeShard) -> None:
        self.path = path
        self.state = state
        self.shard = shard
        # Points written since a copy was taken, for the copy to catch up.
        self.changed: set[UUID] | None = None
        self.unchecked = self.count()
        self._any_odd: bool | None = None
        self._names: dict[int, str] = {}
        self._order: list[str] | None = None
        self._numbers: dict[str, dict[UUID, float]] = {}

    def save(self) -> None:
        """Make `state` what the next open sees: whole or not at all."""
        draft = self.path / "state.json.new"
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(self.state))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / "state.json")

    def count(self, where: Filter | None = None) -> int:
        """Documents that pass."""
        return self.shard.count(CountRequest(exact=True, filter=where))

    def any_odd(self) -> bool:
        """Whether some document needs `core.matching` for its lists; kept until reopened."""
        if self._any_odd is None:
            self._any_odd = self.count(Filter(must=[IS_ODD])) > 0
        return self._any_odd

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace at most a slice of points."""
        self._update(UpdateOperation.upsert_points(list(points)))
        for point in points:
            payload: Any = point.payload
            self._note(point.id, payload[DOCUMENT_ID])
            if payload.get(ODD):
                self._any_odd = True

    def delete(self, ids: Sequence[UUID]) -> int:
        """Delete points; returns how many there were."""
        found = self.shard.retrieve(list(ids), [DOCUMENT_ID], False)
        if found:
            self._update(UpdateOperation.delete_points([record.id for record in found]))
        for record in found:
            self._forget(record)
        return len(found)

    def _update(self, operation: UpdateOperation) -> None:
        try:
            self.shard.update(operation)
        except Exception as error:  # the engine has no error classes
            raise _explained(error, self.path) from error

    def _note(self, point: Any, document_id: str) -> None:
        self.unchecked += 1
        self._touch(point)
        if self._order is not None:
            place = bisect_left(self._order, document_id)
            if self._order[place : place + 1] != [document_id]:
                self._order.insert(place, document_id)

    def _forget(self, record: Record) -> None:
        self._touch(record.id)
        if self._order is not None and record.payload:
            del self._order[bisect_left(self._order, record.payload[DOCUMENT_ID])]

    def _touch(self, point: Any) -> None:
        for numbers in self._numbers.values():
            numbers.pop(point, None)
        if self.changed is not None:
            self.changed.add(point)

    def records(
        self, where: Filter | None = None, *, payload: Any = True, vectors: bool = False
    ) -> Iterator[list[Record]]:
        """All points that pass, in pages by point id (a random order of documents)."""
        offset: Any = None
        while True:
            page, offset = self.shard.scroll(
                ScrollRequest(
                    offset=offset,
                    limit=PAGE,
                    filter=where,
                    with_payload=payload,
                    with_vector=vectors,
                )
            )
            yield page
            if offset is None:
                return

    def ids(self, where: Filter | None = None) -> list[str]:
        """Ids of the documents that pass, sorted. Without a filter the order is kept in memory."""
        if where is not None:
            return sorted(self._read_ids(where))
        if self._order is None:
            self._order = sorted(self._read_ids(None))
        return self._order

    def _read_ids(self, where: Filter | None) -> Iterator[str]:
        for page in self.records(where, payload=[DOCUMENT_ID]):
            yield from (record.payload[DOCUMENT_ID] for record in page if record.payload)

    def names(self, points: Sequence[int]) -> list[str]:
        """Document ids of points, given as `UUID.int` (a UUID is slow to hash, and these are many):
        read once from the payload, then remembered.
        """
        known = self._names
        missing = [point for point in points if point not in known]
        if len(known) + len(missing) > _REMEMBERED_IDS:
            known.clear()
            missing = list(points)
        ids = [UUID(int=point) for point in missing]
        for record in self.shard.retrieve(ids, [DOCUMENT_ID], False) if ids else ():  # type: ignore[arg-type]
            point_id, payload = cast("UUID", record.id), cast("dict[str, Any]", record.payload)
            known[point_id.int] = payload[DOCUMENT_ID]
        return [known[point] for point in points]

    def numbers(self, field: str, ids: Sequence[UUID]) -> list[float]:
        """A field's numbers by point, 0.0 where there is none; read once, then remembered."""
        known = self._numbers.setdefault(field, {})
        missing = [point for point in ids if point not in known]
        if len(known) + len(missing) > _REMEMBERED_IDS:
            known.clear()
            missing = list(ids)
        found = self.shard.retrieve(list(missing), [FIELDS], False) if missing else ()
        read = {r.id: number_of((r.payload or {}).get(FIELDS, {}), field) for r in found}
        known.update((point, read.get(point, 0.0)) for point in missing)
        return [known[point] for point in ids]

    def switch(self, generation: int, shard: EdgeShard, optimised: int) -> Path:
        """Serve another generation from now on; returns the files of the old one, closed."""
        old, old_files = self.shard, generation_path(self.path, self.state.generation)
        self.state = msgspec.structs.replace(self.state, generation=generation, optimised=optimised)
        self.save()
        self.shard, self.changed = shard, None
        old.close()
        return old_files

    def close(self) -> None:
        """Flush and let go of the files."""
        self.shard.flush()
        self.shard.close()


def create(path: Path, config: EdgeConfig, state: State, numeric: Sequence[str]) -> Folder:
    """A new folder; half a folder of an interrupted creation is replaced."""
    shutil.rmtree(path, ignore_errors=True)
    files = generation_path(path, state.generation)
    files.mkdir(parents=True)
    try:
        folder = Folder(path, state, EdgeShard.create(str(files), config))
    except Exception as error:  # the engine has no error classes
        raise _explained(error, path) from error
    _index_payload(folder.shard, numeric)
    folder.save()
    return folder


def _index_payload(shard: EdgeShard, numeric: Sequence[str]) -> None:
    kinds = {ODD: PayloadSchemaType.Integer} | dict.fromkeys(
        (TRUE, FALSE), PayloadSchemaType.Keyword
    )
    for key, kind in kinds.items():
        shard.update(UpdateOperation.create_field_index(key, kind))
    for field in numeric:
        key = f"{FIELDS}.{field}"
        shard.update(UpdateOperation.create_field_index(key, PayloadSchemaType.Float))


def exists(path: Path) -> bool:
    """Whether a folder was created to the end."""
    return (path / "state.json").exists()


def load(path: Path) -> Folder:
    """Open a folder as the last process left it, also after a kill; left-overs are removed.

    Raises `errors.NotFound` without a folder, `errors.DataDirectoryLocked` if it is in use.
    """
    if not exists(path):
        raise NotFound(
            f"the index folder {path} does not exist", code="index_missing",
            hint="stop the server and look with `desireline check DIR`",
        )  # fmt: skip
    state = msgspec.json.decode((path / "state.json").read_bytes(), type=State)
    shard = open_shard(generation_path(path, state.generation))
    for entry in path.iterdir():
        if entry.is_dir() and entry.name != f"g{state.generation}":
            shutil.rmtree(entry, ignore_errors=True)
    return Folder(path, state, shard)


def open_shard(files: Path) -> EdgeShard:
    """The engine on existing files."""
    try:
        return EdgeShard.load(str(files))
    except Exception as error:  # the engine has no error classes
        raise _explained(error, files) from error


def generation_path(path: Path, generation: int) -> Path:
    """Where a generation's files are."""
    return path / f"g{generation}"


def _explained(error: Exception, path: Path) -> DesirelineError:
    text = str(error)
    if "WouldBlock" in text:
        return DataDirectoryLocked(
            f"another process has the index folder {path} open",
            hint="stop the other desireline process, or give this one another --data directory",
        )
    if any(sign in text for sign in ("No space", "StorageFull", "File too large")):
        return StorageFull(
            f"the disk is full below {path}",
            hint="free disk space and send the documents again (upserts may be repeated)",
        )
    return DesirelineError(
        f"the document index failed: {text}", code="index_failed",
        hint="see the server's log; `desireline check` looks at the index of a stopped server",
    )  # fmt: skip
