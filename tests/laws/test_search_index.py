"""Laws of the port `SearchIndex`: any adapter added to `ADAPTERS` has to keep them."""

from __future__ import annotations

import asyncio
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from desireline.core.filters import matches
from desireline.errors import Invalid
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.ports import SearchIndex
from desireline.types.retriever import And, Collection, Document, Filter, FilterTree, Not, Or
from tests.builders import OWN, POPULARITY, TITLE, a_collection, a_document

ADAPTERS: dict[str, Callable[[Path], SearchIndex]] = {
    "qdrant-edge": lambda folder: QdrantIndex(folder, encoder_for),
}
WORDS = [
    "red", "blue", "green", "shoe", "shoes", "hat", "running", "runner", "camera", "the", "of",
    "bag", "wi-fi", "naïve", "日本",
]  # fmt: skip
every_adapter = pytest.mark.parametrize("adapter", ADAPTERS)


@contextmanager
def an_index(
    adapter: str, documents: Sequence[Document] = (), collection: Collection | None = None
) -> Iterator[tuple[SearchIndex, Collection]]:
    collection = collection or a_collection()
    with tempfile.TemporaryDirectory() as folder:
        index = ADAPTERS[adapter](Path(folder))
        index.create(collection)
        asyncio.run(index.upsert(collection, documents))
        try:
            yield index, collection
        finally:
            index.drop(collection)


def some_documents(count: int, seed: int = 0) -> list[Document]:
    rng = random.Random(seed)
    return [
        a_document(
            f"d{number}",
            [rng.gauss(0, 1) for _ in range(4)] if rng.random() < 0.8 else None,
            title=" ".join(rng.choices(WORDS, k=rng.randint(0, 6))),
            **({"popularity": rng.randint(0, 9) / 2} if rng.random() < 0.7 else {}),
        )
        for number in range(count)
    ]


def pages_of(index: SearchIndex, collection: Collection, where: FilterTree | None) -> list[str]:
    ids, cursor = [], ""
    while True:
        page, cursor = index.page(collection, where, 7, cursor)
        ids += [document.document_id for document in page]
        if not cursor:
            return ids


# ---------------------------------------------------------------------------- ids and documents

names = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable())
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5).filter(str.isprintable),
)  # fmt: skip
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
)


@every_adapter
@settings(max_examples=25)
@given(
    documents=st.dictionaries(names, st.dictionaries(names, json_values, max_size=4), max_size=6)
)
def test_documents_come_back_exactly_as_they_were_stored(
    adapter: str, documents: dict[str, dict[str, Any]]
) -> None:
    stored = [Document(document_id=i, collection_id="col1", fields=f) for i, f in documents.items()]
    with an_index(adapter, stored) as (index, collection):
        assert index.get(collection, [*documents, "there is no such id"]) == stored
        assert index.count(collection) == len(stored)
        assert pages_of(index, collection, None) == sorted(documents)


@every_adapter
def test_the_last_upsert_of_an_id_replaces_everything(adapter: str) -> None:
    old = a_document("a", [1, 0, 0, 0], title="red shoe", popularity=3, more=1)
    new = a_document("a", title="blue hat")
    with an_index(adapter, [old, a_document("b", title="red")]) as (index, collection):
        asyncio.run(index.upsert(collection, [old, new]))
        assert index.get(collection, ["a"]) == [new]
        assert [hit.document_id for hit in index.search(collection, TITLE, "red", 9)] == ["b"]
        assert index.search(collection, OWN, [1, 0, 0, 0], 9) == []
        assert index.score(collection, POPULARITY, "", ["a"]) == [0.0]
        assert index.count(collection) == 2


@every_adapter
def test_deleted_documents_are_gone_from_everything(adapter: str) -> None:
    documents = some_documents(300)
    with an_index(adapter, documents) as (index, collection):
        assert pages_of(index, collection, None)  # an order kept in memory has to follow
        gone = [document.document_id for document in documents[:250]]
        assert asyncio.run(index.delete(collection, [*gone, *gone[:9], "unknown"])) == 250
        left = {document.document_id for document in documents[250:]}
        assert index.count(collection) == 50
        assert set(pages_of(index, collection, None)) == left
        hits = index.search(collection, TITLE, "red shoe hat bag", 999)
        assert {hit.document_id for hit in hits} <= left
        assert index.get(collection, gone) == []
        assert set(index.score(collection, TITLE, "red shoe", gone)) == {0.0}


# --------------------------------------------------------------------------- search and score


@every_adapter
@pytest.mark.parametrize("query", ["red shoe", "the runners of 日本", "wi fi", "naive", "camera"])
def test_scores_by_id_are_the_scores_of_the_search(adapter: str, query: str) -> None:
    documents = some_documents(400)
    ids = [document.document_id for document in documents]
    with an_index(adapter, documents) as (index, collection):
        found = {hit.document_id: hit.score for hit in index.search(collection, TITLE, query, 400)}
        scores = index.score(collection, TITLE, query, ids)
        assert found
        assert scores == pytest.approx([found.get(i, 0.0) for i in ids], abs=1e-5)
        assert all(score > 0 for score in found.values())


