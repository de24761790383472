"""The chain of a controller as products, where most pairs k = (a, o) can occur in most states: tile by tile.

    (γ T V)(s,x) = Σ_{s'} Σ_k P_k(s,s') [ V(s',·) M(·, k x) ],          M(x', k x) = M_k(x,x')
    (γ Tᵀ d)(s',x') = Σ_{k,x} [ Σ_s P_k(s,s') d(s,x) ] M(x', k x)

The brackets are dense and as wide as there are pairs and nodes; both sums over states are sparse. Next states s' are
taken in tiles so small that the bracket of one stays in the cache between the dense product and the sparse one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.planning.pairs import PairEntries

__all__ = ["TiledChain", "tileable"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

ELEMENTS = 1 << 18
"""Numbers that the bracket of one tile holds, about: two megabytes."""

LEAST_STATES = 32
"""States of a tile at the least: a product of fewer is hardly more than its call."""

CROWDED = 0.5
"""Share of the pairs that can occur in a next state, on average, from which dense products over all of them pay."""


@dataclass(frozen=True, eq=False)
class Tile:
    """Kernels into some next states, w of them."""

    states: slice  # s'
    sources: Indices  # (n,) states s that lead to them
    kernel: csr_array[Any]  # (n, w K) P_k(s,s'), k fastest
    adjoint: csr_array[Any]  # (w K, n)


@dataclass(frozen=True, eq=False)
class TiledChain:
    """γ T of one controller, pairs (s, x) with the node fastest.

    Parameters
    ----------
    entries : PairEntries
    moves : (K, X, X') array
        M_k.
    """

    entries: PairEntries
    moves: Array  # (K, X, X')

    def first(
        self, right: Array, transposed: bool, near: Array | None, deadline: float, accuracy: float
    ) -> Array | None:
        """Nothing is known about solutions before they are sought, but what is told."""
        return near

    def forward(self, vectors: Array) -> Array:
        """Return γ T times vectors (S X, j)."""
        nodes, product = self.moves.shape[1], np.empty_like(vectors)
        shape = self._tiles[0].states.stop, self._wide.shape[1]
        room = np.empty(shape)  # the same for all tiles, so that it stays in the cache
        for column in range(vectors.shape[1]):
            values = np.ascontiguousarray(vectors[:, column]).reshape(-1, nodes)  # (S', X')
            total = np.zeros_like(values)
            for tile in self._tiles:
                inside = values[tile.states]
                ahead = np.matmul(inside, self._wide, out=room[: len(inside)])  # (w, K X)
                total[tile.sources] += tile.kernel @ ahead.reshape(-1, nodes)
            product[:, column] = total.ravel()
        return product

    def backward(self, vectors: Array) -> Array:
        """Return γ Tᵀ times vectors (S X, j)."""
        pairs, nodes, _ = self.moves.shape
        product = np.empty_like(vectors)
        for column in range(vectors.shape[1]):
            visits = np.ascontiguousarray(vectors[:, column]).reshape(-1, nodes)  # (S, X)
            total = np.empty_like(visits)
            for tile in self._tiles:
                flow = tile.adjoint @ visits[tile.sources]  # (w K, X)
                total[tile.states] = flow.reshape(-1, pairs * nodes) @ self._wide.T
            product[:, column] = total.ravel()
        return product

    def contraction(self) -> float:
        """Return the largest sum of a row of γ T."""
        return float((self.entries.leaving.T @ self.moves.sum(axis=2)).max())

    @cached_property
    def _wide(self) -> Array:
        """M, (X', K X)."""
        return np.ascontiguousarray(self.moves.reshape(-1, self.moves.shape[2]).T)

    @cached_property
    def _tiles(self) -> tuple[Tile, ...]:
        width = max(LEAST_STATES, ELEMENTS // self._wide.shape[1])
        width = 1 << (width.bit_length() - 1)  # few widths, so that controllers of like sizes share tiles
        made = self.entries.shared
        if ("tiles", width) not in made:
            made["tiles", width] = _cut(self.entries, width)
        found: tuple[Tile, ...] = made["tiles", width]
        return found


def tileable(entries: PairEntries) -> bool:
    """Whether most pairs can occur in most next states."""
    return entries.adjoint[0].shape[0] >= CROWDED * entries.n_states * entries.n_pairs


def _cut(entries: PairEntries, width: int) -> tuple[Tile, ...]:
    order = np.argsort(entries.following, kind="stable")
    begins = np.searchsorted(entries.following[order], np.arange(0, entries.n_states + width, width))
    tiles = []
    for number, part in enumerate(np.split(order, begins[1:-1])):
        begin, end = number * width, min((number + 1) * width, entries.n_states)
        sources, row = np.unique(entries.state[part], return_inverse=True)
        column = (entries.following[part] - begin) * entries.n_pairs + entries.pair[part]
        shape = (len(sources), (end - begin) * entries.n_pairs)
        kernel = csr_array((entries.probability[part], (row.ravel(), column)), shape=shape)
        tiles.append(Tile(slice(begin, end), sources, kernel, csr_array(kernel.T)))
    return tuple(tiles)
