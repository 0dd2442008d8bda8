"""What another order of the documents shown would have drawn, from rewards of the shown order.

The position-based model: a document is acted on when it is looked at and attractive; how probable a
look is depends on its position only (`core.propensity.examined`). A document that was not shown has
no rewards to move, so numbers of the other order are lower bounds. Knows no log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from desireline.core.propensity import examined


def moved_rewards(positions: Sequence[int], places: Sequence[int], k: int = 10) -> float:
    """Rewarded documents expected in the first k places, if those at `positions` stood at `places`.

    Both 0-based; place -1: not in the other list. Sum over the documents of
    examined(place) / examined(position) (inverse propensity; Joachims et al. 2017), which is their
    number when nothing moves.

    >>> moved_rewards([0, 3], [0, 3]), moved_rewards([0], [-1])
    (2.0, 0.0)
    >>> moved_rewards([4], [0]) > 1
    True
    """
    return float(
        sum(
            examined(place) / examined(position)
            for position, place in zip(positions, places, strict=True)
            if 0 <= place < k
        )
    )


def debiased_dcg(positions: Sequence[int], places: Sequence[int], k: int = 10) -> float:
    """DCG at k of the order `places`, a rewarded document at a position counting 1 / examined.

    Its expectation is the DCG of the attractivenesses, whatever order was shown (Joachims et al.
    2017). That holds for sums over executions only: divide sums of it by sums of `best_dcg` for an
    NDCG. Divided execution by execution, the weight of a lone reward would cancel, and the order
    shown would win against any other.

    >>> debiased_dcg([2], [0]), round(debiased_dcg([0], [1]), 4), debiased_dcg([0], [-1])
    (3.0, 0.6309, 0.0)
    """
    gains, where = _gains(positions), np.asarray(places, dtype=np.intp)
    seen = (where >= 0) & (where < k)
    return float((gains[seen] / np.log2(where[seen] + 2)).sum())


def best_dcg(positions: Sequence[int], k: int = 10) -> float:
    """`debiased_dcg` of the ideal order: rewarded documents first, those seen least likely in
    front; 0 without any.

    >>> best_dcg([2]), best_dcg([])
    (3.0, 0.0)
    """
    ideal = np.sort(_gains(positions))[::-1][:k]
    return float((ideal / np.log2(np.arange(2, len(ideal) + 2))).sum())


def support(positions: Iterable[int]) -> tuple[float, float]:
    """Effective number of rewards at these positions, (sum w)^2 / sum w^2 of w = 1 / examined, and
    the share of all weight that one of them carries.

    >>> support([0, 0, 0, 0]), support([])
    ((4.0, 0.25), (0.0, 1.0))
    """
    weights = _gains(list(positions))
    if not len(weights):
        return 0.0, 1.0
    total = float(weights.sum())
    return total**2 / float((weights**2).sum()), float(weights.max()) / total


def _gains(positions: Sequence[int]) -> npt.NDArray[np.float64]:
    return np.array([1 / examined(position) for position in positions], dtype=np.float64)
