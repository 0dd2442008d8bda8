"""One interaction from its receipt into the weights, as the route tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import (
    IMAGE,
    TEXT,
    Live,
    a_stage,
    click,
    execute,
    ids,
    make_collection,
    make_retriever,
)
from tests.e2e.restarts import Server

INTERACTIONS = "/v1/retrievers/interactions"
STEPS = ["received", "stored", "credited", "rewarded", "closed", "learned"]


@pytest.fixture(scope="module")
def products(live: Live) -> str:
    return make_collection(live)


def learned(live: Live, products: str, **config: Any) -> str:
    return make_retriever(live, products, a_stage(fusion="learned", learning_config=config))


def trace(live: Live, interaction: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer, and its steps by name, after their order was checked."""
    found = live.ok("GET", f"{INTERACTIONS}/{interaction['interaction_id']}/trace")
    assert [each["step"] for each in found["steps"]] == STEPS
    assert all(each["sentence"] for each in found["steps"])
    assert all(each["done"] or each["at"] is None for each in found["steps"])
    return found, {each["step"]: each for each in found["steps"]}


def done(steps: dict[str, Any]) -> list[str]:
    return [name for name in STEPS if steps[name]["done"]]


def everyone(live: Live, retriever: str) -> dict[str, float]:
    """Everyone's weights as the route of the weights has them."""
    found: dict[str, float] = live.ok("GET", f"/v1/retrievers/{retriever}/learned-fusion/weights")[
        "weights"
    ]
    return found


def test_while_its_execution_is_open(live: Live, products: str):
    retriever = learned(live, products)
    answer = execute(live, retriever, inputs={"user_id": "u9", "session_id": "s9"})
    act = click(live, answer, 1)
    found, steps = trace(live, act)
    assert done(steps) == STEPS[:4]
    assert (found["teaches"], found["teaches_reason"]) == (True, "open")
    assert found["execution_id"] == answer["execution_id"]
    assert (found["retriever_id"], found["simulated"]) == (retriever, False)
    assert steps["received"]["details"]["position"] == 1
    assert steps["received"]["details"]["user_id"] == "u9"
    assert steps["closed"]["details"]["expected_at"] > steps["received"]["at"]
    credited = steps["credited"]["details"]
    assert credited["feature_uri"] == act["feature_uri"]
    assert set(credited["scores"]) == {TEXT, IMAGE}
    assert 0 < credited["propensity"] <= 1
    assert steps["rewarded"]["details"]["reward"] > 0


@pytest.mark.parametrize("algorithm", ["thompson_sampling", "logistic"])
def test_once_it_is_learned(live: Live, products: str, algorithm: str):
    retriever = learned(live, products, algorithm=algorithm)
    click(live, execute(live, retriever, inputs={"user_id": "before"}), 3)
    live.learn()
    act = click(live, execute(live, retriever, inputs={"user_id": "u9", "session_id": "s9"}), 1)
    before = everyone(live, retriever)
    live.learn()
    _, steps = trace(live, act)
    assert done(steps) == STEPS
    assert steps["closed"]["details"]["lesson"] == "close"
    details = steps["learned"]["details"]
    assert details["posterior_version"] == steps["closed"]["details"]["seq"]
    shared, personal = details["contexts"]
    assert (shared["level"], personal["level"]) == ("global", "personal")
    assert (shared["interactions_before"], shared["interactions_after"]) == (1, 2)
    assert (personal["interactions_before"], personal["interactions_after"]) == (0, 1)
    assert shared["before"] == pytest.approx(before, abs=1e-6)
    assert shared["after"] == pytest.approx(everyone(live, retriever), abs=1e-6)
    if algorithm == "thompson_sampling":
        assert personal["before"] == {TEXT: 0.5, IMAGE: 0.5}
    else:  # a deviation from everyone, of which nothing is known yet
        assert personal["before"] == pytest.approx(shared["before"])


