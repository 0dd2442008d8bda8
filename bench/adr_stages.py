"""What stages behind a learned search do to propensities, and what knowing them costs (ADR 0013).

    python bench/adr_stages.py [--documents 100] [--draws 2000]

Simulated: scores of two searches are random, weights are drawn from a Dirichlet(8, 8). A propensity
of the fused list (what an execution without later stages logs) is held against how often the same
document stands at the same shown position when the weights are drawn again and all stages run.
"""

from __future__ import annotations

import argparse
import time

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.core.matching import matches
from desireline.core.propensity import near_propensities
from desireline.core.recipe import later_parameters
from desireline.core.stages.candidates import Candidate, Candidates, fields_of
from desireline.core.stages.scoring import Popularity
from desireline.core.stages.table import LATER, Given
from desireline.types.retriever import Document, Filter

ROUNDS, FIRST, SERVED = 20, 10, 20
FILTER = "attribute_filter"
STAGES = {
    "limit": {"limit": 50},
    FILTER: {"field": "price", "operator": "lt", "value": 0.5},
    "deduplicate": {"strategy": "field", "fields": ["brand"]},
    "score_normalize": {},
    "sort_attribute": {"field": "price"},
    "interaction_boost": {"boost_multiplier": 3},
    "group_by": {"group_by_field": "brand", "max_per_group": 2},
    "mmr": {"diversity_fields": ["brand"], "top_k": 50},
}
Floats = npt.NDArray[np.float64]


def candidates_of(count: int, rng: np.random.Generator) -> Candidates:
    """Documents of 15 brands with a price; score 0 yet, in order of their rows."""
    brands, prices = rng.integers(0, 15, count), rng.random(count)
    return [
        Candidate(
            document=Document(
                document_id=f"d{n}", collection_id="c",
                fields={"brand": f"b{brands[n]}", "price": float(prices[n])},
            ),
            row=n,
        )
        for n in range(count)
    ]  # fmt: skip


def fused(found: Candidates, norm: Floats, weights: Floats) -> Candidates:
    """The candidates under these weights, best first."""
    scores = norm @ weights
    return [msgspec.structs.replace(found[n], score=float(scores[n])) for n in np.argsort(-scores)]


class Case:
    """One stage, ready to run."""

    def __init__(self, name: str, count: int, rng: np.random.Generator) -> None:
        sent = STAGES[name]
        self.name = name
        self.how = Filter(**sent) if name == FILTER else later_parameters(name, sent, "$")
        counts = {f"d{n}": float(use) for n, use in enumerate(rng.exponential(1.0, count))}
        self.given = Given(seed=7, popularity=Popularity(counts=counts, median=0.7))

    def run(self, found: Candidates) -> Candidates:
        """What is left of the fused list."""
        if self.name == FILTER:
            return [each for each in found if matches(fields_of(each), self.how)]
        return LATER[self.name].run(found, self.how, self.given)


def microseconds(case: Case, found: Candidates) -> float:
    """The least time of one run."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        case.run(found)
        taken.append(time.perf_counter() - started)
    return min(taken) * 1e6


def error_of(case: Case, found: Candidates, norm: Floats, draws: Floats) -> tuple[float, float]:
    """Over the first positions of several executions: how often the document stands there under
    the same draws, and how far the propensity of its fused rank is from that (mean of absolute
    differences).
    """
    again = [case.run(fused(found, norm, weights))[:FIRST] for weights in draws]
    standing: list[float] = []
    logged: list[float] = []
    for number in range(SERVED):
        served = fused(found, norm, draws[number])
        certain = near_propensities(norm, draws, [each.row for each in served])[1]
        for p, each in enumerate(case.run(served)[:FIRST]):
            logged.append(float(certain[served_place(served, each)]))
            same = [len(other) > p and other[p].row == each.row for other in again]
            standing.append(float(np.mean(same)))
    return float(np.mean(standing)), float(np.mean(np.abs(np.subtract(logged, standing))))


def served_place(served: Candidates, one: Candidate) -> int:
    """The fused rank of a shown document."""
    return next(place for place, each in enumerate(served) if each.row == one.row)


def main(count: int, number: int) -> None:
    """One line a stage."""
    rng = np.random.default_rng(1)
    found, norm = candidates_of(count, rng), rng.random((count, 2))
    draws = rng.dirichlet([8, 8], number)
    print(f"{count} documents, {number} draws; the first {FIRST} positions")
    print("stage              order  one run    64 runs   stands there   |logged - true|")
    for name in STAGES:
        case = Case(name, count, rng)
        us = microseconds(case, fused(found, norm, draws[0]))
        true, error = error_of(case, found, norm, draws)
        order = "keeps" if name == FILTER or LATER[name].keeps_order else "anew"
        print(
            f"{name:18} {order:5} {us:6.0f} us {us * 64 / 1000:7.1f} ms {true:13.3f} {error:16.3f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--draws", type=int, default=2000)
    asked = parser.parse_args()
    main(asked.documents, asked.draws)
