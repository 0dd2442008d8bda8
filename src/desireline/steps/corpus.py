"""The corpus: collections, their feature registries, and documents in and out.

Knows ports; each document of a batch stands or falls alone. Knows no HTTP and no engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from desireline.core.times import iso
from desireline.errors import AlreadyExists, DesirelineError, FieldError, Invalid, NotFound, invalid
from desireline.ports import Clock, CollectionCatalog, Metrics, SearchIndex
from desireline.types.retriever import Collection, Document, Feature, FilterTree

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
MAX_BATCH = 5_000
MAX_DEPTH = 32


class Book(Protocol):
    """The in-memory mirror of collections."""

    def collection(self, namespace: str, id_or_name: str) -> Collection:
        """Raises `errors.NotFound`."""

    def collections(self, namespace: str) -> Sequence[Collection]:
        """All of a namespace."""

    def put_collection(self, collection: Collection) -> None:
        """Swap or add."""

    def remove_collection(self, collection_id: str) -> None:
        """Forget."""


class Index(SearchIndex, Protocol):
    """A search index that can check one document."""

    def check(self, collection: Collection, document: Document) -> None:
        """Raises `errors.Invalid` naming the place."""


class Growing(Index, Protocol):
    """An index that can build a new version beside the serving one."""

    async def rebuild(
        self, old: Collection, new: Collection, progress: Progress, cancelled: Cancelled
    ) -> bool:
        """Build and fill the folder of `new` while `old` serves; writes reach both meanwhile.

        False when cancelled: then nothing was changed.
        """

    def drop_version(self, collection: Collection) -> None:
        """Remove the old version's folder."""


