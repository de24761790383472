"""The pairs (state, node) that a controller reaches, and its chain on them.

A policy graph at work in a large problem visits few of all pairs: in RockSample(7,8) one of 144 nodes reaches 13,201 of
1,806,480. Value, costs and occupancy need no others, for from a pair that is reached only such pairs follow:

    V_j = r_j + γ T V_j   and   d = β + γ Tᵀ d   hold on them alone.

They are found from the start, step after step. Where a walk has to end before all are followed, because time or memory
does, it has followed those first that most probability arrives at, discounted, as far as was known; the others stay
*open*: they are met, but what follows them is not in the chain. With bounds of what any policy earns or pays from a
state on, lowest_j ≤ V_j ≤ highest_j, sweeps

    x ← r_j + γ T x   at pairs that were followed,     x = lowest_j   at open ones,

that begin at lowest_j stay below V_j however few there are, and with highest_j above. Between them lies at most the
discounted probability of coming to an open pair, times the width there, and what sweeps were not made.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.optimise.linear import UNIT_ROUNDOFF
from versant.planning.pairs import PairEntries, ranges
from versant.planning.products import FormedChain
from versant.planning.sweeps import sweep_until

__all__ = ["Reached", "reached_chain"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

AT_ONCE = 1 << 18
"""Entries that one step of the walk takes in, at most about, before those of the same place are added up."""

SWEEPS, ENOUGH = 10_000, 1e-9
"""Sweeps at most that bounds are made of, and the relative change at which they are enough."""


@dataclass(frozen=True, eq=False)
class Reached:
    """The pairs that a controller reaches, as far as it was followed, and its chain on them."""

    pairs: Indices  # (N,) numbers s X + x, those followed first
    followed: int  # the others are open
    chain: FormedChain  # γ T on them, (N, N); rows of open pairs are empty

    @property
    def complete(self) -> bool:
        """Whether no pair is open."""
        return self.followed == len(self.pairs)

    def bounds(self, right: Array, ends: tuple[Array, Array], terms: int, deadline: float) -> tuple[Array, Array]:
        """Bound V_j at every pair from below and above, (N, 1+m) each.

        Parameters
        ----------
        right : (N, 1+m) array
            r_j of the pairs that were followed.
        ends : pair of (N, 1+m) arrays
            Between what the V_j of every policy lie.
        terms : int
            Number of terms that entries of the chain and of `right` are sums of.
        deadline : float
            Value of `time.perf_counter` at which sweeps end.
        """
        matrix, order = self.chain.matrix, np.arange(len(self.pairs))[::-1]  # what follows was mostly met later
        rounding, columns = _rounding(matrix, max(float(np.abs(end).max()) for end in ends), terms), right.shape[1]
        found = []
        for side, (end, sign) in enumerate(zip(ends, (-1.0, 1.0), strict=True)):
            known, bound = np.where(np.arange(len(end))[:, None] < self.followed, right, end), np.empty_like(end)
            for column in range(columns):
                now, one = time.perf_counter(), slice(column, column + 1)
                last = now + (deadline - now) / (columns * (2 - side) - column)  # as much time for each
                bound[:, one] = sweep_until(
                    matrix, order, known[:, one], ENOUGH, first=end[:, one], sweeps=SWEEPS, deadline=last, plain=np.inf
                )
            found.append(bound + sign * rounding)
        return found[0], found[1]


def reached_chain(
    entries: PairEntries, moves: Array, weights: Array, limit: float = float("inf"), deadline: float = float("inf")
) -> Reached:
    """Follow a controller from the start.

    Parameters
    ----------
    entries : PairEntries
    moves : (K, X, X') array
        M_k(x, x') = γ ψ(a|x) η(x'|x,k).
    weights : (S X,) array
        Probability of each pair at the start, node fastest.
    limit : float
        Number of entries of the chain after which no further pair is followed.
    deadline : float
        Value of `time.perf_counter` after which there is no further step.
    """
    walk = _Walk(entries, moves)
    front = np.flatnonzero(weights)
    met, mass, place = weights > 0.0, weights.copy(), np.zeros(len(weights), dtype=np.intp)
    followed, steps, size = [], [], 0
    while len(front) and size < limit and time.perf_counter() < deadline:
        now, front = walk.heaviest(front, mass, min(AT_ONCE, limit - size))
        step = walk.ahead(now)
        np.add.at(mass, step.indices, np.repeat(mass[now], np.diff(step.indptr)) * step.data)
        found = step.indices[~met[step.indices]]
        met[found] = True
        place[found] = np.arange(len(found))
        front = np.concatenate([front, found[place[found] == np.arange(len(found))]])  # each of them once
        followed.append(now)
        steps.append(step)
        size += step.nnz
    pairs = np.concatenate([*followed, front])
    place[pairs] = np.arange(len(pairs))
    return Reached(pairs, len(pairs) - len(front), FormedChain(_joined(steps, place, len(pairs))))


def _rounding(matrix: csr_array[Any], size: float, terms: int) -> float:
    """Bound what rounding in the chain and in sweeps adds up to, for values of a size."""
    contraction = float(matrix.sum(axis=1).max(initial=0.0)) * (1.0 + 8 * UNIT_ROUNDOFF)
    longest = int(np.diff(matrix.indptr).max(initial=0))
    return 4 * (terms + longest + 8) * UNIT_ROUNDOFF * size / (1.0 - contraction) ** 2


def _joined(steps: list[csr_array[Any]], place: Indices, size: int) -> csr_array[Any]:
    """Rows (n, S X) one below the other, with columns numbered anew, and empty rows up to a size."""
    kind = np.int32 if max(size, sum(step.nnz for step in steps)) < 2**31 else np.int64
    counts = np.zeros(size + 1, dtype=kind)
    filled = np.concatenate([np.zeros(0, dtype=kind), *(np.diff(step.indptr) for step in steps)])
    counts[1 : len(filled) + 1] = filled
    columns = np.concatenate([np.zeros(0, dtype=kind), *(place[step.indices].astype(kind) for step in steps)])
    data = np.concatenate([np.zeros(0), *(step.data for step in steps)])
    return csr_array((data, columns, np.cumsum(counts, dtype=kind)), shape=(size, size))


class _Walk:
    """One step from many pairs at once: actions and moves by node, entries by action and state."""

    def __init__(self, entries: PairEntries, moves: Array) -> None:
        self.entries, self.nodes, self.states = entries, moves.shape[1], entries.n_states
        node, kernel, self.target = np.nonzero(moves.transpose(1, 0, 2))
        self.share = moves[kernel, node, self.target]
        self.moves_begin = np.searchsorted(node * entries.n_pairs + kernel, np.arange(self.nodes * entries.n_pairs + 1))
        actions = int(entries.pairs[-1, 0]) + 1
        kinds = np.diff(self.moves_begin).reshape(self.nodes, -1)
        self.spread = kinds.sum(axis=1) / np.maximum(np.count_nonzero(kinds, axis=1), 1)  # nodes that follow each
        taken = np.unique(node * actions + entries.pairs[kernel, 0])
        self.action = taken % actions
        self.actions_begin = np.searchsorted(taken // actions, np.arange(self.nodes + 1))

    def heaviest(self, front: Indices, mass: Array, room: float) -> tuple[Indices, Indices]:
        """Of the pairs in front those of most mass, whose entries are about `room`, one at least; and the others."""
        state, node = np.divmod(front, self.nodes)
        owner, choice = ranges(self.actions_begin[node], self.actions_begin[node + 1])
        begins = self.entries.by_choice.begins
        chosen = self.action[choice] * self.states + state[owner]
        size = np.bincount(owner, weights=begins[chosen + 1] - begins[chosen], minlength=len(front))
        size *= self.spread[node]
        if size.sum() <= room:
            return front, front[:0]
        order = np.argsort(-mass[front], kind="stable")
        count = max(1, int(np.searchsorted(np.cumsum(size[order]), room, side="right")))
        return front[order[:count]], front[order[count:]]

    def ahead(self, pairs: Indices) -> csr_array[Any]:
        """γ times the probability of what can follow pairs (n,), (n, S X)."""
        sorted_ = self.entries.by_choice
        state, node = np.divmod(pairs, self.nodes)
        row, choice = ranges(self.actions_begin[node], self.actions_begin[node + 1])
        chosen = self.action[choice] * self.states + state[row]
        step, entry = ranges(sorted_.begins[chosen], sorted_.begins[chosen + 1])
        row = row[step]
        code = node[row] * self.entries.n_pairs + sorted_.pair[entry]
        which, move = ranges(self.moves_begin[code], self.moves_begin[code + 1])
        row, entry = row[which], entry[which]
        after = sorted_.following[entry] * self.nodes + self.target[move]
        mass = self.share[move] * sorted_.probability[entry]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(pairs)))])
        chain = csr_array((mass, after, indptr), shape=(len(pairs), self.states * self.nodes))
        chain.sum_duplicates()
        return chain
