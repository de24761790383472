"""The exact value and costs of a controller in a POMDP.

Controller and POMDP together are a Markov chain on pairs (s, x) of state and node:

    T_θ((s,x),(s',x')) = Σ_a ψ(a|x) P(s'|s,a) Σ_o O(o|a,s') η(x'|x,a,o)
    r_j(s,x) = Σ_a ψ(a|x) R_j(s,a)            R_0 the reward, R_1 … R_m the costs
    V_j = Z⁻¹ r_j,   Z = I − γ T_θ,           value_j = Σ_{s,x} b₀(s) κ(x) V_j(s,x)

One factorisation of Z serves the reward, all costs and, transposed, their derivatives (see `gradient`). Everything is
done for B controllers of the same size at once. Pairs (s, x) are ordered with the node fastest.

=============== =====================================================================
symbol          name in the code
=============== =====================================================================
P_k             pair kernel, P_k(s, s') = P(s'|s,a) O(o|a,s') of the k-th pair (a, o)
R_j             ``payoffs[j]``
V_j             ``node_values[..., j]``
value_j         ``totals[:, j]``
=============== =====================================================================

Source: Meuleau et al. 1999, *Solving POMDPs by searching the space of finite policies*; Amato, Bernstein & Zilberstein
2010, *Optimizing fixed-size stochastic controllers for POMDPs and decentralized POMDPs*.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from versant.agents.controller import Controller
from versant.agents.layout import Layout
from versant.errors import ProblemError
from versant.memory import available_memory, require_memory
from versant.optimise.linear import ACCURACY, UNIT_ROUNDOFF, Factors, Implicit, System, error_bound, factorise, refine
from versant.planning.pairs import pair_entries
from versant.planning.products import ChainProducts, FormedChain, form_chain
from versant.planning.reach import Reached, reached_chain
from versant.planning.relaxations import value_ranges
from versant.planning.tiles import TiledChain, tileable
from versant.tasks.pomdp import Pomdp, require_discounted

__all__ = ["ClosedLoop", "Evaluation", "pair_kernels"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

DENSE_LIMIT = 400
"""Order of Z up to which dense factorisation is used whatever the density."""

SPARSE_LIMIT = 6000
"""Order of Z up to which it is formed and factorised; beyond, there are products."""

RATE, FACTOR_SHARE = 3e9, 0.1
"""Multiplications a second of a sparse factorisation that fills in, and the share of the time left it may take."""

CHAIN_DENSITY = 8
"""Entries of γ T, in each row on average, up to which it is formed where Z is not."""

FORMING = 20
"""Multiplications in products for which an entry of γ T that is formed makes up, where hardly anything is by lot."""

ENTRY, CHAIN_SHARE = 80, 0.5
"""Bytes that an entry of γ T takes while it is formed and solved, and the share of the memory that all may take."""

PRODUCTS = 60
"""Products that seeking a solution step by step takes, about."""

WALK_SHARE, LED_SHARE, RANGE_SHARE = 0.4, 0.6, 0.1
"""Shares of the time left that following a controller may take, and one that draws hardly anything by lot, which often
is solved in little time; and then bounding what lies beyond open pairs."""

VECTORS = 16
"""Vectors over all pairs that seeking a solution step by step holds, for each payoff, about."""


def pair_kernels(pomdp: Pomdp) -> tuple[Indices, list[csr_array[Any]]]:
    """List the (action, observation) pairs that can occur, (K, 2), with P_k(s, s') = P(s'|s,a) O(o|a,s') of each."""
    entries = pair_entries(pomdp)
    return entries.pairs, [entries.kernel(pair) for pair in range(entries.n_pairs)]


class ClosedLoop:
    """A POMDP arranged for evaluating many controllers with the same number of nodes.

    Parameters
    ----------
    pomdp : Pomdp
        Discounted, with infinite horizon.
    nodes : int
        X.
    deadline : float
        Value of `time.perf_counter` at which solutions that are sought step by step are taken as they are; their error
        bars say how far they are.
    accuracy : float
        Of such solutions: norm of the residual, relative to that of the right-hand side.

    Raises
    ------
    ProblemError
        For an undiscounted or finite-horizon problem.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> loop = ClosedLoop(tiger(), 1)
    >>> listen = Controller([1.0], [[1.0, 0.0, 0.0]], np.ones((1, 3, 2, 1)), tiger().actions, tiger().observations)
    >>> bool(abs(loop.evaluate(loop.layout.vector([listen])).totals[0, 0] + 20) < 1e-12)
    True
    """

    def __init__(self, pomdp: Pomdp, nodes: int, deadline: float = float("inf"), accuracy: float = ACCURACY) -> None:
        self.pomdp, self.discount, self.deadline = pomdp, require_discounted(pomdp), deadline
        self.accuracy = accuracy
        self.formed_limit = _formed_limit(deadline - time.perf_counter())  # order of Z up to which it is factorised
        self.entries = pair_entries(pomdp)
        pairs = self.entries.pairs
        self.layout = Layout(nodes, pomdp.actions, pomdp.observations, pairs)
        self.start = pomdp.start  # (S,)
        self.payoffs = np.stack([pomdp.rewards, *pomdp.costs.values()])  # (1+m, S, A)
        self.costs = tuple(pomdp.costs)
        self.pair_actions = pairs[:, 0]  # (K,)
        self.adjoint, self.reached = self.entries.adjoint  # (R, S), and for each k its rows and their s'

    @property
    def n_states(self) -> int:
        """Number of states, S."""
        return len(self.start)

    def check(self, controller: Controller) -> None:
        """Raise ProblemError unless the controller has the actions and observations of the problem."""
        for noun, own, given in (
            ("actions", self.layout.actions, controller.actions),
            ("observations", self.layout.observations, controller.observations),
        ):
            if own != given:
                raise ProblemError(f"the controller's {noun} {given} are not the problem's {own}")

    def evaluate(self, theta: Array, near: Array | None = None) -> Evaluation:
        """Evaluate controllers.

        Parameters
        ----------
        theta : (B, n) array
        near : (B, N, 2+m) array, optional
            `Evaluation.solutions` of controllers like these, from which to begin where solutions are sought step by
            step.
        """
        _, transition, action = self.layout.split(theta)
        system = self._system(transition, action)
        factors = factorise(system, self.deadline, self.accuracy)
        batch = len(theta)
        payoffs = np.einsum("jsa,bxa->bsxj", self.payoffs, action, optimize=True)
        right = payoffs.reshape(batch, -1, len(self.payoffs))
        if near is None or not near.size:
            return Evaluation(self, theta, system, factors, right, factors.solve(right))
        return Evaluation(self, theta, system, factors, right, factors.solve(right, near[..., :-1]), near[..., -1:])

    def evaluate_reached(self, theta: Array) -> Evaluation:
        """Evaluate one controller (1, n) at the pairs that it reaches, or at all where these are too many to follow.

        Where neither fits into the time and the memory that are left, as many pairs are followed as do. What lies
        beyond the others is bounded by what any policy may earn and pay (see `reach`), and joins the error bars.
        """
        start, transition, action = (part[0] for part in self.layout.split(theta))
        if self.n_states * self.layout.nodes <= DENSE_LIMIT:
            return self.evaluate(theta)
        moves = self.discount * action.T[self.pair_actions, :, None] * transition
        limit = self._most_entries(moves) if self._products_fit() else _entries_that_fit()
        now = time.perf_counter()
        last = now + (LED_SHARE if _led(moves) else WALK_SHARE) * (self.deadline - now)
        reached = reached_chain(self.entries, moves, (self.start[:, None] * start).ravel(), limit, last)
        if not reached.complete and self._products_fit():
            return self.evaluate(theta)
        state, node = np.divmod(reached.pairs, self.layout.nodes)
        right = np.einsum("jna,na->nj", self.payoffs[:, state], action[node])
        system = Implicit((reached.chain,))
        factors = factorise(system, self.deadline, self.accuracy)
        if reached.complete:
            return Evaluation(self, theta, system, factors, right[None], factors.solve(right[None]), reached=reached)
        now = time.perf_counter()
        lowest, highest = value_ranges(self.pomdp, now + RANGE_SHARE * (self.deadline - now))
        ends = lowest[state], highest[state]
        bounds = reached.bounds(right, ends, len(self.pair_actions) + 8, self.deadline)
        middle = 0.5 * (bounds[0] + bounds[1])
        return Evaluation(self, theta, system, factors, right[None], middle[None], reached=reached, bounds=bounds)

    def _products_fit(self) -> bool:
        """Whether a solution by products over all pairs probably is there in time, and fits into the memory."""
        elements = len(self.entries.arrivals[0]) * self.layout.nodes**2 * len(self.payoffs)
        left = self.deadline - time.perf_counter()
        return PRODUCTS * elements <= RATE * left and self.demand() < available_memory()

    def demand(self, batch: int = 1) -> int:
        """Bytes that seeking the solutions of controllers step by step takes, about."""
        return 8 * VECTORS * batch * self.n_states * self.layout.nodes * len(self.payoffs)

    def _system(self, transition: Array, action: Array) -> System:
        """Z = I − γ T_θ, dense (B, N, N), a list of sparse matrices, or known by products."""
        batch, nodes, states = len(action), self.layout.nodes, self.n_states
        order = states * nodes
        moves = action.transpose(0, 2, 1)[:, self.pair_actions, :, None] * transition  # (B, K, X, X')
        if order > self.formed_limit:
            require_memory(self.demand(batch), f"evaluating {nodes} nodes in {states} states (ask for fewer)")
            return Implicit(tuple(self._products(self.discount * one) for one in moves))
        flat = moves.transpose(1, 0, 2, 3).reshape(len(self.pair_actions), -1)  # (K, B X X')
        weights, rows, columns = self.entries.pattern
        spread = -self.discount * (weights @ flat)
        blocks = spread.reshape(-1, batch, nodes, nodes).transpose(1, 0, 2, 3)  # (B, nnz, X, X')
        if order <= DENSE_LIMIT:
            system = np.zeros((batch, order * order))
            system[:, self._places] = blocks.reshape(batch, -1)
            system[:, :: order + 1] += 1.0
            return system.reshape(batch, order, order)
        from scipy.sparse import bsr_array, eye_array

        identity = eye_array(order, format="csc")
        indptr = np.searchsorted(rows, np.arange(states + 1))
        return [csc_array(identity + bsr_array((one, columns, indptr), shape=(order, order)).tocsc()) for one in blocks]

    def _products(self, moves: Array) -> ChainProducts | FormedChain | TiledChain:
        """γ T of one controller: formed, where its moves leave it sparse, or by nodes and states in turn."""
        formed = form_chain(self.entries, moves, self._most_entries(moves))
        if formed is not None:
            return formed
        if tileable(self.entries):
            return TiledChain(self.entries, moves)
        return ChainProducts(self.adjoint, self.reached, moves)

    def _most_entries(self, moves: Array) -> int:
        """Entries up to which the chain of one controller (K, X, X') is formed."""
        usual = CHAIN_DENSITY * self.n_states * self.layout.nodes
        by_products = len(self.entries.pair) * self.layout.nodes**2 // FORMING
        return max(usual, min(by_products, _entries_that_fit())) if _led(moves) else usual

    @cached_property
    def _places(self) -> Indices:
        """Where the blocks of Z stand in its flat dense form, (nnz X X',)."""
        nodes = self.layout.nodes
        order = self.n_states * nodes
        _, rows, columns = self.entries.pattern
        row = rows[:, None, None] * nodes + np.arange(nodes)[:, None]
        column = columns[:, None, None] * nodes + np.arange(nodes)
        return (row * order + column).ravel()


def _formed_limit(seconds: float) -> float:
    """Order of Z up to which it is factorised where so many seconds are left: a factorisation cannot be cut short."""
    affordable = float(FACTOR_SHARE * RATE * max(seconds, 0.0)) ** (1 / 3)
    return float(min(SPARSE_LIMIT, max(DENSE_LIMIT, affordable)))


def _led(moves: Array) -> bool:
    """Whether a controller (K, X, X') draws hardly anything by lot."""
    return bool(np.count_nonzero(moves) <= 2 * np.count_nonzero(moves.any(axis=2)))


def _entries_that_fit() -> int:
    """Entries of γ T that fit into memory."""
    return int(CHAIN_SHARE * available_memory()) // ENTRY


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Value and costs of B controllers, with all that their derivatives and error bounds need.

    Of one controller evaluated at the pairs it reaches, N is the number of these; other pairs have no values. Where
    some of them stay open, there are bounds of values, which lie in the middle, and occupancies are lower bounds.
    """

    loop: ClosedLoop
    theta: Array  # (B, n)
    system: System  # B systems of order N = S X or less
    factors: Factors
    right: Array  # (B, N, 1+m) expected payoffs of each (s, x)
    solution: Array  # (B, N, 1+m) V_j
    visits_near: Array | None = None  # (B, N, 1) occupancy of a controller like this
    reached: Reached | None = None  # where pairs are not all
    bounds: tuple[Array, Array] | None = None  # where some are open: of V_j from below and above, (N, 1+m) each

    @property
    def pairs(self) -> Indices | None:
        """Numbers s X + x of the pairs (N,); None where they are all."""
        return None if self.reached is None else self.reached.pairs

    @property
    def solutions(self) -> Array:
        """V_j and d(s, x), (B, N, 2+m), where solutions are sought step by step; else nothing, (B, 0, 0)."""
        batch = len(self.theta)
        if not isinstance(self.system, Implicit):
            return np.zeros((batch, 0, 0))
        return np.concatenate([self.solution, self.occupancy.reshape(batch, -1, 1)], axis=2)

    @cached_property
    def weights(self) -> Array:
        """Probability β(s, x) = b₀(s) κ(x) of each pair at the start, (B, N)."""
        start = self.loop.layout.split(self.theta)[0]
        weights: Array = (self.loop.start[None, :, None] * start[:, None, :]).reshape(len(self.theta), -1)
        return weights if self.pairs is None else weights[:, self.pairs]

    @cached_property
    def totals(self) -> Array:
        """Expected discounted totals of reward and costs, (B, 1+m)."""
        totals: Array = np.einsum("bn,bnj->bj", self.weights, self.solution)
        return totals

    @property
    def node_values(self) -> Array:
        """V_j(s, x), (B, S, X, 1+m); not a number where pairs were left out or are open."""
        known = self.solution
        if self.bounds is not None and self.reached is not None:
            known = known.copy()
            known[:, self.reached.followed :] = np.nan
        return self._whole(known, np.nan)

    @cached_property
    def occupancy(self) -> Array:
        """Expected discounted number of visits d(s, x), (B, S, X); they sum to 1 / (1 − γ) unless pairs are open."""
        visits = self.factors.solve_transposed(self.weights[:, :, None], self.visits_near)
        return self._whole(visits, 0.0)[..., 0]

    def _whole(self, vectors: Array, other: float) -> Array:
        """Vectors (B, N, k) by state and node, (B, S, X, k)."""
        states, nodes = self.loop.n_states, self.loop.layout.nodes
        whole = vectors
        if self.pairs is not None:
            whole = np.full((len(vectors), states * nodes, vectors.shape[2]), other)
            whole[:, self.pairs] = vectors
        return whole.reshape(len(vectors), states, nodes, -1)

    def refined(self) -> Evaluation:
        """Return the same evaluation after one step of iterative refinement, unless pairs are open."""
        if self.bounds is not None:
            return self
        solution = refine(self.system, self.factors, self.right, self.solution)
        return replace(self, solution=solution)

    def largest_errors(self) -> Array:
        """Bound the error of every V_j(s, x), (B, 1+m): residuals, and rounding in forming the system.

        The problem and the controller are taken as given, exactly, in double precision.
        """
        if self.bounds is not None:
            return np.asarray(self._half_widths().max(axis=1))
        terms = len(self.loop.pair_actions) + 8
        return error_bound(self.system, self.solution, self.right, entry_error=terms * UNIT_ROUNDOFF)

    def errors(self) -> Array:
        """Bound the error of `totals`, (B, 1+m): that of the values, and rounding in the sums.

        It is no more than what the smallest and the largest payoff for ever leave open.
        """
        size: Array = np.einsum("bn,bnj->bj", self.weights, np.abs(self.solution))
        rounding: Array = (self.solution.shape[1] + 4) * UNIT_ROUNDOFF * size
        if self.bounds is not None:
            errors: Array = np.einsum("bn,bnj->bj", self.weights, self._half_widths())
        else:
            errors = self.largest_errors() * self.weights.sum(axis=1)[:, None]
        payoffs, horizon = self.loop.payoffs, 1.0 / (1.0 - self.loop.discount)
        ends = payoffs.min(axis=(1, 2)) * horizon, payoffs.max(axis=(1, 2)) * horizon
        farthest: Array = np.maximum(self.totals - ends[0], ends[1] - self.totals)
        least: Array = np.minimum(errors, farthest) + rounding
        return least

    def _half_widths(self) -> Array:
        """How far bounds of V_j lie from their middle, (1, N, 1+m), with what is rounded there."""
        assert self.bounds is not None
        lower, upper = self.bounds
        rounding = 2 * UNIT_ROUNDOFF * np.maximum(np.abs(lower), np.abs(upper))
        widths: Array = (0.5 * (upper - lower) + rounding)[None]
        return widths
