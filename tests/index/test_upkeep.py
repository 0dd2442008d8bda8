"""Folders over time: reopening, left-overs, new features, drifting lengths, one owner."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from desireline.errors import DataDirectoryLocked, NotFound, Unavailable
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.types.retriever import Collection, Feature
from tests.builders import OWN, POPULARITY, TITLE, a_collection, a_document

BRAND = Feature(feature_uri="desireline://brand@v1/bm25", kind="lexical", fields=("brand",))


def an_index(root: Path) -> QdrantIndex:
    return QdrantIndex(root, encoder_for)


def next_version(collection: Collection, *more: Feature) -> Collection:
    return msgspec.structs.replace(
        collection,
        features=collection.features + more,
        index_version=collection.index_version + 1,
    )


def some(count: int, start: int = 0) -> list:
    return [
        a_document(f"d{n}", [1, n, 0, 0], title=f"red shoe number {n}", brand="acme", popularity=n)
        for n in range(start, start + count)
    ]


def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    collection = a_collection()
    first = an_index(tmp_path)
    first.create(collection)
    asyncio.run(first.upsert(collection, some(30)))
    before = first.search(collection, TITLE, "shoe 7", 10)
    lengths = first.average_lengths(collection)
    first.close()
    again = an_index(tmp_path)
    again.create(collection)
    assert again.search(collection, TITLE, "shoe 7", 10) == before
    assert again.average_lengths(collection) == lengths == {TITLE.feature_uri: 4.0}
    assert again.count(collection) == 30
    again.close()


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    index = an_index(tmp_path)
    index.create(a_collection())
    with pytest.raises(DataDirectoryLocked):
        an_index(tmp_path).count(a_collection())
    index.close()


def test_a_collection_that_was_never_created_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        an_index(tmp_path).count(a_collection())


def test_half_a_folder_is_created_again_and_left_overs_go(tmp_path: Path) -> None:
    half = tmp_path / "col1" / "v1" / "g0"
    half.mkdir(parents=True)
    (half / "wal").write_text("torn")
    index = an_index(tmp_path)
    index.create(a_collection())
    index.close()
    (tmp_path / "col1" / "v1" / "copy-1").mkdir()
    (tmp_path / "col1" / "v9" / "g0").mkdir(parents=True)
    (tmp_path / "gone" / "v1").mkdir(parents=True)
    again = an_index(tmp_path)
    again.tidy([a_collection()])
    again.create(a_collection())
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.glob("*/v*/*")) == [
        "col1/v1/g0",
        "col1/v1/state.json",
    ]
    again.close()


def test_a_new_feature_is_built_beside_the_old_folder_and_misses_no_write(tmp_path: Path) -> None:
    index, old = an_index(tmp_path), a_collection()
    new = next_version(old, BRAND)
    index.create(old)
    seen: list[tuple[int, int]] = []

    async def scenario() -> None:
        await index.upsert(old, some(1000))
        building = asyncio.create_task(index.rebuild(old, new, lambda *at: seen.append(at)))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            index.search(old, BRAND, "acme", 5)
        with pytest.raises(Unavailable):
            await index.rebuild(old, new)
        await index.upsert(old, [a_document("d3", title="blue"), *some(50, 2000)])
        await index.delete(old, ["d5", "d999"])
        assert index.search(old, TITLE, "blue", 5)[0].document_id == "d3"
        assert await building

    asyncio.run(scenario())
    asyncio.run(index.upsert(old, some(1, 5000)))  # the catalogue may still name the old version
    assert index.count(old) == index.count(new) == 1000 + 50 - 2 + 1
    ids = [document.document_id for document in index.page(old, None, 2000)[0]]
    assert index.get(new, ids) == index.get(old, ids)
    assert [hit.document_id for hit in index.search(new, TITLE, "blue", 5)] == ["d3"]
    assert "d3" not in {hit.document_id for hit in index.search(new, BRAND, "acme", 2000)}
    assert index.score(new, OWN, [1, 7, 0, 0], ids) == index.score(old, OWN, [1, 7, 0, 0], ids)
    assert index.score(new, POPULARITY, "", ["d7", "d3"]) == [7, 0]
    assert seen[-1][0] >= 1000
    index.drop_version(old)
    assert index.count(new) == 1049
    index.close()


def test_a_cancelled_rebuild_leaves_no_trace(tmp_path: Path) -> None:
    index, old = an_index(tmp_path), a_collection()
    new = next_version(old, BRAND)
    index.create(old)
    asyncio.run(index.upsert(old, some(10)))
    assert not asyncio.run(index.rebuild(old, new, cancelled=lambda: True))
    assert [path.name for path in (tmp_path / "col1").iterdir()] == ["v1"]
    asyncio.run(index.upsert(old, some(1, 99)))
    assert index.count(old) == 11
    index.close()


def test_drifted_lengths_are_noticed_and_encoded_again(tmp_path: Path) -> None:
    index, old = an_index(tmp_path), a_collection()
    index.create(old)
    asyncio.run(index.upsert(old, [a_document("first", title="shoe")]))
    assert index.needs_reencode(old) == {}
    asyncio.run(index.upsert(old, some(100)))
    found = index.needs_reencode(old)
    assert found == {TITLE.feature_uri: pytest.approx(401 / 101)}
    assert index.needs_reencode(old) == {}  # not asked again before a tenth was written
    new = next_version(old)
    assert asyncio.run(index.rebuild(old, new))
    index.drop_version(old)
    assert index.average_lengths(new) == found
    asyncio.run(index.upsert(new, some(50, 200)))
    assert index.needs_reencode(new) == {}
    index.close()


def test_dropped_collections_are_gone(tmp_path: Path) -> None:
    index = an_index(tmp_path)
    index.create(a_collection())
    asyncio.run(index.upsert(a_collection(), some(3)))
    index.drop(a_collection())
    assert not list(tmp_path.glob("*/*"))
    index.create(a_collection())
    assert index.count(a_collection()) == 0
    index.close()


def test_collections_without_searches_hold_documents(tmp_path: Path) -> None:
    index, bare = an_index(tmp_path), a_collection(POPULARITY)
    index.create(bare)
    asyncio.run(index.upsert(bare, [a_document("a", popularity=2)]))
    assert index.score(bare, POPULARITY, "", ["a"]) == [2]
    index.close()
