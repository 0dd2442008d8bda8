"""Groups of documents with the same value in a field, and counts of values (facets)."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

import msgspec

from desireline.core.matching import values_of
from desireline.core.stages.candidates import Candidates, fields_of, key_of, value_of, write

OutputMode = Annotated[
    Literal["first", "all", "flatten"],
    msgspec.Meta(
        description="first: the best of each group; all: groups one after the other, each document "
        "with its `group`; flatten: the same documents in their former order"
    ),
]


class GroupBy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bring documents with the same value together."""

    group_by_field: Annotated[str, msgspec.Meta(description="dotted field")] = "source_object_id"
    max_per_group: Annotated[
        int, msgspec.Meta(ge=1, le=1000, description="documents kept of each group")
    ] = 10
    output_mode: OutputMode = "all"


class SearchGroups(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups inside a `feature_search`: formed over all candidates, before the list is cut."""

    field: Annotated[str, msgspec.Meta(description="dotted field")]
    max_per_group: (
        Annotated[int, msgspec.Meta(ge=1, le=100, description="documents kept of each group (1)")]
        | None
    ) = None
    group_size: (
        Annotated[int, msgspec.Meta(ge=1, le=100, description="another name of `max_per_group`")]
        | None
    ) = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500, description="groups kept")] = 25
    output_mode: OutputMode = "all"


class Facet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Counts of the values of one field."""

    key: Annotated[str, msgspec.Meta(description="dotted field")]
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="values answered")] = 10
    exact: Annotated[
        bool,
        msgspec.Meta(
            description="true: over every document that matches the filters, not only candidates"
        ),
    ] = False


def group_by(candidates: Candidates, how: GroupBy, groups: int | None = None) -> Candidates:
    """At most `max_per_group` of each group, at most `groups` groups, best groups first.

    A group stands where its best document stood. Documents without the field are one group. Under
    `all` and `first` each document carries `group {key, size, place}`: the value, how many
    documents had it, and the group's 0-based place.
    """
    members: dict[Any, list[int]] = {}
    for place, candidate in enumerate(candidates):
        members.setdefault(key_of(value_of(candidate, how.group_by_field)), []).append(place)
    kept = list(members.values())[:groups]
    most = 1 if how.output_mode == "first" else how.max_per_group
    if how.output_mode == "flatten":
        flat = sorted(place for group in kept for place in group[:most])
        return [candidates[place] for place in flat]
    return [
        write(
            candidates[place],
            group={
                "key": value_of(candidates[place], how.group_by_field),
                "size": len(group),
                "place": number,
            },
        )
        for number, group in enumerate(kept)
        for place in group[:most]
    ]


def as_stage(how: SearchGroups) -> GroupBy:
    """The grouping of a `feature_search` in the words of the stage."""
    most = how.max_per_group or how.group_size or 1
    return GroupBy(group_by_field=how.field, max_per_group=most, output_mode=how.output_mode)


def facet(documents: list[dict[str, Any]], how: Facet) -> list[dict[str, Any]]:
    """`[{value, count}]` of a field, most frequent first, ties by value; each document counts once
    per value.

    >>> facet([{"a": "x"}, {"a": ["x", "y", "y"]}, {}], Facet(key="a"))
    [{'value': 'x', 'count': 2}, {'value': 'y', 'count': 1}]
    """
    counts: Counter[Any] = Counter()
    values: dict[Any, Any] = {}
    for document in documents:
        found = {key_of(value): value for value in values_of(document, how.key)}
        counts.update(found.keys())
        values.update(found)
    ranked = sorted(counts, key=lambda key: (-counts[key], str(values[key])))
    return [{"value": values[key], "count": counts[key]} for key in ranked[: how.limit]]


def facets_of(candidates: Candidates, wanted: tuple[Facet, ...]) -> dict[str, list[dict[str, Any]]]:
    """Facets over candidates, by key."""
    documents = [fields_of(candidate) for candidate in candidates]
    return {how.key: facet(documents, how) for how in wanted}
