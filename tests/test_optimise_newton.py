"""Batched Newton on problems with known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from versant.optimise.kinks import kink_steps
from versant.optimise.newton import StopReason, minimise_batch, newton_step, newton_steps


def rosenbrock(z: Any, _which: Any) -> Any:
    x, y = z.T
    value = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    gradient = np.stack([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)], axis=1)
    hessian = np.empty((len(z), 2, 2))
    hessian[:, 0, 0] = 2 - 400 * (y - 3 * x**2)
    hessian[:, 0, 1] = hessian[:, 1, 0] = -400 * x
    hessian[:, 1, 1] = 200
    return value, gradient, hessian


def test_rosenbrock_from_many_starts() -> None:
    starts = np.random.default_rng(0).normal(0, 2, (50, 2))
    found = minimise_batch(rosenbrock, starts)
    np.testing.assert_allclose(found.points, 1.0, atol=1e-8)
    assert (found.reasons == StopReason.GRADIENT).all()


def test_a_saddle_is_left() -> None:
    def saddle(z: Any, _which: Any) -> Any:  # x⁴/4 - x²/2 + y²: minima at x = ±1
        x, y = z.T
        h = np.zeros((len(z), 2, 2))
        h[:, 0, 0], h[:, 1, 1] = 3 * x**2 - 1, 2
        return x**4 / 4 - x**2 / 2 + y**2, np.stack([x**3 - x, 2 * y], axis=1), h

    found = minimise_batch(saddle, np.array([[0.01, 1.0], [-0.01, -1.0]]))
    np.testing.assert_allclose(found.points, [[1.0, 0.0], [-1.0, 0.0]], atol=1e-8)


def test_a_corner_ends_as_stalled_not_as_success() -> None:
    def corner(z: Any, _which: Any) -> Any:
        x = z[:, 0]
        return np.abs(x - 0.3), np.sign(x - 0.3)[:, None], np.zeros((len(z), 1, 1))

    found = minimise_batch(corner, np.array([[2.0]]))
    assert found.reasons[0] == StopReason.STALLED
    assert found.points[0, 0] == pytest.approx(0.3, abs=1e-9)


def test_an_undefined_start_is_said_and_does_not_stop_the_others() -> None:
    def partly(z: Any, which: Any) -> Any:
        value = (z**2).sum(axis=1)
        return np.where(which == 0, np.nan, value), 2 * z, np.tile(2 * np.eye(1), (len(z), 1, 1))

    found = minimise_batch(partly, np.array([[1.0], [1.0]]))
    assert found.reasons.tolist() == [StopReason.UNDEFINED, StopReason.GRADIENT]


def test_finished_problems_leave_the_working_set() -> None:
    asked: list[int] = []

    def counted(z: Any, which: Any) -> Any:
        asked.append(len(which))
        return rosenbrock(z, which)

    minimise_batch(counted, np.array([[1.0, 1.0], [-1.2, 1.0]]))
    assert asked[0] == 2
    assert set(asked[1:]) == {1}


@pytest.mark.parametrize("size", [1, 2, 5])
def test_the_step_solves_the_newton_equation(size: int) -> None:
    rng = np.random.default_rng(size)
    half = rng.normal(size=(20, size, size))
    hessians = half @ half.transpose(0, 2, 1) + np.eye(size)
    gradients = rng.normal(size=(20, size))
    np.testing.assert_allclose(
        newton_step(hessians, gradients), -np.linalg.solve(hessians, gradients[:, :, None])[:, :, 0], rtol=1e-9
    )


def test_the_step_descends_where_the_hessian_is_indefinite() -> None:
    rng = np.random.default_rng(3)
    half = rng.normal(size=(200, 4, 4))
    gradients = rng.normal(size=(200, 4))
    step = newton_step(half + half.transpose(0, 2, 1), gradients)
    assert ((step * gradients).sum(axis=1) < 0).all()


def larger_of_two(z: Any, _which: Any) -> Any:
    """max(a, b) of two bowls with centres (1, 0) and (-1, 0.5), the second steeper."""
    sides = [
        (scale * ((z - centre) ** 2).sum(axis=1) + offset, 2 * scale * (z - centre), 2 * scale)
        for scale, centre, offset in ((1.0, np.array([1.0, 0.0]), 0.0), (3.0, np.array([-1.0, 0.5]), 0.3))
    ]
    first = sides[0][0] >= sides[1][0]
    value = np.where(first, sides[0][0], sides[1][0])
    gradient = np.where(first[:, None], sides[0][1], sides[1][1])
    return value, gradient, np.where(first, 2.0, 6.0)[:, None, None] * np.eye(2)


def test_a_minimum_on_a_kink_is_found_in_a_few_steps_along_it() -> None:
    starts = np.random.default_rng(1).normal(0, 3, (30, 2))
    found = minimise_batch(larger_of_two, starts)
    # on the circle where the bowls are equal, at the point nearest to the centre of the first
    centre = np.array([-2.0, 0.75])
    expected = centre + np.sqrt(3.0375) * (np.array([1.0, 0.0]) - centre) / np.linalg.norm([3.0, -0.75])
    np.testing.assert_allclose(found.points, np.tile(expected, (30, 1)), atol=1e-8)
    assert (found.reasons == StopReason.STALLED).all()
    assert found.iterations < 25


def test_a_smooth_function_has_no_kink_steps() -> None:
    starts = np.random.default_rng(2).normal(0, 1, (200, 2))
    here, step = rosenbrock(starts, None), np.random.default_rng(3).normal(0, 0.05, (200, 2))
    there = rosenbrock(starts + step, None)
    steps, found = kink_steps(here, there, step, newton_steps)
    assert steps.shape == (200, 2)
    assert found.mean() < 0.05
