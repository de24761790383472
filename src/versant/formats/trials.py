"""Trials in files: CSV, TSV and Parquet tables in long format, one row a trial, and pandas DataFrames like them.

Every cell of a text file is read as text and turned into numbers or left as text column by column, by the rules of
`versant.trials.columns`; no parser's list of words for "missing" has a say. Spaces around a cell are not part of it, a
line without any cell filled in is no trial and is reported, and a row is counted as a spreadsheet shows it: the header
is row 1.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from versant.errors import DataError, VersantError
from versant.files import atomic_path
from versant.trials import Trials, assemble
from versant.trials.coding import Options
from versant.trials.origin import Origin

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_trials", "write_trials"]

LONGEST_HEADER = 1 << 20  # bytes
KINDS = ".csv (commas), .tsv (tabs), .txt (tabs or commas), .parquet"


def read_trials(
    path_or_frame: str | os.PathLike[str] | pd.DataFrame,
    rename: Mapping[str, str] | None = None,
    missing: Any = None,
    choices: Mapping[str, Options] | None = None,
) -> Trials:
    """Read recorded behaviour in long format: one row a trial.

    A column says whose trial it is (`subject`); `session`, `block` and `trial` say where it stands, if they are there.
    Usual names of these four are known (subjID, participant_id, ppt, subj_idx, trialNum, run, ...), and
    ``trials.report`` says what was read as what.

    Parameters
    ----------
    path_or_frame : path or DataFrame
        ``.csv`` (commas), ``.tsv`` (tabs), ``.txt`` (tabs or commas, as the header shows), all UTF-8; ``.parquet``.
        Named index levels of a frame are columns too.
    rename : mapping, optional
        From the file's names to ours: ``{"outcome": "reward"}``.
    missing : scalar, sequence or mapping, optional
        Codes of missing responses. A code or several, for all columns of choices: ``"NA"``, ``[0, -1]``; NaN stands
        for empty cells and NaN. Or by column: ``{"choice": 0, "reward": "NaN"}``.
    choices : mapping, optional
        The number of options of a column of choices, where the data may not show all of them; or their labels in
        order, which settles any coding: ``{"choice": 4}``, ``{"choice": ["left", "right"]}``.

    Returns
    -------
    Trials

    Raises
    ------
    DataError
        For a table that cannot be used as it is: it names file, row, column, subject, value and the remedy. Rows of a
        file count from 1, its header; rows of a frame from 0.
    VersantError
        For a file that is not there or cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"subjID": [7, 7, 9], "choice": [1, 2, 0], "outcome": [1.0, 0.0, 0.0]})
    >>> print(read_trials(frame, rename={"outcome": "reward"}, missing=0).summary())
    Trials(2 subjects, 1 to 2 trials each, 3 in all; choice, reward)
    subjID read as subject, outcome read as reward
    no trial column: the order of a subject's rows is the order of its trials
    choice: 1 of 3 missing (declared)
    choice: 2 options counted from 1 (detected)
    """
    import pandas as pd

    arguments = {"rename": rename, "missing": missing, "choices": choices}
    if isinstance(path_or_frame, pd.DataFrame):
        return _from_frame(path_or_frame, "DataFrame", 0, arguments)
    path = Path(path_or_frame)
    if path.is_dir():
        raise VersantError(f"{path} is a folder: name a file in it, {KINDS}")
    parquet = path.suffix.lower() == ".parquet"
    found = _from_frame(_read_parquet(path), str(path), 2, arguments) if parquet else _from_text(path, arguments)
    return replace(found, origin=Origin(str(path.resolve()), arguments))


def write_trials(trials: Trials, path: str | os.PathLike[str]) -> None:
    """Write trials with the labels of their source as ``.csv``, ``.tsv``, ``.txt`` (tabs) or ``.parquet``, atomically.

    Missing cells are written empty. What is written reads back as the same trials with ``missing=`` naming them and
    ``choices=trials.choices``.

    Raises
    ------
    DataError
        For another extension.
    VersantError
        If the file cannot be written.
    """
    kind = Path(path).suffix.lower()
    if kind not in (".csv", ".tsv", ".txt", ".parquet"):
        raise _unknown_kind(Path(path))
    frame = trials.frame()
    with atomic_path(path) as temporary:
        if kind == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            frame.to_csv(temporary, sep="," if kind == ".csv" else "\t", index=False, lineterminator="\n")


def _from_frame(frame: pd.DataFrame, source: str, first_row: int, arguments: Mapping[str, Any]) -> Trials:
    """Trials from the columns, and the named index levels, of a frame."""
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index([level for level, name in enumerate(frame.index.names) if name is not None])
    names = [str(name) for name in frame.columns]
    if not names:
        raise DataError("there are no columns", "give a table with a row for each trial", source)
    raw = [frame.iloc[:, place] for place in range(len(names))]
    rows = np.arange(first_row, first_row + len(frame), dtype=np.int64)
    return assemble(names, raw, rows, source, **arguments)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    content = _content(path)
    try:
        frame: pd.DataFrame = parquet.read_table(pa.BufferReader(content)).to_pandas()
    except pa.ArrowException as error:
        raise DataError(f"this is no Parquet file: {error}", "write the table again as .parquet", str(path)) from error
    return frame


def _from_text(path: Path, arguments: Mapping[str, Any]) -> Trials:
    """Trials from a file of delimited text."""
    import pyarrow.compute as pc

    source = str(path)
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise _unknown_kind(path)
    content = _content(path)
    kind = path.suffix.lower()
    header = _header(content, "\t", source)
    delimiter = "\t" if kind == ".tsv" or (kind == ".txt" and (len(header) > 1 or "," not in header[0])) else ","
    header = _header(content, delimiter, source)
    if len(header) == 1:
        _require_delimiter(header[0], delimiter, source)
    names = [name.strip() or f"unnamed_{place}" for place, name in enumerate(header, start=1)]
    table = _parse(content, delimiter, len(header), source)
    _require_closed_quotes(content, table, delimiter, source)
    blank = np.ones(table.num_rows - 1, dtype=bool)
    for column in table.columns:
        if blank.any():
            blank &= pc.equal(pc.utf8_trim_whitespace(column), "").to_numpy()[1:]
    rows = np.flatnonzero(~blank) + 2
    cells = [column.slice(1) if len(rows) == len(blank) else column.take(rows - 1) for column in table.columns]
    empty = [f"{int(blank.sum())} empty lines are no trials"] if blank.any() else []
    return assemble(names, cells, rows, source, report=empty, **arguments)


def _header(content: bytes, delimiter: str, source: str) -> list[str]:
    """Cells of the first row."""
    text = content[:LONGEST_HEADER].decode("utf-8-sig", errors="replace")  # bytes that are no UTF-8: see _unreadable
    try:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise _unreadable(content, str(error), source) from error
    if not any(cell.strip() for cell in cells):
        raise DataError("the first row is empty", "let it be the header, the names of the columns", source, row=1)
    return cells


def _parse(content: bytes, delimiter: str, width: int, source: str) -> Any:
    """All cells of delimited text as strings; the header is the first row, the columns are f0, f1, ..."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    ragged: list[Any] = []

    def refuse(row: Any) -> str:
        ragged.append(row)
        return "error"

    try:
        return arrow_csv.read_csv(
            io.BytesIO(content),
            read_options=arrow_csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=refuse
            ),
            convert_options=arrow_csv.ConvertOptions(column_types={f"f{k}": pa.string() for k in range(width)}),
        )
    except pa.ArrowInvalid as error:
        if ragged:
            raise _ragged(ragged[0], source) from error
        raise _unreadable(content, str(error), source) from error


