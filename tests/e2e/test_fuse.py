"""Fusing what another engine found: the same ranking, log and learning as an execution."""

from __future__ import annotations

import asyncio
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest

from desireline.core import fusion
from desireline.core.recipe import compile_stages, normalise
from desireline.core.snapshot import Served
from desireline.steps.serve import Answer, Request
from desireline.steps.serve.fuse import retrieved
from desireline.types.retriever import Run
from desireline.wiring import System
from tests.e2e.foreign import A, B, a_run, foreign, fuse, learned, log, read, stats, taught
from tests.e2e.live import (
    IMAGE,
    TEXT,
    Live,
    a_filter,
    a_name,
    a_search,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)
from tests.e2e.test_calibration import recomputed, row_of
from tests.systems import CAPTION, NS, TITLE, a_retriever, a_system, now
from tests.systems import click as a_click

# The ranking.


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


@pytest.mark.parametrize("method", ["rrf", "dbsf", "weighted", "max"])
def test_fused_hits_rank_as_the_execution_that_found_them(live: Live, products: str, method: str):
    both = [a_search(TEXT, weight=0.9), a_search(IMAGE, weight=0.3)]
    retriever = make_retriever(live, products, a_stage(both, fusion=method, final_top_k=50))
    runs = []
    for uri in (TEXT, IMAGE):
        alone = make_retriever(live, products, a_stage([a_search(uri)], final_top_k=100))
        found = execute(live, alone, "noise wireless model3")["documents"]
        runs.append(a_run(uri, {each["document_id"]: each["score"] for each in found}))
    own, theirs = execute(live, retriever, "noise wireless model3"), fuse(live, retriever, *runs)
    assert ids(own) == ids(theirs)
    assert [each["score"] for each in own["documents"]] == pytest.approx(
        [each["score"] for each in theirs["documents"]], rel=1e-6
    )
    for mine, other in zip(own["documents"], theirs["documents"], strict=True):
        for name in ("position", "rank"):
            assert mine[name] == other[name]
        assert [each["rank"] for each in mine["attribution"]] == [
            each["rank"] for each in other["attribution"]
        ]


def test_the_answer_has_ids_scores_places_and_credit_only(live: Live):
    answer = fuse(live, foreign(live), a_run(A, {"x": 1.0, "y": 4.0}), a_run(B, {"y": 0.5}))
    assert ids(answer) == ["y", "x"]
    assert set(answer["documents"][0]) == {
        "document_id", "score", "position", "rank", "attribution",
    }  # fmt: skip
    assert answer["status"] == "completed"
    assert [each["raw_score"] for each in answer["documents"][1]["attribution"]] == [1.0, None]


def test_hits_may_come_in_any_order_and_equals_go_by_id(live: Live):
    retriever = foreign(live, a_search(A), fusion="weighted")
    scores = {f"d{number}": float(number % 3) for number in range(9)}
    for seed in range(3):
        names = [
            str(name)
            for name in np.random.Generator(np.random.PCG64(seed)).permutation(list(scores))
        ]
        shuffled = {name: scores[name] for name in names}
        answer = fuse(live, retriever, a_run(A, shuffled))
        assert ids(answer) == sorted(scores, key=lambda name: (-scores[name], name))


def test_a_document_that_a_run_lacks_gets_the_lowest_score_of_that_run(live: Live):
    retriever = taught(live)
    runs = a_run(A, {"x": 9.0, "y": 3.0, "w": 5.0}), a_run(B, {"z": -4.0, "x": 2.0})
    answer = fuse(live, retriever, *runs)
    assert answer["learned_fusion_context"]["served"]
    said = {each["document_id"]: each["attribution"] for each in answer["documents"]}
    assert (said["z"][0]["raw_score"], said["z"][0]["norm_score"]) == (3.0, 0.0)
    assert (said["x"][0]["norm_score"], said["z"][0]["rank"]) == (1.0, None)
    assert {name: each[1]["raw_score"] for name, each in said.items() if name != "x"} == {
        "y": -4.0, "w": -4.0, "z": -4.0,
    }  # fmt: skip


@pytest.mark.parametrize("score", [1.0, 0.0, -4.0, 3e38, -3e38])
@pytest.mark.parametrize("hits", [["sku"], ["sku", "twin"]])
def test_hits_of_one_score_stand_above_what_was_not_found(hits: list[str], score: float):
    compiled = compile_stages(normalise([a_stage([a_search(A), a_search(B)], **learned())])).search
    assert compiled is not None
    sent = {A: Run(A, ["x", "y", "sku"], [9, 5, 3]), B: Run(B, hits, [score] * len(hits))}
    complete = retrieved(compiled, sent).complete
    assert complete is not None
    fused = fusion.score(complete, [0.2, 0.8], "learned")
    assert fused.ids[: len(hits)] == hits
    exact = dict(zip(fused.ids, fused.norm[:, 1].tolist(), strict=True))
    assert exact == {name: float(name in hits) for name in fused.ids}


