"""Streams and batches beside plain executions: the first byte, the end, and twenty queries.

Documents and queries are *synthetic*: this measures time, not quality. Ways take turns, and so does
who is first, so that noise hits all of them. The first byte of a stream says that a stage has
begun; a plain answer has its first byte when all is done.

    python bench/streaming.py [--size 10000] [--rounds 200]
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from execute import COLLECTION, FEATURES, URIS, Vocabulary, documents
from server import HOST, Server, make_collection, make_retriever, upsert

QUERIES, WARM = 20, 10


class Connection:
    """One kept connection that notes when the first byte of a body came."""

    def __init__(self, port: int, path: str) -> None:
        self._connection, self._path = http.client.HTTPConnection(HOST, port, timeout=60), path

    def ask(self, body: object, below: str = "") -> tuple[float, float]:
        """Milliseconds until the first byte, and until the last one."""
        content = msgspec.json.encode(body)
        began = time.perf_counter()
        self._connection.request("POST", self._path + below, content)
        response = self._connection.getresponse()
        response.read(1)
        first = time.perf_counter()
        rest = response.read()
        ended = time.perf_counter()
        if response.status != 200 or b"execution_error" in rest:
            raise RuntimeError(rest[:500].decode())
        return (first - began) * 1000, (ended - began) * 1000


def a_query(text: str) -> dict[str, object]:
    return {"inputs": {"query": text}, "limit": 10}


def timed(
    ways: Mapping[str, Callable[[int], tuple[float, float]]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Every way in every round, the first one in turn."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(-WARM, rounds):
        names = list(ways) if number % 2 else [*reversed(ways)]
        for name in names:
            took = ways[name](number)
            if number >= 0:
                found[name].append(took)
    return found


def rows(found: Mapping[str, Sequence[tuple[float, float]]], baseline: str) -> list[str]:
    ends = {name: statistics.median(end for _, end in took) for name, took in found.items()}
    firsts = {name: statistics.median(first for first, _ in took) for name, took in found.items()}
    base = ends[baseline]
    return [
        f"| {name} | {firsts[name]:.2f} | {ends[name]:.2f} | {firsts[name] / base:.2f} "
        f"| {ends[name] / base:.2f} |"
        for name in found
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary(rng)
    prepared = documents(options.size, vocabulary, rng)
    texts = vocabulary.texts(WARM + max(options.rounds, QUERIES), 2, 5)
    with Server() as server:
        caller = server.caller()
        make_collection(caller, COLLECTION, FEATURES)
        upsert(caller, COLLECTION, prepared)
        name = make_retriever(caller, "static", COLLECTION, URIS[:2], fusion="rrf", final_top_k=10)
        server.settle()
        connection = Connection(server.port, f"/v1/retrievers/{name}/execute")
        batch = {"queries": [a_query(text) for text in texts[:QUERIES]]}

        def singles(_: int) -> tuple[float, float]:
            took = [connection.ask(query)[1] for query in batch["queries"]]
            return took[0], sum(took)

        one = timed(
            {
                "plain": lambda n: connection.ask(a_query(texts[n])),
                "streamed": lambda n: connection.ask(a_query(texts[n]) | {"stream": True}),
            },
            options.rounds,
        )
        many = timed(
            {
                f"{QUERIES} singles": singles,
                f"a batch of {QUERIES}": lambda _: connection.ask(batch, "/batch"),
                "the batch streamed": lambda _: connection.ask(batch | {"stream": True}, "/batch"),
            },
            options.rounds // QUERIES,
        )
    print(f"{options.size} synthetic documents, two searches, ten documents answered; medians\n")
    print("| way | first byte, ms | end, ms | first byte to plain's end | end to plain's end |")
    print("|---" * 5 + "|")
    for row in (*rows(one, "plain"), *rows(many, f"{QUERIES} singles")):
        print(row)


if __name__ == "__main__":
    main()