@every_adapter
@pytest.mark.parametrize("distance", ["cosine", "dot", "euclid"])
def test_dense_scores_by_id_are_the_scores_of_the_search(adapter: str, distance: Any) -> None:
    own = type(OWN)(feature_uri=OWN.feature_uri, kind="dense", dimension=4, distance=distance)
    documents, query = some_documents(200), [0.3, -1.0, 2.0, 0.1]
    with an_index(adapter, documents, a_collection(TITLE, own)) as (index, collection):
        hits = index.search(collection, own, query, 200)
        scores = index.score(collection, own, query, [hit.document_id for hit in hits])
        assert scores == pytest.approx([hit.score for hit in hits], abs=1e-5)
        assert [hit.rank for hit in hits] == list(range(len(hits)))
        assert scores == sorted(scores, reverse=True)
        without = [d.document_id for d in documents if not d.vectors]
        assert set(index.score(collection, own, query, without)) == {0.0}
        assert len(hits) == 200 - len(without)


@every_adapter
def test_cosine_scores_are_cosines(adapter: str) -> None:
    documents = [d for d in some_documents(60) if d.vectors]
    query = [0.5, 0.5, -2.0, 1.0]
    with an_index(adapter, documents) as (index, collection):
        for hit in index.search(collection, OWN, query, 60):
            (vector,) = (d.vectors[OWN.feature_uri] for d in documents
                         if d.document_id == hit.document_id)  # fmt: skip
            dot = sum(a * b for a, b in zip(query, vector, strict=True))
            assert hit.score == pytest.approx(
                dot / math.hypot(*query) / math.hypot(*vector), abs=1e-5
            )


@every_adapter
def test_a_field_gives_its_number_and_retrieves_nothing(adapter: str) -> None:
    documents = [a_document("a", popularity=3), a_document("b", popularity="3"), a_document("c")]
    with an_index(adapter, documents) as (index, collection):
        ids = ["c", "a", "unknown", "b", "a"]
        for _ in range(2):
            assert index.score(collection, POPULARITY, "", ids) == [0, 3, 0, 0, 3]
        asyncio.run(index.upsert(collection, [a_document("a", popularity=123456789.5)]))
        assert index.score(collection, POPULARITY, "", ids) == [0, 123456789.5, 0, 0, 123456789.5]
        assert index.search(collection, POPULARITY, "red", 9) == []


@every_adapter
@given(seed=st.integers(0, 5))
@settings(max_examples=5)
def test_the_order_of_upserts_does_not_matter(adapter: str, seed: int) -> None:
    documents = some_documents(150, seed)
    shuffled = random.Random(seed).sample(documents, len(documents))
    with an_index(adapter, documents) as one, an_index(adapter, shuffled) as other:
        for query in ("red", "shoe hat", "camera running"):
            first, second = (index.search(c, TITLE, query, 10) for index, c in (one, other))
            assert [hit.document_id for hit in first] == [hit.document_id for hit in second]
            assert [h.score for h in first] == pytest.approx([h.score for h in second], abs=1e-5)


@every_adapter
def test_blank_queries_find_nothing(adapter: str) -> None:
    with an_index(adapter, some_documents(20)) as (index, collection):
        for query in ("", "  ", "!?", "\n"):
            assert index.search(collection, TITLE, query, 5) == []
            assert index.score(collection, TITLE, query, ["d1", "d2"]) == [0.0, 0.0]
        assert index.search(collection, TITLE, "red", 0) == []


# ------------------------------------------------------------------------------------- filters

FIELDS_IN_FILTERS = ("a", "b", "c.d", "c", "a.e", "no such", "document_id", "collection_id")
few_scalars = st.sampled_from(
    [None, True, False, 0, 1, 1.0, 1.5, -2, 2**53 + 1, "", "1", "red", "Red hat", "red shoe, blue",
     "2026-01-02", "2026-01-02T03:04:05Z"]
)  # fmt: skip
few_values = st.recursive(
    few_scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["d", "e"]), inner, max_size=2)
    ),
    max_leaves=5,
)
few_documents = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c", "no such"]), few_values), min_size=1, max_size=6
)
present = few_scalars.filter(lambda value: value is not None)
texts = st.sampled_from(["red", "Red", "hat red", "shoe, blue", "1", "d1"])
operands = {
    **dict.fromkeys(("eq", "ne", "contains"), present),
    **dict.fromkeys(("in", "nin"), st.lists(present | texts, max_size=3)),
    **dict.fromkeys(
        ("gt", "gte", "lt", "lte"), present.filter(lambda value: not isinstance(value, bool))
    ),
    **dict.fromkeys(("starts_with", "ends_with", "text", "phrase", "words"), texts),
    "regex": st.sampled_from(["^r", "d$", "[0-9]+", "hat|shoe"]),
    **dict.fromkeys(("exists", "is_null"), st.booleans()),
}
leaf_filters = st.sampled_from(sorted(operands)).flatmap(
    lambda operator: st.builds(
        Filter, st.sampled_from(FIELDS_IN_FILTERS), st.just(operator), operands[operator],
        st.booleans(),
    )
)  # fmt: skip
trees = st.recursive(
    leaf_filters,
    lambda inner: (
        st.builds(And, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Or, st.lists(inner, max_size=3).map(tuple))
        | st.builds(Not, inner)
    ),
    max_leaves=5,
)


