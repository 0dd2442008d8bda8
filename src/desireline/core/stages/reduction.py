"""Stages that leave documents out: limit, deduplicate, sample. What stays keeps its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.stages.candidates import Candidate, Candidates, at, key_of, value_of

SHINGLE = 3  # words
READ = 2_000  # characters of a text that are compared


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep some of the first documents."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="documents kept at most")] = 10
    offset: Annotated[
        int, msgspec.Meta(ge=0, le=10_000, description="documents left out before them")
    ] = 0


class Deduplicate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep one of each: by equal fields, or by texts that are nearly the same."""

    strategy: Annotated[
        Literal["field", "content"],
        msgspec.Meta(description="field: equal values; content: similar texts"),
    ] = "field"
    fields: Annotated[
        tuple[str, ...], msgspec.Meta(description="dotted fields that must all be equal")
    ] = ("document_id",)
    content_field: Annotated[
        str,
        msgspec.Meta(description="the text of which `content` compares the first 2,000 characters"),
    ] = "content"
    similarity_threshold: Annotated[
        float,
        msgspec.Meta(
            ge=0, le=1, description="Jaccard similarity of three-word runs, from which is the same"
        ),
    ] = 0.95
    keep: Annotated[
        Literal["first", "last"], msgspec.Meta(description="which of the same stays")
    ] = "first"
    case_sensitive: Annotated[bool, msgspec.Meta(description="whether A and a differ")] = True


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keep some documents by chance."""

    count: Annotated[int, msgspec.Meta(ge=1, le=1000, description="documents kept at most")] = 10
    strategy: Annotated[
        Literal["random", "stratified", "reservoir"],
        msgspec.Meta(description="stratified: in proportion to the values of `stratify_by`"),
    ] = "random"
    stratify_by: Annotated[
        str | None, msgspec.Meta(description="dotted field, needed by `stratified`")
    ] = None
    min_per_stratum: Annotated[
        int, msgspec.Meta(ge=0, le=1000, description="documents of each value, while they last")
    ] = 1
    seed: (
        Annotated[
            int,
            msgspec.Meta(
                ge=0,
                le=2**63 - 1,
                description="same seed, same choice; without: new each execution",
            ),
        ]
        | None
    ) = None
    preserve_top_k: Annotated[
        int, msgspec.Meta(ge=0, le=1000, description="first documents that always stay")
    ] = 0


def limit(candidates: Candidates, how: Limit) -> Candidates:
    """`limit` documents from `offset` on."""
    return candidates[how.offset : how.offset + how.limit]


def deduplicate(candidates: Candidates, how: Deduplicate) -> Candidates:
    """One of each; `keep` says which, and it stays where it stood.

    Under `field` a missing value equals a missing value, as in SQL's DISTINCT. Under `content`
    texts are compared by the Jaccard similarity of their three-word shingles (Broder 1997,
    https://doi.org/10.1109/SEQUEN.1997.666900), of their first 2,000 characters; a document without
    text is like no other.
    """
    places = list(range(len(candidates)))
    if how.keep == "last":
        places.reverse()
    if how.strategy == "field":
        kept = _first_of_each(places, lambda place: _field_key(candidates[place], how))
    else:
        kept = _unlike(places, [_shingles(candidate, how) for candidate in candidates], how)
    return at(candidates, sorted(kept))


def _first_of_each(places: Iterable[int], key: Callable[[int], Any]) -> list[int]:
    seen: dict[Any, int] = {}
    for place in places:
        seen.setdefault(key(place), place)
    return list(seen.values())


def _field_key(candidate: Candidate, how: Deduplicate) -> tuple[Any, ...]:
    values = [value_of(candidate, field) for field in how.fields]
    if not how.case_sensitive:
        values = [value.casefold() if isinstance(value, str) else value for value in values]
    return tuple(key_of(value) for value in values)


def _shingles(candidate: Candidate, how: Deduplicate) -> set[tuple[str, ...]]:
    value = value_of(candidate, how.content_field)
    text = value[:READ] if isinstance(value, str) else ""
    words = (text if how.case_sensitive else text.casefold()).split()
    runs = max(1, len(words) - SHINGLE + 1) if words else 0
    return {tuple(words[start : start + SHINGLE]) for start in range(runs)}


def _unlike(
    places: Iterable[int], shingles: Sequence[set[tuple[str, ...]]], how: Deduplicate
) -> list[int]:
    """Each is compared with all that were kept before in one step: the list of candidates may be
    long, and a server waits.
    """
    shared = _shared(shingles)
    sizes = np.array([len(each) for each in shingles])
    flat = np.zeros(sum(map(len, shared)), dtype=np.intp)  # numbers of those compared, end to end
    starts: list[int] = []
    compared: list[int] = []
    filled = 0
    marked = np.zeros(int(max((each.max() for each in shared if len(each)), default=0)) + 1, bool)
    kept: list[int] = []
    for place in places:
        own = shared[place]
        if compared and len(own):
            marked[own] = True
            both = np.add.reduceat(marked[flat[:filled]], starts, dtype=np.intp)
            marked[own] = False
            like = both / (sizes[place] + sizes[compared] - both)
            if ((both > 0) & (like >= how.similarity_threshold)).any():
                continue
        kept.append(place)
        if len(own):
            flat[filled : filled + len(own)] = own
            starts.append(filled)
            compared.append(place)
            filled += len(own)
    return kept


def _shared(shingles: Sequence[set[tuple[str, ...]]]) -> list[npt.NDArray[np.intp]]:
    """By number, the shingles of each text that stand in another one too."""
    counts = Counter(run for each in shingles for run in each)
    numbers = {run: number for number, run in enumerate(r for r, n in counts.items() if n > 1)}
    return [
        np.array([numbers[run] for run in each if run in numbers], dtype=np.intp)
        for each in shingles
    ]


def sample(candidates: Candidates, how: Sample, rng: np.random.Generator) -> Candidates:
    """`count` documents in their order: the first `preserve_top_k`, the others by chance."""
    if how.count >= len(candidates):
        return candidates
    held = min(how.preserve_top_k, how.count)
    rest = np.arange(held, len(candidates))
    wanted = how.count - held
    if how.strategy == "stratified":
        chosen = _stratified(candidates, rest, wanted, how, rng)
    elif how.strategy == "reservoir":
        chosen = _reservoir(rest, wanted, rng)
    else:
        chosen = rng.choice(rest, wanted, replace=False).tolist()
    return at(candidates, [*range(held), *sorted(chosen)])


def _reservoir(places: Any, count: int, rng: np.random.Generator) -> list[int]:
    """Algorithm R (Vitter 1985, https://doi.org/10.1145/3147.3165): one pass, uniform."""
    held = places[:count].tolist()
    for seen in range(count, len(places)):
        slot = int(rng.integers(0, seen + 1))
        if slot < count:
            held[slot] = int(places[seen])
    return held  # type: ignore[no-any-return]


def _stratified(
    candidates: Candidates, places: Any, count: int, how: Sample, rng: np.random.Generator
) -> list[int]:
    strata: dict[Any, list[int]] = {}
    for place in places.tolist():
        value = value_of(candidates[place], how.stratify_by or "")
        strata.setdefault(key_of(value), []).append(place)
    shares = _shares([len(stratum) for stratum in strata.values()], count, how.min_per_stratum)
    chosen: list[int] = []
    for stratum, share in zip(strata.values(), shares, strict=True):
        chosen.extend(rng.choice(stratum, share, replace=False).tolist())
    return chosen


def _shares(sizes: list[int], count: int, least: int) -> list[int]:
    """How many of each stratum: `least` of each first, the rest by largest remainder.

    >>> _shares([8, 2], 5, 1), _shares([8, 1, 1], 3, 0), _shares([5, 5, 5], 2, 1)
    ([4, 1], [3, 0, 0], [1, 1, 0])
    """
    shares, left = [0] * len(sizes), min(count, sum(sizes))
    for round_ in range(least):
        open_ = [place for place, size in enumerate(sizes) if round_ < size][:left]
        if not open_:
            break
        for place in open_:
            shares[place] += 1
        left -= len(open_)
    all_, total = np.asarray(sizes), sum(sizes)
    for _ in range(left):
        taken = np.asarray(shares)
        owed = np.where(taken < all_, count * all_ / total - taken, -np.inf)
        shares[int(np.argmax(owed))] += 1
    return shares
