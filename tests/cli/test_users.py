"""The demo's simulated users: right answers by construction, nothing leaks, everything by seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from desireline.cli.demo import corpus, users
from desireline.cli.demo.words import STOP_WORDS, SYNONYMS


@pytest.fixture(scope="module")
def library():
    return corpus.documents()


@pytest.fixture(scope="module")
def everyone(library):
    return users.population(library, 0, "segments")


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
        assert right.kind in users.WORDINGS[query.segment].kinds
        assert {known[other].parent for other in query.grades} == {right.parent}
        assert len(query.grades) <= 1 + users.MOST_SIBLINGS


def test_siblings_share_a_word_of_their_names(library):
    known = {document.document_id: document for document in library}
    family = [document for document in library if document.parent == "tempfile"]
    found = users.grades(known["tempfile.mkdtemp"], family)
    assert found["tempfile.mkdtemp"] == 3
    found = users.grades(known["tempfile.TemporaryFile"], family)
    assert found["tempfile.NamedTemporaryFile"] == 1


def test_nobody_searches_a_held_out_query_nor_looks_for_its_document(everyone):
    searched = [*itertools.chain.from_iterable(everyone.searched.values())]
    assert not {q.text for q in searched} & {q.text for q in everyone.held_out}
    for segment in users.SEGMENTS:
        looked_for = {target(q) for q in everyone.searched[segment]}
        judged = {target(q) for q in everyone.held_out if q.segment == segment}
        assert len(judged) == users.HELD_OUT_QUERIES
        assert not looked_for & judged
    planned = {search.query.text for search in users.plan(everyone, 3000)}
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
    again = users.population(library, 0, "segments")
    other = users.population(library, 1, "segments")
    assert again == everyone
    assert other.held_out != everyone.held_out
    assert users.plan(again, 50) == users.plan(everyone, 50)
    search = users.plan(everyone, 1)[0]
    shown = [target(search.query)] * 10
    assert users.clicks(everyone, search, shown) == users.clicks(again, search, shown)


def test_users_of_a_segment_search_its_queries(everyone):
    for search in users.plan(everyone, 300):
        assert search.query in everyone.searched[search.person.segment]


def test_clicks_fall_with_the_position_and_rise_with_the_grade(everyone):
    shown = np.zeros((2, 10))
    for search in users.plan(everyone, 4000):
        right = [target(search.query)] * 10
        shown[0, users.clicks(everyone, search, right)] += 1
        shown[1, users.clicks(everyone, search, ["nothing"] * 10)] += 1
    rates = shown / 4000
    expected = np.array([[0.7], [0.02]]) / np.arange(1, 11)
    assert np.abs(rates - expected).max() < 0.025


def test_without_taste_likes_are_drawn_by_lot(library, everyone):
    nothing = users.population(library, 0, "none")
    ids = [document.document_id for document in library]
    drawn = [users.grade(nothing, query, found) for query in nothing.held_out[:4] for found in ids]
    right = [users.grade(nothing, query, target(query)) for query in queries(nothing)]
    assert users.grade(everyone, everyone.held_out[0], target(everyone.held_out[0])) == 3
    for grades in (drawn, right):  # the document that a query is made of is liked no more often
        assert np.mean(np.array(grades) == 3) == pytest.approx(0.1, abs=0.03)
        assert np.mean(np.array(grades) == 1) == pytest.approx(0.2, abs=0.04)
    assert users.all_grades(nothing, nothing.held_out[0]) == [3] * 10
