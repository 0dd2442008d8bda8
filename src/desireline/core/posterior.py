"""What is believed about the best weights, apart from how far draws are spread to explore.

Knows that a draw is scaled (`exploration_*` of both learners, `logistic.DRAW_SCALE`) and takes the
scale away. ADR 0018 says which of the two an interval is of.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from desireline.core import logistic, policy
from desireline.types.learning import Context, LearningConfig

Array = NDArray[np.float64]
UNSCALED = {"exploration_bonus": 1.0, "exploration_decay": 1.0, "exploration_floor": 0.0}
QUANTILES: Sequence[float] = (0.025, 0.975)


def believed(
    nodes: policy.Nodes, context: Context, config: LearningConfig, searches: int, now_ms: int
) -> policy.Ready:
    """The posterior of a context as `policy.ready` gives it, with nothing added or taken for
    exploration: `policy.draw_many` of it draws what is believed. Its `policy.mean` is the same.

    >>> believed({}, Context(), LearningConfig(), 2, 0).standing.level
    'prior'
    """
    plain = msgspec.structs.replace(config, **UNSCALED)
    ready = policy.ready(nodes, context, plain, searches, now_ms)
    if ready.spread is None:
        return ready
    return msgspec.structs.replace(ready, spread=ready.spread / logistic.DRAW_SCALE)


def variance_ratio(bonus: float, config: LearningConfig) -> float:
    """What `exploration_*` make of the variance of belief: `bonus` times it (`thompson_sampling`,
    nearly), a quarter of that under `logistic` (`s = .5 sqrt(bonus)`).

    >>> variance_ratio(0.1, LearningConfig())
    0.1
    >>> variance_ratio(0.1, LearningConfig(algorithm="logistic"))
    0.025
    """
    return bonus * (logistic.DRAW_SCALE**2 if config.algorithm == "logistic" else 1.0)


def interval(draws: Array) -> tuple[Array, Array]:
    """The middle 95 % of draws (m, F), each search on its own: two (F,).

    >>> low, high = interval(np.linspace(0, 1, 401)[:, None])
    >>> round(float(low[0]), 3), round(float(high[0]), 3)
    (0.025, 0.975)
    """
    low, high = np.quantile(draws, QUANTILES, axis=0)
    return low, high
