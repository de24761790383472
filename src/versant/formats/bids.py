"""Trial-wise quantities as BIDS events: one table for each run of scanning, for models of the imaged signal.

    FOLDER/task-bandit_events.json                                   what the columns mean, for all tables
    FOLDER/sub-01/ses-2/func/sub-01_ses-2_task-bandit_events.tsv     onset, duration, then a column a quantity

Tables are separated by tabs; ``onset`` comes first and ``duration`` second, in seconds (onsets from the run's first
volume), and what is not known is ``n/a``. Labels are letters and digits. Trials that the model was not fitted to have
their onset and duration, and ``n/a`` elsewhere.

Source: Brain Imaging Data Structure, version 1.10, "Task events".
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
        If there are no onsets or durations, they are no numbers, a run goes back in time, or a label holds anything but
        letters and digits.
    ModelError
        If the learner records something called ``onset`` or ``duration``.

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
    clash = sorted({"onset", "duration"} & set(quantities))
    if clash:
        raise ModelError(f"{_name(fit)} records {clash[0]!r}, which is a column of all events; use another name")
    table = _timed(whole, onset, duration)
    place = {int(row): at for at, row in enumerate(fitted.rows)}
    at = np.array([place.get(int(row), -1) for row in whole.rows])
    for name in quantities:
        values = found[name].to_numpy(dtype=np.float64)
        table[name] = np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
    files = []
    for stem, rows in _runs(whole, task, run).items():
        own = table[rows]
        back = np.flatnonzero(np.diff(own["onset"]) < 0)
        if len(back):
            row = int(whole.rows[np.flatnonzero(rows)[back[0] + 1]])
            remedy = "say which column tells runs apart (run=), or correct the onset"
            raise DataError("the onset lies before that of the trial before", remedy, whole.source, row, onset)
        parts = stem.split("_")
        within = [part for part in parts if part.startswith(("sub-", "ses-"))]
        files.append(Path(folder).joinpath(*within, datatype, f"{stem}_events.tsv"))
        with atomic_path(files[-1]) as temporary:
            own.to_csv(temporary, sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    sidecar = Path(folder) / f"task-{task}_events.json"
    write_json(sidecar, _described(fit, quantities))
    return (*files, sidecar)


def _timed(trials: Trials, onset: str, duration: str) -> pd.DataFrame:
    """Return onset and duration of every trial."""
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
    return pd.DataFrame(found)


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
            stem += f"_run-{_require_label(run, named[run], 'run-')}"
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


def _name(fit: Fit | Sample | ControllerFit) -> str:
    return fit.model.name if isinstance(fit, ControllerFit) else fit.learner.name


def _described(fit: Fit | Sample | ControllerFit, quantities: list[str]) -> dict[str, Any]:
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
    for name in quantities:
        text = known.get(name, f"{name} on the trial as {model} has it")
        described[name] = {"LongName": name.replace("_", " "), "Description": f"{text}, {where}"}
    return described
