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

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from versant.planning.pairs import PairEntries, distinct, ranges

__all__ = ["Block", "Blocks"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Turn:
    """What can follow one action in a block: J pairs."""

    pairs: Indices  # (J,) k
    targets: Indices  # (J,) block that each leads to
    begins: Indices  # (J+1,) first row of each in the next
    adjoint: csr_array[Any]  # (rows, c) P_kᵀ into the target's states, one below the other

    @cached_property
    def ahead(self) -> csr_array[Any]:
        """Its transpose, (c, rows)."""
        return csr_array(self.adjoint.T)

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
    turns: Turns


class Turns(dict[int, Turn]):
    """What can follow each action in a block, made when it is asked for first."""

    def __init__(self, make: Callable[[int], Turn]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, action: int) -> Turn:
        """Make what can follow an action."""
        made = self[action] = self._make(action)
        return made


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
        self.entries = entries
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
            states = self._members[number]
            self._made[number] = Block(states, Turns(partial(self._turn, states)))
        return self._made[number]

    def _turn(self, states: Indices, action: int) -> Turn:
        every = self.entries.by_choice
        chosen = action * self.entries.n_states + states
        column, place = ranges(every.begins[chosen], every.begins[chosen + 1])
        following, mass = every.following[place], every.probability[place]
        pairs, local = np.unique(every.pair[place], return_inverse=True)
        targets = np.zeros(len(pairs), dtype=np.intp)
        targets[local] = self.label[following]
        begins = np.concatenate([[0], np.cumsum(self.sizes[targets])]).astype(np.intp)
        rows = begins[local] + self.place[following]
        order = np.argsort(rows, kind="stable")
        indptr = np.searchsorted(rows[order], np.arange(begins[-1] + 1))
        shape = (int(begins[-1]), len(states))
        return Turn(pairs, targets, begins, csr_array((mass[order], column[order], indptr), shape=shape))


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
    sizes = [len(group) for group in together]
    label = _joined(np.arange(states), np.concatenate(together), np.repeat([group[0] for group in together], sizes))
    while True:
        _, hub = distinct(label[state] * count + pair, (int(label.max()) + 1) * count)
        one = np.zeros(int(hub.max()) + 1, dtype=np.intp)  # entry of each hub
        one[hub] = np.arange(len(hub))
        coarser = _joined(label, following, following[one[hub]])
        if coarser.max() == label.max():
            break
        label, pair, state, following = coarser, pair[one], state[one], following[one]  # the others say no more now
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
