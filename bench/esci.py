"""Simulated shoppers over real documents and human judgments (the setting of `learning.md` 4.3).

Knows the data set, the three searches, what attracts whom and how a page is clicked. Does not know
what is learned: `simulate.py` puts the learners' core in front of it, `loop.py` the whole server.
Every number that comes from here is *simulated*: clicks are drawn from judgments. Run alone, it
prints what fixed weights reach on the data set.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import bm25s
import msgspec
import numpy as np
import Stemmer
from numpy.typing import NDArray

from desireline.core.fusion import Candidates, candidates, score
from desireline.core.metrics import dcg_at
from desireline.core.propensity import linear_scores
from desireline.ml.encoders import encoder_for
from desireline.types.retriever import Run

Array = NDArray[np.float64]

ROOT = Path(__file__).parents[1]
SEARCHES = ("bm25", "static", "popularity")
SEGMENTS = 3
TOP = 100
PAGE = 10
ATTRACTION = {"E": 0.70, "S": 0.25, "C": 0.08}
ELSE = 0.02
QUERY_SKEW, USER_SKEW, USERS = 0.6, 0.7, 300
_WORD = re.compile(r"\w+")
_STEM = Stemmer.Stemmer("english")


class Corpus(msgspec.Struct, frozen=True):
    """Documents in id order; `popularity` is log1p(rating_count) x (rating or 3.5) / 5."""

    ids: list[str]
    titles: list[str]
    popularity: Array
    products: list[dict[str, Any]]


class Question(msgspec.Struct, frozen=True):
    """One query: the union of its searches' top 100 (in id order) and how it attracts each segment.

    `attraction` (SEGMENTS, n) per candidate; `ideal` (SEGMENTS, PAGE) are the highest attractions
    of the whole corpus. `norm` (n, F) is min-max over the union.
    """

    text: str
    runs: list[Run]
    found: Candidates
    norm: Array
    attraction: Array
    ideal: Array
    by_id: dict[str, int]


class Shopper(msgspec.Struct, frozen=True):
    """One search of the traffic: who, of which segment, asks which query."""

    user: int
    segment: int
    query: int


def data_folder() -> Path:
    """`../shared/data/esci`, or under `DESIRELINE_SHARED_DATA`."""
    named = os.environ.get("DESIRELINE_SHARED_DATA")
    return (Path(named) if named else ROOT.parent / "shared" / "data") / "esci"


def load_corpus(folder: Path) -> Corpus:
    products = sorted(_lines(folder / "products.jsonl.gz"), key=_identity)
    count = np.array([each.get("rating_count") or 0 for each in products], dtype=np.float64)
    rating = np.array([each.get("rating") or 3.5 for each in products], dtype=np.float64)
    return Corpus(
        ids=[_identity(each) for each in products],
        titles=[each["title"] or "" for each in products],
        popularity=np.log1p(count) * rating / 5,
        products=products,
    )


def judgments(folder: Path) -> dict[str, dict[str, str]]:
    """The label of each judged document, by query; queries in order."""
    judged: dict[str, dict[str, str]] = {}
    for row in _lines(folder / "judgments_dev.jsonl.gz"):
        judged.setdefault(row["query"], {})[row["document_id"]] = row["label"]
    return dict(sorted(judged.items()))


def attractions(corpus: Corpus, judged: dict[str, dict[str, str]]) -> dict[str, Array]:
    """How each document of the corpus attracts each segment, (SEGMENTS, N), by query."""
    tastes = _tastes(corpus)
    return {text: _attraction(corpus, text, labels, tastes) for text, labels in judged.items()}


def load_questions(corpus: Corpus, folder: Path) -> list[Question]:
    """Every judged query with its candidates, scored by all three searches."""
    judged = judgments(folder)
    texts = list(judged)
    lexical, dense = _lexical(corpus, texts), _dense(corpus, texts)
    segments = _tastes(corpus)
    return [
        _question(corpus, text, judged[text], (lexical[place], dense[place]), segments)
        for place, text in enumerate(texts)
    ]


def load(folder: Path | None = None) -> tuple[Corpus, list[Question]]:
    folder = folder or data_folder()
    corpus = load_corpus(folder)
    return corpus, load_questions(corpus, folder)


def _identity(product: dict[str, Any]) -> str:
    return str(product.get("_id") or product["asin"])


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        yield from map(json.loads, rows)


def _lexical(corpus: Corpus, texts: Sequence[str]) -> list[Array]:
    titles = [terms(title) for title in corpus.titles]
    known = {term for title in titles for term in title}
    index = bm25s.BM25(k1=1.2, b=0.75)
    index.index(titles, show_progress=False)
    asked = [[term for term in terms(text) if term in known] for text in texts]
    nothing = np.zeros(len(titles))
    return [np.float64(index.get_scores(each)) if each else nothing for each in asked]


def _dense(corpus: Corpus, texts: Sequence[str]) -> Array:
    # In lower case: the table tells "Bandsaw" from "bandsaw", shoppers do not.
    encoder = encoder_for("static")
    asked = encoder.encode([text.lower() for text in texts])
    titles = encoder.encode([title.lower() for title in corpus.titles])
    return np.float64(asked @ titles.T)


def terms(text: str) -> list[str]:
    """English stems of the words, in lower case."""
    stems: list[str] = _STEM.stemWords(_WORD.findall(text.lower()))
    return stems


def _tastes(corpus: Corpus) -> dict[str, Any]:
    ordered = np.sort(corpus.popularity)
    below = np.searchsorted(ordered, corpus.popularity, "left")
    upto = np.searchsorted(ordered, corpus.popularity, "right")
    return {
        "popular": 0.1 + 0.9 * ((below + upto) / 2 / len(ordered)) ** 1.5,
        "titles": [set(terms(title)) for title in corpus.titles],
    }


def _attraction(corpus: Corpus, text: str, labels: dict[str, str], tastes: dict[str, Any]) -> Array:
    """(SEGMENTS, N): by judgment; times popularity; times how much of the query the title has."""
    base = np.array([ATTRACTION.get(labels.get(each, ""), ELSE) for each in corpus.ids])
    asked = set(terms(text))
    covered = np.array([len(asked & title) / len(asked) for title in tastes["titles"]])
    return np.stack([base, base * tastes["popular"], base * (0.1 + 0.9 * covered**3)])


def _question(
    corpus: Corpus,
    text: str,
    labels: dict[str, str],
    texts: tuple[Array, Array],
    tastes: dict[str, Any],
) -> Question:
    tops = [np.argsort(-scores, kind="stable")[:TOP] for scores in texts]
    tops = [top[scores[top] > 0] for top, scores in zip(tops, texts, strict=True)]
    union = np.unique(np.concatenate(tops))
    popular = np.argsort(-corpus.popularity[union], kind="stable")
    tops.append(union[popular])
    scores = (*texts, corpus.popularity)
    runs = [_run(corpus, *each, union) for each in zip(SEARCHES, tops, scores, strict=True)]
    found = _in_id_order(candidates(runs))
    attraction = _attraction(corpus, text, labels, tastes)
    norm = score(found, [1 / 3] * 3, "learned")
    rows = {each: row for row, each in enumerate(found.ids)}
    back = np.argsort([rows[each] for each in norm.ids])
    return Question(
        text=text,
        runs=runs,
        found=found,
        norm=norm.norm[back],
        attraction=attraction[:, union],
        ideal=-np.sort(-attraction, axis=1)[:, :PAGE],
        by_id=rows,
    )


def _run(corpus: Corpus, name: str, top: Any, scores: Array, union: Any) -> Run:
    """What a search returned, then the other candidates with their scores."""
    rest = np.setdiff1d(union, top)
    rows = np.concatenate([top, rest])
    return Run(name, [corpus.ids[r] for r in rows], scores[rows].tolist(), returned=len(top))


def _in_id_order(found: Candidates) -> Candidates:
    order = np.argsort(np.array(found.ids))
    return Candidates(
        [found.ids[row] for row in order], found.raw[order], found.ranks[order], found.bounds
    )


# Traffic and clicks


def traffic(questions: int, searches: int, rng: np.random.Generator) -> list[Shopper]:
    """Zipf queries and users; who is frequent, and of which segment, depends on the seed."""
    asked = _zipf(questions, QUERY_SKEW, searches, rng)
    users = _zipf(USERS, USER_SKEW, searches, rng)
    segment = rng.permutation(np.arange(USERS) % SEGMENTS)
    return [Shopper(u, int(segment[u]), q) for u, q in zip(users, asked, strict=True)]


def _zipf(count: int, skew: float, size: int, rng: np.random.Generator) -> list[int]:
    share = np.arange(1, count + 1) ** -skew
    drawn: list[int] = rng.choice(rng.permutation(count), size=size, p=share / share.sum()).tolist()
    return drawn


def clicks(attraction: Sequence[float], rng: np.random.Generator) -> list[int]:
    """Positions clicked on a page: examined with 1 / (position + 1), then clicked by attraction."""
    chance = np.asarray(attraction) / np.arange(1, len(attraction) + 1)
    clicked: list[int] = np.flatnonzero(rng.random(len(chance)) < chance).tolist()
    return clicked


# Judging weights


def page(question: Question, weights: Array) -> NDArray[np.intp]:
    """(m, F) weights to (m, PAGE) candidate rows, best first, equal scores by id."""
    scores = linear_scores(question.norm, weights)
    order: NDArray[np.intp] = np.argsort(-scores, axis=1, kind="stable")[:, :PAGE]
    return order


def ndcg(question: Question, rows: Any, segment: int) -> Array:
    """NDCG@10 of (m, PAGE) pages: linear gain = the segment's attraction, ideal of the corpus."""
    discount = 1 / np.log2(np.arange(2, PAGE + 2))
    gained = question.attraction[segment][rows]
    reached: Array = gained @ discount[: gained.shape[-1]]
    return reached / dcg_at(question.ideal[segment], PAGE, gain="linear")


