"""What documents are about, as far as someone who looks for them needs it: names, a summary, kin.

Chooses which field names a document and which describes it. Pure: knows no HTTP and no chance.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from desireline.simulation.words import content_words, name_words

MOST_SIBLINGS = 5
LONGEST_SUMMARY = 300
FEWEST_WORDS = 3
COMMON = 200
"""A word in the names of more documents than this makes nobody a sibling."""
LOOKED_AT = 500
FILLED = 0.9
"""A field describes only if it is filled this often, of how often the best filled one is."""
_SENTENCE = re.compile(r"(?<=\.)\s")


class Subject(msgspec.Struct, frozen=True):
    """A document to look for. `name` is the words that name it, `own` those that its parent lacks.

    `kind` and `parent` are "" where documents have no such field.
    """

    document_id: str
    name: tuple[str, ...]
    own: frozenset[str]
    summary: str
    kind: str = ""
    parent: str = ""


class Fields(msgspec.Struct, frozen=True):
    """The fields that name and describe a document (they may be the same)."""

    naming: str
    describing: str


def fields_of(documents: Sequence[Mapping[str, Any]], candidates: Iterable[str]) -> Fields | None:
    """The candidate with the fewest words names; of the well filled others the shortest describes.

    None where no candidate is a text in half of the documents.

    >>> shoes = [{"title": "red boot", "text": "a boot for rain and snow in winter"}] * 9
    >>> fields_of(shoes, ["text", "title", "colour"])
    Fields(naming='title', describing='text')
    """
    looked_at = documents[:: max(1, len(documents) // LOOKED_AT)]
    lengths: dict[str, float] = {}
    filled: dict[str, int] = {}
    for field in dict.fromkeys(candidates):
        texts = [text for each in looked_at if (text := _text(each, field).strip())]
        if texts and 2 * len(texts) >= len(looked_at):
            lengths[field] = sum(len(name_words(text)) for text in texts) / len(texts)
            filled[field] = len(texts)
    if not lengths:
        return None
    naming, *others = sorted(lengths, key=lambda field: lengths[field])
    most = max((filled[field] for field in others), default=0)
    telling = [
        field for field in others
        if lengths[field] >= FEWEST_WORDS and filled[field] >= FILLED * most
    ]  # fmt: skip
    return Fields(naming, telling[0] if telling else naming)


def subjects_of(documents: Iterable[Mapping[str, Any]], fields: Fields) -> list[Subject]:
    """Documents as subjects, by document_id."""
    found = [_subject(document, fields) for document in documents]
    return sorted(found, key=lambda subject: subject.document_id)


def _subject(document: Mapping[str, Any], fields: Fields) -> Subject:
    """A name that begins with its parent's name is its own only behind that."""
    name = tuple(name_words(_text(document, fields.naming)))
    parent = _text(document, "parent")
    above = tuple(name_words(parent))
    own = name[len(above) :] if name[: len(above)] == above else name
    return Subject(
        document_id=str(document["document_id"]), name=name,
        own=frozenset(word for word in own if len(word) > 2),
        summary=first_sentence(_text(document, fields.describing)),
        kind=_text(document, "kind"), parent=parent,
    )  # fmt: skip


def _text(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    return value if isinstance(value, str) else ""


def first_sentence(text: str) -> str:
    """The first sentence that says something, on one line.

    >>> first_sentence("Boots.  For rain and snow. Made in Wales.")
    'Boots. For rain and snow.'
    """
    line, said = " ".join(text.split()), ""
    for sentence in _SENTENCE.split(line):
        said = f"{said} {sentence}".strip()
        if len(content_words(said)) >= FEWEST_WORDS:
            break
    return said[:LONGEST_SUMMARY]


class Kin:
    """Who is whose sibling: same parent; without any parents, whoever shares most of the name."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._families: dict[str, list[Subject]] = defaultdict(list)
        self._named: dict[str, list[Subject]] = defaultdict(list)
        self._has_parents = any(subject.parent for subject in subjects)
        for subject in subjects:
            self._families[subject.parent].append(subject)
            for word in () if self._has_parents else subject.own:
                self._named[word].append(subject)

    def grades(self, target: Subject) -> dict[str, int]:
        """The right answers for a query about `target`: itself 3, its nearest siblings 1."""
        if self._has_parents:
            near: Iterable[Subject] = self._families[target.parent]
            least = 1
        else:
            near, least = self._alike(target), max(2, (len(target.own) + 1) // 2)
        shared = (
            (len(target.own & other.own), other.document_id) for other in near if other != target
        )
        siblings = sorted((-count, name) for count, name in shared if count >= least)
        return {target.document_id: 3} | {name: 1 for _, name in siblings[:MOST_SIBLINGS]}

    def _alike(self, target: Subject) -> list[Subject]:
        """Everybody with a word of the target's name that is not everybody's."""
        found = {
            other.document_id: other
            for word in target.own
            for other in (self._named[word] if len(self._named[word]) <= COMMON else ())
        }
        return list(found.values())
