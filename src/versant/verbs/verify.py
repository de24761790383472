"""The verb `verify`: does a plan's certificate hold? Everything is computed again, by other ways where there are any.

1. Value and costs: the Markov chain of controller and problem is formed (`planning.chain`; planning itself never forms
   it), solved, and its residual gives an error bar; the claims have to agree within both error bars.
2. Budgets: what is claimed to be kept is kept by the totals computed here.
3. Upper bounds: at the multipliers λ of each bound, the value of every policy at R − λ·C is bounded again, plus λ·ε.
4. Infeasibility: at its multipliers, Σ λ_i (h_i − ε_i) of every policy is bounded from below again.
5. α-vectors: each is at most one step of its node and what follows it.
6. Verdict: the flags follow from the numbers.

Bounds by point-based search depend on the effort spent, so they are confirmed to a tolerance, everything else to
rounding. Such a search brackets what the best policy is worth at the multipliers: a claim above the bracket is
confirmed, one below it is refuted, and one inside it, when the effort is over, is left open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from versant.agents.alpha import AlphaPolicy
from versant.optimise.linear import UNIT_ROUNDOFF
from versant.planning.bounds import UpperBound, units
from versant.planning.certificate import certify
from versant.planning.chain import controlled_chain
from versant.planning.magnitude import magnitude
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.relaxations import Kind, Relaxation
from versant.planning.result import Plan, planned_problem
from versant.planning.series import solve_discounted
from versant.planning.verdict import PlanVerdict, judge
from versant.tasks.pomdp import Pomdp

__all__ = ["EFFORT", "Verification", "verify"]

Array = NDArray[np.float64]

ACCURACY = 1e-13
"""Change, relative to the values, at which sweeps over the chain are enough."""

EFFORT, FIRST_EFFORT, HARDER = 4e9, 1e6, 1.5
"""Multiplications of a point-based search, unless given; after how many it is looked at first, and how often then."""


@dataclass(frozen=True)
class Verification:
    """What was checked of a certificate, what failed, and what the effort left open."""

    checked: tuple[str, ...]
    failures: tuple[str, ...]
    unconfirmed: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing failed and nothing was left open."""
        return not (self.failures or self.unconfirmed)

    def __str__(self) -> str:
        if self.holds:
            return "the certificate holds: " + ", ".join(self.checked)
        said = "nothing is wrong, but not all is confirmed:"
        if self.failures:
            said = "the certificate does not hold:"
        return "\n- ".join((said, *self.failures, *self.unconfirmed))


def verify(plan: Plan, pomdp: Pomdp, *, tolerance: float = 1e-3, effort: float = EFFORT) -> Verification:
    """Check the certificate of a plan against the problem that it was made for.

    Parameters
    ----------
    plan : Plan
    pomdp : Pomdp
        With the costs that the plan knows; budgets are those of the plan.
    tolerance : float
        To which bounds by point-based search are confirmed, relative to the bound's magnitude (`planning.magnitude`).
    effort : float
        Multiplications that each of them may take, about; most take far fewer.

    Returns
    -------
    Verification

    Raises
    ------
    ProblemError
        Where the problem lacks a cost of the plan, or has other actions or observations.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.plan import plan
    >>> found = plan(tiger(costs=("risk",)), nodes=3, budgets={"risk": 0.5}, starts=4, bounds=["fib"])
    >>> verify(found, tiger(costs=("risk",))).holds
    True
    >>> print(verify(replace(found, value=found.value + 1e-6), tiger(costs=("risk",))))
    the certificate does not hold:
    - value: claimed ... ± ..., computed ... ± ...
    """
    limits = {name: (cost.floor, cost.budget) for name, cost in plan.costs.items()}
    task = planned_problem(pomdp, plan.minimised, limits)
    failures = [*_totals(plan, task), *_budgets(plan)]
    checked = ["value and costs", "budgets"]
    if not failures:
        failures += [*_stationarity(plan, task), *_flags(plan, task)]
        checked += ["first-order gap", "verdict"]
    wrong, unconfirmed = _upper_bounds(plan, task, tolerance, effort)
    failures += [*_lowest_bound(plan), *wrong]
    checked += [f"{len(plan.bounds)} upper bounds"] if plan.bounds else []
    if plan.alpha is not None:
        failures += _vectors(plan.alpha, plan, task)
        checked.append(f"{len(plan.alpha.vectors)} alpha vectors")
    if PlanVerdict.INFEASIBLE in plan.verdict or (plan.least_excess is not None and plan.least_excess.value > 0.0):
        failures += _infeasibility(plan, task, effort)
        checked.append("infeasibility")
    return Verification(tuple(checked), tuple(failures), tuple(unconfirmed))