def _ragged(row: Any, source: str) -> DataError:
    remedy = "give every row a cell for each column of the header (and put text that holds the delimiter in quotes)"
    return DataError(
        f"{row.actual_columns} cells where the header has {row.expected_columns}",
        remedy,
        source,
        row.number,
        value=row.text,
    )


def _unreadable(content: bytes, problem: str, source: str) -> DataError:
    """What keeps a text from being read: bytes that are no UTF-8, or what the parser says."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        found = content[error.start : error.end]
        return DataError("the text is not UTF-8", "save the file as CSV in UTF-8", source, row, value=found)
    return DataError(f"the text is no table: {problem}", "save the table again as CSV in UTF-8", source)


def _require_closed_quotes(content: bytes, table: Any, delimiter: str, source: str) -> None:
    """No quote swallows the rows after it: where a cell holds a line's end, every quote must open or end a cell."""
    import pyarrow.compute as pc

    if not any(pc.any(pc.match_substring_regex(column, "[\r\n]")).as_py() for column in table.columns):
        return
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter, strict=True)
    whole = 0
    try:
        for _ in rows:
            whole += 1
    except csv.Error as error:
        remedy = "close the quote, and write a quote inside a quoted cell twice"
        raise DataError(f"a quote that does not end its cell ({error})", remedy, source, row=whole + 1) from error


def _require_delimiter(header: str, delimiter: str, source: str) -> None:
    """A header that is one cell, but seems to hold several, was written with another delimiter."""
    names = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "spaces"}
    other = next((sign for sign in names if sign in header), None)
    if other is not None:
        problem = f"columns seem to be separated by {names[other]}, not {names[delimiter]}"
        raise DataError(problem, "save it with commas as .csv or with tabs as .tsv", source, row=1, value=header)


def _content(path: Path) -> bytes:
    """The bytes of a file that is there and not empty; text if its extension says so."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VersantError(f"cannot read {path}: {error.strerror}. Name a file of trials, {KINDS}") from error
    if not content.strip():
        raise DataError("the file is empty", "give a table with a header and a row for each trial", str(path))
    if path.suffix.lower() != ".parquet" and b"\0" in content:
        remedy = "save the table as CSV in UTF-8 (spreadsheets call it 'CSV UTF-8')"
        raise DataError("this is not a text file in UTF-8: it holds zero bytes", remedy, str(path))
    return content


def _unknown_kind(path: Path) -> DataError:
    return DataError(f"the extension {path.suffix!r} is none of a table of trials", f"use one of {KINDS}", str(path))
