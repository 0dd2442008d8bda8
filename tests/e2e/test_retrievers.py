"""What a retriever promises, through HTTP alone: definitions, rankings, filters, degradations."""

from __future__ import annotations

import re
from collections.abc import Callable
from statistics import mean, stdev
from typing import Any

import pytest

from tests.e2e.live import (
    FEATURES,
    IMAGE,
    OWN,
    POPULARITY,
    TEXT,
    Live,
    a_document,
    a_filter,
    a_name,
    a_search,
    a_stage,
    execute,
    ids,
    make_collection,
    make_retriever,
)

DOCUMENTS = [a_document(number) for number in range(30)]
# Some fields are not there everywhere; some texts differ in case.
for _number, _document in enumerate(DOCUMENTS):
    if _number % 5 == 0:
        _document["stock"] = None if _number % 10 == 0 else _number
    _document["brand"] = ("Acme", "acme tools", "Zeta")[_number % 3]
    _document["tags"] = ["new", "sale"][: _number % 3]
    _document["made_at"] = f"2026-01-{_number + 1:02d}T00:00:00Z"


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live, DOCUMENTS)


def parameters_of(retriever: Any, place: int = 0) -> Any:
    return retriever["stages"][place]["config"]["parameters"]


def patch(live: Live, retriever: str, *stages: Any) -> Any:
    return live.ok("PATCH", f"/v1/retrievers/{retriever}", {"stages": list(stages)})["retriever"]


def partial(**parameters: Any) -> Any:
    """A stage without `searches`."""
    return {"config": {"stage_id": "feature_search", "parameters": parameters}}


# Definitions.


def test_a_stage_without_searches_is_merged_by_name(live: Live, products: str):
    weighted = a_stage([a_search(weight=0.6), a_search(IMAGE, weight=0.4)], fusion="weighted",
                       final_top_k=7, hard_timeout_ms=900)  # fmt: skip
    retriever = make_retriever(live, products, a_filter({"price": {"gte": 3}}), weighted)
    before = live.ok("GET", f"/v1/retrievers/{retriever}")
    after = patch(live, retriever, partial(fusion="learned", learning_config={"rollout_pct": 10}))
    assert (after["version"], after["fusion"]) == (2, "learned")
    assert after["stages"][0] == before["stages"][0]
    changed = parameters_of(after, 1)
    assert changed["searches"] == parameters_of(before, 1)["searches"]
    assert (changed["final_top_k"], changed["hard_timeout_ms"]) == (7, 900)
    assert changed["learning_config"]["rollout_pct"] == 10
    again = patch(live, retriever, partial(learning_config={"shadow_mode": True}))
    assert parameters_of(again, 1)["learning_config"]["rollout_pct"] == 10
    assert parameters_of(again, 1)["learning_config"]["shadow_mode"] is True
    without = patch(live, retriever, partial(hard_timeout_ms=None))
    assert "hard_timeout_ms" not in parameters_of(without, 1)


def test_a_full_stage_replaces_the_whole_list(live: Live, products: str):
    retriever = make_retriever(live, products, a_filter({"price": {"gte": 3}}), a_stage())
    after = patch(live, retriever, a_stage([a_search(IMAGE)]))
    assert [stage["config"]["stage_id"] for stage in after["stages"]] == ["feature_search"]
    assert after["feature_dependencies"] == [IMAGE]


def test_a_merge_needs_the_stage_it_names(live: Live, products: str):
    retriever = make_retriever(live, products)
    stage = partial(fusion="max") | {"stage_name": "feature_serch"}
    error = live.refused("PATCH", f"/v1/retrievers/{retriever}", {"stages": [stage]})
    assert (error["status"], error["code"]) == (422, "unknown_stage")
    assert "feature_search" in error["hint"]


