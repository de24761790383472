"""Linear systems Z x = b solved by the structure of Z, with an error bound for the result.

A system is a dense stack of matrices (B, N, N), a sequence of B sparse matrices (N, N), or known only by its products
with vectors; which solver serves it follows from that and from N. One factorisation, where there is one, serves every
right-hand side, and the transposed systems too:

* small dense stacks: the inverses, made by one call for the whole stack;
* dense stacks: LU with partial pivoting;
* sparse matrices: SuperLU;
* products Z x = x − K x with K ≥ 0: Krylov methods (see `krylov`), from what the products know of the solution.

Error bound. Let q = ‖I − Z‖∞ < 1, as it is for Z = I − γT with T a stochastic matrix. Then ‖Z⁻¹‖∞ ≤ 1 / (1 − q), so
that any approximation x̂ of x = Z⁻¹ b, however found, obeys

    ‖x − x̂‖∞ ≤ ‖b − Z x̂‖∞ / (1 − q)

The residual is itself computed in floating point: entries of Z and b known to relative accuracy η and sums of at most n
terms add at most (η + (n + 2) u) (|b| + |Z| |x̂|) to each of its components, u the unit roundoff.

Source: Higham 2002, *Accuracy and stability of numerical algorithms*, chapters 3 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgetrf, dgetrs
from scipy.sparse import csc_array

from versant.optimise.krylov import solve_by_products

__all__ = ["Factors", "Implicit", "Products", "System", "error_bound", "factorise", "product", "refine"]

Array = NDArray[np.float64]


class Products(Protocol):
    """A matrix K (N, N) without negative elements, known by its products."""

    def forward(self, vectors: Array) -> Array:
        """Return K times vectors (N, k)."""

    def backward(self, vectors: Array) -> Array:
        """Return Kᵀ times vectors (N, k)."""

    def contraction(self) -> float:
        """Return ‖K‖∞, the largest sum of a row."""

    def first(
        self, right: Array, transposed: bool, near: Array | None, deadline: float, accuracy: float
    ) -> Array | None:
        """About the solution of x = b + K x, or with Kᵀ, for right-hand sides (N, k); None if nothing is known.

        `near` (N, k) is a guess; a deadline is a value of `time.perf_counter` at which to return what there is; of
        the accuracy that is sought, see `factorise`.
        """


@dataclass(frozen=True, eq=False)
class Implicit:
    """B systems Z = I − K, each known by the products with its K."""

    kernels: tuple[Products, ...]


System: TypeAlias = Array | Sequence[csc_array[Any]] | Implicit
"""A dense stack (B, N, N), B sparse matrices (N, N), or B systems known by products."""

INVERSE_LIMIT = 32
"""Largest order for which inverting a whole stack in one call beats factorising its matrices one by one."""

ACCURACY = 1e-11
"""Norm of the residual at which a solution that is sought step by step is enough, relative to the right-hand side."""

UNIT_ROUNDOFF = float(np.finfo(np.float64).eps) / 2.0


class Factors(Protocol):
    """A factorised stack of B systems of order N.

    Solutions that are sought step by step begin near a guess (B, N, k), if there is one.
    """

    def solve(self, right: Array, near: Array | None = None) -> Array:
        """Solve Z x = b for right-hand sides (B, N, k)."""

    def solve_transposed(self, right: Array, near: Array | None = None) -> Array:
        """Solve Zᵀ x = b for right-hand sides (B, N, k)."""


class _Inverses:
    def __init__(self, system: Array) -> None:
        self._inverse = np.linalg.inv(system)  # (B, N, N)

    def solve(self, right: Array, near: Array | None = None) -> Array:
        return self._inverse @ right

    def solve_transposed(self, right: Array, near: Array | None = None) -> Array:
        return self._inverse.transpose(0, 2, 1) @ right


class _DenseLu:
    def __init__(self, system: Array) -> None:
        self._factors: list[tuple[Array, Array]] = []
        for matrix in system:
            factor, pivots, info = dgetrf(matrix)
            if info != 0:
                raise np.linalg.LinAlgError("a system to be factorised is singular")
            self._factors.append((factor, pivots))

    def solve(self, right: Array, near: Array | None = None) -> Array:
        return self._solve(right, 0)

    def solve_transposed(self, right: Array, near: Array | None = None) -> Array:
        return self._solve(right, 1)

    def _solve(self, right: Array, transposed: int) -> Array:
        solutions = np.empty_like(right)
        for number, (factor, pivots) in enumerate(self._factors):
            solutions[number], _ = dgetrs(factor, pivots, right[number], trans=transposed)
        return solutions


class _SparseLu:
    def __init__(self, system: Sequence[csc_array[Any]]) -> None:
        from scipy.sparse.linalg import splu

        self._factors: list[Any] = [splu(matrix) for matrix in system]

    def solve(self, right: Array, near: Array | None = None) -> Array:
        return self._solve(right, "N")

    def solve_transposed(self, right: Array, near: Array | None = None) -> Array:
        return self._solve(right, "T")

    def _solve(self, right: Array, transposed: str) -> Array:
        return np.stack(
            [f.solve(np.ascontiguousarray(b), transposed) for f, b in zip(self._factors, right, strict=True)]
        )


class _Krylov:
    def __init__(self, system: Implicit, deadline: float, accuracy: float) -> None:
        self._kernels, self._deadline, self._accuracy = system.kernels, deadline, accuracy

    def solve(self, right: Array, near: Array | None = None) -> Array:
        return self._solve(right, near, False)

    def solve_transposed(self, right: Array, near: Array | None = None) -> Array:
        return self._solve(right, near, True)

    def _solve(self, right: Array, near: Array | None, transposed: bool) -> Array:
        guesses = [None] * len(right) if near is None else near
        cases = zip(self._kernels, right, guesses, strict=True)
        return np.stack([self._one(kernel, b, guess, transposed) for kernel, b, guess in cases])

    def _one(self, kernel: Products, right: Array, near: Array | None, transposed: bool) -> Array:
        times = kernel.backward if transposed else kernel.forward
        first = kernel.first(right, transposed, near, self._deadline, self._accuracy)
        return solve_by_products(lambda vectors: vectors - times(vectors), right, self._accuracy, first, self._deadline)


def factorise(system: System, deadline: float = float("inf"), accuracy: float = ACCURACY) -> Factors:
    """Factorise a stack of systems once, for every right-hand side and for the transposed systems.

    Parameters
    ----------
    system : (B, N, N) array, sequence of B sparse (N, N) arrays, or Implicit
        Of the last there are no factors: every solution is sought by itself.
    deadline : float
        Value of `time.perf_counter` at which solutions that are sought step by step are returned as they are.
    accuracy : float
        Norm of their residual at which they are enough, relative to that of the right-hand side.

    Raises
    ------
    numpy.linalg.LinAlgError, RuntimeError
        For a singular matrix (dense, sparse).

    Examples
    --------
    >>> factors = factorise(np.array([[[2.0, 1.0], [0.0, 1.0]]]))
    >>> factors.solve(np.array([[[3.0], [1.0]]]))
    array([[[1.], [1.]]])
    >>> factors.solve_transposed(np.array([[[2.0], [2.0]]]))
    array([[[1.], [1.]]])
    """
    if isinstance(system, np.ndarray):
        return _Inverses(system) if system.shape[-1] <= INVERSE_LIMIT else _DenseLu(system)
    return _Krylov(system, deadline, accuracy) if isinstance(system, Implicit) else _SparseLu(system)


def product(system: System, vectors: Array) -> Array:
    """Multiply each matrix of the stack with its vectors (B, N, k)."""
    if isinstance(system, np.ndarray):
        return system @ vectors
    if isinstance(system, Implicit):
        return np.stack([v - kernel.forward(v) for kernel, v in zip(system.kernels, vectors, strict=True)])
    return np.stack([cast(Array, matrix @ v) for matrix, v in zip(system, vectors, strict=True)])


def refine(system: System, factors: Factors, right: Array, solution: Array) -> Array:
    """Improve a solution by one step of iterative refinement."""
    return solution + factors.solve(right - product(system, solution))


def error_bound(system: System, solution: Array, right: Array, entry_error: float = 0.0) -> Array:
    """Bound ‖Z⁻¹ b − x̂‖∞ for every column, however x̂ was found.

    Parameters
    ----------
    system : (B, N, N) array, sequence of B sparse (N, N) arrays, or Implicit
        With ‖I − Z‖∞ < 1.
    solution, right : (B, N, k) arrays
    entry_error : float
        Relative error of the entries of I − Z and of `right`.

    Returns
    -------
    (B, k) array

    Raises
    ------
    ValueError
        Where ‖I − Z‖∞ ≥ 1, for then the residual bounds nothing.

    Examples
    --------
    >>> system = np.array([[[1.0, -0.5], [0.0, 0.5]]])
    >>> right = np.array([[[1.0], [1.0]]])  # exact solution (2, 2)
    >>> bool(error_bound(system, np.array([[[2.0], [1.9]]]), right)[0, 0] >= 0.1)
    True
    """
    order, distance = solution.shape[1], _distance_to_identity(system)
    size = np.abs(right) + _absolute_product(system, np.abs(solution), distance)
    rounding = (entry_error + (order + 2) * UNIT_ROUNDOFF) * size
    residual = np.abs(right - product(system, solution)) + rounding
    contraction = distance * (1.0 + entry_error + (order + 2) * UNIT_ROUNDOFF)
    if contraction.max() >= 1.0:
        raise ValueError("the error bound needs ‖I − Z‖∞ < 1")
    bound: Array = residual.max(axis=1) / (1.0 - contraction)[:, None]
    return bound


def _absolute_product(system: System, vectors: Array, distance: Array) -> Array:
    """|Z| times vectors without negative elements; for products, which take time, a bound of (I + K) times them."""
    if isinstance(system, Implicit):
        largest: Array = vectors.max(axis=1, keepdims=True)
        return vectors + distance[:, None, None] * largest
    return product(np.abs(system) if isinstance(system, np.ndarray) else [abs(matrix) for matrix in system], vectors)


def _distance_to_identity(system: System) -> Array:
    """‖I − Z‖∞ of every matrix, (B,)."""
    if isinstance(system, Implicit):
        return np.array([kernel.contraction() for kernel in system.kernels])
    if isinstance(system, np.ndarray):
        rows: Array = np.abs(np.eye(system.shape[-1]) - system).sum(axis=-1)
        return cast(Array, rows.max(axis=-1))
    from scipy.sparse import eye_array

    return np.array([float(abs(eye_array(m.shape[0], format="csc") - m).sum(axis=1).max()) for m in system])
