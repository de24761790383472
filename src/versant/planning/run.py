"""A planning run in progress: the best controller so far and how it came about.

It outlives an interrupt: whoever catches one finds here what had been found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from versant.agents.controller import Controller
from versant.planning.columns import Columns
from versant.planning.journal import Journal
from versant.planning.magnitude import magnitude
from versant.planning.result import Improvement

__all__ = ["Run"]

ROUNDING = 1e-9
"""Share of a value by which the history may miss what is returned."""


@dataclass(eq=False)
class Run:
    """What has been found so far.

    Parameters
    ----------
    report : callable
        Called with a short message whenever the best controller has improved.
    journal : Journal
        Of the ascents that are done.
    begun : float
        Value of `time.perf_counter` from which the history counts.
    history : list of Improvement
    families : dict of str to int
        Number of ascents from each family of starts.
    columns : Columns or None
        Where policy graphs and a bound come from.
    """

    report: Callable[[str], None]
    journal: Journal = field(default_factory=Journal)
    begun: float = field(default_factory=time.perf_counter)
    history: list[Improvement] = field(default_factory=list)
    families: dict[str, int] = field(default_factory=dict)
    columns: Columns | None = None
    standby: tuple[float, Controller] | None = None  # what ascents found, and its value, where a graph promised more
    _best: Callable[[], Controller] | Controller | None = None  # made when it is asked for

    @property
    def controller(self) -> Controller | None:
        """The best so far: within the budgets or, as long as there is none, the one that exceeds them least."""
        if callable(self._best):
            self._best = self._best()
        return self._best

    @property
    def bound(self) -> float:
        """Upper bound of every policy, infinite where there is none yet."""
        return float("inf") if self.columns is None else self.columns.upper.value

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.perf_counter() - self.begun

    def offer(self, value: float, violation: float, controller: Callable[[], Controller]) -> None:
        """Keep a controller where it is better than the best so far, by violation, then by value; and say so."""
        if self.history and (violation, -value) >= (self.history[-1].violation, -self.history[-1].value):
            return
        self._best = controller
        self.history.append(Improvement(self.elapsed, value, violation))
        over = f", exceeds a budget by {violation:.2g} of it" if violation else ""
        gap = f", gap {self.bound - value:.3g}" if self.bound < float("inf") and not violation else ""
        self.report(f"value {value:.5g}{over}{gap}")

    def settled(self, value: float, error: float) -> tuple[Improvement, ...]:
        """The history of a controller within the budgets that is worth so much, give or take its error bar.

        What a search promised, a graph small enough to be returned need not hold: only what is not above it stays.
        """
        if self.history and abs(self.history[-1].value - value) <= error + ROUNDING * abs(value):
            return tuple(self.history)
        kept = [one for one in self.history if one.violation > 0.0 or one.value < value]
        return (*kept, Improvement(self.elapsed, value, 0.0))

    def reached(self, precision: float, spread: float) -> bool:
        """Whether the best so far keeps the budgets and lies within `precision` × its magnitude of the bound."""
        if not self.history or self.history[-1].violation > 0.0:
            return False
        value = self.history[-1].value
        return self.bound - value <= precision * magnitude(value, spread)