def quality(questions: Sequence[Question], weights: Array, segment: int) -> Array:
    """(m,) mean NDCG@10 over the queries, for (m, F) weights and one segment."""
    per_query = [ndcg(question, page(question, weights), segment) for question in questions]
    mean: Array = np.mean(per_query, axis=0)
    return mean


def grid(step: float = 0.05) -> Array:
    """All weights of three searches in steps, within the learner's default bounds."""
    ticks = np.arange(1, round(1 / step) - 1)
    rows = [(a, b, round(1 / step) - a - b) for a in ticks for b in ticks]
    return np.array([row for row in rows if row[2] >= 1]) * step


class Marks(msgspec.Struct, frozen=True):
    """What fixed weights reach per segment: equal, the best single vector, the best per segment."""

    equal: Array
    rrf: Array
    single: Array
    oracle: Array
    single_weights: tuple[float, ...]
    oracle_weights: tuple[tuple[float, ...], ...]


def marks(questions: Sequence[Question]) -> Marks:
    """The reference lines of every table; single and oracle look at the judgments."""
    choices = grid()
    table = np.stack([quality(questions, choices, each) for each in range(SEGMENTS)])
    single, best = int(table.mean(axis=0).argmax()), table.argmax(axis=1)
    equal = np.full((1, len(SEARCHES)), 1 / len(SEARCHES))
    return Marks(
        equal=np.array([quality(questions, equal, each)[0] for each in range(SEGMENTS)]),
        rrf=_rrf(questions),
        single=table[:, single],
        oracle=table.max(axis=1),
        single_weights=tuple(choices[single].tolist()),
        oracle_weights=tuple(tuple(row) for row in choices[best].tolist()),
    )


def _rrf(questions: Sequence[Question]) -> Array:
    per_query = []
    for question in questions:
        fused = score(question.found, [1.0] * len(SEARCHES), "rrf")
        rows = np.array([[question.by_id[each] for each in fused.ids[:PAGE]]])
        per_query.append([ndcg(question, rows, each)[0] for each in range(SEGMENTS)])
    mean: Array = np.mean(per_query, axis=0)
    return mean


def main() -> None:
    if not data_folder().exists():
        print(f"skipped: no data set at {data_folder()}")
        return
    corpus, questions = load()
    print(f"{len(corpus.ids)} documents, {len(questions)} queries; simulated tastes of 3 segments")
    found = marks(questions)
    for name in ("rrf", "equal", "single", "oracle"):
        reached = getattr(found, name)
        print(f"{name:8} {reached.mean():.4f}  per segment {reached.round(4).tolist()}")
    print("single", found.single_weights, "oracle", found.oracle_weights)


if __name__ == "__main__":
    main()
