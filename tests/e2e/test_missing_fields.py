"""Filters on fields that no document has: refused, allowed or warned about (ADR 0010)."""

from __future__ import annotations

import pytest

from tests.e2e.live import (
    Live,
    a_filter,
    a_stage,
    execute,
    ids,
    make_collection,
    make_retriever,
)


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


@pytest.fixture(scope="module")
def everything(live: Live, products: str) -> str:
    return make_retriever(live, products, a_stage(final_top_k=100))


def test_a_filter_on_a_field_that_no_document_has_is_refused(
    live: Live, products: str, everything: str
):
    path = f"/v1/retrievers/{everything}/execute"
    body = {"inputs": {"query": "wireless"}}
    sent = {
        "$.filters.colur": {"colur": "red"},
        "$.filters.AND[1].field": {"AND": [{"price": 1}, {"field": "colur", "value": "red"}]},
    }
    for place, conditions in sent.items():
        error = live.refused("POST", path, body | {"filters": conditions})
        assert (error["status"], error["code"]) == (422, "unknown_field")
        assert [each["path"] for each in error["details"]["validation_errors"]] == [place]
        assert "`colour`" in error["hint"]
        assert "caption, colour" in error["message"]
    assert execute(live, everything, filters={"colour": "pink"})["warnings"] == []
    stored = make_retriever(live, products, a_filter({"colur": "red"}), a_stage())
    error = live.refused("POST", f"/v1/retrievers/{stored}/execute", body)
    assert error["code"] == "unknown_field"
    skipped = a_filter({"colur": "red"}) | {"on_error": "skip"}
    assert execute(live, make_retriever(live, products, skipped, a_stage()))["status"] == "degraded"


def test_a_missing_field_is_no_error_where_the_condition_allows_it(live: Live, everything: str):
    for conditions in ({"gone": {"ne": 1}}, {"gone": {"nin": [1]}}, {"gone": {"exists": False}},
                       {"gone": {"is_null": True}}):  # fmt: skip
        assert len(ids(execute(live, everything, filters=conditions))) == 30
    answer = execute(live, everything, filters={"gone": {"exists": True}})
    assert answer["documents"] == []
    assert any("`gone`" in warning for warning in answer["warnings"])


def test_a_filter_on_an_empty_collection_warns(live: Live):
    empty = make_collection(live, 0)
    answer = execute(live, make_retriever(live, empty), filters={"brand": "Acme"})
    assert answer["documents"] == []
    assert any("`brand`" in warning for warning in answer["warnings"])
    assert execute(live, make_retriever(live, empty), filters={"title": "x"})["warnings"] == []
