"""Fusion: several ranked lists into one, by five methods, with who contributed what.

Knows the formulas of `docs/reference` (rrf, dbsf, weighted, max, learned) and the order of equals.
Does not know where lists or weights come from, nor what is learned from the result.

Raw scores and weights are taken at float32 precision, because that is what the log keeps: a logged
row therefore gives the logged ranking again, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from desireline.types.log import NOT_RETURNED
from desireline.types.retriever import FusionMethod, Run

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Base = Literal["minmax", "raw"]
_RANKS = np.minimum(np.arange(100_000), NOT_RETURNED - 1).astype(np.uint16)


class Candidates(msgspec.Struct, frozen=True):
    """The union of the lists. `raw` (n, F): NaN = no score; `ranks` (n, F): 65535 = not returned.

    `bounds` (2, F) are the low and high that `minmax` maps to 0 and 1; given when some candidates
    of the union are no longer here (a trimmed log row), else None and computed.
    """

    ids: list[str]
    raw: Floats
    ranks: npt.NDArray[np.uint16]
    bounds: Floats | None = None


class Fused(msgspec.Struct, frozen=True):
    """The fused list, best first (equal scores: smaller id first); arrays are in that order.

    `scores` (n,). `raw` (n, F), NaN = the search has no score for the document. `ranks` (n, F),
    0-based, 65535 = not returned. `norm` (n, F): scores by `base` over the union, never NaN
    (absent = 0); under `dbsf` its own normalisation. `contributions` (n, F): the term each search
    added (`max`: 1 for the winning search). `winner` (n,): search with the largest term (the first
    of equals). `bounds` (2, F): low and high behind `norm`.
    """

    ids: list[str]
    scores: Floats
    raw: Floats
    ranks: npt.NDArray[np.uint16]
    norm: Floats
    contributions: Floats
    winner: Ints
    bounds: Floats


def fuse(
    runs: Sequence[Run],
    weights: Sequence[float],
    method: FusionMethod,
    *,
    base: Base = "minmax",
    rrf_k: int = 60,
) -> Fused:
    """Merge the runs of F searches under F weights.

    With s the raw score, r the 1-based rank, a document missing from a list adding 0:

    - `rrf`: sum w / (rrf_k + r) (Cormack et al. 2009)
    - `dbsf`: sum w * clip((s - m + 3 sd) / 6 sd, 0, 1), m and sd (n - 1) over the returned hits
    - `weighted`: sum w * s
    - `max`: the largest s, weights ignored
    - `learned`: sum w * x, x = s normalised by `base` over the union, every score counting, also
      of hits that a search scored by id without having returned them

    Ties: document_id ascending. A score that is not a number counts as absent.

    >>> runs = [Run("a", ["d1", "d2"], [3.0, 1.0]), Run("b", ["d2", "d3"], [0.9, 0.1])]
    >>> fuse(runs, [1, 1], "rrf").ids
    ['d2', 'd1', 'd3']
    >>> fused = fuse(runs, [0.75, 0.25], "learned")
    >>> fused.ids, fused.scores.tolist(), fused.winner.tolist()
    (['d1', 'd2', 'd3'], [0.75, 0.25, 0.0], [0, 1, 0])
    """
    return score(candidates(runs), weights, method, base=base, rrf_k=rrf_k)


def candidates(runs: Sequence[Run]) -> Candidates:
    """The union of the runs; a document twice in one list keeps its better place.

    >>> scored = Run("b", ["d2", "d1"], [0.5, 0.0], returned=1)
    >>> found = candidates([Run("a", ["d1"], [2.0]), scored])
    >>> found.ids, found.raw.tolist(), found.ranks.tolist()
    (['d1', 'd2'], [[2.0, 0.0], [nan, 0.5]], [[0, 65535], [65535, 0]])
    """
    union: dict[str, None] = {}
    for run in runs:
        union.update(dict.fromkeys(run.ids))
    ids = list(union)
    row = dict(zip(ids, range(len(ids)), strict=True))
    raw = np.full((len(ids), len(runs)), np.nan)
    ranks = np.full((len(ids), len(runs)), NOT_RETURNED, dtype=np.uint16)
    for search, run in enumerate(runs):
        _place(raw[:, search], ranks[:, search], list(map(row.__getitem__, run.ids)), run)
    return Candidates(ids, raw, ranks)


def without_score(found: Candidates, search: int) -> list[int]:
    """Rows of the candidates that a search (its column) did not return."""
    rows: list[int] = np.flatnonzero(found.ranks[:, search] == NOT_RETURNED).tolist()
    return rows


def fill(found: Candidates, search: int, rows: Sequence[int], scores: Sequence[float]) -> None:
    """Give rows the scores that a search has for them without having returned them, in place.

    >>> found = candidates([Run("a", ["d1"], [2.0]), Run("b", ["d2"], [0.5])])
    >>> fill(found, 0, without_score(found, 0), [1.5])
    >>> found.raw.tolist(), found.ranks.tolist()
    ([[2.0, nan], [1.5, 0.5]], [[0, 65535], [65535, 0]])
    """
    column = found.raw[:, search]
    column[rows] = _kept(scores)
    column[~np.isfinite(column)] = np.nan


def score(
    found: Candidates,
    weights: Sequence[float] | Floats,
    method: FusionMethod,
    *,
    base: Base = "minmax",
    rrf_k: int = 60,
) -> Fused:
    """`fuse` for a union that is already laid out, as a log row has it.

    >>> runs = [Run("a", ["d1", "d2"], [3.0, 1.0]), Run("b", ["d2", "d3"], [0.9, 0.1])]
    >>> found = candidates(runs)
    >>> score(found, [0.5, 0.5], "max").scores.tolist()
    [3.0, 1.0, 0.10000000149011612]
    """
    factors = np.asarray(weights, dtype=np.float32).astype(np.float64)
    bounds = _bounds(found, method, base) if found.bounds is None else found.bounds
    norm = _normalised(found, bounds, method)
    terms = _terms(found, norm, method, rrf_k) * factors
    winner = _winner(found, terms, method)
    if method == "max":
        totals = _largest(found)
        terms = (np.arange(len(factors)) == winner[:, None]).astype(np.float64)
    else:
        totals = _summed(terms)
    order = _best_first(found.ids, totals)
    ids = [found.ids[row] for row in order.tolist()]
    raw, ranks = found.raw[order], found.ranks[order]
    return Fused(ids, totals[order], raw, ranks, norm[order], terms[order], winner[order], bounds)


def minmax(scores: npt.ArrayLike) -> Floats:
    """(n,) scores onto [0, 1]: (s - min) / (max - min). Equal scores say nothing: 0 for all.

    >>> minmax([2.0, 4.0, 3.0]).tolist(), minmax([5.0, 5.0]).tolist()
    ([0.0, 1.0, 0.5], [0.0, 0.0])
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.size == 0:
        return values
    span = values.max() - values.min()
    norm: Floats = (values - values.min()) / (span if span > 0 else np.inf)
    return norm