@pytest.mark.parametrize(
    ("before", "config", "kept"),
    [
        ({"fusion": "max"}, {}, {"fusion": "max", "weights": {}}),
        ({"fusion": "weighted", "weights": [0.9, 0.1]}, {},
         {"fusion": "weighted", "weights": {TEXT: 0.9, IMAGE: 0.1}}),
        ({"fusion": "weighted"}, {"static_fusion": {"fusion": "dbsf"}},
         {"fusion": "dbsf", "weights": {}}),
        ({}, {}, {"fusion": "rrf", "weights": {}}),
    ],
)  # fmt: skip
def test_turning_learned_keeps_the_baseline(
    live: Live, products: str, before: Any, config: Any, kept: Any
):
    retriever = make_retriever(live, products, a_stage(**before))
    static = ids(execute(live, retriever))
    full = a_stage(fusion="learned", **({"learning_config": config} if config else {}))
    after = patch(live, retriever, full)
    assert parameters_of(after)["learning_config"]["static_fusion"] == kept
    if not config:
        assert ids(execute(live, retriever)) == static
    again = patch(live, retriever, partial(learning_config={"min_interactions": 9}))
    assert parameters_of(again)["learning_config"]["static_fusion"] == kept


def test_versions_are_kept_newest_first(live: Live, products: str):
    retriever = make_retriever(live, products)
    patch(live, retriever, a_stage(final_top_k=3))
    live.ok("PATCH", f"/v1/retrievers/{retriever}", {"description": "third"})
    versions = live.ok("GET", f"/v1/retrievers/{retriever}/versions")["results"]
    assert [each["version"] for each in versions] == [3, 2, 1]
    assert parameters_of(versions[0])["final_top_k"] == 3
    assert "final_top_k" not in parameters_of(versions[2])
    assert [each["description"] for each in versions] == ["third", "", ""]
    assert all(each["fusion"] == "rrf" for each in versions)


def test_a_patch_that_changes_nothing_makes_no_version(live: Live, products: str):
    stage = a_stage(fusion="learned", learning_config={"rollout_pct": 10, "salt": "a"})
    retriever = make_retriever(live, products, a_filter({"price": 3}), stage, tags=["a"])
    before = live.ok("GET", f"/v1/retrievers/{retriever}")
    for body in (
        {}, {"tags": ["a"]}, {"retriever_name": before["retriever_name"]},
        {"stages": before["stages"]}, {"stages": [partial(learning_config={"rollout_pct": 10})]},
    ):  # fmt: skip
        assert live.ok("PATCH", f"/v1/retrievers/{retriever}", body)["retriever"] == before
    assert (
        live.ok("PATCH", f"/v1/retrievers/{retriever}", {"tags": []})["retriever"]["version"] == 2
    )


def test_names_are_unique_and_free_again_after_deletion(live: Live, products: str):
    name = a_name("unique")
    body = {"retriever_name": name, "stages": [a_stage()]}
    first = live.ok("POST", "/v1/retrievers", body)["retriever_id"]
    assert live.refused("POST", "/v1/retrievers", body)["code"] == "retriever_name_taken"
    other = make_retriever(live, products)
    renamed = {"retriever_name": name}
    assert live.refused("PATCH", f"/v1/retrievers/{other}", renamed)["status"] == 409
    live.ok("DELETE", f"/v1/retrievers/{name}")
    assert live.refused("POST", f"/v1/retrievers/{first}/execute", {})["status"] == 404
    assert live.ok("POST", "/v1/retrievers", body)["retriever_id"] != first


# Rankings.


def raw(document: Any) -> dict[str, float | None]:
    return {part["feature_uri"]: part["raw_score"] for part in document["attribution"]}


def test_weighted_scores_are_exact_and_repeat_byte_for_byte(live: Live, products: str):
    searches = [a_search(weight=0.6), a_search(IMAGE, weight=0.4)]
    retriever = make_retriever(live, products, a_stage(searches, fusion="weighted"))
    first, second = (execute(live, retriever) for _ in range(2))
    assert first["documents"] == second["documents"]
    assert len(first["documents"]) == 25
    for document in first["documents"]:
        scores = raw(document)
        wanted = 0.6 * (scores[TEXT] or 0) + 0.4 * (scores[IMAGE] or 0)
        assert document["score"] == pytest.approx(wanted, rel=1e-6)  # scores of 32 bits
        parts = document["attribution"]
        assert [part["weight"] for part in parts] == [0.6, 0.4]
        assert sum(part["contribution"] for part in parts) == pytest.approx(document["score"])
    order = [(-document["score"], document["document_id"]) for document in first["documents"]]
    assert order == sorted(order)
    assert [d["position"] for d in first["documents"]] == list(range(25))


