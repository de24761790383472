"""Solving Z x = b by products with Z alone.

BiCGSTAB runs for all right-hand sides side by side, with scalars of their own. It may break down, as it does where T in
Z = I − γT is nearly a permutation; the columns it leaves are taken up by restarted GMRES. What a solution is worth is
told by its residual, whoever found it (see `linear.error_bound`).

The shadow residual of BiCGSTAB is Z times the first residual, not that itself: where b is zero nearly everywhere, as
the start of a chain is, Zᵀ x = b takes half the products then.

Source: van der Vorst 1992, *Bi-CGSTAB*; Saad & Schultz 1986, *GMRES*.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["solve_by_products"]

Array = NDArray[np.float64]

PRODUCTS = 400
"""Rounds of BiCGSTAB, each of two products."""

PATIENCE = 15
"""Rounds in a row without a smaller residual after which BiCGSTAB gives a column up."""

RESTARTS, DIRECTIONS = 40, 40


def solve_by_products(
    multiply: Callable[[Array], Array],
    right: Array,
    tolerance: float = 1e-11,
    first: Array | None = None,
    deadline: float = float("inf"),
) -> Array:
    """Solve Z x = b for every column of `right`.

    Parameters
    ----------
    multiply : callable
        Takes vectors (N, k) and returns Z times each of them.
    right : (N, k) array
    tolerance : float
        Norm of the residual at which to stop, relative to that of the right-hand side.
    first : (N, k) array, optional
        About the solution.
    deadline : float
        Value of `time.perf_counter` at which to return the best there is.

    Returns
    -------
    (N, k) array

    Examples
    --------
    >>> matrix = np.array([[1.0, -0.5], [0.0, 0.5]])
    >>> solve_by_products(lambda x: matrix @ x, np.array([[1.0], [1.0]])).round(9)
    array([[2.],
           [2.]])
    """
    target = tolerance * np.linalg.norm(right, axis=0)
    begin = np.zeros_like(right) if first is None else first
    with np.errstate(all="ignore"):  # overflow and division by zero are how BiCGSTAB breaks down
        found = _bicgstab(multiply, right, begin, target, deadline)
    if time.perf_counter() >= deadline:
        return found
    left = np.linalg.norm(right - multiply(found), axis=0) > 2.0 * target
    for column in np.flatnonzero(left):
        found[:, column] = _gmres(multiply, right[:, column], found[:, column], float(target[column]), deadline)
    return found


def _bicgstab(multiply: Callable[[Array], Array], right: Array, first: Array, target: Array, deadline: float) -> Array:
    """Return the best points met, column by column; a column that breaks down is left with what it had."""

    def ratio(above: Array, below: Array) -> Array:
        return np.where(np.abs(below) > 1e-300, above / below, np.nan)

    if time.perf_counter() >= deadline:
        return first.copy()
    x, residual = first, right - multiply(first) if first.any() else right
    best, lowest = x.copy(), np.linalg.norm(residual, axis=0)
    if (lowest <= target).all() or time.perf_counter() >= deadline:
        return best
    direction, image = residual, multiply(residual)
    shadow = image
    rho = (shadow * residual).sum(axis=0)
    idle = np.zeros(len(rho), dtype=np.intp)
    for step in range(PRODUCTS):
        running = np.isfinite(rho) & (lowest > target) & (idle < PATIENCE)
        if not running.any() or time.perf_counter() >= deadline:
            break
        image = multiply(direction) if step else image
        if time.perf_counter() >= deadline:
            break
        alpha = ratio(rho, (shadow * image).sum(axis=0))
        half = residual - alpha * image
        turned = multiply(half)
        omega = ratio((turned * half).sum(axis=0), (turned * turned).sum(axis=0))
        omega = np.where((half == 0.0).all(axis=0), 0.0, omega)
        x = x + alpha * direction + omega * half
        residual = half - omega * turned
        size = np.linalg.norm(residual, axis=0)
        better = size < lowest
        best[:, better], lowest[better] = x[:, better], size[better]
        idle = np.where(better, 0, idle + 1)
        new = (shadow * residual).sum(axis=0)
        beta = ratio(new, rho) * ratio(alpha, omega)
        direction = residual + beta * (direction - omega * image)
        rho = np.where(lowest > target, new, np.nan)
    return best


class _Late(Exception):
    """The deadline has come in the middle of a restart."""


def _gmres(multiply: Callable[[Array], Array], right: Array, first: Array, target: float, deadline: float) -> Array:
    """Restarted GMRES; when the deadline comes, what the restarts before it had found."""
    from scipy.sparse.linalg import LinearOperator, gmres

    def multiplied(vector: Array) -> Array:
        if time.perf_counter() >= deadline:
            raise _Late
        return multiply(vector.reshape(-1, 1)).ravel()

    order, solution = len(right), first
    operator = LinearOperator((order, order), matvec=multiplied, dtype=np.float64)
    try:
        for _ in range(RESTARTS):
            solution, left = gmres(operator, right, x0=solution, rtol=0.0, atol=target, restart=DIRECTIONS, maxiter=1)
            if not left:
                break
    except _Late:
        pass
    return solution
