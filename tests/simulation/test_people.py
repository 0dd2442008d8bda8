"""Simulated users: right answers by construction, nothing leaks, everything by seed."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from desireline.cli.demo import corpus
from desireline.cli.demo.play import FIELDS
from desireline.simulation import people, subjects
from desireline.simulation.subjects import Kin
from desireline.simulation.words import STOP_WORDS, SYNONYMS
from tests.simulation.shop import shop


@pytest.fixture(scope="module")
def library():
    return subjects.subjects_of([msgspec.to_builtins(each) for each in corpus.documents()], FIELDS)


@pytest.fixture(scope="module")
def everyone(library):
    return people.population(library, 0, "segments")


def queries(everyone):
    return [*itertools.chain.from_iterable(everyone.searched.values()), *everyone.held_out]


def target(query):
    return next(document_id for document_id, grade in query.grades.items() if grade == 3)


def test_one_right_answer_of_the_segments_kind_and_its_siblings(library, everyone):
    known = {document.document_id: document for document in library}
    for query in queries(everyone):
        assert sorted(query.grades.values())[-1] == 3
        assert list(query.grades.values()).count(3) == 1
        right = known[target(query)]
        assert right.kind in people.WORDINGS[query.segment].kinds
        assert {known[other].parent for other in query.grades} == {right.parent}
        assert len(query.grades) <= 1 + subjects.MOST_SIBLINGS


def test_siblings_share_a_word_of_their_names(library):
    known = {document.document_id: document for document in library}
    kin = Kin(library)
    found = kin.grades(known["tempfile.mkdtemp"])
    assert found["tempfile.mkdtemp"] == 3
    found = kin.grades(known["tempfile.TemporaryFile"])
    assert found["tempfile.NamedTemporaryFile"] == 1


def test_nobody_searches_a_held_out_query_nor_looks_for_its_document(everyone):
    searched = [*itertools.chain.from_iterable(everyone.searched.values())]
    assert not {q.text for q in searched} & {q.text for q in everyone.held_out}
    for segment in everyone.segments:
        looked_for = {target(q) for q in everyone.searched[segment]}
        judged = {target(q) for q in everyone.held_out if q.segment == segment}
        assert len(judged) == people.HELD_OUT_QUERIES
        assert not looked_for & judged
    planned = {search.query.text for search in people.plan(everyone, 3000)}
    assert not planned & {q.text for q in everyone.held_out}


def test_queries_differ_from_summaries_but_come_from_them(library, everyone):
    summaries = {document.document_id: document.summary.lower() for document in library}
    new_words = set(itertools.chain.from_iterable(text.split() for text in SYNONYMS.values()))
    same = 0
    for query in queries(everyone):
        words = query.text.split()
        assert 2 <= len(words) <= 12
        assert not STOP_WORDS & set(words)
        summary = summaries[target(query)]
        kept = [word for word in words if word[:2] in summary or word in new_words]
        assert kept == words
        same += query.text == summary.rstrip(".")
    assert same <= 10  # a short summary may survive whole


def test_the_seed_decides_everything(library, everyone):
    again = people.population(library, 0, "segments")
    other = people.population(library, 1, "segments")
    assert again == everyone
    assert other.held_out != everyone.held_out
    assert people.plan(again, 50) == people.plan(everyone, 50)
    search = people.plan(everyone, 1)[0]
    shown = [target(search.query)] * 10
    assert people.clicks(everyone, search, shown) == people.clicks(again, search, shown)


def test_users_of_a_segment_search_its_queries(everyone):
    for search in people.plan(everyone, 300):
        assert search.query in everyone.searched[search.person.segment]


def test_clicks_fall_with_the_position_and_rise_with_the_grade(everyone):
    shown = np.zeros((2, 10))
    for search in people.plan(everyone, 4000):
        right = [target(search.query)] * 10
        shown[0, people.clicks(everyone, search, right)] += 1
        shown[1, people.clicks(everyone, search, ["nothing"] * 10)] += 1
    rates = shown / 4000
    expected = np.array([[0.7], [0.02]]) / np.arange(1, 11)
    assert np.abs(rates - expected).max() < 0.025


def test_without_taste_likes_are_drawn_by_lot(library, everyone):
    nothing = people.population(library, 0, "none")
    ids = [document.document_id for document in library]
    drawn = [people.grade(nothing, query, found) for query in nothing.held_out[:4] for found in ids]
    right = [people.grade(nothing, query, target(query)) for query in queries(nothing)]
    assert people.grade(everyone, everyone.held_out[0], target(everyone.held_out[0])) == 3
    for grades in (drawn, right):  # the document that a query is made of is liked no more often
        assert np.mean(np.array(grades) == 3) == pytest.approx(0.1, abs=0.03)
        assert np.mean(np.array(grades) == 1) == pytest.approx(0.2, abs=0.04)
    assert people.all_grades(nothing, nothing.held_out[0]) == [3] * 10


def test_the_fields_of_the_library_are_found_by_their_shape(library):
    rows = [msgspec.to_builtins(each) for each in corpus.documents()]
    assert subjects.fields_of(rows, ["name", "text", "summary", "text"]) == FIELDS


def test_documents_of_any_kind_are_asked_for_in_three_wordings():
    rows = shop(240)
    fields = subjects.fields_of(rows, ["text", "title"])
    assert fields == subjects.Fields("title", "text")
    known = subjects.subjects_of(rows, fields)
    everyone = people.population(known, 0, "segments")
    assert everyone.segments == ("in_few_words", "by_name", "in_own_words")
    assert len(everyone.held_out) > 50
    assert {person.segment for person in everyone.people} == set(everyone.segments)
    assert all(person.user_id.startswith("simulated_") for person in everyone.people)
    looked_for = {target(q) for some in everyone.searched.values() for q in some}
    assert not looked_for & {target(q) for q in everyone.held_out}
    own = next(each for each in known if each.document_id == "d000")
    alike = Kin(known).grades(own)
    assert alike["d000"] == 3
    assert alike["d024"] == 1  # red boot, like d000
    assert len(alike) <= 1 + subjects.MOST_SIBLINGS


@pytest.mark.parametrize(
    "rows", [shop(20), shop(300, text="All the same words for everybody"), shop(300, text="")]
)
def test_documents_that_nobody_can_ask_for_are_refused(rows):
    fields = subjects.Fields("title", "text")
    with pytest.raises(people.TooFewQueries, match="30 are needed"):
        people.population(subjects.subjects_of(rows, fields), 0, "segments")


@pytest.mark.parametrize("kinds", [[""], ["function", "class", "module"]])
def test_of_any_collection_no_held_out_query_is_searched(kinds):
    """Few words, so that queries of different documents often are the same text."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        words = np.array(["Größe", "стол", "boot", "boots", "box", "naïve", "x1", "files", "file"])
        rows = [
            {"document_id": f"d{n}", "kind": kinds[n % len(kinds)], "title": f"a{n} {words[n % 9]}",
             "text": " ".join(rng.choice(words, 5)) + "."}
            for n in range(int(rng.integers(120, 400)))
        ]  # fmt: skip
        known = subjects.subjects_of(rows, subjects.Fields("title", "text"))
        everyone = people.population(known, seed, "segments")
        searched = {q.text for some in everyone.searched.values() for q in some}
        planned = {each.query.text for each in people.plan(everyone, 300)}
        held_out = [q.text for q in everyone.held_out]
        assert len(set(held_out)) == len(held_out) > 0
        assert planned <= searched
        assert not searched & set(held_out)
        looked_for = {target(q) for some in everyone.searched.values() for q in some}
        assert not looked_for & {target(q) for q in everyone.held_out}


def test_without_text_there_is_no_field_to_ask_by():
    assert subjects.fields_of([{"document_id": "a", "price": 3}], ["price", "title"]) is None
