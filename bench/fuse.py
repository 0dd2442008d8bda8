"""Fuse only: hits of another engine in, the fused list out, beside a bare endpoint.

Two runs of 100 hits a request, half of the documents in both, ten documents answered. A bare
Starlette endpoint decodes the same bodies with msgspec and answers as many bytes; it takes turns
with a retriever under static `rrf` and one under learned weights, where every request is a session
of its own (a fresh draw, 64 re-drawn rankings for the logged propensities). Ids and scores are
*synthetic*. Client and server share this machine, over loopback.

    python bench/fuse.py [--rounds 5] [--seconds 2]
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from caller import Caller
from ingest import Series, Tally, apart, bare_server, client, pair, request, run_bare, span
from server import Server, flush, make_retriever

from desireline.http.wire.fuse import FuseRequest

URIS = ("foreign://lexical", "foreign://dense")
HITS, KINDS, LESSONS = 100, 50, 100
ANSWER_BYTES = 6_000  # of ten documents with two attributions each, about
CONNECTIONS = (1, 8)
SESSION = b"session-00000000"


def body(kind: int) -> bytes:
    """A request of the session `SESSION`; `kind` says which documents and scores."""
    rng = np.random.default_rng(kind)
    names = [f"B{number:09d}" for number in rng.choice(1_000_000, HITS * 3 // 2, replace=False)]
    runs = [
        {
            "feature_uri": uri,
            "hits": [
                {"document_id": name, "score": score}
                for name, score in zip(
                    names[start : start + HITS], np.sort(rng.gamma(2.0, 3.0, HITS))[::-1].tolist(),
                    strict=True,
                )
            ],
        }
        for uri, start in zip(URIS, (0, HITS // 2), strict=True)
    ]  # fmt: skip
    inputs = {"query": f"query {kind}", "user_id": f"user-{kind}"}
    sent = {"inputs": inputs, "session_id": SESSION.decode(), "limit": 10, "runs": runs}
    return msgspec.json.encode(sent)


def requests(name: str, first: int) -> Iterator[bytes]:
    """Requests without end, each a session that was not there before."""
    path = f"/v1/retrievers/{name}/fuse"
    kinds = [request(path, body(kind)) for kind in range(KINDS)]
    for number in itertools.count(first):
        yield kinds[number % KINDS].replace(SESSION, b"session-%08d" % number)


def load(port: int, name: str, first: int, seconds: float, connections: int) -> Tally:
    return client(port, 1, requests(name, first), seconds, connections)


def serve_bare(port: int) -> None:
    """Starlette and msgspec: decode as the server decodes, fuse nothing, answer as much."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    decode = msgspec.json.Decoder(FuseRequest).decode
    answer = msgspec.json.encode({"documents": "x" * ANSWER_BYTES})

    async def fuse(asked: Request) -> Response:
        decode(await asked.body())
        return Response(answer, media_type="application/json")

    run_bare(Starlette(routes=[Route("/v1/retrievers/{name}/fuse", fuse, methods=["POST"])]), port)


def teach(caller: Caller, name: str) -> int:
    """Some clicks, so that weights are drawn from evidence; bytes of an answer."""
    acts, size = [], 0
    for number in range(LESSONS):
        sent = msgspec.json.decode(body(number % KINDS))
        answer = caller.post(
            f"/v1/retrievers/{name}/fuse", sent | {"session_id": f"taught-{number}"}
        )
        each, size = answer["documents"][number % 3], len(msgspec.json.encode(answer))
        acts.append(
            {"execution_id": answer["execution_id"], "document_id": each["document_id"],
             "interaction_type": ["click"], "position": each["position"]}
        )  # fmt: skip
    caller.post("/v1/retrievers/interactions/batch", {"interactions": acts})
    flush(caller, close_executions=True)
    return size


def compare(options: argparse.Namespace) -> dict[tuple[str, int], Series]:
    """A series for each target and number of connections; targets take turns."""
    found = {(name, n): Series(rates=[], waits=[]) for n in CONNECTIONS for name in NAMES}
    first = 0
    with Server() as server, bare_server(__file__) as bare_port:
        caller = server.caller()
        make_retriever(caller, "static", "elsewhere", URIS, fusion="rrf")
        config = {"algorithm": "logistic"}
        make_retriever(
            caller, "learned", "elsewhere", URIS, fusion="learned", learning_config=config
        )
        print(f"bodies of {len(body(0))} bytes, answers of {teach(caller, 'learned')}"
              f" (bare: {ANSWER_BYTES})")  # fmt: skip
        for turn in range(options.rounds):
            for name, connections in found if turn % 2 else reversed(found):
                port = bare_port if name == "bare" else server.port
                tally = apart(load, port, name, first, options.seconds, connections)
                found[name, connections].add(tally)
                first += 1_000_000
        print(f"peak memory of the server {server.peak_mb():.0f} MB")
    return found


NAMES = {
    "bare": "bare Starlette + msgspec, fuses nothing",
    "static": "desireline, static rrf, logged",
    "learned": "desireline, learned, logged with propensities",
}


def table(found: dict[tuple[str, int], Series]) -> None:
    print("\n| connections | | requests a second, median (lowest to highest) | ms p50 / p99 "
          "| of bare |\n|---|---|---|---|---|")  # fmt: skip
    for (name, connections), series in found.items():
        bare = statistics.median(found["bare", connections].rates)
        ratio = statistics.median(series.rates) / bare
        print(f"| {connections} | {NAMES[name]} | {span(series.rates)} | {pair(series.waits)} "
              f"| {ratio:.2f} |")  # fmt: skip
    print(f"\nrefused {sum(series.refused for series in found.values())}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.bare:
        serve_bare(options.bare)
        return
    print(f"{os.cpu_count()} cores for client and server; loopback; two runs of {HITS} hits")
    table(compare(options))


if __name__ == "__main__":
    main()
