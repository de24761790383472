"""Lower and upper bounds from beliefs met on the way: point-based value iteration, block by block.

The value V of a POMDP is a convex, positively homogeneous function of the (unnormalised) belief b, so

    max_α b·α  ≤  V(b)  ≤  min( max_a b·fib_a,  b·v + min_i (u_i − b_i·v) c_i )

with α-vectors that are values of plans of action, FIB vectors (see `relaxations`), bounds v_s at the corners and u_i at
beliefs b_i, and c_i as in `sawtooth`. Backups at a belief raise the one and lower the other:

    α = R_a + γ Σ_{k∋a} P_k α_k,   α_k best at P_kᵀ b          u = max_a [ b·R_a + γ Σ_{k∋a} U(P_kᵀ b) ]

What rounding may have taken away is added to every u. Beliefs are found by walks from the start belief (see `walks`).

A belief lies in one block of states (see `blocks`), and α-vectors and points belong to a block: they are as short as
what is uncertain there. An α-vector is kept as its parts (reward and costs), so that one set of them serves every
combination of reward and costs.

Source: Smith & Simmons 2005, *Point-based POMDP algorithms: improved analysis and implementation* (HSVI2); Kurniawati,
Hsu & Lee 2008, *SARSOP*; Pineau, Gordon & Thrun 2003 (point-based backups).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from versant.memory import memory_exhausted
from versant.optimise.linear import UNIT_ROUNDOFF
from versant.planning.blind import blind_values
from versant.planning.blocks import Blocks, Turn
from versant.planning.cells import Cell
from versant.planning.magnitude import magnitude
from versant.planning.pairs import pair_entries
from versant.planning.plans import Plans
from versant.planning.relaxations import Bound, Relaxation
from versant.planning.settling import settle, settling_work
from versant.planning.walks import WALKS, walk
from versant.tasks.pomdp import Pomdp, require_discounted

if TYPE_CHECKING:
    from versant.planning.ceilings import Ceiling

__all__ = ["PointBased", "PointSearch", "Successors"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

CALL = 5e3
"""What looking at the beliefs in one block costs beyond its multiplications."""

SETTLING, SETTLED, RELUCTANCE = 0.2, 0.05, 2.0
"""Share of the work done at settling upper bounds; where it closes a smaller share of the gap, it is done so many times
more seldom."""

CORNERS = 1000
"""Pairs (state, action) up to which backups are made at the corners too."""


class PointBased:
    """Point-based bounds of a POMDP, for any combination of reward and costs.

    Parameters
    ----------
    pomdp : Pomdp
    costs : sequence of str
        The costs that combinations are made of, m of them.
    effort : float
        Multiplications that one bound may take, about.
    precision : float
        Gap between the bounds at the start belief at which to stop, relative to the value's magnitude.
    deadline : float
        Value of `time.perf_counter` at which to stop.
    largest : int
        Nodes that policy graphs may have.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> round(PointBased(tiger(), ()).bound(np.array([1.0])).value, 2)
    19.37
    """

    def __init__(
        self,
        pomdp: Pomdp,
        costs: tuple[str, ...],
        effort: float = 2e8,
        precision: float = 1e-4,
        deadline: float = float("inf"),
        largest: int = 10**9,
    ) -> None:
        self.discount = require_discounted(pomdp)
        self.start = pomdp.start
        self.effort, self.precision, self.deadline, self.largest = effort, precision, deadline, largest
        self.parts = np.stack([pomdp.rewards, *(pomdp.costs[name] for name in costs)])  # (1+m, S, A)
        self.entries = pair_entries(pomdp)
        self.owners = self.entries.pairs[:, 0]  # (K,)
        self.blocks = Blocks(self.entries, pomdp.start)
        self.corners = Relaxation(pomdp, "fib", costs, deadline)
        self.blind = blind_values(pomdp, self.parts)  # (A, 1+m, S)
        self.plans = Plans()
        self.alphas: dict[int, tuple[Array, Indices]] = {}  # of each block, of other combinations: (n, 1+m, c), (n,)
        self.ceilings: list[Ceiling] = []  # upper bounds of other combinations

    def begin_with(
        self, plans: Plans, alphas: Mapping[int, tuple[Array, Indices]], ceilings: Sequence[Ceiling]
    ) -> None:
        """Let searches begin with the plans, α-vectors and upper bounds of others."""
        self.plans, self.alphas, self.ceilings = plans.copy(), dict(alphas), [*ceilings]

    @property
    def root(self) -> tuple[int, Array]:
        """Block of the start belief, and the start belief in it (c,)."""
        first = self.blocks.first
        return first, self.start[self.blocks.states(first)]

    def bound(self, combination: Array) -> Bound:
        """Bound the value of R = Σ_j combination_j · (reward, costs)_j, (1+m,); the parts are those of a good plan."""
        search = PointSearch(self, combination)
        search.run(self.effort)
        self.alphas = search.useful()
        return search.bound()


@dataclass(frozen=True, eq=False)
class Successors:
    """What can follow a belief and an action: J unnormalised beliefs, those in one block together."""

    turn: Turn
    after: Array  # (rows,) one below the other
    groups: list[tuple[int, Indices, Array]]  # block, positions in J, beliefs (n, c)
    masses: Array  # (J,) probability of each

    def belief(self, position: int) -> tuple[int, Array]:
        """Block and unnormalised belief (c,) after the pair at a position in J."""
        begin, end = self.turn.begins[position : position + 2]
        return int(self.turn.targets[position]), self.after[begin:end]


class PointSearch:
    """Bounds of one combination of reward and costs, and the trials that tighten them.

    Parameters
    ----------
    model : PointBased
        Its α-vectors and ceilings are where the bounds begin; they are not changed.
    combination : (1+m,) array
    """

    def __init__(self, model: PointBased, combination: Array) -> None:
        self.model, self.combination = model, combination
        self.payoff = np.tensordot(combination, model.parts, axes=1)  # (S, A)
        self.fib, _ = model.corners.vectors(combination)  # (S, A)
        spread = float(np.ptp(self.payoff)) or float(np.abs(self.payoff).max()) or 1.0
        self.spread = spread / (1.0 - model.discount)
        size = float(np.abs(self.payoff).max() + np.abs(self.fib).max())
        self.rounding = 4 * (len(model.start) + len(model.owners) + 16) * UNIT_ROUNDOFF * size
        self.cells: dict[int, Cell] = {}
        self.work = 1.0
        self.trials, self._swept = 0, 0
        self._rng = np.random.default_rng(0)
        self._settled, self._caution = 0.0, 1.0  # work done, and how many times more must have been done for more

    def cell(self, number: int) -> Cell:
        """Bounds in one block."""
        if number not in self.cells:
            states = self.model.blocks.states(number)
            cell = Cell(self.fib[states].T, self.model.blind[:, :, states], self.combination)
            if number in self.model.alphas:
                cell.learn(*self.model.alphas[number])
            self.cells[number] = cell
        return self.cells[number]

    def run(self, effort: float) -> None:
        """Tighten the bounds until they agree at the start belief or the work done reaches `effort`."""
        begun = 0.0
        while self.work < effort and time.perf_counter() < self.model.deadline:
            gap, target = self.gap()
            if gap <= target or self.work == begun or memory_exhausted():
                break
            begun = self.work
            self.trial()
            if self.trials >= 2 * self._swept:
                self._swept = self.trials
                self._sweep_corners()
            self._settle()

    def gap(self) -> tuple[float, float]:
        """Return the gap between the bounds at the start belief, and the gap at which they are said to agree."""
        number, belief = self.model.root
        lower = float(self.cell(number).lower(belief[None])[0])
        upper = float(self.cell(number).upper(belief[None])[0])
        return upper - lower, self.model.precision * magnitude(lower, self.spread)

    def bound(self) -> Bound:
        """Return the upper bound at the start belief, and the parts of the plan of the lower bound."""
        number, belief = self.model.root
        cell = self.cell(number)
        best = cell.parts[int((cell.scalar @ belief).argmax())]
        return Bound(float(cell.upper(belief[None])[0]), best @ belief)

    def useful(self) -> dict[int, tuple[Array, Indices]]:
        """Return of each block the α-vectors that are best at some belief met, and the numbers of their plans.

        Those of one action for ever are not among them.
        """
        found = {}
        for number, cell in self.cells.items():
            kept = cell.useful()[len(self.model.blind) :]
            if len(kept):
                found[number] = (cell.parts[kept], cell.plans[kept])
        return found

    def successors(self, number: int, belief: Array, action: int) -> Successors:
        """What can follow a belief (c,) of a block and an action."""
        turn = self.model.blocks.block(number).turns[action]
        after = turn.adjoint @ belief
        groups = [(target, members, after[rows].reshape(len(members), -1)) for target, members, rows in turn.groups]
        return Successors(turn, after, groups, np.add.reduceat(after, turn.begins[:-1]))

    def uppers(self, after: Successors) -> Array:
        """Upper bounds of all successors, (J,)."""
        found = np.empty(len(after.masses))
        for number, members, beliefs in after.groups:
            cell = self.cell(number)
            found[members] = cell.upper(beliefs)
            self.work += CALL + len(members) * (cell.points.count * 4.0 + beliefs.shape[1] * len(cell.fib))
        return found

    def choices(self, after: Successors) -> tuple[Array, Indices]:
        """Lower bounds of all successors (J,), and which α-vector of its block gives each (J,)."""
        found, choice = np.empty(len(after.masses)), np.empty(len(after.masses), dtype=np.intp)
        for number, members, beliefs in after.groups:
            cell = self.cell(number)
            table = beliefs @ cell.scalar.T
            choice[members] = best = table.argmax(axis=1)
            found[members] = table[np.arange(len(best)), best]
            self.work += CALL + 0.3 * table.size * beliefs.shape[1]
        return found, choice

    def promises(self, number: int, belief: Array) -> tuple[Array, int, Successors, Array]:
        """Upper bounds of every action (A,), the best action, and its successors with their upper bounds (J,).

        FIB bounds every action; only those that are the best so far are looked at more closely.
        """
        cell = self.cell(number)
        bounds = cell.fib @ belief
        payoff = belief @ self.payoff[self.model.blocks.states(number)]
        close: dict[int, tuple[Successors, Array]] = {}
        while True:
            action = int(bounds.argmax())
            if action in close:
                return bounds, action, *close[action]
            after = self.successors(number, belief, action)
            close[action] = after, self.uppers(after)
            ahead = payoff[action] + self.model.discount * close[action][1].sum()
            bounds[action] = min(ahead + self.rounding, bounds[action])

    def trial(self) -> None:
        """Walk from the start belief to where the bounds agree well enough, then back up along the way."""
        path = walk(self, WALKS[self.trials % len(WALKS)], self._rng)
        for number, belief in reversed(path):
            if time.perf_counter() < self.model.deadline or not self.trials:
                self.back_up(number, belief)
        self.trials += 1

    def back_up(self, number: int, belief: Array) -> None:
        """Tighten both bounds at a belief."""
        cell = self.cell(number)
        bounds, best, _, _ = self.promises(number, belief)
        if bounds[best] < cell.upper(belief[None])[0] - self.rounding:
            cell.lower_upper(belief, float(bounds[best]))
        current = float(cell.lower(belief[None])[0])
        action, value, choice = self.best_plan(number, belief, np.flatnonzero(bounds >= current))
        if value > current + 0.01 * self.model.precision * magnitude(current, self.spread):
            cell.learn(*self._plan(number, action, choice))
            cell.points.add(belief)
            cell.tidy()

    def best_plan(self, number: int, belief: Array, actions: Indices) -> tuple[int, float, Indices]:
        """The best of these actions, followed by the best α-vectors: action, value and the α-vectors (J,)."""
        payoff = belief @ self.payoff[self.model.blocks.states(number)]
        best = (-1, -np.inf, np.zeros(0, dtype=np.intp))
        for action in actions.tolist():
            reached, choice = self.choices(self.successors(number, belief, action))
            value = float(payoff[action] + self.model.discount * reached.sum())
            if value > best[1]:
                best = (action, value, choice)
        return best

    def _plan(self, number: int, action: int, choice: Indices) -> tuple[Array, Indices]:
        """An action followed by the plans chosen: values in every state of the block (1, 1+m, c), and its number."""
        block = self.model.blocks.block(number)
        turn = block.turns[action]
        cells = [self.cell(int(target)) for target in turn.targets]
        after: Array = turn.ahead @ np.concatenate([c.parts[j] for c, j in zip(cells, choice, strict=True)], axis=1).T
        vector = self.model.parts[:, block.states, action] + self.model.discount * after.T
        following = np.array([c.plans[j] for c, j in zip(cells, choice, strict=True)], dtype=np.intp)
        return vector[None], np.array([self.model.plans.add(action, following)])

    def _settle(self) -> None:
        """Let the upper bounds at all beliefs met bear each other out, where that takes a small share of the work."""
        if self._settled + self._caution * settling_work(self) <= SETTLING * self.work:
            before, gap = self.work, self.gap()[0]
            settle(self)
            self._settled += self.work - before
            self._caution *= 1.0 if self.gap()[0] <= (1.0 - SETTLED) * gap else RELUCTANCE

    def _sweep_corners(self) -> None:
        """Back the bounds up at the corners of every block met, where that is quick."""
        width = self.model.parts.shape[2]
        if sum(len(self.model.blocks.states(n)) for n in self.cells) * width > CORNERS:
            return
        for number in list(self.cells):
            for corner in np.eye(len(self.model.blocks.states(number))):
                self.back_up(number, corner)
