"""The embedded document index: Qdrant Edge behind the port `SearchIndex`.

One folder per collection and index version: ROOT/{collection_id}/v{index_version}. Searches are
synchronous (the engine holds the interpreter anyway); writes go in slices and let others run
between. Every search is a query of its own: fusing is `core.fusion`'s work.

Scores are larger-is-better for every kind: BM25, cosine, dot product, 1 / (1 + distance) for
`euclid`, the number itself for a field. 0 is the score of a document that shares no term with the
query, has no vector or no number.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from qdrant_edge import Filter as Native
from qdrant_edge import HasIdCondition, Query, QueryRequest, ScoredPoint, SearchParams

from desireline.core import patterns
from desireline.core.filters import leaves, matches
from desireline.errors import Unavailable, invalid
from desireline.index import bm25, folder, optimise, rebuild
from desireline.index.filters import selection
from desireline.index.folder import Folder
from desireline.index.optimise import Cancelled, Progress
from desireline.index.vectors import (
    Encoders,
    Vector,
    check,
    check_vector,
    dimension_of,
    engine_config,
    point_id,
    points_of,
    vector_name,
)
from desireline.types.retriever import Collection, Document, Feature, FilterTree, Hit

SLICE = 100
_MORE_FOR_TIES, _MOST_FOR_TIES = 4, 16
_NO_FILTER = None
Documents = list[Document]
Hits = list[Hit]
Scores = list[float]


def _silent(_done: int, _total: int) -> None:
    """Progress for those who don't ask."""


def _never() -> bool:
    return False


