"""Metrics of one ranked list against judgments: pure arithmetic on grades in the order shown.

Knows definitions. Does not know which judgments exist for a query, nor averages over queries (that
is `core/inference.py`). `grades` are those of the shown documents, best rank first, unjudged = 0;
`all_grades` those of every judged document of the query, in any order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Gain = Literal["exp", "linear"]
HIGHEST = 3
"""The highest grade of a judgment."""


def dcg_at(grades: npt.ArrayLike, k: int, gain: Gain = "exp") -> float:
    """Discounted cumulative gain: sum over the first k of gain(grade) / log2(rank + 1).

    `exp` gain is 2^grade - 1 (Burges et al. 2005), `linear` the grade itself (Järvelin and
    Kekäläinen 2002).

    >>> round(dcg_at([3, 2], 10), 4)
    8.8928
    """
    first = _first(grades, k)
    gains = np.exp2(first) - 1 if gain == "exp" else first
    return float(gains @ (1 / np.log2(np.arange(2, len(first) + 2))))


def ndcg_at(grades: npt.ArrayLike, all_grades: npt.ArrayLike, k: int, gain: Gain = "exp") -> float:
    """DCG divided by that of the best order of all judged documents; 0 when none is relevant.

    >>> ndcg_at([3, 2, 0], [0, 2, 3], 10)
    1.0
    >>> round(ndcg_at([2, 3], [2, 3], 10), 4)
    0.834
    """
    ideal = dcg_at(np.sort(np.asarray(all_grades, dtype=np.float64))[::-1], k, gain)
    return dcg_at(grades, k, gain) / ideal if ideal > 0 else 0.0


def reciprocal_rank_at(grades: npt.ArrayLike, k: int, relevant: float = 1) -> float:
    """1 / rank of the first document with a grade of at least `relevant`, 0 if none is in k.

    >>> reciprocal_rank_at([0, 0, 2], 10), reciprocal_rank_at([0, 0, 2], 2)
    (0.3333333333333333, 0.0)
    """
    hits = np.flatnonzero(_first(grades, k) >= relevant)
    return 1 / (int(hits[0]) + 1) if len(hits) else 0.0


def precision_at(grades: npt.ArrayLike, k: int, relevant: float = 1) -> float:
    """Relevant documents among the first k, divided by k (also when fewer were shown).

    >>> precision_at([1, 0, 1], 5)
    0.4
    """
    return float(np.count_nonzero(_first(grades, k) >= relevant) / k)


def recall_at(
    grades: npt.ArrayLike, all_grades: npt.ArrayLike, k: int, relevant: float = 1
) -> float:
    """Relevant documents among the first k, divided by all relevant ones; 0 when there are none.

    >>> recall_at([1, 0, 1], [1, 1, 1, 1], 2)
    0.25
    """
    total = np.count_nonzero(np.asarray(all_grades) >= relevant)
    return float(np.count_nonzero(_first(grades, k) >= relevant) / total) if total else 0.0


def f1_at(grades: npt.ArrayLike, all_grades: npt.ArrayLike, k: int, relevant: float = 1) -> float:
    """Harmonic mean of precision and recall at k.

    >>> f1_at([1, 0], [1, 1, 1], 2)
    0.4
    """
    precision = precision_at(grades, k, relevant)
    recall = recall_at(grades, all_grades, k, relevant)
    both = precision + recall
    return 2 * precision * recall / both if both else 0.0


def average_precision_at(
    grades: npt.ArrayLike, all_grades: npt.ArrayLike, k: int, relevant: float = 1
) -> float:
    """Mean over all relevant documents of the precision at their rank, 0 for those beyond k (AP@k).

    Its mean over queries is MAP@k.

    >>> average_precision_at([1, 0, 1], [1, 1], 10)
    0.8333333333333333
    """
    is_relevant = _first(grades, k) >= relevant
    total = np.count_nonzero(np.asarray(all_grades) >= relevant)
    precisions = np.cumsum(is_relevant) / np.arange(1, len(is_relevant) + 1)
    return float(precisions[is_relevant].sum() / total) if total else 0.0


def err_at(grades: npt.ArrayLike, k: int, highest: float = HIGHEST) -> float:
    """Expected reciprocal rank (Chapelle et al. 2009): 1 / rank at which a reader stops.

    A document satisfies the reader with probability (2^grade - 1) / 2^highest.

    >>> err_at([3], 10), err_at([0, 3], 10)
    (0.875, 0.4375)
    """
    satisfied = (np.exp2(_first(grades, k)) - 1) / 2**highest
    reached = np.cumprod(np.concatenate(([1.0], 1 - satisfied)))[:-1]
    return float((reached * satisfied / np.arange(1, len(satisfied) + 1)).sum())


def ctr_at(clicks: npt.ArrayLike, k: int) -> float:
    """Share of executions (rows) with a click among their first k positions (columns); NaN if none.

    >>> ctr_at([[0, 1, 0], [0, 0, 0], [1, 0, 1]], 1)
    0.3333333333333333
    """
    shown = np.atleast_2d(np.asarray(clicks))
    return float((shown[:, :k] > 0).any(axis=1).mean()) if shown.size else float("nan")


def _first(grades: npt.ArrayLike, k: int) -> Floats:
    return np.asarray(grades, dtype=np.float64)[:k]
