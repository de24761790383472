"""Projection onto simplices and linear budgets: our dual Newton method against general solvers of quadratic programs.

The problem is that of every step of `plan`: a point with n entries in blocks of `LENGTH`, off the simplices, and
m budgets that cut it off. Each solver gets the same problem, sparse, with its own default accuracy; its error is the
largest difference from our answer, whose own is measured apart: the largest violation of the conditions of optimality,
computed here from the answer and its multipliers. Medians of CPU time, rounds interleaved. `plan` projects the iterates
of all its starts at once: for small problems the time of one in a batch of `BATCH` stands beside that of one alone, and
the ratios are to the latter.
"""

from __future__ import annotations

import importlib.util
import platform
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.gradients import ratio
from versant.optimise.simplex import Projection, Simplices, project_budgets

Array = NDArray[np.float64]

LENGTH = 10
SIZES = (50, 1_000, 10_000, 100_000, 1_000_000)
BUDGETS = (1, 3)
ROUNDS = 5
BATCH = 64
RIVALS = {"piqp": 100_000, "clarabel": 100_000, "osqp": 100_000, "proxqp": 10_000, "quadprog": 1_000}
"""Solver → the largest n that it is given."""


class Case:
    """One problem: minimise ½ ‖θ − ξ‖² over the simplices, G θ ≤ b."""

    def __init__(self, n: int, m: int) -> None:
        rng = np.random.default_rng(n + m)
        self.shape = Simplices(((n // LENGTH, LENGTH),))
        self.point = rng.normal(0.1, 0.5, n)
        self.slopes = rng.uniform(0.0, 1.0, (m, n))
        free, middle = self.shape.project(self.point[None])[0], np.full(n, 1.0 / LENGTH)
        self.bounds = self.slopes @ (0.5 * free + 0.5 * middle)

    def ours(self, batch: int = 1) -> Projection:
        """Project `batch` copies; nothing is shared between them."""
        given = (self.point, self.slopes, self.bounds)
        point, slopes, bounds = (np.repeat(part[None], batch, axis=0) for part in given)
        return project_budgets(point, self.shape, slopes, bounds)

    def rival(self, solver: str) -> Callable[[], Array]:
        """The same problem in the form in which general solvers take it."""
        import qpsolvers
        import scipy.sparse as sp

        n, blocks = len(self.point), self.shape.n_blocks
        rows = sp.csc_matrix(sp.kron(sp.identity(blocks), np.ones((1, LENGTH))))
        parts = (
            sp.csc_matrix(sp.identity(n)),
            -self.point,
            sp.csc_matrix(self.slopes),
            self.bounds,
            rows,
            np.ones(blocks),
        )
        if solver == "quadprog":
            parts = tuple(part.toarray() if sp.issparse(part) else part for part in parts)
        problem = qpsolvers.Problem(*parts, lb=np.zeros(n))

        def solve() -> Array:
            found = qpsolvers.solve_problem(problem, solver=solver).x
            return np.full(n, np.nan) if found is None else found

        return solve


def violation(case: Case, found: Projection) -> float:
    """How far an answer is from optimal: θ is the projection of ξ − Gᵀλ, budgets are kept, λ (b − Gθ) = 0."""
    theta, multipliers = found.point[0], found.multipliers[0]
    again = case.shape.project((case.point - multipliers @ case.slopes)[None])[0]
    slack = (case.bounds - case.slopes @ theta) / np.abs(case.bounds)
    return float(max(np.abs(again - theta).max(), (-slack).max(), np.abs(multipliers * slack).max()))


def seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    have = importlib.util.find_spec("qpsolvers") is not None
    solvers = [name for name in RIVALS if have and importlib.util.find_spec(_module(name)) is not None]
    absent = [name for name in RIVALS if name not in solvers]
    print(f"CPU: {platform.processor() or platform.machine()}; times slower than ours (error)")
    if absent:
        print(f"not installed, left out: {', '.join(absent)} (pip install 'versant[bench]')")
    print("| n | budgets | ours, ms | in a batch | our error | " + " | ".join(solvers) + " |")
    print("|---" * (5 + len(solvers)) + "|")
    for n in SIZES:
        for m in BUDGETS:
            print(row(n, m, [name for name in solvers if n <= RIVALS[name]], solvers), flush=True)


def row(n: int, m: int, solvers: list[str], columns: list[str]) -> str:
    case = Case(n, m)
    works = {name: case.rival(name) for name in solvers}
    found = case.ours()
    errors = {name: float(np.abs(work() - found.point[0]).max()) for name, work in works.items()}
    times: dict[str, list[float]] = {"ours": [], "batch": [], **{name: [] for name in solvers}}
    for _ in range(ROUNDS):
        if n * BATCH <= 1_000_000:
            times["batch"].append(seconds(lambda: case.ours(BATCH)) / BATCH)
        times["ours"].append(seconds(case.ours))
        for name, work in works.items():
            times[name].append(seconds(work))
    mine = float(np.median(times["ours"]))
    cells = [f"×{ratio(times[name], mine)} ({errors[name]:.0e})" if name in works else "–" for name in columns]
    batched = f"{1e3 * np.median(times['batch']):.3f}" if times["batch"] else "–"
    return f"| {n:,} | {m} | {1e3 * mine:.2f} | {batched} | {violation(case, found):.0e} | " + " | ".join(cells) + " |"


def _module(solver: str) -> str:
    return {"proxqp": "proxsuite"}.get(solver, solver)


if __name__ == "__main__":
    main()
