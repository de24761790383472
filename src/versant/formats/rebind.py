"""What a saved result refers to, found again: its model and its trials, the same as when it was fitted or an error."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from versant.agents.learner import Learner
from versant.errors import DataError, FormatError, ModelError, VersantError
from versant.expressions.digest import digest
from versant.formats.models import reference, resolve
from versant.formats.trials import read_trials
from versant.inference.likelihood import Likelihood
from versant.trials import Trials
from versant.trials.origin import as_ranges, digests, from_ranges

__all__ = [
    "find_model_again",
    "find_trials_again",
    "model_entry",
    "require_same_likelihood",
    "require_same_model",
    "require_same_trials",
    "trials_entry",
]


def model_entry(likelihood: Likelihood) -> dict[str, Any]:
    """Return where the model of a likelihood is defined, and the digest of its equations and domains."""
    learner = likelihood.learner
    domains = [(name, d.lower, d.upper) for name, d in learner.parameters.items()]
    both = hashlib.sha256(f"{digest(likelihood.recurrence)} {domains}".encode()).hexdigest()
    return {**reference(learner), "digest": both}


def trials_entry(trials: Trials) -> dict[str, Any]:
    """Return where trials come from and by what they can be known again, as JSON-able values."""
    entry: dict[str, Any] = {
        "rows": as_ranges(trials.rows),
        "columns": digests(trials),
        "choices": {name: [_plain(label) for label in labels] for name, labels in trials.choices.items()},
        "missing": sorted(trials.missing),
    }
    if trials.origin is None:
        return entry
    return entry | {"file": trials.origin.path, "arguments": _plain(dict(trials.origin.arguments))}


def find_model_again(entry: Mapping[str, Any], beside: Path, given: Learner | None) -> Learner:
    """Return the model of a result, or the one given in its place."""
    return resolve(entry, beside) if given is None else given


def require_same_model(likelihood: Likelihood, entry: Mapping[str, Any], z: Any, known: Any, given: bool) -> None:
    """Raise ModelError unless a model is the one that was fitted.

    Parameters
    ----------
    likelihood : Likelihood
        Of the model found and the trials found.
    entry : mapping
        As `model_entry` returned it when the result was saved.
    z : (N, K) array
        Saved estimates.
    known : (N,) array
        Their saved log-likelihoods.
    given : bool
        Whether a user gave the model. Then its text may differ, if only the log-likelihoods are the same.
    """
    name = likelihood.learner.name
    if model_entry(likelihood)["digest"] == entry.get("digest"):
        return
    if not given:
        where = entry.get("file", "versant itself")
        raise ModelError(
            f"the equations of {name!r} (in {where}) are not those that were fitted: fit again. If the change does not "
            "matter, give model= yourself; then only its log-likelihoods at the saved estimates must be the same"
        )
    if z.shape[1] != likelihood.learner.n_parameters:
        raise ModelError(f"{name!r} has {likelihood.learner.n_parameters} parameters, the saved result {z.shape[1]}")
    require_same_likelihood(name, likelihood.evaluate(z, np.arange(len(z)), 0).value, known)


def require_same_likelihood(name: str, found: Any, known: Any) -> None:
    """Raise ModelError unless log-likelihoods at the saved estimates (N,) are the saved ones (N,)."""
    away = np.abs(found - known)
    if not np.array_equal(np.isfinite(found), np.isfinite(known)) or np.nanmax(away, initial=0.0) > 1e-6:
        raise ModelError(
            f"{name!r} is not the model that was fitted: at the saved estimates its log-likelihoods differ by up to "
            f"{np.nanmax(away, initial=0.0):.3g}"
        )


def find_trials_again(entry: Mapping[str, Any], beside: Path, given: Trials | None) -> Trials:
    """Return the trials of a saved result, coded as they were; `require_same_trials` sees whether they are the same.

    Raises
    ------
    VersantError
        If their file is not there any more.
    DataError
        If a subject is not there any more.
    """
    trials = _read(entry, beside) if given is None else given
    asked, wanted = set(entry["subjects"]), from_ranges(entry["rows"])
    labels = [label for label in trials.subjects if str(label) in asked]
    if len(labels) < len(asked):
        lost = sorted(asked - set(map(str, labels)))[0]
        raise DataError("a subject of the saved result is not there", _REMEDY, trials.source, subject=lost)
    if len(labels) < trials.n_subjects:
        trials = trials.only(*labels)
    if len(trials) != len(wanted) and (given is None or (entry["missing"] and np.isin(wanted, trials.rows).all())):
        trials = trials.select(np.isin(trials.rows, wanted))
    for name, options in entry["choices"].items():
        if name in trials.columns:
            trials = trials.with_coding(name, options)
    return trials


def require_same_trials(trials: Trials, entry: Mapping[str, Any]) -> None:
    """Raise DataError unless trials are those that were fitted, column by column."""
    now = digests(trials)
    for name, known in entry["columns"].items():
        if now.get(name) != known:
            raise DataError("these are not the trials that were fitted", _REMEDY, trials.source, column=name)


_REMEDY = "restore the file as it was, fit again, or give trials= with those that were fitted"


def _read(entry: Mapping[str, Any], beside: Path) -> Trials:
    if "copy" in entry:
        copy = beside / entry["copy"]
        if not copy.is_file():
            raise FormatError(f"is incomplete: {copy.name} is not beside it", str(beside))
        return read_trials(copy, missing=dict.fromkeys(entry["missing"], "nan") or None, choices=entry["choices"])
    file = Path(entry["file"])
    found = next((path for path in (file, beside / file.name) if path.is_file()), None)
    if found is None:
        raise VersantError(f"{file}, the trials of this result, is not there any more: restore it, or give trials=")
    return read_trials(found, **entry["arguments"])


def _plain(value: Any) -> Any:
    """Return arguments of `read_trials` as JSON knows them; NaN is the text "nan", which is read alike."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
