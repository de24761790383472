"""Saved plans: what `versant plan --out` writes as ``result.json``, read back to be verified, drawn or gone on with.

A plan's file holds its controller to the last bit, its claims and what proves them. What follows from controller and
problem — the uses of transitions, tolerances of equalities — is computed again when the file is read, so that reading
needs the problem. α-vectors are in a file of their own (see `alpha`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from versant.agents.controller import Controller
from versant.errors import FormatError, ProblemError
from versant.files import write_json
from versant.formats.json_objects import read_object
from versant.planning.bounds import UpperBound
from versant.planning.certificate import certify, cost_of
from versant.planning.result import Improvement, Larger, Plan, planned_problem
from versant.planning.verdict import PlanVerdict
from versant.tasks.pomdp import Pomdp

__all__ = ["plan_costs", "plan_from_dict", "read_plan", "write_plan"]


def write_plan(plan: Plan, path: str | os.PathLike[str]) -> None:
    """Write a plan as JSON, atomically.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.plan import plan
    >>> file = Path(tempfile.mkdtemp()) / "plan.json"
    >>> found = plan(tiger(), nodes=2, starts=2, bounds=("fib",), families=("random",))
    >>> write_plan(found, file)
    >>> read_plan(file, tiger()).to_dict() == found.to_dict()
    True
    """
    write_json(path, plan.to_dict())


def read_plan(path: str | os.PathLike[str], pomdp: Pomdp) -> Plan:
    """Read a plan of a problem; nothing that it claims is checked (see `versant.verify`).

    Parameters
    ----------
    path : path-like
    pomdp : Pomdp
        The problem that it was made for, with the costs that the plan knows; budgets are those of the plan.

    Raises
    ------
    FormatError
        For a file that cannot be read, is no JSON, or holds no plan.
    ProblemError
        Where the problem lacks a cost of the plan, or has other actions or observations.
    """
    content, source = read_object(path, "plan"), str(path)
    try:
        return plan_from_dict(content, pomdp)
    except KeyError as error:
        raise FormatError(f"holds no plan: {error.args[0]!r} is missing", source) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"holds no plan: {error}", source) from error


def plan_costs(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the costs that the problem of a saved plan must have.

    Raises
    ------
    FormatError
        As `read_plan`.
    """
    content = read_object(path, "plan")
    costs, minimised = content.get("costs"), content.get("minimised")
    if not isinstance(costs, dict):
        raise FormatError("holds no plan: 'costs' is missing", str(path))
    return tuple(name for name in costs if minimised is None or name != "reward")


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
        first_order_gap=float(content["first_order_gap"]),
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