def dbsf(scores: npt.ArrayLike) -> Floats:
    """(n,) scores onto [0, 1] by their distribution: clip((s - m + 3 sd) / 6 sd, 0, 1).

    sd over n - 1, as Qdrant's distribution-based fusion. Equal scores give 0.5, a single one 1.0.

    >>> dbsf([1.0, 2.0, 3.0]).round(3).tolist(), dbsf([7.0, 7.0]).tolist(), dbsf([7.0]).tolist()
    ([0.333, 0.5, 0.667], [0.5, 0.5], [1.0])
    """
    values = np.asarray(scores, dtype=np.float64)
    return _within(values, *_three_sigma(values))


def id_order(ids: Sequence[str]) -> Ints:
    """(n,) the place of each id among the sorted ids: the tie-break of `fuse` as numbers.

    >>> id_order(["b", "a", "c"]).tolist()
    [1, 0, 2]
    """
    places = np.empty(len(ids), dtype=np.intp)
    places[sorted(range(len(ids)), key=ids.__getitem__)] = np.arange(len(ids))
    return places


def _place(raw: Floats, ranks: npt.NDArray[np.uint16], rows: list[int], run: Run) -> None:
    """Fill one search's columns, last hit first, so that the first of a repeated id stays."""
    scores = _kept(run.scores)
    backwards = np.array(rows, dtype=np.intp)[::-1]
    returned = len(rows) if run.returned < 0 else run.returned
    raw[backwards] = scores[::-1]
    ranks[backwards[len(rows) - returned :]] = _RANKS[:returned][::-1]
    if not np.isfinite(scores).all():
        unusable = ~np.isfinite(raw)
        raw[unusable], ranks[unusable] = np.nan, NOT_RETURNED


