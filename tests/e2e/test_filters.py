"""Every operator of a filter through HTTP: its name, its `$` name, its negation, with and without
case, on nested fields and on lists. What an operator means in full is in tests/core.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from desireline.core.filters import _ALIASES, OPERATORS
from tests.e2e.live import Live, a_filter, a_stage, execute, ids, make_collection, make_retriever

SHELF = [
    {"document_id": "a", "brand": "Acme", "price": 10, "tags": ["new", "sale"],
     "maker": {"country": "AT", "people": [{"name": "Ann"}, {"name": "Bo"}]},
     "made": "2026-01-01T00:00:00Z", "title": "red camera with zoom"},
    {"document_id": "b", "brand": "ACME", "price": 20, "tags": ["new"],
     "maker": {"country": "DE", "people": [{"name": "Cy"}]},
     "made": "2026-02-01T00:00:00Z", "title": "camera bag red"},
    {"document_id": "c", "brand": "Bolt", "price": 30, "tags": [],
     "maker": {"country": "AT"}, "made": "2026-03-01T00:00:00Z", "title": "blue camera"},
    {"document_id": "d", "brand": None, "maker": {"people": []}, "title": "tripod"},
]  # fmt: skip
EVERY = "abcd"


class Case(NamedTuple):
    """One condition, the documents it keeps, and those another value of it keeps."""

    operator: str
    field: str
    value: Any
    keeps: str
    other: Any
    other_keeps: str


CASES = [
    Case("eq", "brand", "Acme", "a", "Bolt", "c"),
    Case("eq", "maker.country", "AT", "ac", "DE", "b"),
    Case("eq", "maker.people.name", "Bo", "a", "Cy", "b"),
    Case("eq", "tags", "new", "ab", "sale", "a"),
    Case("ne", "brand", "Acme", "bcd", "Bolt", "abd"),
    Case("gt", "price", 10, "bc", 20, "c"),
    Case("gt", "made", "2026-01-01T00:00:00Z", "bc", "2026-02-01T01:00:00+01:00", "c"),
    Case("gte", "price", 20, "bc", 30, "c"),
    Case("lt", "price", 30, "ab", 20, "a"),
    Case("lte", "price", 20, "ab", 30, "abc"),
    Case("in", "brand", ["Acme", "Bolt"], "ac", [], ""),
    Case("nin", "brand", ["Acme", "Bolt"], "bd", [], EVERY),
    Case("nin", "document_id", ["a", *(f"x{n}" for n in range(999))], "bcd",
         ["a", "b", *(f"x{n}" for n in range(998))], "cd"),
    Case("contains", "title", "camera", "abc", "bag", "b"),
    Case("contains", "tags", "sale", "a", "new", "ab"),
    Case("starts_with", "title", "red", "a", "camera", "b"),
    Case("ends_with", "title", "red", "b", "camera", "c"),
    Case("regex", "title", "^(red|blue) c", "ac", "bag", "b"),
    Case("exists", "price", True, "abc", False, "d"),
    Case("exists", "maker.people", True, "ab", False, "cd"),
    Case("is_null", "brand", True, "d", False, "abc"),
    Case("text", "title", "red camera", "ab", "camera blue", "c"),
    Case("phrase", "title", "red camera", "a", "camera bag", "b"),
    Case("words", "title", ["bag", "zoom"], "ab", ["tripod"], "d"),
]  # fmt: skip
GEO = ("geo_radius", "geo_bounding_box", "geo_polygon")
SIGNS = {name: sign for sign, name in _ALIASES.items()}


@pytest.fixture(scope="module")
def shelf(live: Live) -> str:
    """A listing of whatever the request's filter keeps."""
    features = [{"feature_uri": "own://title", "kind": "lexical", "fields": ["title"]}]
    collection = make_collection(live, SHELF, features)
    return make_retriever(live, collection, a_filter({"document_id": {"exists": True}}))


def kept(live: Live, retriever: str, filters: Any) -> str:
    return "".join(ids(execute(live, retriever, filters=filters)))


def named(case: Case) -> str:
    return f"{case.operator} {case.field}"


def without(keeps: str) -> str:
    return "".join(sorted(set(EVERY) - set(keeps)))


