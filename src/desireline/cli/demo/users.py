"""Simulated users of the demo: what they look for, how they ask, what they click. Never real people.

A query is made of a document's own summary line (words dropped, inflected, replaced by synonyms), so
the right answers are known by construction: that document is grade 3, its siblings (same class or
module, similar name) grade 1, everything else 0. Each segment looks for one kind of document.
Knows neither HTTP nor the retriever; chance comes from the seed alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from desireline.cli.demo.corpus import LibraryDocument
from desireline.cli.demo.words import content_words, name_words, reword
from desireline.core.seeds import generator, seed_of

Taste = Literal["segments", "none"]

SEGMENTS = ("functions", "classes", "modules")
USERS = 150
SEARCHED_QUERIES = 240
HELD_OUT_QUERIES = 120
MOST_SIBLINGS = 5
DEPTH = 10
ATTRACTION = {3: 0.7, 1: 0.25, 0: 0.02}
ATTRACTION_WITHOUT_TASTE = 0.2


class Wording(msgspec.Struct, frozen=True):
    """How a segment asks: what it looks for and the chances of a word to be lost or changed."""

    kinds: tuple[str, ...]
    drop: float
    turn: float
    replace: float


WORDINGS = {
    "functions": Wording(("function", "method"), drop=0.25, turn=0.15, replace=0.1),
    "classes": Wording(("class",), drop=0.25, turn=0.15, replace=0.1),
    "modules": Wording(("module",), drop=0.25, turn=0.15, replace=0.1),
}


class Query(msgspec.Struct, frozen=True):
    """What someone of this segment types, and its right answers: document_id -> grade (3 or 1)."""

    text: str
    segment: str
    grades: dict[str, int]


class Person(msgspec.Struct, frozen=True):
    """A simulated user."""

    user_id: str
    segment: str


class Population(msgspec.Struct, frozen=True):
    """The simulated users, the queries they search, and queries that none of them ever searches."""

    people: tuple[Person, ...]
    searched: dict[str, tuple[Query, ...]]
    held_out: tuple[Query, ...]
    taste: Taste
    seed: int


class PlannedSearch(msgspec.Struct, frozen=True):
    """One search of one simulated user, before it happens."""

    number: int
    person: Person
    query: Query


def population(documents: Sequence[LibraryDocument], seed: int, taste: Taste) -> Population:
    """Everybody and every query; the same documents, seed and taste give the same."""
    right = _answers(documents)
    searched, held_out = {}, []
    for segment in SEGMENTS:
        queries = _queries(documents, right, segment, generator(seed_of("demo", str(seed), segment)))
        searched[segment] = tuple(queries[:SEARCHED_QUERIES])
        held_out.extend(queries[SEARCHED_QUERIES:])
    people = (Person(f"user_{n:03d}", SEGMENTS[n % len(SEGMENTS)]) for n in range(USERS))
    return Population(tuple(people), searched, tuple(held_out), taste, seed)


def plan(everyone: Population, count: int) -> list[PlannedSearch]:
    """Who searches what, in order: users by Zipf .7, queries of their segment by Zipf .6."""
    rng = generator(seed_of("demo-plan", str(everyone.seed)))
    users = rng.choice(len(everyone.people), size=count, p=_zipf(len(everyone.people), 0.7))
    popularity = {name: _zipf(len(some), 0.6) for name, some in everyone.searched.items()}
    planned = []
    for number, user in enumerate(users):
        person = everyone.people[int(user)]
        queries = everyone.searched[person.segment]
        query = queries[int(rng.choice(len(queries), p=popularity[person.segment]))]
        planned.append(PlannedSearch(number, person, query))
    return planned


def clicks(everyone: Population, search: PlannedSearch, shown: Sequence[str]) -> list[int]:
    """The 0-based positions clicked: examined with chance 1/(position + 1), then attracted or not."""
    rng = generator(seed_of("demo-click", str(everyone.seed), str(search.number)))
    chances = rng.random(DEPTH)
    return [
        position
        for position, document_id in enumerate(shown[:DEPTH])
        if chances[position] < attraction(everyone.taste, search.query, document_id) / (position + 1)
    ]


def attraction(taste: Taste, query: Query, document_id: str) -> float:
    """Chance that an examined document is clicked. Without taste it is the same for every document:
    such clicks say nothing of the documents, so there is nothing to learn from them."""
    if taste == "none":
        return ATTRACTION_WITHOUT_TASTE
    return ATTRACTION[query.grades.get(document_id, 0)]


def _zipf(count: int, exponent: float) -> np.ndarray:
    mass = 1.0 / np.arange(1, count + 1) ** exponent
    return mass / mass.sum()


def _answers(documents: Sequence[LibraryDocument]) -> Mapping[str, list[LibraryDocument]]:
    families: dict[str, list[LibraryDocument]] = defaultdict(list)
    for document in documents:
        families[document.parent].append(document)
    return families


def _queries(
    documents: Sequence[LibraryDocument],
    families: Mapping[str, list[LibraryDocument]],
    segment: str,
    rng: np.random.Generator,
) -> list[Query]:
    """Queries of one segment, each about another document, all texts different."""
    wording = WORDINGS[segment]
    targets = _targets(documents, wording.kinds)
    wanted = min(SEARCHED_QUERIES + HELD_OUT_QUERIES, len(targets))
    queries: dict[str, Query] = {}
    for index in rng.permutation(len(targets)):
        target = targets[int(index)]
        words = content_words(target.summary)
        text = " ".join(reword(words, wording.drop, wording.turn, wording.replace, rng))
        queries.setdefault(text, Query(text, segment, grades(target, families[target.parent])))
        if len(queries) == wanted:
            break
    return list(queries.values())


def _targets(documents: Sequence[LibraryDocument], kinds: tuple[str, ...]) -> list[LibraryDocument]:
    """Documents whose summary is their own and says enough to be asked for."""
    summaries = Counter(document.summary for document in documents)
    return [
        document
        for document in documents
        if document.kind in kinds
        and summaries[document.summary] == 1
        and len(content_words(document.summary)) >= 3
    ]


def grades(target: LibraryDocument, family: Sequence[LibraryDocument]) -> dict[str, int]:
    """The right answers for a query about `target`: itself 3, its nearest siblings 1."""
    own = _own_words(target)
    near = [(len(own & _own_words(other)), other.document_id) for other in family if other != target]
    siblings = sorted((-shared, document_id) for shared, document_id in near if shared)
    return {target.document_id: 3} | {other: 1 for _, other in siblings[:MOST_SIBLINGS]}


def _own_words(document: LibraryDocument) -> set[str]:
    last = document.document_id.rpartition(".")[2]
    return {word for word in name_words(last) if len(word) > 2}