def _totals(plan: Plan, task: Pomdp) -> Iterator[str]:
    """Solve the chain afresh and compare."""
    chain = controlled_chain(plan.controller, task)
    names = ["value", *plan.costs]
    payoffs = np.stack([chain.reward, *(chain.costs[name] for name in plan.costs)], axis=1)
    solution = solve_discounted(chain.transition, chain.discount, payoffs, accuracy=ACCURACY)
    residual = np.abs(payoffs + chain.discount * (chain.transition @ solution) - solution).max(axis=0)
    size = np.abs(solution).max(axis=0) + np.abs(payoffs).max(axis=0)
    rounding = 4 * (task.n_states + plan.controller.n_nodes + 16) * UNIT_ROUNDOFF * size
    errors = (residual + rounding) / (1.0 - chain.discount)
    claims = [(plan.value, plan.value_error), *((cost.value, cost.error) for cost in plan.costs.values())]
    for name, (value, error), total, own in zip(names, claims, chain.start @ solution, errors, strict=True):
        if not abs(value - total) <= error + own:
            yield f"{name}: claimed {value!r} ± {error:.1e}, computed {total:.17g} ± {own:.1e}"


def _budgets(plan: Plan) -> Iterator[str]:
    if PlanVerdict.FEASIBLE in plan.verdict:
        yield from (f"{name} is not within its budget: {cost}" for name, cost in plan.costs.items() if not cost.kept)
    for name, cost in plan.costs.items():
        if not cost.error >= 0.0:
            yield f"{name}: {cost.error} is no error bar"
    if not plan.value_error >= 0.0:
        yield f"value: {plan.value_error} is no error bar"


def _stationarity(plan: Plan, task: Pomdp) -> Iterator[str]:
    if plan.first_order_gap == np.inf:  # there was no time for it: nothing is claimed
        return
    found = certify(task, plan.controller)
    blur = 1e-9 * found.scale
    if not plan.first_order_gap >= found.gap - blur:
        yield f"first-order gap: claimed {plan.first_order_gap!r}, computed {found.gap!r}"
    for name in sorted({*plan.multipliers, *found.multipliers}):
        price, again = plan.multipliers.get(name), found.multipliers.get(name)
        if price is None or again is None or not abs(price - again) <= 1e-6 * (1.0 + abs(price)):
            yield f"multiplier of {name}: claimed {price!r}, computed {again!r}"


def _flags(plan: Plan, task: Pomdp) -> Iterator[str]:
    proved = plan.least_excess is not None and plan.least_excess.value > 0
    larger = -np.inf if plan.larger is None else plan.larger.value
    found = replace(  # what is claimed was found to be true, error bars included
        certify(task, plan.controller),
        value=plan.value,
        value_error=plan.value_error,
        costs=plan.costs,
        gap=plan.first_order_gap,
    )
    flags = judge(found, plan.upper_bound, proved, larger)
    if flags != tuple(flag for flag in plan.verdict if flag != PlanVerdict.INTERRUPTED):
        yield f"verdict: claimed {', '.join(plan.verdict)}; the numbers say {', '.join(flags)}"


def _lowest_bound(plan: Plan) -> Iterator[str]:
    """Compare what is said of the lowest bound with the bounds."""
    least = min((bound.value for bound in plan.bounds), default=np.inf)
    if plan.upper_bound is None and plan.bounds:
        yield f"upper bound: none is claimed, the lowest of all bounds is {least!r}"
    if plan.upper_bound is not None and not plan.upper_bound >= least:
        yield f"upper bound: claimed {plan.upper_bound!r}, the lowest of all bounds is {least!r}"
    if PlanVerdict.FEASIBLE in plan.verdict and not plan.value - plan.value_error <= least:
        yield f"the value {plan.value!r} within the budgets exceeds the upper bound {least!r}"
    if plan.larger is not None and not plan.larger.value - plan.value_error <= least:
        yield f"a larger controller is said to be worth {plan.larger.value!r}, above the upper bound {least!r}"


