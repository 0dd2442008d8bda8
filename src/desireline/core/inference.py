"""Inference: intervals, paired differences and the three words of a verdict.

Knows statistics of numbers already reduced to one per query, execution or user. Does not know what
they measure. Randomness is an argument; resamples are vectorised in bounded slices of memory.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "not known yet"]
_CELLS = 4_000_000
"""Random numbers held at once (32 MB)."""


class Interval(msgspec.Struct, frozen=True):
    """A mean of n values with its confidence interval; NaN bounds when n is too small to say."""

    mean: float
    low: float
    high: float
    n: int


class Difference(msgspec.Struct, frozen=True):
    """A paired difference a - b: mean and interval, p (two-sided sign-flip test), `detectable`.

    `detectable` is the smallest true difference that n pairs of this spread would detect (80 %
    power at the interval's level).
    """

    mean: float
    low: float
    high: float
    n: int
    p: float
    detectable: float


def mean_interval(
    values: npt.ArrayLike, level: float = 0.95, rng: np.random.Generator | None = None
) -> Interval:
    """Mean with an interval: percentile bootstrap (Efron 1979) with `rng`, else Student's t.

    >>> interval = mean_interval([1.0, 2.0, 3.0, 4.0])
    >>> round(interval.low, 2), interval.mean, round(interval.high, 2)
    (0.45, 2.5, 4.55)
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n < 2:
        return Interval(float(sample[0]) if n else math.nan, math.nan, math.nan, n)
    if rng is not None:
        low, high = _percentiles(_resampled_means(sample, rng, 10_000), level)
        return Interval(float(sample.mean()), low, high, n)
    reach = student_quantile(0.5 + level / 2, n - 1) * float(sample.std(ddof=1)) / math.sqrt(n)
    mean = float(sample.mean())
    return Interval(mean, mean - reach, mean + reach, n)


def paired_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Difference:
    """a - b, pair by pair (one pair per query): paired bootstrap interval and sign-flip p.

    p = (1 + resamples with |mean of randomly signed differences| >= |mean|) / (1 + resamples)
    (Fisher's randomisation; Smucker et al. 2007).

    >>> found = paired_difference([0.6, 0.7, 0.8, 0.9], [0.5, 0.6, 0.7, 0.8], np.random.Generator(
    ...     np.random.PCG64(1)))
    >>> round(found.mean, 3), round(found.low, 3), found.n
    (0.1, 0.1, 4)
    """
    difference = _paired(a, b)
    return _difference(difference, np.ones(len(difference)), rng, resamples, level)


def clustered_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    groups: npt.ArrayLike,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Difference:
    """`paired_difference` when pairs of one group (a user) hang together: whole groups are drawn.

    `n` counts groups. The mean is over pairs, a ratio of the groups' sums and sizes.

    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> clustered_difference([1, 1, 0, 0], [0, 0, 0, 0], ["u", "u", "v", "w"], rng).n
    3
    """
    sums, sizes = _grouped(_paired(a, b), groups)
    return _difference(sums, sizes, rng, resamples, level)


def clustered_interval(
    values: npt.ArrayLike,
    groups: npt.ArrayLike,
    rng: np.random.Generator,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
    """Mean over values with an interval from a bootstrap of whole groups; `n` counts groups.

    >>> rng = np.random.Generator(np.random.PCG64(1))
    >>> clustered_interval([1.0, 1.0, 1.0, 0.0], [7, 7, 7, 8], rng).mean
    0.75
    """
    sums, sizes = _grouped(np.asarray(values, dtype=np.float64), groups)
    if len(sums) < 2:
        mean = float(sums.sum() / sizes.sum()) if len(sums) else math.nan
        return Interval(mean, math.nan, math.nan, len(sums))
    low, high = _percentiles(_resampled_ratios(sums, sizes, rng, resamples), level)
    return Interval(float(sums.sum() / sizes.sum()), low, high, len(sums))


def wilson_interval(hits: int, n: int, level: float = 0.95) -> Interval:
    """A share with the score interval of Wilson (1927): stays inside 0..1, honest at 0 hits.

    >>> found = wilson_interval(0, 10)
    >>> found.mean, found.low, round(found.high, 3)
    (0.0, 0.0, 0.278)
    """
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0)
    share, z = hits / n, normal_quantile(0.5 + level / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if hits == 0 else max(0.0, centre - reach)
    return Interval(share, low, 1.0 if hits == n else min(1.0, centre + reach), n)


def minimum_detectable(sd: float, n: int, level: float = 0.95, power: float = 0.8) -> float:
    """The smallest true mean difference that n pairs of spread `sd` detect with this power:
    (z_level + z_power) sd / sqrt(n). Infinite for n < 2.

    >>> round(minimum_detectable(0.1, 150), 4)
    0.0229
    """
    if n < 2:
        return math.inf
    return (normal_quantile(0.5 + level / 2) + normal_quantile(power)) * sd / math.sqrt(n)


def verdict(difference: Difference) -> Verdict:
    """`better` or `worse` only if the interval excludes 0 and the mean reaches what is detectable.

    >>> verdict(Difference(0.05, 0.02, 0.08, 150, 0.001, 0.024))
    'better'
    >>> verdict(Difference(0.02, 0.001, 0.039, 150, 0.04, 0.024))
    'not known yet'
    """
    if abs(difference.mean) >= difference.detectable:
        if difference.low > 0:
            return "better"
        if difference.high < 0:
            return "worse"
    return "not known yet"


def normal_quantile(p: float) -> float:
    """z with P(Z <= z) = p for 0 < p < 1, by Newton's method on erfc (error below 1e-12).

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    if p > 0.5:
        return -normal_quantile(1 - p)
    z = -math.sqrt(-2 * math.log(2 * p)) if p < 0.5 else 0.0
    for _ in range(60):
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        step = (0.5 * math.erfc(-z / math.sqrt(2)) - p) / density
        z -= step
        if abs(step) < 1e-13:
            break
    return z


def student_quantile(p: float, degrees: int) -> float:
    """Student's t quantile: exact for 1 and 2 degrees, else the expansion of Hill (1970) in 1/n
    (Abramowitz and Stegun 26.7.5; at p = .975 off by 0.2 % for 3 degrees, 0.02 % from 5 on).

    >>> round(student_quantile(0.975, 10), 3)
    2.228
    """
    if degrees == 1:
        return math.tan(math.pi * (p - 0.5))
    if degrees == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    z, n = normal_quantile(p), degrees
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / n**power for power, term in enumerate(terms, 1))


def _paired(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"pairs need two lists of one length: {first.shape}, {second.shape}")
    return first - second


def _grouped(values: Floats, groups: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Sum and size of each group."""
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(group).astype(np.float64)
    return np.bincount(group, weights=values).astype(np.float64), sizes


def _difference(
    sums: Floats, sizes: Floats, rng: np.random.Generator, resamples: int, level: float
) -> Difference:
    n = len(sums)
    if n < 2:
        mean = float(sums.sum() / sizes.sum()) if n else math.nan
        return Difference(mean, math.nan, math.nan, n, 1.0, math.inf)
    mean = float(sums.sum() / sizes.sum())
    low, high = _percentiles(_resampled_ratios(sums, sizes, rng, resamples), level)
    spread = float((sums - mean * sizes).std(ddof=1) / sizes.mean())
    p = _sign_flip(sums, rng, resamples)
    return Difference(mean, low, high, n, p, minimum_detectable(spread, n, level))


def _slices(n: int, resamples: int) -> list[int]:
    size = max(1, min(resamples, _CELLS // max(n, 1)))
    sizes = [size] * (resamples // size)
    return sizes + ([resamples % size] if resamples % size else [])


def _resampled_means(sample: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    return _resampled_ratios(sample, np.ones(len(sample)), rng, resamples)


def _resampled_ratios(
    sums: Floats, sizes: Floats, rng: np.random.Generator, resamples: int
) -> Floats:
    n = len(sums)
    equal = bool((sizes == sizes[0]).all())
    means: list[Floats] = []
    for count in _slices(n, resamples):
        drawn = rng.integers(n, size=(count, n), dtype=np.int32)
        below = sizes[0] * n if equal else sizes[drawn].sum(axis=1)
        means.append(sums[drawn].sum(axis=1) / below)
    return np.concatenate(means)


def _sign_flip(sums: Floats, rng: np.random.Generator, resamples: int) -> float:
    observed = abs(sums.sum()) * (1 - 1e-12)
    extreme = 0
    for count in _slices(len(sums), resamples):
        signs = rng.integers(2, size=(count, len(sums)), dtype=np.int8) * 2.0 - 1.0
        extreme += int(np.count_nonzero(np.abs(signs @ sums) >= observed))
    return (1 + extreme) / (1 + resamples)


def _percentiles(means: Floats, level: float) -> tuple[float, float]:
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)
