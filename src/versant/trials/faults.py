"""What a table of trials says when it cannot give what it is asked for: where, what is wrong, and what to do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from versant.errors import DataError
from versant.trials.coding import Coding, Label, listed, spelled, tidy
from versant.trials.detection import MARKERS, Unsettled

if TYPE_CHECKING:
    from versant.trials.table import Trials

__all__ = [
    "empty_cell",
    "fault",
    "no_column",
    "out_of_range",
    "text",
    "unsettled",
    "without_trials",
    "wrong_number",
]


def fault(trials: Trials, problem: str, remedy: str, column: str, at: int, value: object) -> DataError:
    """The error of the cell `at` (row of the table) of a column."""
    subject = trials.subjects[int((trials.offsets[1:] <= at).sum())]
    return DataError(problem, remedy, trials.source, int(trials.rows[at]), column, subject, value)


def no_column(trials: Trials, name: str) -> DataError:
    """A column that is asked for does not exist."""
    names = list(trials.columns)
    close = difflib.get_close_matches(name, names, n=1)
    theirs = close[0] if close else "..."
    remedy = f"say which of its columns it is, rename={{{theirs!r}: {name!r}}}; columns: {listed(names)}"
    return DataError(f"there is no column {name!r}", remedy, trials.source, column=name)


def without_trials(trials: Trials, subject: Label) -> DataError:
    """A subject has no trials, or none left."""
    remedy = (
        "leave the subject out of the data, or keep at least one of its trials; on_missing='learn' keeps those "
        "without a response"
    )
    return DataError("a subject without trials", remedy, trials.source, subject=subject)


def empty_cell(trials: Trials, column: str, at: int) -> DataError:
    """A cell of a column that is needed is empty, or NaN, and nobody declared it missing."""
    remedy = f"fill in the cell, or declare that empty cells are missing responses, missing={{{column!r}: 'NaN'}}"
    return fault(trials, "an empty cell or NaN in a column that is needed", remedy, column, at, float("nan"))


def text(trials: Trials, column: str, at: int, value: Any) -> DataError:
    """A column that is needed as numbers holds text."""
    remedy = f"correct the cell, or let another column be {column!r} by rename="
    if str(value).lower() in MARKERS:
        remedy = f"if it means a missing response, declare it, missing={{{column!r}: {value!r}}}; otherwise correct it"
    return fault(trials, "text in a number", remedy, column, at, value)


def unsettled(trials: Trials, column: str, doubt: Unsettled) -> DataError:
    """The coding of a column cannot be told; names the first row that makes it so."""
    if doubt.value is None:
        return DataError(doubt.problem, doubt.remedy, trials.source, column=column)
    at = int((trials.columns[column] == doubt.value).argmax())
    return fault(trials, doubt.problem, doubt.remedy, column, at, doubt.value)


def out_of_range(trials: Trials, column: str, at: int, value: Any, coding: Coding) -> DataError:
    """A cell is none of the options."""
    value = value if isinstance(value, str) else tidy(value)
    remedy = f"correct the cell, declare it missing, missing={{{column!r}: {value!r}}}, or add the option to choices="
    return fault(trials, f"choice out of range: the options are {spelled(coding.labels)}", remedy, column, at, value)


def wrong_number(trials: Trials, column: str, coding: Coding, needed: int) -> DataError:
    """A column has another number of options than is needed."""
    first = coding.first
    labels: list[Any] = [*coding.labels, "..."] if first is None else list(range(first, first + needed))
    remedy = f"if the data do not show all options, name them in order, choices={{{column!r}: {spelled(labels, True)}}}"
    if needed < coding.n:
        remedy = "take a model with as many options, or let another column be this one by rename="
        if first == 0:
            remedy = f"if 0 means that no response was made, missing={{{column!r}: 0}}; otherwise {remedy}"
    return DataError(f"the column has {coding} where {needed} are needed", remedy, trials.source, column=column)
