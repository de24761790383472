"""The master of column generation: the best mixture of plans within the budgets.

    max Σ_j w_j v_j    subject to   Σ_j w_j (h_ij − ε_i) ≤ 0,   Σ_j w_j = 1,   w ≥ 0

Where no mixture keeps the budgets, it is the best of those whose largest excess is least.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_weights"]

Array = NDArray[np.float64]

TIE = 1e-9
"""Excesses, in units of the budgets, that differ by less are the same where no mixture keeps the budgets."""


def best_weights(values: Array, over: Array) -> Array:
    """Return the weights (n,) of the best mixture of least excess.

    Parameters
    ----------
    values : (n,) array
        What each plan is worth, of the order of one.
    over : (n, m) array
        By how much it exceeds each budget, in units of the budgets.

    Examples
    --------
    >>> best_weights(np.array([0.0, 1.0]), np.array([[-1.0], [3.0]]))
    array([0.75, 0.25])
    >>> best_weights(np.array([0.0, 1.0]), np.array([[2.0], [3.0]])).round(6)
    array([1., 0.])
    """
    from scipy.optimize import linprog

    n, m = over.shape
    shares: dict[str, Any] = {"A_eq": np.ones((1, n)), "b_eq": [1.0], "method": "highs-ds"}
    limits: dict[str, Any] = {"A_ub": over.T, "b_ub": np.zeros(m)} if m else {}
    solved: Any = linprog(-values, **limits, **shares)
    if solved.status != 0:
        least: Any = linprog(
            [0.0] * n + [1.0],
            A_ub=np.concatenate([over.T, -np.ones((m, 1))], axis=1),
            b_ub=np.zeros(m),
            A_eq=[[1.0] * n + [0.0]],
            b_eq=[1.0],
            bounds=[(0.0, None)] * n + [(None, None)],
            method="highs-ds",
        )
        again: Any = linprog(-values, A_ub=over.T, b_ub=np.full(m, least.x[n] + TIE), **shares)
        solved = again if again.status == 0 else least
    weights = np.maximum(solved.x[:n], 0.0)
    total: Array = weights / weights.sum()
    return total
