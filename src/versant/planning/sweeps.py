"""Solving x = b + K x by sweeps in the order in which a chain runs.

Where state j comes after state i, x_j is found before x_i. Rows are taken by strongly connected component, the last
component first; within one, each row uses what is known by then (Gauss–Seidel):

    x_i ← (b_i + Σ_{j≠i} K_ij x_j) / (1 − K_ii)

If all components are single states one sweep is exact, else as many are needed as their cycles ask for; K ≥ 0 with row
sums below one makes them converge. Controllers that draw nothing by lot have small components: those of the task.

Source: Tarjan 1972; Bertsekas 2012, *Dynamic programming and optimal control*, volume 2.
"""

from __future__ import annotations

import ctypes
import time
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from versant.expressions.compiled.machine import Loaded, host
from versant.expressions.compiled.objects import object_code

__all__ = ["reached_from", "run_order", "sweep_until"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

PLAIN, WINDOW, WORSE = 10, 8, 4.0
"""Sweeps before iterates are mixed, how many of them, and how much more than the least change begins mixing anew."""

IR = """
define double @sweep(i64 %rows, ptr %order, ptr %begins, ptr %columns, ptr %data, ptr %right, ptr %x) {
entry:
  br label %row
row:
  %r = phi i64 [ 0, %entry ], [ %r_next, %done ]
  %largest = phi double [ 0.0, %entry ], [ %largest_next, %done ]
  %more = icmp slt i64 %r, %rows
  br i1 %more, label %begin, label %end
begin:
  %order_at = getelementptr i64, ptr %order, i64 %r
  %i = load i64, ptr %order_at
  %first_at = getelementptr i64, ptr %begins, i64 %i
  %first = load i64, ptr %first_at
  %i_one = add i64 %i, 1
  %last_at = getelementptr i64, ptr %begins, i64 %i_one
  %last = load i64, ptr %last_at
  %right_at = getelementptr double, ptr %right, i64 %i
  %b = load double, ptr %right_at
  %x_at = getelementptr double, ptr %x, i64 %i
  %old = load double, ptr %x_at
  br label %element
element:
  %j = phi i64 [ %first, %begin ], [ %j_next, %add ]
  %sum = phi double [ %b, %begin ], [ %sum_next, %add ]
  %own = phi double [ 0.0, %begin ], [ %own_next, %add ]
  %within = icmp slt i64 %j, %last
  br i1 %within, label %add, label %done
add:
  %column_at = getelementptr i64, ptr %columns, i64 %j
  %c = load i64, ptr %column_at
  %data_at = getelementptr double, ptr %data, i64 %j
  %k = load double, ptr %data_at
  %other_at = getelementptr double, ptr %x, i64 %c
  %other = load double, ptr %other_at
  %product = fmul double %k, %other
  %self = icmp eq i64 %c, %i
  %more_sum = fadd double %sum, %product
  %sum_next = select i1 %self, double %sum, double %more_sum
  %more_own = fadd double %own, %k
  %own_next = select i1 %self, double %more_own, double %own
  %j_next = add i64 %j, 1
  br label %element
done:
  %rest = fsub double 1.0, %own
  %new = fdiv double %sum, %rest
  store double %new, ptr %x_at
  %moved = fsub double %new, %old
  %back = fneg double %moved
  %down = fcmp olt double %moved, 0.0
  %change = select i1 %down, double %back, double %moved
  %larger = fcmp ogt double %change, %largest
  %largest_next = select i1 %larger, double %change, double %largest
  %r_next = add i64 %r, 1
  br label %row
end:
  ret double %largest
}
"""


def run_order(kernel: csr_array[Any]) -> Indices:
    """Order of the states in which what can follow a state comes before it, components together, (N,).

    Examples
    --------
    >>> run_order(csr_array(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])))
    array([2, 1, 0])
    """
    pattern = kernel.copy()
    pattern.sum_duplicates()  # where an entry is stored twice, SciPy's search may never end
    _, label = connected_components(pattern, connection="strong")
    entries = pattern.tocoo()
    forward = int((label[entries.row] < label[entries.col]).sum())
    backward = int((label[entries.row] > label[entries.col]).sum())
    return np.argsort(-label if forward > backward else label, kind="stable")


def reached_from(kernel: csr_array[Any], begin: Indices) -> Indices:
    """Which states can be reached from some, these among them.

    Examples
    --------
    >>> reached_from(csr_array(np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])), np.array([0]))
    array([0, 1])
    """
    reached = np.zeros(kernel.shape[0], dtype=bool)
    front = begin
    while len(front):
        reached[front] = True
        following = kernel[front].indices
        front = np.unique(following[~reached[following]])
    return np.flatnonzero(reached)


def sweep_until(
    kernel: csr_array[Any],
    order: Indices,
    right: Array,
    tolerance: float,
    *,
    first: Array | None = None,
    sweeps: int,
    deadline: float = float("inf"),
    plain: float = PLAIN,
) -> Array:
    """Solve x = b + K x for every column of b, until a sweep changes no element by more than tolerance × the largest.

    Parameters
    ----------
    kernel : (N, N) sparse array
        K ≥ 0 with row sums, or column sums, below one.
    order : (N,) integer array
    right : (N, k) array
    tolerance : float
    first : (N, k) array, optional
        Where to begin.
    sweeps : int
        Largest number of sweeps.
    deadline : float
        Value of `time.perf_counter` after which there is no further sweep.
    plain : float
        Sweeps after which iterates are mixed; where they never are, what begins below the solution stays below it, and
        what begins above it above.

    Returns
    -------
    (N, k) array
        About the solution, where so many sweeps are not enough.

    Examples
    --------
    >>> chain = csr_array(np.array([[0.0, 0.5], [0.0, 0.5]]))
    >>> sweep_until(chain, run_order(chain), np.array([[1.0], [1.0]]), 1e-12, sweeps=10)
    array([[2.],
           [2.]])
    """
    begins, columns = kernel.indptr.astype(np.int64), kernel.indices.astype(np.int64)
    order, data = order.astype(np.int64), np.ascontiguousarray(kernel.data)
    found = np.zeros_like(right)
    function, _ = _compiled()
    for column in range(right.shape[1]):
        b = np.ascontiguousarray(right[:, column])
        x = np.zeros(len(right)) if first is None else first[:, column].copy()
        mixing = _Mixing()
        for number in range(sweeps):
            before = x.copy() if number >= plain else x
            change = function(
                len(order), order.ctypes.data, begins.ctypes.data, columns.ctypes.data, data.ctypes.data,
                b.ctypes.data, x.ctypes.data,
            )  # fmt: skip
            if change <= tolerance * max(float(np.abs(x).max()), 1e-300) or time.perf_counter() >= deadline:
                break
            if number >= plain and number + 1 < sweeps:
                x = mixing.mixed(x, x - before, change)
        found[:, column] = x
    return found


class _Mixing:
    """The last sweeps, and what they promise together."""

    def __init__(self) -> None:
        self._last: tuple[Array, Array] | None = None  # what a sweep made, and how much it changed
        self._least = np.inf
        self._made: list[Array] = []  # differences between sweeps
        self._changes: list[Array] = []
        self._products = np.zeros((0, 0))  # of the changes

    def mixed(self, made: Array, change: Array, size: float) -> Array:
        """Where to begin the next sweep; after one that has changed more than those before, with what it made."""
        if self._last is not None:
            self._add(made - self._last[0], change - self._last[1])
        self._last = made, change
        if size > WORSE * self._least:
            self._last, self._least, self._products = None, np.inf, np.zeros((0, 0))
            self._made, self._changes = [], []
            return made
        self._least = min(size, self._least)
        if not self._changes:
            return made
        products = self._products.copy()
        products[np.diag_indices(len(products))] *= 1.0 + 1e-14
        shares = np.linalg.lstsq(products, np.array([one @ change for one in self._changes]), rcond=1e-15)[0]
        mixed = made.copy()
        for share, one in zip(shares.tolist(), self._made, strict=True):
            mixed -= share * one
        return mixed

    def _add(self, made: Array, change: Array) -> None:
        """Keep one more pair of differences, and its products with those kept."""
        self._made, self._changes = [*self._made, made][-WINDOW:], [*self._changes, change][-WINDOW:]
        known = self._products[-(len(self._changes) - 1) :, -(len(self._changes) - 1) :]
        products = np.empty((len(self._changes), len(self._changes)))
        products[-1] = products[:, -1] = [one @ change for one in self._changes]
        products[:-1, :-1] = known if len(self._changes) > 1 else 0.0
        self._products = products


@cache
def _compiled() -> tuple[Any, Loaded]:
    machine = host()
    loaded = machine.load(object_code(IR, machine))
    pointer = ctypes.c_void_p
    kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int64, *[pointer] * 6)
    return kind(loaded.address("sweep")), loaded
