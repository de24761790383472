"""Solving (I − γT) x = b with T stochastic and sparse: directly, by sweeps and, where slow, by Krylov methods."""

from __future__ import annotations

import time
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

SWEEPS, ACCURACY, LEFT = 500, 1e-10, 10.0
"""Sweeps that are tried, the relative change at which they are enough, and how many times it a residual may be."""

HORIZON, LEAST_CHANGE = 20.0, 1e-14
"""Where values look further ahead than so many steps, sweeps end at a smaller change, but not below the least."""

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
    scaled = csr_array((discount * chain.data, chain.indices, chain.indptr), shape=chain.shape)
    rows = run_order(scaled) if order <= ORDER_LIMIT else np.arange(order)
    change = max(accuracy * min(1.0, HORIZON * (1.0 - discount)), LEAST_CHANGE)
    swept = sweep_until(scaled, rows, right, change, first=first, sweeps=SWEEPS, deadline=deadline)
    left = np.abs(right + scaled @ swept - swept).max() > LEFT * accuracy * np.abs(swept).max(initial=1e-300)
    if left and time.perf_counter() < deadline:
        return solve_by_products(lambda x: x - scaled @ x, right, accuracy, swept, deadline)
    return swept
