"""Execute over HTTP: learned against static, side by side, with one, two and three searches.

Documents, queries and clicks are *synthetic* (words drawn by Zipf's law): this measures time, not
quality. Requests of both retrievers alternate, and so does who is first, so that noise and cold
caches hit both; every learned request is a session of its own (a fresh draw, 64 re-drawn rankings
for the logged propensities).

The overhead is of pairs of requests for one query: learned minus static minus the scoring by id.
Who is asked first pays for the cold documents of the query, often more than learning costs, so the
differences have two modes, one per order; a median over both lies in the gap between them and jumps
from run to run. So the median is taken of each order, and the overhead is the mean of the two: what
being first costs cancels. Its 95 % interval is that of resampled pairs (bootstrap, 1,000 times).

    python bench/execute.py [--sizes 10000 100000] [--requests 1000]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from caller import Caller
from pace import Pace
from server import Server, flush, make_collection, make_retriever, upsert

COLLECTION = "synthetic"
FEATURES: list[dict[str, Any]] = [
    {"feature_uri": "desireline://title@v1/bm25", "kind": "lexical", "fields": ["title"]},
    {"feature_uri": "desireline://title@v1/static", "kind": "dense", "fields": ["title"],
     "model": "static"},
    {"feature_uri": "desireline://popularity@v1", "kind": "field", "field": "popularity"},
]  # fmt: skip
URIS = [feature["feature_uri"] for feature in FEATURES]
WORDS, LESSONS, WARM, RESAMPLED = 20_000, 100, 50, 1000
WANTED_MS = 0.3


class Timing(msgspec.Struct, frozen=True):
    """Milliseconds, one per request: in the server, round trip, scoring by id."""

    server: list[float] = []
    trip: list[float] = []
    by_id: list[float] = []


class Vocabulary:
    """Words of two to four syllables, the first ones frequent."""

    def __init__(self, rng: np.random.Generator) -> None:
        syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
        drawn = rng.integers(len(syllables), size=(WORDS, 4))
        lengths = rng.integers(2, 5, size=WORDS)
        self._words = np.array([
            "".join(syllables[s] for s in row[:n]) for row, n in zip(drawn, lengths, strict=True)
        ])  # fmt: skip
        share = 1 / np.arange(10, WORDS + 10)
        self._share, self._rng = share / share.sum(), rng

    def text(self, words: int) -> str:
        return " ".join(self._rng.choice(self._words, size=words, p=self._share))

    def texts(self, count: int, least: int, most: int) -> list[str]:
        sizes = self._rng.integers(least, most + 1, size=count)
        drawn = iter(self._rng.choice(self._words, size=int(sizes.sum()), p=self._share).tolist())
        return [" ".join(next(drawn) for _ in range(size)) for size in sizes]


def documents(size: int, vocabulary: Vocabulary, rng: np.random.Generator) -> list[dict[str, Any]]:
    popularity = rng.lognormal(size=size).tolist()
    titles = vocabulary.texts(size, 6, 20)
    return [
        {"document_id": f"D{n:08d}", "title": title, "popularity": popular}
        for n, (title, popular) in enumerate(zip(titles, popularity, strict=True))
    ]


def execute(caller: Caller, retriever: str, query: str, session: str) -> dict[str, Any]:
    body = {"inputs": {"query": query, "user_id": f"of-{session[-2:]}"}, "session_id": session,
            "limit": 10}  # fmt: skip
    answer: dict[str, Any] = caller.post(f"/v1/retrievers/{retriever}/execute", body)
    return answer


def teach(caller: Caller, retriever: str, queries: Sequence[str]) -> None:
    """Some clicks, so that weights are drawn from evidence."""
    acts = []
    for number, query in enumerate(queries[:LESSONS]):
        answer = execute(caller, retriever, query, f"{retriever}-taught-{number}")
        acts += [
            {"execution_id": answer["execution_id"], "document_id": each["document_id"],
             "interaction_type": ["click"], "position": each["position"]}
            for each in answer["documents"][number % 3 : number % 3 + 1]
        ]  # fmt: skip
    caller.post("/v1/retrievers/interactions/batch", {"interactions": acts})
    flush(caller, close_executions=True)


def measure(caller: Caller, names: Sequence[str], queries: Sequence[str]) -> dict[str, Timing]:
    """Each query asked of every retriever, the first asked (of a cold cache) in turn.

    The first queries are not counted.
    """
    found = {name: Timing([], [], []) for name in names}
    for number, query in enumerate([*queries[:WARM], *queries]):
        for name in names if number % 2 else reversed(names):
            began = time.perf_counter()
            answer = execute(caller, name, query, f"{name}-{number}")
            took = time.perf_counter() - began
            if number < WARM:
                continue
            stage = answer["stage_statistics"]["stages"]["search"]["metadata"]
            found[name].server.append(answer["stage_statistics"]["total_time_ms"])
            found[name].trip.append(took * 1000)
            found[name].by_id.append(stage["by_id_ms"])
    answer = execute(caller, names[-1], queries[0], "at-the-end")
    if not answer["learned_fusion_context"]["served"]:
        raise RuntimeError("the learned retriever was not taught: it served the static ranking")
    return found


def overhead(
    static: Sequence[float], learned: Sequence[float], by_id: Sequence[float]
) -> tuple[float, float, float]:
    """What learning costs a request beyond scoring by id, in milliseconds, and its 95 % interval.

    The mean of two medians, one per order of asking (every second pair has the same order).
    """
    pairs = np.subtract(learned, by_id) - static
    rng, orders = np.random.default_rng(0), (pairs[::2], pairs[1::2])
    drawn = [np.median(rng.choice(each, size=(RESAMPLED, len(each))), axis=1) for each in orders]
    low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
    return float(np.mean([np.median(each) for each in orders])), float(low), float(high)


def of(values: Sequence[float]) -> str:
    p50, p99 = np.percentile(values, [50, 99])
    return f"{p50:5.2f} / {p99:5.2f}"


def rows(caller: Caller, queries: Sequence[str], pace: Pace) -> Iterator[str]:
    for count in range(1, len(URIS) + 1):
        pace.take()
        static = make_retriever(
            caller, f"static-{count}", COLLECTION, URIS[:count], fusion="rrf", final_top_k=10
        )
        learned = make_retriever(
            caller, f"learned-{count}", COLLECTION, URIS[:count], fusion="learned", final_top_k=10,
            learning_config={"algorithm": "logistic"},
        )  # fmt: skip
        teach(caller, learned, queries)
        found = measure(caller, [static, learned], queries)
        one, other = found[static], found[learned]
        extra, low, high = overhead(one.server, other.server, other.by_id)
        trip, *_ = overhead(one.trip, other.trip, other.by_id)
        ratio = np.median(other.server) / np.median(one.server)
        word = "met" if extra <= WANTED_MS else "missed"
        yield (
            f"| {count} | {of(one.server)} | {of(other.server)} | {of(other.by_id)} "
            f"| {extra:.2f} [{low:.2f}, {high:.2f}] ({word}) | {trip:.2f} | {ratio:.2f} "
            f"| {of(one.trip)} | {of(other.trip)} |"
        )


def one_size(size: int, requests: int) -> None:
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary(rng)
    prepared = documents(size, vocabulary, rng)
    queries = vocabulary.texts(requests, 2, 5)
    with Server() as server:
        caller = server.caller()
        make_collection(caller, COLLECTION, FEATURES)
        seconds = upsert(caller, COLLECTION, prepared)
        waited = server.settle()
        print(
            f"\n### {size} documents: {size / seconds:,.0f} upserted a second (batches of 500, one "
            f"connection, BM25 and static encoder), index at rest {waited:.0f} s later\n"
        )
        print(
            "| searches | static, ms p50 / p99 | learned | of it by id "
            f"| overhead beyond by id, p50 [95 %] (target {WANTED_MS}) | the same, round trip "
            "| learned to static, p50 | round trip static | learned |"
        )
        print("|---" * 9 + "|")
        pace = Pace()
        for row in rows(caller, queries, pace):
            print(row, flush=True)
        print(f"\n{pace}; peak memory of the server {server.peak_mb():.0f} MB")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--requests", type=int, default=1000)
    options = parser.parse_args(arguments)
    print(f"synthetic documents and queries; {options.requests} requests of each kind, alternating")
    for size in options.sizes:
        one_size(size, options.requests)


if __name__ == "__main__":
    main()
