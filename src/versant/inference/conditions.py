"""Which columns change within a subject, and the cells that they make.

A *cell* is a subject under one combination of the columns that change within subjects (`versant.inference.cells`); a
subject need not have met every combination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.inference.cells import Cells
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "table_of"]


@dataclass(frozen=True)
class Table:
    """The variables of a formula, over C cells, and over N subjects × G combinations of conditions."""

    cells: Cells
    frame: pd.DataFrame  # C rows
    grid: pd.DataFrame  # N·G rows, the combinations of a subject together
    combinations: pd.DataFrame  # G rows
    combination: NDArray[np.int64]  # (C,), of each cell
    within: tuple[str, ...]  # variables that change within a subject
    between: tuple[str, ...]


def table_of(trials: Trials, needed: Mapping[str, str]) -> Table:
    """Return the cells that variables make.

    Parameters
    ----------
    trials : Trials
    needed : mapping
        Variable → a parameter whose formula needs it.

    Raises
    ------
    DataError
        If a column is not there, has an empty or infinite cell, or is the same everywhere.
    """
    import pandas as pd

    frame = _columns(trials, needed)
    subject = trials.subject_index
    first = trials.offsets[:-1]
    own = frame.iloc[first[subject]].reset_index(drop=True)
    changes = {name: bool((frame[name].to_numpy() != own[name].to_numpy()).any()) for name in needed}
    within = [name for name, changing in changes.items() if changing]
    between = [name for name, changing in changes.items() if not changing]
    keys = frame[within].assign(**{" subject": subject})
    rows: NDArray[np.int64] = np.asarray(keys.groupby([" subject", *within], sort=True).ngroup(), dtype=np.int64)
    at = np.unique(rows, return_index=True)[1]
    table = frame.iloc[at].reset_index(drop=True)
    combination: NDArray[np.int64] = np.zeros(len(at), dtype=np.int64)
    combinations = pd.DataFrame(index=range(1))
    if within:
        combination = np.asarray(table.groupby(within, sort=True).ngroup(), dtype=np.int64)
        combinations = table[within].iloc[np.unique(combination, return_index=True)[1]].reset_index(drop=True)
    count, people = len(combinations), trials.n_subjects
    grid = pd.concat(
        [
            frame[between].iloc[np.repeat(first, count)].reset_index(drop=True),
            combinations.iloc[np.tile(np.arange(count), people)].reset_index(drop=True),
        ],
        axis=1,
    )
    cells = Cells(subject[at], rows, {name: _plain(table[name]) for name in within})
    return Table(cells, table, grid, combinations, combination, tuple(within), tuple(between))


def _plain(column: pd.Series) -> NDArray[Any]:
    """Return a column as numbers or as text."""
    values = column.to_numpy()
    if values.dtype.kind == "u":
        return values.astype(np.int64)
    return values if values.dtype.kind in "fib" else values.astype(str)


def _columns(trials: Trials, needed: Mapping[str, str]) -> pd.DataFrame:
    frame = trials.frame()
    for name, parameter in needed.items():
        if name not in frame:
            raise DataError(
                f"the formula of {parameter} needs this column",
                f"there are {', '.join(map(str, frame.columns))}",
                trials.source,
                column=name,
            )
        empty = frame[name].isna().to_numpy()
        if empty.any():
            at = int(np.argmax(empty))
            raise DataError(
                "a covariate is missing",
                "leave the subject out, or fill it in",
                trials.source,
                int(trials.rows[at]),
                name,
                trials.subjects[int(trials.subject_index[at])],
            )
        _require_finite(trials, name, frame[name].to_numpy())
        if frame[name].nunique() == 1:
            raise DataError(
                f"this column is the same everywhere, and says nothing about {parameter}",
                "leave it out of the formula",
                trials.source,
                column=name,
            )
    return frame[list(needed)]


def _require_finite(trials: Trials, name: str, values: NDArray[Any]) -> None:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    at = int(np.argmin(np.isfinite(values)))
    subject = trials.subjects[int(trials.subject_index[at])]
    raise DataError(
        "a covariate must be a finite number",
        "leave the subject out, or correct it",
        trials.source,
        int(trials.rows[at]),
        name,
        subject,
        float(values[at]),
    )
