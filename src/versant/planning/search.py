"""Many ascents, and what is kept of them.

Random starts know nothing of the problem but its sizes: start i is drawn from the i-th child of the seed, by turns
uniformly from the simplices and near their corners. Ascents run side by side in batches that fit the cache; with the
same seed and a limit of iterations, the same controllers come out.

All starts ascend until they gain little; only the best few are then taken to the end, for the last digits of an ascent
take most of its time.

Ascents aim at budgets that are a hair lower than the true ones, so that rounding does not carry the result outside.
Ascents end in local optima. From the best of them others begin, with one node exchanged (see `exchange`), a batch after
the other until several in a row have gained nothing, or taken as many steps as all ascents from elsewhere.

Of all points met, the run keeps the best within the budgets or, as long as there is none, the one that exceeds them
least. Batches of ascents that its journal knows are not run again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.optimise.status import Ending
from versant.planning.ascent import Limits, ascend
from versant.planning.deterministic import PRICES, best_deterministic, rounded
from versant.planning.exchange import exchangeable, exchanges
from versant.planning.journal import Entry
from versant.planning.magnitude import magnitude
from versant.planning.problem import PlanningProblem
from versant.planning.protocol import Method, merit
from versant.planning.restoration import ROUNDING, best_start, restore
from versant.planning.run import Run

__all__ = ["Search", "random_starts"]

Array = NDArray[np.float64]

CONCENTRATIONS = (1.0, 0.2)
COARSE = 1e-6
"""Gain of a step, relative to the merit, that counts as next to nothing as long as there are many ascents."""

ALIKE = 1e-6
"""Differences of values and costs, relative likewise, below which coarse ascents have ended in the same place."""

CLOSE = 1e-5
"""Distance from a bound, relative to the value's magnitude, that no start will close."""

LARGE = 50_000
"""Pairs (state, node) beyond which error bars are those of a controller without chance."""

BATCH_ELEMENTS = 2_000_000
FINALISTS, ROUNDED = 5, 4
EXCHANGES, EXCHANGE_ORDER, EXCHANGE_STEPS, EXCHANGE_LIMIT = 40, 100, 300, 2000
"""Nodes exchanged at a time up to so many pairs (state, node); iterations; pairs up to which one is, within a time."""

PATIENCE, SHARE = 6, 1.0
"""So many times in a row that exchanges gain nothing end them, or fewer that take such a share of all other steps."""

NEAR = 1e-5
"""Largest excess, as a fraction of a budget, from which restoration is expected to cost next to nothing."""


def random_starts(problem: PlanningProblem, seed: int) -> Iterator[Controller]:
    """Draw start after start; start i depends on the seed and on i only."""
    layout, parent = problem.loop.layout, np.random.SeedSequence(seed)
    while True:
        for concentration in CONCENTRATIONS:
            child = parent.spawn(1)[0]
            yield Controller.random(
                layout.nodes, layout.actions, layout.observations, child, concentration=concentration
            )


