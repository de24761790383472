"""Solving (I − γT) x = b with T stochastic and sparse: directly, by summing b + γTb + …, or by Krylov methods."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from versant.optimise.krylov import solve_by_products

__all__ = ["ACCURACY", "solve_discounted"]

Array = NDArray[np.float64]

DIRECT_LIMIT = 2500
"""Order up to which the system is factorised."""

SWEEPS, ACCURACY = 500, 1e-10
"""Terms of the series that may be summed, and the size of the last, relative to the first."""

OFTEN = 6
"""After so many terms it is seen whether they are enough."""


def solve_discounted(
    chain: csr_array[Any],
    discount: float,
    right: Array,
    deadline: float = float("inf"),
    first: Array | None = None,
    accuracy: float = ACCURACY,
) -> Array:
    """Solve (I − γT) x = b for every column of b.

    Parameters
    ----------
    chain : (N, N) sparse array
        T.
    discount : float
    right : (N, k) array
    deadline : float
        Value of `time.perf_counter` at which to return what there is.
    first : (N, k) array, optional
        Where the sum begins: about the solution.
    accuracy : float
        Change of a term at which to stop, relative to the largest element of b.

    Examples
    --------
    >>> solve_discounted(csr_array(np.eye(2)), 0.5, np.array([[1.0], [2.0]]))
    array([[2.],
           [4.]])
    """
    order = len(right)
    if order <= DIRECT_LIMIT:
        from scipy.sparse.linalg import splu

        factors: Any = splu((eye_array(order) - discount * chain).tocsc())
        return np.asarray(factors.solve(np.ascontiguousarray(right))).reshape(right.shape)
    if discount**SWEEPS > accuracy:
        return solve_by_products(lambda vectors: vectors - discount * (chain @ vectors), right, accuracy)
    solution, size = right if first is None else first, float(np.abs(right).max())
    for sweep in range(2 * SWEEPS):
        new = right + discount * (chain @ solution)
        last = sweep % OFTEN == 0 and (
            float(np.abs(new - solution).max()) <= accuracy * size or time.perf_counter() >= deadline
        )
        solution = new
        if last:
            break
    return solution