class QdrantIndex:
    """Owns the open folders of all collections; one process, one event loop."""

    def __init__(self, root: Path, encoders: Encoders, optimise_threshold: int = 50_000) -> None:
        self._root = root
        self._encoders = encoders
        self._threshold = optimise_threshold
        self._open: dict[tuple[str, int], Folder] = {}
        self._writing: dict[str, asyncio.Lock] = {}
        self._growing: dict[str, Collection] = {}  # by collection id: the version being built
        self._busy: set[str] = set()

    # Collections

    def create(self, collection: Collection) -> None:
        """Make or open the folder (idempotent). Raises `errors.Invalid` without its encoder."""
        path = self._path(collection)
        if not folder.exists(path):
            self._open[_key(collection)] = self._created(collection, {})
        self._folder(collection)

    def drop(self, collection: Collection) -> None:
        """Remove all versions of a collection."""
        for key in [key for key in self._open if key[0] == collection.collection_id]:
            self._open.pop(key).shard.close()
        shutil.rmtree(self._root / collection.collection_id, ignore_errors=True)

    def drop_version(self, collection: Collection) -> None:
        """Remove the folder of one version: the old one, once the new one of `rebuild` is saved."""
        opened = self._open.pop(_key(collection), None)
        if opened:
            opened.shard.close()
        self._growing.pop(collection.collection_id, None)
        shutil.rmtree(self._path(collection), ignore_errors=True)

    def tidy(self, collections: Sequence[Collection]) -> None:
        """At start-up: remove folders that no collection of the catalogue names."""
        known = {self._path(collection) for collection in collections}
        for path in self._root.glob("*/v*"):
            if path not in known:
                shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Flush and close every folder."""
        while self._open:
            self._open.popitem()[1].close()

    # Writing

    def check(self, collection: Collection, document: Document) -> None:
        """Refuse what can't be stored. Raises `errors.Invalid` naming the place."""
        check(document, collection.features)

    async def upsert(self, collection: Collection, documents: Sequence[Document]) -> None:
        """Insert or replace (the last of equal ids wins), all or none of them valid."""
        latest = list({document.document_id: document for document in documents}.values())
        for document in latest:
            check(document, collection.features)
        self._learn_lengths(collection, latest)
        for part in _slices(latest):
            async with self._lock(collection):
                self._write(collection, part)
            await asyncio.sleep(0)

    async def delete(self, collection: Collection, document_ids: Sequence[str]) -> int:
        """Delete by id; returns how many existed."""
        deleted = 0
        for part in _slices(list(dict.fromkeys(document_ids))):
            points = [point_id(document_id) for document_id in part]
            async with self._lock(collection):
                counts = [opened.delete(points) for opened, _ in self._targets(collection)]
            deleted += counts[0]
            await asyncio.sleep(0)
        return deleted

    def _write(self, collection: Collection, documents: Documents) -> None:
        prepared = [
            (to, points_of(documents, c.features, to.state.average_lengths, self._encoders))
            for to, c in self._targets(collection)
        ]
        for to, points in prepared:
            to.upsert(points)

    def _targets(self, collection: Collection) -> list[tuple[Folder, Collection]]:
        """Where a write goes: the folder, and the newer one being built beside it."""
        growing = self._growing.get(collection.collection_id)
        versions = [collection]
        if growing and growing.index_version != collection.index_version:
            versions.append(growing)
        return [(self._folder(version), version) for version in versions]

    def _learn_lengths(self, collection: Collection, documents: Documents) -> None:
        """The first documents with text fix the average length of each lexical feature."""
        opened = self._folder(collection)
        known = opened.state.average_lengths
        missing = [
            f for f in collection.features if f.kind == "lexical" and f.feature_uri not in known
        ]
        if missing and documents:
            sample = documents[:: 1 + len(documents) // bm25.SAMPLE]
            found = rebuild.lengths_of([document.fields for document in sample], missing)
            given = {f.feature_uri: f.average_length for f in missing if f.average_length}
            known.update({uri: length for uri, length in (found | given).items() if length})
            opened.save()

    # Reading

    def get(self, collection: Collection, document_ids: Sequence[str]) -> Documents:
        """Documents by id with the caller's vectors (cosine: at unit length); unknown: left out."""
        points = [point_id(document_id) for document_id in document_ids]
        records = self._folder(collection).shard.retrieve(list(points), True, True)
        found = {record.id: record for record in records}
        return [rebuild.document_of(found[point], collection) for point in points if point in found]

    def count(self, collection: Collection, where: FilterTree | None = None) -> int:
        """How many documents (match)."""
        opened = self._folder(collection)
        return opened.count(self._selected(opened, collection, where))

    def average_lengths(self, collection: Collection) -> dict[str, float]:
        """The average length baked into each lexical feature's vectors, in terms."""
        return dict(self._folder(collection).state.average_lengths)

    def search(
        self,
        collection: Collection,
        feature: Feature,
        query: str | Sequence[float],
        top_k: int,
        where: FilterTree | None = None,
    ) -> Hits:
        """Best first, ties by point id. A blank query finds nothing; so does a field."""
        opened = self._serving(collection, feature)
        vector = self._vector(feature, query)
        if vector is None or top_k < 1 or feature.kind == "field":
            return []
        native = self._selected(opened, collection, where)
        points = _past_ties(lambda limit: _found(opened, feature, vector, limit, native), top_k)
        found = _tie_broken([(point.score, cast("UUID", point.id).int) for point in points])[:top_k]
        scores = [_score(feature, score) for score, _ in found]
        named = zip(opened.names([point for _, point in found]), scores, range(top_k), strict=False)
        return [Hit(*hit) for hit in named]

    def score(
        self,
        collection: Collection,
        feature: Feature,
        query: str | Sequence[float],
        document_ids: Sequence[str],
    ) -> Scores:
        """The same numbers as `search`, for given ids; 0: no shared term, no vector, no number."""
        opened = self._serving(collection, feature)
        points = [point_id(document_id) for document_id in document_ids]
        if feature.kind == "field":
            return opened.numbers(feature.field, points)
        vector = self._vector(feature, query)
        if vector is None or not points:
            return [0.0] * len(points)
        these = Native(must=[HasIdCondition(set(points))])
        found = _found(opened, feature, vector, len(points), these, exact=True)
        scores = {cast("UUID", p.id).int: _score(feature, p.score) for p in found}
        return [scores.get(point.int, 0.0) for point in points]

    def vectors(
        self, collection: Collection, feature: Feature, document_ids: Sequence[str]
    ) -> dict[str, Sequence[float]]:
        """The stored vectors of a dense feature by document_id (cosine: of unit length)."""
        opened = self._serving(collection, feature)
        name = vector_name(feature.feature_uri)
        points = {point_id(document_id): document_id for document_id in document_ids}
        records = opened.shard.retrieve(list(points), False, True) if points else ()
        found = {points[cast("UUID", r.id)]: cast("Any", r.vector or {}) for r in records}
        return {i: vectors[name] for i, vectors in found.items() if name in vectors}

    def _serving(self, collection: Collection, feature: Feature) -> Folder:
        opened = self._folder(collection)
        if feature.feature_uri not in opened.state.features:
            raise Unavailable(f"the index of {feature.feature_uri} is not built yet")
        return opened

    def _vector(self, feature: Feature, query: str | Sequence[float]) -> Vector | None:
        """The query as the feature's vector; None when it says nothing."""
        if feature.kind == "field":
            return None
        if not isinstance(query, str):
            return self._given(feature, query)
        if feature.kind == "lexical":
            terms = bm25.query_vector(query)
            return terms if terms.indices else None
        if not feature.model:
            message = f"{feature.feature_uri} takes vectors only"
            hint = f"send a list of {feature.dimension} numbers"
            raise invalid("$.query", "vector_needed", message, hint)
        if not query.strip():
            return None
        return self._encoders(feature.model).encode([query])[0].tolist()  # type: ignore[no-any-return]

    def _given(self, feature: Feature, query: Sequence[float]) -> Vector:
        if feature.kind != "dense":
            message = f"{feature.feature_uri} takes text only"
            raise invalid("$.query", "text_needed", message, "send a text")
        return check_vector(query, dimension_of(feature, self._encoders), "$.query")

    def _selected(
        self, opened: Folder, collection: Collection, where: FilterTree | None
    ) -> Native | None:
        if where is None:
            return _NO_FILTER

        def scan(tree: FilterTree, within: Native) -> set[UUID]:
            return set(_scanned(opened, collection, tree, within))

        return selection(where, collection.collection_id, scan, any_odd=opened.any_odd())

    # Upkeep, in tasks

    def needs_optimise(self, collection: Collection) -> bool:
        """Above the threshold, and grown by a fifth since the last time."""
        opened = self._folder(collection)
        count = opened.count()
        return count >= self._threshold and count - opened.state.optimised > 0.2 * count

    async def optimise(
        self, collection: Collection, progress: Progress = _silent, cancelled: Cancelled = _never
    ) -> bool:
        """Build the approximate index in a child process, then serve it; False when cancelled."""
        with _Alone(self._busy, collection.collection_id):
            opened, lock = self._folder(collection), self._lock(collection)
            return await optimise.optimise(opened, lock, progress, cancelled)

    def needs_reencode(self, collection: Collection) -> dict[str, float]:
        """Lexical features whose average length drifted by a fifth, with the average now; {}: none.

        Samples 1,000 documents, at most once per tenth of the collection written.
        """
        opened = self._folder(collection)
        if opened.unchecked <= opened.count() // 10:
            return {}
        opened.unchecked = 0
        now = rebuild.average_lengths(opened, collection.features)
        stored = opened.state.average_lengths
        return {uri: n for uri, n in now.items() if bm25.drifted(stored.get(uri, 0.0), n)}

    async def rebuild(
        self,
        old: Collection,
        new: Collection,
        progress: Progress = _silent,
        cancelled: Cancelled = _never,
    ) -> bool:
        """Build the folder of `new` (same id, next index_version) from the documents of `old`.

        Average lengths are measured anew. Meanwhile `old` serves, and its writes go to both, also
        afterwards: the caller saves `new` in the catalogue, then calls `drop_version(old)`. Above
        the threshold the new folder is optimised before this returns. False when cancelled.
        """
        with _Alone(self._busy, old.collection_id):
            source = (self._folder(old), old)
            lengths = rebuild.average_lengths(source[0], new.features)
            self.drop_version(new)
            target = self._created(new, {uri: n for uri, n in lengths.items() if n})
            self._open[_key(new)] = target
            self._growing[new.collection_id] = new
            try:
                done = await rebuild.copy_documents(
                    source, (target, new), self._encoders, progress, cancelled
                ) and await self._ready(new, cancelled)
            except BaseException:
                self.drop_version(new)
                raise
            if not done:
                self.drop_version(new)
            return done

    async def _ready(self, collection: Collection, cancelled: Cancelled) -> bool:
        if not self.needs_optimise(collection):
            return True
        opened, lock = self._folder(collection), self._lock(collection)
        return await optimise.optimise(opened, lock, _silent, cancelled)

    # Folders

    def _folder(self, collection: Collection) -> Folder:
        opened = self._open.get(_key(collection))
        if opened is None:
            opened = folder.load(self._path(collection))
            self._open[_key(collection)] = opened
        return opened

    def _created(self, collection: Collection, lengths: dict[str, float]) -> Folder:
        features = collection.features
        state = folder.State(
            features=tuple(f.feature_uri for f in features), average_lengths=lengths
        )
        numeric = [f.field for f in features if f.kind == "field" and f.field.isidentifier()]
        config = engine_config(features, self._encoders)
        return folder.create(self._path(collection), config, state, numeric)

    def _path(self, collection: Collection) -> Path:
        return self._root / collection.collection_id / f"v{collection.index_version}"

    def _lock(self, collection: Collection) -> asyncio.Lock:
        return self._writing.setdefault(collection.collection_id, asyncio.Lock())

    def page(
        self, collection: Collection, where: FilterTree | None, limit: int, after: str = ""
    ) -> tuple[Documents, str]:
        """A page in document_id order, without vectors; the cursor is the last id, "" at the end.

        Without a filter the order is read once (100,000 documents: .5 s) and kept in memory.
        """
        opened = self._folder(collection)
        ids = opened.ids(self._selected(opened, collection, where))
        start = bisect_right(ids, after) if after else 0
        page = ids[start : start + limit]
        records = opened.shard.retrieve([point_id(i) for i in page], True, False)
        found = {record.id: record for record in records}
        documents = [rebuild.document_of(found[point_id(i)], collection) for i in page]
        return documents, page[-1] if page and start + limit < len(ids) else ""


class _Alone:
    """One long task per collection at a time."""

    def __init__(self, busy: set[str], collection_id: str) -> None:
        self._busy, self._id = busy, collection_id

    def __enter__(self) -> None:
        if self._id in self._busy:
            raise Unavailable("the collection is being rebuilt or optimised", code="index_busy")
        self._busy.add(self._id)

    def __exit__(self, *_: object) -> None:
        self._busy.discard(self._id)


def _key(collection: Collection) -> tuple[str, int]:
    return collection.collection_id, collection.index_version


def _slices(entries: Sequence[Any]) -> Iterator[Any]:
    for start in range(0, len(entries), SLICE):
        yield entries[start : start + SLICE]


def _score(feature: Feature, engine_score: float) -> float:
    euclid = feature.kind == "dense" and feature.distance == "euclid"
    return 1.0 / (1.0 + engine_score) if euclid else engine_score


def _past_ties(fetch: Callable[[int], list[ScoredPoint]], top_k: int) -> list[ScoredPoint]:
    """At least the first `top_k`, and all that tie with the last (up to a bound).

    The engine breaks ties by the order of upserts; `_tie_broken` needs all that tie.
    """
    limit = top_k + 8
    while True:
        points = fetch(limit)
        tied = len(points) == limit and points[-1].score == points[top_k - 1].score
        if not tied or limit > _MOST_FOR_TIES * top_k:
            return points
        limit *= _MORE_FOR_TIES


def _tie_broken(found: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """(score, point) in the engine's order, equal scores by point: a hash of the document id, so no
    id is favoured by its spelling.
    """
    if len({score for score, _ in found}) == len(found):
        return found
    runs = groupby(found, key=itemgetter(0))
    return [each for _, tied in runs for each in sorted(tied)]


def _found(
    opened: Folder,
    feature: Feature,
    vector: Vector,
    limit: int,
    where: Native | None,
    *,
    exact: bool = False,
) -> list[ScoredPoint]:
    request = QueryRequest(
        limit=limit,
        query=Query.Nearest(vector, using=vector_name(feature.feature_uri)),
        filter=where,
        params=SearchParams(exact=exact, hnsw_ef=max(128, limit)),
    )
    return opened.shard.query(request)


def _scanned(
    opened: Folder, collection: Collection, tree: FilterTree, within: Native
) -> Iterator[Any]:
    """Points of documents that pass, decided one by one. Raises Invalid for patterns that take too
    long: the server waits meanwhile.
    """
    slow = any(leaf.operator == "regex" for leaf in leaves(tree))
    until = time.thread_time() + patterns.MOST_MS / 1000 if slow else math.inf
    for page in opened.records(within):
        for record in page:
            if slow and time.thread_time() > until:
                raise patterns.too_slow("$.filters")
            document = rebuild.document_of(record, collection)
            own = {
                "document_id": document.document_id,
                "collection_id": collection.collection_id,
            }
            if matches(document.fields | own, tree):
                yield record.id
