"""Who is served learned weights: stable buckets, honest shares, the order of decision."""

from __future__ import annotations

import numpy as np
import pytest

from desireline.core import rollout
from desireline.types.learning import LearningConfig, Rollout

USERS = [f"user {number}" for number in range(10_000)]


@pytest.mark.parametrize("pct", [0, 1, 10, 50, 90, 100])
def test_the_share_of_users_is_the_rollout(pct: float):
    config = LearningConfig(rollout_pct=pct)
    learned = sum(rollout.decide(config, Rollout(), False, user, "ret").learned for user in USERS)
    sigma = np.sqrt(len(USERS) * pct / 100 * (1 - pct / 100))
    assert abs(learned - len(USERS) * pct / 100) <= 3 * sigma


def test_a_larger_rollout_keeps_everybody_who_was_in():
    inside: set[str] = set()
    for pct in (5, 10, 25, 80):
        rollouts = Rollout(override_pct=pct)
        now = {
            user
            for user in USERS[:2000]
            if rollout.decide(LearningConfig(), rollouts, False, user, "ret").learned
        }
        assert inside < now
        inside = now


def test_another_salt_or_retriever_shuffles():
    buckets = [rollout.bucket("ret", "", user) for user in USERS[:2000]]
    for other in (("ret", "spring"), ("ret2", "")):
        again = [rollout.bucket(*other, user) for user in USERS[:2000]]
        assert abs(np.corrcoef(buckets, again)[0, 1]) < 0.08


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("kill_switch", {}),
        ("opted_out", {"enabled": True}),
        ("not_in_rollout", {"opted_out": False}),
        ("circuit_breaker", {"pct": 100.0}),
        ("shadow_mode", {"breaker_open": False}),
        ("", {"shadow_mode": False}),
    ],
)
def test_the_first_refusal_names_the_reason(reason: str, changes: dict[str, object]):
    order = ["enabled", "opted_out", "pct", "breaker_open", "shadow_mode"]
    relaxed = {"enabled": True, "opted_out": False, "pct": 100.0, "breaker_open": False}
    facts = {"enabled": False, "opted_out": True, "pct": 0.0, "breaker_open": True}
    reached = order.index(next(iter(changes))) + 1 if changes else 0
    facts |= {name: relaxed[name] for name in order[:reached] if name in relaxed}
    decision = rollout.decide(
        LearningConfig(shadow_mode=reason != ""),
        Rollout(enabled=bool(facts["enabled"]), override_pct=float(facts["pct"])),
        bool(facts["opted_out"]),
        "ada",
        "ret",
        bool(facts["breaker_open"]),
    )
    assert (decision.reason, decision.learned) == (reason, not reason)
    assert decision.shadow == (reason == "shadow_mode")


def test_exploration_swaps_one_adjacent_pair_for_the_share_of_pages():
    rng, page = np.random.default_rng(4), list("abcdefghij")
    places = [rollout.explore_swap(page, rng, 0.05) for _ in range(10_000)]
    swapped = [(shown, at) for shown, at in places if at >= 0]
    assert abs(len(swapped) - 500) <= 3 * np.sqrt(10_000 * 0.05 * 0.95)
    assert {at for _, at in swapped} == set(range(9))
    for shown, at in swapped:
        shown[at], shown[at + 1] = shown[at + 1], shown[at]
        assert shown == page
    assert rollout.explore_swap(["only"], rng, 1.0) == (["only"], -1)
