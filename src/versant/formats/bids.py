"""Trial-wise quantities as BIDS events: one table for each run of scanning, for models of the imaged signal.

    FOLDER/task-bandit_events.json                                   what the columns mean, for all tables
    FOLDER/sub-01/ses-2/func/sub-01_ses-2_task-bandit_events.tsv     onset, duration, then a column a quantity

Tables are separated by tabs; ``onset`` comes first and ``duration`` second, in seconds (onsets from the run's first
volume), and what is not known is ``n/a``. Labels are letters and digits, runs are numbered. Trials that the model was
not fitted to have their onset and duration, and ``n/a`` elsewhere. The tables are derivatives: in a folder that
describes itself as a raw data set no file is replaced.

Source: Brain Imaging Data Structure, version 1.10, "Task events".
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError, ModelError
from versant.files import atomic_path, write_json
from versant.inference.controller_result import ControllerFit
from versant.inference.group_result import GroupFit
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.trials import Trials
from versant.verbs.latents import latents

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_events"]

LABEL = re.compile(r"[0-9A-Za-z]+")
KEYS = ("subject", "session", "block", "trial")


def write_events(
    fit: Fit | Sample | ControllerFit,
    folder: str | os.PathLike[str],
    task: str,
    *,
    trials: Trials | None = None,
    onset: str = "onset",
    duration: str = "duration",
    run: str | None = None,
    columns: Sequence[str] = (),
    datatype: str = "func",
    states: bool = False,
) -> tuple[Path, ...]:
    """Write what a fitted learner (or controller) held to be true on every trial as BIDS events.

    Parameters
    ----------
    fit : Fit, Sample or ControllerFit
    folder : path
        Of the data set, or of derivatives of it.
    task : str
        Label of the task.
    trials : Trials, optional
        The whole table of the fitted subjects, where trials with missing responses were left out of the fit.
    onset, duration : str
        Columns of the trials, in seconds.
    run : str, optional
        Column whose whole numbers tell the runs of a session apart.
    columns : sequence of str
        Columns of the trials that the tables have too, as they were recorded: ``trial_type``, ``response_time`` …
    datatype : str
        Folder within that of the subject or session: ``func``, ``beh``, ``eeg``, ``meg`` …
    states : bool
        Also the learner's state; see `versant.latents`.

    Returns
    -------
    tuple of Path
        The table of every run, then the description of the columns.

    Raises
    ------
    DataError
        If there are no onsets or durations, they are no numbers, a run goes back in time, a label holds anything but
        letters and digits, there is no such column, or a file of a raw data set would be replaced.
    ModelError
        If the learner records something by the name of another column.

    Examples
    --------
    >>> import tempfile, versant as vs
    >>> model = vs.models.find("q_learning")
    >>> frame = vs.simulate(model, vs.Bandit(trials=3), {"alpha": 0.3, "beta": 4.0}, seed=1).frame()
    >>> frame["onset"], frame["duration"] = 2.5 * frame.trial, 1.0
    >>> fit = vs.fit(model, vs.read_trials(frame))
    >>> [file.name for file in vs.write_events(fit, tempfile.mkdtemp(), "bandit")]
    ['sub-1_task-bandit_events.tsv', 'task-bandit_events.json']
    """
    fitted = fit.whole_trials if isinstance(fit, GroupFit | GroupSample) else fit.trials
    whole = fitted if trials is None else trials.only(*fitted.subjects)
    _require_label("task", task, None)
    found = latents(fit, states=states)
    conditions = fit.cells.conditions if isinstance(fit, GroupFit | GroupSample) and fit.cells is not None else {}
    quantities = [name for name in found.columns if name not in KEYS and name not in conditions]
    clash = sorted({"onset", "duration", *columns} & set(quantities))
    if clash:
        raise ModelError(f"{_name(fit)} records {clash[0]!r}, which is another column of the events; use another name")
    table = _recorded(whole, onset, duration, columns)
    place = {int(row): at for at, row in enumerate(fitted.rows)}
    at = np.array([place.get(int(row), -1) for row in whole.rows])
    for name in quantities:
        values = found[name].to_numpy(dtype=np.float64)
        table[name] = np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
    runs = {_table_of(Path(folder), stem, datatype): rows for stem, rows in _runs(whole, task, run).items()}
    sidecar = Path(folder) / f"task-{task}_events.json"
    _spare_raw_data(Path(folder), [*runs, sidecar])
    for file, rows in runs.items():
        _require_order(whole, table["onset"].to_numpy(), rows, onset)
        with atomic_path(file) as temporary:
            table[rows].to_csv(temporary, sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    write_json(sidecar, _described(fit, quantities, columns))
    return (*runs, sidecar)


def _table_of(folder: Path, stem: str, datatype: str) -> Path:
    within = [part for part in stem.split("_") if part.startswith(("sub-", "ses-"))]
    return folder.joinpath(*within, datatype, f"{stem}_events.tsv")


def _spare_raw_data(folder: Path, files: list[Path]) -> None:
    """Raise DataError if one of the files is there already, and part of a raw data set."""
    description = folder / "dataset_description.json"
    there = [file for file in files if file.exists()]
    if not there or not description.is_file():
        return
    if json.loads(description.read_text(encoding="utf-8")).get("DatasetType", "raw") == "raw":
        remedy = f"name a folder for derivatives, such as {folder / 'derivatives' / 'versant'}"
        raise DataError("this file of a raw data set would be replaced", remedy, str(there[0]))


def _require_order(trials: Trials, onsets: NDArray[np.float64], rows: NDArray[np.bool_], column: str) -> None:
    """Raise DataError where a run goes back in time."""
    places = np.flatnonzero(rows)
    back = np.flatnonzero(np.diff(onsets[places]) < 0)
    if len(back):
        remedy = "say which column tells runs apart (run=), or correct the onset"
        row = int(trials.rows[places[back[0] + 1]])
        raise DataError("the onset lies before that of the trial before", remedy, trials.source, row, column)


def _recorded(trials: Trials, onset: str, duration: str, others: Sequence[str]) -> pd.DataFrame:
    """Return onset, duration and other columns of every trial."""
    import pandas as pd

    found = {}
    for name, column in (("onset", onset), ("duration", duration)):
        if column not in trials.columns:
            remedy = f"name the column that holds it in seconds, {name}=...; there are {', '.join(trials.columns)}"
            raise DataError(f"events need the {name} of every trial", remedy, trials.source, column=column)
        found[name] = trials.numbers(column)
    unknown = np.isnan(found["onset"])
    negative = found["duration"] < 0
    if unknown.any() or negative.any():
        at = int(np.argmax(unknown if unknown.any() else negative))
        column, problem = (onset, "an onset is missing") if unknown.any() else (duration, "a duration is negative")
        subject = trials.subjects[int(trials.subject_index[at])]
        raise DataError(problem, "correct the cell", trials.source, int(trials.rows[at]), column, subject)
    frame = trials.frame()
    absent = [name for name in others if name not in frame]
    if absent:
        raise DataError(
            "there is no such column", f"there are {', '.join(frame.columns)}", trials.source, column=absent[0]
        )
    return pd.DataFrame({**found, **{name: frame[name] for name in others}})


def _runs(trials: Trials, task: str, run: str | None) -> dict[str, Any]:
    """Return the rows of each run, by the stem of its file's name."""
    frame = trials.frame()
    if run is not None and run not in frame:
        remedy = f"there are {', '.join(frame.columns)}"
        raise DataError("there is no such column of runs", remedy, trials.source, column=run)
    keys = ["subject", *(["session"] if "session" in frame else []), *([run] if run else [])]
    runs = {}
    for labels, rows in frame.groupby(keys, sort=False).indices.items():
        named = dict(zip(keys, labels if isinstance(labels, tuple) else (labels,), strict=True))
        stem = f"sub-{_require_label('subject', named['subject'], 'sub-')}"
        if "session" in named:
            stem += f"_ses-{_require_label('session', named['session'], 'ses-')}"
        stem += f"_task-{task}"
        if run:
            stem += f"_run-{_require_index(run, named[run])}"
        mask = np.zeros(len(trials), dtype=bool)
        mask[rows] = True
        runs[stem] = mask
    return runs


