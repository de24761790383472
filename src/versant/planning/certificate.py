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

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.memory import available_memory
from versant.optimise.linear import factorise
from versant.planning.ascent import first_order_gap
from versant.planning.evaluation import ClosedLoop, Evaluation
from versant.planning.gradient import pair_visits, seconds_of_a_node
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

QUICK, ROUGH = 1e-8, 1e-5
"""Accuracy of solutions where time is the limit and no budget asks for more; of uses of transitions, where there is no
time for the gap either."""

CAUTION = 3.0
"""Derivatives of a node of a controller may take so many times as long as those of one action for ever."""


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
    gap: float  # what the linearised problem promises at most, in units of reward; infinite where there was no time
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


def certify(
    pomdp: Pomdp, controller: Controller, deadline: float = float("inf"), extension: float = 0.0
) -> Certificate:
    """Evaluate a controller afresh, within the problem's budgets, and measure its distance from first-order optimality.

    Parameters
    ----------
    pomdp : Pomdp
    controller : Controller
    deadline : float
        Value of `time.perf_counter`. The gap, which needs the values of every node in every state, is not computed
        (infinite, no multipliers) where it would probably take longer, or more memory than there is.
    extension : float
        Seconds after the deadline at which solutions are taken as they are, with the error bars they then have.

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
    problem = PlanningProblem(sided.pomdp, controller.n_nodes, sided.pomdp.budgets, deadline + extension)
    problem.loop.check(controller)
    if not _careful(sided.pomdp, deadline):
        problem.loop.accuracy = QUICK
    theta = problem.loop.layout.vector([controller])
    evaluation = problem.loop.evaluate_reached(theta)
    if time.perf_counter() < problem.loop.deadline and _careful(sided.pomdp, deadline):
        evaluation = evaluation.refined()
    totals, errors = evaluation.totals[0], evaluation.errors()[0]
    costs = {
        name: cost_of(pomdp, name, float(totals[1 + i]), float(errors[1 + i])) for i, name in enumerate(pomdp.costs)
    }
    gap, multipliers = np.inf, np.zeros(len(problem.names))
    fits = problem.loop.demand() < available_memory()
    if fits and _in_time(sided.pomdp, controller.n_nodes, deadline):
        whole = evaluation if evaluation.pairs is None else problem.loop.evaluate(theta)
        gap, multipliers = _gap(problem, PlanningPoint(problem, whole))
    visited = evaluation
    if gap == np.inf and not _careful(sided.pomdp, deadline):
        visited = replace(evaluation, factors=factorise(evaluation.system, problem.loop.deadline, ROUGH))
    prices = dict(zip(problem.names, (problem.scale * multipliers / problem.scales).tolist(), strict=True))
    return Certificate(
        float(totals[0]),
        float(errors[0]),
        costs,
        sided.net(prices),
        problem.scale * gap,
        problem.scale,
        _moves(visited),
    )


def _careful(pomdp: Pomdp, deadline: float) -> bool:
    """Whether solutions are to be as exact as can be: where time is no limit, or budgets may hang on it."""
    return deadline == np.inf or bool(pomdp.costs)


def _in_time(pomdp: Pomdp, nodes: int, deadline: float) -> bool:
    """Whether derivatives probably are there by the deadline, judged by what those of one node take."""
    if deadline == np.inf or time.perf_counter() >= deadline:
        return deadline == np.inf
    seconds = CAUTION * nodes * seconds_of_a_node(ClosedLoop(pomdp, 1, deadline))
    return time.perf_counter() + seconds < deadline


def cost_of(pomdp: Pomdp, name: str, value: float, error: float) -> Cost:
    """Set a total of a cost beside its budget and its floor."""
    tolerance = equality_tolerance(pomdp, name)
    return Cost(value, error, pomdp.budgets.get(name), pomdp.floors.get(name), tolerance)


def _gap(problem: PlanningProblem, point: PlanningPoint) -> tuple[float, Array]:
    """Return the smallest first-order gap found and its multipliers (m,), both in the problem's units."""
    method, theta, found = Natural(), point.evaluation.theta, point.differentiate()
    none = np.zeros((1, len(problem.names)))
    if not problem.names:
        return max(float(first_order_gap(problem.shape, theta, point.values, found.slopes, none)[0]), 0.0), none[0]
    penalty, still, nothing = np.full(1, PENALTY_LIMIT), np.zeros_like(theta), np.zeros((1, 0, 0))
    first = method.first_step(problem.shape, found)
    never = np.full(1, np.inf)
    state = State(theta, point.values, found.slopes, found.usage, first, penalty, none, still, still, nothing, never)
    best: tuple[float, Array] = (np.inf, none[0])
    for length in STEPS:
        step = proximal_step(problem.shape, state, length * first, method.weights(found.usage))
        gap = first_order_gap(problem.shape, theta, point.values, found.slopes, step.multipliers)
        if gap[0] < best[0]:
            best = (max(float(gap[0]), 0.0), step.multipliers[0])  # below zero there is only rounding
    return best


def _moves(evaluation: Evaluation) -> Array:
    """Expected discounted number of uses of each transition (X, A, O, X'); pairs that cannot occur have none.

    Where pairs of state and node are open (see `reach`), only what was followed counts: they are lower bounds.
    """
    layout = evaluation.loop.layout
    _, transition, action = (part[0] for part in layout.split(evaluation.theta))
    used = action.T[layout.pairs[:, 0]] * pair_visits(evaluation)[0]  # (K, X)
    moves = np.zeros((layout.nodes, len(layout.actions), len(layout.observations), layout.nodes))
    pair, node, following = np.nonzero(transition)  # few of many, where hardly anything is drawn by lot
    shares = transition[pair, node, following] * used[pair, node]
    moves[node, layout.pairs[pair, 0], layout.pairs[pair, 1], following] = shares
    return moves