def test_an_exact_hit_stays_first_when_its_search_has_the_weight(live: Live):
    retriever = foreign(live, **learned(algorithm="logistic", min_interactions=1))
    runs = a_run(A, {f"d{n}": 9.0 - n for n in range(8)}), a_run(B, {"sku": 1.0})
    for number in range(20):
        answer = fuse(live, retriever, *runs, session_id=a_name(f"s{number}"))
        click(live, answer, ids(answer).index("sku"))
    live.learn()
    answer = fuse(live, retriever, *runs)
    weights = answer["learned_fusion_context"]["sampled_weights"]
    assert weights[B] > weights[A]
    assert ids(answer)[0] == "sku"


def test_runs_are_cut_as_the_retriever_says_and_keep_the_scores_sent(live: Live):
    searches = a_search(A, top_k=2), a_search(B, min_score=0.1)
    retriever = foreign(live, *searches, fusion="rrf")
    runs = a_run(A, {"x": 3.0, "y": 2.0, "z": 1.0}), a_run(B, {"z": 0.7, "w": 0.05})
    answer = fuse(live, retriever, *runs)
    assert ids(answer) == ["x", "z"]  # never more than the smallest top_k
    assert answer["limits"][0] | {"stage": ""} == {
        "name": "hits", "requested": 3, "applied": 2, "ceiling": 2, "stage": "", "feature_uri": A,
    }  # fmt: skip
    assert [each["rank"] for each in answer["documents"][1]["attribution"]] == [None, 0]
    stage = a_stage([a_search(A, top_k=2), a_search(B, min_score=0.1)], **learned())
    compiled = compile_stages(normalise([stage])).search
    assert compiled is not None
    sent = {A: Run(A, ["z", "x", "y"], [1, 3, 2]), B: Run(B, ["z", "w"], [0.7, 0.05])}
    complete = retrieved(compiled, sent).complete
    assert complete is not None
    assert complete.ids == ["x", "y", "z"]
    assert complete.raw.T.round(6).tolist() == [[3, 2, 1], [0.05, 0.05, 0.7]]
    assert complete.ranks.T.tolist() == [[0, 1, 65535], [65535, 65535, 0]]


def test_a_search_without_a_run_is_named_and_an_empty_run_is_not(live: Live):
    retriever = foreign(live)
    answer = fuse(live, retriever, a_run(A, {"x": 1.0}))
    assert answer["status"] == "degraded"
    assert [(each["resource"], each["id"]) for each in answer["degraded"]] == [("search", B)]
    assert read(live, answer)["degraded"] == [{"resource": "search", "id": B}]
    assert fuse(live, retriever, a_run(A, {"x": 1.0}), a_run(B, {}))["degraded"] == []
    nothing = fuse(live, retriever, a_run(A, {}), a_run(B, {}))
    assert (nothing["documents"], nothing["status"]) == ([], "completed")
    assert read(live, nothing)["total_returned"] == 0
    optional = foreign(live, a_search(A), a_search(B, optional=True))
    assert fuse(live, optional, a_run(A, {"x": 1.0}))["degraded"] == []


def test_five_thousand_hits_a_run_and_ten_runs_are_taken(live: Live):
    retriever = foreign(live, *[a_search(f"es://{n}", top_k=5000) for n in range(10)])
    scores = {f"d{number:04d}": float(number) for number in range(5000)}
    answer = fuse(live, retriever, *[a_run(f"es://{n}", scores) for n in range(10)], limit=500)
    assert answer["pagination"]["total"] == 25
    assert ids(answer)[:2] == ["d4999", "d4998"]


