"""The table of trials: rows of one subject together, in the order in which its trials were lived.

Row j of subject i is one trial; subject i owns the rows offsets[i]:offsets[i+1], so ragged lengths need no padding. The
table holds numbers as float64, choices as options 0..n-1 beside their `Coding`, other text as objects; it knows which
cells were declared missing, and from which row of which source each trial came, so that every error can say where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.trials import faults
from versant.trials.coding import Coding, Label, Options, listed, spelled
from versant.trials.columns import Column, is_empty, is_number, read_column
from versant.trials.detection import Unsettled, detect, parse_options
from versant.trials.ordering import ORDERED, arrange
from versant.trials.origin import Origin

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trials"]


@dataclass(frozen=True, eq=False, repr=False)
class Trials:
    """Recorded or simulated behaviour of N subjects, n trials in all; it cannot be changed.

    Made by `versant.read_trials` from files and frames, by `Trials.from_columns` from arrays.

    Parameters
    ----------
    subjects : tuple of length N
        Labels, in order of first appearance.
    offsets : (N+1,) int64
        The rows of subject i are ``offsets[i]:offsets[i+1]``.
    columns : mapping of (n,) arrays
        Numbers as float64 (NaN where missing), choices as int64 options 0..n-1 (-1 where missing), other text as
        objects (None where missing). `session`, `block` and `trial` are among them where they are known.
    codings : mapping of Coding
        Of each column of choices.
    missing : mapping of (n,) bool arrays
        Cells that a declared code says are missing; only columns that have any.
    rows : (n,) int64
        Row of the source: in a file the header is row 1; in a frame rows count from 0.
    source : str
        Name of the file, or what stands for it.
    report : tuple of str
        What was read how.
    origin : Origin, optional
        The file they were read from, if it can be read again.

    Examples
    --------
    >>> trials = Trials.from_columns(subject=["ann", "ann", "bob"], columns={"choice": [0, 1, 1], "reward": [1, 0, 1]},
    ...                              codings={"choice": 2})
    >>> trials
    Trials(2 subjects, 1 to 2 trials each, 3 in all; choice, reward)
    >>> trials.codes("choice")
    array([0, 1, 1])
    """

    subjects: tuple[Label, ...]
    offsets: NDArray[np.int64]  # (N+1,)
    columns: Mapping[str, NDArray[Any]]  # each (n,)
    codings: Mapping[str, Coding]
    missing: Mapping[str, NDArray[np.bool_]]  # each (n,)
    rows: NDArray[np.int64]  # (n,)
    source: str = "columns"
    report: tuple[str, ...] = ()
    origin: Origin | None = None

    def __post_init__(self) -> None:
        for name in ("offsets", "rows"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        for name in ("columns", "missing"):
            arrays = {column: _frozen(array) for column, array in getattr(self, name).items()}
            object.__setattr__(self, name, MappingProxyType(arrays))
        object.__setattr__(self, "codings", MappingProxyType(dict(self.codings)))
        lengths = {len(array) for array in (*self.columns.values(), *self.missing.values(), self.rows)}
        if lengths != {int(self.offsets[-1])} or len(self.offsets) != len(self.subjects) + 1:
            raise ValueError(f"columns of {sorted(lengths)} rows do not fit subjects with {self.offsets[-1]} rows")
        if (np.diff(self.offsets) < 1).any():
            raise faults.without_trials(self, self.subjects[int(np.argmin(np.diff(self.offsets)))])

    @classmethod
    def from_columns(
        cls,
        *,
        subject: Any,
        columns: Mapping[str, Any],
        codings: Mapping[str, Options | Coding] | None = None,
        session: Any = None,
        block: Any = None,
        trial: Any = None,
        source: str = "columns",
    ) -> Trials:
        """Trials from arrays, as a simulator has them.

        Parameters
        ----------
        subject : (n,) labels
        columns : mapping of (n,) arrays
        codings : mapping, optional
            For columns that hold options 0..n-1 (-1: missing): the number of options, their labels in order, or a
            `Coding`.
        session, block, trial : (n,), optional
            Where the trial stands; rows are sorted by them within a subject. A trial is a number.
        source : str, optional
            What error messages call this table.

        Raises
        ------
        DataError
            For lengths that differ, no rows, options out of range, repeated trials, a row without a subject.
        """
        given = {"session": session, "block": block, "trial": trial}
        doubled = sorted({*given, "subject"} & set(columns))
        if doubled:
            raise DataError("this column has its own argument", f"give it as {doubled[0]}=", source, column=doubled[0])
        raw = {name: values for name, values in given.items() if values is not None} | dict(columns)
        raw = {name: _as_array(values) for name, values in raw.items()}
        for name, values in raw.items():
            if values.shape != (len(subject),):
                problem = f"an array of shape {values.shape} for {len(subject)} rows"
                raise DataError(problem, "give one value a row", source, column=name)
        read = {name: read_column(values) for name, values in raw.items()}
        trials = cls.from_read(_as_array(subject), read, np.arange(len(subject)), source, ())
        for name, options in (codings or {}).items():
            trials = trials._with_options(name, options)
        return trials

    @classmethod
    def from_read(
        cls, subject: Any, columns: Mapping[str, Column], rows: NDArray[np.int64], source: str, report: tuple[str, ...]
    ) -> Trials:
        """Trials from columns as `versant.trials.columns.read_column` reads them; see `ordering.arrange`."""
        arranged = arrange(subject, columns, rows, source)
        return cls(
            subjects=arranged.subjects,
            offsets=arranged.offsets,
            columns=arranged.columns,
            codings={},
            missing=arranged.missing,
            rows=arranged.rows,
            source=source,
            report=report + arranged.report,
        )

    def __len__(self) -> int:
        """Number of trials, of all subjects together."""
        return len(self.rows)

    @property
    def n_subjects(self) -> int:
        """Number of subjects N."""
        return len(self.subjects)

    @cached_property
    def n_trials(self) -> NDArray[np.int64]:
        """Number of trials of each subject, (N,)."""
        return _frozen(np.diff(self.offsets))

    @cached_property
    def subject_index(self) -> NDArray[np.int64]:
        """Subject 0..N-1 of each row, (n,)."""
        return _frozen(np.repeat(np.arange(self.n_subjects, dtype=np.int64), self.n_trials))

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column as numbers, (n,) float64; NaN only where a declared code says the cell is missing.

        Raises
        ------
        DataError
            Where the column does not exist, or holds text, an infinity, or an empty cell nobody declared.
        """
        values = self._labels(column)
        if values.dtype == object:
            text = np.flatnonzero(~is_empty(values))
            if len(text):
                at = int(next((i for i in text if not is_number(values[i])), text[0]))
                raise faults.text(self, column, at, values[at])
            values = np.full(len(self), np.nan)
        self._require_filled(column, np.isnan(values))
        if np.isinf(values).any():
            at = int(np.argmax(np.isinf(values)))
            remedy = f"correct the cell, or declare it missing, missing={{{column!r}: {float(values[at])!r}}}"
            raise faults.fault(self, "an infinite number", remedy, column, at, float(values[at]))
        return _frozen(values)

    def codes(self, column: str, n_options: int | None = None) -> NDArray[np.int64]:
        """A column as options, (n,) int64 in 0..n-1, and -1 where a declared code says the cell is missing.

        Parameters
        ----------
        column : str
        n_options : int, optional
            The number of options that the column must have.

        Raises
        ------
        DataError
            Where the column does not exist, holds an empty cell nobody declared, or its coding is ambiguous.
        """
        return self.with_coding(column, n_options).columns[column]

    def coding(self, column: str, n_options: int | None = None) -> Coding:
        """The coding of a column of choices, cues or states; it raises as `codes` does."""
        return self.with_coding(column, n_options).codings[column]

    def with_coding(self, column: str, options: Options | Coding | None = None) -> Trials:
        """The same trials with `column` coded as options 0..n-1, and the report saying how.

        Parameters
        ----------
        column : str
        options : int or sequence of labels, optional
            Number of options, or their labels in order; without it the column must show them.
        """
        values = self._column(column)
        declared = None if options is None else parse_options(column, options)
        if isinstance(declared, Unsettled):
            raise faults.unsettled(self, column, declared)
        if column in self.codings:
            return self._recoded(column, declared)
        missing = self.missing.get(column, np.zeros(len(self), dtype=bool))
        self._require_filled(column, is_empty(values))
        coding = declared if isinstance(declared, Coding) else detect(column, values[~missing], declared)
        if isinstance(coding, Unsettled):
            raise faults.unsettled(self, column, coding)
        coding = coding.for_text() if values.dtype == object else coding
        how = "detected" if declared is None else "declared"
        return self._coded(column, coding, coding, missing, how)

    def _coded(self, column: str, coding: Coding, written: Coding, missing: NDArray[np.bool_], how: str) -> Trials:
        """These trials with `column`, whose cells are labels of the coding `written`, as options of `coding`."""
        values = self.columns[column]
        codes = written.encode(values)
        outside = (codes < 0) & ~missing
        if outside.any():
            at = int(np.argmax(outside))
            raise faults.out_of_range(self, column, at, values[at], written)
        never = np.flatnonzero(np.bincount(codes[~missing], minlength=coding.n) == 0)
        unseen = f"; never chosen: {spelled([coding.labels[k] for k in never])}" if len(never) else ""
        return replace(
            self,
            columns={**self.columns, column: codes},
            codings={**self.codings, column: coding},
            missing={**self.missing, column: missing} if missing.any() else self.missing,
            report=(*self.report, f"{column}: {coding} ({how}{unseen})"),
        )

    def _recoded(self, column: str, declared: int | Coding | None) -> Trials:
        """A coded column, if it has the options declared, or coded anew."""
        coding = self.codings[column]
        if declared is None or declared in (coding, coding.n):
            return self
        if isinstance(declared, int):
            raise faults.wrong_number(self, column, coding, declared)
        codings = {name: other for name, other in self.codings.items() if name != column}
        labels = {**self.columns, column: coding.decode(self.columns[column])}
        return replace(self, columns=labels, codings=codings).with_coding(column, declared.labels)

    def _with_options(self, column: str, options: Options | Coding) -> Trials:
        """A column that holds options 0..n-1 (-1: missing) already."""
        values = self._column(column)
        declared = parse_options(column, options)
        if isinstance(declared, Unsettled):
            raise faults.unsettled(self, column, declared)
        coding = Coding.counted(0, declared) if isinstance(declared, int) else declared
        self._require_filled(column, is_empty(values))
        return self._coded(column, coding, Coding.counted(0, coding.n), values == -1, "declared")

    def select(self, mask: NDArray[np.bool_]) -> Trials:
        """The trials where `mask` (n,) is true.

        Raises
        ------
        DataError
            If a subject is left without trials.
        """
        mask = np.asarray(mask)
        if mask.shape != (len(self),) or mask.dtype != bool:
            raise ValueError(f"a mask of trials is ({len(self)},) bool, not {mask.shape} {mask.dtype}")
        left = np.bincount(self.subject_index[mask], minlength=self.n_subjects)
        if (left == 0).any():
            raise faults.without_trials(self, self.subjects[int(np.argmin(left))])
        return self._kept(mask, self.subjects, left)

    def only(self, *subjects: Label) -> Trials:
        """The trials of these subjects, named by their labels, in the table's order.

        Raises
        ------
        DataError
            If there is no such subject.

        Examples
        --------
        >>> trials = Trials.from_columns(subject=["ann", "bob", "bob"], columns={"reward": [1, 0, 1]})
        >>> trials.only("bob")
        Trials(1 subject, 2 trials each, 2 in all; reward)
        """
        unknown = [label for label in subjects if label not in self.subjects]
        if unknown or not subjects:
            asked = unknown[0] if unknown else None
            raise DataError("no such subject", f"there are {spelled(self.subjects)}", self.source, subject=asked)
        wanted = np.array([label in subjects for label in self.subjects])
        labels = tuple(label for label in self.subjects if label in subjects)
        return self._kept(wanted[self.subject_index], labels, self.n_trials[wanted])

    def _kept(self, mask: NDArray[np.bool_], subjects: tuple[Label, ...], left: NDArray[np.int64]) -> Trials:
        missing = {name: cells[mask] for name, cells in self.missing.items()}
        return replace(
            self,
            subjects=subjects,
            offsets=np.concatenate([[0], np.cumsum(left)]),
            columns={name: values[mask] for name, values in self.columns.items()},
            missing={name: cells for name, cells in missing.items() if cells.any()},
            rows=self.rows[mask],
        )

    def any_missing(self, columns: Sequence[str]) -> NDArray[np.bool_]:
        """Where any of `columns` is declared missing, (n,)."""
        found = np.zeros(len(self), dtype=bool)
        for column in columns:
            self._column(column)
            found |= self.missing.get(column, False)
        return found

    @property
    def choices(self) -> dict[str, tuple[Label, ...]]:
        """The labels of each coded column, as ``choices=`` of `versant.read_trials` takes them."""
        return {name: coding.labels for name, coding in self.codings.items()}

    def frame(self) -> pd.DataFrame:
        """The table with the labels of the source: subject, session, block, trial, then all other columns."""
        import pandas as pd

        subject = pd.Series(list(self.subjects)).take(self.subject_index).reset_index(drop=True)
        names = [name for name in ORDERED if name in self.columns]
        names += [name for name in self.columns if name not in names]
        return pd.DataFrame({"subject": subject} | {name: self._as_recorded(name) for name in names})

    def summary(self) -> str:
        """Subjects, trials and columns, and the report, a line each."""
        return "\n".join([repr(self), *self.report])

    def __repr__(self) -> str:
        low, high = int(self.n_trials.min()), int(self.n_trials.max())
        each = f"{low} to {high}" if low < high else f"{low}"
        plural = "s" if self.n_subjects > 1 else ""
        return (
            f"Trials({self.n_subjects} subject{plural}, {each} trials each, {len(self)} in all; {listed(self.columns)})"
        )

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self.columns:
            raise faults.no_column(self, name)
        return self.columns[name]

    def _require_filled(self, column: str, empty: NDArray[np.bool_]) -> None:
        """No cell is empty unless a code declares it missing."""
        undeclared = empty & ~self.missing.get(column, np.zeros(len(self), dtype=bool))
        if undeclared.any():
            raise faults.empty_cell(self, column, int(np.argmax(undeclared)))

    def _labels(self, column: str) -> NDArray[Any]:
        """A column as it was recorded: float64, or text."""
        values = self._column(column)
        return self.codings[column].decode(values) if column in self.codings else values

    def _as_recorded(self, column: str) -> NDArray[Any]:
        """A column with its labels; whole numbers as int64 where none is missing."""
        values = self._labels(column)
        if values.dtype == object or np.any(np.abs(values) >= 2**53) or np.any(values != np.round(values)):
            return values
        return values.astype(np.int64)


def _as_array(values: Any) -> Any:
    """Lists as arrays of objects, so that nothing is turned into text; arrays and Series as they are."""
    if hasattr(values, "dtype"):
        return values
    array = np.asarray(values)
    return array if array.dtype.kind in "biuf" else np.array(list(values), dtype=object)


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """An array that cannot be written to; a copy, so that nobody else can write to it either."""
    array = np.asarray(array)
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array
