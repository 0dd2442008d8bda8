"""Filters: every form and operator, the law of their meaning, and what hostile ones get."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core import patterns
from desireline.core.filters import (
    MAX_DEPTH,
    OPERATORS,
    fields_of,
    fill,
    leaves,
    matches,
    parse,
    to_json,
    to_native,
)
from desireline.core.templates import render
from desireline.errors import Invalid, NotAvailable
from desireline.types.retriever import And, Filter, Not, Or

CAMERA = {
    "document_id": "c1",
    "collection_id": "col",
    "score": 0.8,
    "title": "Red Camera with Zoom",
    "brand": "Acme",
    "price": 90,
    "rating": 4.5,
    "sold": True,
    "tags": ["red", "new"],
    "empty": [],
    "nothing": None,
    "seen": "2024-05-01T12:00:00Z",
    "sizes": [1, 5, 9],
    "maker": {"country": "AT", "people": [{"name": "Ann"}, {"name": "Bo"}]},
}


@pytest.mark.parametrize(
    ("sent", "holds"),
    [
        ({}, True),
        (None, True),
        ({"brand": "Acme"}, True),
        ({"brand": "acme"}, False),
        ({"brand": "Acme", "price": 1}, False),
        ({"field": "brand", "value": "Acme"}, True),
        ({"field": "brand", "operator": "ne", "value": "Acme"}, False),
        ({"unknown": {"$ne": "x"}}, True),
        ({"tags": "new"}, True),
        ({"tags": {"ne": "new"}}, False),
        ({"price": 90.0}, True),
        ({"price": "90"}, False),
        ({"sold": True}, True),
        ({"sold": 1}, False),
        ({"price": True}, False),
        ({"price": {"gt": 89, "lte": 90}}, True),
        ({"price": {"$gte": 91}}, False),
        ({"sizes": {"gt": 8}}, True),
        ({"sizes": {"gt": 9}}, False),
        ({"brand": {"gt": 1}}, False),
        ({"sold": {"gte": 0}}, False),
        ({"unknown": {"lt": 1e9}}, False),
        ({"seen": {"gte": "2024-05-01"}}, True),
        ({"seen": {"lt": "2024-05-01T13:00:00+02:00"}}, False),
        ({"brand": {"lt": "2024-05-01"}}, False),
        ({"price": {"lt": "2024-05-01"}}, False),
        ({"brand": {"in": ["x", "Acme"]}}, True),
        ({"brand": {"in": []}}, False),
        ({"brand": {"$nin": []}}, True),
        ({"tags": {"nin": ["old", "new"]}}, False),
        ({"unknown": {"nin": ["x"]}}, True),
        ({"tags": {"contains": "red"}}, True),
        ({"tags": {"contains": "re"}}, False),
        ({"title": {"contains": "Cam"}}, True),
        ({"title": {"contains": "cam"}}, False),
        ({"sizes": {"contains": 5}}, True),
        ({"title": {"starts_with": "Red"}}, True),
        ({"title": {"ends_with": "Zoom"}}, True),
        ({"title": {"ends_with": "zoom"}}, False),
        (
            {"field": "title", "operator": "ends_with", "value": "zoom", "case_insensitive": True},
            True,
        ),
        ({"title": {"regex": "^Red .*Zoom$"}}, True),
        ({"title": {"$regex": "red"}}, False),
        ({"brand": {"exists": True}}, True),
        ({"empty": {"exists": True}}, False),
        ({"nothing": {"exists": True}}, False),
        ({"unknown": {"$exists": False}}, True),
        ({"nothing": {"is_null": True}}, True),
        ({"unknown": None}, True),
        ({"brand": {"ne": None}}, True),
        ({"title": {"text": "zoom RED"}}, True),
        ({"title": {"text": "zoom blue"}}, False),
        ({"title": {"phrase": "camera with"}}, True),
        ({"title": {"phrase": "camera zoom"}}, False),
        ({"title": {"words": "blue zoom"}}, True),
        ({"title": {"words": ["blue", "green"]}}, False),
        ({"maker.country": "AT"}, True),
        ({"maker.people.name": "Bo"}, True),
        ({"maker.people.name": {"in": ["Cy"]}}, False),
        ({"brand.deeper": "x"}, False),
        ({"document_id": {"$nin": ["c1"]}}, False),
        ({"collection_id": "col", "score": {"gte": 0.5}}, True),
        ({"AND": []}, True),
        ({"OR": []}, False),
        ({"NOT": []}, True),
        ({"OR": [{"brand": "x"}, {"price": {"lt": 100}}]}, True),
        ({"NOT": {"brand": "x"}}, True),
        ({"NOT": [{"brand": "x"}, {"brand": "Acme"}]}, False),
        ({"$not": {"$or": [{"brand": "x"}, {"tags": "old"}]}}, True),
        ({"price": {"$not": {"$gt": 100}}}, True),
        ({"AND": [{"brand": "ACME"}], "case_sensitive": False}, True),
        ({"AND": [{"brand": "ACME"}], "case_sensitive": True}, False),
        ({"$and": [{"brand": {"in": ["acme"]}}], "case_sensitive": False, "price": 90}, True),
    ],
)
def test_the_meaning_of_every_form(sent, holds):
    assert matches(CAMERA, parse(sent)) is holds


@pytest.mark.parametrize(
    ("sent", "path", "code"),
    [
        ([], "$", "invalid_filter"),
        ("brand = x", "$", "invalid_filter"),
        ({"AND": {}}, "$.AND", "invalid_filter"),
        ({"AND": [1]}, "$.AND[0]", "invalid_filter"),
        ({"OR": "x"}, "$.OR", "invalid_filter"),
        ({"NOT": None}, "$.NOT", "invalid_filter"),
        ({"$nor": []}, "$.$nor", "unknown_operator"),
        ({"price": {"gtee": 1}}, "$.price.gtee", "unknown_operator"),
        ({"price": {"$where": "1"}}, "$.price.$where", "unknown_operator"),
        ({"AND": [{"a": 1}, {"price": {"$lte": "x"}}]}, "$.AND[1].price.$lte", "invalid_time"),
        ({"field": "a", "operator": "like", "value": 1}, "$.operator", "unknown_operator"),
        ({"field": "a", "operator": None, "value": 1}, "$.operator", "unknown_operator"),
        ({"field": "a", "operator": ["eq"], "value": 1}, "$.operator", "unknown_operator"),
        ({"field": "a"}, "$", "invalid_filter"),
        ({"field": "a", "values": [1]}, "$.values", "unknown_field"),
        ({"field": "a", "value": 1, "AND": []}, "$.AND", "unknown_field"),
        ({"field": 7, "value": 1}, "$.field", "invalid_filter"),
        ({"field": "", "value": 1}, "$.field", "invalid_filter"),
        ({"a..b": 1}, "$.a..b", "invalid_filter"),
        ({"": 1}, "$.", "invalid_filter"),
        ({"a" * 300: 1}, "$." + "a" * 300, "invalid_filter"),
        ({"a": [1]}, "$.a", "invalid_filter"),
        ({"a": {}}, "$.a", "invalid_filter"),
        ({"a": {"eq": [1]}}, "$.a.eq", "invalid_filter"),
        ({"a": {"eq": {"b": 1}}}, "$.a.eq", "invalid_filter"),
        ({"a": float("nan")}, "$.a", "invalid_filter"),
        ({"a": {"gt": float("inf")}}, "$.a.gt", "invalid_filter"),
        ({"a": {"gt": True}}, "$.a.gt", "invalid_filter"),
        ({"a": {"gt": None}}, "$.a.gt", "invalid_filter"),
        ({"a": {"in": "x"}}, "$.a.in", "invalid_filter"),
        ({"a": {"in": [[1]]}}, "$.a.in[0]", "invalid_filter"),
        ({"a": {"nin": [1, None]}}, "$.a.nin[1]", "invalid_filter"),
        ({"a": {"in": [float("nan")]}}, "$.a.in[0]", "invalid_filter"),
        ({"a": {"in": [0] * 10_001}}, "$.a.in", "invalid_filter"),
        ({"a": {"exists": 1}}, "$.a.exists", "invalid_filter"),
        ({"a": {"text": "  "}}, "$.a.text", "invalid_filter"),
        ({"a": {"starts_with": ""}}, "$.a.starts_with", "invalid_filter"),
        ({"a": {"regex": "("}}, "$.a.regex", "invalid_regex"),
        ({"a": {"regex": "a" * 300}}, "$.a.regex", "invalid_regex"),
        ({"a": "x" * 10_001}, "$.a", "invalid_filter"),
        ({"AND": [], "case_sensitive": "no"}, "$.case_sensitive", "invalid_filter"),
        ({"OR": [{"a": 1}] * 1_001}, "$.OR[1000].a", "invalid_filter"),
        ({3: 1}, "$.3", "unknown_operator"),
    ],
)
def test_hostile_filters_are_refused_with_path_and_code(sent, path, code):
    with pytest.raises(Invalid) as caught:
        parse(sent)
    assert (caught.value.fields[0].path, caught.value.code) == (path, code)


def test_an_unknown_operator_names_the_nearest_one():
    with pytest.raises(Invalid) as caught:
        parse({"title": {"start_with": "x"}}, "$.pre_filters")
    assert "'starts_with'" in caught.value.hint
    assert caught.value.fields[0].path == "$.pre_filters.title.start_with"


@pytest.mark.parametrize("name", ["geo_radius", "geo_bounding_box", "geo_polygon"])
def test_geo_operators_are_refused_by_name(name):
    with pytest.raises(NotAvailable) as caught:
        parse({"place": {name: {"lat": 1, "lon": 2}}})
    assert name in caught.value.message
    assert caught.value.fields[0].path == f"$.place.{name}"


def nested(depth, key="NOT"):
    tree = {"a": 1}
    for _ in range(depth):
        tree = {key: tree} if key == "NOT" else {key: [tree]}
    return tree


@pytest.mark.parametrize("key", ["NOT", "AND", "$or"])
def test_depth_has_a_limit_and_no_stack_overflow(key):
    parse(nested(MAX_DEPTH - 1, key))
    for depth in (MAX_DEPTH, 900):
        with pytest.raises(Invalid) as caught:
            parse(nested(depth, key))
        assert caught.value.code == "filter_too_deep"
    inner = {"eq": 1}
    for _ in range(100):
        inner = {"$not": inner}
    with pytest.raises(Invalid, match="levels"):
        parse({"a": inner})


def test_a_thousand_excluded_ids_are_fine():
    tree = parse({"document_id": {"$nin": [f"d{n}" for n in range(1_000)]}})
    assert matches(CAMERA, tree)
    assert not matches({"document_id": "d999"}, tree)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*b", "(a*)*", "a*a*a*b", "(?=a)a", "(a)\\1", "(a|b|ab){1,40}", "((a?){9}){9}",
     "a{1,200}a{1,200}a{1,200}", "(a|a|a|a|a|a|a|a|a|a){4}x", "a{0,99}a{0,99}b",
     "(?<=x)y", "(" * 200, "a{99999999999999}", "[", "(?P<x>"],
)  # fmt: skip
def test_patterns_that_could_run_for_ever_are_refused(pattern):
    with pytest.raises(Invalid) as caught:
        patterns.check(pattern)
    assert caught.value.code == "invalid_regex"


@pytest.mark.parametrize(
    "pattern",
    [
        "^B0[0-9A-Z]{8}$",
        ".*foo.*",
        "^(red|blue) shoe",
        r"\d{1,4}-\d{1,4}",
        "colou?r",
        "(?i)abc+",
        ".*",
    ],
)
def test_usual_patterns_are_accepted_and_end_quickly(pattern):
    patterns.check(pattern)
    begin = time.perf_counter()
    for text in ("a" * 5_000, "B0" * 2_000, "foo" * 2_000):
        patterns.found(pattern, text, folded=True)
    assert time.perf_counter() - begin < 1


scalars = st.text(max_size=3) | st.integers(-5, 5) | st.booleans()
fields = st.sampled_from(["brand", "maker.country", "tags", "document_id", "AND", "field"])
leaf_trees = st.one_of(
    st.builds(Filter, fields, st.sampled_from(["eq", "ne", "contains"]), scalars, st.booleans()),
    st.builds(Filter, fields, st.sampled_from(["in", "nin"]), st.lists(scalars, max_size=3)),
    st.builds(Filter, fields, st.sampled_from(["gt", "gte", "lt", "lte"]), st.integers(-5, 5)),
    st.builds(Filter, fields, st.sampled_from(["exists", "is_null"]), st.booleans()),
)
trees = st.recursive(
    leaf_trees,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)
documents = st.fixed_dictionaries(
    {"document_id": st.text(max_size=2)},
    optional={
        "brand": scalars | st.none(),
        "tags": st.lists(scalars, max_size=3),
        "maker": st.fixed_dictionaries({"country": scalars}),
    },
)


@given(trees)
def test_native_json_goes_round(tree):
    assert parse(to_native(tree)) == tree
    assert to_json(parse(to_native(tree))) == to_json(tree)
    assert fields_of(tree) == {leaf.field for leaf in leaves(tree)}


@given(trees, trees, documents)
def test_the_laws_of_logic_hold(one, other, document):
    first, second = matches(document, one), matches(document, other)
    assert matches(document, And((one, other))) == (first and second)
    assert matches(document, Or((one, other))) == (first or second)
    assert matches(document, Not(one)) == (not first)
    assert matches(document, Not(And((one, other)))) == matches(
        document, Or((Not(one), Not(other)))
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*OPERATORS, "$in", "$not", "AND", "OR", "NOT", "field", "value", "a", ""]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)


@given(json_values, documents)
def test_any_json_is_a_filter_or_a_clear_refusal(sent, document):
    refusal = None
    try:
        assert matches(document, parse(sent)) in (True, False)
    except Invalid as error:
        refusal = error
    assert refusal is None or (refusal.fields[0].path.startswith("$") and refusal.message)


def test_templates_stand_in_for_values_and_missing_inputs_drop_their_leaf():
    sent = {
        "price": {"lte": "{{INPUT.most}}", "gte": "{{INPUT.least}}"},
        "brand": {"in": ["{{INPUT.brand}}", "x"]},
    }
    tree = parse(sent, templates=True)
    filled, dropped = fill(tree, lambda text: render(text, {"most": 9, "brand": "b"}))
    assert dropped == ["price"]
    assert [leaf.value for leaf in leaves(filled)] == [9, ["b", "x"]]
    with pytest.raises(Invalid, match="a number or a time"):
        fill(tree, lambda text: render(text, {"most": [1], "least": 1, "brand": "b"}))
    with pytest.raises(Invalid):
        parse(sent)


def test_when_every_leaf_is_dropped_nothing_is_restricted():
    tree = parse({"NOT": {"OR": [{"a": "{{INPUT.x}}"}]}}, templates=True)
    filled, dropped = fill(tree, lambda text: render(text, {}))
    assert (filled, dropped) == (And(()), ["a"])
