"""Plans out of what `Plan.to_dict` returned, and their problem.

What follows from controller and problem — the uses of transitions, tolerances of equalities — is not kept but computed
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.bounds import UpperBound
from versant.planning.certificate import certify, cost_of
from versant.planning.result import Improvement, Larger, Plan, planned_problem
from versant.planning.verdict import PlanVerdict
from versant.tasks.pomdp import Pomdp

__all__ = ["plan_from_dict"]


def plan_from_dict(content: Mapping[str, Any], pomdp: Pomdp) -> Plan:
    """Make a plan of what `Plan.to_dict` returned, and of its problem."""
    limits = {name: (cost["floor"], cost["budget"]) for name, cost in content["costs"].items()}
    task = planned_problem(pomdp, content["minimised"], limits)
    controller = Controller.from_dict(content["controller"])
    if (controller.actions, controller.observations) != (task.actions, task.observations):
        raise ProblemError("the plan's actions and observations are not those of the problem, in its order")
    excess, larger = content["least_excess"], content["larger"]
    return Plan(
        controller=controller,
        value=float(content["value"]),
        value_error=float(content["value_error"]),
        costs={name: cost_of(task, name, one["value"], one["error"]) for name, one in content["costs"].items()},
        upper_bound=content["upper_bound"],
        bounds=tuple(_bound(one) for one in content["bounds"]),
        proved_at=tuple(float(one["seconds"]) for one in content["bounds"]),
        multipliers=dict(content["multipliers"]),
        first_order_gap=np.inf if content["first_order_gap"] is None else float(content["first_order_gap"]),
        verdict=tuple(PlanVerdict(word) for word in content["verdict"]),
        least_excess=None if excess is None else _bound(excess),
        history=tuple(Improvement(*moment) for moment in content["history"]),
        moves=certify(task, controller).moves,
        problem=content["problem"],
        minimised=content["minimised"],
        method=content["method"],
        seed=content["seed"],
        families=dict(content["families"]),
        seconds=float(content["seconds"]),
        larger=None if larger is None else Larger(int(larger["nodes"]), float(larger["value"])),
    )


def _bound(content: Mapping[str, Any]) -> UpperBound:
    return UpperBound(float(content["value"]), dict(content["multipliers"]), content["method"])
