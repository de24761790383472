"""What has been read of a Cassandra file: sizes and names, header values, and the log of every table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from versant.formats.cassandra_log import ALL, Log
from versant.formats.limits import require_memory
from versant.tasks.checks import Array

__all__ = ["Draft", "Indices", "Space"]

BYTES_PER_NAME = 128
BYTES_PER_STATE = 300
"""Least memory that a state takes: one transition and one emission while they are resolved, and its belief."""


class Indices(dict[str, int]):
    """Index of each name; numerals below the size stand for themselves, ``*`` for ALL; anything else is a KeyError.

    Examples
    --------
    >>> numbers = Indices(["left", "right"], size=2)
    >>> numbers["right"], numbers["01"], numbers["*"]
    (1, 1, -1)
    """

    def __init__(self, names: Sequence[str], size: int) -> None:
        super().__init__(zip(names, range(size), strict=False))
        self["*"] = ALL
        self.size = size

    def __missing__(self, word: str) -> int:
        if not (word.isascii() and word.isdigit() and len(word) <= 18 and int(word) < self.size):
            raise KeyError(word)
        return self.setdefault(word, int(word))


@dataclass
class Space:
    """States, actions, observations or costs: a count, or names.

    Parameters
    ----------
    noun : str
        What its members are called in messages.
    size : int
    names : sequence of str
        Empty where the file gives a count.
    """

    noun: str
    size: int
    names: Sequence[str] = ()
    indices: Indices = field(init=False)

    def __post_init__(self) -> None:
        self.indices = Indices(self.names, self.size)
        self._distinct = frozenset(self.names)

    def has_name(self, word: str) -> bool:
        """Whether the file gives this name to a member; the numbers of a counted space are no names."""
        return word in self._distinct

    def name(self, index: int) -> str:
        """Name of a member, which for a count is its number."""
        return self.names[index] if self.names else str(index)

    def all_names(self) -> tuple[str, ...]:
        """Names, which for a count are its numbers."""
        return tuple(self.names) or tuple(map(str, range(self.size)))

    def expected(self, word: str) -> str:
        """Say what was expected where a word names no member."""
        if not self.size:
            return f"expected {self.noun}, but none is declared"
        kinds = f"a number from 0 to {self.size - 1}" + (", or a name" if self.names else "")
        close = get_close_matches(word, self.names[:1000], n=2)
        return f"expected {self.noun} ({kinds})" + (f"; did you mean {' or '.join(close)}?" if close else "")


@dataclass
class Draft:
    """A problem as its file states it, before it is resolved."""

    source: str
    states: Space | None = None
    actions: Space | None = None
    observations: Space | None = None
    costs: Space = field(default_factory=lambda: Space("a cost", 0))
    discount: float | None = None
    horizon: int | None = None
    sign: float = 1.0  # -1 for "values: cost"
    start: Array | None = None  # (S,)
    budgets: dict[str, float] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)
    transitions: Log = field(default_factory=lambda: Log(3))  # (a, s, s')
    emissions: Log = field(default_factory=lambda: Log(3))  # (a, s', o)
    rewards: Log = field(default_factory=lambda: Log(4))  # (a, s, s', o)
    cost_logs: list[Log] = field(default_factory=list)  # each (a, s, s', o)
    notes: list[str] = field(default_factory=list)
    _fits: bool = False

    def spaces(self) -> tuple[Space, Space, Space] | None:
        """States, actions, observations once all are declared; VersantError where no such problem fits into memory."""
        if self.states is None or self.actions is None or self.observations is None:
            return None
        if not self._fits:
            names = self.states.size + self.actions.size + self.observations.size
            payoffs = self.states.size * self.actions.size * (2 + self.costs.size)
            what = f"{self.states.size} states, {self.actions.size} actions, {self.observations.size} observations"
            require_memory(8 * payoffs + BYTES_PER_NAME * names + BYTES_PER_STATE * self.states.size, what)
            self._fits = True
        return self.states, self.actions, self.observations
