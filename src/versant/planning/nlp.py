"""`nlp`: the whole problem handed to a solver of nonlinear programmes, for comparison.

    maximise f(θ)   subject to   θ ≥ 0,  every block sums to one,  e_i(θ) ≤ 0

Ipopt sees values and exact first derivatives, and approximates the curvature by limited-memory quasi-Newton. One
proposal is one whole solution; the next proposal from there is refused at once. Ipopt's iterates leave the simplices,
where f has no meaning (‖γT‖ may exceed 1), so that what it sees is f at their projection. Of all projections it has
seen, the best within the budgets is the proposal: where time ends first, its last iterate need not be any good.

Needs CasADi, which brings Ipopt along: ``pip install 'versant[nlp]'``.

Source: Amato, Bernstein & Zilberstein 2010 (controllers by nonlinear programming); Wächter & Biegler 2006 (Ipopt).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from versant.errors import CapabilityError
from versant.optimise.simplex import Simplices
from versant.planning.protocol import Point, Problem, Slopes, State, Trial, merit

__all__ = ["NonlinearProgramme"]

Array = NDArray[np.float64]

PENALTY = 10.0
"""Price of a unit of excess by which a solution is compared with where it began."""

WITHIN = 1e-6
"""Excess over a budget that counts as none: Ipopt's tolerance, and more."""

SHARE = 0.8
"""Share of the time left that solutions may take; the rest is for what they are worth."""


@dataclass(frozen=True)
class NonlinearProgramme:
    """Ipopt as a method of ascent.

    Parameters
    ----------
    iterations : int
        Of Ipopt.
    tolerance : float
        Of Ipopt.
    seconds : float
        Limit of one solution; every start that runs beside others is one, and has its share of the time that is left.
    """

    iterations: int = 500
    tolerance: float = 1e-8
    seconds: float = 60.0

    @property
    def name(self) -> str:
        """What users call it."""
        return "nlp"

    def first_step(self, shape: Simplices, slopes: Slopes) -> Array:
        """Return ones: nothing has been solved yet."""
        return np.ones(len(slopes.slopes))

    def propose(self, problem: Problem, state: State) -> Trial:
        """Solve from every row that has not been solved before."""
        fresh = state.step > 0.0
        theta, rows = state.theta.copy(), np.flatnonzero(fresh)
        for number, row in enumerate(rows):
            left = SHARE * (float(state.deadline[row]) - time.perf_counter()) / (len(rows) - number)
            if left > 0.0:
                theta[row] = self._solve(problem, theta[row], min(self.seconds, left))
        point = problem.evaluate(theta)
        penalty = np.maximum(state.penalty, PENALTY)
        accepted = fresh & (merit(point.values, penalty) > merit(state.values, penalty))
        return Trial(point, theta, accepted, np.zeros(len(theta)), penalty, state.multipliers)

    def _solve(self, problem: Problem, theta: Array, seconds: float) -> Array:
        """Run Ipopt from one point (n,), and return the best of the simplices that it has seen."""
        casadi = _casadi()
        seen = _Seen(problem)
        function = _function(casadi, seen, problem.shape.size, len(seen.at(theta).values[0]))
        x = casadi.MX.sym("x", theta.size)
        values = function(x)
        sums = casadi.DM(_block_sums(problem.shape)) @ x  # sparse, as Ipopt's systems are then
        settings = {
            "print_time": False,
            "ipopt.print_level": 0,
            "ipopt.sb": "yes",
            "ipopt.max_iter": self.iterations,
            "ipopt.tol": self.tolerance,
            "ipopt.max_wall_time": seconds,
            "ipopt.hessian_approximation": "limited-memory",
        }
        blocks, m = problem.shape.n_blocks, values.shape[0] - 1
        programme = {"x": x, "f": -values[0], "g": casadi.vertcat(sums, values[1:]) if m else sums}
        solver = casadi.nlpsol("plan", "ipopt", programme, settings)
        lower, upper = [1.0] * blocks + [-np.inf] * m, [1.0] * blocks + [0.0] * m
        found = solver(x0=theta, lbx=0.0, ubx=1.0, lbg=lower, ubg=upper)
        seen.at(np.asarray(found["x"]).ravel())
        return seen.best


class _Seen:
    """The points that were asked for, projected onto the simplices, and the best of them."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.best = np.zeros(problem.shape.size)
        self._rank = (np.inf, np.inf)
        self._last: tuple[Array, Point] | None = None

    def at(self, theta: Array) -> Point:
        """Evaluate the projection of a point (n,), once where it is asked for values and derivatives."""
        if self._last is None or not np.array_equal(self._last[0], theta):
            inside = self.problem.shape.project(theta[None])
            point = self.problem.evaluate(inside)
            excess = float(point.values[0, 1:].max(initial=0.0))
            rank = (excess if excess > WITHIN else 0.0, -float(point.values[0, 0]))
            if rank < self._rank:
                self.best, self._rank = inside[0], rank
            self._last = theta.copy(), point
        return self._last[1]


def _block_sums(shape: Simplices) -> csc_array[Any]:
    """Matrix that sums the elements of each block, (blocks, n)."""
    block = shape.spread(np.arange(shape.n_blocks, dtype=np.float64)).astype(np.intp)
    return csc_array((np.ones(shape.size), (block, np.arange(shape.size))), shape=(shape.n_blocks, shape.size))


def _casadi() -> Any:
    try:
        import casadi
    except ImportError as error:
        raise CapabilityError("method 'nlp' needs CasADi: pip install 'versant[nlp]'") from error
    return casadi


def _function(casadi: Any, seen: _Seen, size: int, count: int) -> Any:
    """Wrap values (1+m,) and their Jacobian (1+m, n) as a function of CasADi."""

    class Jacobian(casadi.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            casadi.Callback.__init__(self)
            self.construct("jacobian", {})

        def get_n_in(self) -> int:
            return 2

        def get_sparsity_in(self, number: int) -> Any:
            return casadi.Sparsity.dense(size if number == 0 else count, 1)

        def get_sparsity_out(self, number: int) -> Any:
            return casadi.Sparsity.dense(count, size)

        def eval(self, arguments: Any) -> list[Any]:
            return [casadi.DM(seen.at(np.asarray(arguments[0]).ravel()).differentiate().slopes[0])]

    class Values(casadi.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            casadi.Callback.__init__(self)
            self.derivative = Jacobian()
            self.construct("values", {})

        def get_sparsity_in(self, number: int) -> Any:
            return casadi.Sparsity.dense(size, 1)

        def get_sparsity_out(self, number: int) -> Any:
            return casadi.Sparsity.dense(count, 1)

        def eval(self, arguments: Any) -> list[Any]:
            return [casadi.DM(seen.at(np.asarray(arguments[0]).ravel()).values[0])]

        def has_jacobian(self) -> bool:
            return True

        def get_jacobian(self, name: str, inputs: Any, outputs: Any, options: Any) -> Any:
            return self.derivative

    return Values()
