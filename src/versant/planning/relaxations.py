"""Upper bounds of the value of every policy, from agents that are told more than the task tells.

An agent that sees the state after its first action earns at least as much as any policy, and so does one that is told
the state with one step's delay:

    QMDP   α_a(s) = R(s,a) + γ Σ_{s'} P(s'|s,a) max_{a'} α_{a'}(s')
    FIB    α_a(s) = R(s,a) + γ Σ_o max_{a'} Σ_{s'} P(s'|s,a) O(o|a,s') α_{a'}(s')

    value of any policy  ≤  max_a Σ_s b₀(s) α_a(s),        FIB ≤ QMDP

Both right-hand sides H are monotone, and H(α + c) ≤ Hα + qc for constants c ≥ 0, q = γ · the largest row sum of P. So
*any* α gives a bound, however it was found: with δ = max(Hα − α, 0), the fixed point lies below α + δ / (1 − q). δ is
computed from the α that is used, and what its computation may have rounded away is added.

R here is a combination R_0 − Σ_i λ_i C_i. The sweeps carry the parts of α along, so that they also give how the bound
changes with λ.

Source: Littman, Cassandra & Kaelbling 1995 (QMDP); Hauskrecht 2000, *Value-function approximations for POMDPs* (FIB).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from versant.optimise.linear import UNIT_ROUNDOFF
from versant.planning.pairs import pair_entries
from versant.tasks.pomdp import Pomdp, require_discounted

__all__ = ["Bound", "Kind", "Relaxation", "value_ranges"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Kind: TypeAlias = Literal["qmdp", "fib"]
"""What the agent is told: the state after its first action, or with one step's delay."""

SWEEPS, LEAST_SWEEPS = 5000, 20
TOLERANCE = 1e-9
WORK = 1e9
"""Multiplications that the sweeps of one bound may take, about."""

POLICIES = 50
"""Policies tried."""

DIRECT_LIMIT: dict[Kind, int] = {"qmdp": 5000, "fib": 700}
"""States, and for FIB pairs (state, action), up to which policies are evaluated directly."""


@dataclass(frozen=True, eq=False)
class Bound:
    """A bound valid for every policy, at one combination of reward and costs."""

    value: float
    parts: Array  # (1+m,) discounted totals of reward and costs of the relaxed agent, about
    loose: float = 0.0  # so much less it might be, at most, had there been more sweeps


