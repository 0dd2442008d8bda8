"""The whole learning loop over HTTP alone, with *simulated* shoppers: does the ranking get better?

A real server with the real documents; shoppers, tastes and clicks are those of `esci.py`. Every
search is an execute, every click an interaction; weights, candidates and scores are read back
through the API too. All runs (algorithm, condition, seed) share a server and take turns. Weights
are judged on the queries whose clicks taught them, so the figures flatter slightly.

    python bench/loop.py                       # seeds 0 to 4, both algorithms; minutes
    python bench/loop.py --quick               # two seeds, a thousand searches
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import esci
import msgspec
import numpy as np
from caller import Caller, path_part
from numpy.typing import NDArray
from server import Server, flush, make_collection, make_retriever, upsert
from simulate import spread

from desireline.core.fusion import Candidates
from desireline.core.metrics import dcg_at
from desireline.core.seeds import generator, seed_of
from desireline.types.log import NOT_RETURNED

Array = NDArray[np.float64]
COLLECTION, STATIC, PROBE = "products", "static", "probe"
FEATURES: list[dict[str, Any]] = [
    {"feature_uri": "desireline://title@v1/bm25", "kind": "lexical", "fields": ["title"]},
    {"feature_uri": "desireline://title@v1/static", "kind": "dense", "fields": ["title"],
     "model": "static"},
    {"feature_uri": "desireline://popularity@v1", "kind": "field", "field": "popularity"},
]  # fmt: skip
URIS = [feature["feature_uri"] for feature in FEATURES]
EQUAL = np.full((1, len(URIS)), 1 / len(URIS))
DISCOUNT = 1 / np.log2(np.arange(2, esci.PAGE + 2))
EXAMINED = 1 / np.arange(1, esci.PAGE + 1)
DEEPEST, BATCH, EVERY, FIRST = 500, 1000, 50, 1000
ALGORITHMS = ("logistic", "thompson_sampling")
CONDITIONS = {
    "base": "three segments with tastes of their own, sent as `user_segment`",
    "hidden": "the same tastes, but the segment is not sent",
    "same": "everybody has the taste of segment 0; segments are sent, and mean nothing",
}
PLAN = [("base", each) for each in ALGORITHMS] + [("hidden", "logistic"), ("same", "logistic")]
WANTED = 80.0


class World(msgspec.Struct, frozen=True):
    """What is searched and judged. `attraction` (SEGMENTS, N) and `ideal` (SEGMENTS,) by query."""

    caller: Caller
    rows: dict[str, int]
    texts: list[str]
    attraction: list[Array]
    ideal: list[Array]


class Quality(msgspec.Struct, frozen=True):
    """Mean NDCG@10 of fixed weights per taste, and one page's best and equal (queries, tastes)."""

    questions: list[esci.Question]
    marks: esci.Marks
    best: Array
    equal: Array
    equal_clicks: Array


class Outcome(msgspec.Struct, frozen=True):
    """One run: NDCG@10 of everyone's mean weights after so many searches, and what was served."""

    condition: str
    algorithm: str
    seed: int
    first: float
    last: float
    newcomer: float
    equal: float
    oracle: float
    served: float
    regret_pct: float
    clicks_pct: float
    clicks: int

    def gap(self, reached: float) -> float:
        """Share of the way from equal min-max weights to the oracle, in per cent."""
        return 100 * (reached - self.equal) / (self.oracle - self.equal)


def open_world(caller: Caller) -> World:
    """The documents through the API, then queries and tastes."""
    folder = esci.data_folder()
    corpus = esci.load_corpus(folder)
    documents = [
        {"document_id": each, "title": title, "popularity": float(popularity)}
        for each, title, popularity in zip(
            corpus.ids, corpus.titles, corpus.popularity, strict=True
        )
    ]
    # In no order: average lengths are taken from the first batch, and ids are not random.
    generator(seed_of("documents")).shuffle(documents)
    make_collection(caller, COLLECTION, FEATURES)
    seconds = upsert(caller, COLLECTION, documents)
    print(f"{len(documents)} documents, {len(documents) / seconds:,.0f} upserted a second")
    found = esci.attractions(corpus, esci.judgments(folder))
    tops = [-np.sort(-each, axis=1)[:, : esci.PAGE] for each in found.values()]
    return World(
        caller=caller,
        rows={each: row for row, each in enumerate(corpus.ids)},
        texts=list(found),
        attraction=list(found.values()),
        ideal=[np.array([dcg_at(top, esci.PAGE, gain="linear") for top in each]) for each in tops],
    )


