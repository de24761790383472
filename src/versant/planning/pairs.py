"""What a POMDP does, entry by entry: P_k(s, s') = P(s'|s,a) O(o|a,s') for the pairs k = (a, o) that can occur.

With thousands of observations there are more pairs than entries a pair has; so the entries stand in flat arrays, sorted
by (k, s, s'). They are made once for each problem and shared by all who work on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.tasks.pomdp import Pomdp

__all__ = ["ActionEntries", "PairEntries", "distinct", "pair_entries", "ranges"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Kernels: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Transitions and emissions of a problem."""


TABLE = 8
"""Up to so many possible numbers for each one that there is, a table of all of them is quicker than sorting."""


def ranges(begins: Indices, ends: Indices) -> tuple[Indices, Indices]:
    """Lay ranges of whole numbers end to end: which range each number is of, and the numbers.

    Examples
    --------
    >>> ranges(np.array([5, 0]), np.array([7, 3]))
    (array([0, 0, 1, 1, 1]), array([5, 6, 0, 1, 2]))
    """
    counts = ends - begins
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - begins, counts)


def distinct(numbers: Indices, limit: int) -> tuple[Indices, Indices]:
    """Distinct numbers in their order, and which of them each is; all are in 0 … limit − 1.

    Examples
    --------
    >>> distinct(np.array([4, 1, 4]), 5)
    (array([1, 4]), array([1, 0, 1]))
    """
    if limit > TABLE * len(numbers):
        found, which = np.unique(numbers, return_inverse=True)
        return found, which.ravel()
    there = np.zeros(limit, dtype=bool)
    there[numbers] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[numbers]


@dataclass(frozen=True, eq=False)
class ChoiceEntries:
    """The entries of all pairs, E of them, by action and state."""

    pair: Indices  # (E,) k
    following: Indices  # (E,) s'
    probability: Array  # (E,)
    begins: Indices  # (A S + 1,) where those of each action and state begin, state fastest, and the end


@dataclass(frozen=True, eq=False)
class ActionEntries:
    """The entries of the pairs of one action, by state, E of them."""

    pair: Indices  # (E,) k
    following: Indices  # (E,) s'
    probability: Array  # (E,)
    counts: Indices  # (S,) number of entries of each state


@dataclass(frozen=True, eq=False)
class PairEntries:
    """The entries of all pair kernels, E of them, of K pairs and S states."""

    pairs: Indices  # (K, 2) action and observation, sorted
    n_states: int
    pair: Indices  # (E,) k
    state: Indices  # (E,) s
    following: Indices  # (E,) s'
    probability: Array  # (E,) P_k(s, s')
    kernels: Kernels  # whose entries these are

    @property
    def n_pairs(self) -> int:
        """Number of pairs that can occur, K."""
        return len(self.pairs)

    @cached_property
    def begins(self) -> Indices:
        """Where the entries of each pair begin, and the end, (K+1,)."""
        return np.searchsorted(self.pair, np.arange(self.n_pairs + 1))

    @cached_property
    def by_choice(self) -> ChoiceEntries:
        """The entries sorted by action, state and pair."""
        owner = self.pairs[self.pair, 0]
        code = owner * self.n_states + self.state
        order = np.argsort(code, kind="stable")
        choices = (int(self.pairs[-1, 0]) + 1) * self.n_states
        begins = np.concatenate([[0], np.cumsum(np.bincount(code, minlength=choices))])
        return ChoiceEntries(self.pair[order], self.following[order], self.probability[order], begins)

    @cached_property
    def by_action(self) -> tuple[ActionEntries, ...]:
        """The entries of each action, by state."""
        every, states = self.by_choice, self.n_states
        found = []
        for first in range(0, len(every.begins) - 1, states):
            begins = every.begins[first : first + states + 1]
            part = slice(begins[0], begins[-1])
            found.append(
                ActionEntries(every.pair[part], every.following[part], every.probability[part], np.diff(begins))
            )
        return tuple(found)

    @cached_property
    def arrivals(self) -> tuple[Indices, Indices]:
        """Pairs k and next states s' that can occur together, sorted, (R,) and (R,)."""
        pair, following = np.divmod(self._arriving[0], self.n_states)
        return pair, following

    @cached_property
    def adjoint(self) -> tuple[csr_array[Any], list[tuple[slice, Indices | slice]]]:
        """Rows of all P_kᵀ that hold anything, (R, S); for each k its rows and the s' they stand for."""
        states, (pair, following) = self.n_states, self.arrivals
        adjoint = csr_array((self.probability, (self._arriving[1], self.state)), shape=(len(pair), states))
        begins = np.searchsorted(pair, np.arange(self.n_pairs + 1)).tolist()
        rows = [slice(begin, end) for begin, end in pairwise(begins)]
        return adjoint, [(one, slice(None) if one.stop - one.start == states else following[one]) for one in rows]

    @cached_property
    def _arriving(self) -> tuple[Indices, Indices]:
        """Numbers k S + s' that occur, (R,), and which of them each entry has, (E,)."""
        return distinct(self.pair * self.n_states + self.following, self.n_pairs * self.n_states)

    @cached_property
    def shared(self) -> dict[Any, Any]:
        """What others have made of the entries, by name, to be made only once."""
        return {}

    @cached_property
    def leaving(self) -> csr_array[Any]:
        """Probability Σ_{s'} P_k(s, s') of each pair in each state, if its action is taken, (K, S)."""
        shape = (self.n_pairs, self.n_states)
        return csr_array((self.probability, (self.pair, self.state)), shape=shape)

    @cached_property
    def pattern(self) -> tuple[csr_array[Any], Indices, Indices]:
        """The K pair kernels on the union of their patterns: weights (nnz, K), rows and columns (nnz,)."""
        states = self.n_states
        union, row = distinct(self.state * states + self.following, states * states)
        weights = csr_array((self.probability, (row, self.pair)), shape=(len(union), self.n_pairs))
        return weights, union // states, union % states

    def kernel(self, pair: int) -> csr_array[Any]:
        """P_k as a matrix (S, S')."""
        part = slice(self.begins[pair], self.begins[pair + 1])
        shape = (self.n_states, self.n_states)
        return csr_array((self.probability[part], (self.state[part], self.following[part])), shape=shape)


