"""Learners that ship with versant, one file a task family; `find` knows them by name."""

from __future__ import annotations

import difflib
import importlib
import inspect
from functools import cache

from versant.agents.learner import Learner
from versant.errors import ModelError

__all__ = ["FAMILIES", "find", "names"]

FAMILIES = (
    "bandit",
    "bandit_gain_loss",
    "bandit_kalman",
    "exploration",
    "associability",
    "reversal",
    "two_step",
    "go_nogo",
    "selection",
    "working_memory",
    "hierarchical",
    "iowa",
    "cambridge",
    "balloon",
    "sorting",
    "risk",
    "discounting",
    "social",
    "aversive",
    "happiness",
    "detection",
    "reaction_times",
)


@cache
def _shipped() -> dict[str, Learner]:
    found = {}
    for family in FAMILIES:
        module = importlib.import_module(f"{__name__}.{family}")
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, Learner):
                object.__setattr__(value, "__doc__", _described(value, inspect.cleandoc(module.__doc__ or "")))
                found[name] = value
    return found


def _described(model: Learner, chapter: str) -> str:
    """Return a model's docstring: its own lines, its parameters, and the chapter of its family.

    The chapter has the equations, what the parameters mean, the columns and the references.
    """
    lines = [inspect.getdoc(model.function) or "", "", "Parameters", "----------"]
    for name, domain in model.parameters.items():
        prior = f"default prior N({domain.mean:g}, {domain.sd:g}²) in unconstrained units"
        lines.append(f"{name} : ({domain.lower:g}, {domain.upper:g}), {prior}")
    return "\n".join([*lines, "", chapter])


def names() -> tuple[str, ...]:
    """Return the names of the learners that ship with versant.

    Examples
    --------
    >>> "q_learning" in names()
    True
    """
    return tuple(_shipped())


def find(name: str) -> Learner:
    """Return a learner by its name.

    Raises
    ------
    ModelError
        If there is none of that name; the message suggests near ones.

    Examples
    --------
    >>> find("q_learning").name
    'q_learning'
    """
    shipped = _shipped()
    if name not in shipped:
        near = difflib.get_close_matches(name, shipped, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(shipped)}"
        raise ModelError(f"no model is named {name!r}; {hint}")
    return shipped[name]


def __getattr__(name: str) -> Learner:
    shipped = _shipped() if not name.startswith("_") else {}
    if name not in shipped:
        raise AttributeError(name)
    return shipped[name]
