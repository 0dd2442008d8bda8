"""Reports about learned fusion over HTTP: activity, convergence, shadow, drawn weights, rollout."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

from desireline.core.rollout import bucket
from desireline.core.times import iso
from tests.e2e.live import (
    IMAGE,
    TEXT,
    Live,
    a_stage,
    click,
    execute,
    make_collection,
    make_retriever,
    serving,
)


@pytest.fixture(scope="module")
def shop(live: Live) -> str:
    return make_collection(live)


def learned(live: Live, shop: str, **config: Any) -> str:
    config = {"exploration_traffic": 0.0, **config}
    return make_retriever(live, shop, a_stage(fusion="learned", learning_config=config))


def report(live: Live, retriever: str, name: str, **query: Any) -> Any:
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    return live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/{name}?{asked}")


def taught(live: Live, retriever: str, users: int, *, segment: str = "") -> None:
    """Each of these users searches and clicks the first document."""
    for number in range(users):
        inputs = {"user_id": f"u{number}", **({"user_segment": segment} if segment else {})}
        click(live, execute(live, retriever, inputs=inputs), 0)
    live.learn()


def kinds(answer: Any) -> list[str]:
    return [each["event_type"] for each in answer["events"]]


# Activity.


def test_switches_users_and_changes_are_told_newest_first(live: Live, shop: str):
    retriever = learned(live, shop)
    path = f"/v1/retrievers/{retriever}"
    live.ok("POST", f"{path}/learned-fusion/disable", {"reason": "a test"})
    live.ok("POST", f"{path}/learned-fusion/enable")
    live.ok("POST", f"{path}/learned-fusion/rollout", {"rollout_pct": 10})
    live.ok("POST", f"{path}/learned-fusion/opt-out/ann")
    live.ok("POST", f"{path}/learned-fusion/opt-in/ann")
    live.ok("DELETE", f"{path}/learned-fusion/user/ann")
    for config in ({"shadow_mode": True}, {"rollout_pct": 20.0}, {"min_interactions": 7}):
        stage = a_stage(fusion="learned", learning_config=config)
        del stage["config"]["parameters"]["searches"]
        live.ok("PATCH", path, {"stages": [stage]})
    live.ok("POST", f"{path}/publish")
    live.ok("DELETE", f"{path}/publish")
    live.ok("POST", "/v1/admin/flush")
    found = report(live, retriever, "activity")
    assert sorted(kinds(found)) == sorted([
        "disabled", "enabled", "rollout_changed", "opt_out", "opt_in", "reset", "shadow_changed",
        "rollout_changed", "config_changed", "published", "unpublished",
    ])  # fmt: skip
    assert kinds(found)[:2] == ["unpublished", "published"]
    assert [each["timestamp"] for each in found["events"]] == sorted(
        (each["timestamp"] for each in found["events"]), reverse=True
    )
    disabled = next(each for each in found["events"] if each["event_type"] == "disabled")
    assert disabled["details"]["reason"] == "a test"
    changed = next(each for each in found["events"] if each["event_type"] == "config_changed")
    assert changed["details"]["changed"]["min_interactions"][1] == 7


def test_activity_is_narrowed(live: Live, shop: str):
    retriever = learned(live, shop)
    for user in ("ann", "bob"):
        live.ok("POST", f"/v1/retrievers/{retriever}/learned-fusion/opt-out/{user}")
    live.ok("POST", f"/v1/retrievers/{retriever}/learned-fusion/disable")
    assert len(report(live, retriever, "activity")["events"]) == 3
    assert kinds(report(live, retriever, "activity", limit=1)) == ["disabled"]
    assert kinds(report(live, retriever, "activity", event_type="opt_out")) == ["opt_out"] * 2
    (only,) = report(live, retriever, "activity", user_id="ann")["events"]
    assert only["user_id"] == "ann"
    assert report(live, retriever, "activity", event_type="breaker_open")["events"] == []
    assert live.refused("GET", f"/v1/retrievers/{retriever}/learned-fusion/activity?hours=0")[
        "status"] == 422  # fmt: skip


def test_a_user_who_rises_to_personal_weights_is_told(live: Live, shop: str):
    retriever = learned(live, shop, min_interactions=2)
    for number in range(4):
        who = {"user_id": "riser", "session_id": f"s{number}"}
        click(live, execute(live, retriever, inputs=who), 0)
        live.learn()
    found = report(live, retriever, "activity", event_type="context_transition")["events"]
    steps = [(each["details"]["from"], each["details"]["to"]) for each in reversed(found)]
    assert steps == [("prior", "global"), ("global", "personal")]
    assert found[0]["user_id"] == "riser"
    assert found[0]["details"]["context_key"].startswith("personal:")


# Convergence and the summary of drawn weights.


def test_nothing_learned_is_not_called_settled(live: Live, shop: str):
    found = report(live, learned(live, shop), "convergence", days=3)
    assert len(found["days"]) == 3
    assert (found["converged"], found["dominant"], found["change_points"]) == (False, None, [])
    today = found["days"][-1]
    assert today["weights"][TEXT] == {
        "mean": None, "posterior_sd": None, "drawn_mean": None, "drawn_sd": None,
    }  # fmt: skip
    static = report(live, make_retriever(live, shop), "convergence")
    assert "no learned stage" in static["hint"]


def test_a_day_says_what_is_believed_and_what_was_drawn(live: Live, shop: str):
    retriever = learned(live, shop)
    taught(live, retriever, 12)
    for number in range(20):
        execute(live, retriever, inputs={"user_id": f"v{number}"})
    live.ok("POST", "/v1/admin/flush")
    found = report(live, retriever, "convergence", days=2)
    yesterday, today = found["days"]
    assert yesterday["weights"][TEXT]["mean"] is None
    weights = today["weights"]
    assert sum(each["mean"] for each in weights.values()) == pytest.approx(1)
    assert sum(each["drawn_mean"] for each in weights.values()) == pytest.approx(1, abs=1e-4)
    assert all(0 < each["posterior_sd"] < 0.5 for each in weights.values())
    assert (today["executions"], today["lessons"]) == (32, 12)
    assert set(today["levels"]) == {"prior", "global"}
    assert sum(today["levels"].values()) == pytest.approx(1)
    overall = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights")["weights"]
    assert weights[TEXT]["mean"] == pytest.approx(overall[TEXT], abs=1e-3)
    assert found["converged"] is False


def test_the_summary_of_drawn_weights(live: Live, shop: str):
    retriever = learned(live, shop, demographic_features=["INPUT.user_segment"])
    taught(live, retriever, 4, segment="pro")
    for number in range(10):
        execute(live, retriever, inputs={"user_id": f"w{number}", "user_segment": "pro"})
    live.ok("POST", "/v1/admin/flush")
    path = f"/v1/analytics/retrievers/{retriever}/signals/summary"
    found = live.ok("GET", f"{path}?signal_type=learned_weights&days=7")
    (day,) = found["days"]
    assert (day["executions"], day["by_level"]) == (14, {"demographic": 10, "prior": 4})
    assert set(day["weights"]) == {TEXT, IMAGE}
    text = day["weights"][TEXT]
    assert text["p10"] <= text["mean"] <= text["p90"]
    assert text["sd"] > 0
    assert day["by_segment"]["pro"]["executions"] == 14
    assert found["trend"] == {TEXT: 0.0, IMAGE: 0.0}
    assert found["converged"] is False
    assert live.refused("GET", f"{path}?signal_type=cache_hit")["code"] == "not_available"


# Segments and exploration.


def test_segments_have_the_names_they_were_sent_with_largest_first(live: Live, shop: str):
    retriever = learned(live, shop, demographic_features=["INPUT.user_segment"])
    taught(live, retriever, 6, segment="pro")
    taught(live, retriever, 2, segment="new")
    execute(live, retriever, inputs={"user_id": "w", "user_segment": "quiet"})
    live.ok("POST", "/v1/admin/flush")
    found = report(live, retriever, "segments")
    assert [each["segment"] for each in found["segments"]] == ["pro", "new", "quiet"]
    assert [each["interactions"] for each in found["segments"]] == [6, 2, 0]
    assert [each["executions"] for each in found["segments"]] == [6, 2, 1]
    levels = [each["context_level"] for each in found["segments"]]
    assert levels == ["demographic", "demographic", "global"]
    pro = found["segments"][0]
    assert pro["context_key"].startswith("demographic:")
    assert sum(each["mean"] for each in pro["weights"].values()) == pytest.approx(1)
    for weight in pro["weights"].values():
        assert weight["low"] < weight["high"]
        assert weight["drawn_low"] < weight["drawn_high"]
    own = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights/x?user_segment=pro")
    assert own["mean_weights"][TEXT] == pytest.approx(pro["weights"][TEXT]["mean"])
    assert own["exploration"] == pro["exploration"]
    (only,) = report(live, retriever, "segments", limit=1)["segments"]
    assert only["segment"] == "pro"
    assert found["hint"] is None


def test_a_segment_of_two_features_is_named_by_both(live: Live, shop: str):
    features = ["INPUT.country", "INPUT.plan.name"]
    retriever = learned(live, shop, demographic_features=features)
    for inputs in ({"country": "DE", "plan": {"name": "pro"}}, {"country": "DE"}):
        click(live, execute(live, retriever, inputs={"user_id": "ann", **inputs}), 0)
        live.learn()
    live.ok("POST", "/v1/admin/flush")
    names = {each["segment"] for each in report(live, retriever, "segments")["segments"]}
    assert names == {"country=DE, plan.name=pro", "country=DE"}


def test_segments_of_features_that_were_changed_keep_no_wrong_name(live: Live, shop: str):
    retriever = learned(live, shop, demographic_features=["INPUT.country"])
    inputs = {"user_id": "ann", "country": "DE", "user_segment": "pro"}
    click(live, execute(live, retriever, inputs=inputs), 0)
    live.learn()
    config = {"exploration_traffic": 0.0, "demographic_features": ["INPUT.user_segment"]}
    stage = a_stage(fusion="learned", learning_config=config)
    del stage["config"]["parameters"]["searches"]
    live.ok("PATCH", f"/v1/retrievers/{retriever}", {"stages": [stage]})
    live.ok("POST", "/v1/admin/flush")
    (only,) = report(live, retriever, "segments")["segments"]
    assert (only["segment"], only["executions"], only["interactions"]) == (None, 1, 1)


def test_without_segments_it_says_how_to_have_some(live: Live, shop: str):
    found = report(live, learned(live, shop), "segments")
    assert found["segments"] == []
    assert "demographic_features" in found["hint"]
    assert "no learned stage" in report(live, make_retriever(live, shop), "segments")["hint"]


def test_exploration_says_how_many_interactions_are_left(live: Live, shop: str):
    config = {"exploration_decay": 0.9, "exploration_floor": 0.5, "min_interactions": 2}
    retriever = learned(live, shop, **config)
    path = f"/v1/retrievers/{retriever}/learned-fusion/weights"
    before = live.ok("GET", path)["exploration"]
    assert before == {
        "effective": 1.0, "variance_ratio": 1.0, "floor": 0.5, "start": 1.0, "interactions_left": 7,
    }  # fmt: skip
    taught(live, retriever, 3)
    after = live.ok("GET", path)["exploration"]
    assert after["effective"] == pytest.approx(0.9**3)
    assert after["interactions_left"] == 4
    assert live.ok("GET", f"{path}/nobody")["exploration"] == after
    never = learned(live, shop, exploration_decay=1.0)
    path = f"/v1/retrievers/{never}/learned-fusion/weights"
    assert live.ok("GET", path)["exploration"]["interactions_left"] is None


# What changed since a moment.


def test_changes_since_a_moment(live: Live, shop: str):
    retriever = learned(live, shop, min_interactions=2)
    before = iso(int(time.time() * 1000))
    taught(live, retriever, 6)
    between = iso(int(time.time() * 1000))
    taught(live, retriever, 3)
    live.ok("POST", f"/v1/retrievers/{retriever}/learned-fusion/disable")
    found = report(live, retriever, "changes", since=before)
    assert (found["since"], found["then"], found["moved"]) == (before, None, {})
    assert (found["lessons"], found["interactions"]) == (9, 9)
    weights = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights")
    for uri, now in found["now"].items():
        known = weights["feature_weights"][uri]
        assert now == {"mean": known["weight"], "low": known["low"], "high": known["high"]}
    assert found["until"] > between
    found = report(live, retriever, "changes", since=between)
    assert (found["lessons"], found["interactions"]) == (3, 3)
    for uri, moved in found["moved"].items():
        assert moved == pytest.approx(found["now"][uri]["mean"] - found["then"][uri]["mean"])
    assert sum(found["moved"].values()) == pytest.approx(0)
    told = [each["event_type"] for each in found["happened"]]
    assert told[0] == "disabled"
    assert set(told) == {"disabled", "context_transition"}
    assert len(report(live, retriever, "changes", since=between, limit=1)["happened"]) == 1


def test_changes_need_a_moment_of_the_last_year(live: Live, shop: str):
    retriever = learned(live, shop)
    path = f"/v1/retrievers/{retriever}/learned-fusion/changes"
    for since in ("2001-01-01", "2199-01-01"):
        assert live.refused("GET", f"{path}?since={since}")["code"] == "out_of_range"
    assert live.refused("GET", f"{path}?since=yesterday")["code"] == "invalid_time"
    assert live.refused("GET", path)["status"] == 400
    since = iso(int(time.time() * 1000))
    nothing = report(live, retriever, "changes", since=since)
    assert (nothing["then"], nothing["now"], nothing["moved"]) == (None, None, {})
    static = report(live, make_retriever(live, shop), "changes", since=since)
    assert "no learned stage" in static["hint"]


# Rollout and shadow mode.


def test_a_live_rollout_overrides_and_100_clears_it(live: Live, shop: str):
    retriever = learned(live, shop, rollout_pct=30.0)
    path = f"/v1/retrievers/{retriever}/learned-fusion/rollout"
    for sent, effective, override in ((10, 10, True), (0, 0, True), (99.5, 99.5, True),
                                      (100, 30, False)):  # fmt: skip
        found = live.ok("POST", path, {"rollout_pct": sent})
        assert (found["rollout_pct"], found["rollout_override"]) == (effective, override)
        assert found["config_rollout_pct"] == 30
    for wrong in (-1, 100.5, "10"):
        assert live.refused("POST", path, {"rollout_pct": wrong})["status"] == 422


def test_shadow_mode_logs_both_rankings_for_the_rollout_share_only(live: Live, shop: str):
    retriever = learned(live, shop, shadow_mode=True, rollout_pct=50.0)
    taught(live, retriever, 10)
    seen = {}
    for number in range(30):
        answer = execute(live, retriever, inputs={"user_id": f"user-{number}"})
        context = answer["learned_fusion_context"]
        inside = bucket(retriever.removeprefix("ret_"), "", f"user-{number}") < 50
        assert context["served"] is False
        assert context["reason"] == ("shadow_mode" if inside else "not_in_rollout")
        assert (context["shadow"] is not None) == inside
        seen[answer["execution_id"]] = inside
    assert 5 < sum(seen.values()) < 25
    live.ok("POST", "/v1/admin/flush")
    found = report(live, retriever, "shadow-report")
    taught_inside = sum(bucket(retriever.removeprefix("ret_"), "", f"u{n}") < 50 for n in range(10))
    assert found["executions"] == sum(seen.values()) + taught_inside
    for share in (found["overlap_at_10"], found["kendall_tau"]):
        assert share["p10"] <= share["p90"]
        assert -1 <= share["mean"] <= 1
    assert sum(each["mean"] for each in found["weights"].values()) == pytest.approx(1)


def test_the_shadow_report_moves_rewards_and_says_what_it_cannot_see(live: Live, shop: str):
    retriever = learned(live, shop, shadow_mode=True)
    taught(live, retriever, 6)
    answers = [execute(live, retriever, inputs={"user_id": f"x{n}"}) for n in range(8)]
    for number, answer in enumerate(answers[:5]):
        click(live, answer, number % 3, user_id=f"x{number}")
    live.ok("POST", "/v1/admin/flush")
    found = report(live, retriever, "shadow-report", hours=24)
    assert (found["clicks"], found["executions_with_clicks"]) == (11, 11)
    assert found["executions"] == 14
    assert 0 < found["coverage"] <= 1
    assert found["static"]["ctr_ips"] == pytest.approx(11 / 14)
    assert 0 <= found["learned"]["ndcg_at_10"] <= 1
    assert found["static"]["ndcg_at_10"] > 0.5
    low, high = found["delta"]["ci95"]
    assert low <= found["delta"]["ndcg_at_10"] <= high
    assert math.isclose(
        found["delta"]["ndcg_at_10"],
        found["learned"]["ndcg_at_10"] - found["static"]["ndcg_at_10"], abs_tol=1e-9,
    )  # fmt: skip
    assert found["delta"]["users"] == 11
    assert any("lower bounds" in each for each in found["caveats"])
    assert any("only 11 users" in each for each in found["caveats"])


def test_a_shadow_report_about_nothing_has_no_numbers(live: Live, shop: str):
    found = report(live, learned(live, shop), "shadow-report")
    assert (found["executions"], found["clicks"]) == (0, 0)
    assert found["overlap_at_10"] == {"mean": None, "p10": None, "p90": None}
    assert found["static"] == {"ndcg_at_10": None, "ctr_ips": None, "ci95": None}
    assert found["delta"]["verdict"] == "not known yet"


def test_users_under_pseudonyms_are_asked_for_by_their_own_id(tmp_path: Path):
    with serving(tmp_path, anonymize="hmac") as server:
        retriever = learned(server, make_collection(server))
        server.ok("POST", f"/v1/retrievers/{retriever}/learned-fusion/opt-out/ann")
        server.ok("POST", f"/v1/retrievers/{retriever}/learned-fusion/opt-out/bob")
        execute(server, retriever, "lamp shades", inputs={"user_id": "ann"})
        server.ok("POST", "/v1/admin/flush")
        (told,) = report(server, retriever, "activity", user_id="ann")["events"]
        assert told["user_id"].startswith("anon_")
        path = "/v1/retrievers/typeahead?q=lamp&user_id="
        assert server.ok("GET", f"{path}ann")["recent_searches"] == ["lamp shades"]
        assert server.ok("GET", f"{path}bob")["recent_searches"] == []
