"""The learners give the values of an independent transcription of their formulas, to 1e-9."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from desireline.core import beta, logistic, policy
from desireline.core.projection import project
from desireline.types.learning import Context, LearningConfig, Taught, TaughtDocument
from tests.shared import shared_data

EXACT = {"rtol": 0, "atol": 1e-9}
PREFIXES = {"g": "", "s": "demographic:", "d": "demographic:", "u": "personal:"}


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    return json.loads(shared_data("golden/learners.json").read_text())


def key_of(short: str) -> str:
    """The file's `*`, `s0`, `u2` as keys of this program."""
    return "global" if short == "*" else PREFIXES[short[0]] + short


def document(step: dict[str, Any], row: int) -> TaughtDocument:
    clicked = step["kind"] == "late" or step["click"][row]
    engaged = clicked or step["known"][row]
    reward = step["weight"][row] if clicked else -step["weight"][row]
    return TaughtDocument(
        document_id=f"d{row}",
        position=row,
        norm_scores=tuple(step["x"][row]),
        contributions=tuple(step["x"][row]),
        theta=step["theta"][row],
        rewards=(("i", reward),) if engaged else (),
    )


def lesson(step: dict[str, Any]) -> policy.Lesson:
    if step["kind"] == "late":
        step = {**step, **{name: [step[name]] for name in ("x", "theta", "weight")}}
    documents = tuple(document(step, row) for row in range(len(step["x"])))
    return policy.Lesson(
        kind=step["kind"],
        at_ms=0,
        context_keys=tuple(key_of(each) for each in step["keys"]),
        taught=Taught(documents=documents),
    )


def test_projection(golden: dict[str, Any]) -> None:
    for case in golden["projection"]:
        weights = project(case["theta"], case["min"], case["max"])
        np.testing.assert_allclose(weights, case["w"], **EXACT)


@pytest.mark.parametrize("case", [0, 1, 2], ids=["gamma 1", "gamma .999", "gamma .9"])
def test_logistic(golden: dict[str, Any], case: int) -> None:
    expected = golden["logistic"][case]
    given = dict(expected["config"])
    searches = given.pop("searches")
    config = LearningConfig(algorithm="logistic", **given)
    state = policy.fold_all(policy.State(), map(lesson, expected["steps"]), config, searches)
    assert len(state.nodes) == len(expected["nodes"])
    for short, node in expected["nodes"].items():
        ours = state.nodes[key_of(short[2:])]
        assert isinstance(ours, logistic.LogisticNode)
        np.testing.assert_allclose(np.frombuffer(ours.mean), node["mean"], **EXACT)
        precision = np.frombuffer(ours.precision).reshape(searches + 1, -1)
        np.testing.assert_allclose(precision, node["precision"], **EXACT)
    for user, weights in expected["weights_of_mean"].items():
        context = Context(personal=f"personal:{user}", demographic="demographic:s0")
        ours = policy.mean(policy.ready(state.nodes, context, config, searches, 0))
        np.testing.assert_allclose(ours.values, weights, **EXACT)


def test_beta(golden: dict[str, Any]) -> None:
    for case in golden["beta"]:
        documents = tuple(
            TaughtDocument(
                document_id=str(place),
                position=place,
                norm_scores=tuple(each["x"]),
                contributions=tuple(np.multiply(case["weights"], each["x"]).tolist()),
                theta=1.0,
                rewards=(("i", each["reward"]),) if each["reward"] else (),
            )
            for place, each in enumerate(case["documents"])
        )
        config = LearningConfig(credit=case["credit"])
        taught = policy.Lesson(kind="close", at_ms=0, taught=Taught(documents=documents))
        nodes = policy.update({}, taught, config, 3)
        known = beta.counts(nodes["global"], 3, 0, config)
        alpha, failures = beta.parameters(known, None, config)
        np.testing.assert_allclose(alpha, case["alpha"], **EXACT)
        np.testing.assert_allclose(failures, case["beta"], **EXACT)
