"""Who is served learned weights, and the small randomised share that keeps propensities estimable.

Knows the order of decision (`retriever-api.md` 6.5) and nothing of weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np

from desireline.types.learning import Decision, LearningConfig, Rollout

Entry = TypeVar("Entry")


def bucket(retriever_id: str, salt: str, subject: str) -> float:
    """A place in [0, 100) that a user keeps for ever; another salt shuffles everybody.

    >>> bucket("ret", "", "ada") == bucket("ret", "", "ada") != bucket("ret", "spring", "ada")
    True
    """
    digest = hashlib.sha256(f"{retriever_id}:{salt}:{subject}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * 100


def effective_pct(config: LearningConfig, rollout: Rollout) -> float:
    """The share of subjects in per cent: the live override, else the configured one."""
    return config.rollout_pct if rollout.override_pct is None else rollout.override_pct


def decide(
    config: LearningConfig,
    rollout: Rollout,
    opted_out: bool,  # noqa: FBT001
    subject: str,
    retriever_id: str,
    breaker_open: bool = False,  # noqa: FBT001, FBT002
) -> Decision:
    """Learned or static, by the first of: switch, opt-out, rollout, breaker, shadow mode.

    `subject` is the user, else the session, else the execution.

    >>> decide(LearningConfig(shadow_mode=True), Rollout(), False, "ada", "ret").reason
    'shadow_mode'
    """
    place = bucket(retriever_id, config.salt, subject)
    refusals = (
        ("kill_switch", not rollout.enabled),
        ("opted_out", opted_out),
        ("not_in_rollout", place >= effective_pct(config, rollout)),
        ("circuit_breaker", breaker_open),
        ("shadow_mode", config.shadow_mode),
    )
    reason = next((name for name, holds in refusals if holds), "")
    return Decision(learned=not reason, reason=reason, bucket=place, shadow=reason == "shadow_mode")


def explore_swap(
    order: Sequence[Entry], rng: np.random.Generator, share: float
) -> tuple[list[Entry], int]:
    """With probability `share`, the order with one random adjacent pair swapped.

    Returns the order and the upper place of the pair (-1: untouched). Two numbers are drawn always,
    so that a draw made later from `rng` does not depend on the outcome.

    >>> explore_swap(["a", "b"], np.random.Generator(np.random.PCG64(1)), 1.0)
    (['b', 'a'], 0)
    """
    chance, where = rng.random(2)
    shown = list(order)
    if len(shown) < 2 or chance >= share:
        return shown, -1
    at = int(where * (len(shown) - 1))
    shown[at], shown[at + 1] = shown[at + 1], shown[at]
    return shown, at


class Breaker(msgspec.Struct, frozen=True):
    """Moments (ms) of late weights in the last 30 s; `opened_ms` when five were (0: closed)."""

    late_ms: tuple[int, ...] = ()
    opened_ms: int = 0


BREAKER_WINDOW_MS = 30_000
BREAKER_LATE = 5


def is_open(breaker: Breaker, now_ms: int) -> bool:
    """Whether static fusion is served without asking for weights; half open after 30 s.

    >>> is_open(Breaker(opened_ms=1_000), 2_000), is_open(Breaker(opened_ms=1_000), 40_000)
    (True, False)
    """
    return bool(breaker.opened_ms) and now_ms - breaker.opened_ms < BREAKER_WINDOW_MS


def note(breaker: Breaker, now_ms: int, late: bool) -> Breaker:  # noqa: FBT001
    """The breaker after one more resolution of weights.

    >>> breaker = Breaker()
    >>> for now in range(1, 6): breaker = note(breaker, now, True)
    >>> is_open(breaker, 6), is_open(note(breaker, 31_000, False), 31_001)
    (True, False)
    """
    if not late:
        return breaker if not breaker.opened_ms or is_open(breaker, now_ms) else Breaker()
    recent = (*(at for at in breaker.late_ms if now_ms - at < BREAKER_WINDOW_MS), now_ms)
    opened = now_ms if len(recent) >= BREAKER_LATE or breaker.opened_ms else 0
    return Breaker(recent[-BREAKER_LATE:], opened)
