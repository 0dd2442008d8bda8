"""Propensities: how probable it was that a document was shown at its rank, and looked at there.

Knows the ranking rule (fused score descending, then id) and the prior examination curve.
Does not know policies: weights drawn from one come as rows of an array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.intp]
_FEW = 32
# A score rounded to float32 is off by at most (F + 2) 2**-24 of the largest term; two are compared.
_ROUNDING = 2.0**-22
_NEAR = np.array([-1, 0, 1])[:, None, None]


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
    term = np.empty_like(total)
    for search in range(1, len(terms)):
        total += np.multiply(rounded[:, search : search + 1], terms[search], out=term)
    return total


def rank_propensities(
    norm: npt.ArrayLike,
    draws: npt.ArrayLike,
    order: npt.ArrayLike,
    tie_order: npt.ArrayLike | Callable[[], Ints] | None = None,
) -> Floats:
    """P(document order[k] stands at rank k) over drawn weights, as a share of the draws.

    `norm` (n, F) are the normalised scores of all candidates, `draws` (m, F) the weights,
    `order` (k,) the candidates shown, best first. `tie_order` (n,) is each candidate's place among
    the sorted ids (`fusion.id_order`), or a function that is called only when scores are equal;
    without it the rows are already sorted by id.

    >>> rank_propensities([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.4, 0.6]], [0, 1])
    array([0.5, 0.5])
    >>> rank_propensities([[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5]], [0, 1], tie_order=[1, 0])
    array([0., 0.])
    """
    share: Floats = near_propensities(norm, draws, order, tie_order)[1]
    return share


def near_propensities(
    norm: npt.ArrayLike,
    draws: npt.ArrayLike,
    order: npt.ArrayLike,
    tie_order: npt.ArrayLike | Callable[[], Ints] | None = None,
) -> Floats:
    """(3, k) P(document order[k] stands at rank k - 1, k, k + 1); as `rank_propensities`.

    >>> near_propensities([[1.0, 0.0], [0.0, 1.0]], [[0.9, 0.1], [0.4, 0.6]], [0, 1]).tolist()
    [[0.0, 0.5], [0.5, 0.5], [0.5, 0.0]]
    """
    shown = np.asarray(order, dtype=np.intp)
    near = _roughly(norm, draws, shown)
    if near is not None:
        return near
    scores = linear_scores(norm, draws)
    if tie_order is None:
        tie_order = np.arange(scores.shape[1])
    ties = tie_order if callable(tie_order) else partial(np.asarray, tie_order)
    few = len(shown) <= _FEW
    ranks = _by_counting(scores, shown, ties) if few else _by_sorting(scores, shown, ties())
    counted: Floats = (ranks - np.arange(len(shown)) == _NEAR).sum(axis=1) / len(scores)
    return counted


def _roughly(norm: npt.ArrayLike, draws: npt.ArrayLike, shown: Ints) -> Floats | None:
    """`near_propensities` from scores at float32 precision; None where those do not tell.

    They tell when the first k + 2 of every re-drawn ranking are further apart than rounding can
    move them: then a document stands at the rank that has its score, and nothing is equal.
    Scores are negative here, so that sorting gives the best first.
    """
    terms = np.asarray(norm, dtype=np.float32)
    scores = np.negative(draws, dtype=np.float32, casting="same_kind") @ terms.T
    own = scores[:, shown]
    scores.sort(axis=1)
    best = scores[:, : len(shown) + 2]
    if best.shape[1] > 1:
        apart = np.minimum.reduce(best[:, 1:] - best[:, :-1], axis=None)
        reach = np.maximum.reduce(np.abs(terms), axis=None)
        if not apart > _ROUNDING * (terms.shape[1] + 2) * reach:
            return None
    return _by_score(own, best)


def _by_score(own: Floats32, best: Floats32) -> Floats:
    """(3, k) how often `own` (m, k) is what `best` (m, up to k + 2) has one rank above, at, and
    below: three windows on the same rows, from rank -1 on, where nothing stands.
    """
    draws, count = own.shape
    ranked = np.full((draws, count + 3), np.nan, dtype=np.float32)
    ranked[:, 1 : 1 + best.shape[1]] = best
    row, each = ranked.strides
    windows = np.ndarray((draws, 3, count), np.float32, ranked, 0, (row, each, each))
    near: Floats = np.add.reduce(own[:, None] == windows, axis=0, dtype=np.intp) / draws
    return near


def _by_counting(scores: Floats, shown: Ints, ties: Callable[[], Ints]) -> Ints:
    """A document's rank is the number of documents before it: no sort needed for a short page.

    Only documents that reach the page's lowest score in some draw can be before one of it.
    """
    own = scores[:, shown]
    rivals = np.flatnonzero((scores >= own.min(axis=1, initial=np.inf)[:, None]).any(axis=0))
    theirs, own = scores[:, None, rivals], own[:, :, None]
    before: Ints = np.add.reduce(theirs > own, axis=2, dtype=np.intp)
    same = theirs == own
    if np.count_nonzero(same) > before.size:
        places = ties()
        before += (same & (places[rivals] < places[shown][:, None])).sum(axis=2)
    return before


def _by_sorting(scores: Floats, shown: Ints, ties: Ints) -> Ints:
    by_id = np.argsort(ties, kind="stable")
    ranking = by_id[np.argsort(-scores[:, by_id], axis=1, kind="stable")]
    ranks = np.empty_like(ranking)
    np.put_along_axis(ranks, ranking, np.arange(scores.shape[1])[None, :], axis=1)
    return ranks[:, shown]


def examined(position: int) -> float:
    """The prior probability that a 0-based position is examined: 1 / (k + 1).

    >>> examined(0), examined(3)
    (1.0, 0.25)
    """
    return 1.0 / (position + 1)


def examination(depth: int) -> Floats:
    """The prior examination propensity of 0-based positions 0 … depth - 1: 1 / (k + 1).

    >>> examination(4).round(2).tolist()
    [1.0, 0.5, 0.33, 0.25]
    """
    return np.array([examined(position) for position in range(depth)], dtype=np.float64)
