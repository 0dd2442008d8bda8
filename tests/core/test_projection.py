"""Projected weights sum to 1, keep their bounds, and keep ratios inside them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from desireline.core.projection import bounds, project

rows = st.integers(1, 25).flatmap(
    lambda size: st.lists(st.floats(0, 1e6), min_size=size, max_size=size)
)


@given(rows, st.floats(0, 0.5), st.floats(0.5, 1))
def test_bounds_and_sum(theta: list[float], low: float, high: float):
    weights = project(theta, low, high)
    floor, ceiling = bounds(len(theta), low, high)
    assert abs(weights.sum() - 1) < 1e-9
    assert weights.min() >= floor - 1e-12
    assert weights.max() <= ceiling + 1e-12


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=12), st.floats(0, 0.2))
def test_ratios_inside_the_bounds_and_the_order_are_kept(theta: list[float], low: float):
    weights = project(theta, low, 0.95)
    floor, ceiling = bounds(len(theta), low, 0.95)
    inside = (weights > floor + 1e-9) & (weights < ceiling - 1e-9)
    scale = weights[inside] / np.array(theta)[inside]
    np.testing.assert_allclose(scale, scale[:1].repeat(len(scale)), rtol=1e-6)
    assert (np.diff(weights[np.argsort(theta)]) >= -1e-12).all()


@given(st.lists(st.lists(st.floats(0, 10), min_size=3, max_size=3), min_size=1, max_size=8))
def test_rows_are_projected_one_by_one(theta: list[list[float]]):
    together = project(theta, 0.05, 0.6)
    alone = np.stack([project(row, 0.05, 0.6) for row in theta])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-12)


def literally(theta: list[float], low: float) -> list[float]:
    """`max(s theta_i, low)`: one after the other, the smallest is put on the floor if it is below
    it.
    """
    low, _ = bounds(len(theta), low, 1.0)
    held: set[int] = set()
    while True:
        free = sum(value for place, value in enumerate(theta) if place not in held)
        scale = (1 - low * len(held)) / free
        below = [p for p, v in enumerate(theta) if p not in held and scale * v < low]
        if not below:
            return [low if p in held else scale * v for p, v in enumerate(theta)]
        held.add(min(below, key=theta.__getitem__))


@given(st.lists(st.floats(1e-3, 1e3), min_size=2, max_size=12), st.floats(0, 0.08))
def test_the_floor_alone_is_the_formula_read_literally(theta: list[float], low: float):
    np.testing.assert_allclose(project(theta, low, 1.0), literally(theta, low), rtol=0, atol=1e-12)


def exactly(theta: list[float], low: float, high: float) -> list[float]:
    """`clip(s theta_i, low, high)` of sum 1 in fractions: from knot to knot the sum is linear."""
    each, (floor, ceiling) = [Fraction(t) for t in theta], map(Fraction, (low, high))

    def at(scale: Fraction) -> list[Fraction]:
        return [min(max(scale * t, floor), ceiling) for t in each]

    before = Fraction(0)
    for knot in sorted({bound / t for t in each for bound in (floor, ceiling)}):
        short, over = 1 - sum(at(before)), sum(at(knot)) - 1
        if over >= 0:
            scale = before + (knot - before) * (short / (short + over) if short else 0)
            return [float(weight) for weight in at(scale)]
        before = knot
    raise AssertionError("bounds that can't be met")


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=8),
    st.sampled_from([0.0, 0.01, 0.05, 0.1]), st.sampled_from([0.5, 0.6, 0.95, 1.0]),
)  # fmt: skip
def test_any_ratio_is_kept_to_the_last_bits(powers: list[float], low: float, high: float):
    theta = [10.0**power for power in powers]
    np.testing.assert_allclose(
        project(theta, low, high), exactly(theta, low, high), rtol=0, atol=1e-14
    )


def test_a_tiny_row_does_not_move_another():
    rows = np.random.default_rng(1).gamma(0.5, size=(50, 3))
    together = project(np.vstack([rows, [[1e-310, 2e-310, 0.0]], [[0.0, 0.0, 0.0]]]), 0.05, 0.95)
    assert (together[:-2] == project(rows, 0.05, 0.95)).all()
    np.testing.assert_allclose(together[-2:], [[0.95 / 3, 1.9 / 3, 0.05], [1 / 3] * 3], rtol=1e-12)


def test_nothing_known_is_equal_weights():
    assert project([0.0, 0.0, 0.0, 0.0], 0.05, 0.95).tolist() == [0.25] * 4