@pytest.mark.parametrize(
    ("stages", "path"),
    [
        ([a_stage([a_search(A)]), a_filter({"price": {"gte": 1}}) | {"stage_name": "cheap"}],
         "$.stages.cheap"),
        ([a_filter({"price": {"gte": 1}}) | {"stage_name": "dear"}, a_stage([a_search(A)])],
         "$.stages.dear"),
        ([a_stage([a_search(A)], pre_filters={"a": 1})], "$.stages.feature_search.pre_filters"),
        ([a_stage([a_search(A)], facets=[{"key": "a"}])], "$.stages.feature_search.facets"),
        ([a_stage([a_search(A)], group_by={"field": "a"})], "$.stages.feature_search.group_by"),
        ([a_stage([a_search(A)]), {"stage_name": "once", "config": {"stage_id": "deduplicate"}}],
         "$.stages.once"),
        ([a_stage([a_search(A, filters={"a": 1})])], "$.stages.feature_search.searches[0].filters"),
    ],
)  # fmt: skip
def test_what_reads_stored_documents_is_refused_by_name(live: Live, stages: Any, path: str):
    body = {"retriever_name": a_name("reads"), "stages": stages}
    retriever = live.ok("POST", "/v1/retrievers", body)["retriever_id"]
    sent = {"runs": [a_run(A, {"x": 1.0})]}
    error = live.refused("POST", f"/v1/retrievers/{retriever}/fuse", sent)
    assert (error["status"], error["code"]) == (422, "needs_documents")
    assert error["details"]["validation_errors"][0]["path"] == path


# The loop.


def a_search_of(live: Live, retriever: str, number: int, rng: np.random.Generator) -> Any:
    """Twenty documents that two engines see differently, for a user of one of two segments."""
    names = [f"d{n:02d}" for n in rng.permutation(40)[:20]]
    scores = [dict(zip(names, rng.permutation(20).tolist(), strict=True)) for _ in (A, B)]
    body = {"user_id": f"u{number}", "segment": f"g{number % 2}", "session_id": a_name("s")}
    answer = fuse(live, retriever, a_run(A, scores[0]), a_run(B, scores[1]), limit=10, **body)
    liked = scores[number % 2]
    for each in answer["documents"]:
        looks = rng.random() < 1 / (each["position"] + 1)
        if looks and rng.random() < (liked[each["document_id"]] / 19) ** 3:
            click(live, answer, each["position"])
    return answer


def weights_of(live: Live, retriever: str, segment: str) -> float:
    """What strangers of a segment are given for A, on average."""
    answers = [
        fuse(live, retriever, a_run(A, {"x": 1.0}), a_run(B, {"x": 1.0}), segment=segment,
             session_id=a_name("s"), purpose="test")
        for _ in range(20)
    ]  # fmt: skip
    return mean(each["learned_fusion_context"]["sampled_weights"][A] for each in answers)


def test_weights_move_to_the_run_that_each_segment_likes(live: Live):
    config = learned(
        algorithm="logistic", demographic_features=["INPUT.user_segment"], tau_demographic=1.5
    )
    retriever = foreign(live, **config)
    rng = np.random.Generator(np.random.PCG64(3))
    first = a_search_of(live, retriever, 0, rng)
    assert first["learned_fusion_context"]["context_level"] == "prior"
    for number in range(1, 300):
        a_search_of(live, retriever, number, rng)
        if number % 50 == 49:
            live.learn()
    likes_a, likes_b = (weights_of(live, retriever, segment) for segment in ("g0", "g1"))
    assert likes_a > 0.6 > 0.4 > likes_b, (likes_a, likes_b)
    assert stats(live, retriever)["lessons"] >= 300


def test_a_session_keeps_its_weights_until_it_acts(live: Live):
    retriever = taught(live)
    runs = a_run(A, {"x": 2.0, "y": 1.0}), a_run(B, {"x": 0.5, "y": 1.0})

    def drawn(session: str) -> Any:
        answer = fuse(live, retriever, *runs, session_id=session)
        return answer, answer["learned_fusion_context"]["sampled_weights"]

    session = a_name("pinned")
    one = drawn(session)[1]
    log(live, retriever, {"x": 1.0}, session_id=session)  # not a decision: nothing is unpinned
    answer, again = drawn(session)
    assert again == one
    assert click(live, answer, 0)["teaches_reason"] == "open"
    assert drawn(session)[1] != one


def test_a_click_finds_its_fused_execution_by_session(live: Live):
    retriever = foreign(live, **learned())
    session = a_name("visit")
    answer = fuse(live, retriever, a_run(A, {"x": 2.0}), a_run(B, {"y": 1.0}), session_id=session)
    act = {"feature_id": ids(answer)[1], "position": 1, "interaction_type": "click"}
    receipt = live.ok("POST", "/v1/retrievers/interactions", act | {"session_id": session})
    assert (receipt["attribution"], receipt["teaches"]) == ("inferred", True)
    assert receipt["execution_id"] == answer["execution_id"]
    live.learn()
    assert stats(live, retriever)["lessons"] == 1


