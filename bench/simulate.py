"""Both learners against fixed weights on simulated shoppers: the numbers behind the ADR.

Calls the product's core for every step (policy, fusion, closing) and the setting of `esci.py`.
Weights are judged on the queries whose clicks taught them, so the figures flatter slightly.

    python bench/simulate.py                             # every policy, seeds 0 to 4
    python bench/simulate.py --policies logistic --conditions base drift --seeds 1 --searches 1000
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices of 4 x 4: threads only get in the way

from collections.abc import Sequence

import esci
import msgspec
import numpy as np
from numpy.typing import NDArray

from desireline.core import policy
from desireline.core.closing import close
from desireline.core.fusion import Fused, score
from desireline.core.inference import Interval, mean_interval
from desireline.core.seeds import generator, seed_of
from desireline.ports import RecentExecution, Shown
from desireline.types.learning import Context, LearningConfig, Weights

Array = NDArray[np.float64]
SEARCHES = len(esci.SEARCHES)
FIRST, LAST = 1_000, 5_000
EVERY_MS = 86_400  # a thousand searches a day
POLICIES: dict[str, LearningConfig | None] = {
    "equal minmax": None,
    "beta any": LearningConfig(credit="any"),
    "beta share": LearningConfig(credit="share"),
    "beta winner (default)": LearningConfig(),
    "beta share, ipw, contrast 4, min 50": LearningConfig(
        credit="share", position_bias="inverse_propensity", contrast=4, min_interactions=50
    ),
    "logistic": LearningConfig(algorithm="logistic"),
}
CONDITIONS = {
    "base": "three segments with tastes of their own, known to the learner",
    "hidden": "the same tastes, but no demographic feature",
    "noise": "tastes belong to the user; the demographic feature is a random label",
    "same": "everybody has the taste of segment 0; users and segments are labels only",
    "drift": "half way, every segment takes over the next one's taste",
}


class World(msgspec.Struct, frozen=True):
    """The questions with what fixed weights reach, and the taste and label of every user."""

    questions: list[esci.Question]
    marks: esci.Marks
    condition: str


class Outcome(msgspec.Struct, frozen=True):
    """One seed of one policy: quality of the mean weights after so many searches, and regret."""

    first: float
    last: float
    equal: float
    oracle: float
    served: float
    regret: float
    equal_regret: float
    clicks: int
    seconds: float

    def gap(self, reached: float) -> float:
        """Share of the way from equal weights to the oracle, in per cent."""
        return 100 * (reached - self.equal) / (self.oracle - self.equal)


def taste_of(world: World, shopper: esci.Shopper, progress: float) -> int:
    """Which of the three tastes clicks for this shopper, with `progress` from 0 to 1."""
    if world.condition == "same":
        return 0
    rotated = world.condition == "drift" and progress >= 0.5
    return (shopper.segment + rotated) % esci.SEGMENTS


def context_of(world: World, shopper: esci.Shopper) -> Context:
    label = shopper.segment
    if world.condition == "noise":
        label = seed_of("label", str(shopper.user)) % esci.SEGMENTS
    demographic = "" if world.condition == "hidden" else f"demographic:{label}"
    return Context(personal=f"personal:{shopper.user}", demographic=demographic)


def served(question: esci.Question, weights: Weights) -> Fused:
    """Learned weights over normalised scores; without evidence, equal ones."""
    return score(question.found, weights.values, "learned")


def page_of(fused: Fused) -> list[Shown]:
    """What is remembered of the documents shown."""
    return [
        Shown(
            document_id=document,
            position=place,
            score=float(fused.scores[place]),
            norm_scores=tuple(fused.norm[place].tolist()),
            contributions=tuple(fused.contributions[place].tolist()),
            winner=esci.SEARCHES[int(fused.winner[place])],
            rewards=[],
        )
        for place, document in enumerate(fused.ids[: esci.PAGE])
    ]


def lesson_of(
    shown: list[Shown], context: Context, config: LearningConfig, number: int
) -> policy.Lesson:
    """The closing of one execution; the window ends at the shopper's next search."""
    execution = RecentExecution(
        execution_id=str(number), namespace="bench", retriever_id="bench", at_ms=number * EVERY_MS,
        closes_at_ms=number * EVERY_MS, query_key="", user_id="", session_id="",
        context_keys=context.keys, searches=esci.SEARCHES, variant="learned", shown=shown,
    )  # fmt: skip
    return policy.Lesson(
        kind="close",
        at_ms=execution.at_ms,
        context_keys=context.keys,
        taught=close(execution, config),
    )


def mean_quality(
    world: World,
    nodes: policy.Nodes,
    config: LearningConfig | None,
    traffic: Sequence[esci.Shopper],
    at: int,
) -> float:
    """NDCG@10 of every user's mean weights by taste, users counted by their searches."""
    progress = at / len(traffic)
    shares: dict[int, dict[int, tuple[esci.Shopper, int]]] = {}
    for shopper in traffic:
        users = shares.setdefault(taste_of(world, shopper, progress), {})
        users[shopper.user] = (shopper, users.get(shopper.user, (shopper, 0))[1] + 1)
    reached = []
    for taste, users in sorted(shares.items()):
        chosen = [
            policy.mean(
                policy.ready(
                    nodes,
                    context_of(world, shopper),
                    config or LearningConfig(),
                    SEARCHES,
                    at * EVERY_MS,
                )
            ).values
            for shopper, _ in users.values()
        ]
        quality = esci.quality(world.questions, np.array(chosen), taste)
        reached.append(np.average(quality, weights=[count for _, count in users.values()]))
    return float(np.mean(reached))


