"""What makes the parts of a POMDP valid; every refusal names the part, the row and what was expected."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, issparse

from versant.errors import ProblemError

__all__ = [
    "Array",
    "Sparse",
    "check_order",
    "checked_belief",
    "checked_budget",
    "checked_cost_name",
    "checked_discount",
    "checked_horizon",
    "checked_kernel",
    "checked_names",
    "index_of",
    "known_costs",
    "unknown_cost",
]

Array = NDArray[np.float64]
Sparse = csr_array[Any]

_COST_NAME = re.compile(r"[^\s:#*=<>]+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

SUM_TOLERANCE = 1e-9
"""How far a probability distribution may miss the sum one: rounding of long sums, no more."""


def checked_names(names: Iterable[str], noun: str) -> tuple[str, ...]:
    """Names as a tuple of unique, non-empty text."""
    given = tuple(names)
    if not given:
        raise ProblemError(f"a problem needs at least one {noun}")
    for name in given:
        if not isinstance(name, str) or not name:
            raise ProblemError(f"{noun} names are non-empty text, not {name!r}")
    if len(set(given)) != len(given):
        twice = next(name for name, count in Counter(given).items() if count > 1)
        raise ProblemError(f"two {noun}s are called {twice!r}")
    return given


def checked_kernel(kernel: Any, noun: str, rows: Sequence[str], columns: Sequence[str]) -> Sparse:
    """Check that every row is a distribution; return canonical CSR without stored zeros, read-only."""
    shape = (len(rows), len(columns))
    given: Any = kernel if issparse(kernel) else np.asarray(kernel, dtype=np.float64)
    if given.shape != shape:
        raise ProblemError(f"{noun}: shape {given.shape}, expected {shape}")
    matrix: Any = given
    if not _is_frozen(given):
        matrix = csr_array(given, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    bad = np.flatnonzero(~(np.isfinite(matrix.data) & (matrix.data > 0.0)))
    if bad.size:
        state = int(np.searchsorted(matrix.indptr, bad[0], side="right")) - 1
        column = columns[int(matrix.indices[bad[0]])]
        raise ProblemError(f"{noun}: probability of {column!r} in state {rows[state]!r} is {matrix.data[bad[0]]}")
    sums = np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()
    miss = np.abs(sums - 1.0)
    if miss.max() > SUM_TOLERANCE:
        worst = int(miss.argmax())
        more = int((miss > SUM_TOLERANCE).sum()) - 1
        also = f" ({more} more rows miss 1 too)" if more else ""
        raise ProblemError(f"{noun}: the row of state {rows[worst]!r} sums to {sums[worst]:.12g}, expected 1{also}")
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.setflags(write=False)
    return cast(Sparse, matrix)


def _is_frozen(given: Any) -> bool:
    """Whether these are read-only CSR arrays of a validated problem, which need no copy."""
    if not (isinstance(given, csr_array) and given.dtype == np.float64 and given.has_canonical_format):
        return False
    return not any(part.flags.writeable for part in (given.data, given.indices, given.indptr))


def checked_belief(start: ArrayLike, states: Sequence[str]) -> Array:
    """Belief as a read-only distribution over the states."""
    belief = np.array(start, dtype=np.float64)
    if belief.shape != (len(states),):
        raise ProblemError(f"start belief: shape {belief.shape}, expected ({len(states)},)")
    bad = np.flatnonzero(~(np.isfinite(belief) & (belief >= 0.0)))
    if bad.size:
        raise ProblemError(f"start belief: the probability of state {states[bad[0]]!r} is {belief[bad[0]]}")
    if abs(belief.sum() - 1.0) > SUM_TOLERANCE:
        raise ProblemError(f"start belief sums to {belief.sum():.12g}, expected 1")
    belief.setflags(write=False)
    return belief


def checked_budget(name: str, bound: float, costs: Mapping[str, Array]) -> float:
    """Budget as a finite number of an existing cost."""
    if name not in costs:
        raise ProblemError(unknown_cost(name, costs))
    if isinstance(bound, bool) or not isinstance(bound, int | float | np.number) or not math.isfinite(bound):
        raise ProblemError(f"the budget of {name!r} is {bound!r}, expected a finite number")
    return float(bound)


def check_order(floors: Mapping[str, float], budgets: Mapping[str, float]) -> None:
    """Raise ProblemError where a floor lies above the budget of the same cost."""
    for name, floor in floors.items():
        if floor > budgets.get(name, math.inf):
            raise ProblemError(f"{name!r} is to be at least {floor} and at most {budgets[name]}: nothing is both")


def checked_cost_name(name: Any) -> str:
    """Name of a cost, as it can stand in a file and on the command line: no number, no blanks, none of ``:#*=<>``."""
    if not isinstance(name, str) or not _COST_NAME.fullmatch(name) or _NUMBER.fullmatch(name):
        raise ProblemError(f"a cost is called {name!r}; names are text without blanks and :#*=<>, and no numbers")
    return name


def checked_discount(discount: float | None) -> float | None:
    """Discount as a number in (0, 1], or None."""
    if discount is None:
        return None
    if not 0.0 < discount <= 1.0:
        raise ProblemError(f"the discount is {discount}, expected a number in (0, 1]")
    return float(discount)


def checked_horizon(horizon: int | None) -> int | None:
    """Horizon as a positive whole number, or None."""
    if horizon is None:
        return None
    if isinstance(horizon, bool) or not isinstance(horizon, int | np.integer) or horizon < 1:
        raise ProblemError(f"the horizon is {horizon!r}, expected a positive whole number")
    return int(horizon)


def unknown_cost(name: str, costs: Mapping[str, Array]) -> str:
    """Say that a budget is set for a cost which does not exist."""
    return f"a budget is set for {name!r}, but {known_costs(costs)}"


def known_costs(costs: Mapping[str, Array]) -> str:
    """Say which costs there are."""
    return "the costs of this problem are: " + (", ".join(map(repr, costs)) or "none")


def index_of(key: str | int, numbers: Mapping[str, int], noun: str) -> int:
    """Index of a thing given by name or index."""
    if isinstance(key, str):
        if key in numbers:
            return numbers[key]
        close = get_close_matches(key, [*numbers][:1000], n=3)
        hint = f"did you mean {', '.join(close)}?" if close else f"there are: {', '.join([*numbers][:10])}"
        raise ProblemError(f"no {noun} is called {key!r}; {hint}{' …' if not close and len(numbers) > 10 else ''}")
    if isinstance(key, bool) or not isinstance(key, int | np.integer) or not 0 <= key < len(numbers):
        raise ProblemError(f"no {noun} has number {key!r}; they count from 0 to {len(numbers) - 1}")
    return int(key)