@every_adapter
@settings(max_examples=60, phases=[Phase.generate])  # an index each: too slow to shrink
@given(fields=few_documents, filters=st.lists(trees, min_size=5, max_size=10))
def test_filters_mean_what_the_core_says(
    adapter: str, fields: list[dict[str, Any]], filters: list[FilterTree]
) -> None:
    documents = [
        Document(document_id=f"d{n}", collection_id="col1", fields=f | {"title": "red"})
        for n, f in enumerate(fields)
    ]
    with an_index(adapter, documents) as (index, collection):
        for tree in filters:
            expected = {
                document.document_id
                for document in documents
                if matches(
                    document.fields
                    | {"document_id": document.document_id, "collection_id": "col1"},
                    tree,
                )
            }
            assert set(pages_of(index, collection, tree)) == expected
            assert index.count(collection, tree) == len(expected)
            hits = index.search(collection, TITLE, "red", 9, tree)
            assert {hit.document_id for hit in hits} == expected


@every_adapter
def test_a_thousand_ids_can_be_excluded(adapter: str) -> None:
    documents = [a_document(f"d{number}", title="red") for number in range(1200)]
    without = Filter("document_id", "nin", [f"d{number}" for number in range(1000)])
    with an_index(adapter, documents) as (index, collection):
        hits = index.search(collection, TITLE, "red", 1200, without)
        assert {hit.document_id for hit in hits} == {f"d{n}" for n in range(1000, 1200)}
        assert index.count(collection, without) == 200
        assert index.count(collection, Filter("document_id", "nin", [])) == 1200


@every_adapter
def test_lists_are_complete_and_in_document_order_while_documents_change(adapter: str) -> None:
    documents = some_documents(40)
    with an_index(adapter, documents) as (index, collection):
        assert pages_of(index, collection, None) == sorted(d.document_id for d in documents)
        asyncio.run(index.upsert(collection, [a_document("c"), a_document("d39"), a_document("z")]))
        assert pages_of(index, collection, None)[0] == "c"
        assert pages_of(index, collection, None)[-1] == "z"
        popular = Filter("popularity", "gte", 2)
        found = [d.document_id for d in documents[:39] if d.fields.get("popularity", 0) >= 2]
        assert pages_of(index, collection, popular) == sorted(found)


# ------------------------------------------------------------------------------------ bad input


@every_adapter
@pytest.mark.parametrize(
    "vector", [[1.0, 2.0], [1.0, 2.0, 3.0, float("nan")], [1.0, 2.0, 3.0, float("inf")], []]
)
def test_vectors_that_can_not_be_are_refused(adapter: str, vector: list[float]) -> None:
    with an_index(adapter, [a_document("a", [1, 0, 0, 0])]) as (index, collection):
        with pytest.raises(Invalid):
            asyncio.run(index.upsert(collection, [a_document("b"), a_document("c", vector)]))
        assert index.count(collection) == 1
        with pytest.raises(Invalid):
            index.search(collection, OWN, vector, 5)
        with pytest.raises(Invalid):
            index.score(collection, OWN, vector, ["a"])


@every_adapter
@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, float("nan"), "\ud800", {1: 2}, object()])
def test_values_that_can_not_be_stored_are_refused_by_name(adapter: str, value: Any) -> None:
    with an_index(adapter) as (index, collection), pytest.raises(Invalid) as refused:
        asyncio.run(index.upsert(collection, [a_document("a", odd=[0, value])]))
    assert refused.value.fields[0].path.startswith("$.odd[1]")


@every_adapter
def test_text_and_vectors_are_not_confused(adapter: str) -> None:
    unknown = Document(document_id="a", collection_id="col1", vectors={"other": [1.0]})
    with an_index(adapter) as (index, collection):
        with pytest.raises(Invalid, match="vectors only"):
            index.search(collection, OWN, "red", 5)
        with pytest.raises(Invalid, match="text only"):
            index.search(collection, TITLE, [1.0], 5)
        with pytest.raises(Invalid, match="other"):
            asyncio.run(index.upsert(collection, [unknown]))
