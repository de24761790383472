"""Saved plans: what `versant plan --out` writes as ``result.json``, read back to be verified, drawn or gone on with.

A plan's file holds its controller to the last bit, its claims and what proves them. Reading it needs the problem (see
`planning.saved`). α-vectors are in a file of their own (see `alpha`).
"""

from __future__ import annotations

import os

from versant.errors import FormatError
from versant.files import write_json
from versant.formats.json_objects import read_object
from versant.planning.result import Plan
from versant.planning.saved import plan_from_dict
from versant.tasks.pomdp import Pomdp

__all__ = ["plan_costs", "read_plan", "write_plan"]


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