class Tally:
    """What one run has shown so far: quality and clicks, page by page."""

    def __init__(self) -> None:
        self.served: list[float] = []
        self.regret = 0.0
        self.equal_regret = 0.0
        self.clicks = 0

    def page(self, world: World, question: esci.Question, rows: list[int], taste: int) -> None:
        oracle = world.marks.oracle_weights[taste]
        fixed = esci.page(question, np.array([oracle, [1 / SEARCHES] * SEARCHES]))
        best, equal = esci.ndcg(question, fixed, taste)
        reached = float(esci.ndcg(question, np.array([rows]), taste)[0])
        self.served.append(reached)
        self.regret += float(best) - reached
        self.equal_regret += float(best - equal)


def run(world: World, config: LearningConfig | None, seed: int, searches: int) -> Outcome:
    """One policy over one seed's traffic, learning from every page before the next."""
    began = time.perf_counter()
    shoppers = esci.traffic(
        len(world.questions), searches, generator(seed_of("traffic", str(seed)))
    )
    click_rng, draw_rng = (generator(seed_of(name, str(seed))) for name in ("clicks", "draws"))
    nodes: dict[str, policy.Node] = {}
    tally, reached = Tally(), {}
    settings = config or LearningConfig()
    for number, shopper in enumerate(shoppers, start=1):
        question = world.questions[shopper.query]
        taste = taste_of(world, shopper, number / searches)
        context = context_of(world, shopper)
        weights = policy.draw(
            policy.ready(nodes, context, settings, SEARCHES, number * EVERY_MS), draw_rng
        )
        shown = page_of(served(question, weights))
        rows = [question.by_id[each.document_id] for each in shown]
        tally.page(world, question, rows, taste)
        for place in esci.clicks(question.attraction[taste][rows].tolist(), click_rng):
            shown[place].rewards.append((f"{number}-{place}", 1.0))
            tally.clicks += 1
        if config is not None:
            lesson = lesson_of(shown, context, config, number)
            nodes.update(policy.update(nodes, lesson, config, SEARCHES))
        if number in (min(FIRST, searches), searches):
            reached[number] = mean_quality(world, nodes, config, shoppers, number)
    tastes = [0] if world.condition == "same" else list(range(esci.SEGMENTS))
    return Outcome(
        first=reached[min(FIRST, searches)],
        last=reached[searches],
        equal=float(world.marks.equal[tastes].mean()),
        oracle=float(world.marks.oracle[tastes].mean()),
        served=float(np.mean(tally.served)),
        regret=tally.regret,
        equal_regret=tally.equal_regret,
        clicks=tally.clicks,
        seconds=time.perf_counter() - began,
    )


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean with its 95 % interval over seeds (Student's t)."""
    found: Interval = mean_interval(list(values))
    if len(values) < 2:
        return f"{found.mean:.{digits}f}"
    return f"{found.mean:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def line(name: str, outcomes: Sequence[Outcome]) -> str:
    cells = [
        spread([each.first for each in outcomes]),
        spread([each.last for each in outcomes]),
        spread([each.gap(each.first) for each in outcomes], 0),
        spread([each.gap(each.last) for each in outcomes], 0),
        spread([each.served for each in outcomes]),
        spread([100 * each.regret / each.equal_regret for each in outcomes], 0),
        spread([each.clicks / 1000 for each in outcomes], 2),
    ]
    return f"| {name} | " + " | ".join(cells) + " |"


def report(world: World, names: Sequence[str], seeds: int, searches: int) -> None:
    first = min(FIRST, searches)
    print(f"\n### {world.condition}: {CONDITIONS[world.condition]}\n")
    print(
        f"| policy | NDCG@10 after {first} | after {searches} | gap closed after {first}, % "
        f"| after {searches}, % | as served | regret, % of equal weights | clicks, thousands |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name in names:
        outcomes = [run(world, POLICIES[name], seed, searches) for seed in range(seeds)]
        print(line(name, outcomes), flush=True)


def references(found: esci.Marks) -> None:
    print("\n| fixed weights | NDCG@10 |\n|---|---|")
    rows = {
        "equal, rrf": found.rrf,
        "equal, minmax": found.equal,
        f"best single vector {tuple(round(w, 2) for w in found.single_weights)}": found.single,
        "oracle per segment": found.oracle,
    }
    for name, reached in rows.items():
        print(f"| {name} | {reached.mean():.3f} |")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--policies", nargs="*", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--conditions", nargs="*", default=["base"], choices=list(CONDITIONS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--searches", type=int, default=LAST)
    chosen = parser.parse_args(arguments)
    if not esci.data_folder().exists():
        print(f"skipped: no data set at {esci.data_folder()}")
        return
    _, questions = esci.load()
    found = esci.marks(questions)
    print(
        f"simulated clicks; {len(questions)} queries, seeds 0 to {chosen.seeds - 1}, 95 % intervals"
    )
    references(found)
    for condition in chosen.conditions:
        world = World(questions, found, condition)
        report(world, chosen.policies, chosen.seeds, chosen.searches)


if __name__ == "__main__":
    main()