def _require_label(what: str, label: object, prefix: str | None) -> str:
    """Return a label, without the prefix that it may have already."""
    text = str(label)
    text = text.removeprefix(prefix) if prefix else text
    if not LABEL.fullmatch(text):
        remedy = "BIDS knows letters and digits alone: give it another label"
        raise DataError(f"this {what} cannot stand in the name of a BIDS file", remedy, value=str(label))
    return text


def _require_index(column: str, value: Any) -> str:
    """Return the number of a run."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).removeprefix("run-")
    if not text.isdecimal():
        raise DataError("runs are numbered", "give whole numbers", column=column, value=str(value))
    return text


def _name(fit: Fit | Sample | ControllerFit) -> str:
    return fit.model.name if isinstance(fit, ControllerFit) else fit.learner.name


def _described(fit: Fit | Sample | ControllerFit, quantities: list[str], recorded: Sequence[str]) -> dict[str, Any]:
    """Return the description of the columns."""
    model = _name(fit)
    where = "as its mean over draws of the posterior" if isinstance(fit, Sample) else "at the subject's estimate"
    known = {
        "log_likelihood": f"Log-likelihood of the recorded responses of the trial under {model}",
        "choice_probability": f"Probability of the recorded choices of the trial under {model}",
    }
    described: dict[str, Any] = {
        "onset": {"Description": "Onset of the trial, from the first volume of the run", "Units": "s"},
        "duration": {"Description": "Duration of the trial", "Units": "s"},
    }
    for name in recorded:
        described[name] = {"LongName": name.replace("_", " "), "Description": "As recorded"}
    if "response_time" in described:
        described["response_time"]["Units"] = "s"
    for name in quantities:
        text = known.get(name, f"{name} on the trial as {model} has it")
        described[name] = {"LongName": name.replace("_", " "), "Description": f"{text}, {where}"}
    return described
