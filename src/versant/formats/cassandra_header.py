"""The statements of a Cassandra file that come before its tables: sizes and names, discount, start, costs, budgets."""

from __future__ import annotations

import math

import numpy as np

from versant.formats.cassandra_draft import Draft, Space
from versant.formats.cassandra_log import Log
from versant.formats.cassandra_sums import start_belief
from versant.formats.cassandra_tables import take_index
from versant.formats.cassandra_tokens import ONCE, REPEATED, Scanner, Word
from versant.formats.limits import require_memory
from versant.tasks.checks import Array

__all__ = ["Header"]

LARGEST_COUNT = 2**31 - 1


class Header:
    """Reads header statements into a draft; each method reads what follows its keyword and the colon.

    Parameters
    ----------
    scanner : Scanner
    draft : Draft
    normalise : bool
        Rescale a start belief whatever its sum.
    """

    def __init__(self, scanner: Scanner, draft: Draft, normalise: bool) -> None:
        self.scanner, self.draft, self.normalise = scanner, draft, normalise

    def discount(self, keyword: Word) -> None:
        """A number in (0, 1]."""
        word = self.scanner.peek()
        discount = self._number()
        if not 0.0 < discount <= 1.0:
            self.scanner.fail("expected a discount in (0, 1]", word)
        self.draft.discount = discount

    def values(self, keyword: Word) -> None:
        """Whether R: gives rewards or costs."""
        word = self.scanner.take()
        if word.text not in ("reward", "rewards", "cost", "costs"):
            self.scanner.fail("expected 'reward' or 'cost'", word)
        self.draft.sign = -1.0 if word.text.startswith("cost") else 1.0

    def horizon(self, keyword: Word) -> None:
        """A number of decisions, or a word for infinity."""
        word = self.scanner.take()
        if word.text in ("infinite", "infinity", "inf"):
            return
        if not (word.text.isascii() and word.text.isdigit() and len(word.text) <= 9):
            self.scanner.fail("expected a number of decisions, or 'infinite'", word)
        self.draft.horizon = int(word.text) or None
        if self.draft.horizon is None:
            self.draft.notes.append("horizon: 0 was read as infinite")

    def states(self, keyword: Word) -> None:
        """A count or names."""
        self.draft.states = self._space("a state")

    def actions(self, keyword: Word) -> None:
        """A count or names."""
        self.draft.actions = self._space("an action")

    def observations(self, keyword: Word) -> None:
        """A count or names."""
        self.draft.observations = self._space("an observation")

    def costs(self, keyword: Word) -> None:
        """Names of cost signals."""
        costs = self._space("a cost")
        if not costs.names:
            self.scanner.fail("expected the names of the costs, not their number", keyword)
        self.draft.costs = costs
        self.draft.cost_logs = [Log(4) for _ in costs.names]

    def budget(self, keyword: Word) -> None:
        """A cost, an optional sign and a number, once or more; without a sign it is an upper bound."""
        while True:
            cost = self.draft.costs.names[take_index(self.scanner, self.draft.costs, wild=False)]
            sign = self.scanner.take().text if self.scanner.peek().text in ("<=", ">=", "==") else "<="
            bound = self._number()
            if sign != ">=":
                self.draft.budgets[cost] = bound
            if sign != "<=":
                self.draft.floors[cost] = bound
            word = self.scanner.peek()
            if not word.text or self._begins_statement(word):
                return

    def start(self, keyword: Word) -> None:
        """The start belief; what follows the keyword, a colon included."""
        states = self.draft.states
        if states is None:
            self.scanner.fail("expected states: before start", keyword)
        require_memory(64 * states.size, f"a belief over {states.size} states")
        how = self.scanner.peek()
        if how.text in ("include", "exclude"):
            self.scanner.take()
            self.scanner.take_colon(how.text)
            self.draft.start = self._start_among(states, how.text == "exclude")
            return
        self.scanner.take_colon("start")
        first = self.scanner.peek()
        if first.text == "uniform" and not states.has_name("uniform"):
            self.scanner.take()
            self.draft.start = np.full(states.size, 1.0 / states.size)
        elif first.is_number and not states.has_name(first.text):
            self.draft.start = self._start_numbers(states)
        else:
            self.draft.start = self._start_among(states, False)

    def _start_numbers(self, states: Space) -> Array:
        """Probabilities; where there is one number and several states, the number of a state."""
        first = self.scanner.peek()
        values = self.scanner.numbers(states.size)
        if len(values) == 1 and states.size > 1:
            self.scanner.back(first)
            return self._start_among(states, False)
        if len(values) < states.size:
            self.scanner.fail(f"expected {states.size} probabilities, {len(values)} are given")
        wrong = np.flatnonzero(~((values >= 0.0) & np.isfinite(values)))
        if wrong.size:
            self.scanner.back(first)
            self.scanner.numbers(int(wrong[0]))
            self.scanner.fail("expected a probability")
        belief = start_belief(values, self.draft.notes, self.normalise)
        if belief is None:
            self.scanner.fail(f"expected probabilities that sum to 1, their sum is {math.fsum(values):.12g}", first)
        return belief

    def _start_among(self, states: Space, exclude: bool) -> Array:
        """Uniform over the states that are listed, or over all others."""
        belief = np.full(states.size, float(exclude))
        first = self.scanner.peek()
        for word in self._list("a state"):
            try:
                belief[states.indices[word.text]] = float(not exclude)
            except KeyError:
                self.scanner.fail(states.expected(word.text), word)
        if not belief.any():
            self.scanner.fail("expected to exclude fewer than all states", first)
        return np.asarray(belief / belief.sum(), dtype=np.float64)

    def _number(self) -> float:
        word = self.scanner.take()
        if not word.is_number or not math.isfinite(float(word.text)):
            self.scanner.fail("expected a finite number", word)
        return float(word.text)

    def _space(self, noun: str) -> Space:
        """Read a count or a list of names."""
        words = self._list(noun)
        first = words[0].text
        if len(words) == 1 and words[0].is_number:
            if not (first.isdigit() and len(first) <= 10 and 0 < int(first) <= LARGEST_COUNT):
                self.scanner.fail(f"expected a count from 1 to {LARGEST_COUNT}, or names", words[0])
            return Space(noun, int(first))
        seen: set[str] = set()
        are_numbers = all(word.text.isdigit() for word in words)
        for word in words:
            if word.text in seen:
                self.scanner.fail(f"expected {noun} that is not called like another", word)
            if not word.text.isprintable() or (word.is_number and not are_numbers):
                self.scanner.fail("expected a name (printable UTF-8, not a number)", word)
            seen.add(word.text)
        names = [word.text for word in words]
        if are_numbers and names != [str(number) for number in range(len(names))]:
            self.draft.notes.append(f"{noun.split()[1]}s: the numbers {names[0]} … are read as names")
        return Space(noun, len(names), names)

    def _list(self, noun: str) -> list[Word]:
        """Read words up to the next statement; at least one."""
        words: list[Word] = []
        while (word := self.scanner.peek()).text and not self._begins_statement(word):
            if word.text in (":", "*"):
                self.scanner.fail(f"expected {noun}", word)
            words.append(self.scanner.take())
        if not words:
            self.scanner.fail(f"expected {noun}")
        return words

    def _begins_statement(self, word: Word) -> bool:
        """Whether a keyword and its colon come; a state may be called like a keyword."""
        if word.text not in ONCE and word.text not in REPEATED:
            return False
        self.scanner.take()
        if word.text == "start" and self.scanner.peek().text in ("include", "exclude"):
            self.scanner.take()
        begins = self.scanner.peek().text == ":"
        self.scanner.back(word)
        return begins
