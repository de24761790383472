"""The chain of a controller in a POMDP as products.

    (γ T V)(s,x) = Σ_k Σ_{s'} P_k(s,s') Σ_{x'} M_k(x,x') V(s',x'),      M_k(x,x') = γ ψ(a|x) η(x'|x,k)

Where moves are drawn by lot γ T is never formed: nodes first, which is dense and small; then one sparse product for
all k, of only those rows (k, s') that can occur. Where most M_k(x,x') are zero, as those of policy graphs are, γ T is
sparse itself; it is formed, and solutions are found by sweeps in the order in which the chain runs (see `sweeps`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.planning.pairs import PairEntries
from versant.planning.sweeps import reached_from, run_order, sweep_until

__all__ = ["ChainProducts", "FormedChain", "form_chain"]

Array = NDArray[np.float64]

SWEEP_SHARE = 0.01
"""Relative change in a sweep at which it is the last, as a share of the accuracy that is sought."""

SWEEPS, MANY_SWEEPS = 120, 1000
"""Sweeps after which it is left to Krylov methods; of a chain that so many are sure to solve, as many as it takes."""


@dataclass(frozen=True, eq=False)
class ChainProducts:
    """γ T of one controller, pairs (s, x) with the node fastest.

    Parameters
    ----------
    adjoint : (R, S) sparse array
        Rows of all P_kᵀ that can occur.
    reached : sequence of K (slice, states)
        Of each k its rows, and the s' they stand for.
    moves : (K, X, X') array
        M_k.
    """

    adjoint: csr_array[Any]  # (R, S)
    reached: Sequence[tuple[slice, Any]]
    moves: Array  # (K, X, X')

    def first(
        self, right: Array, transposed: bool, near: Array | None, deadline: float, accuracy: float
    ) -> Array | None:
        """Nothing is known about solutions before they are sought, but what is told."""
        return near

    def forward(self, vectors: Array) -> Array:
        """Return γ T times vectors (S X, j)."""
        values = self._by_state(vectors)  # (j, S, X)
        nodes, count = values.shape[2], len(values)
        ahead = np.empty((self.adjoint.shape[0], count, nodes))
        for (rows, states), move in zip(self.reached, self.moves, strict=True):
            ahead[rows] = (values[:, states] @ move.T).transpose(1, 0, 2)
        product: Array = self._forward @ ahead.reshape(len(ahead), -1)
        return product.reshape(-1, count, nodes).transpose(0, 2, 1).reshape(vectors.shape)

    def backward(self, vectors: Array) -> Array:
        """Return γ Tᵀ times vectors (S X, j)."""
        values = self._by_state(vectors)
        count, states, nodes = values.shape
        flow = (self.adjoint @ values.transpose(1, 0, 2).reshape(states, -1)).reshape(-1, count, nodes)
        product = np.zeros((states, count, nodes))
        for (rows, reached), move in zip(self.reached, self.moves, strict=True):
            product[reached] += flow[rows] @ move
        return product.transpose(0, 2, 1).reshape(vectors.shape)

    def contraction(self) -> float:
        """Return the largest sum of a row of γ T."""
        return float(self.forward(np.ones((self.adjoint.shape[1] * self.moves.shape[1], 1))).max())

    @cached_property
    def _forward(self) -> csr_array[Any]:
        return csr_array(self.adjoint.T)

    def _by_state(self, vectors: Array) -> Array:
        nodes = self.moves.shape[1]
        return vectors.reshape(-1, nodes, vectors.shape[1]).transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class FormedChain:
    """γ T of one controller, formed as a sparse matrix, pairs (s, x) with the node fastest."""

    matrix: csr_array[Any]  # (S X, S X)

    def forward(self, vectors: Array) -> Array:
        """Return γ T times vectors (S X, j)."""
        return np.asarray(self.matrix @ vectors)

    def backward(self, vectors: Array) -> Array:
        """Return γ Tᵀ times vectors (S X, j)."""
        return np.asarray(self._adjoint @ vectors)

    def contraction(self) -> float:
        """Return the largest sum of a row of γ T."""
        return float(self.matrix.sum(axis=1).max(initial=0.0))

    def first(
        self, right: Array, transposed: bool, near: Array | None, deadline: float, accuracy: float
    ) -> Array | None:
        """Solve x = b + γ T x, or with Tᵀ, as far as sweeps go; right-hand sides (S X, j)."""
        if transposed:
            kept = reached_from(self.matrix, np.flatnonzero(right.any(axis=1)))  # elsewhere x is zero
            if 2 * len(kept) < len(right):
                inner, found = FormedChain(csr_array(self.matrix[kept][:, kept])), np.zeros_like(right)
                found[kept] = inner.first(right[kept], True, None if near is None else near[kept], deadline, accuracy)
                return found
        kernel, order = (self._adjoint, self._order[::-1]) if transposed else (self.matrix, self._order)
        found, tolerance = np.empty_like(right), SWEEP_SHARE * accuracy
        for column in range(right.shape[1]):
            now, one = time.perf_counter(), slice(column, column + 1)
            last = now + (deadline - now) / (right.shape[1] - column)  # as much time for each
            guess = None if near is None else near[:, one]
            found[:, one] = sweep_until(
                kernel, order, right[:, one], tolerance, first=guess, sweeps=self._most_sweeps(tolerance), deadline=last
            )
        return found

    def _most_sweeps(self, tolerance: float) -> int:
        """So many sweeps as are surely enough, if that is not too many; else so many as often are."""
        contraction = self._contraction
        enough = math.ceil(math.log(tolerance) / math.log(contraction)) if 0.0 < contraction < 1.0 else SWEEPS
        return enough if enough <= MANY_SWEEPS else SWEEPS

    @cached_property
    def _contraction(self) -> float:
        return self.contraction()

    @cached_property
    def _adjoint(self) -> csr_array[Any]:
        return csr_array(self.matrix.T)

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return run_order(self.matrix)


def form_chain(entries: PairEntries, moves: Array, limit: int) -> FormedChain | None:
    """Form γ T from M_k (K, X, X'); None if it would have more than `limit` entries."""
    pair, node, following = np.nonzero(moves)
    counts = np.bincount(pair, minlength=entries.n_pairs)
    sizes = np.diff(entries.begins)
    if int(counts @ sizes) > limit:
        return None
    size = entries.n_states * moves.shape[1]
    repeats = sizes[pair]  # entries of the kernel that each move goes with
    move = np.repeat(np.arange(len(pair)), repeats)
    entry = np.arange(len(move)) - np.repeat(np.cumsum(repeats) - repeats, repeats) + entries.begins[pair[move]]
    rows = entries.state[entry] * moves.shape[1] + node[move]
    columns = entries.following[entry] * moves.shape[1] + following[move]
    data = moves[pair, node, following][move] * entries.probability[entry]
    return FormedChain(csr_array((data, (rows, columns)), shape=(size, size)))
