"""Stages that change scores: normalisation, and the boost of what people use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.stages.candidates import Candidates, number_of, with_score, write

Floats = npt.NDArray[np.float64]
BOOST_FIELD = "scores.interaction_boost"


class ScoreNormalize(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bring scores to a common range."""

    method: Annotated[
        Literal["min_max", "z_score", "softmax", "l2"],
        msgspec.Meta(
            description="min_max: 0..1; z_score: mean 0, deviation 1; softmax: sum 1; l2: length 1"
        ),
    ] = "min_max"
    score_field: Annotated[str, msgspec.Meta(description="dotted field of the score")] = "score"
    output_field: Annotated[
        str | None, msgspec.Meta(description="where the result goes; without: in place")
    ] = None
    min_value: Annotated[
        float | None, msgspec.Meta(description="min_max: counts as 0 (the smallest score)")
    ] = None
    max_value: Annotated[
        float | None, msgspec.Meta(description="min_max: counts as 1 (the largest score)")
    ] = None


class InteractionBoost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Raise what people used lately."""

    interaction_types: Annotated[
        tuple[str, ...],
        msgspec.Meta(min_length=1, max_length=50, description="types that are counted"),
    ] = ("click",)
    time_window_days: Annotated[
        float, msgspec.Meta(gt=0, le=365, description="older interactions are not counted")
    ] = 7.0
    boost_multiplier: Annotated[
        float, msgspec.Meta(ge=1, le=10, description="the most a score is multiplied by")
    ] = 1.2


class Rerank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order again; in this version by use only, no model runs."""

    boost_by_interaction_count: InteractionBoost
    top_k: (
        Annotated[int, msgspec.Meta(ge=1, le=5000, description="documents kept (all)")] | None
    ) = None
    not_available: ClassVar[frozenset[str]] = frozenset(
        {
            "query",
            "document_field",
            "inference_name",
            "max_candidates",
            "score_field",
            "batch_size",
            "max_document_chars",
            "max_concurrent_batches",
            "learning_config",
        }
    )
    not_available_hint: ClassVar[str] = "only `boost_by_interaction_count` and `top_k` are"


class Popularity(msgspec.Struct, frozen=True):
    """Decayed, capped, position-debiased counts by document, and the median of the nonzero ones
    of the whole corpus.
    """

    counts: Mapping[str, float] = {}
    median: float = 1.0


def score_normalize(candidates: Candidates, how: ScoreNormalize) -> Candidates:
    """The same order with other scores; a missing score counts as 0."""
    scores = np.array([number_of(c, how.score_field) or 0.0 for c in candidates])
    field = how.output_field or how.score_field
    pairs = zip(candidates, normalised(scores, how).tolist(), strict=True)
    return [with_score(candidate, field, value) for candidate, value in pairs]


def normalised(scores: Floats, how: ScoreNormalize) -> Floats:
    """(n,) scores on another scale; equal scores are all 1 under min_max, all 0 under z_score.

    >>> normalised(np.array([1.0, 3.0]), ScoreNormalize()).tolist()
    [0.0, 1.0]
    """
    if not len(scores):
        return scores
    if how.method == "z_score":
        deviation = scores.std()
        return (scores - scores.mean()) / deviation if deviation > 0 else np.zeros(len(scores))
    if how.method == "softmax":
        raised = np.exp(scores - scores.max())
        return raised / raised.sum()  # type: ignore[no-any-return]
    if how.method == "l2":
        length = np.linalg.norm(scores)
        return scores / length if length > 0 else scores
    return _min_max(scores, how)


def _min_max(scores: Floats, how: ScoreNormalize) -> Floats:
    low = scores.min() if how.min_value is None else how.min_value
    high = scores.max() if how.max_value is None else how.max_value
    if high <= low:
        return np.ones(len(scores))
    return np.clip((scores - low) / (high - low), 0.0, 1.0)


def interaction_boost(
    candidates: Candidates, how: InteractionBoost, popularity: Popularity
) -> Candidates:
    """Scores times `1 + (boost_multiplier - 1) * c / (c + c0)`, ordered again; ties as they were.

    `c` is the document's count, `c0` the median of the corpus' nonzero counts: a document used as
    much as the median gets half of the boost. The factor stands in `scores.interaction_boost`.
    With any score below 0 the scores are min-max scaled first, since a factor would lower them.
    """
    scores = np.array([candidate.score for candidate in candidates])
    if len(scores) and scores.min() < 0:
        scores = normalised(scores, ScoreNormalize())
    counts = np.array([popularity.counts.get(c.document.document_id, 0.0) for c in candidates])
    factors = 1.0 + (how.boost_multiplier - 1.0) * counts / (counts + max(popularity.median, 1e-9))
    boosted = scores * factors
    order = np.argsort(-boosted, kind="stable")
    return [
        msgspec.structs.replace(
            write(candidates[place], **{BOOST_FIELD: float(factors[place])}),
            score=float(boosted[place]),
        )
        for place in order.tolist()
    ]
