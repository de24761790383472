"""The result of planning: a controller, and all that certifies it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.bounds import UpperBound
from versant.planning.certificate import Cost
from versant.planning.verdict import PlanVerdict
from versant.readonly import make_read_only
from versant.tasks.pomdp import Pomdp

__all__ = ["Improvement", "Interrupted", "Larger", "Plan", "planned_problem"]

Array = NDArray[np.float64]


class Improvement(NamedTuple):
    """One moment at which the best controller so far got better."""

    seconds: float
    value: float
    violation: float  # largest excess over a budget as a fraction of it; 0 within all budgets


class Larger(NamedTuple):
    """A controller with more nodes that was met on the way, within the budgets."""

    nodes: int
    value: float


@dataclass(frozen=True, eq=False)
class Plan:
    """A controller with its certificate.

    Value, costs and error bars are those of the controller as it stands here, evaluated afresh; `upper_bound` holds for
    every policy of whatever size.
    """

    controller: Controller
    value: float
    value_error: float
    costs: Mapping[str, Cost]
    upper_bound: float | None  # None where no policy keeps the budgets, or no bound was found
    bounds: tuple[UpperBound, ...]  # every bound that was computed
    proved_at: tuple[float, ...]  # seconds at which each of them was there; for the value see `history`
    multipliers: Mapping[str, float]  # shadow price of each budget less that of its floor, reward per unit of cost
    first_order_gap: float  # what linearisation still promises, in units of reward; infinite where unknown
    verdict: tuple[PlanVerdict, ...]
    least_excess: UpperBound | None  # where no controller within the budgets was found: a bound of the least excess
    history: tuple[Improvement, ...]
    moves: Array  # (X, A, O, X') expected discounted number of uses of each transition; less where time was short
    problem: str
    minimised: str | None  # the cost that was to be small; the value is minus it
    method: str
    seed: int
    families: Mapping[str, int]  # number of ascents from each family of starts
    seconds: float
    larger: Larger | None = None  # a larger controller that is known to be worth more
    alpha: AlphaPolicy | None = None  # of method "alpha": values of the nodes as α-vectors, node x the x-th

    def __post_init__(self) -> None:
        make_read_only(self)

    @property
    def starts(self) -> int:
        """Number of ascents, of all families."""
        return sum(self.families.values())

    @property
    def feasible(self) -> bool:
        """Whether every budget is kept, error bars included."""
        return PlanVerdict.FEASIBLE in self.verdict

    @property
    def gap(self) -> float | None:
        """Upper bound less value: no policy earns more than this beyond the controller; None without a bound."""
        return None if self.upper_bound is None else self.upper_bound - self.value

    def to_dict(self) -> dict[str, Any]:
        """Everything but the uses, which follow from controller and problem, and the α-vectors, ready for JSON."""
        return {
            "problem": self.problem,
            "minimised": self.minimised,
            "method": self.method,
            "seed": self.seed,
            "starts": self.starts,
            "families": dict(self.families),
            "seconds": self.seconds,
            "nodes": self.controller.n_nodes,
            "value": self.value,
            "value_error": self.value_error,
            "costs": {name: cost.to_dict() for name, cost in self.costs.items()},
            "upper_bound": self.upper_bound,
            "bounds": [{**_proof(one), "seconds": at} for one, at in zip(self.bounds, self.proved_at, strict=True)],
            "reached_at": self.history[-1].seconds if self.history else None,
            "multipliers": dict(self.multipliers),
            "least_excess": None if self.least_excess is None else _proof(self.least_excess),
            "gap": self.gap,
            "first_order_gap": self.first_order_gap if np.isfinite(self.first_order_gap) else None,
            "larger": None if self.larger is None else self.larger._asdict(),
            "verdict": [str(flag) for flag in self.verdict],
            "history": [list(moment) for moment in self.history],
            "controller": self.controller.to_dict(),
        }

    def __str__(self) -> str:
        proof = min(self.bounds, key=lambda bound: bound.value, default=None)
        bound = "" if proof is None else f", no policy exceeds {_precise(proof.value)} ({proof.method})"
        value = "value" if self.minimised is None else f"value (minus {self.minimised})"
        lines = [f"{value} {_precise(self.value)} ± {self.value_error:.1e}{bound}"]
        lines += [f"{name} {cost}" for name, cost in self.costs.items()]
        lines.append("verdict: " + ", ".join(self.verdict))
        return "\n".join([*lines, *self._advice()])

    def _advice(self) -> Iterator[str]:
        """Say what the size of the controller or the budgets leave to be wished for."""
        if self.larger is not None:
            few = "1 node is" if self.controller.n_nodes == 1 else f"{self.controller.n_nodes} nodes are"
            yield (
                f"{few} few: a controller with {self.larger.nodes}, met on the way, is "
                f"worth {_precise(self.larger.value)}; ask for as many, or let nodes grow"
            )
        if PlanVerdict.BUDGET_VIOLATED not in self.verdict:
            return
        if self.history:
            yield f"this controller exceeds a budget by {self.history[-1].violation:.3g} of it, the least found"
        proof = self.least_excess
        if proof is not None and proof.value > 0.0:
            prices = ", ".join(f"{name} {price:.4g}" for name, price in proof.multipliers.items() if price)
            yield f"every policy exceeds one by {proof.value:.3g} of it or more ({proof.method}; multipliers: {prices})"
        elif self.larger is None:
            yield "whether any policy keeps all budgets is open"


class Interrupted(KeyboardInterrupt):
    """Planning was interrupted; `plan` is the best so far, certified, with the bounds that were there."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("planning was interrupted; the best plan so far is the `plan` of this exception")
        self.plan = plan


def planned_problem(
    pomdp: Pomdp, minimised: str | None, limits: Mapping[str, tuple[float | None, float | None]]
) -> Pomdp:
    """Return the problem that a plan is of: its aim, and (floor, budget) of each cost; others are lifted.

    Raises
    ------
    ProblemError
        Where the problem lacks a cost.
    """
    aimed = pomdp if minimised is None else pomdp.minimising(minimised)
    missing = [name for name in limits if name not in aimed.costs]
    if missing:
        raise ProblemError(f"the plan knows the cost {missing[0]!r}, which the problem lacks")
    return aimed.with_budgets(dict.fromkeys(aimed.costs)).with_budgets(dict(limits))


def _precise(number: float) -> str:
    """Six decimals, or for small numbers six digits."""
    return f"{number:.6f}" if abs(number) >= 0.1 or number == 0.0 else f"{number:.6g}"


def _proof(bound: UpperBound) -> dict[str, Any]:
    """Return a bound and its proof, ready for JSON.

    As an upper bound: no policy within the budgets is worth more. As a bound of the excess: every policy has
    Σ multiplier (cost - budget) of at least this value; above zero, none keeps all budgets.
    """
    return {"value": bound.value, "multipliers": dict(bound.multipliers), "method": bound.method}
