"""Stages that order: by a score, by any field. Ties keep the order they came in."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from desireline.core.stages.candidates import Candidates, number_of, value_of

Direction = Literal["asc", "desc"]


class SortRelevance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order by a score that an earlier stage gave."""

    score_field: Annotated[
        str, msgspec.Meta(description="dotted field that holds the score; `score` is the present")
    ] = "score"
    direction: Annotated[Direction, msgspec.Meta(description="desc: largest first")] = "desc"
    missing_score: Annotated[
        Literal["bottom", "top", "preserve"],
        msgspec.Meta(description="where documents without a number go; preserve: they stay put"),
    ] = "bottom"
    not_available: ClassVar[frozenset[str]] = frozenset({"feature_address"})


class SortAttribute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Order by any field of the documents."""

    field: Annotated[str, msgspec.Meta(description="dotted field")] = "metadata.created_at"
    direction: Annotated[Direction, msgspec.Meta(description="desc: largest first")] = "desc"
    nulls_last: Annotated[
        bool, msgspec.Meta(description="false: documents without the field count as smallest")
    ] = True


def sort_relevance(candidates: Candidates, how: SortRelevance) -> Candidates:
    """Ordered by `score_field`; documents without a number as `missing_score` says.

    >>> from desireline.core.stages.candidates import Candidate
    >>> from desireline.types.retriever import Document
    >>> low, high = (
    ...     Candidate(document=Document(document_id=i, collection_id="c"), score=s)
    ...     for i, s in (("low", 1.0), ("high", 2.0)))
    >>> [c.document.document_id for c in sort_relevance([low, high], SortRelevance())]
    ['high', 'low']
    """
    scores = [number_of(candidate, how.score_field) for candidate in candidates]
    scored = [place for place, score in enumerate(scores) if score is not None]
    missing = [place for place, score in enumerate(scores) if score is None]
    ranked = sorted(scored, key=lambda place: scores[place], reverse=how.direction == "desc")  # type: ignore[arg-type, return-value]
    if how.missing_score == "preserve":
        following = iter(ranked)
        order = [
            place if scores[place] is None else next(following) for place in range(len(scores))
        ]
    else:
        order = ranked + missing if how.missing_score == "bottom" else missing + ranked
    return [candidates[place] for place in order]


def sort_attribute(candidates: Candidates, how: SortAttribute) -> Candidates:
    """Ordered by a field: numbers before texts before anything else, lists by their first entry.

    Python's sort is stable under `reverse` too, so ties keep their order in both directions.
    """
    values = [value_of(candidate, how.field) for candidate in candidates]
    falling = how.direction == "desc"
    present = [place for place, value in enumerate(values) if value is not None]
    missing = [place for place, value in enumerate(values) if value is None]
    ranked = sorted(present, key=lambda place: _sortable(values[place]), reverse=falling)
    first = not how.nulls_last and not falling
    return [candidates[place] for place in (missing + ranked if first else ranked + missing)]


def _sortable(value: Any) -> tuple[int, Any]:
    """A key under which values of any types can be compared."""
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value)
    return (2, msgspec.json.encode(value, order="deterministic"))
