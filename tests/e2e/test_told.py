"""What the author of a retriever, and who runs it, is told: warnings, names, inputs that came."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.live import (
    FEATURES,
    IMAGE,
    POPULARITY,
    TEXT,
    Live,
    a_name,
    a_search,
    a_stage,
    execute,
    make_collection,
    make_retriever,
)


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


def test_a_feature_of_another_collection_is_not_a_feature_of_this_retriever(live: Live):
    own, other = TEXT, IMAGE
    mine = make_collection(live, 0, FEATURES[:1])
    make_collection(live, 0, FEATURES[1:2])
    body = {
        "retriever_name": a_name("narrow"), "collection_identifiers": [mine],
        "stages": [a_stage([a_search(other)])],
    }  # fmt: skip
    (warning,) = live.ok("POST", "/v1/retrievers", body)["warnings"]
    assert warning.endswith(f"has registered `{other}`; registered: {own}")


@pytest.mark.parametrize("kind", ["vector_search", "feature_search"])
def test_a_short_form_over_a_collection_that_is_not_there_names_it(
    live: Live, products: str, kind: str
):
    missing = products[:-1] + "z" * 3
    body = {
        "retriever_name": a_name("lost"), "collection_identifiers": [missing],
        "stages": [{"type": kind}],
    }  # fmt: skip
    error = live.refused("POST", "/v1/retrievers", body)
    assert error["message"].startswith(f"collection `{missing}` does not exist")
    assert error["details"]["validation_errors"][0]["path"] == "$.collection_identifiers"
    assert "did you mean `" in error["hint"]


def test_field_searches_alone_and_learning_from_one_search_are_warned_of(live: Live, products: str):
    def warned(*searches: Any, **parameters: Any) -> list[str]:
        body = {
            "retriever_name": a_name("warned"), "collection_identifiers": [products],
            "stages": [a_stage(list(searches), **parameters)],
        }  # fmt: skip
        made = live.ok("POST", "/v1/retrievers", body)
        if not parameters and len(searches) == 1:
            found = execute(live, made["retriever_id"])["documents"]
            assert bool(found) == (not made["warnings"])
        return made["warnings"]

    assert warned(a_search(TEXT)) == []
    assert warned(a_search(TEXT), a_search(POPULARITY), fusion="learned") == []
    assert "add a lexical or dense search" in warned(a_search(POPULARITY))[0]
    assert "nothing to learn" in warned(a_search(TEXT), fusion="learned")[0]


def test_inputs_that_came_are_named_when_one_is_missing(live: Live, products: str):
    retriever = make_retriever(live, products)
    path = f"/v1/retrievers/{retriever}/execute"
    error = live.refused("POST", path, {"inputs": {"qurey": "wireless"}})
    assert error["code"] == "missing_input"
    assert error["hint"].endswith("inputs has: qurey")
    assert live.refused("POST", path, {})["hint"].endswith("inputs is empty")
