"""Methods of ascent on problems that are no POMDPs: they see values, derivatives and a product of simplices."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from versant.errors import CapabilityError
from versant.optimise.simplex import Simplices
from versant.optimise.status import Ending
from versant.planning.ascent import Limits, ascend, first_order_gap
from versant.planning.budgets import project_onto_budgets
from versant.planning.natural import Natural
from versant.planning.nlp import NonlinearProgramme, _Seen
from versant.planning.pga import Pga
from versant.planning.protocol import Method, merit
from versant.planning.sqp import Sqp

SHAPE = Simplices(((2, 3), (1, 4)))
METHODS: list[Method] = [Natural(), Sqp(), Pga(), Pga("exact")]


@dataclass(frozen=True)
class Found:
    slopes: np.ndarray
    usage: np.ndarray


@dataclass(frozen=True)
class At:
    bowl: Bowl
    theta: np.ndarray

    @property
    def values(self) -> np.ndarray:
        f = -0.5 * ((self.theta - self.bowl.peak) ** 2).sum(axis=1)
        excess = 0.5 * (self.theta**2 @ self.bowl.curve.T) - self.bowl.level
        return np.concatenate([f[:, None], excess], axis=1)

    @property
    def solutions(self) -> np.ndarray:
        return np.zeros((len(self.theta), 0, 0))

    def differentiate(self) -> Found:
        slopes = np.concatenate(
            [(self.bowl.peak - self.theta)[:, None], self.theta[:, None] * self.bowl.curve[None]], axis=1
        )
        return Found(slopes, np.tile([1.0, 0.1, 3.0], (len(self.theta), 1)))


@dataclass(frozen=True)
class Bowl:
    """A concave f with convex budgets ½ θ'diag(c)θ ≤ level: one optimum, which a generic solver finds too."""

    peak: np.ndarray  # (n,)
    curve: np.ndarray  # (m, n)
    level: np.ndarray  # (m,)

    @property
    def shape(self) -> Simplices:
        return SHAPE

    def evaluate(self, theta: np.ndarray, near: np.ndarray | None = None) -> At:
        return At(self, theta)


def bowl(seed: int, m: int) -> Bowl:
    rng = np.random.default_rng(seed)
    curve = rng.random((m, SHAPE.size))
    centre = SHAPE.project(np.zeros(SHAPE.size))
    return Bowl(rng.normal(size=SHAPE.size), curve, 0.5 * (centre**2 @ curve.T) + 0.05)