class Outcome(msgspec.Struct, frozen=True):
    """What became of one document of a batch; `error` is None when it was stored."""

    index: int
    document_id: str
    error: FieldError | None = None


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What the corpus is bound to. `touched(collection)` is told after every write."""

    catalog: CollectionCatalog
    book: Book
    index: Growing
    clock: Clock
    mint: Callable[[], str]
    metrics: Metrics
    touched: Callable[[Collection], None]


class Corpus:
    """Collections and documents."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    async def create(
        self, namespace: str, name: str, features: Sequence[Feature], *,
        description: str = "", metadata: dict[str, Any] | None = None, collection_id: str = "",
    ) -> Collection:  # fmt: skip
        """A new, empty collection. Raises AlreadyExists, Invalid (duplicate feature_uri)."""
        distinct(features)
        now = iso(self.ports.clock())
        collection = Collection(
            collection_id=collection_id or self.ports.mint(), collection_name=name,
            namespace=namespace, features=tuple(features), description=description,
            metadata=metadata or {}, created_at=now, updated_at=now,
        )  # fmt: skip
        if any(c.collection_name == name for c in self.ports.book.collections(namespace)):
            raise _taken(name)
        self.ports.index.create(collection)
        try:
            await self.ports.catalog.create(collection)
        except DesirelineError:  # the name was taken meanwhile, or its namespace deleted
            self.ports.index.drop(collection)
            raise
        self.ports.book.put_collection(collection)
        return collection

    async def update(self, collection: Collection, **changes: Any) -> Collection:
        """Change name, description or metadata. Raises AlreadyExists."""
        now = iso(self.ports.clock())
        kept = {key: value for key, value in changes.items() if value is not None}

        def change(current: Collection) -> Collection:
            return msgspec.structs.replace(current, updated_at=now, **kept)

        changed = await self.ports.catalog.update(
            collection.namespace, collection.collection_id, change
        )
        self.ports.book.put_collection(changed)
        return changed

    async def rebuild(
        self, collection: Collection, features: Sequence[Feature], *,
        progress: Progress = lambda _done, _total: None, cancelled: Cancelled = lambda: False,
    ) -> Collection | None:  # fmt: skip
        """A new feature registry (or a new encoding): built beside the old index, then swapped.

        `progress(done, total)` counts documents. None when cancelled: nothing was changed.
        """
        distinct(features)
        grown = msgspec.structs.replace(
            collection, features=tuple(features), index_version=collection.index_version + 1
        )
        if not await self.ports.index.rebuild(collection, grown, progress, cancelled):
            return None

        def change(current: Collection) -> Collection:
            return msgspec.structs.replace(
                current, features=grown.features, index_version=grown.index_version,
                updated_at=iso(self.ports.clock()),
            )  # fmt: skip

        changed = await self.ports.catalog.update(
            collection.namespace, collection.collection_id, change
        )
        self.ports.book.put_collection(changed)
        self.ports.index.drop_version(collection)
        return changed

    async def delete(self, collection: Collection) -> None:
        """Drop a collection with its documents."""
        await self.ports.catalog.delete(collection.namespace, collection.collection_id)
        self.ports.book.remove_collection(collection.collection_id)
        self.ports.index.drop(collection)

    async def upsert(self, collection: Collection, sent: Sequence[Any]) -> list[Outcome]:
        """Insert or replace; one outcome a document, in order. Raises Invalid for the envelope."""
        if not sent:
            raise invalid("$.documents", "empty", "`documents` is empty", "send at least one")
        if len(sent) > MAX_BATCH:
            raise invalid(
                "$.documents", "too_many", f"{len(sent)} documents in one request",
                f"send at most {MAX_BATCH}",
            )  # fmt: skip
        good: list[Document] = []
        outcomes: list[Outcome] = []
        for place, value in enumerate(sent):
            outcome = self._checked(collection, value, place, good)
            outcomes.append(outcome)
        if good:
            await self.ports.index.upsert(collection, good)
            self.ports.touched(collection)
        self.ports.metrics.count("documents", len(good), outcome="upserted")
        self.ports.metrics.count("documents", len(sent) - len(good), outcome="failed")
        return outcomes

    def _checked(
        self, collection: Collection, value: Any, place: int, good: list[Document]
    ) -> Outcome:
        document_id = _named_id(value)
        try:
            document = document_of(collection, value, f"$.documents[{place}]")
            self.ports.index.check(collection, document)
        except Invalid as error:
            return Outcome(place, document_id, _placed(error, place))
        good.append(document)
        return Outcome(place, document.document_id)

    async def patch(
        self, collection: Collection, updates: Sequence[Any], root: str = "$.updates[{}]"
    ) -> list[Outcome]:
        """Partial updates `{document_id, …fields}` (or `{document_id, fields}`), one outcome each.

        Given fields replace, null removes, the rest stays; `_vectors` is merged by feature_uri.
        Several updates of one document add up. `root` names an update's place in messages.
        """
        merged: dict[str, dict[str, Any]] = {}
        sent: list[tuple[str, FieldError | None]] = []
        for place, update in enumerate(updates):
            try:
                document_id, fields = _update_of(update, root.format(place))
                before = merged.get(document_id) or self._whole(collection, document_id)
                merged[document_id] = _merged(before, fields)
                sent.append((document_id, None))
            except (Invalid, NotFound) as error:
                path = f"{root.format(place)}.document_id"
                sent.append((_named_id(update), _first_place(error, path)))
        done = await self.upsert(collection, list(merged.values())) if merged else []
        errors = dict(zip(merged, [outcome.error for outcome in done], strict=True))
        return [
            Outcome(place, document_id, error or _at(errors[document_id], root.format(place)))
            for place, (document_id, error) in enumerate(sent)
        ]

    def _whole(self, collection: Collection, document_id: str) -> dict[str, Any]:
        found = self.get(collection, document_id)
        return {**found.fields, "document_id": document_id, "_vectors": found.vectors}

    def get(self, collection: Collection, document_id: str) -> Document:
        """Raises NotFound."""
        found = self.ports.index.get(collection, [document_id])
        if not found:
            raise NotFound(
                f"there is no document `{document_id}` in `{collection.collection_name}`",
                resource="document", reference=document_id, code="document_not_found",
                hint="ids are compared exactly; see GET /v1/collections/{id}/documents",
            )  # fmt: skip
        return found[0]

    async def remove(self, collection: Collection, document_ids: Sequence[str]) -> int:
        """Delete by id; how many existed."""
        removed = await self.ports.index.delete(collection, document_ids)
        self.ports.metrics.count("documents", removed, outcome="deleted")
        return removed

    def page(
        self, collection: Collection, where: FilterTree | None, limit: int, cursor: str
    ) -> tuple[list[Document], str]:
        """A page in document_id order, and the next cursor ("" = last)."""
        return self.ports.index.page(collection, where, limit, cursor)

    def count(self, collection: Collection, where: FilterTree | None = None) -> int:
        """How many documents (match)."""
        return self.ports.index.count(collection, where)


