"""The verb `evaluate`: what an agent earns and pays in a task, with error bars; exactly where that is possible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.agents.learner import Learner
from versant.errors import CapabilityError
from versant.planning.certificate import Cost, certify, cost_of
from versant.simulation.returns import discounted_totals, horizon_for
from versant.tasks.pomdp import Limits, Pomdp, require_discounted
from versant.verbs.simulate import simulate

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """Expected discounted totals of an agent in a task, from its start belief."""

    value: float
    value_error: float
    costs: Mapping[str, Cost]
    exact: bool  # linear algebra with error bars from residuals, no sampling

    @property
    def feasible(self) -> bool:
        """Whether every budget is kept, error bars included."""
        return all(cost.kept for cost in self.costs.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        return {
            "value": self.value,
            "value_error": self.value_error,
            "costs": {name: cost.to_dict() for name, cost in self.costs.items()},
            "feasible": self.feasible,
            "exact": self.exact,
        }


def evaluate(
    agent: Controller | Learner | AlphaPolicy,
    task: Pomdp,
    budgets: Mapping[str, Limits] | None = None,
    *,
    parameters: Any = None,
    exact: bool = True,
    runs: int = 10_000,
    seed: int | np.random.Generator | None = 0,
) -> Evaluation:
    """Evaluate an agent in a task: a controller exactly, others by simulation (`Evaluation.exact` says which).

    Parameters
    ----------
    agent : Controller, Learner or AlphaPolicy
        A controller has the actions and observations of the task, in the same order.
    task : Pomdp
        Discounted, infinite horizon.
    budgets : mapping of str to float, pair or None, optional
        As in `Pomdp.with_budgets`; they take precedence over those of the task.
    parameters : mapping, optional
        A learner's natural parameters, one number each.
    exact : bool
        False: simulate a controller too, as a check by another way.
    runs : int
        How many runs are simulated.
    seed : int, Generator or None
        Of the simulation (SPEC 7).

    Returns
    -------
    Evaluation
        Error bars are bounds of an exact evaluation's rounding, and 99 % confidence intervals of a simulation.

    Raises
    ------
    CapabilityError
        For agents and tasks that cannot be evaluated.
    ProblemError
        Where agent and task do not belong together, or the problem is undiscounted or finite.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> agent = Controller.random(2, tiger().actions, tiger().observations, seed=1)
    >>> round(evaluate(agent, tiger()).value, 6) < 19.3714
    True
    """
    if not isinstance(agent, Controller | Learner | AlphaPolicy) or not isinstance(task, Pomdp):
        raise CapabilityError(
            "evaluate: it takes a Controller, a Learner or an AlphaPolicy, and a Pomdp, not "
            f"{type(agent).__name__} and {type(task).__name__}; simulate the agent instead"
        )
    bounded = task.with_budgets(budgets or {})
    if not (exact and isinstance(agent, Controller)):
        return _by_simulation(agent, bounded, parameters, runs, np.random.default_rng(seed))
    if parameters is not None:
        raise CapabilityError("evaluate: a controller has no parameters of its own")
    found = certify(bounded, agent)
    return Evaluation(found.value, found.value_error, found.costs, exact=True)


def _by_simulation(
    agent: Controller | Learner | AlphaPolicy, task: Pomdp, parameters: Any, runs: int, rng: np.random.Generator
) -> Evaluation:
    discount = require_discounted(task)
    if runs < 2:
        raise CapabilityError(f"evaluate: runs={runs} gives no error bar; simulate two or more")
    trials = simulate(agent, task, parameters, subjects=runs, trials=horizon_for(discount), seed=rng)
    payoffs = {"reward": task.rewards, **task.costs}
    found = discounted_totals(trials, discount, {name: float(np.abs(t).max()) for name, t in payoffs.items()})
    costs = {name: cost_of(task, name, found[name].value, found[name].error) for name in task.costs}
    return Evaluation(found["reward"].value, found["reward"].error, costs, exact=False)