class Relaxation:
    """A POMDP in which the agent is told more, for any combination of reward and costs.

    Parameters
    ----------
    pomdp : Pomdp
    kind : {"qmdp", "fib"}
        What the agent is told.
    costs : tuple of str
        The costs that combinations are made of, m of them.
    deadline : float
        Value of `time.perf_counter` at which sweeps stop; bounds hold all the same.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> bounds = [Relaxation(tiger(), kind).bound(np.array([1.0])).value for kind in ("qmdp", "fib")]
    >>> [round(value, 1) for value in bounds]
    [189.0, 87.2]
    """

    def __init__(self, pomdp: Pomdp, kind: Kind, costs: tuple[str, ...] = (), deadline: float = float("inf")) -> None:
        self.kind, self.discount, self.deadline = kind, require_discounted(pomdp), deadline
        self.start = pomdp.start
        self.parts = np.stack([pomdp.rewards, *(pomdp.costs[name] for name in costs)])  # (1+m, S, A)
        self._told = None if kind == "qmdp" else Relaxation(pomdp, "qmdp", costs, deadline)
        if kind == "qmdp":
            owners, terms = np.arange(pomdp.n_actions), _terms(pomdp)
        else:
            entries = pair_entries(pomdp)
            owners, terms = entries.pairs[:, 0], (entries.pair, entries.state, entries.following, entries.probability)
        self._terms = len(owners)
        self._kernel, self._gather = _rows(owners, terms, pomdp.n_states, pomdp.n_actions)
        sums = self._gather @ np.asarray(self._kernel.sum(axis=1)).ravel()
        self._contraction = self.discount * float(sums.max()) * (1.0 + 8 * UNIT_ROUNDOFF)
        self._last: Array | None = None  # (S, A, 1+m)
        self._loose = np.inf

    def bound(self, combination: Array) -> Bound:
        """Bound the value of R = Σ_j combination_j · (reward, costs)_j, (1+m,)."""
        vectors, alpha = self.vectors(combination)
        totals = self.start @ vectors  # (A,)
        best = int(totals.argmax())
        rounding = 2 * (len(self.start) + 2) * UNIT_ROUNDOFF * float(np.abs(vectors).max())
        return Bound(float(totals[best]) + rounding, self.start @ alpha[:, best], self._loose)

    def vectors(self, combination: Array) -> tuple[Array, Array]:
        """Return α (S, A), whose max_a b·α_a bounds the value at every belief b, and its parts (S, A, 1+m), about."""
        payoffs = self.parts.transpose(1, 2, 0)  # (S, A, 1+m)
        size = max(float(np.abs(payoffs @ combination).max()), 1e-300)
        alpha = self._first(payoffs, combination)
        sweeps = min(SWEEPS, LEAST_SWEEPS + int(WORK / (self._kernel.nnz * alpha[0].size)))
        for _ in range(sweeps):
            new = self._sweep(alpha, payoffs, combination)
            change = float(np.abs((new - alpha) @ combination).max())
            alpha = new
            if change <= TOLERANCE * size or time.perf_counter() >= self.deadline:
                break
        self._last = alpha
        joint = alpha @ combination  # (S, A)
        after = self._sweep(joint[..., None], (payoffs @ combination)[..., None], np.ones(1))[..., 0]
        largest = size + float(np.abs(joint).max())
        rounding = 4 * (len(self.start) + self._terms + 16) * UNIT_ROUNDOFF * largest
        excess = max(float((after - joint).max()), 0.0) + rounding
        shortfall = max(float((joint - after).max()), 0.0) + rounding
        self._loose = (excess + shortfall) / (1.0 - self._contraction) + rounding
        return joint + (excess / (1.0 - self._contraction) + rounding), alpha

    def _first(self, payoffs: Array, combination: Array) -> Array:
        """Where sweeps begin: at the last α or, for FIB, at that of QMDP, taken on by policy iteration."""
        if self._last is not None:
            return self._iterate_policies(self._last, payoffs, combination)
        first = payoffs if self._told is None else self._told.vectors(combination)[1]
        return self._iterate_policies(first, payoffs, combination)

    def _iterate_policies(self, alpha: Array, payoffs: Array, combination: Array) -> Array:
        """Howard's policy iteration of the relaxed problem, from α (S, A, parts); where it is large, α as it is."""
        states, actions, _ = payoffs.shape
        if (states if self._told is None else states * actions) > DIRECT_LIMIT[self.kind]:
            return alpha
        target = TOLERANCE * float(np.abs(payoffs @ combination).max())
        for _ in range(POLICIES):
            change = (self._sweep(alpha, payoffs, combination) - alpha) @ combination
            if np.abs(change).max() <= target or time.perf_counter() >= self.deadline:
                break
            alpha = self._followed(self._choices(alpha, combination), payoffs)
        return alpha

    def _choices(self, alpha: Array, combination: Array) -> Indices:
        """The action that is gone on with at each entry of the kernels: the best once the agent is told."""
        joint: Array = alpha @ combination
        if self._told is None:
            best: Indices = joint.argmax(axis=1)
            return best[self._kernel.indices]
        return np.repeat(np.argmax(self._kernel @ joint, axis=1), np.diff(self._kernel.indptr))

    def _followed(self, choices: Indices, payoffs: Array) -> Array:
        """α (S, A, parts) of fixed choices: a linear system in those (s, a) that the agent goes on with."""
        from scipy.sparse import eye_array
        from scipy.sparse.linalg import splu

        used, columns = np.unique(self._kernel.indices * payoffs.shape[1] + choices, return_inverse=True)
        shape = (self._kernel.shape[0], len(used))
        moves = self._gather @ csr_array((self._kernel.data, columns, self._kernel.indptr), shape=shape)  # (S A, used)
        right = np.ascontiguousarray(payoffs).reshape(-1, payoffs.shape[2])
        factors: Any = splu((eye_array(len(used)) - self.discount * moves[used]).tocsc())
        alpha: Array = right + self.discount * (moves @ factors.solve(right[used]))
        return alpha.reshape(payoffs.shape)

    def _sweep(self, alpha: Array, payoffs: Array, combination: Array) -> Array:
        """Apply H to α (S, A, parts), choosing by its combination."""
        states, actions, parts = alpha.shape
        if self._told is None:
            choice = (alpha @ combination).argmax(axis=1)
            reached = self._kernel @ alpha[np.arange(states), choice]  # (R, parts)
        else:
            flow = (self._kernel @ alpha.reshape(states, -1)).reshape(-1, actions, parts)
            choice = (flow @ combination).argmax(axis=1)
            reached = flow[np.arange(len(flow)), choice]
        gathered: Array = payoffs + self.discount * (self._gather @ reached).reshape(payoffs.shape)
        return gathered