def test_a_reward_that_came_late(live: Live, products: str):
    retriever = learned(live, products)
    answer = execute(live, retriever)
    click(live, answer, 0)
    live.learn()
    act = click(live, answer, 4)
    assert act["teaches_reason"] == "late"
    live.learn()
    _, steps = trace(live, act)
    assert done(steps) == STEPS
    assert steps["closed"]["details"] == {
        "lesson": "late", "seq": steps["learned"]["details"]["posterior_version"], "documents": 1,
    }  # fmt: skip
    (shared,) = steps["learned"]["details"]["contexts"]
    assert shared["interactions_after"] == shared["interactions_before"] + 1 == 2


def test_what_does_not_teach_says_why(live: Live, products: str):
    static = make_retriever(live, products)
    act = click(live, execute(live, static), 0)
    found, steps = trace(live, act)
    assert done(steps) == ["received", "stored", "credited", "rewarded"]
    assert found["teaches"] is False
    assert "no stage with fusion `learned`" in steps["closed"]["sentence"]
    assert "no stage with fusion `learned`" in steps["learned"]["sentence"]
    retriever = learned(live, products)
    answer = execute(live, retriever)
    view = click(live, answer, 1, kind="impression")
    _, steps = trace(live, view)
    assert not steps["rewarded"]["done"]
    assert "no reward" in steps["closed"]["sentence"]
    alone = live.ok(
        "POST",
        INTERACTIONS,
        {"feature_id": "elsewhere", "interaction_type": ["click"], "position": 0},
    )
    found, steps = trace(live, alone)
    assert done(steps) == ["received", "stored", "rewarded"]
    assert found["execution_id"] is None
    assert "no execution showed this document" in steps["credited"]["sentence"]


def test_what_is_simulated_says_so(live: Live, products: str):
    retriever = learned(live, products)
    act = click(live, execute(live, retriever, purpose="simulation"), 0)
    found, _ = trace(live, act)
    assert found["simulated"] is True
    assert found["teaches"] is True


def test_what_is_deleted_or_unknown_is_not_found(live: Live, products: str):
    retriever = learned(live, products)
    act = click(live, execute(live, retriever), 0)
    path = f"{INTERACTIONS}/{act['interaction_id']}"
    live.ok("DELETE", path)
    for gone in (path, f"{INTERACTIONS}/int_{'0' * 31}1"):
        refused = live.refused("GET", f"{gone}/trace")
        assert (refused["status"], refused["code"]) == (404, "interaction_not_found")
    assert live.refused("GET", f"{INTERACTIONS}/none/trace")["status"] == 422


def test_after_a_new_configuration_and_in_a_new_generation(live: Live, products: str):
    retriever = learned(live, products)
    other = click(live, execute(live, retriever, inputs={"user_id": "a"}), 0)
    act = click(live, execute(live, retriever, inputs={"user_id": "b"}), 2)
    live.learn()
    _, steps = trace(live, act)
    first = steps["learned"]["details"]
    stage = a_stage(fusion="learned", learning_config={"prior_alpha": 4.0, "prior_beta": 4.0})
    live.ok("PATCH", f"/v1/retrievers/{retriever}", {"stages": [stage]})
    _, steps = trace(live, act)
    second = steps["learned"]["details"]
    assert second["posterior_version"] == first["posterior_version"]
    assert second["contexts"][0]["after"] != first["contexts"][0]["after"]
    live.ok("DELETE", f"{INTERACTIONS}/{other['interaction_id']}")
    live.learn()
    _, steps = trace(live, act)
    third = steps["learned"]["details"]
    assert third["posterior_version"] > first["posterior_version"]
    assert (first["contexts"][0]["interactions_after"],
            third["contexts"][0]["interactions_after"]) == (2, 1)  # fmt: skip
    now = everyone(live, retriever)
    assert third["contexts"][0]["after"] == pytest.approx(now, abs=1e-6)


def test_after_a_restart(tmp_path: Path):
    with Server(tmp_path) as server:
        live = server.start()
        retriever = learned(live, make_collection(live, 10))
        act = click(live, execute(live, retriever), 0)
        live.learn()
        waiting = click(live, execute(live, retriever), 1)
        before, _ = trace(live, act)
        assert server.stop() == 0
        live = server.start()
        after, _ = trace(live, act)
        assert after == before
        _, steps = trace(live, waiting)
        assert done(steps) == STEPS[:4]
        assert steps["closed"]["details"]["expected_at"]
        assert ids(execute(live, retriever))
        assert server.stop() == 0
