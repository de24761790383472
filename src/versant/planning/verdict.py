"""What can be said of a plan: flags, each with its meaning and what to do about it."""

from __future__ import annotations

from versant.optimise.status import Word
from versant.planning.certificate import Certificate
from versant.planning.magnitude import magnitude

__all__ = ["OPTIMAL_WITHIN", "STATIONARY_WITHIN", "PlanVerdict", "judge"]

STATIONARY_WITHIN = 1e-5
"""First-order gap of a stationary controller, relative to the value's magnitude."""

OPTIMAL_WITHIN = 1e-3
"""Distance from the upper bound of an optimal controller, relative to the same."""

TINY = 1e-5
"""Share of the spread of values (reward, over 1 − γ) that stands for the value of an optimal plan if that is less."""


class PlanVerdict(Word):
    """Flags of a plan. ``feasible`` and ``stationary`` are what one hopes for; ``optimal`` is rare with few nodes.

    Examples
    --------
    >>> PlanVerdict("not_found").advice
    'more nodes, starts or time; or look at the excess that is left and raise the budget.'
    """

    FEASIBLE = (
        "feasible",
        "every budget is kept, even with the cost at the end of its error bar (also where there is no budget)",
        "nothing.",
    )
    BUDGET_VIOLATED = (
        "budget_violated",
        "the cost plus its error bar exceeds a budget; the costs say which and by how much",
        "do not use the controller where the budget matters.",
    )
    UNDECIDED = (
        "undecided",
        "the error bar of a cost crosses its budget or floor, and nothing better was found: the budget stands where "
        "costs cannot be lower, and rounding hides whether it is kept",
        "move the budget by more than the error bar, if that matters.",
    )
    STATIONARY = (
        "stationary",
        "the problem linearised at the controller promises less than 1e-5 of its value or of its spread / 1000",
        "nothing; other starts or more nodes may still lead higher.",
    )
    NOT_STATIONARY = (
        "not_stationary",
        "the problem linearised at the controller still promises more than 1e-5 of its value, or time ended before "
        "that was known (the first-order gap then is infinite)",
        "more iterations or more time.",
    )
    OPTIMAL = (
        "optimal",
        "the upper bound, which holds for every policy, is within 1e-3 of the value (at most of its "
        "spread), or of its spread / 100,000, even with the value at the end of its error bar",
        "nothing.",
    )
    LIMITED_BY_SIZE = (
        "limited_by_size",
        "a controller with more nodes, met on the way, is worth over 1e-3 more, or keeps budgets that this one breaks; "
        "`larger` says how large it is",
        'as many nodes, or nodes="grow"; or a method that chooses the size, "columns" or (without budgets) "alpha".',
    )
    INFEASIBLE = (
        "infeasible",
        "a bound proves that no policy whatever keeps all budgets; the multipliers of `least_excess` are the proof",
        "raise a budget.",
    )
    INTERRUPTED = (
        "interrupted",
        "the search was interrupted: this is the best so far",
        "plan again, with the checkpoint if there is one.",
    )
    NOT_FOUND = (
        "not_found",
        "no controller that keeps all budgets was found, and nothing proves that there is none",
        "more nodes, starts or time; or look at the excess that is left and raise the budget.",
    )


def judge(
    certificate: Certificate, upper_bound: float | None, proved_infeasible: bool, larger: float = float("-inf")
) -> tuple[PlanVerdict, ...]:
    """Derive the flags.

    Parameters
    ----------
    certificate : Certificate
    upper_bound : float or None
        The best one.
    proved_infeasible : bool
    larger : float
        Value of a larger controller within the budgets; infinite, below zero, without one.
    """
    if not (certificate.feasible or certificate.undecided):
        known = PlanVerdict.LIMITED_BY_SIZE if larger > float("-inf") else PlanVerdict.NOT_FOUND
        return PlanVerdict.BUDGET_VIOLATED, PlanVerdict.INFEASIBLE if proved_infeasible else known
    stationary = certificate.gap <= STATIONARY_WITHIN * magnitude(certificate.value, certificate.scale)
    flags = [
        PlanVerdict.FEASIBLE if certificate.feasible else PlanVerdict.UNDECIDED,
        PlanVerdict.STATIONARY if stationary else PlanVerdict.NOT_STATIONARY,
    ]
    margin = OPTIMAL_WITHIN * magnitude(certificate.value, certificate.scale, TINY)
    if upper_bound is not None and upper_bound <= certificate.value - certificate.value_error + margin:
        flags.append(PlanVerdict.OPTIMAL)
    elif larger > certificate.value + certificate.value_error + margin:
        flags.append(PlanVerdict.LIMITED_BY_SIZE)
    return tuple(flags)
