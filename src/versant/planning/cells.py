"""The bounds of one block of states in a point-based search: α-vectors below, FIB vectors and sawtooth points above."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from versant.planning.plans import Plans
from versant.planning.sawtooth import Points

__all__ = ["Cell"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

FIRST_PRUNING = 48
"""α-vectors or points at which those of no use are let go; afterwards whenever they have doubled."""


class Cell:
    """Bounds of the value at beliefs over c states.

    Parameters
    ----------
    fib : (A, c) array
        Vectors whose maximum bounds the value from above.
    blind : (A, 1+m, c) array
        Values, in parts, of the plans that are one action for ever; they stay.
    combination : (1+m,) array
        Of the parts.

    Examples
    --------
    >>> cell = Cell(np.array([[2.0, 2.0]]), np.zeros((1, 1, 2)), np.ones(1))
    >>> cell.lower_upper(np.array([0.5, 0.5]), 1.0)
    >>> cell.learn(np.array([[[1.0, 0.5]]]), np.array([0]))
    >>> halfway = np.array([[0.75, 0.25]])
    >>> cell.lower(halfway), cell.upper(halfway).round(9)
    (array([0.875]), array([1.5]))
    """

    def __init__(self, fib: Array, blind: Array, combination: Array) -> None:
        self.fib = np.ascontiguousarray(fib)
        self.plane = fib.max(axis=0)  # (c,) bounds at the corners
        self.points = Points(fib.shape[1])
        self._combination = combination
        self._least = self._count = len(blind)
        self._parts, self._scalar = blind, np.tensordot(combination, blind, axes=(0, 1))
        self._plans = Plans.blind(np.arange(len(blind)))
        self._next_vectors, self._next_points = max(FIRST_PRUNING, 2 * len(blind)), FIRST_PRUNING

    @property
    def parts(self) -> Array:
        """Values of the plans found, (n, 1+m, c)."""
        return self._parts[: self._count]

    @property
    def scalar(self) -> Array:
        """The same of the combination, (n, c)."""
        return self._scalar[: self._count]

    @property
    def plans(self) -> Indices:
        """Their numbers, (n,)."""
        return self._plans[: self._count]

    def upper(self, beliefs: Array) -> Array:
        """Upper bounds at unnormalised beliefs (k, c), (k,)."""
        informed = (beliefs @ self.fib.T).max(axis=1)
        lowest: Array = np.minimum(informed, beliefs @ self.plane + self.points.drops(beliefs))
        return lowest

    def lower(self, beliefs: Array) -> Array:
        """Lower bounds at unnormalised beliefs (k, c), (k,)."""
        best: Array = (beliefs @ self.scalar.T).max(axis=1)
        return best

    def learn(self, vectors: Array, plans: Indices) -> None:
        """Add values (n, 1+m, c) of plans, and the numbers of these (n,)."""
        end = self._count + len(vectors)
        if end > len(self._parts):  # copied seldom: they take most of the memory
            room = ((0, end), (0, 0))
            self._parts = np.pad(self.parts, (room[0], (0, 0), (0, 0)))
            self._scalar = np.pad(self.scalar, room)
            self._plans = np.pad(self.plans, (0, end))
        self._parts[self._count : end], self._plans[self._count : end] = vectors, plans
        self._scalar[self._count : end] = np.tensordot(self._combination, vectors, axes=(0, 1))
        self._count = end

    def lower_upper(self, belief: Array, value: float) -> None:
        """Lower the upper bound at a belief (c,) to a value that bounds it."""
        places = np.flatnonzero(belief)
        if len(places) == 1:
            place = int(places[0])
            fall = self.plane[place] - value / belief[place]
            if fall > 0.0:
                self.plane[place] -= fall
                self.points.raise_plane(place, fall)
            return
        number = self.points.add(belief)
        self.points.lower(number, value - float(belief @ self.plane))

    def useful(self) -> Indices:
        """Positions of the vectors of one action for ever, and of those that are best at some belief met."""
        best = self.points.worth(self.scalar).argmax(axis=1)
        return np.union1d(np.arange(self._least), best)

    def tidy(self) -> None:
        """Let vectors and points go that are of no use, whenever their number has doubled."""
        if self._count >= self._next_vectors:
            kept = self.useful()
            self._parts, self._scalar, self._plans = self._parts[kept], self._scalar[kept], self._plans[kept]
            self._count = len(kept)
            self._next_vectors = max(FIRST_PRUNING, 2 * len(kept))
        if self.points.count >= self._next_points:
            self.points.prune()
            self._next_points = max(FIRST_PRUNING, 2 * self.points.count)
