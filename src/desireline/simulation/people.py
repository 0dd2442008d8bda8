"""Simulated users: what they look for, how they ask, what they click. Not real people.

A query is made of a document's own description (words dropped, inflected, replaced by synonyms),
so the right answers are known by construction: that document is grade 3, its siblings (`subjects`)
grade 1, everything else 0. Each segment words what it looks for in its own way, and looks for one
kind of document where documents have kinds. With the taste `none`, what a user likes is drawn by
lot for every pair of query and document, held-out ones included: no ranking can be better than
another, so an honest judgement must find no gain.
Knows neither HTTP nor the retriever; chance comes from the seed alone.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.seeds import generator, seed_of
from desireline.errors import Invalid
from desireline.simulation.subjects import FEWEST_WORDS, Kin, Subject
from desireline.simulation.words import content_words, reword
from desireline.types.simulation import Taste

USERS = 150
SEARCHED_QUERIES = 240
HELD_OUT_QUERIES = 120
FEWEST_QUERIES = 30
DEPTH = 10
ATTRACTION = {3: 0.7, 1: 0.25, 0: 0.02}
LOT = {3: 0.1, 1: 0.2}


class Wording(msgspec.Struct, frozen=True):
    """How a segment asks: what it looks for and the chances of a word to be lost or changed.

    `drop_named` is the chance to lose a word that is part of the document's name. No kinds: all.
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
PLAIN_NAMES = {"functions": "in_few_words", "classes": "by_name", "modules": "in_own_words"}
"""What the same wordings are called where documents are not of these kinds."""


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

    @property
    def segments(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.searched)


class PlannedSearch(msgspec.Struct, frozen=True):
    """One search of one simulated user, before it happens."""

    number: int
    person: Person
    query: Query


class TooFewQueries(Invalid):
    """The documents cannot be asked for."""

    code = "too_few_queries"


def population(
    subjects: Sequence[Subject], seed: int, taste: Taste, prefix: str = "simulated_"
) -> Population:
    """Everybody and every query; the same subjects, seed and taste give the same.

    `prefix` keeps the ids of simulated users apart from those of real ones. Raises TooFewQueries.
    """
    kin, wordings = Kin(subjects), wordings_of(subjects)
    searched: dict[str, tuple[Query, ...]] = {}
    held_out: list[Query] = []
    texts: set[str] = set()
    for place, (segment, wording) in enumerate(wordings.items()):
        rng = generator(seed_of("demo", str(seed), segment))
        mine = subjects if wording.kinds else subjects[place :: len(wordings)]
        asked: dict[str, Subject] = {}
        for target in _targets(mine, wording.kinds, rng):
            text = _worded(target, wording, rng)
            if text not in texts:
                texts.add(text)
                asked[text] = target
        count = _searched(len(asked))
        some = itertools.islice(asked.items(), count + HELD_OUT_QUERIES)
        queries = [Query(text, segment, kin.grades(target)) for text, target in some]
        searched[segment] = tuple(queries[:count])
        held_out.extend(queries[count:])
    _enough(searched, held_out, len(subjects))
    names = tuple(searched)
    people = (Person(f"{prefix}user_{n:03d}", names[n % len(names)]) for n in range(USERS))
    return Population(tuple(people), searched, tuple(held_out), taste, seed)


def wordings_of(subjects: Sequence[Subject]) -> dict[str, Wording]:
    """The three wordings, each for a kind of its own, or for all where these kinds are not there.

    >>> list(wordings_of([]))
    ['in_few_words', 'by_name', 'in_own_words']
    """
    kinds = {subject.kind for subject in subjects}
    if all(kinds.intersection(wording.kinds) for wording in WORDINGS.values()):
        return WORDINGS
    return {
        PLAIN_NAMES[name]: msgspec.structs.replace(wording, kinds=())
        for name, wording in WORDINGS.items()
    }


def _searched(count: int) -> int:
    """How many of a segment's queries are searched; two thirds, if there are few."""
    return min(SEARCHED_QUERIES, count * 2 // 3)


def _enough(
    searched: dict[str, tuple[Query, ...]], held_out: Sequence[Query], documents: int
) -> None:
    found = len(held_out) + sum(len(some) for some in searched.values())
    if found < FEWEST_QUERIES or not all(searched.values()):
        raise TooFewQueries(
            f"simulated users can make only {found} {'query' if found == 1 else 'queries'}"
            f" of {documents:,} {'document' if documents == 1 else 'documents'}:"
            f" {FEWEST_QUERIES} are needed",
            hint=f"a query is made of a description of its own, of {FEWEST_WORDS} words or more;"
            " import more documents with text",
        )  # fmt: skip


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


def _targets(
    subjects: Sequence[Subject], kinds: tuple[str, ...], rng: np.random.Generator
) -> Iterator[Subject]:
    """Subjects, by lot, whose summary is their own and says enough to be asked for."""
    summaries = Counter(subject.summary for subject in subjects)
    for index in rng.permutation(len(subjects)):
        subject = subjects[int(index)]
        is_askable = len(content_words(subject.summary)) >= FEWEST_WORDS
        is_wanted = not kinds or subject.kind in kinds
        if is_wanted and is_askable and summaries[subject.summary] == 1:
            yield subject


def _worded(target: Subject, wording: Wording, rng: np.random.Generator) -> str:
    words, named = content_words(target.summary), set(target.name)
    drop = [wording.drop_named if word in named else wording.drop for word in words]
    return " ".join(reword(words, drop, wording.turn, wording.replace, rng))