def document_of(collection: Collection, value: Any, path: str) -> Document:
    """A document as sent: `document_id`, own fields at root, `_vectors` by feature_uri."""
    if not isinstance(value, dict):
        raise invalid(
            path, "wrong_type", "a document must be an object",
            'send {"document_id": "d1", "title": "…"}',
        )  # fmt: skip
    document_id = value.get("document_id")
    if isinstance(document_id, int) and not isinstance(document_id, bool):
        document_id = str(document_id)
    if not isinstance(document_id, str) or not 1 <= len(document_id) <= 512:
        raise invalid(
            f"{path}.document_id", "required_field",
            "a document needs `document_id`, a string of 1 to 512 characters",
            'send {"document_id": "d1", "title": "…"}',
        )  # fmt: skip
    vectors = value.get("_vectors") or {}
    if not isinstance(vectors, dict):
        raise invalid(
            f"{path}._vectors", "wrong_type", "`_vectors` must be an object by feature_uri",
            'send {"_vectors": {"desireline://own@v1/vec": [0.1, 0.2]}}',
        )  # fmt: skip
    own = {
        k: v
        for k, v in value.items()
        if k not in ("document_id", "_vectors", "_internal", "collection_id")
    }
    if _depth(own) > MAX_DEPTH:
        raise invalid(
            path, "too_deep", f"a document nests at most {MAX_DEPTH} levels", "nest less deep"
        )
    return Document(
        document_id=document_id, collection_id=collection.collection_id, fields=own, vectors=vectors
    )


def _depth(value: Any) -> int:
    """How many levels of objects and lists are inside one another (one more than allowed ends it).

    >>> _depth({"a": [{"b": 1}]}), _depth(3)
    (3, 0)
    """
    level, depth = [value], 0
    while depth <= MAX_DEPTH:
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            break
        depth += 1
        level = [
            part for each in level for part in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _update_of(update: Any, path: str) -> tuple[str, dict[str, Any]]:
    """Id and fields of a partial update."""
    if not isinstance(update, dict):
        raise invalid(
            path, "wrong_type", "an update must be an object",
            'send {"document_id": "d1", "fields": {"title": "new title"}}',
        )  # fmt: skip
    document_id = update.get("document_id")
    if not isinstance(document_id, str | int) or isinstance(document_id, bool):
        raise invalid(
            f"{path}.document_id", "required_field", "an update needs `document_id`, a string",
            'send {"document_id": "d1", "fields": {"title": "new title"}}',
        )  # fmt: skip
    fields = {key: value for key, value in update.items() if key != "document_id"}
    if set(fields) == {"fields"}:
        fields = fields["fields"]
        if not isinstance(fields, dict):
            raise invalid(
                f"{path}.fields", "wrong_type", "`fields` must be an object",
                'send {"fields": {"title": "new title"}}; null removes a field',
            )  # fmt: skip
    return str(document_id), fields


def _merged(before: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """JSON merge-patch of the top level, and of `_vectors` by feature_uri."""
    after = before | fields | {"document_id": before["document_id"]}
    vectors = fields.get("_vectors")
    if isinstance(vectors, dict):
        after["_vectors"] = _present(before["_vectors"] | vectors)
    return _present(after)


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _first_place(error: Invalid | NotFound, path: str) -> FieldError:
    if isinstance(error, Invalid) and error.fields:
        return error.fields[0]
    return FieldError(path, error.code, error.message, "upsert it first")


def _at(error: FieldError | None, path: str) -> FieldError | None:
    """A complaint about a place of the merged document, as one about the update at `path`."""
    if error is None:
        return None
    return msgspec.structs.replace(error, path=path + error.path.partition("]")[2])


def _named_id(value: Any) -> str:
    """The id a document names, "" when it names none that could be one."""
    found = value.get("document_id") if isinstance(value, dict) else None
    return str(found)[:512] if isinstance(found, str | int) else ""


def distinct(features: Sequence[Feature]) -> None:
    """Raises Invalid for a feature_uri that is registered twice."""
    uris = [feature.feature_uri for feature in features]
    for place, uri in enumerate(uris):
        if uri in uris[:place]:
            raise invalid(
                f"$.features[{place}].feature_uri", "duplicate_name",
                f"`{uri}` is registered twice", "register each feature_uri once",
            )  # fmt: skip


def _placed(error: Invalid, place: int) -> FieldError:
    """The complaint about one document, with its place in the batch."""
    if not error.fields:
        return FieldError(f"$.documents[{place}]", error.code, error.message, error.hint)
    first = error.fields[0]
    path = first.path
    if not path.startswith("$.documents["):
        path = f"$.documents[{place}]{path.removeprefix('$')}"
    return msgspec.structs.replace(first, path=path)


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"a collection named `{name}` exists", code="collection_name_taken",
        hint="choose another name, or update the existing one", details={"name": name},
    )  # fmt: skip