def make_learned(caller: Caller, name: str, algorithm: str, deepest: int = esci.PAGE) -> str:
    """A retriever that learns with the defaults, and the segment as a demographic feature."""
    learning = {"algorithm": algorithm, "demographic_features": ["INPUT.user_segment"]}
    return make_retriever(
        caller, name, COLLECTION, URIS, fusion="learned", final_top_k=deepest,
        learning_config=learning,
    )  # fmt: skip


def execute(caller: Caller, retriever: str, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = caller.post(f"/v1/retrievers/{retriever}/execute", body)
    return answer


def shown_ids(answer: dict[str, Any]) -> list[str]:
    return [document["document_id"] for document in answer["documents"]]


# Before any data, and what fixed weights reach


def differing(world: World, retriever: str) -> list[str]:
    """Queries whose order differs from the static retriever's."""
    return [
        text
        for text in world.texts
        if shown_ids(_judging(world.caller, retriever, text))
        != shown_ids(_judging(world.caller, STATIC, text))
    ]


def _judging(caller: Caller, retriever: str, text: str) -> dict[str, Any]:
    """A search that teaches nothing."""
    return execute(caller, retriever, inputs={"query": text}, purpose="evaluation", limit=DEEPEST)


def judged(world: World) -> Quality:
    """Every query's candidates with their normalised scores, as the server has them."""
    make_learned(world.caller, PROBE, "logistic", DEEPEST)
    first = execute(world.caller, PROBE, inputs={"query": world.texts[0]}, limit=esci.PAGE)
    send(world.caller, [click(first, 0)])
    flush(world.caller, close_executions=True)
    answers = [_judging(world.caller, PROBE, text) for text in world.texts]
    questions = [_question(world, query, answer) for query, answer in enumerate(answers)]
    marks = esci.marks(questions)
    oracle = np.array(marks.oracle_weights)
    tastes = range(esci.SEGMENTS)
    pages = [esci.page(question, EQUAL) for question in questions]
    return Quality(
        questions=questions,
        marks=marks,
        best=np.array([
            [esci.ndcg(q, esci.page(q, oracle[[t]]), t)[0] for t in tastes] for q in questions
        ]),
        equal=np.array([
            [esci.ndcg(q, rows, t)[0] for t in tastes]
            for q, rows in zip(questions, pages, strict=True)
        ]),
        equal_clicks=np.array([
            q.attraction[:, rows[0]] @ EXAMINED[: rows.shape[1]]
            for q, rows in zip(questions, pages, strict=True)
        ]),
    )  # fmt: skip


def _question(world: World, query: int, answer: dict[str, Any]) -> esci.Question:
    if not answer["learned_fusion_context"]["served"]:
        raise RuntimeError("the probe was served the static ranking: its scores are not complete")
    documents = sorted(answer["documents"], key=lambda each: each["document_id"])
    ids = [each["document_id"] for each in documents]
    terms = [each["attribution"] for each in documents]
    raw = np.array([[_or(t["raw_score"], np.nan) for t in row] for row in terms])
    ranks = np.array([[_or(t["rank"], NOT_RETURNED) for t in row] for row in terms], np.uint16)
    attraction = world.attraction[query]
    return esci.Question(
        text=world.texts[query],
        runs=[],
        found=Candidates(ids, raw, ranks),
        norm=np.array([[t["norm_score"] for t in row] for row in terms]),
        attraction=attraction[:, [world.rows[each] for each in ids]],
        ideal=-np.sort(-attraction, axis=1)[:, : esci.PAGE],
        by_id={each: row for row, each in enumerate(ids)},
    )


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


# The traffic


class Run:
    """One algorithm under one condition over one seed's traffic."""

    def __init__(self, world: World, condition: str, algorithm: str, seed: int, size: int) -> None:
        self.world, self.condition, self.algorithm, self.seed = world, condition, algorithm, seed
        self.name = make_learned(world.caller, f"{condition}-{algorithm}-{seed}", algorithm)
        self.shoppers = esci.traffic(
            len(world.texts), size, generator(seed_of("traffic", str(seed)))
        )
        self._rng = generator(seed_of("clicks", str(seed)))
        self.served: list[tuple[int, int, float, float]] = []
        self.clicked = 0
        self.reached: dict[int, tuple[float, float]] = {}

    def taste(self, segment: int) -> int:
        return 0 if self.condition == "same" else segment

    def search(self, number: int) -> Iterator[dict[str, Any]]:
        """Search number `number` of the traffic; its clicks as interactions."""
        shopper = self.shoppers[number]
        inputs = {"query": self.world.texts[shopper.query], "user_id": f"user-{shopper.user}"}
        if self.condition != "hidden":
            inputs["user_segment"] = f"segment-{shopper.segment}"
        answer = execute(
            self.world.caller, self.name, inputs=inputs, session_id=f"{self.name}-{number}",
            purpose="simulation", limit=esci.PAGE,
        )  # fmt: skip
        taste = self.taste(shopper.segment)
        rows = [self.world.rows[each] for each in shown_ids(answer)]
        attraction = self.world.attraction[shopper.query][taste][rows]
        reached = attraction @ DISCOUNT[: len(rows)] / self.world.ideal[shopper.query][taste]
        expected = float(attraction @ EXAMINED[: len(rows)])
        self.served.append((shopper.query, taste, float(reached), expected))
        for place in esci.clicks(attraction.tolist(), self._rng):
            self.clicked += 1
            yield click(answer, place)

    def judge(self, quality: Quality, number: int) -> None:
        """Mean weights of everyone after `number` searches, and of someone never seen."""
        everyone, newcomers = [], []
        for taste, users in sorted(self._users().items()):
            chosen = np.array([self._weights(f"user-{user}", own[0]) for user, own in users])
            counts = [own[1] for _, own in users]
            found = esci.quality(quality.questions, chosen, taste)
            everyone.append(np.average(found, weights=counts))
            stranger = np.array([self._weights("nobody", users[0][1][0])])
            newcomers.append(esci.quality(quality.questions, stranger, taste)[0])
        self.reached[number] = (float(np.mean(everyone)), float(np.mean(newcomers)))

    def _users(self) -> dict[int, list[tuple[int, tuple[int, int]]]]:
        """By taste: each user with segment and number of searches."""
        found: dict[int, dict[int, tuple[int, int]]] = {}
        for shopper in self.shoppers:
            users = found.setdefault(self.taste(shopper.segment), {})
            count = users.get(shopper.user, (0, 0))[1]
            users[shopper.user] = (shopper.segment, count + 1)
        return {taste: list(users.items()) for taste, users in found.items()}

    def _weights(self, user: str, segment: int) -> list[float]:
        path = f"/v1/retrievers/{self.name}/learned-fusion/weights/{path_part(user)}"
        query = "" if self.condition == "hidden" else f"?user_segment=segment-{segment}"
        mean = self.world.caller.get(path + query)["mean_weights"]
        return [mean[uri] for uri in URIS]

    def outcome(self, quality: Quality) -> Outcome:
        queries, tastes = (np.array([each[at] for each in self.served]) for at in (0, 1))
        best, equal = quality.best[queries, tastes], quality.equal[queries, tastes]
        reached = np.array([each[2] for each in self.served])
        clicks = sum(each[3] for each in self.served)
        (first, _), (last, newcomer) = min(self.reached.items())[1], max(self.reached.items())[1]
        known = [0] if self.condition == "same" else list(range(esci.SEGMENTS))
        return Outcome(
            condition=self.condition, algorithm=self.algorithm, seed=self.seed, first=first,
            last=last, newcomer=newcomer, equal=float(quality.marks.equal[known].mean()),
            oracle=float(quality.marks.oracle[known].mean()), served=float(reached.mean()),
            regret_pct=100 * float((best - reached).sum() / (best - equal).sum()),
            clicks_pct=100 * (clicks / float(quality.equal_clicks[queries, tastes].sum()) - 1),
            clicks=self.clicked,
        )  # fmt: skip


def click(answer: dict[str, Any], place: int) -> dict[str, Any]:
    return {
        "execution_id": answer["execution_id"],
        "document_id": answer["documents"][place]["document_id"],
        "interaction_type": ["click"],
        "position": place,
    }


def send(caller: Caller, acts: Sequence[dict[str, Any]]) -> None:
    """Interactions in batches; every one must have been created."""
    for start in range(0, len(acts), BATCH):
        body = {"interactions": acts[start : start + BATCH]}
        answer = caller.post("/v1/retrievers/interactions/batch", body)
        if answer["created"] != len(body["interactions"]):
            raise RuntimeError(f"clicks were not taken: {answer['errors'][:3]}")


def drive(runs: Sequence[Run], quality: Quality, searches: int) -> float:
    """All runs in turns; learning every 50 searches of each. Returns the seconds it took."""
    caller, began = runs[0].world.caller, time.perf_counter()
    judging = 0.0
    for start in range(0, searches, EVERY):
        end = min(start + EVERY, searches)
        acts = [act for number in range(start, end) for run in runs for act in run.search(number)]
        send(caller, acts)
        flush(caller, close_executions=True)
        if end == searches or start < FIRST <= end < searches:
            before = time.perf_counter()
            for run in runs:
                run.judge(quality, end)
            judging += time.perf_counter() - before
    return time.perf_counter() - began - judging


# The report


def table(outcomes: Sequence[Outcome], searches: int, seeds: int) -> None:
    first = min(FIRST, searches)
    for condition, said in CONDITIONS.items():
        own = [each for each in outcomes if each.condition == condition]
        if not own:
            continue
        print(f"\n### {condition}: {said} (simulated, seeds 0 to {seeds - 1})\n")
        print(
            f"| algorithm | NDCG@10 after {first} | after {searches} | a newcomer | equal | oracle "
            f"| gap closed after {first}, % | after {searches}, % | as served "
            "| regret, % of equal weights' | expected clicks against equal weights, % |"
        )
        print("|---" * 11 + "|")
        for algorithm in dict.fromkeys(each.algorithm for each in own):
            print(line(algorithm, [each for each in own if each.algorithm == algorithm]))


def line(name: str, own: Sequence[Outcome]) -> str:
    cells = [
        spread([each.first for each in own]),
        spread([each.last for each in own]),
        spread([each.newcomer for each in own]),
        f"{own[0].equal:.3f}",
        f"{own[0].oracle:.3f}",
        spread([each.gap(each.first) for each in own], 0),
        spread([each.gap(each.last) for each in own], 0),
        spread([each.served for each in own]),
        spread([each.regret_pct for each in own], 0),
        spread([each.clicks_pct for each in own], 1),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def references(world: World, quality: Quality) -> None:
    """Fixed weights on the server's own candidates."""
    print("\n| fixed weights | NDCG@10 | per segment |\n|---|---|---|")
    marks = quality.marks
    vector = ", ".join(f"{each:.2f}" for each in marks.single_weights)
    rows = {
        "equal, rrf": marks.rrf,
        "equal, minmax": marks.equal,
        f"best single vector ({vector})": marks.single,
        "oracle per segment": marks.oracle,
    }
    for name, reached in rows.items():
        print(f"| {name} | {reached.mean():.3f} | {', '.join(f'{r:.3f}' for r in reached)} |")


def verdicts(outcomes: Sequence[Outcome]) -> None:
    base = [each for each in outcomes if each.condition == "base"]
    for algorithm in dict.fromkeys(each.algorithm for each in base):
        gaps = [each.gap(each.last) for each in base if each.algorithm == algorithm]
        wanted = WANTED if algorithm == "logistic" else 0.0
        word = "met" if float(np.mean(gaps)) >= wanted else "missed"
        own = ", ".join(f"{gap:.0f}" for gap in gaps)
        print(
            f"{algorithm}: {spread(gaps, 1)} % of the gap closed (simulated; by seed {own}); "
            f"target {wanted:.0f} %: {word}"
        )


def compare(caller: Caller, options: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one fresh server; the outcome as data."""
    world = open_world(caller)
    make_retriever(caller, STATIC, COLLECTION, URIS, fusion="rrf", final_top_k=esci.PAGE)
    runs = [
        Run(world, condition, algorithm, seed, options.searches)
        for condition, algorithm in PLAN
        if condition in options.conditions and algorithm in options.algorithms
        for seed in range(options.seeds)
    ]
    names = {run.algorithm: run.name for run in runs}
    wrong = {name: differing(world, name) for name in names.values()}
    same = len(world.texts) - max(map(len, wrong.values()))
    print(f"before any data: {same} of {len(world.texts)} queries in exactly the static order")
    quality = judged(world)
    references(world, quality)
    seconds = drive(runs, quality, options.searches)
    outcomes = [run.outcome(quality) for run in runs]
    table(outcomes, options.searches, options.seeds)
    total = len(runs) * options.searches
    print(
        f"\n{total} searches in {seconds:.0f} s, {total / seconds:.0f} a second, learning included"
    )
    verdicts(outcomes)
    return {
        "queries": len(world.texts),
        "static_before_data": same,
        "outcomes": [
            msgspec.structs.asdict(each) | {"gap_pct": each.gap(each.last)} for each in outcomes
        ],
    }


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--algorithms", nargs="*", default=ALGORITHMS, choices=ALGORITHMS)
    parser.add_argument("--conditions", nargs="*", default=list(CONDITIONS), choices=CONDITIONS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--searches", type=int, default=5000)
    parser.add_argument("--quick", action="store_true", help="two seeds, 1000 searches, base only")
    parser.add_argument("--json", metavar="FILE", help="write the outcome as data, too")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seeds, options.searches, options.conditions = 2, 1000, ["base"]
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parsed(arguments)
    if not esci.data_folder().exists():
        print(f"skipped: no data set at {esci.data_folder()}")
        return
    with Server() as server:
        found = compare(server.caller(), options)
        print(f"peak memory of the server {server.peak_mb():.0f} MB")
    if options.json:
        Path(options.json).write_bytes(msgspec.json.encode(found))


if __name__ == "__main__":
    main()
