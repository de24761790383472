"""The pairs (state, node) that a controller reaches, and its chain on them.

A policy graph at work in a large problem visits few of all pairs: in RockSample(7,8) one of 144 nodes reaches 13,201 of
1,806,480. Value, costs and occupancy need no others, for from a pair that is reached only such pairs follow:

    V_j = r_j + γ T V_j   and   d = β + γ Tᵀ d   hold on them alone.

They are found from the start, one step after the other, each step taking all pairs that are new at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.planning.pairs import PairEntries
from versant.planning.products import FormedChain

__all__ = ["reached_chain"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def reached_chain(entries: PairEntries, moves: Array, weights: Array, limit: int) -> tuple[Indices, FormedChain] | None:
    """Follow a controller from the start.

    Parameters
    ----------
    entries : PairEntries
    moves : (K, X, X') array
        M_k(x, x') = γ ψ(a|x) η(x'|x,k).
    weights : (S X,) array
        Probability of each pair at the start, node fastest.
    limit : int
        Largest number of entries of the chain.

    Returns
    -------
    pairs : (N,) array
        Numbers s X + x of those that are reached, sorted.
    chain : FormedChain
        γ T on them, (N, N).
    None
        Where the chain would have more than `limit` entries.
    """
    states, nodes = entries.n_states, moves.shape[1]
    walk = _Walk(entries, moves)
    known = np.zeros(states * nodes, dtype=bool)
    front, steps, size = np.flatnonzero(weights), [], 0
    while len(front):
        known[front] = True
        steps.append(walk.ahead(front))
        size += len(steps[-1][0])
        if size > limit:
            return None
        following = steps[-1][1]
        front = np.unique(following[~known[following]])
    pairs = np.flatnonzero(known)
    number = np.zeros(states * nodes, dtype=np.intp)
    number[pairs] = np.arange(len(pairs))
    before, after, mass = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    matrix = csr_array((mass, (number[before], number[after])), shape=(len(pairs), len(pairs)))
    return pairs, FormedChain(matrix)


class _Walk:
    """One step from many pairs at once: moves by node, entries by state and k."""

    def __init__(self, entries: PairEntries, moves: Array) -> None:
        self.nodes, self.count = moves.shape[1], entries.n_pairs
        node, self.kernel, self.target = np.nonzero(moves.transpose(1, 0, 2))
        self.share = moves[self.kernel, node, self.target]
        self.moves_begin = np.searchsorted(node, np.arange(self.nodes + 1))
        code = entries.state * self.count + entries.pair
        order = np.argsort(code, kind="stable")
        self.code, self.following, self.mass = code[order], entries.following[order], entries.probability[order]

    def ahead(self, front: Indices) -> tuple[Indices, Indices, Array]:
        """Pairs before and after each step that can follow, and γ times its probability."""
        state, node = np.divmod(front, self.nodes)
        pair, move = _ranges(self.moves_begin[node], self.moves_begin[node + 1])
        wanted = state[pair] * self.count + self.kernel[move]
        step, entry = _ranges(np.searchsorted(self.code, wanted), np.searchsorted(self.code, wanted + 1))
        after = self.following[entry] * self.nodes + self.target[move[step]]
        return front[pair[step]], after, self.share[move[step]] * self.mass[entry]


def _ranges(begins: Indices, ends: Indices) -> tuple[Indices, Indices]:
    """Lay ranges of whole numbers end to end: which range each number is of, and the numbers."""
    counts = ends - begins
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - begins, counts)
