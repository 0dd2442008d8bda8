"""Looking something up without a retriever: documents by words, and what a prefix may become.

Documents come from every text feature of some collections, fused by RRF; completions from the log,
from documents and from names. Nothing is logged, nothing is learned. Knows ports and fusion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from desireline.core import fusion
from desireline.core.pseudonyms import KnownAs
from desireline.core.queries import query_key
from desireline.core.times import DAY_MS
from desireline.ports import Clock, EventLog, Intake, Live, SearchIndex
from desireline.types.retriever import Collection, Document, Feature, FilterTree, Run

MOST_HITS = 1000
RECENT_MS = 30 * DAY_MS
SEVERAL = 3
MOST_SCANNED = 2_000
FLUSH_MS = 200
"""Whoever types does not wait longer for the searches of the last moment."""


class Found(msgspec.Struct, frozen=True):
    """A document and its fused score (0 when nothing was searched for)."""

    document: Document
    score: float


def look_up(
    index: SearchIndex, collections: Sequence[Collection], query: str,
    where: FilterTree | None, limit: int,
) -> list[Found]:  # fmt: skip
    """The best documents of all these collections for some words; without words, by id."""
    if not query:
        pages = [d for each in collections for d in index.page(each, where, limit)[0]]
        first = sorted(pages, key=lambda document: document.document_id)[:limit]
        return [Found(document, 0.0) for document in first]
    found = [hit for each in collections for hit in _searched(index, each, query, where, limit)]
    return sorted(found, key=lambda hit: (-hit.score, hit.document.document_id))[:limit]


def _searched(
    index: SearchIndex, collection: Collection, query: str, where: FilterTree | None, limit: int
) -> list[Found]:
    features = [feature for feature in collection.features if _reads_text(feature)]
    runs = []
    for feature in features:
        hits = index.search(collection, feature, query, min(MOST_HITS, 10 * limit), where)
        ids, scores = [hit.document_id for hit in hits], [hit.score for hit in hits]
        runs.append(Run(feature.feature_uri, ids, scores, len(ids)))
    if not any(run.ids for run in runs):
        return []
    fused = fusion.fuse(runs, [1.0] * len(runs), "rrf")
    best = dict(zip(fused.ids[:limit], fused.scores[:limit].tolist(), strict=True))
    return [
        Found(document, best[document.document_id])
        for document in index.get(collection, list(best))
    ]


def _reads_text(feature: Feature) -> bool:
    return feature.kind == "lexical" or (feature.kind == "dense" and feature.model != "")


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What completing is bound to."""

    live: Live
    index: SearchIndex
    intake: Intake
    event_log: EventLog
    clock: Clock
    known_as: KnownAs


class Typed(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed so far, and which `fields` may complete it; user "" = nobody known."""

    namespace: str
    text: str
    user_id: str = ""
    fields: tuple[str, ...] = ()
    limit: int = 10


class Value(msgspec.Struct, frozen=True):
    """A text that `count` of the scanned documents have in a field."""

    field: str
    value: str
    count: int


class Completions(msgspec.Struct, frozen=True, kw_only=True):
    """What begins so, `limit` of each at most: the user's own queries, those that several visitors
    searched, values of fields (the most frequent first), collections by name.

    `complete`: whether the values are those of all documents.
    """

    own: list[str]
    popular: list[str]
    values: list[Value]
    collections: list[Collection]
    complete: bool

    @property
    def texts(self) -> list[str]:
        """All but the collections, each once, in this order."""
        return list(dict.fromkeys([*self.own, *self.popular, *(v.value for v in self.values)]))


class Typeahead:
    """Completes what somebody types."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def complete(self, typed: Typed) -> Completions:
        """Queries of 30 days, values of the first 2,000 documents, names of collections."""
        await self._ports.intake.flushed(timeout_ms=FLUSH_MS)
        prefix = query_key(typed.text)
        own, popular = await self._own(typed, prefix), await self._popular(typed, prefix)
        collections = self._ports.live.collections(typed.namespace)
        values, complete = self._values(typed, collections, prefix)
        named = [each for each in collections if each.collection_name.lower().startswith(prefix)]
        return Completions(
            own=own, popular=popular, values=values, collections=named[: typed.limit],
            complete=complete,
        )  # fmt: skip

    async def _popular(self, typed: Typed, prefix: str) -> list[str]:
        return await self._asked("queries_by_prefix", typed, prefix, visitors=SEVERAL)

    async def _own(self, typed: Typed, prefix: str) -> list[str]:
        if not typed.user_id:
            return []
        known = self._ports.known_as(typed.namespace, typed.user_id)
        return await self._asked("queries_of_user", typed, prefix, user_id=known)

    async def _asked(self, question: str, typed: Typed, prefix: str, **more: Any) -> list[str]:
        rows = await self._ports.event_log.query(
            question, namespace=typed.namespace, prefix=prefix,
            since_ms=self._ports.clock() - RECENT_MS, limit=typed.limit, **more,
        )  # fmt: skip
        return [row["query_key"] for row in rows]

    def _values(
        self, typed: Typed, collections: Sequence[Collection], prefix: str
    ) -> tuple[list[Value], bool]:
        """Values of the fields that begin so, and whether all documents were read."""
        counts: Counter[tuple[str, str]] = Counter()
        left, complete = MOST_SCANNED, True
        for collection in collections if typed.fields else ():
            documents, after = self._ports.index.page(collection, None, left) if left else ([], "…")
            left, complete = left - len(documents), complete and not after
            counts.update(
                (name, value) for document in documents for name in typed.fields
                for value in _texts(document, name) if value.lower().startswith(prefix)
            )  # fmt: skip
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[: typed.limit]
        return [Value(name, value, count) for (name, value), count in ranked], complete


def _texts(document: Document, name: str) -> list[str]:
    """Texts of a field; a list counts each of its own once."""
    found: Any = document.fields
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    listed = found if isinstance(found, list) else [found]
    return sorted({each for each in listed if isinstance(each, str)})
