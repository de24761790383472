"""Where beliefs stand: blocks of states such that every belief that can be met lies within one of them.

What an agent has done and seen often tells it part of the state for certain: where it is, if not where the others are.
Blocks find this out from the numbers alone. The partition of the states is the finest in which

* the states that are possible at the start lie in one block, and
* the states that can follow a block after a pair k = (a, o) lie in one block

so that from a block each pair leads to one block. It is found by merging until nothing has to be merged any more. Where
the start belief alone would merge too much, it gets a block of its own, and the partition is that of the states after
the first step.

In a block all is small and dense: beliefs, α-vectors and the kernels P_k between blocks.

Source: Ong, Png, Hsu & Lee 2010, *Planning under uncertainty for robotic tasks with mixed observability*, whose
observed part of the state is told by the model; here it is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from versant.planning.pairs import PairEntries

__all__ = ["Block", "Blocks"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

TABLE = 8
"""Up to so many (class, pair) for each entry of the kernels, a table of all of them is quicker than sorting."""


@dataclass(frozen=True, eq=False)
class Turn:
    """What can follow one action in a block: J pairs."""

    pairs: Indices  # (J,) k
    targets: Indices  # (J,) block that each leads to
    begins: Indices  # (J+1,) first row of each in the next
    adjoint: csr_array[Any]  # (rows, c) P_kᵀ into the target's states, one below the other
    ahead: csr_array[Any]  # (c, rows) its transpose

    @cached_property
    def groups(self) -> list[tuple[int, Indices, Indices | slice]]:
        """Target blocks, each with the positions in J of the pairs that lead to it and with their rows."""
        order = np.argsort(self.targets, kind="stable")
        found: list[tuple[int, Indices, Indices | slice]] = []
        for members in np.split(order, np.flatnonzero(np.diff(self.targets[order])) + 1):
            width = self.begins[members[0] + 1] - self.begins[members[0]]
            rows = (self.begins[members][:, None] + np.arange(width)).ravel()
            close = rows[-1] - rows[0] == len(rows) - 1
            found.append((int(self.targets[members[0]]), members, slice(rows[0], rows[-1] + 1) if close else rows))
        return found


@dataclass(frozen=True, eq=False)
class Block:
    """States that a belief may be spread over, c of them, and what can follow each action."""

    states: Indices  # (c,)
    turns: tuple[Turn, ...]  # (A,)


class Blocks:
    """The blocks of a problem.

    Parameters
    ----------
    entries : PairEntries
    start : (S,) array
        Start belief.

    Examples
    --------
    >>> from versant.planning.pairs import pair_entries
    >>> from versant.tasks.zoo.rocks import rock_sample
    >>> task = rock_sample(4, 2)
    >>> blocks = Blocks(pair_entries(task), task.start)
    >>> task.n_states, blocks.count, int(blocks.sizes.max())  # a block for every place, over what rocks may be like
    (65, 17, 4)
    """

    def __init__(self, entries: PairEntries, start: Array) -> None:
        self.entries, self.actions = entries, int(entries.pairs[:, 0].max()) + 1
        support = np.flatnonzero(start)
        label = _partition(entries, support, [support])
        after = _successors(entries, support)
        finer = _partition(entries, support, after)
        apart = np.bincount(finer[finer >= 0]).max() < len(support)
        self.label = finer if apart else label  # (S,) −1 where nothing leads
        sizes = np.bincount(self.label[self.label >= 0])
        self.first = len(sizes) if apart else int(self.label[support[0]])
        self.sizes = np.append(sizes, len(support)) if apart else sizes  # (count,)
        order = np.argsort(self.label, kind="stable")
        self._members = np.split(order[np.searchsorted(self.label[order], 0) :], np.cumsum(sizes)[:-1])
        if apart:
            self._members.append(support)
        self.place = np.zeros(len(label), dtype=np.intp)  # (S,) of each state in its block of the partition
        for states in self._members[: len(sizes)]:
            self.place[states] = np.arange(len(states))
        self._by_state = np.argsort(entries.state, kind="stable")
        self._state_begins = np.searchsorted(entries.state[self._by_state], np.arange(len(label) + 1))
        self._made: dict[int, Block] = {}

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self.sizes)

    def states(self, number: int) -> Indices:
        """States of a block, (c,)."""
        return self._members[number]

    def block(self, number: int) -> Block:
        """One block with its kernels, made when it is asked for first."""
        if number not in self._made:
            self._made[number] = self._make(self._members[number])
        return self._made[number]

    def _make(self, states: Indices) -> Block:
        entries = self.entries
        lengths = self._state_begins[states + 1] - self._state_begins[states]
        column = np.repeat(np.arange(len(states)), lengths)
        within = np.arange(len(column)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        place = self._by_state[self._state_begins[states[column]] + within]
        pair, following = entries.pair[place], entries.following[place]
        owner = entries.pairs[pair, 0]
        turns = []
        for action in range(self.actions):
            own = owner == action
            turns.append(self._turn(pair[own], column[own], following[own], entries.probability[place[own]], states))
        return Block(states, tuple(turns))

    def _turn(self, pair: Indices, column: Indices, following: Indices, mass: Array, states: Indices) -> Turn:
        pairs, local = np.unique(pair, return_inverse=True)
        targets = np.zeros(len(pairs), dtype=np.intp)
        targets[local] = self.label[following]
        begins = np.concatenate([[0], np.cumsum(self.sizes[targets])]).astype(np.intp)
        rows = begins[local] + self.place[following]
        adjoint = csr_array((mass, (rows, column)), shape=(int(begins[-1]), len(states)))
        return Turn(pairs, targets, begins, adjoint, csr_array(adjoint.T))


def _successors(entries: PairEntries, support: Indices) -> list[Indices]:
    """Sets of states that can follow a set of states, one for each pair."""
    inside = np.zeros(entries.n_states, dtype=bool)
    inside[support] = True
    kept = inside[entries.state]
    pair, following = entries.pair[kept], entries.following[kept]
    return np.split(following, np.flatnonzero(np.diff(pair)) + 1)


def _partition(entries: PairEntries, support: Indices, together: list[Indices]) -> Indices:
    """Number the blocks of the finest partition that keeps these sets together, (S,); −1 for what cannot be reached."""
    states, count = entries.n_states, entries.n_pairs
    reached = _reachable(entries, support if len(together) == 1 else np.concatenate(together))
    kept = reached[entries.state]
    pair, state, following = entries.pair[kept], entries.state[kept], entries.following[kept]
    label = np.arange(states)
    for group in together:
        label = _joined(label, group, np.full(len(group), group[0]))
    while True:
        hub = label[state] * count + pair
        if (int(label.max()) + 1) * count > TABLE * len(hub):
            hub = np.unique(hub, return_inverse=True)[1].ravel()
        first = np.zeros(int(hub.max()) + 1, dtype=np.intp)
        first[hub] = following
        coarser = _joined(label, following, first[hub])
        if coarser.max() == label.max():
            break
        label = coarser
    number = np.full(states, -1, dtype=np.intp)
    number[reached] = np.unique(label[reached], return_inverse=True)[1].ravel()
    return number


def _joined(label: Indices, left: Indices, right: Indices) -> Indices:
    """Merge the classes of each two states."""
    size, begin, end = int(label.max()) + 1, label[left], label[right]
    apart = begin != end
    graph = coo_array((np.ones(int(apart.sum())), (begin[apart], end[apart])), shape=(size, size))
    merged: Indices = connected_components(graph, directed=False)[1][label].astype(np.intp)
    return merged


def _reachable(entries: PairEntries, begin: Indices) -> NDArray[np.bool_]:
    """Which states can be reached from some, these among them, (S,)."""
    size = entries.n_states
    graph = csr_array((np.ones(len(entries.state)), (entries.state, entries.following)), shape=(size, size))
    reached = np.zeros(size, dtype=bool)
    front = np.unique(begin)
    while len(front):
        reached[front] = True
        following = graph[front].indices
        front = np.unique(following[~reached[following]])
    return reached
