"""From what a user typed to an agent or a problem: shipped names, or files."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.options import as_dict
from versant.errors import ProblemError

if TYPE_CHECKING:
    from versant.agents.alpha import AlphaPolicy
    from versant.agents.controller import Controller
    from versant.agents.learner import Learner
    from versant.tasks.pomdp import Pomdp
    from versant.trials import Trials

__all__ = ["load_agent", "load_controller", "load_model", "load_problem", "load_trials"]

Pairs = tuple[tuple[str, Any], ...]


def load_model(text: str) -> Learner:
    """Return a shipped learner, or one of a file; see `versant.formats.models.find_model`."""
    from versant.formats.models import find_model

    return find_model(text)


def load_trials(path: str, *, mapped: Pairs, choices: Pairs, missing: Pairs) -> Trials:
    """Read trials as the options ``--map``, ``--choices`` and ``--missing`` say."""
    from versant.formats.trials import read_trials

    return read_trials(path, **how_to_read(mapped=mapped, choices=choices, missing=missing))


def how_to_read(*, mapped: Pairs, choices: Pairs, missing: Pairs) -> dict[str, Any]:
    """Return the options ``--map``, ``--choices`` and ``--missing`` as `versant.read_trials` takes them."""
    everywhere = [code for column, codes in missing if not column for code in codes]
    by_column: dict[str, list[str]] = {}
    for column, codes in missing:
        if column:
            by_column.setdefault(column, []).extend(codes)
    if everywhere and by_column:
        raise click.UsageError("--missing takes either codes for all columns of choices or column=codes, not both")
    ours = as_dict(mapped, "--map")
    theirs = as_dict(tuple((name, our) for our, name in ours.items()), "--map")
    return {
        "rename": theirs or None,
        "missing": everywhere or by_column or None,
        "choices": as_dict(choices, "--choices") or None,
    }


def load_problem(text: str, given: Pairs, budgets: Mapping[str, float], normalise: bool = False) -> Pomdp:
    """Read a problem file, or build a problem that ships with versant, and add costs.

    Parameters
    ----------
    text : str
        A file if it has an extension or a folder in it, otherwise a name.
    given : (name, entries) pairs of ``--cost``
        Entries None: the cost of that name which the problem itself defines.
    budgets : mapping of str to float
        Those of a built-in problem's own costs need no ``--cost``.
    normalise : bool
        Rescale the rows of a file whatever their sum.
    """
    costs = as_dict(given, "--cost")
    own = [name for name, entries in costs.items() if entries is None]
    path = Path(text)
    if path.suffix or len(path.parts) > 1:
        from versant.formats.problems import read_pomdp

        problem = read_pomdp(path, normalise)
        absent = [name for name in own if name not in problem.costs]
        if absent:
            raise ProblemError(f"{path} has no cost {absent[0]!r} of its own: give --cost {absent[0]}=state:action:1")
    else:
        problem = _built_in(text, own, [name for name in budgets if name not in costs])
    return problem.with_costs(
        {name: _keyed(problem, entries) for name, entries in costs.items() if entries is not None}
    )


def _keyed(problem: Pomdp, entries: Mapping[tuple[str, str], float]) -> dict[tuple[str | int, str | int], float]:
    """Return entries whose keys are names or, where no name is that number, indices from 0."""
    return {
        (_index(state, problem.states), _index(action, problem.actions)): v for (state, action), v in entries.items()
    }


def _index(text: str, names: tuple[str, ...]) -> str | int:
    return int(text) if text.isdecimal() and text not in names and int(text) < len(names) else text


def load_controller(text: str, problem: Pomdp) -> Controller:
    """Read a controller of a problem: a policy graph if the file is called ``.pg``, JSON otherwise."""
    from versant.formats.controllers import read_controller
    from versant.formats.policy_graph import read_policy_graph

    return read_policy_graph(text, problem) if Path(text).suffix.lower() == ".pg" else read_controller(text)


def load_agent(text: str, problem: Pomdp) -> Controller | AlphaPolicy:
    """Read alpha vectors if the file is called ``.alpha``, a controller otherwise."""
    from versant.formats.alpha import read_alpha

    return read_alpha(text, problem) if Path(text).suffix.lower() == ".alpha" else load_controller(text, problem)


def _built_in(name: str, own: list[str], budgeted: list[str]) -> Pomdp:
    """Build a problem with those of its own costs that are asked for, or have a budget."""
    from versant.tasks import zoo

    builder = zoo.PROBLEMS.get(name)
    if builder is not None and "costs" in inspect.signature(builder).parameters:
        own = own + budgeted
    return zoo.find(name, **({"costs": tuple(own)} if own else {}))