def listed(live: Live, collection: str, uri: str) -> dict[str, float]:
    """What one search alone returns: raw score by document."""
    retriever = make_retriever(live, collection, a_stage([a_search(uri)], final_top_k=100))
    answer = execute(live, retriever)
    return {document["document_id"]: raw(document)[uri] for document in answer["documents"]}


def by_rrf(runs: list[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for run in runs:
        ranked = sorted(run, key=lambda i: (-run[i], i))
        for place, document_id in enumerate(ranked):
            found[document_id] = found.get(document_id, 0) + 1 / (60 + place + 1)
    return found


def by_dbsf(runs: list[dict[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for run in runs:
        middle, sd = mean(run.values()), stdev(run.values())
        for document_id, score in run.items():
            place = min(1.0, max(0.0, (score - middle + 3 * sd) / (6 * sd)))
            found[document_id] = found.get(document_id, 0) + place
    return found


def by_sum(runs: list[dict[str, float]]) -> dict[str, float]:
    return {i: sum(run.get(i, 0) for run in runs) for i in {i for run in runs for i in run}}


def by_max(runs: list[dict[str, float]]) -> dict[str, float]:
    union = {i for run in runs for i in run}
    return {i: max(run[i] for run in runs if i in run) for i in union}


@pytest.mark.parametrize(
    ("fusion", "formula"),
    [("rrf", by_rrf), ("dbsf", by_dbsf), ("weighted", by_sum), ("max", by_max),
     ("learned", by_rrf)],
)  # fmt: skip
def test_every_fusion_orders_by_its_formula(
    live: Live, products: str, fusion: str, formula: Callable[[Any], dict[str, float]]
):
    runs = [listed(live, products, uri) for uri in (TEXT, IMAGE)]
    wanted = formula(runs)
    retriever = make_retriever(live, products, a_stage(fusion=fusion, final_top_k=100))
    answer = execute(live, retriever)
    assert {d["document_id"]: pytest.approx(d["score"], rel=1e-5) for d in answer["documents"]} == (
        wanted
    )
    # Scores of 32 bits: neighbours that differ by less than that may stand either way.
    scores = [wanted[document_id] for document_id in ids(answer)]
    assert scores == pytest.approx(sorted(scores, reverse=True), rel=1e-5)
    assert answer["pagination"]["total"] == len(wanted)


def test_a_field_search_ranks_what_the_others_found(live: Live, products: str):
    searches = [a_search(), a_search(POPULARITY, weight=0.5)]
    retriever = make_retriever(live, products, a_stage(searches, fusion="weighted"))
    answer = execute(live, retriever, "model3 model4 model5")
    assert set(ids(answer)) == {"d03", "d04", "d05"}
    for document in answer["documents"]:
        assert raw(document)[POPULARITY] == document["popularity"]
    alone = make_retriever(live, products, a_stage([a_search(POPULARITY)]))
    assert ids(execute(live, alone)) == []


def test_vectors_of_the_caller_are_searched(live: Live, products: str):
    vector = DOCUMENTS[11]["_vectors"][OWN]
    for query in (vector, {"input_mode": "vector", "value": vector}, "{{INPUT.embedding}}"):
        search = a_search(OWN, query=query, top_k=5)
        retriever = make_retriever(live, products, a_stage([search]))
        answer = execute(live, retriever, inputs={"embedding": vector})
        assert ids(answer)[0] == "d11"
        assert raw(answer["documents"][0])[OWN] == pytest.approx(1, abs=1e-5)
    wrong = {"inputs": {"embedding": [1.0, 2.0]}}
    error = live.refused("POST", f"/v1/retrievers/{retriever}/execute", wrong)
    assert error["code"] == "wrong_dimension"
    assert "8" in error["message"]


def test_top_k_min_score_and_limit_cut(live: Live, products: str):
    few = make_retriever(live, products, a_stage([a_search(top_k=4)]))
    assert len(ids(execute(live, few))) == 4
    scores = sorted(listed(live, products, TEXT).values())
    least = (scores[10] + scores[-1]) / 2
    high = make_retriever(live, products, a_stage([a_search(min_score=least)]))
    answer = execute(live, high)
    assert 0 < len(ids(answer)) < 30
    assert all(d["score"] == raw(d)[TEXT] >= least for d in answer["documents"])
    retriever = make_retriever(live, products, a_stage(final_top_k=20))
    page = execute(live, retriever, limit=3)
    assert (len(page["documents"]), page["pagination"]["total"]) == (3, 20)
    assert page["pagination"]["has_next"] is True
    assert ids(page) == ids(execute(live, retriever))[:3]


def test_several_collections_are_one_list(live: Live, products: str):
    other = make_collection(live, [a_document(n, document_id=f"other{n}") for n in range(5)])
    retriever = make_retriever(live, [products, other], a_stage(final_top_k=100))
    answer = execute(live, retriever)
    assert len(answer["documents"]) == 35
    homes = {d["collection_id"] for d in answer["documents"]}
    assert len(homes) == 2
    named = live.ok("GET", f"/v1/collections/{other}")["collection_id"]
    assert named in homes
    only = execute(live, retriever, filters={"collection_id": named})
    assert {d[:5] for d in ids(only)} == {"other"}
    one = make_retriever(
        live, [products, other], a_stage([a_search(collection_identifiers=[other])])
    )
    assert {d[:5] for d in ids(execute(live, one))} == {"other"}


# Filters.

CASES: list[tuple[Any, Callable[[Any], bool]]] = [
    ({"colour": "red"}, lambda d: d["colour"] == "red"),
    ({"colour": {"eq": "red"}, "price": {"lt": 9}},
     lambda d: d["colour"] == "red" and d["price"] < 9),
    ({"field": "colour", "operator": "ne", "value": "red"}, lambda d: d["colour"] != "red"),
    ({"price": {"gt": 5, "lte": 9}}, lambda d: 5 < d["price"] <= 9),
    ({"price": {"$gte": 5, "$lt": 9}}, lambda d: 5 <= d["price"] < 9),
    ({"colour": {"in": ["red", "blue"]}}, lambda d: d["colour"] in ("red", "blue")),
    ({"colour": {"$nin": ["red", "blue"]}}, lambda d: d["colour"] == "green"),
    ({"colour": {"nin": []}}, lambda _: True),
    ({"colour": {"in": []}}, lambda _: False),
    ({"tags": {"contains": "sale"}}, lambda d: "sale" in d["tags"]),
    ({"brand": {"starts_with": "Ac"}}, lambda d: d["brand"].startswith("Ac")),
    ({"brand": {"ends_with": "tools"}}, lambda d: d["brand"].endswith("tools")),
    ({"brand": {"$regex": "^[Aa]cme"}}, lambda d: bool(re.match("[Aa]cme", d["brand"]))),
    ({"stock": {"exists": True}}, lambda d: d.get("stock") is not None),
    ({"stock": {"$exists": False}}, lambda d: d.get("stock") is None),
    ({"stock": {"is_null": True}}, lambda d: d.get("stock") is None),
    ({"title": {"text": "model7 wireless"}}, lambda d: "model7" in d["title"]),
    ({"caption": {"phrase": "noise cancelling"}}, lambda d: "noise cancelling" in d["caption"]),
    ({"title": {"words": ["model7", "model8"]}}, lambda d: d["price"] in (7, 8)),
    ({"made_at": {"gte": "2026-01-20T00:00:00Z"}}, lambda d: d["price"] >= 19),
    ({"AND": [{"colour": "red"}, {"OR": [{"price": 0}, {"price": 3}]}]},
     lambda d: d["price"] in (0, 3)),
    ({"NOT": {"colour": "red"}}, lambda d: d["colour"] != "red"),
    ({"$or": [{"price": 1}, {"$not": {"price": {"$lt": 29}}}]}, lambda d: d["price"] in (1, 29)),
    ({"AND": [{"brand": "ACME"}], "case_sensitive": False}, lambda d: d["brand"] == "Acme"),
    ({"document_id": {"$nin": ["d00", "d01"]}}, lambda d: d["document_id"] not in ("d00", "d01")),
    ({"document_id": {"$nin": [f"d{n:02d}" for n in range(20)] + [f"x{n}" for n in range(980)]}},
     lambda d: d["price"] >= 20),
]  # fmt: skip


@pytest.fixture(scope="module")
def everything(live: Live, products: str) -> str:
    return make_retriever(live, products, a_stage(final_top_k=100))


@pytest.mark.parametrize(("conditions", "keeps"), CASES, ids=[str(case[0])[:50] for case in CASES])
def test_a_filter_means_the_same_wherever_it_stands(
    live: Live, products: str, everything: str, conditions: Any, keeps: Callable[[Any], bool]
):
    wanted = {d["document_id"] for d in DOCUMENTS if keeps(d)}
    places = {
        "request": execute(live, everything, filters=conditions),
        "before": _with(live, products, a_filter(conditions), a_stage(final_top_k=100)),
        "after": _with(live, products, a_stage(final_top_k=100), a_filter(conditions)),
        "pre_filters": _with(live, products, a_stage(final_top_k=100, pre_filters=conditions)),
        "search": _with(live, products, a_stage([a_search(filters=conditions)], final_top_k=100)),
        "alone": _with(live, products, a_filter(conditions), limit=100),
    }
    found = {place: set(ids(answer)) for place, answer in places.items()}
    assert found == dict.fromkeys(places, wanted)
    assert ids(places["alone"]) == sorted(wanted)
    assert {answer["pagination"]["total"] for answer in places.values()} == {len(wanted)}


def _with(live: Live, collection: str, *stages: Any, **body: Any) -> Any:
    return execute(live, make_retriever(live, collection, *stages), **body)


def test_filters_take_templates(live: Live, products: str):
    conditions = {"price": {"lt": "{{INPUT.most}}"}, "colour": "{{INPUT.colour}}"}
    retriever = make_retriever(live, products, a_filter(conditions), a_stage(final_top_k=100))
    both = execute(live, retriever, inputs={"most": 9, "colour": "red"})
    assert set(ids(both)) == {"d00", "d03", "d06"}
    assert both["interpretation"]["relaxations"] == []
    one = execute(live, retriever, inputs={"most": 2})
    assert set(ids(one)) == {"d00", "d01"}
    assert any("colour" in each for each in one["interpretation"]["relaxations"])
    body = {"inputs": {"query": "wireless", "most": {"a": 1}}}
    assert live.refused("POST", f"/v1/retrievers/{retriever}/execute", body)["status"] == 422


def test_a_score_is_filtered_on_after_the_search_only(live: Live, products: str, everything: str):
    scores = [d["score"] for d in execute(live, everything)["documents"]]
    least = scores[7]
    after = _with(live, products, a_stage(final_top_k=100), a_filter({"score": {"gte": least}}))
    assert len(ids(after)) == sum(score >= least for score in scores)
    body = {"inputs": {"query": "wireless"}, "filters": {"score": {"gte": least}}}
    error = live.refused("POST", f"/v1/retrievers/{everything}/execute", body)
    assert error["code"] == "wrong_place"


def test_what_is_asked_beyond_top_k_is_reported(live: Live, products: str):
    searches = [a_search(top_k=4), a_search(IMAGE, top_k=9)]
    capped = make_retriever(live, products, a_stage(searches, final_top_k=20))
    answer = execute(live, capped, limit=6)
    assert len(answer["documents"]) == 4
    row = {"applied": 4, "ceiling": 4, "stage": "feature_search"}
    assert answer["limits"] == [
        {"name": "final_top_k", "requested": 20, **row}, {"name": "limit", "requested": 6, **row}
    ]  # fmt: skip
    silent = make_retriever(live, products, a_stage(searches))
    assert execute(live, silent)["limits"] == []  # nobody asked for the default of 25
    assert execute(live, make_retriever(live, products), limit=20)["limits"] == []


# Degradations.


def test_an_unregistered_feature_degrades(live: Live, products: str):
    body = {
        "retriever_name": a_name("lame"), "collection_identifiers": [products],
        "stages": [a_stage([a_search(), a_search("mixpeek://video@v1/embedding")])],
    }  # fmt: skip
    made = live.ok("POST", "/v1/retrievers", body)
    assert any("mixpeek://video@v1/embedding" in each for each in made["warnings"])
    answer = execute(live, made["retriever_id"])
    assert answer["status"] == "degraded"
    assert answer["documents"]
    (lack,) = answer["degraded"]
    assert (lack["resource"], lack["id"]) == ("feature", "mixpeek://video@v1/embedding")
    assert TEXT in lack["next_step"]


def test_a_stage_out_of_time_answers_with_what_it_has(live: Live):
    uris = [f"desireline://copy{n}@v1/bm25" for n in range(10)]
    features = [{"feature_uri": uri, "kind": "lexical", "fields": ["title"]} for uri in uris]
    rows = [{"document_id": f"t{n}", "title": f"wireless earbuds {n}"} for n in range(1500)]
    collection = make_collection(live, rows, features)
    stage = a_stage([a_search(uri, top_k=5000) for uri in uris], hard_timeout_ms=1)
    answer = execute(live, make_retriever(live, collection, stage))
    assert answer["status"] == "degraded"
    assert answer["documents"]
    assert all("hard_timeout_ms" in each["next_step"] for each in answer["degraded"])


def test_an_empty_query_follows_on_empty(live: Live, products: str):
    searches = [a_search(), a_search(IMAGE, query="{{INPUT.image}}", on_empty="skip")]
    retriever = make_retriever(live, products, a_stage(searches))
    answer = execute(live, retriever)
    assert answer["documents"]
    assert any(IMAGE in each for each in answer["interpretation"]["relaxations"])
    error = live.refused("POST", f"/v1/retrievers/{retriever}/execute", {"inputs": {}})
    assert error["code"] == "missing_input"
    assert "inputs.query" in error["hint"]


def test_a_stage_may_be_skipped_on_error(live: Live, products: str):
    broken = a_filter({"price": {"lt": "{{INPUT.query}}"}}) | {"on_error": "skip"}
    answer = _with(live, products, broken, a_stage())
    assert answer["status"] == "degraded"
    assert answer["documents"]
    strict = make_retriever(live, products, broken | {"on_error": "error"}, a_stage())
    body = {"inputs": {"query": "wireless"}}
    assert live.refused("POST", f"/v1/retrievers/{strict}/execute", body)["status"] == 422
    stage = a_stage() | {"on_error": "skip"}
    empty = live.ok("POST", f"/v1/retrievers/{make_retriever(live, products, stage)}/execute", {})
    assert (empty["documents"], empty["status"]) == ([], "degraded")


def test_declared_inputs_are_required_filled_and_checked(live: Live, products: str):
    schema = {
        "query": {"type": "string", "required": True},
        "colour": {"type": "string", "default": "red", "enum": ["red", "blue"]},
    }
    stages = [a_filter({"colour": "{{INPUT.colour}}"}), a_stage(final_top_k=100)]
    retriever = make_retriever(live, products, *stages, input_schema=schema)
    assert {d["colour"] for d in execute(live, retriever)["documents"]} == {"red"}
    blue = execute(live, retriever, inputs={"colour": "blue"})
    assert {d["colour"] for d in blue["documents"]} == {"blue"}
    path = f"/v1/retrievers/{retriever}/execute"
    assert live.refused("POST", path, {"inputs": {}})["code"] == "missing_input"
    error = live.refused("POST", path, {"inputs": {"query": "a", "colour": "pink"}})
    assert error["hint"] == "one of: red, blue"


def test_an_execution_is_read_back(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage(fusion="learned"))
    answer = execute(live, retriever, inputs={"user_id": "reader"})
    live.ok("POST", "/v1/admin/flush")
    for path in (f"/v1/retrievers/executions/{answer['execution_id']}",
                 f"/v1/retrievers/{retriever}/executions/{answer['execution_id']}"):  # fmt: skip
        logged = live.ok("GET", path)
        assert ids(logged) == ids(answer)
        assert logged["inputs"]["user_id"] == "reader"
        for name in ("context_key", "context_level", "sampled_weights", "feature_uris", "served",
                     "reason", "variant", "seed", "posterior_version"):  # fmt: skip
            assert logged["learned_fusion_context"][name] == answer["learned_fusion_context"][name]
        assert logged["learned_fusion_context"]["bucket"] == pytest.approx(
            answer["learned_fusion_context"]["bucket"], rel=1e-5
        )
    other = make_retriever(live, products)
    wrong = f"/v1/retrievers/{other}/executions/{answer['execution_id']}"
    assert live.refused("GET", wrong)["status"] == 404


def test_the_feature_list_is_what_was_registered(live: Live, products: str):
    shown = live.ok("GET", f"/v1/collections/{products}")
    assert [f["feature_uri"] for f in shown["features"]] == [f["feature_uri"] for f in FEATURES]
    assert shown["document_count"] == 30
