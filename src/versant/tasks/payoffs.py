"""What a state and an action pay on average, where the payoff also depends on what follows.

    C(s, a)  =  Σ_{s'} P(s'|s,a) Σ_o O(o|a,s') c(s, a, s', o)

Expected totals of every policy are those of C, exactly: which of the outcomes occurs is drawn after the action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from versant.errors import ProblemError
from versant.memory import require_memory
from versant.tasks.checks import Array, Sparse

__all__ = ["expected_payoff", "payoff_table"]

NAMED = "(state, action), (state, action, next state) or (state, action, next state, observation)"


def expected_payoff(
    payoff: ArrayLike, transitions: Sequence[Sparse], emissions: Sequence[Sparse], noun: str = "payoff"
) -> Array:
    """Average a payoff c over what follows, (S, A).

    Parameters
    ----------
    payoff : (S, A), (S, A, S') or (S, A, S', O) array
    transitions : sequence of A sparse (S, S') arrays
    emissions : sequence of A sparse (S', O) arrays
    noun : str
        What the payoff is, for messages.

    Raises
    ------
    ProblemError
        For any other shape.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> coin = [csr_array(np.full((2, 2), 0.5))]
    >>> expected_payoff(np.array([[[1.0, 3.0]], [[0.0, 8.0]]]), coin, coin)
    array([[2.],
           [4.]])
    """
    table = np.asarray(payoff, dtype=np.float64)
    actions, (states, observations) = len(transitions), emissions[0].shape
    whole = (states, actions, states, observations)
    if table.ndim not in (2, 3, 4) or table.shape != whole[: table.ndim]:
        raise ProblemError(f"{noun}: shape {table.shape}, expected {whole[:2]}, {whole[:3]} or {whole}")
    if table.ndim == 4:
        table = np.stack(
            [np.einsum("sto,to->st", table[:, a], kernel.toarray()) for a, kernel in enumerate(emissions)], axis=1
        )
    if table.ndim == 3:
        table = np.stack(
            [np.asarray(kernel.multiply(table[:, a]).sum(axis=1)).ravel() for a, kernel in enumerate(transitions)],
            axis=1,
        )
    return table


def payoff_table(
    entries: Mapping[Any, float], shape: tuple[int, int, int, int], indices: Sequence[Callable[[Any], int]]
) -> Array:
    """Lay entries out as a table with as many axes as the longest key, (S, A) to (S, A, S', O).

    Parameters
    ----------
    entries : mapping
        Keys are tuples, ``"*"`` stands for all, later entries override earlier ones, the rest is zero.
    shape : (S, A, S', O)
    indices : four callables
        From the name or number on each axis to its number.
    """
    lengths = [len(key) if isinstance(key, tuple) else 0 for key in entries]
    for key, length in zip(entries, lengths, strict=True):
        if length not in (2, 3, 4):
            raise ProblemError(f"a cost is given for {NAMED}, not for {key!r}")
    axes = max(lengths, default=2)
    require_memory(8 * int(np.prod([float(size) for size in shape[:axes]])), "a cost that depends on what follows")
    table = np.zeros(shape[:axes])
    for key, amount in entries.items():
        places = [slice(None) if part == "*" else index(part) for part, index in zip(key, indices, strict=False)]
        table[tuple(places)] = amount
    return table