def _upper_bounds(plan: Plan, task: Pomdp, tolerance: float, effort: float) -> tuple[list[str], list[str]]:
    """Compute every bound again: what is refuted, and what is not confirmed."""
    wrong, unconfirmed = [], []
    spread = units(task, (), np.zeros(0))[0]
    for bound in plan.bounds:
        if bound.value == np.inf:  # nothing is claimed
            continue
        by_search = bound.method in ("columns", "sawtooth")
        claimed = bound.value + (tolerance if by_search else 1e-7) * magnitude(bound.value, spread)
        least, most = _bound_again(bound, task, 1.0, effort, claimed)
        said = f"upper bound ({bound.method}): claimed {bound.value!r}"
        if least > claimed:
            wrong.append(f"{said}, refuted: at its multipliers it is at least {least!r}")
        elif not most <= claimed:
            unconfirmed.append(f"{said}, not confirmed within the effort: it is between {least!r} and {most!r}")
    return wrong, unconfirmed


def _vectors(alpha: AlphaPolicy, plan: Plan, task: Pomdp) -> Iterator[str]:
    """Every α-vector is at most one step of its node followed by those of the next; at the start, at most the value."""
    agent, blur = plan.controller, 1e-12 * float(np.abs(alpha.vectors).max())
    for node, (vector, action) in enumerate(zip(alpha.vectors, alpha.vector_actions.tolist(), strict=True)):
        following = agent.transition[node, action] @ alpha.vectors  # (O, S')
        ahead = task.transitions[action] @ task.emissions[action].multiply(following.T).sum(axis=1)
        step = task.rewards[:, action] + (task.discount or 0.0) * ahead
        if agent.action[node, action] != 1.0 or (vector > step + blur).any():
            yield f"alpha vector {node}: it promises more than a step of its node and what follows"
    promised = float(agent.start @ (alpha.vectors @ task.start))
    if not promised <= plan.value + plan.value_error:
        yield f"alpha vectors: they promise {promised!r} at the start, the value is {plan.value!r}"


def _infeasibility(plan: Plan, task: Pomdp, effort: float) -> Iterator[str]:
    proof = plan.least_excess
    claimed = 0.0 if proof is None else proof.value * (1.0 - 1e-3)
    excess = -np.inf if proof is None else -_bound_again(proof, task, 0.0, effort, -claimed)[1]
    if not excess > 0.0:
        yield f"infeasibility: the multipliers prove an excess of {excess!r} only, which is not above zero"
    elif proof is not None and not excess >= claimed:
        yield f"infeasibility: claimed an excess of {proof.value!r}, computed {excess!r}"


def _bound_again(bound: UpperBound, task: Pomdp, share: float, effort: float, claimed: float) -> tuple[float, float]:
    """Bracket the largest `share` · value − λ·(h − ε) of all policies, ε the budget where λ > 0, the floor where λ < 0.

    Where a relaxation is above what is claimed, but more sweeps might take it there, the point-based search decides; it
    stops where the claim is confirmed or refuted.
    """
    prices = np.array([bound.multipliers.get(name, 0.0) for name in task.costs])
    limits = 0.0
    for name, price in zip(task.costs, prices.tolist(), strict=True):
        side = task.budgets if price > 0.0 else task.floors
        if price and name not in side:
            return np.inf, np.inf  # no such budget or floor: these multipliers prove nothing
        limits += price * side[name] if price else 0.0
    combination = np.concatenate([[share], -prices])
    if bound.method in ("occupancy", "qmdp", "fib"):
        kind: Kind = "fib" if bound.method == "fib" else "qmdp"
        relaxed = Relaxation(task, kind, tuple(task.costs)).bound(combination)
        found = relaxed.value + limits
        if found <= claimed or found - relaxed.loose > claimed:
            return -np.inf, found
    search = PointSearch(PointBased(task, tuple(task.costs), precision=1e-6), combination)
    spent = FIRST_EFFORT
    while True:
        search.run(min(spent, effort))
        bracket, (gap, close) = search.bound(), search.gap()
        least, most = float(bracket.parts @ combination) + limits, bracket.value + limits
        if least > claimed or most <= claimed or gap <= close or spent >= effort:
            return least, most
        spent *= HARDER