def value_ranges(pomdp: Pomdp, deadline: float = float("inf")) -> tuple[Array, Array]:
    """Between what the discounted totals of reward and costs of every policy lie in each state, (S, 1+m) and (S, 1+m).

    They are those of agents that see the state; where there is no time, of the smallest and largest payoffs for ever.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> lowest, highest = value_ranges(tiger())
    >>> lowest.round(6).ravel(), highest.round(6).ravel()
    (array([-2000., -2000.]), array([200., 200.]))
    """
    discount, costs = require_discounted(pomdp), tuple(pomdp.costs)
    parts = np.stack([pomdp.rewards, *pomdp.costs.values()])  # (1+m, S, A)
    horizon, terms = 1.0 / (1.0 - discount), pomdp.n_states + pomdp.n_observations + 16
    margin = 4 * terms * UNIT_ROUNDOFF * np.abs(parts).max(axis=(1, 2)) * horizon**2
    lowest = np.tile(parts.min(axis=(1, 2)) * horizon - margin, (pomdp.n_states, 1))
    highest = np.tile(parts.max(axis=(1, 2)) * horizon + margin, (pomdp.n_states, 1))
    if time.perf_counter() < deadline:
        observed = Relaxation(pomdp, "qmdp", costs, deadline)
        for part, one in enumerate(np.eye(len(parts))):
            lowest[:, part] = np.maximum(-observed.vectors(-one)[0].max(axis=1), lowest[:, part])
            highest[:, part] = np.minimum(observed.vectors(one)[0].max(axis=1), highest[:, part])
    return lowest, highest


def _terms(pomdp: Pomdp) -> tuple[Indices, Indices, Indices, Array]:
    """Entries of the transitions, by action and state: action, state, next state, probability."""
    parts = [csr_array(kernel).tocoo() for kernel in pomdp.transitions]
    actions = np.repeat(np.arange(len(parts)), [part.nnz for part in parts])
    rows, columns = (np.concatenate([getattr(part, name) for part in parts]).astype(np.intp) for name in ("row", "col"))
    order = np.lexsort((columns, rows, actions))
    return actions[order], rows[order], columns[order], np.concatenate([part.data for part in parts])[order]


def _rows(
    owners: Indices, terms: tuple[Indices, Indices, Indices, Array], states: int, actions: int
) -> tuple[csr_array[Any], csr_array[Any]]:
    """Rows (k, s) of kernels that hold anything, (R, S'), and to which (s, a) each belongs, as a matrix (S A, R).

    The entries (k, s, s', p) are sorted by k and s.
    """
    kernel, state, following, probability = terms
    begins = np.flatnonzero(np.diff(kernel * states + state, prepend=-1))
    count = len(begins)
    places = state[begins] * actions + owners[kernel[begins]]
    gather = csr_array((np.ones(count), (places, np.arange(count))), shape=(states * actions, count))
    indptr = np.append(begins, len(state))
    return csr_array((probability, following, indptr), shape=(count, states)), gather
