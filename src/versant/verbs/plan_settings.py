"""What `plan` is asked for, checked before anything is done."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.planning.bounds import BoundMethod
from versant.planning.givenstarts import Start, as_controllers
from versant.planning.natural import Natural
from versant.planning.nlp import NonlinearProgramme
from versant.planning.pga import Pga
from versant.planning.protocol import Method
from versant.planning.sqp import Sqp
from versant.planning.ways import FAMILIES, NODES
from versant.tasks.pomdp import Pomdp

__all__ = ["METHODS", "SOLVERS", "check_settings", "drawn_seed", "given_starts", "rule_of"]

SOLVERS = ("alpha", "columns")
"""Methods that need no ascent."""

METHODS: dict[str, Method] = {
    method.name: method for method in (Natural(), Sqp(), Pga(), Pga("exact"), NonlinearProgramme())
}
"""Methods of ascent by name."""

BOUND_METHODS: tuple[BoundMethod, ...] = ("qmdp", "fib", "sawtooth")
"""Upper bounds, the cheapest first."""


def check_settings(
    method: str | Method,
    bounds: Sequence[str] | None,
    families: Sequence[str] | None,
    iterations: int | None,
    time: float | None,
    memory: float | None,
) -> None:
    """Raise ProblemError where a name is unknown, or a limit is not a number above zero."""
    if isinstance(method, str):
        _known([method], [*METHODS, *SOLVERS], "method")
    elif not hasattr(method, "propose"):
        raise ProblemError(
            f"method is a name or a Method, not {method!r}; there are: {', '.join([*METHODS, *SOLVERS])}"
        )
    _known(bounds, BOUND_METHODS, "upper bound")
    _known(families, FAMILIES, "family of starts")
    if families is not None and not families:
        raise ProblemError("families of starts: none is named; leave them out for those that the problem allows")
    if iterations is not None and not (isinstance(iterations, int | np.integer) and iterations >= 1):
        raise ProblemError(f"planning needs iterations ≥ 1, a whole number, not {iterations!r}")
    for name, limit in (("time", time), ("memory", memory)):
        if limit is not None and not (isinstance(limit, numbers.Real) and limit > 0):
            raise ProblemError(f"planning needs {name} > 0, a number, not {limit!r}")


def _known(names: Sequence[str] | None, known: Sequence[str], noun: str) -> None:
    if isinstance(names, str):
        raise ProblemError(f"{noun}: give a list of names, [{names!r}], not one name")
    for name in names or ():
        if name not in known:
            raise ProblemError(f"no {noun} is called {name!r}; there are: {', '.join(known)}")


def rule_of(method: str | Method) -> Method:
    """Return the rule of ascent of this name."""
    return METHODS[method] if isinstance(method, str) else method


def drawn_seed(seed: int | np.random.Generator | None) -> int:
    """Return a seed as a number that the result can name.

    Raises
    ------
    ProblemError
        For anything but a whole number from zero, a Generator and None.
    """
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(2**63))
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ProblemError(f"seed is a whole number from 0, a numpy Generator or None, not {seed!r}")
    return int(seed)


def given_starts(
    pomdp: Pomdp, nodes: int | Literal["grow"] | None, starts: int | Sequence[Start] | None, also: Sequence[Start]
) -> tuple[int | list[Controller] | None, list[Controller], int | Literal["grow"] | None]:
    """Return what to start from as controllers, and the size: that of the largest of them unless it is asked for.

    Raises
    ------
    ProblemError
        Where that is neither a number nor a list, or not for the problem.
    """
    besides = as_controllers(_listed(also, "also"), pomdp)
    only: int | list[Controller] | None = None
    if isinstance(starts, int | np.integer):
        only = int(starts)
    elif starts is not None:
        only = as_controllers(_listed(starts, "starts"), pomdp)
    given = [*besides, *(only if isinstance(only, list) else ())]
    least = 0 if isinstance(only, list) else NODES
    size = max(least, *(one.n_nodes for one in given)) if nodes is None and given else nodes
    return only, besides, size


def _listed(given: Any, name: str) -> list[Start]:
    if isinstance(given, Controller | AlphaPolicy | str) or not isinstance(given, Iterable):
        also = "" if name == "also" else ", or a number of random starts"
        raise ProblemError(f"{name} is a list of controllers and alpha vectors{also}, not {given!r}")
    return [*given]
