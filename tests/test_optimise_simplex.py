from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from versant.optimise.simplex import Simplices, project_budgets

SHAPE = Simplices(((3, 4), (2, 3)))


def case(seed: int, m: int, batch: int = 3, shape: Simplices = SHAPE, spread: float = 0.0) -> tuple[np.ndarray, ...]:
    """Points, slopes, bounds that a point of the simplices meets, weights; `spread` is how badly scaled they are."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(batch, shape.size)) * 10.0 ** rng.uniform(-spread, spread)
    slopes = rng.normal(size=(batch, m, shape.size)) * 10.0 ** rng.uniform(-spread, spread, size=(batch, m, 1))
    inner = shape.project(rng.normal(size=(batch, shape.size)))
    bounds = np.einsum("bmn,bn->bm", slopes, inner)
    weights = 10.0 ** rng.uniform(-2 * spread, spread, size=(batch, shape.n_blocks))
    return points, slopes, bounds, weights


def test_simplex_projection_by_bisection() -> None:
    points = np.random.default_rng(0).normal(size=(20, SHAPE.size)) * 3
    found = SHAPE.project(points)
    for view, original in zip(SHAPE.views(found), SHAPE.views(points), strict=True):
        for row, v in zip(view.reshape(-1, view.shape[-1]), original.reshape(-1, view.shape[-1]), strict=True):
            low, high = v.min() - 1.0, v.max()
            for _ in range(200):
                tau = 0.5 * (low + high)
                low, high = (tau, high) if np.maximum(v - tau, 0).sum() > 1 else (low, tau)
            np.testing.assert_allclose(row, np.maximum(v - tau, 0), atol=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from([0.0, 1.0, 3.0]), st.sampled_from([1e-2, 1.0, np.inf]))
def test_optimality_conditions(seed: int, m: int, spread: float, cap: float) -> None:
    points, slopes, bounds, weights = case(seed, m, spread=spread)
    found = project_budgets(points, SHAPE, slopes, bounds, weights=weights, cap=cap)
    assert found.converged.all()
    pull = np.einsum("bm,bmn->bn", found.multipliers, slopes) / SHAPE.spread(weights)
    rounding = 1e-14 * (np.abs(points).max() + np.abs(pull).max())
    assert np.abs(found.point - SHAPE.project(points - pull)).max() <= 1e-10 + rounding
    slack = bounds - np.einsum("bmn,bn->bm", slopes, found.point)
    size = np.abs(bounds) + np.abs(slopes).max(axis=2) * (1.0 + 1e-3 * np.abs(points).max() + 1e-3 * np.abs(pull).max())
    tight = 1e-10 * size
    assert ((found.multipliers >= 0) & (found.multipliers <= cap)).all()
    assert (slack[found.multipliers < cap] >= -tight[found.multipliers < cap]).all()
    assert (slack[found.multipliers > 0] <= tight[found.multipliers > 0]).all()
    assert (found.residual <= tight.max(axis=1)).all()


@pytest.mark.parametrize("seed", range(4))
def test_same_as_a_generic_solver(seed: int) -> None:
    points, slopes, bounds, weights = case(seed, 2, batch=1)
    found = project_budgets(points, SHAPE, slopes, bounds, weights=weights)
    metric = SHAPE.spread(weights)[0]
    sums = np.zeros((SHAPE.n_blocks, SHAPE.size))
    sums[np.repeat(np.arange(5), [4, 4, 4, 3, 3]), np.arange(SHAPE.size)] = 1.0
    generic = minimize(
        lambda x: 0.5 * (metric * (x - points[0]) ** 2).sum(),
        SHAPE.project(points[0]),
        jac=lambda x: metric * (x - points[0]),
        bounds=[(0, 1)] * SHAPE.size,
        constraints=[LinearConstraint(sums, 1, 1), LinearConstraint(slopes[0], -np.inf, bounds[0])],
        method="SLSQP",
        options={"ftol": 1e-11, "maxiter": 500},
    )
    assert generic.success
    np.testing.assert_allclose(found.point[0], generic.x, atol=1e-6)
    ours = 0.5 * (metric * (found.point[0] - points[0]) ** 2).sum()
    assert ours <= generic.fun + 1e-9


def test_elastic_projection_minimises_the_penalised_distance() -> None:
    points, slopes, bounds, _ = case(3, 2, batch=1)
    cap = 0.05

    def penalised(theta: np.ndarray) -> np.ndarray:
        violation = np.maximum(np.einsum("mn,bn->bm", slopes[0], theta) - bounds[0], 0.0)
        return 0.5 * ((theta - points[0]) ** 2).sum(axis=1) + cap * violation.sum(axis=1)

    found = project_budgets(points, SHAPE, slopes, bounds, cap=cap)
    assert (found.multipliers == cap).any()
    near = SHAPE.project(found.point + 1e-3 * np.random.default_rng(0).normal(size=(2000, SHAPE.size)))
    assert (penalised(near) >= penalised(found.point)[0] - 1e-12).all()


def test_budgets_that_nothing_meets_are_reported() -> None:
    shape = Simplices(((1, 2),))
    found = project_budgets(np.zeros((2, 2)), shape, np.ones((2, 1, 2)), np.array([[0.5], [1.5]]))
    assert found.converged.tolist() == [False, True]
    assert found.residual[0] == pytest.approx(0.5)


def test_without_budgets_it_is_the_simplex_projection() -> None:
    points, *_ = case(1, 1)
    found = project_budgets(points, SHAPE, np.zeros((3, 0, SHAPE.size)), np.zeros((3, 0)))
    assert (found.point == SHAPE.project(points)).all()
    assert found.converged.all()


def test_a_million_parameters_in_seconds() -> None:
    shape = Simplices(((10_000, 100),))
    points, slopes, bounds, _ = case(0, 2, batch=1, shape=shape)
    begin = time.perf_counter()
    found = project_budgets(points, shape, slopes, bounds)
    assert time.perf_counter() - begin < 10.0
    assert found.converged.all()


@pytest.mark.parametrize("seed", range(5))
def test_a_total_to_be_met_is_two_opposite_budgets(seed: int) -> None:
    """One of the two multipliers is zero, wherever they begin, and the point is that of their difference."""
    rng = np.random.default_rng(seed)
    shape = Simplices(((4, 3), (3, 5)))
    points, slope = rng.normal(size=(6, shape.size)), rng.normal(size=(6, shape.size))
    other = rng.normal(size=(6, shape.size))
    inner = shape.project(rng.normal(size=points.shape))
    total, width = (slope * inner).sum(axis=1), 1e-7
    slopes = np.stack([slope, other, -2.0 * slope], axis=1)
    bounds = np.stack([total + width, (other * inner).sum(axis=1), 2.0 * (width - total)], axis=1)
    found = project_budgets(points, shape, slopes, bounds)
    again = project_budgets(points, shape, slopes, bounds, start=rng.uniform(0.0, 3.0, size=(6, 3)))
    assert found.converged.all()
    assert again.converged.all()
    np.testing.assert_allclose(again.point, found.point, atol=1e-10)
    assert (np.minimum(again.multipliers[:, 0], again.multipliers[:, 2]) == 0.0).all()
    assert (np.abs((slope * found.point).sum(axis=1) - total) <= width + 1e-12).all()
    pulled = points - (again.multipliers[:, None, :] @ slopes)[:, 0]
    np.testing.assert_allclose(shape.project(pulled), again.point, atol=1e-12)
