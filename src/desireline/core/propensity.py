"""Propensities: how probable it was that a document was shown at its rank, and looked at there.

Knows the ranking rule (fused score descending, then id) and the prior examination curve.
Does not know policies: weights drawn from one come as rows of an array.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_FEW = 32


def linear_scores(norm: npt.ArrayLike, weights: npt.ArrayLike) -> Floats:
    """Fused scores of n documents under m weight vectors: (n, F), (m, F) -> (m, n).

    Weights are taken at float32 precision, as the log keeps them, and the F terms are added one
    after the other: the same arithmetic as `fusion.fuse`, so equal inputs give equal bits.

    >>> linear_scores([[1.0, 0.0], [0.0, 1.0]], [[0.75, 0.25]])
    array([[0.75, 0.25]])
    """
    terms = np.ascontiguousarray(np.asarray(norm, dtype=np.float64).T)
    rounded = np.asarray(weights, dtype=np.float32).astype(np.float64)
    total: Floats = rounded[:, :1] * terms[0]
    for search in range(1, len(terms)):
        total += rounded[:, search : search + 1] * terms[search]
    return total


def rank_propensities(
    norm: npt.ArrayLike,
    draws: npt.ArrayLike,
    order: npt.ArrayLike,
    tie_order: npt.ArrayLike | None = None,
) -> Floats:
    """P(document order[k] stands at rank k) over drawn weights, as a share of the draws.

    `norm` (n, F) are the normalised scores of all candidates, `draws` (m, F) the weights,
    `order` (k,) the candidates shown, best first. `tie_order` (n,) is each candidate's place among
    the sorted ids (`fusion.id_order`); without it the rows are already sorted by id.

    >>> rank_propensities([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.4, 0.6]], [0, 1])
    array([0.5, 0.5])
    >>> rank_propensities([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5]], [0, 1], tie_order=[1, 0])
    array([0., 0.])
    """
    shown = np.asarray(order, dtype=np.intp)
    scores = linear_scores(norm, draws)
    count = scores.shape[1]
    ties = np.arange(count) if tie_order is None else np.asarray(tie_order)
    if len(shown) <= _FEW:
        return _by_counting(scores, shown, ties)
    return _by_sorting(scores, shown, ties)


def _by_counting(scores: Floats, shown: npt.NDArray[np.intp], ties: npt.NDArray[np.intp]) -> Floats:
    """A document's rank is the number of documents before it: no sort needed for a short page."""
    hits = np.empty(len(shown))
    for rank, document in enumerate(shown):
        own = scores[:, document : document + 1]
        before = np.count_nonzero(scores > own, axis=1)
        same = scores == own
        if np.count_nonzero(same) > len(scores):
            before += np.count_nonzero(same & (ties < ties[document]), axis=1)
        hits[rank] = np.count_nonzero(before == rank)
    return hits / len(scores)


def _by_sorting(scores: Floats, shown: npt.NDArray[np.intp], ties: npt.NDArray[np.intp]) -> Floats:
    by_id = np.argsort(ties, kind="stable")
    ranking = by_id[np.argsort(-scores[:, by_id], axis=1, kind="stable")[:, : len(shown)]]
    share: Floats = (ranking == shown).mean(axis=0)
    return share


def examination(depth: int) -> Floats:
    """The prior examination propensity of 0-based positions 0 … depth - 1: 1 / (k + 1).

    >>> examination(4).round(2).tolist()
    [1.0, 0.5, 0.33, 0.25]
    """
    return 1.0 / np.arange(1, depth + 1)
