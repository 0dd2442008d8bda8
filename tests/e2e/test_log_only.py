"""Executions that were ranked elsewhere and only logged: they are counted, and teach no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.foreign import A, B, a_run, foreign, fuse, learned, log, read, stats, taught
from tests.e2e.live import Live, a_filter, a_name, click, make_collection, make_retriever
from tests.e2e.restarts import Server


def test_logged_executions_count_and_move_no_weights(live: Live):
    retriever = taught(live)
    before = stats(live, retriever)
    reasons = set()
    for number in range(20):
        logged = log(live, retriever, {"x": 2.0, "y": 1.0}, session_id=f"far-{number}", user_id="u")
        act = {"feature_id": "y", "position": 1, "interaction_type": "click"}
        named = live.ok(
            "POST", "/v1/retrievers/interactions", act | {"execution_id": logged["execution_id"]}
        )
        inferred = live.ok(
            "POST", "/v1/retrievers/interactions",
            {**act, "feature_id": "x", "position": 0, "session_id": f"far-{number}"},
        )  # fmt: skip
        reasons |= {(r["teaches"], r["teaches_reason"]) for r in (named, inferred)}
        assert (named["attribution"], inferred["attribution"]) == ("logged", "inferred")
        assert "ranked elsewhere" in named["warning"]
    assert reasons == {(False, "log_only")}
    live.learn()
    assert stats(live, retriever) == before
    found = read(live, logged)
    assert [each["position"] for each in found["documents"]] == [0, 1]
    assert [each["propensity"] for each in found["documents"]] == [None, None]
    assert [each["score"] for each in found["documents"]] == [2.0, 1.0]
    assert "learned_fusion_context" not in found


def test_a_past_execution_keeps_its_time_and_a_future_one_is_now(live: Live):
    retriever = foreign(live, **learned())
    past = log(live, retriever, {"x": 1.0}, occurred_at="2026-01-31T12:00:00+01:00")
    assert read(live, past)["created_at"] == "2026-01-31T11:00:00.000Z"
    act = {"feature_id": "x", "position": 0, "interaction_type": "click", "backfill": True,
           "occurred_at": "2026-01-31T11:01:00Z", "execution_id": past["execution_id"]}  # fmt: skip
    # The log is asked for 50 ms at most; an answer that came late is `pending`.
    receipt = live.ok("POST", "/v1/retrievers/interactions", act)
    assert receipt["teaches_reason"] in ("log_only", "pending")
    batch = {"interactions": [act | {"interaction_type": "purchase"}]}
    (row,) = live.ok("POST", "/v1/retrievers/interactions/batch", batch)["results"]
    assert row["teaches"] in (None, False)
    future = log(live, retriever, {"x": 1.0}, occurred_at="2199-01-01")
    assert "future" in future["warnings"][0]
    assert read(live, future)["created_at"] < "2199"
    live.learn()
    assert stats(live, retriever)["lessons"] == 0


def test_a_past_execution_does_not_close_or_replace_the_present_one(live: Live):
    retriever = foreign(live, **learned())
    session = a_name("mixed")
    answer = fuse(live, retriever, a_run(A, {"x": 2.0}), a_run(B, {"x": 1.0}), session_id=session)
    log(live, retriever, {"x": 1.0}, session_id=session, occurred_at="2026-01-31")
    act = {"feature_id": "x", "position": 0, "interaction_type": "click", "session_id": session}
    receipt = live.ok("POST", "/v1/retrievers/interactions", act)
    assert receipt["execution_id"] == answer["execution_id"]
    assert receipt["teaches_reason"] == "open"


def test_zero_results_are_logged_and_any_retriever_takes_them(live: Live):
    retriever = make_retriever(live, make_collection(live), a_filter({"price": {"gte": 1}}))
    found = read(live, log(live, retriever, {}))
    assert (found["documents"], found["total_returned"]) == ([], 0)


@pytest.mark.parametrize("named", ["external_id", "Idempotency_Key"])
def test_the_same_name_is_the_same_execution(live: Live, named: str):
    retriever, other = foreign(live), foreign(live)
    name = a_name("own")

    def send(where: str, **body: Any) -> Any:
        if named == "external_id":
            return log(live, where, {"x": 1.0}, external_id=name, **body)
        return log(live, where, {"x": 1.0}, {named: name}, **body)

    first, again, elsewhere = send(retriever), send(retriever), send(other)
    assert (first["deduplicated"], again["deduplicated"]) == (False, True)
    assert first["execution_id"] == again["execution_id"] != elsewhere["execution_id"]
    old = [send(retriever, occurred_at="2026-02-01")["execution_id"] for _ in range(2)]
    assert old == [first["execution_id"]] * 2
    rows = live.ok("GET", f"/v1/retrievers/{retriever}/executions")["results"]
    assert len(rows) == 1


def test_what_was_only_logged_teaches_nothing_after_a_restart(tmp_path: Path):
    with Server(tmp_path) as server:
        live = server.start()
        retriever = foreign(live, **learned())
        fused = fuse(live, retriever, a_run(A, {"p": 2.0}), a_run(B, {"p": 1.0}), session_id="s")
        # Logged is on disk when it is answered, and with it what came before.
        logged = log(live, retriever, {"x": 1.0, "y": 0.5}, session_id="t", user_id="u")
        server.kill()
        live = server.start()
        act = {"feature_id": "x", "position": 0, "interaction_type": "click"}
        root = "/v1/retrievers/interactions"
        named = live.ok("POST", root, act | {"execution_id": logged["execution_id"]})
        assert named["teaches_reason"] == "log_only"
        saved = act | {"session_id": "t", "interaction_type": "save"}
        assert live.ok("POST", root, saved)["teaches_reason"] == "log_only"
        assert click(live, fused, 0)["teaches_reason"] == "open"
        live.learn()
        assert stats(live, retriever)["lessons"] == 1
        server.stop()
