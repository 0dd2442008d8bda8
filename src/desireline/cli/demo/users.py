"""Simulated users of the demo: what they look for, how they ask, what they click. Not real people.

A query is made of a document's own summary line (words dropped, inflected, replaced by synonyms),
so the right answers are known by construction: that document is grade 3, its siblings (same class
or module, similar name) grade 1, everything else 0. Each segment looks for one kind of document and
words it in its own way. With the taste `none`, what a user likes is drawn by lot for every pair of
query and document, held-out ones included: no ranking can be better than another, so an honest demo
must find no gain.
Knows neither HTTP nor the retriever; chance comes from the seed alone.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

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
LOT = {3: 0.1, 1: 0.2}


class Wording(msgspec.Struct, frozen=True):
    """How a segment asks: what it looks for and the chances of a word to be lost or changed.

    `drop_named` is the chance to lose a word that is part of the document's name.
    """

    kinds: tuple[str, ...]
    drop: float
    drop_named: float
    turn: float
    replace: float


WORDINGS = {
    "functions": Wording(("function",), drop=0.35, drop_named=0.35, turn=0.1, replace=0.1),
    "classes": Wording(("class",), drop=0.75, drop_named=0.0, turn=0.1, replace=0.1),
    "modules": Wording(("module",), drop=0.2, drop_named=0.5, turn=0.3, replace=0.8),
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
    families = _families(documents)
    searched: dict[str, tuple[Query, ...]] = {}
    held_out: list[Query] = []
    texts: set[str] = set()
    for segment in SEGMENTS:
        rng = generator(seed_of("demo", str(seed), segment))
        queries = []
        for target in _targets(documents, WORDINGS[segment].kinds, rng):
            text = _worded(target, WORDINGS[segment], rng)
            if text not in texts:
                texts.add(text)
                queries.append(Query(text, segment, grades(target, families[target.parent])))
        searched[segment] = tuple(queries[:SEARCHED_QUERIES])
        held_out.extend(queries[SEARCHED_QUERIES : SEARCHED_QUERIES + HELD_OUT_QUERIES])
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
    """The 0-based positions clicked: examined with chance 1/(position + 1), and then attractive."""
    rng = generator(seed_of("demo-click", str(everyone.seed), str(search.number)))
    chances = rng.random(DEPTH)
    return [
        position
        for position, document_id in enumerate(shown[:DEPTH])
        if chances[position] * (position + 1)
        < ATTRACTION[grade(everyone, search.query, document_id)]
    ]


def grade(everyone: Population, query: Query, document_id: str) -> int:
    """How good the document is for who asks this: 3, 1 or 0."""
    if everyone.taste == "segments":
        return query.grades.get(document_id, 0)
    lot = seed_of("demo-lot", str(everyone.seed), query.text, document_id) / 2**64
    return 3 if lot < LOT[3] else 1 if lot < LOT[3] + LOT[1] else 0


def all_grades(everyone: Population, query: Query) -> list[int]:
    """The best grades there are for the query: what an ideal ranking would show."""
    return list(query.grades.values()) if everyone.taste == "segments" else [3] * DEPTH


def _zipf(count: int, exponent: float) -> npt.NDArray[np.float64]:
    mass = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    return np.asarray(mass / mass.sum())


def _families(documents: Sequence[LibraryDocument]) -> Mapping[str, list[LibraryDocument]]:
    families: dict[str, list[LibraryDocument]] = defaultdict(list)
    for document in documents:
        families[document.parent].append(document)
    return families


def _targets(
    documents: Sequence[LibraryDocument], kinds: tuple[str, ...], rng: np.random.Generator
) -> Iterator[LibraryDocument]:
    """Documents, by lot, whose summary is their own and says enough to be asked for."""
    summaries = Counter(document.summary for document in documents)
    for index in rng.permutation(len(documents)):
        document = documents[int(index)]
        is_askable = len(content_words(document.summary)) >= 3
        if document.kind in kinds and is_askable and summaries[document.summary] == 1:
            yield document


def _worded(target: LibraryDocument, wording: Wording, rng: np.random.Generator) -> str:
    words = content_words(target.summary)
    named = set(name_words(target.document_id))
    drop = [wording.drop_named if word in named else wording.drop for word in words]
    return " ".join(reword(words, drop, wording.turn, wording.replace, rng))


def grades(target: LibraryDocument, family: Sequence[LibraryDocument]) -> dict[str, int]:
    """The right answers for a query about `target`: itself 3, its nearest siblings 1."""
    own = _own_words(target)
    near = [
        (len(own & _own_words(other)), other.document_id) for other in family if other != target
    ]
    siblings = sorted((-shared, document_id) for shared, document_id in near if shared)
    return {target.document_id: 3} | {other: 1 for _, other in siblings[:MOST_SIBLINGS]}


def _own_words(document: LibraryDocument) -> set[str]:
    last = document.document_id.rpartition(".")[2]
    return {word for word in name_words(last) if len(word) > 2}