def test_switches_hold_for_fused_runs(live: Live):
    retriever = taught(live)
    root = f"/v1/retrievers/{retriever}/learned-fusion"
    runs = a_run(A, {"x": 2.0, "y": 1.0}), a_run(B, {"x": 0.5, "y": 1.0})
    live.ok("POST", f"{root}/opt-out/quiet")
    answer = fuse(live, retriever, *runs, user_id="quiet")
    assert answer["learned_fusion_context"]["reason"] == "opted_out"
    live.ok("POST", f"{root}/disable")
    assert fuse(live, retriever, *runs)["learned_fusion_context"]["served"] is False


# The row.


def pushed(system: System, served: Served, number: int) -> Answer:
    rng = np.random.Generator(np.random.PCG64(number))
    names = [f"d{n:03d}" for n in rng.permutation(300)]
    runs = [
        Run(uri, names[start : start + 120], rng.normal(size=120).tolist())
        for uri, start in ((TITLE, 0), (CAPTION, 80))
    ]
    request = Request(
        namespace=NS, inputs={"query": "q", "user_id": f"u{number % 7}"}, limit=10, source="fuse",
        external_id=f"own-{number}",
    )  # fmt: skip
    return system.foreign.fuse(now(system, served), request, runs)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("base", ["minmax", "raw"])
def test_a_fused_ranking_follows_from_its_row(tmp_path: Path, base: str) -> None:
    async def story() -> None:
        async with a_system(tmp_path) as system:
            served = await a_retriever(
                system, algorithm="logistic", exploration_traffic=0.3, base=base
            )
            for number in range(5):
                answer = pushed(system, served, number)
                assert (await a_click(system, answer)).row.teaches
            await system.learner.tick(everything=True)
            answers = [pushed(system, served, number) for number in range(10, 50)]
            assert await system.intake.flushed(timeout_ms=10_000)
            assert any(answer.explored_at >= 0 for answer in answers)
            for answer in answers:
                asked = {"namespace": NS, "execution_id": answer.execution_id}
                row = row_of(await system.event_log.query("execution_by_id", **asked))
                assert (row["source"], row["fusion"]) == ("fuse", "learned")
                assert row["external_id"].startswith("own-")
                assert answer.fused is not None
                assert recomputed(row) == answer.fused.ids[:100]
                shown = await system.event_log.query("impressions_of_execution", **asked)
                assert [each["document_id"] for each in shown] == answer.fused.ids[:10]
                assert all(0 <= each["propensity"] <= 1 for each in shown)
                assert {each["source"] for each in shown} == {"fuse"}

    asyncio.run(story())


def a_limit(name: str, limit: Any, offset: int) -> dict[str, Any]:
    parameters = {"limit": limit, "offset": offset}
    return {"stage_name": name, "config": {"stage_id": "limit", "parameters": parameters}}


def test_limits_behind_the_search_cut_what_is_fused(live: Live):
    stages = [
        a_stage([a_search(A)]), a_limit("some", "{{INPUT.few}}", 2), a_limit("fewer", 2, 1),
    ]  # fmt: skip
    body = {"retriever_name": a_name("cut"), "stages": stages}
    retriever = live.ok("POST", "/v1/retrievers", body)["retriever_id"]
    run = a_run(A, {f"d{number}": -number for number in range(9)})
    answer = fuse(live, retriever, run, inputs={"few": 5})
    assert ids(answer) == ["d3", "d4"]
    assert [each["position"] for each in answer["documents"]] == [0, 1]
    counts = answer["stage_statistics"]["stages"]
    assert [counts[name]["output_count"] for name in ("feature_search", "some", "fewer")] == [
        9,
        5,
        2,
    ]
    assert ids(fuse(live, retriever, run, inputs={"few": 5}, limit=1)) == ["d3"]
    assert answer["pagination"]["total"] == 2
    sent = {"runs": [run]}
    assert live.refused("POST", f"/v1/retrievers/{retriever}/fuse", sent)["code"] == "missing_input"


def test_the_query_may_stand_beside_inputs_as_for_execute(live: Live):
    retriever = foreign(live)
    sent = {"query": "lamp", "user_id": "u", "runs": [a_run(A, {"x": 1.0}), a_run(B, {})]}
    answer = live.ok("POST", f"/v1/retrievers/{retriever}/fuse", sent)
    live.ok("POST", "/v1/admin/flush", {})
    assert read(live, answer)["inputs"]["query"] == "lamp"
    shown = live.ok("POST", f"/v1/retrievers/{retriever}/execute", {"inputs": {"query": "lamp"}})
    assert shown["degraded"][0]["next_step"].endswith("send your engine's hits to /fuse")
