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

__all__ = ["ActionEntries", "PairEntries", "pair_entries"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Kernels: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Transitions and emissions of a problem."""


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
        """Numbers k S + s' that occur, (R,), and which each entry has, (E,)."""
        codes, row = np.unique(self.pair * self.n_states + self.following, return_inverse=True)
        return codes, row.ravel()

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
        union, row = np.unique(self.state * states + self.following, return_inverse=True)
        weights = csr_array((self.probability, (row.ravel(), self.pair)), shape=(len(union), self.n_pairs))
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
        moves, seen = transition.tocoo(), csr_array(emission)
        counts = np.diff(seen.indptr)[moves.col]  # observations of each entry of the transition
        entry = np.repeat(np.arange(moves.nnz), counts)
        within = np.arange(len(entry)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = seen.indptr[moves.col[entry]] + within
        mass = moves.data[entry] * seen.data[place]
        kept = mass > 0.0
        entry, place = entry[kept], place[kept]
        numbers.append(action * pomdp.n_observations + seen.indices[place].astype(np.intp))
        states.append(moves.row[entry].astype(np.intp))
        followings.append(moves.col[entry].astype(np.intp))
        masses.append(mass[kept])
    code, state, following = np.concatenate(numbers), np.concatenate(states), np.concatenate(followings)
    order = np.lexsort((following, state, code))
    codes, pair = np.unique(code[order], return_inverse=True)
    pairs = np.stack(np.divmod(codes, pomdp.n_observations), axis=1)
    mass = np.concatenate(masses)[order]
    return PairEntries(pairs, pomdp.n_states, pair.ravel(), state[order], following[order], mass, kernels)
