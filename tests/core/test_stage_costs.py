"""What stages cost on the longest list that a search may hand them: a server waits meanwhile."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.seeds import generator
from desireline.core.stages import diversity, reduction
from desireline.core.stages.candidates import Candidate, Candidates
from desireline.types.retriever import Document

LONGEST = 5_000
MOST_S = 8.0  # of the processor, far above what is measured (0.1 to 2.4)
BOILERPLATE = " ".join(f"same{n}" for n in range(100))


def candidates(texts: list[str]) -> Candidates:
    return [
        Candidate(
            document=Document(
                document_id=f"d{place}", collection_id="c", fields={"content": text, "k": place}
            ),
            score=float(len(texts) - place),
        )
        for place, text in enumerate(texts)
    ]


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_texts_with_the_same_frame_are_compared_in_seconds() -> None:
    texts = [f"{BOILERPLATE} " + " ".join(f"{n}x{m}" for m in range(40)) for n in range(LONGEST)]
    found = candidates(texts)
    how = reduction.Deduplicate(strategy="content", similarity_threshold=0.7)
    assert seconds(lambda: reduction.deduplicate(found, how)) < MOST_S


def test_strata_of_one_document_each_are_sampled_in_seconds() -> None:
    found = candidates([""] * LONGEST)
    how = reduction.Sample(
        count=1000, strategy="stratified", stratify_by="k", min_per_stratum=0
    )  # fmt: skip
    assert seconds(lambda: reduction.sample(found, how, generator(1))) < MOST_S


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_diversity_never_holds_all_pairs(metric: str) -> None:
    found = candidates([""] * 2_000)
    rows = generator(1).normal(size=(2_000, 128))
    vectors = {"u": {f"d{place}": row.tolist() for place, row in enumerate(rows)}}
    how = diversity.Mmr(top_k=50, similarity_metric=metric)  # type: ignore[arg-type]
    features = (diversity.DiversityFeature(feature_uri="u"),)
    tracemalloc.start()
    try:
        diversity.mmr(found, how, vectors, features)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_distances_are_those_of_the_definition() -> None:
    found = candidates([""] * 30)
    rows = generator(2).normal(size=(30, 8))
    vectors = {"u": {f"d{place}": row.tolist() for place, row in enumerate(rows)}}
    how = diversity.Mmr(similarity_metric="euclidean")
    alike = diversity.likeness(
        found, how, vectors, (diversity.DiversityFeature(feature_uri="u"),)
    )  # fmt: skip
    for place in range(30):
        wanted = 1 / (1 + np.linalg.norm(rows - rows[place], axis=1))
        assert alike(place) == pytest.approx(wanted, abs=2e-3)


@given(
    texts=st.lists(st.text(alphabet="ab ", max_size=24), max_size=12),
    threshold=st.floats(0, 1),
    keep=st.sampled_from(["first", "last"]),
)
def test_what_is_left_out_is_what_pairs_say(texts: list[str], threshold: float, keep: str) -> None:
    how = reduction.Deduplicate(
        strategy="content", similarity_threshold=threshold, keep=keep  # type: ignore[arg-type]
    )  # fmt: skip
    runs = [
        {tuple(t.split()[n : n + 3]) for n in range(max(1, len(t.split()) - 2))} - {()}
        for t in texts
    ]
    places = list(range(len(texts)))
    kept: list[int] = []
    for place in places if keep == "first" else places[::-1]:
        likes = [
            len(runs[place] & runs[other]) / len(runs[place] | runs[other])
            for other in kept if runs[place] & runs[other]
        ]  # fmt: skip
        if not any(like >= threshold for like in likes):
            kept.append(place)
    found = reduction.deduplicate(candidates(texts), how)
    assert [c.document.fields["k"] for c in found] == sorted(kept)
