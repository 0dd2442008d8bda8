"""What learned fusion promises through HTTP: the order of decisions, switches, sessions, levels."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.live import (
    IMAGE,
    TEXT,
    Live,
    a_name,
    a_search,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)

WEIGHTED = [a_search(weight=0.7), a_search(IMAGE, weight=0.3)]


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


def learned(**config: Any) -> Any:
    """A learned stage whose static fusion is .7/.3; no exploration swaps."""
    return a_stage(
        WEIGHTED, fusion="learned", learning_config={"exploration_traffic": 0.0, **config}
    )


def context_of(answer: Any) -> Any:
    return answer["learned_fusion_context"]


def taught(live: Live, products: str, clicks: int = 12, **config: Any) -> str:
    """A retriever that has learned from a few users."""
    retriever = make_retriever(live, products, learned(**config))
    for number in range(clicks):
        who = {"user_id": f"teacher{number % 3}", "session_id": a_name("s")}
        click(live, execute(live, retriever, inputs=who), 0)
    live.learn()
    return retriever


@pytest.fixture(scope="module")
def skilled(live: Live, products: str) -> str:
    """A retriever that has learned, whose switches nobody touches."""
    return taught(live, products)


@pytest.fixture(scope="module")
def static(live: Live, products: str) -> list[str]:
    """What the static fusion alone serves."""
    return ids(execute(live, make_retriever(live, products, a_stage(WEIGHTED, fusion="weighted"))))


def config(live: Live, retriever: str, **fields: Any) -> None:
    stage = {"config": {"stage_id": "feature_search", "parameters": {"learning_config": fields}}}
    live.ok("PATCH", f"/v1/retrievers/{retriever}", {"stages": [stage]})


def test_without_data_the_baseline_is_served_exactly(live: Live, products: str, static: list[str]):
    for algorithm in ("thompson_sampling", "logistic"):
        retriever = make_retriever(live, products, learned(algorithm=algorithm))
        plain = execute(live, make_retriever(live, products, a_stage(WEIGHTED, fusion="weighted")))
        answer = execute(live, retriever, inputs={"user_id": "anyone"})
        assert ids(answer) == static
        assert [d["score"] for d in answer["documents"]] == [d["score"] for d in plain["documents"]]
        context = context_of(answer)
        assert (context["context_level"], context["reason"]) == ("prior", "no_data")
        assert context["sampled_weights"] == {TEXT: 0.5, IMAGE: 0.5}
        assert (context["served"], context["context_key"]) == (False, "prior")


def test_the_context_is_complete(live: Live, skilled: str):
    answer = execute(live, skilled, inputs={"user_id": "teacher0", "session_id": a_name("s")})
    context = context_of(answer)
    assert set(context) == {
        "context_key", "context_level", "sampled_weights", "feature_uris", "effective_exploration",
        "served", "reason", "variant", "bucket", "experiment_id", "posterior_version", "seed",
        "shadow", "swapped",
    }  # fmt: skip
    assert (context["served"], context["variant"], context["reason"]) == (True, "learned", None)
    assert context["feature_uris"] == [TEXT, IMAGE]
    assert sum(context["sampled_weights"].values()) == pytest.approx(1)
    assert all(0.05 <= weight <= 0.95 for weight in context["sampled_weights"].values())
    assert 0 < context["effective_exploration"] <= 1
    assert 0 <= context["bucket"] < 100
    assert context["posterior_version"] > 0
    weights = list(context["sampled_weights"].values())
    for document in answer["documents"]:
        parts = document["attribution"]
        assert [part["weight"] for part in parts] == pytest.approx(weights)
        assert sum(part["contribution"] for part in parts) == pytest.approx(
            document["score"], rel=1e-5
        )
        assert all(0 <= part["norm_score"] <= 1 for part in parts)
        assert all(part["raw_score"] is not None for part in parts)


def test_a_session_keeps_its_weights_and_order(live: Live, skilled: str):
    session = {"user_id": "visitor", "session_id": a_name("session")}
    first = execute(live, skilled, inputs=session)
    for _ in range(3):
        again = execute(live, skilled, inputs=session)
        assert again["documents"] == first["documents"]
        assert context_of(again)["sampled_weights"] == context_of(first)["sampled_weights"]
    at_top = execute(live, skilled, **session)
    assert ids(at_top) == ids(first)
    drawn = {
        context_of(execute(live, skilled, inputs={"session_id": a_name("other")}))[
            "sampled_weights"
        ][TEXT]
        for _ in range(6)
    }
    assert len(drawn) > 1


def test_inputs_win_over_the_top_level(live: Live, skilled: str):
    inside = execute(live, skilled, inputs={"user_id": "teacher1"})
    outside = execute(live, skilled, user_id="teacher1")
    both = execute(live, skilled, inputs={"user_id": "teacher1"}, user_id="somebody")
    keys = {context_of(each)["context_key"] for each in (inside, outside, both)}
    buckets = {context_of(each)["bucket"] for each in (inside, outside, both)}
    assert len(keys) == len(buckets) == 1


def test_levels_go_from_personal_to_global(live: Live, products: str):
    retriever = taught(live, products, min_interactions=4, demographic_features=["INPUT.plan"])
    level = {
        name: context_of(execute(live, retriever, inputs=inputs))["context_level"]
        for name, inputs in {
            "known": {"user_id": "teacher0"},
            "unknown": {"user_id": "stranger"},
            "nobody": {},
        }.items()
    }
    assert level == {"known": "personal", "unknown": "global", "nobody": "global"}
    for _ in range(2):
        who = {"user_id": a_name("pro"), "plan": "pro"}
        click(live, execute(live, retriever, inputs=who), 0)
    live.learn()
    answer = execute(live, retriever, inputs={"user_id": "newcomer", "plan": "pro"})
    assert context_of(answer)["context_level"] == "demographic"
    assert context_of(answer)["context_key"].startswith("demographic:")
    shown = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights/newcomer?plan=pro")
    assert shown["context_level"] == "demographic"


def test_segment_is_an_alias_of_user_segment(live: Live, products: str):
    retriever = taught(live, products, demographic_features=["INPUT.user_segment"])
    click(live, execute(live, retriever, segment="gold", inputs={"user_id": "g"}), 0)
    live.learn()
    keys = {
        context_of(execute(live, retriever, **sent))["context_key"]
        for sent in ({"segment": "gold"}, {"inputs": {"segment": "gold"}},
                     {"inputs": {"user_segment": "gold"}})
    }  # fmt: skip
    assert len(keys) == 1
    assert keys.pop().startswith("demographic:")


# Switches.


def test_rollout_splits_by_user_and_only_grows(live: Live, products: str):
    retriever = taught(live, products, rollout_pct=10)
    path = f"/v1/retrievers/{retriever}/learned-fusion/rollout"

    def served() -> dict[str, bool]:
        found = {}
        for number in range(150):
            context = context_of(execute(live, retriever, user_id=f"u{number}"))
            found[f"u{number}"] = context["served"]
            assert context["served"] == (context["variant"] == "learned")
            assert context["reason"] == (None if context["served"] else "not_in_rollout")
            assert context["served"] == (context["bucket"] < pct)
        return found

    pct = 10
    few = served()
    assert few == served()
    assert live.ok("POST", path, {"rollout_pct": 50})["effective_rollout_pct"] == 50
    pct = 50
    many = served()
    assert all(many[user] for user in few if few[user])
    assert sum(few.values()) < sum(many.values())
    assert pytest.approx(sum(many.values()), abs=3 * (150 / 4) ** 0.5) == 0.5 * 150
    cleared = live.ok("POST", path, {"rollout_pct": 100})
    assert (cleared["effective_rollout_pct"], cleared["rollout_override"]) == (10, False)


def test_those_outside_the_rollout_get_the_static_ranking(
    live: Live, products: str, static: list[str]
):
    retriever = taught(live, products, rollout_pct=0)
    answer = execute(live, retriever, user_id="somebody")
    assert ids(answer) == static
    assert context_of(answer)["reason"] == "not_in_rollout"
    assert context_of(answer)["context_level"] != "prior"


def test_shadow_mode_serves_static_and_logs_the_learned_ranking(
    live: Live, products: str, static: list[str]
):
    retriever = taught(live, products, shadow_mode=True)
    answer = execute(live, retriever, user_id="u")
    context = context_of(answer)
    assert ids(answer) == static
    assert (context["served"], context["reason"]) == (False, "shadow_mode")
    shadow = context["shadow"]
    assert set(shadow["top"]) <= {f"d{n:02d}" for n in range(30)}
    assert 0 <= shadow["overlap_at_10"] <= 1
    assert -1 <= shadow["kendall_tau"] <= 1
    assert shadow["weights"] == pytest.approx(list(context["sampled_weights"].values()))
    live.ok("POST", "/v1/admin/flush")
    logged = live.ok("GET", f"/v1/retrievers/executions/{answer['execution_id']}")
    assert context_of(logged)["shadow"]["top"] == shadow["top"]
    assert context_of(logged)["sampled_weights"] == pytest.approx(
        context["sampled_weights"], rel=1e-5
    )
    assert live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/stats")["shadow_mode"] is True


def test_the_order_of_decision(live: Live, products: str):
    retriever = taught(live, products, shadow_mode=True, rollout_pct=0)
    root = f"/v1/retrievers/{retriever}/learned-fusion"

    def reason() -> Any:
        return context_of(execute(live, retriever, user_id="test account"))["reason"]

    live.ok("POST", f"{root}/disable", {"reason": "looks wrong"})
    live.ok("POST", f"{root}/opt-out/test%20account")
    assert reason() == "kill_switch"
    live.ok("POST", f"{root}/enable")
    assert reason() == "opted_out"
    live.ok("POST", f"{root}/opt-in/test%20account")
    assert reason() == "not_in_rollout"
    config(live, retriever, rollout_pct=100)
    assert reason() == "shadow_mode"
    config(live, retriever, shadow_mode=False)
    assert reason() is None


def test_the_kill_switch_is_idempotent_and_instant(live: Live, products: str, static: list[str]):
    retriever = taught(live, products)
    root = f"/v1/retrievers/{retriever}/learned-fusion"
    assert context_of(execute(live, retriever))["served"] is True
    assert live.ok("POST", f"{root}/disable")["changed"] is True
    assert live.ok("POST", f"{root}/disable")["changed"] is False
    assert ids(execute(live, retriever)) == static
    assert live.ok("GET", f"{root}/stats")["enabled"] is False
    assert live.ok("POST", f"{root}/enable")["changed"] is True
    assert context_of(execute(live, retriever))["served"] is True


@pytest.mark.parametrize("user", ["ann", "ann/b?c#d e", "ünïcode", "a%2Fb"])
def test_opting_out_works_for_any_user_id(live: Live, skilled: str, user: str):
    root = f"/v1/retrievers/{skilled}/learned-fusion"
    out = live.ok("POST", f"{root}/opt-out/{quote(user, safe='')}")
    assert out == {"user_id": user, "opted_out": True, "changed": True}
    assert context_of(execute(live, skilled, user_id=user))["reason"] == "opted_out"
    assert live.ok("POST", f"{root}/opt-out/{quote(user, safe='')}")["changed"] is False
    assert live.ok("POST", f"{root}/opt-in/{quote(user, safe='')}")["opted_out"] is False
    assert context_of(execute(live, skilled, user_id=user))["reason"] is None


def test_those_who_opted_out_teach_nothing(live: Live, products: str):
    retriever = taught(live, products)
    root = f"/v1/retrievers/{retriever}/learned-fusion"
    before = live.ok("GET", f"{root}/weights")["total_interactions"]
    live.ok("POST", f"{root}/opt-out/quiet")
    for _ in range(4):
        click(live, execute(live, retriever, user_id="quiet", session_id=a_name("s")), 0)
    live.learn()
    assert live.ok("GET", f"{root}/weights")["total_interactions"] == before
    shown = live.ok("GET", f"{root}/weights/quiet")
    assert shown["interaction_count"] == 0


def test_a_reset_forgets_a_user_and_nothing_else(live: Live, products: str):
    retriever = taught(live, products, clicks=18)
    root = f"/v1/retrievers/{retriever}/learned-fusion"
    shown = live.ok("GET", f"{root}/weights/teacher1")
    assert (shown["context_level"], shown["interaction_count"]) == ("personal", 6)
    total = live.ok("GET", f"{root}/weights")["total_interactions"]
    live.ok("DELETE", f"{root}/user/teacher1")
    after = live.ok("GET", f"{root}/weights/teacher1")
    assert (after["context_level"], after["interaction_count"]) == ("global", 0)
    assert live.ok("GET", f"{root}/weights/teacher2")["interaction_count"] == 6
    assert live.ok("GET", f"{root}/weights")["total_interactions"] == total
    body = {"retriever_id": retriever, "user_id": "teacher1"}
    assert len(live.ok("POST", "/v1/retrievers/interactions/list", body)["results"]) == 6
    answer = execute(live, retriever, user_id="teacher1")
    assert context_of(answer)["context_level"] == "global"


def test_a_retriever_without_learned_stage_says_so(live: Live, products: str):
    retriever = make_retriever(live, products)
    root = f"/v1/retrievers/{retriever}/learned-fusion"
    for path in ("weights", "weights/u", "stats"):
        shown = live.ok("GET", f"{root}/{path}")
        assert "PATCH" in shown["hint"]
    assert live.ok("GET", f"{root}/weights")["feature_weights"] == {}
    assert live.ok("GET", f"{root}/stats")["context_hit_rate"] == 0


def test_signals_list_one_decision_an_execution(live: Live, products: str):
    retriever = taught(live, products, clicks=3)
    answer = execute(live, retriever, user_id="reader")
    path = f"/v1/analytics/retrievers/{retriever}/signals?signal_type=learned_weights&hours=168"
    rows = live.ok("GET", path)
    assert len(rows) == 4
    assert rows[0]["execution_id"] == answer["execution_id"]
    assert {row["metadata"]["purpose"] for row in rows} == {"traffic"}
    assert rows[0]["signal_data"]["weights"] == pytest.approx(
        context_of(answer)["sampled_weights"], rel=1e-5
    )
    assert rows[0]["signal_data"]["served"] is True
    assert rows[-1]["signal_data"]["reason"] == "no_data"
    assert rows[-1]["signal_data"]["weights"] == {TEXT: 0.5, IMAGE: 0.5}


def test_one_arm_always_gets_all_the_weight(live: Live, products: str):
    retriever = make_retriever(live, products, a_stage([a_search()], fusion="learned"))
    click(live, execute(live, retriever), 0)
    live.learn()
    assert context_of(execute(live, retriever))["sampled_weights"] == {TEXT: 1.0}


def test_where_nothing_is_learned_yet_it_is_said_what_is_waited_for(live: Live, products: str):
    retriever = make_retriever(live, products, learned(algorithm="logistic"))
    root = f"/v1/retrievers/{retriever}/learned-fusion"
    assert live.ok("GET", f"{root}/weights")["hint"].startswith("nothing is learned yet")
    for session in range(2):
        click(live, execute(live, retriever, session_id=a_name(f"s{session}")), 0)
    for path in ("weights", "stats"):
        hint = live.ok("GET", f"{root}/{path}")["hint"]
        assert hint.startswith("2 executions are open; they teach when")
        assert "POST /v1/admin/flush" in hint
    assert live.ok("GET", f"{root}/stats")["open_executions"] == 2
    live.learn()
    shown = live.ok("GET", f"{root}/stats")
    assert (shown["hint"], shown["open_executions"]) == (None, 0)


def test_an_exploration_swap_is_visible_then_and_later(live: Live, products: str):
    retriever = taught(live, products)
    config(live, retriever, exploration_traffic=0.5)
    answers = (execute(live, retriever, purpose="test", limit=50) for _ in range(60))
    answer = next(
        each for each in answers
        if (swapped := context_of(each)["swapped"]) and swapped[1] < len(each["documents"])
    )  # fmt: skip
    first, second = context_of(answer)["swapped"]
    assert second == first + 1
    scores = [each["score"] for each in answer["documents"]]
    assert scores[first] <= scores[second]
    live.ok("POST", "/v1/admin/flush", {})
    read = live.ok("GET", f"/v1/retrievers/executions/{answer['execution_id']}")
    assert context_of(read)["swapped"] == [first, second]
    config(live, retriever, exploration_traffic=0)
    assert context_of(execute(live, retriever))["swapped"] is None
