"""Lessons with defaults for all that a test of the learners does not care about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from desireline.core import policy
from desireline.types.learning import Context, Taught, TaughtDocument

SEARCHES = 3
DAY = 86_400_000
ADA = Context(personal="personal:ada", demographic="demographic:eu", session="session:1")
BOB = Context(personal="personal:bob", demographic="demographic:eu")


def a_document(
    scores: Sequence[float] = (0.9, 0.4, 0.1), *rewards: float, position: int = 0, theta: float = 0
) -> TaughtDocument:
    return TaughtDocument(
        document_id=f"d{position}",
        position=position,
        norm_scores=tuple(scores),
        contributions=tuple(scores),
        theta=theta or 1 / (position + 1),
        rewards=tuple((f"i{place}", each) for place, each in enumerate(rewards)),
    )


def a_lesson(
    *documents: TaughtDocument,
    kind: policy.Kind = "close",
    context: Context = ADA,
    day: float = 0,
    user: str = "ada",
    variant: str = "learned",
) -> policy.Lesson:
    return policy.Lesson(
        kind=kind,
        at_ms=int(day * DAY),
        context_keys=context.keys,
        taught=Taught(documents=documents, user_id=user, variant=variant),
    )


def some_lessons(count: int, seed: int = 0) -> list[policy.Lesson]:
    """Closings and late rewards of two users, with clicks, purchases and skips."""
    rng = np.random.default_rng(seed)
    return [_any_lesson(rng, number) for number in range(count)]


def _any_lesson(rng: np.random.Generator, number: int) -> policy.Lesson:
    context, user = [(ADA, "ada"), (BOB, "bob")][int(rng.integers(2))]
    late = rng.random() < 0.2
    documents = []
    for position in range(1 if late else 6):
        scores = rng.random(SEARCHES).tolist()
        chances = np.array([0.25 if late else 0.0, 0.75, 0.15, 0.1])
        drawn = rng.choice([3.0, 0.0, 1.0, -0.5], p=chances / chances.sum())
        reward = float(drawn) or (1.0 if late else 0.0)
        documents.append(a_document(scores, *([reward] if reward else []), position=position))
    kind: policy.Kind = "late" if late else "close"
    return a_lesson(*documents, kind=kind, context=context, user=user, day=number / 10)


unit = st.floats(0, 1)
documents = st.builds(
    lambda scores, reward, position: a_document(
        scores, *([reward] if reward else []), position=position
    ),
    st.tuples(unit, unit, unit),
    st.sampled_from([0.0, 0.0, 1.0, 3.0, -0.5, -2.0]),
    st.integers(0, 9),
)
lessons = st.builds(
    lambda found, kind, day, context: a_lesson(*found, kind=kind, day=day, context=context),
    st.lists(documents, min_size=1, max_size=6),
    st.sampled_from(["close", "close", "late"]),
    st.integers(0, 500),
    st.sampled_from([ADA, BOB]),
)


def choose(*standing: object) -> object:
    """One draw; the last but one argument is the generator when a session follows it."""
    *where, rng = standing
    return policy.draw(policy.ready(*where), rng)  # type: ignore[arg-type]


def draws(*standing: object) -> object:
    """Many draws: what `policy.ready` takes, then the generator and the count."""
    *where, rng, count = standing
    return policy.draw_many(policy.ready(*where), rng, count)  # type: ignore[arg-type]