def pair_entries(pomdp: Pomdp) -> PairEntries:
    """List the entries of all pair kernels.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> entries = pair_entries(tiger())
    >>> entries.n_pairs, len(entries.probability)
    (6, 20)
    """
    kernels = pomdp.transitions, pomdp.emissions
    name = tuple(map(id, (*pomdp.transitions, *pomdp.emissions)))  # nobody else's while the entries hold these
    known = _made.get(name)
    if known is None:
        known = _made[name] = _entries(pomdp, kernels)
    return known


_made: WeakValueDictionary[tuple[int, ...], PairEntries] = WeakValueDictionary()


def _entries(pomdp: Pomdp, kernels: Kernels) -> PairEntries:
    numbers, states, followings, masses = [], [], [], []
    for action, (transition, emission) in enumerate(zip(pomdp.transitions, pomdp.emissions, strict=True)):
        moves, seen = csr_array(transition).sorted_indices().tocoo(), csr_array(emission).sorted_indices()
        begins = seen.indptr.astype(np.intp)
        entry, place = ranges(begins[moves.col], begins[moves.col + 1])  # observations of each next state
        mass = moves.data[entry] * seen.data[place]
        kept = mass > 0.0
        entry, place = entry[kept], place[kept]
        numbers.append(action * pomdp.n_observations + seen.indices[place].astype(np.intp))
        states.append(moves.row[entry].astype(np.intp))
        followings.append(moves.col[entry].astype(np.intp))
        masses.append(mass[kept])
    codes, pair = distinct(np.concatenate(numbers), pomdp.n_actions * pomdp.n_observations)
    order = _stable_order(pair, len(codes))  # of each action they are sorted by state and next state already
    pairs = np.stack(np.divmod(codes, pomdp.n_observations), axis=1)
    state, following, mass = (np.concatenate(parts)[order] for parts in (states, followings, masses))
    return PairEntries(pairs, pomdp.n_states, pair[order], state, following, mass, kernels)


def _stable_order(numbers: Indices, limit: int) -> Indices:
    """Order of numbers in 0 … limit − 1, those that are the same as they were; 16 bits are sorted in linear time."""
    return np.argsort(numbers.astype(np.uint16) if limit <= 1 << 16 else numbers, kind="stable")