def test_no_operator_is_without_a_case():
    assert {case.operator for case in CASES} == set(OPERATORS) - set(GEO)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_an_operator_keeps_what_it_says_and_its_value_matters(live: Live, shelf: str, case: Case):
    for value, keeps in ((case.value, case.keeps), (case.other, case.other_keeps)):
        leaf = {"field": case.field, "operator": case.operator, "value": value}
        forms = [leaf, {case.field: {case.operator: value}}]
        if case.operator in SIGNS:
            forms += [{case.field: {SIGNS[case.operator]: value}},
                      leaf | {"operator": SIGNS[case.operator]}]  # fmt: skip
        assert {kept(live, shelf, form) for form in forms} == {keeps}
    assert case.keeps != case.other_keeps


@pytest.mark.parametrize("case", CASES, ids=named)
def test_its_negation_keeps_all_the_others(live: Live, shelf: str, case: Case):
    leaf = {case.field: {case.operator: case.value}}
    forms = [{"NOT": leaf}, {"NOT": [leaf]}, {"$not": leaf}, {"$not": [leaf]}]
    if case.operator in SIGNS:
        forms.append({case.field: {"$not": {SIGNS[case.operator]: case.value}}})
    assert {kept(live, shelf, form) for form in forms} == {without(case.keeps)}


FOLDED = [
    ("eq", "acme", "", "ab"),
    ("ne", "acme", EVERY, "cd"),
    ("in", ["acme"], "", "ab"),
    ("nin", ["acme"], EVERY, "cd"),
    ("contains", "cm", "a", "ab"),
    ("starts_with", "ac", "", "ab"),
    ("ends_with", "ME", "b", "ab"),
    ("regex", "^ac", "", "ab"),
]


@pytest.mark.parametrize(("operator", "value", "exact", "folded"), FOLDED)
def test_case_is_ignored_when_asked_to(
    live: Live, shelf: str, operator: str, value: Any, exact: str, folded: str
):
    leaf = {"field": "brand", "operator": operator, "value": value}
    assert kept(live, shelf, leaf) == exact
    assert kept(live, shelf, leaf | {"case_insensitive": True}) == folded
    assert kept(live, shelf, {"AND": [leaf], "case_sensitive": False}) == folded


def test_case_is_ignored_by_a_whole_stage(live: Live, shelf: str):
    collection = live.ok("GET", f"/v1/retrievers/{shelf}")["collection_identifiers"]
    for fold, found in ((False, ""), (True, "ab")):
        stage = a_filter({"brand": "acme"}, case_insensitive=fold)
        assert "".join(ids(execute(live, make_retriever(live, collection, stage)))) == found


def test_trees_join_native_short_and_signed_forms(live: Live, shelf: str):
    red = {"title": {"text": "red"}}
    cheap = {"price": {"$lt": 15}}
    tripod = {"field": "title", "operator": "contains", "value": "tripod"}
    assert kept(live, shelf, {"AND": [red, cheap]}) == "a"
    assert kept(live, shelf, {"$and": [red, cheap]}) == "a"
    assert kept(live, shelf, {"OR": [cheap, tripod]}) == "ad"
    assert kept(live, shelf, {"$or": [cheap, tripod]}) == "ad"
    assert kept(live, shelf, {"OR": [{"AND": [red, {"NOT": cheap}]}, tripod]}) == "bd"
    assert kept(live, shelf, {"brand": "Acme", "price": {"gte": 5, "$lte": 15}}) == "a"
    assert kept(live, shelf, {"brand": None}) == "d"


@pytest.mark.parametrize("operator", GEO)
def test_geo_operators_are_refused_by_name(live: Live, shelf: str, operator: str):
    body = {"inputs": {}, "filters": {"place": {operator: {"lat": 1, "lon": 2}}}}
    error = live.refused("POST", f"/v1/retrievers/{shelf}/execute", body)
    assert (error["status"], error["code"]) == (422, "not_available")
    assert operator in error["message"]


def test_an_operator_does_the_same_before_a_search(live: Live, shelf: str):
    collection = live.ok("GET", f"/v1/retrievers/{shelf}")["collection_identifiers"]
    search = a_stage([{"feature_uri": "own://title"}], final_top_k=100)
    retriever = make_retriever(live, collection, search)
    for case in CASES:
        answer = execute(live, retriever, "red camera bag blue zoom tripod with",
                         filters={case.field: {case.operator: case.value}})  # fmt: skip
        assert "".join(sorted(ids(answer))) == case.keeps, case
