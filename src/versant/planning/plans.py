"""Plans of action as a register: what each does first, and which plan it goes on with after each observation.

An α-vector is the value of a plan. Plans are kept for as long as another may go on with them, which is longer than
their α-vectors are of use; a plan is a few integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Plans"]

Indices = NDArray[np.intp]


class Plans:
    """Plans by number; −1 − a is the plan that takes action a for ever, in whatever block.

    Examples
    --------
    >>> plans = Plans()
    >>> number = plans.add(action=2, following=np.array([-1, -3]))
    >>> plans.action(number), plans.action(-3), plans.following(-3, 2)
    (2, 2, array([-3, -3]))
    """

    def __init__(self) -> None:
        self._actions: list[int] = []
        self._following: list[Indices] = []

    @staticmethod
    def blind(actions: Indices) -> Indices:
        """Numbers of the plans that take one action for ever."""
        return -1 - actions

    def add(self, action: int, following: Indices) -> int:
        """Number of a new plan: an action, then a plan for each of its pairs in the block that it is for (J,)."""
        self._actions.append(action)
        self._following.append(following)
        return len(self._actions) - 1

    def lead(self, number: int, following: Indices) -> None:
        """Say what a plan that has been added goes on with, so that plans can lead back to themselves."""
        self._following[number] = following

    def copy(self) -> Plans:
        """The same plans in a register of their own."""
        other = Plans()
        other._actions, other._following = [*self._actions], [*self._following]
        return other

    def action(self, number: int) -> int:
        """What a plan does first."""
        return self._actions[number] if number >= 0 else -1 - number

    def following(self, number: int, count: int) -> Indices:
        """The plans (count,) that a plan goes on with after each of the pairs of its action."""
        return self._following[number] if number >= 0 else np.full(count, number, dtype=np.intp)

    def reached(self, roots: Indices) -> tuple[Plans, Callable[[Indices], Indices]]:
        """Return only the plans that these lead to, and their new numbers as a function of the old.

        Examples
        --------
        >>> plans = Plans()
        >>> numbers = [plans.add(action, np.array([-1])) for action in (0, 1, 2)]
        >>> few, renumbered = plans.reached(np.array([2, -1]))
        >>> few.to_list(), renumbered(np.array([2, -1]))
        ([[2, [-1]]], array([ 0, -1]))
        """
        needed, waiting = np.zeros(len(self._actions), dtype=bool), roots[roots >= 0]
        while len(waiting):
            needed[waiting] = True
            after = np.unique(np.concatenate([self._following[number] for number in waiting.tolist()]))
            after = after[after >= 0]
            waiting = after[~needed[after]]
        places = np.cumsum(needed) - 1

        def renumbered(numbers: Indices) -> Indices:
            new, own = numbers.copy(), numbers >= 0
            new[own] = places[numbers[own]]
            return new

        few = Plans()
        for number in np.flatnonzero(needed).tolist():
            few.add(self._actions[number], renumbered(self._following[number]))
        return few, renumbered

    def to_list(self) -> list[list[Any]]:
        """Action and following plans of each, ready for JSON."""
        pairs = zip(self._actions, self._following, strict=True)
        return [[int(action), following.tolist()] for action, following in pairs]

    @classmethod
    def from_list(cls, content: Sequence[Sequence[Any]]) -> Plans:
        """Make what `to_list` returned into a register again."""
        plans = cls()
        for action, following in content:
            plans.add(action, np.array(following, np.intp))
        return plans
