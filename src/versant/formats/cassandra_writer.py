"""Writing .POMDP and .cpomdp files that read back exactly as they were.

Numbers are written with the fewest digits that give the same float64. What a problem does not say (names of numbered
spaces, zero entries) is not written; its name is the file's, and its notes are not kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from versant.errors import ProblemError
from versant.files import atomic_path
from versant.formats.cassandra_tokens import NUMBER
from versant.tasks.checks import Array, Sparse
from versant.tasks.pomdp import Pomdp

__all__ = ["write_cassandra"]

_NAME = re.compile(r"[^\s:#*]+")
_NUMBER = re.compile(NUMBER)


def write_cassandra(pomdp: Pomdp, path: str | os.PathLike[str]) -> None:
    """Write a problem in Cassandra's format, atomically; costs and budgets need a file called ``.cpomdp``.

    Raises
    ------
    ProblemError
        Where the problem has costs and the file is called .pomdp, which other programs could not read, or where a name
        cannot stand in a file (white space, ``:``, ``#``, ``*``, a number).
    VersantError
        Where the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from versant.formats.cassandra import read_cassandra
    >>> from versant.tasks.zoo import tiger
    >>> file = Path(tempfile.mkdtemp()) / "tiger.cpomdp"
    >>> write_cassandra(tiger(costs=("risk",)).with_budgets({"risk": 0.08}), file)
    >>> read_cassandra(file)
    Pomdp('tiger': 2 states, 3 actions, 2 observations, discount=0.95, costs=['risk'], budgets={'risk': 0.08})
    """
    if pomdp.costs and Path(path).suffix.lower() == ".pomdp":
        raise ProblemError(f"{Path(path).name}: a problem with costs is written to a .cpomdp file; .pomdp has no costs")
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        for part in (_header(pomdp), _tables(pomdp)):
            stream.writelines(line + "\n" for line in part)


def _header(pomdp: Pomdp) -> Iterator[str]:
    if pomdp.discount is not None:
        yield f"discount: {pomdp.discount!r}"
    if pomdp.horizon is not None:
        yield f"horizon: {pomdp.horizon}"
    yield "values: reward"
    yield f"states: {_space(pomdp.states, 'state')}"
    yield f"actions: {_space(pomdp.actions, 'action')}"
    yield f"observations: {_space(pomdp.observations, 'observation')}"
    if pomdp.costs:
        yield f"costs: {_space([*pomdp.costs], 'cost', may_be_count=False)}"
    for cost, bound in pomdp.budgets.items():
        yield f"budget: {cost} {'== ' if pomdp.floors.get(cost) == bound else ''}{bound!r}"
    for cost, bound in pomdp.floors.items():
        if pomdp.budgets.get(cost) != bound:
            yield f"budget: {cost} >= {bound!r}"
    uniform = np.all(pomdp.start == 1.0 / pomdp.n_states) and "uniform" not in pomdp.states
    yield f"start: {'uniform' if uniform else ' '.join(map(repr, pomdp.start.tolist()))}"


def _space(names: Sequence[str], noun: str, may_be_count: bool = True) -> str:
    """Count of a numbered space, or its names; ProblemError where a name cannot stand in a file."""
    if may_be_count and all(name == str(number) for number, name in enumerate(names)):
        return str(len(names))
    are_numbers = all(name.isdigit() for name in names) and len(names) > 1
    for name in names:
        is_number = _NUMBER.fullmatch(name) is not None and not are_numbers
        if not _NAME.fullmatch(name) or not name.isprintable() or is_number:
            raise ProblemError(
                f"the {noun} name {name!r} cannot stand in a .POMDP file: no blanks, ':', '#', '*', and no numbers"
            )
    return " ".join(names)


def _tables(pomdp: Pomdp) -> Iterator[str]:
    yield from _kernels("T", pomdp.transitions, pomdp, pomdp.states)
    yield from _kernels("O", pomdp.emissions, pomdp, pomdp.observations)
    yield from _payoffs("R", pomdp.rewards, pomdp)
    for cost, payoff in pomdp.costs.items():
        yield from _payoffs(f"C: {cost} ", payoff, pomdp)


def _kernels(head: str, kernels: Sequence[Sparse], pomdp: Pomdp, columns: Sequence[str]) -> Iterator[str]:
    """One matrix an action; one for all where they share it."""
    yield ""
    if all(kernel is kernels[0] for kernel in kernels):
        yield from _kernel(f"{head}: *", kernels[0], pomdp.states, columns)
        return
    for action, kernel in zip(pomdp.actions, kernels, strict=True):
        yield from _kernel(f"{head}: {action}", kernel, pomdp.states, columns)


def _kernel(head: str, kernel: Sparse, rows: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    n_rows, n_columns = kernel.shape
    row = np.repeat(np.arange(n_rows), np.diff(kernel.indptr))
    if n_rows == n_columns == kernel.nnz and np.all(row == kernel.indices) and np.all(kernel.data == 1.0):
        yield f"{head} identity"
    elif kernel.nnz == n_rows * n_columns and np.all(kernel.data == 1.0 / n_columns):
        yield f"{head} uniform"
    else:
        for r, c, value in zip(row.tolist(), kernel.indices.tolist(), kernel.data.tolist(), strict=True):
            yield f"{head} : {rows[r]} : {columns[c]} {value!r}"


def _payoffs(head: str, payoff: Array, pomdp: Pomdp) -> Iterator[str]:
    """Values that are not zero; one line for an action whose value is the same in all states."""
    yield ""
    for a, action in enumerate(pomdp.actions):
        column = payoff[:, a]
        if np.all(column == column[0]):
            if column[0] != 0.0:
                yield f"{head}: {action} : * : * : * {float(column[0])!r}"
            continue
        for s in np.flatnonzero(column).tolist():
            yield f"{head}: {action} : {pomdp.states[s]} : * : * {float(column[s])!r}"
