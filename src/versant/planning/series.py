"""Solving (I − γT) x = b with T stochastic and sparse: directly, by sweeps, or by Krylov methods."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from versant.optimise.krylov import solve_by_products
from versant.planning.sweeps import run_order, sweep_until

__all__ = ["ACCURACY", "solve_discounted"]

Array = NDArray[np.float64]

DIRECT_LIMIT = 2500
"""Order up to which the system is factorised."""

SWEEPS, ACCURACY = 500, 1e-10
"""Sweeps that are tried where they must be enough, and the relative change at which they are."""

ORDER_LIMIT = 300_000
"""Order up to which the order of the sweeps is sought: it takes as long as many sweeps."""


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
        About the solution.
    accuracy : float
        Change in a sweep at which to stop, relative to the largest element of x.

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
        return solve_by_products(lambda x: x - discount * (chain @ x), right, accuracy, first, deadline)
    scaled = csr_array((discount * chain.data, chain.indices, chain.indptr), shape=chain.shape)
    rows = run_order(scaled) if order <= ORDER_LIMIT else np.arange(order)
    return sweep_until(scaled, rows, right, accuracy, first=first, sweeps=SWEEPS, deadline=deadline)
