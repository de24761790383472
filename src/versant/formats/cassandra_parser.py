"""The grammar of Cassandra's .POMDP format and of .cpomdp, its superset with costs and budgets.

::

    discount: NUMBER                         values: reward | cost
    states: COUNT | NAME …                   horizon: NUMBER | infinite
    actions: COUNT | NAME …                  costs: NAME …                        (.cpomdp)
    observations: COUNT | NAME …             budget: COST [<= | >= | ==] NUMBER … (.cpomdp)

    start: NUMBER … | uniform | STATE …      start include: STATE …        start exclude: STATE …

    T: a : s : s' NUMBER      O: a : s' : o NUMBER      R: a : s : s' : o NUMBER    C: COST : a : s : s' : o NUMBER
    T: a : s  ROW             O: a : s'  ROW            R: a : s : s'  ROW          C: COST : a : s : s'  ROW
    T: a  MATRIX              O: a  MATRIX              R: a : s  MATRIX            C: COST : a : s  MATRIX

An index is a name, a number counted from 0, or ``*`` for all; a later line overrides an earlier one. ROW is as many
numbers as there are, or ``uniform``, or in T ``reset`` (the start belief). MATRIX is numbers, ``uniform``, or
``identity`` where it is square. A colon before numbers is tolerated; behind three indices of R, it makes a single
number the reward of all observations. ``#`` begins a comment. Costs and budgets are not affected by ``values``;
a budget without a sign is an upper bound (``<=``).

Source: A. R. Cassandra, *POMDP file format*, pomdp.org.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from versant.formats.cassandra_draft import Draft
from versant.formats.cassandra_header import Header
from versant.formats.cassandra_lines import take_lines
from versant.formats.cassandra_sums import ROUNDING
from versant.formats.cassandra_tables import Tables
from versant.formats.cassandra_tokens import ONCE, REPEATED, Scanner, Word

__all__ = ["Statements", "parse"]


def parse(scanner: Scanner, normalise: bool = False) -> Draft:
    """Read a whole file.

    Parameters
    ----------
    scanner : Scanner
    normalise : bool
        Accept probabilities above one, and a start belief of any sum, as weights that are rescaled.

    Raises
    ------
    FormatError
        Where the text does not follow the grammar; it names file, line, column, what was expected and what was found.

    Examples
    --------
    >>> import io
    >>> text = b"states: 2 actions: go observations: dark light T: go identity R: go : 1 : * : * 3"
    >>> draft = parse(Scanner(io.BytesIO(text), "x.pomdp"))
    >>> draft.states.size, draft.observations.names
    (2, ['dark', 'light'])
    """
    draft = Draft(scanner.source)
    largest = math.inf if normalise else 1.0 + ROUNDING
    statements = Statements(scanner, draft, normalise, largest)
    word_by_word = 0
    while scanner.peek().text:
        if word_by_word == 0:
            word_by_word = take_lines(scanner, draft, largest)
        else:
            statements.take()
            word_by_word -= 1
        scanner.forget()
    return draft


class Statements:
    """Reads one statement at a time, word by word; numbers above `largest` are no probabilities."""

    def __init__(self, scanner: Scanner, draft: Draft, normalise: bool, largest: float) -> None:
        self.scanner = scanner
        self.given: set[str] = set()
        header, tables = Header(scanner, draft, normalise), Tables(scanner, draft, largest)
        self.readers: dict[str, Callable[[Word], None]] = {
            "discount": header.discount,
            "values": header.values,
            "horizon": header.horizon,
            "states": header.states,
            "actions": header.actions,
            "observations": header.observations,
            "costs": header.costs,
            "start": header.start,
            "budget": header.budget,
            "T": tables.kernel,
            "O": tables.kernel,
            "R": tables.reward,
            "C": tables.reward,
        }

    def take(self) -> None:
        """Read one statement."""
        keyword = self.scanner.take()
        if keyword.text not in self.readers:
            self.scanner.fail(f"expected a statement ({', '.join((*ONCE, *REPEATED))})", keyword)
        if keyword.text in self.given:
            self.scanner.fail(f"expected {keyword.text!r} only once", keyword)
        if keyword.text in ONCE:
            self.given.add(keyword.text)
        if keyword.text != "start":
            self.scanner.take_colon(keyword.text)
        self.readers[keyword.text](keyword)