def generic(problem: Bowl) -> float:
    sums = np.zeros((3, SHAPE.size))
    sums[np.repeat([0, 1, 2], [3, 3, 4]), np.arange(SHAPE.size)] = 1.0
    budgets = [
        {"type": "ineq", "fun": lambda x, c=c, b=b: b - 0.5 * c @ x**2, "jac": lambda x, c=c: -c * x}
        for c, b in zip(problem.curve, problem.level, strict=True)
    ]
    solved = minimize(
        lambda x: -At(problem, x[None]).values[0, 0],
        SHAPE.project(np.zeros(SHAPE.size)),
        jac=lambda x: x - problem.peak,
        bounds=[(0, 1)] * SHAPE.size,
        constraints=[LinearConstraint(sums, 1, 1), *budgets],
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    return -float(solved.fun)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize(("seed", "m"), [(0, 0), (0, 1), (1, 2)])
def test_every_method_reaches_the_optimum(method: Method, seed: int, m: int) -> None:
    exact = method.name == "pga-exact"  # every step length tried is a projection of its own: slow
    m = min(m, 1) if exact else m
    problem = bowl(seed, m)
    starts = SHAPE.project(np.random.default_rng(seed).normal(size=(1 if exact else 4, SHAPE.size)))
    found = ascend(problem, starts, method, Limits(iterations=15 if exact else 500))
    assert (found.values[:, 1:] <= 1e-7).all()
    np.testing.assert_allclose(found.values[:, 0], generic(problem), atol=2e-6)


@pytest.mark.parametrize("method", METHODS[:3], ids=lambda method: method.name)
def test_merit_never_falls(method: Method) -> None:
    problem = bowl(3, 1)
    start = SHAPE.project(np.random.default_rng(3).normal(size=(1, SHAPE.size)))
    seen: list[np.ndarray] = [problem.evaluate(start).values]
    ascend(problem, start, method, Limits(iterations=400), lambda theta, values: seen.append(values))
    moved = [values for values in seen if len(values)]
    excess = [max(values[0, 1], 0.0) for values in moved]
    for before, after in pairwise(moved):
        assert after[0, 0] > before[0, 0] or after[0, 1] < before[0, 1]
    assert excess[-1] <= 1e-7


def test_endings_tell_why() -> None:
    problem = bowl(0, 0)
    start = SHAPE.project(np.ones((1, SHAPE.size)))
    assert ascend(problem, start, Natural(), Limits(iterations=2)).endings == (Ending.ITERATIONS,)
    assert ascend(problem, start, Natural(), Limits(deadline=0.0)).endings == (Ending.TIME,)
    assert ascend(problem, start, Natural(), Limits(gap=1e-4)).endings == (Ending.STATIONARY,)
    assert all(ending.meaning and ending.advice for ending in Ending)


def test_rows_do_not_influence_each_other() -> None:
    problem = bowl(5, 2)
    starts = SHAPE.project(np.random.default_rng(5).normal(size=(5, SHAPE.size)))
    together = ascend(problem, starts, Natural(), Limits(iterations=60))
    for row in range(5):
        alone = ascend(problem, starts[row : row + 1], Natural(), Limits(iterations=60))
        np.testing.assert_allclose(together.theta[row], alone.theta[0], atol=1e-9)


def test_gap_bounds_what_the_linearised_problem_promises() -> None:
    from scipy.optimize import linprog

    problem = bowl(2, 2)
    theta = SHAPE.project(np.full((1, SHAPE.size), 0.3))
    values, slopes = problem.evaluate(theta).values, problem.evaluate(theta).differentiate().slopes
    sums = np.zeros((3, SHAPE.size))
    sums[np.repeat([0, 1, 2], [3, 3, 4]), np.arange(SHAPE.size)] = 1.0
    solved = linprog(
        -slopes[0, 0],
        A_ub=slopes[0, 1:],
        b_ub=slopes[0, 1:] @ theta[0] - values[0, 1:],
        A_eq=sums,
        b_eq=np.ones(3),
        bounds=(0, 1),
    )
    promised = -solved.fun - slopes[0, 0] @ theta[0]
    for multipliers in ([0.0, 0.0], [0.3, 0.7], [5.0, 0.0], -solved.ineqlin.marginals):
        gap = first_order_gap(SHAPE, theta, values, slopes, np.array([multipliers]))[0]
        assert gap >= promised - 1e-12
    assert gap == pytest.approx(promised)


def test_exact_projection_is_the_nearest_point_within_nonlinear_budgets() -> None:
    problem = bowl(1, 2)
    points = np.random.default_rng(8).normal(size=(3, SHAPE.size))
    found = project_onto_budgets(problem, points, SHAPE.project(points))
    assert (found.excess <= 1e-9).all()
    for row in range(3):
        nearest = -2.0 * generic(Bowl(points[row], problem.curve, problem.level))
        assert ((found.theta[row] - points[row]) ** 2).sum() == pytest.approx(nearest, rel=1e-5)


def test_a_solver_of_nonlinear_programmes_agrees() -> None:
    pytest.importorskip("casadi", reason="CasADi (extra nlp) is not installed")
    problem = bowl(1, 2)
    starts = SHAPE.project(np.random.default_rng(1).normal(size=(2, SHAPE.size)))
    found = ascend(problem, starts, NonlinearProgramme(), Limits(iterations=5))
    assert (found.values[:, 1:] <= 1e-6).all()
    np.testing.assert_allclose(found.values[:, 0], generic(problem), atol=1e-5)


def test_a_solver_of_nonlinear_programmes_without_budgets() -> None:
    pytest.importorskip("casadi", reason="CasADi (extra nlp) is not installed")
    problem = bowl(0, 2)
    found = ascend(problem, SHAPE.project(np.ones((1, SHAPE.size))), NonlinearProgramme(), Limits(iterations=5))
    np.testing.assert_allclose(found.values[:, 0], generic(problem), atol=1e-5)


def test_its_absence_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "casadi", None)
    start = SHAPE.project(np.ones((1, SHAPE.size)))
    with pytest.raises(CapabilityError, match=r"pip install 'versant\[nlp\]'"):
        ascend(bowl(0, 0), start, NonlinearProgramme(), Limits(iterations=1))


def test_a_solver_of_nonlinear_programmes_keeps_the_time_and_the_best_it_has_seen() -> None:
    pytest.importorskip("casadi", reason="CasADi (extra nlp) is not installed")
    problem = bowl(1, 2)
    start = SHAPE.project(np.random.default_rng(1).normal(size=(2, SHAPE.size)))
    begun = time.perf_counter()
    hasty = ascend(problem, start, NonlinearProgramme(seconds=1e-9), Limits(iterations=1))
    assert time.perf_counter() - begun < 5.0
    assert (merit(hasty.values, np.ones(2)) >= merit(problem.evaluate(start).values, np.ones(2))).all()
    late = ascend(problem, start, NonlinearProgramme(), Limits(iterations=5, deadline=time.perf_counter()))
    np.testing.assert_array_equal(late.theta, start)


def test_the_best_seen_is_the_highest_within_the_budgets() -> None:
    problem = bowl(1, 2)
    seen, points = _Seen(problem), SHAPE.project(0.3 * np.random.default_rng(2).normal(size=(20, SHAPE.size)))
    for point in points:
        seen.at(point)
    values = problem.evaluate(points).values
    inside = values[:, 1:].max(axis=1) <= 1e-6
    assert inside.any()
    assert not inside.all()
    best = problem.evaluate(seen.best[None]).values[0]
    assert best[0] == values[inside, 0].max()
