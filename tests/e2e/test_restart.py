"""What a client was told holds after kill -9 and a new start: receipts, attribution, weights."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import Live, execute, ids
from tests.e2e.restarts import Server, a_shop, an_act, send, stats

ROUTE = "/v1/retrievers/interactions"
CONFIG = {"algorithm": "logistic", "min_interactions": 1, "exploration_traffic": 0.0}


def listed(live: Live) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = live.ok("GET", f"{ROUTE}?limit=1000")["results"]
    return found


def teach(live: Live, retriever: str, searches: int = 12) -> None:
    """Enough clicks that everyone's weights are drawn."""
    answers = [execute(live, retriever, inputs={"user_id": f"t{n}"}) for n in range(searches)]
    send(live, [an_act(answer, n % 3) for n, answer in enumerate(answers)])
    live.learn()


def weights(answer: Any) -> dict[str, float]:
    found: dict[str, float] = answer["learned_fusion_context"]["sampled_weights"]
    return found


@pytest.mark.timeout(120)
def test_receipts_survive_a_kill(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        answer = execute(live, retriever, session_id="s1", inputs={"user_id": "u1"})
        act = an_act(answer, 1)
        first = live.ok("POST", ROUTE, act, idempotency_key="one")
        batch = {"interactions": [an_act(answer, 2), an_act(answer, 3), {"interaction_type": []}]}
        results = live.ok("POST", f"{ROUTE}/batch", batch, idempotency_key="many")
        assert [each["status"] for each in results["results"]] == ["created", "created", "failed"]
        listed_before = listed(live)
        server.kill()
        live = server.start()
        again = live.ok("POST", ROUTE, act, idempotency_key="one")
        assert again["interaction_id"] == first["interaction_id"]
        assert {k: again[k] for k in ("attribution", "teaches", "feature_uri", "rank")} == {
            k: first[k] for k in ("attribution", "teaches", "feature_uri", "rank")
        }
        repeated = live.ok("POST", f"{ROUTE}/batch", batch, idempotency_key="many")["results"]
        assert [each["interaction_id"] for each in repeated[:2]] == [
            each["interaction_id"] for each in results["results"][:2]
        ]
        assert repeated[2]["status"] == "failed"
        assert live.ok("POST", ROUTE, act)["deduplicated"]  # the act, without any key
        assert listed(live) == listed_before


@pytest.mark.timeout(120)
def test_an_execution_from_before_takes_its_clicks_and_closes_once(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        clicked = execute(live, retriever, session_id="s1", inputs={"user_id": "u1"})
        ignored = execute(live, retriever, session_id="s2", inputs={"user_id": "u2"})
        send(live, [an_act(clicked, 0)])
        server.kill()
        live = server.start()
        (found,) = send(live, [an_act(clicked, 1)])
        assert (found["attribution"], found["teaches_reason"]) == ("logged", "open")
        inferred = {
            "feature_id": ids(ignored)[2], "interaction_type": ["click"], "session_id": "s2",
            "position": 2,
        }  # fmt: skip
        (guessed,) = send(live, [inferred])
        assert guessed["attribution"] == "inferred"
        row = live.ok("GET", f"{ROUTE}/{guessed['interaction_id']}")
        assert row["execution_id"] == ignored["execution_id"]
        done = live.ok("POST", "/v1/admin/flush", {"close_executions": True})
        assert done["closed"] == 2
        assert stats(live, retriever)["lessons"] == 2
        server.kill()
        live = server.start()
        assert live.ok("POST", "/v1/admin/flush", {"close_executions": True})["closed"] == 0
        assert stats(live, retriever)["lessons"] == 2
        # Both clicks of the first execution are in its lesson, the one from before the kill too.
        weights_ = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights")
        assert weights_["total_interactions"] == 3


@pytest.mark.timeout(120)
def test_executions_whose_window_ended_while_nobody_ran_close_after_the_start(
    tmp_path: Path,
) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG | {"attribution_window_seconds": 1})
        answer = execute(live, retriever, inputs={"user_id": "u1"})
        send(live, [an_act(answer, 0)])
        server.kill()
        time.sleep(1.2)
        live = server.start()
        until = time.monotonic() + 10
        while stats(live, retriever)["lessons"] < 1 and time.monotonic() < until:
            time.sleep(0.05)
        assert stats(live, retriever)["lessons"] == 1
        (late,) = send(live, [an_act(answer, 1)])
        assert late["teaches_reason"] == "late"


@pytest.mark.timeout(120)
def test_a_late_reward_counts_once_whenever_the_process_dies(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        answers = [execute(live, retriever, inputs={"user_id": f"u{n}"}) for n in range(4)]
        live.learn()
        for number, answer in enumerate(answers):
            send(live, [an_act(answer, 0)])
            server.kill()  # at once: the lesson may be on disk, in memory, or nowhere
            live = server.start()
            live.learn()
            assert stats(live, retriever)["lessons"] == len(answers) + number + 1


@pytest.mark.timeout(120)
def test_a_session_that_did_not_act_keeps_its_weights(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        teach(live, retriever)
        quiet = execute(live, retriever, session_id="quiet", inputs={"user_id": "u1"})
        busy = execute(live, retriever, session_id="busy", inputs={"user_id": "u2"})
        send(live, [an_act(busy, 0)])
        teach(live, retriever)  # the posterior moves on
        server.kill()
        live = server.start()
        after = execute(live, retriever, session_id="quiet", inputs={"user_id": "u1"})
        assert weights(after) == pytest.approx(weights(quiet), abs=1e-6)
        assert ids(after) == ids(quiet)
        before, now = quiet["learned_fusion_context"], after["learned_fusion_context"]
        for name in ("context_level", "context_key", "posterior_version", "seed"):
            assert now[name] == before[name], name
        again = execute(live, retriever, session_id="busy", inputs={"user_id": "u2"})
        assert weights(again) != pytest.approx(weights(busy), abs=1e-6)
        shown = live.ok("GET", f"/v1/retrievers/executions/{after['execution_id']}")["documents"]
        assert all(0 < each["propensity"] <= 1 for each in shown)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_killed", [True, False])
def test_retrievers_deleted_or_changed_a_moment_ago_do_not_stop_the_start(
    tmp_path: Path, is_killed: bool
) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        gone, changed = a_shop(live, CONFIG, CONFIG)
        for retriever in (gone, changed):
            teach(live, retriever)
            quiet = execute(live, retriever, session_id="quiet", inputs={"user_id": "u1"})
            assert quiet["learned_fusion_context"]["context_level"] != "prior"
        live.ok("DELETE", f"/v1/retrievers/{gone}")
        stages = live.ok("GET", f"/v1/retrievers/{changed}")["stages"]
        del stages[0]["config"]["parameters"]["searches"][1]
        live.ok("PATCH", f"/v1/retrievers/{changed}", {"stages": stages})
        if is_killed:
            server.kill()
        else:
            assert server.stop() == 0
        live = server.start()
        after = execute(live, changed, session_id="quiet", inputs={"user_id": "u1"})
        assert list(weights(after).values()) == [1]
        assert server.stop() == 0


@pytest.mark.timeout(120)
def test_a_session_from_before_learning_keeps_its_order(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        early = execute(live, retriever, session_id="early", inputs={"user_id": "u1"})
        teach(live, retriever)
        server.kill()
        live = server.start()
        after = execute(live, retriever, session_id="early", inputs={"user_id": "u1"})
        assert after["learned_fusion_context"]["context_level"] == "prior"
        assert ids(after) == ids(early)
        fresh = execute(live, retriever, session_id="fresh", inputs={"user_id": "u1"})
        assert fresh["learned_fusion_context"]["context_level"] != "prior"


@pytest.mark.timeout(60)
def test_what_was_acknowledged_is_read_at_once(tmp_path: Path) -> None:
    with Server(tmp_path, flush_interval_ms="60000") as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        for number in range(5):
            answer = execute(live, retriever, inputs={"user_id": f"u{number}"})
            (made,) = send(live, [an_act(answer, 0)])
            one = live.ok("GET", f"{ROUTE}/{made['interaction_id']}")
            assert one["interaction_id"] == made["interaction_id"]
            assert len(listed(live)) == number + 1
            seen = live.ok("GET", f"/v1/retrievers/executions/{answer['execution_id']}")
            assert [d["document_id"] for d in seen["documents"]] == ids(answer)


@pytest.mark.timeout(120)
def test_switches_and_deletions_survive_a_kill(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        live = server.start()
        (retriever,) = a_shop(live, CONFIG)
        path = f"/v1/retrievers/{retriever}/learned-fusion"
        teach(live, retriever)
        own = execute(live, retriever, inputs={"user_id": "gone"})
        send(live, [an_act(own, 0)])
        live.learn()
        (extra,) = send(live, [an_act(own, 1)])
        live.learn()
        live.ok("DELETE", f"{path}/user/gone")
        live.ok("POST", f"{path}/opt-out/out")
        live.ok("POST", f"{path}/disable")
        live.ok("DELETE", f"{ROUTE}/{extra['interaction_id']}")
        server.kill()  # before or after it was unlearned
        live = server.start()
        live.learn()
        found = stats(live, retriever)
        assert (found["enabled"], found["opted_out_users"]) == (False, 1)
        assert found["generation"] == 1
        assert live.call("GET", f"{ROUTE}/{extra['interaction_id']}").status == 404
        user = live.ok("GET", f"{path}/weights/gone")
        assert user["interaction_count"] == 0
        assert execute(live, retriever)["learned_fusion_context"]["reason"] == "kill_switch"
        live.ok("POST", f"{path}/enable")
        out = execute(live, retriever, inputs={"user_id": "out"})
        assert out["learned_fusion_context"]["reason"] == "opted_out"
