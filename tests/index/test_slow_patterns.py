"""A pattern that is slow on the documents at hand is stopped: it may come from anybody."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from desireline.errors import Invalid
from desireline.index.qdrant import QdrantIndex
from desireline.ml.encoders import encoder_for
from desireline.types.retriever import Filter
from tests.builders import a_collection, a_document

SLOW = "[a-z ]*[0-9]x"  # allowed: quadratic in a text without digits
TEXT = "abc def " * 125


def test_a_pattern_is_stopped_after_a_second(tmp_path: Path) -> None:
    index, collection = QdrantIndex(tmp_path, encoder_for, 10_000), a_collection()
    index.create(collection)
    documents = [a_document(f"d{n}", title="red", note=TEXT) for n in range(1_200)]
    asyncio.run(index.upsert(collection, documents))
    started = time.thread_time()
    with pytest.raises(Invalid) as caught:
        index.page(collection, Filter("note", "regex", SLOW), 10)
    assert caught.value.code == "invalid_regex"
    assert time.thread_time() - started < 2.5
    found, _ = index.page(collection, Filter("note", "regex", "^abc d"), 10)
    assert len(found) == 10