@dataclass(eq=False)
class Search:
    """A multi-start search in progress.

    Parameters
    ----------
    problem : PlanningProblem
    method : Method
    iterations : int
        Limit of each ascent.
    deadline : float
        Value of `time.perf_counter` after which no further start is drawn and running ascents stop.
    end : float
        The same for taking the best to the end.
    planning : Run
        Told of everything that is found.
    deterministic : bool
        Whether the conclusion is a controller without chance.
    """

    problem: PlanningProblem
    method: Method
    iterations: int
    deadline: float
    end: float
    planning: Run
    deterministic: bool = False
    _pool: list[tuple[Array, Array]] = field(default_factory=list)  # (theta (n,), values (1+m,))
    _exchanged: tuple[float, float] | None = None  # rank of the best, whose exchanges are waiting
    _waiting: Iterator[Array] = field(default_factory=lambda: iter(()))
    _tried: set[bytes] = field(default_factory=set)  # controllers with a node exchanged
    _steps: int = 0  # of all ascents but those from exchanges
    _idle: int = 0  # of those from exchanges since they gained something

    def __post_init__(self) -> None:
        bar = self._error_bar() if self.problem.names else 0.0
        self.blur = bar + ROUNDING
        self.margin = max(1e-8, 8.0 * bar)
        self.target = self.problem.tightened(self.margin)

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return time.perf_counter() >= self.deadline

    @property
    def reached(self) -> bool:
        """Whether the incumbent keeps the budgets and next to nothing lies between it and a bound of every policy."""
        return self.planning.reached(CLOSE, self.problem.scale)

    def run(self, starts: Iterable[Controller], family: str) -> None:
        """Ascend from each of these controllers, as long as there is time; count them under the family's name."""
        waiting, limits = iter(starts), Limits(self.iterations, self.deadline, gain=COARSE)
        while not ((self.late or self.reached) and self._pool):  # however little time there is, one batch is evaluated
            batch = list(islice(waiting, self._batch_size()))
            if not batch:
                break
            self._steps += self._ascend(family, self._vector(batch), limits)

    def exchange(self) -> bool:
        """Ascend from the best controllers with a node exchanged; called again, it goes on where it ended.

        Whether there was always one left to exchange.
        """
        limits = Limits(min(self.iterations, EXCHANGE_STEPS), self.deadline, gain=COARSE)
        idle, number = 0, self._number_of_exchanges()
        while number and idle < PATIENCE and not (self.late or self.reached):
            rank = self._rank(self._finalists()[0])
            if self._exchanged is None or _outranks(rank, self._exchanged):
                idle, self._idle, self._exchanged, self._waiting = 0, 0, rank, self._exchanges()
            if self._idle > SHARE * self._steps:
                break
            batch = list(islice(self._waiting, number))
            if not batch:
                self._exchanged = None  # other finalists may come
                return False
            self._idle += self._ascend("exchange", np.stack(batch), limits)
            idle += 1
        return True

    def _exchanges(self) -> Iterator[Array]:
        """Exchanges of a node in the finalists, by turns in the best and in one of the others, that were not tried."""
        best, *others = (exchanges(self.target, theta) for theta in self._finalists())
        turns = zip_longest(best, (one for row in zip_longest(*others) for one in row if one is not None))
        for one in chain.from_iterable(turns):
            if one is not None and (key := one.tobytes()) not in self._tried:
                self._tried.add(key)
                yield one

    def _number_of_exchanges(self) -> int:
        """So many exchanges at a time take about as long whatever the size; within a time, one may take longer."""
        pairs = self.problem.loop.n_states * self.problem.loop.layout.nodes
        if not exchangeable(self.problem):
            return 0
        least = 1 if self.deadline < float("inf") and pairs <= EXCHANGE_LIMIT else 0
        return max(least, min(EXCHANGES, int(EXCHANGES * (EXCHANGE_ORDER / pairs) ** 1.5)))

    def _ascend(self, family: str, begin: Array, limits: Limits) -> int:
        """Ascend from a batch (B, n), or look up where that ended; what time had ended goes on from there.

        How many steps that took.
        """
        number, journal = self.planning.families.get(family, 0), self.planning.journal
        self.planning.families[family] = number + len(begin)
        name = f"{family}/{self.problem.loop.layout.nodes}/{number}"
        entry = journal.entries.get(name)
        if entry is None or not entry.complete:
            found = ascend(self.target, begin if entry is None else entry.theta, self.method, limits, self._watch)
            steps = int(found.iterations.sum()) + (0 if entry is None else entry.steps)
            entry = Entry(found.theta, found.values, Ending.TIME not in found.endings, steps)
            journal.keep(name, entry)
        self._record(entry.theta, entry.values)  # of an ascent without a step, its start
        self._pool.extend(zip(entry.theta, entry.values, strict=True))
        return entry.steps

    def conclude(self) -> Controller:
        """Take the best controllers to the end and within the budgets; return the best, by excess, then by value."""
        if self.deterministic:
            return self._conclude_without_chance()
        limits = Limits(self.iterations, self.end)
        finalists = self._finalists()
        if not self._ended:
            finalists = ascend(self.target, finalists, self.method, limits, self._watch).theta
        if self._ended:
            return self._best_met()
        restored, excess = restore(self.target, finalists, limits, 0.5 * self.margin)
        inside = excess <= 0.5 * self.margin
        if inside.any() and not (self._excess(finalists) <= NEAR).any():
            again = ascend(self.target, restored[inside], self.method, limits, self._watch).theta
            restored, excess = restore(self.target, np.concatenate([again, restored]), limits, 0.5 * self.margin)
            inside = excess <= 0.5 * self.margin
        if not inside.any():  # maybe nobody can be inside: then the best of those that come nearest
            inside = excess <= excess.min() + self.blur
        choices = restored[inside]
        if not self._ended:
            choices = np.stack([best_start(self.target, theta) for theta in choices])
        values = self.target.evaluate(choices).values
        self._record(choices, values)
        return self.problem.loop.layout.controller(choices[int(values[:, 0].argmax())])

    @property
    def _ended(self) -> bool:
        """Whether the time for taking the best to the end is over."""
        return time.perf_counter() >= self.end

    def _best_met(self) -> Controller:
        """The best controller of this size that was met, where there is no time for a better one.

        Those that are safely within the budgets, where an ascent has ended, come first: error bars of the others may
        cross them.
        """
        best, layout = self.planning.controller, self.problem.loop.layout
        safe = [(float(values[0]), theta) for theta, values in self._pool if values[1:].max(initial=0.0) <= 0.0]
        if safe and self.problem.names:
            return layout.controller(max(safe, key=lambda one: one[0])[1])
        if best is not None and best.n_nodes == layout.nodes:
            return best
        return layout.controller(self._finalists()[0])

    def _error_bar(self) -> float:
        """Error bar of the costs, in units of the budgets; in large problems of a controller that is quick to solve."""
        theta = self._vector(islice(random_starts(self.problem, 0), 1))
        if self.problem.loop.n_states * self.problem.loop.layout.nodes > LARGE:
            theta = rounded(self.problem.shape, theta)
        bars = self.problem.loop.evaluate(theta).errors()[0, self.problem.rows] / self.problem.scales
        return float(bars.max())

    def _conclude_without_chance(self) -> Controller:
        """Round everything in the pool, improve the best by single exchanges, return the best."""
        theta = rounded(self.problem.shape, np.stack([one for one, _ in self._pool]))
        values = self.problem.evaluate(theta).values
        order = np.argsort(-merit(values, np.full(len(values), PRICES[1])), kind="stable")
        found, excess = best_deterministic(self.target, theta[order[: ROUNDED * FINALISTS]], self.end)
        values = self.target.evaluate(found).values
        self._keep(found, values)
        best = int(np.lexsort((-values[:, 0], excess))[0])
        return self.problem.loop.layout.controller(found[best])

    def rank(self, controller: Controller) -> tuple[float, float]:
        """Return (excess over the budgets, −f): the lower, the better."""
        return self._rank(self._vector([controller])[0])

    def _rank(self, theta: Array) -> tuple[float, float]:
        values = self.problem.evaluate(theta[None]).values[0]
        return max(float(values[1:].max(initial=0.0)), 0.0), -float(values[0])

    def _finalists(self) -> Array:
        """The highest of those near the budgets, no two worth the same; else those that exceed them least."""
        theta = np.stack([one for one, _ in self._pool])
        values = np.stack([one for _, one in self._pool])
        excess = values[:, 1:].max(axis=1, initial=0.0)
        near = excess <= NEAR
        order = np.lexsort((-values[:, 0], np.where(near, 0.0, excess)))
        alike = [ALIKE * magnitude(one, 1.0) for one in values[order[0]].tolist()]
        _, first = np.unique(np.round(values[order] / alike), axis=0, return_index=True)
        return theta[order[np.sort(first)[:FINALISTS]]]

    def _excess(self, theta: Array) -> Array:
        worst: Array = self.target.evaluate(theta).values[:, 1:].max(axis=1, initial=0.0)
        return worst

    def _watch(self, theta: Array, values: Array) -> None:
        if len(theta):
            self._record(theta, values)

    def _record(self, theta: Array, values: Array) -> None:
        """Tell the run of controllers met, unless their chance is to be taken away first."""
        if not self.deterministic:
            self._keep(theta, values)

    def _keep(self, theta: Array, values: Array) -> None:
        excess = np.maximum(values[:, 1:].max(axis=1, initial=0.0) - self.margin, 0.0)
        best = int(np.lexsort((-values[:, 0], excess))[0])
        value, violation = self.problem.scale * float(values[best, 0]), float(excess[best])
        self.planning.offer(value, violation, lambda: self.problem.loop.layout.controller(theta[best]))

    def _vector(self, controllers: Iterable[Controller]) -> Array:
        return self.problem.loop.layout.vector([*controllers])

    def _batch_size(self) -> int:
        layout = self.problem.loop.layout
        order = self.problem.loop.n_states * layout.nodes
        size = order * order + (2 + len(self.problem.names)) * layout.size
        return max(1, min(64, BATCH_ELEMENTS // size))


def _outranks(new: tuple[float, float], old: tuple[float, float]) -> bool:
    """Whether a controller exceeds the budgets by less or, near them, is worth more, by more than next to nothing."""
    if max(new[0], old[0]) > NEAR:
        return new[0] < old[0] - NEAR
    return new[1] < old[1] - COARSE * magnitude(old[1], 1.0)
