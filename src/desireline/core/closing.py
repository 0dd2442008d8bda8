"""What a closed execution, or a reward that came late, has to teach.

Knows which documents count as examined (`learning.md` 2); knows neither learners nor storage.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from desireline.core.propensity import examined
from desireline.ports import RecentExecution, Shown
from desireline.types.learning import LearningConfig, Taught, TaughtDocument


def close(
    execution: RecentExecution, config: LearningConfig, thetas: Sequence[float] | None = None
) -> Taught:
    """Every document of the served page down to `examined_depth`, and below it those with a reward.

    The list is never cut at the last click: the position model explains the silence below it, and
    cutting would select on the outcome. `thetas` by absolute 0-based position; positions that it
    does not reach have the prior examination.
    """
    taught = tuple(
        document
        for place, shown in enumerate(execution.shown)
        if place < config.examined_depth or any(value for _, value in shown.rewards)
        for document in _taught(shown, _theta(shown.position, thetas), execution.searches)
    )
    return _payload(execution, taught)


def late(
    execution: RecentExecution,
    document_id: str,
    interaction_id: str,
    reward: float,
    theta: float | None = None,
) -> Taught:
    """One reward that came after the closing: a row of its own; the ignored document stays taught.

    A document that was not shown, or a reward of 0, teaches nothing: `documents` is empty.
    """
    shown = next((each for each in execution.shown if each.document_id == document_id), None)
    if shown is None or not reward:
        return _payload(execution, ())
    curve = examined(shown.position) if theta is None else theta
    found = _document(shown, curve, ((interaction_id, reward),))
    return _payload(execution, (_claimed(found, shown, execution.searches),))


def _theta(position: int, thetas: Sequence[float] | None) -> float:
    if thetas is not None and position < len(thetas):
        return float(thetas[position])
    return examined(position)


def _taught(shown: Shown, theta: float, searches: Sequence[str]) -> list[TaughtDocument]:
    """One document; one more for each search that clients named for some of its rewards."""
    # A reward of 0 (a view, a custom type) is recorded but is no engagement.
    rewards = [each for each in shown.rewards if each[1]]
    named = [shown.claims.get(interaction, "") for interaction, _ in rewards]
    groups = [
        tuple(each for each, uri in zip(rewards, named, strict=True) if uri == one)
        for one in dict.fromkeys(named)
    ]
    documents = [_document(shown, theta, group) for group in groups or [()]]
    return [_claimed(document, shown, searches) for document in documents]


def _claimed(document: TaughtDocument, shown: Shown, searches: Sequence[str]) -> TaughtDocument:
    """All of the document's credit on the search that a client named, if it named one."""
    uri = shown.claims.get(document.rewards[0][0], "") if document.rewards else ""
    if uri not in searches:
        return document
    credit = tuple(float(search == uri) for search in searches)
    return msgspec.structs.replace(document, contributions=credit)


def _document(shown: Shown, theta: float, rewards: tuple[tuple[str, float], ...]) -> TaughtDocument:
    return TaughtDocument(
        document_id=shown.document_id,
        position=shown.position,
        norm_scores=shown.norm_scores,
        contributions=shown.contributions,
        theta=theta,
        rewards=rewards,
    )


def _payload(execution: RecentExecution, documents: tuple[TaughtDocument, ...]) -> Taught:
    return Taught(
        searches=execution.searches,
        documents=documents,
        user_id=execution.user_id,
        session_id=execution.session_id,
        variant=execution.variant,
    )
