"""What a controller is worth, recomputed from the controller alone.

Nothing here comes from the solver that found it: value and costs are evaluated afresh, refined, and given error bars
from residuals; a budget is kept only if cost + error bar ≤ budget, a floor only if cost − error bar ≥ floor; where an
error bar crosses one of them, rounding hides whether it is kept. First-order optimality is measured by the gap

    Σ_blocks max_j L_j − θ·L + Σ_i λ_i (ε_i − h_i)₊,      L = ∇value − Σ_i λ_i ∇h_i,

which bounds, for any λ ≥ 0, what the problem linearised at the controller promises. The λ are those of proximal steps
of several lengths from the controller; the smallest gap counts, and its λ are the shadow prices of the budgets. Floors
are budgets here (see `onesided`); their prices are subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.planning.ascent import first_order_gap
from versant.planning.gradient import Derivatives
from versant.planning.natural import Natural
from versant.planning.onesided import equality_tolerance, one_sided
from versant.planning.problem import PlanningPoint, PlanningProblem
from versant.planning.protocol import State
from versant.planning.proximal import PENALTY_LIMIT, proximal_step
from versant.tasks.pomdp import Pomdp

__all__ = ["Certificate", "Cost", "certify", "cost_of"]

Array = NDArray[np.float64]

STEPS = (1e-3, 1.0, 1e3, 1e6)
"""Lengths of the proximal steps that multipliers are taken from, relative to the method's first step."""


@dataclass(frozen=True)
class Cost:
    """An expected discounted total cost, its error bar, and what is left of its budget and floor.

    Examples
    --------
    >>> cost = Cost(10.0, 1e-12, budget=10.0)
    >>> cost.kept, cost.undecided
    (False, True)
    """

    value: float
    error: float
    budget: float | None = None  # upper bound
    floor: float | None = None  # lower bound
    tolerance: float = 0.0  # where both are equal: how far the total may lie from them

    @property
    def slack(self) -> float | None:
        """How far the cost is from the nearer of budget and floor, negative beyond it; None without either."""
        room = [] if self.budget is None else [self.budget - self.value]
        room += [] if self.floor is None else [self.value - self.floor]
        return min(room, default=None)

    @property
    def kept(self) -> bool:
        """Whether budget and floor are kept even if the cost stands at the worst end of its error bar."""
        return self.slack is None or self.slack + self.tolerance >= self.error

    @property
    def undecided(self) -> bool:
        """Whether a budget or a floor lies within the error bar, so that rounding hides whether it is kept."""
        return self.slack is not None and not self.kept and self.slack + self.tolerance >= -self.error

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers, ready for JSON."""
        given = {"value": self.value, "error": self.error, "budget": self.budget, "floor": self.floor}
        return {**given, "slack": self.slack}

    def __str__(self) -> str:
        equal = self.budget is not None and self.budget == self.floor
        said = [f"to be {self.budget:g}"] if equal else []
        said += [f"budget {self.budget:g}"] if self.budget is not None and not equal else []
        said += [f"floor {self.floor:g}"] if self.floor is not None and not equal else []
        said += [] if self.slack is None else [f"slack {self.slack:.3g}"]
        return ", ".join([f"{self.value:.6g} ± {self.error:.1e}", *said])


@dataclass(frozen=True, eq=False)
class Certificate:
    """Value, costs and optimality of one controller."""

    value: float
    value_error: float
    costs: Mapping[str, Cost]
    multipliers: Mapping[str, float]  # shadow price of each budget less that of its floor, reward per unit of cost
    gap: float  # what the linearised problem promises at most, in units of reward
    scale: float  # how much the value of policies can differ at most
    moves: Array  # (X, A, O, X') expected discounted number of uses of each transition

    @property
    def feasible(self) -> bool:
        """Whether every budget is kept, error bars included."""
        return all(cost.kept for cost in self.costs.values())

    @property
    def undecided(self) -> bool:
        """Whether rounding alone hides if the budgets are kept."""
        return not self.feasible and all(cost.kept or cost.undecided for cost in self.costs.values())


def certify(pomdp: Pomdp, controller: Controller) -> Certificate:
    """Evaluate a controller afresh, within the problem's budgets, and measure its distance from first-order optimality.

    Raises
    ------
    ProblemError
        Where controller and problem do not belong together, or the problem is undiscounted or finite.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> task = tiger(costs=("listen",)).with_budgets({"listen": 25.0})
    >>> listen = Controller([1.0], [[1.0, 0.0, 0.0]], np.ones((1, 3, 2, 1)), task.actions, task.observations)
    >>> found = certify(task, listen)
    >>> round(found.value, 9), round(found.costs["listen"].slack, 9), found.feasible
    (-20.0, 5.0, True)
    """
    sided = one_sided(pomdp)
    problem = PlanningProblem(sided.pomdp, controller.n_nodes, sided.pomdp.budgets)
    problem.loop.check(controller)
    theta = problem.loop.layout.vector([controller])
    evaluation = problem.loop.evaluate(theta).refined()
    totals, errors = evaluation.totals[0], evaluation.errors()[0]
    costs = {
        name: cost_of(pomdp, name, float(totals[1 + i]), float(errors[1 + i])) for i, name in enumerate(pomdp.costs)
    }
    point = PlanningPoint(problem, evaluation)
    derivatives = point.differentiate()
    gap, multipliers = _gap(problem, theta, point.values, derivatives)
    prices = dict(zip(problem.names, (problem.scale * multipliers / problem.scales).tolist(), strict=True))
    moves = _moves(problem, theta, derivatives.usage[0])
    return Certificate(
        float(totals[0]), float(errors[0]), costs, sided.net(prices), problem.scale * gap, problem.scale, moves
    )


def cost_of(pomdp: Pomdp, name: str, value: float, error: float) -> Cost:
    """Set a total of a cost beside its budget and its floor."""
    tolerance = equality_tolerance(pomdp, name)
    return Cost(value, error, pomdp.budgets.get(name), pomdp.floors.get(name), tolerance)


def _gap(problem: PlanningProblem, theta: Array, values: Array, found: Derivatives) -> tuple[float, Array]:
    """Return the smallest first-order gap found and its multipliers (m,), both in the problem's units."""
    method = Natural()
    first = method.first_step(problem.shape, found)
    penalty = np.full(1, PENALTY_LIMIT)
    none = np.zeros((1, len(problem.names)))
    still = np.zeros_like(theta)
    state = State(theta, values, found.slopes, found.usage, first, penalty, none, still, still, np.zeros((1, 0, 0)))
    best: tuple[float, Array] = (np.inf, none[0])
    for length in STEPS:
        step = proximal_step(problem.shape, state, length * first, method.weights(found.usage))
        gap = first_order_gap(problem.shape, theta, values, found.slopes, step.multipliers)
        if gap[0] < best[0]:
            best = (max(float(gap[0]), 0.0), step.multipliers[0])  # below zero there is only rounding
    return best


def _moves(problem: PlanningProblem, theta: Array, usage: Array) -> Array:
    """Expected discounted number of uses of each transition (X, A, O, X'); pairs that cannot occur have none."""
    layout = problem.loop.layout
    transition = layout.split(theta)[1][0]  # (K, X, X')
    nodes = layout.nodes
    used = usage[1 : 1 + layout.n_pairs * nodes].reshape(layout.n_pairs, nodes, 1) * transition
    moves = np.zeros((nodes, len(layout.actions), len(layout.observations), nodes))
    moves[:, layout.pairs[:, 0], layout.pairs[:, 1]] = used.transpose(1, 0, 2)
    return moves / problem.loop.discount