def _kept(scores: Sequence[float]) -> npt.NDArray[np.float32]:
    """At the precision that the log keeps."""
    with np.errstate(over="ignore"):
        return np.array(scores, dtype=np.float32)


def _bounds(found: Candidates, method: FusionMethod, base: Base) -> Floats:
    searches = found.raw.shape[1]
    if not found.ids:
        return np.full((2, searches), np.nan)
    if method == "dbsf":
        returned = found.ranks != NOT_RETURNED
        columns = [_three_sigma(found.raw[returned[:, f], f]) for f in range(searches)]
        return np.array(columns, dtype=np.float64).reshape(searches, 2).T
    if base == "raw":
        return np.repeat([[0.0], [1.0]], searches, axis=1)
    return np.array([np.fmin.reduce(found.raw), np.fmax.reduce(found.raw)])


def _normalised(found: Candidates, bounds: Floats, method: FusionMethod) -> Floats:
    if method == "dbsf":
        absent = found.ranks == NOT_RETURNED
        columns = [_within(found.raw[:, f], *bounds[:, f]) for f in range(bounds.shape[1])]
        norm = np.array(columns, dtype=np.float64).reshape(absent.shape[::-1]).T.copy()
    else:
        absent = np.isnan(found.raw)
        span = bounds[1] - bounds[0]
        span[~(span > 0)] = np.inf
        norm = (found.raw - bounds[0]) / span
    norm[absent] = 0.0
    return norm


def _three_sigma(values: Floats) -> tuple[float, float]:
    """Low and high of the 3 sigma window; a single value sits exactly on the high one."""
    if len(values) == 0:
        return np.nan, np.nan
    if len(values) == 1:
        return float(np.nextafter(values[0], -np.inf)), float(values[0])
    if values.min() == values.max():
        return float(values[0]), float(values[0])
    mean = float(values.sum()) / len(values)
    reach = 3 * math.sqrt(float(((values - mean) ** 2).sum()) / (len(values) - 1))
    return mean - reach, mean + reach


def _within(values: Floats, low: float, high: float) -> Floats:
    if low == high:
        return np.full(len(values), 0.5)
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _terms(found: Candidates, norm: Floats, method: FusionMethod, rrf_k: int) -> Floats:
    """(n, F): what each search says of each document, before its weight."""
    if method in ("learned", "dbsf"):
        return norm
    returned = found.ranks != NOT_RETURNED
    said = found.raw if method in ("weighted", "max") else 1.0 / (rrf_k + 1.0 + found.ranks)
    return np.where(returned, said, 0.0)


def _winner(found: Candidates, terms: Floats, method: FusionMethod) -> Ints:
    """Largest term, the first of equals; raw scores may be negative, absent ones never win."""
    if method == "max":
        terms = np.where(found.ranks != NOT_RETURNED, found.raw, -np.inf)
    if method == "weighted":
        terms = np.where(found.ranks != NOT_RETURNED, terms, -np.inf)
    if terms.size == 0:
        return np.zeros(len(terms), dtype=np.intp)
    winner: Ints = terms.argmax(axis=1)
    return winner


def _largest(found: Candidates) -> Floats:
    scores = np.where(found.ranks != NOT_RETURNED, found.raw, -np.inf)
    largest: Floats = scores.max(axis=1, initial=-np.inf)
    largest[np.isneginf(largest)] = 0.0
    return largest


def _summed(terms: Floats) -> Floats:
    """Terms added search by search: numpy's own sum over an axis may add in another order."""
    total = np.zeros(len(terms))
    for search in range(terms.shape[1]):
        total += terms[:, search]
    return total


def _best_first(ids: list[str], totals: Floats) -> Ints:
    """Rows by score descending, equal scores by id; ids are compared only where needed."""
    order = np.argsort(-totals, kind="stable")
    ranked = totals[order]
    same = ranked[1:] == ranked[:-1]
    if same.any():
        tied = np.zeros(len(ids), dtype=bool)
        tied[1:] |= same
        tied[:-1] |= same
        among = np.array(sorted(order[tied].tolist(), key=ids.__getitem__), dtype=np.intp)
        order[tied] = among[np.argsort(-totals[among], kind="stable")]
    return order
