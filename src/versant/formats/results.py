"""Saved results: a fit as a JSON file that can be read again next year, elsewhere, and without trusting it.

    FOLDER/fit.json               the result, number by number, and what it refers to
    FOLDER/fit.arrays-….parquet   arrays too large for that (draws of a sampled posterior)
    FOLDER/fit.trials-….parquet   the trials, if they were read from no file

A learner is named, not stored: by its registry name, or by the file that defines it, and by the digest of its traced
equations; a controller stands in the file. Named, not stored, are the trials: file, arguments of
`versant.read_trials`, rows, and a digest of every column. Whoever loads the result gets model and trials that are the
same as those that were fitted, or an error that says what has changed.
`fit.json` is written last and names the others by their digests, so that no half of a result is ever taken for one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import versant
from versant.agents.controller import Controller
from versant.agents.controller_model import ControllerModel
from versant.agents.learner import Learner
from versant.errors import FormatError, ModelError, ProblemError
from versant.files import atomic_path, write_json
from versant.formats.codec import decode, encode
from versant.formats.rebind import (
    find_model_again,
    find_trials_again,
    model_entry,
    require_same_likelihood,
    require_same_model,
    require_same_trials,
    trials_entry,
)
from versant.formats.trials import write_trials
from versant.inference.cells import Cells, Coefficients
from versant.inference.controller_fit import controller_log_likelihood
from versant.inference.controller_result import ControllerFit, ControllerVerdict
from versant.inference.design import GroupDesign
from versant.inference.group_result import Group, GroupFit
from versant.inference.group_verdict import GroupVerdict
from versant.inference.hierarchical import Step
from versant.inference.importance import rebind
from versant.inference.likelihood import bind
from versant.inference.prior import Prior, SubjectPriors
from versant.inference.result import Fit
from versant.inference.sample_quality import Quality, SampleVerdict
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.scored import Scored, scored
from versant.inference.spread import Spread
from versant.inference.verdict import Verdict
from versant.trials import Trials

__all__ = ["load_fit", "load_scored", "save", "saved_file"]

FORMAT, VERSION = "versant-fit", 1
KINDS = (Fit, GroupFit, Sample, GroupSample, ControllerFit)
PARTS = (
    Cells, Coefficients, Group, GroupDesign, Spread, Step, Quality, Prior, SubjectPriors, Verdict, GroupVerdict,
    SampleVerdict,
)  # fmt: skip
OF_CONTROLLERS = (Controller, ControllerModel, ControllerVerdict)
CLASSES: dict[str, type] = {kind.__name__: kind for kind in (*KINDS, *PARTS, *OF_CONTROLLERS)}


def save(
    fit: Fit | Sample | ControllerFit,
    path: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Path, ...]:
    """Save a fit.

    Parameters
    ----------
    fit : Fit, GroupFit, Sample, GroupSample or ControllerFit
    path : path
        A folder, in which ``fit.json`` is written, or the name of a ``.json`` file.
    settings : mapping, optional
        JSON-able remarks to stand in the file, such as the seed.

    Returns
    -------
    tuple of Path
        The files written, the one to load first.

    Raises
    ------
    ModelError
        If it is no fit.
    VersantError
        If a file cannot be written.

    Examples
    --------
    >>> import tempfile, versant as vs
    >>> model = vs.models.find("q_learning")
    >>> fit = vs.fit(model, vs.simulate(model, vs.Bandit(trials=50), {"alpha": 0.3, "beta": 4.0}, seed=1))
    >>> folder = tempfile.mkdtemp()
    >>> [file.name for file in vs.save(fit, folder)]
    ['fit.json', 'fit.trials-....parquet']
    >>> bool((vs.load_fit(folder).natural == fit.natural).all())
    True
    """
    if not isinstance(fit, KINDS):
        raise ModelError(f"save() takes a fit, not a {type(fit).__name__}")
    target = saved_file(path)
    large: list[NDArray[Any]] = []
    own = [name for name in fit.__dataclass_fields__ if name not in ("learner", "trials")]
    fields = {name: encode(getattr(fit, name), large) for name in own}
    data = trials_entry(_as_read(fit)) | {"subjects": [str(label) for label in fit.subjects]}
    beside: list[Path] = []
    if "file" not in data:
        name = hashlib.sha256("".join(data["columns"].values()).encode()).hexdigest()[:12]
        beside.append(target.with_name(f"{target.stem}.trials-{name}.parquet"))
        data["copy"] = beside[-1].name
        write_trials(fit.trials, beside[-1])
    arrays = None
    if large:
        name = _digest(large)
        beside.append(target.with_name(f"{target.stem}.arrays-{name[:12]}.parquet"))
        arrays = {"file": beside[-1].name, "sha256": name}
        _write_arrays(large, beside[-1])
    content = {
        "format": FORMAT,
        "version": VERSION,
        "versant": versant.__version__,
        "kind": type(fit).__name__,
        **_about(fit),
        "data": data,
        "arrays": arrays,
        "settings": dict(settings or {}),
        "fields": fields,
    }
    write_json(target, content)
    for pattern in ("trials", "arrays"):  # those that an older result of this name had
        for old in target.parent.glob(f"{target.stem}.{pattern}-*.parquet"):
            if old not in beside:
                old.unlink()
    return (target, *beside)


def load_fit(
    path: str | os.PathLike[str], *, model: Learner | None = None, trials: Trials | None = None
) -> Fit | Sample | ControllerFit:
    """Load a saved fit, with its model and its trials.

    Parameters
    ----------
    path : path
        As given to `save`.
    model : Learner, optional
        In place of the one that the result names: one whose text has changed in ways that do not matter, or that no
        file defines. Its log-likelihoods at the saved estimates must be the saved ones. Not of a controller.
    trials : Trials, optional
        In place of the file that the result names. They must be the same trials.

    Returns
    -------
    Fit, GroupFit, Sample, GroupSample or ControllerFit

    Raises
    ------
    FormatError
        If it is no saved fit, or a part of it is lost or damaged.
    ModelError
        If the model is not there any more, or has changed.
    DataError, VersantError
        If the trials are not there any more, or have changed.
    """
    file = saved_file(path)
    content = _read_saved(file)
    if content["kind"] == ControllerFit.__name__:
        if model is not None:
            raise ModelError("a fitted controller is its own model: leave model= out")
        return _load_controller(content, file, trials)
    learner = find_model_again(content["model"], file.parent, model)
    again = find_trials_again(content["data"], file.parent, trials)
    likelihood = bind(learner, again, "learn" if content["data"]["missing"] else "skip")
    require_same_trials(likelihood.trials, content["data"])
    found = _made(content, file, learner=learner, trials=likelihood.trials)
    assert isinstance(found, Fit | Sample)
    first = slice(None) if isinstance(found, Fit) else (0, 0)
    require_same_model(
        likelihood, content["model"], found.unconstrained[first], found.log_likelihood[first], model is not None
    )
    return found


def load_scored(path: str | os.PathLike[str]) -> Scored:
    """Load what a comparison needs to know of a saved fit; neither model nor trials need be there.

    Raises
    ------
    FormatError
        If it is no saved fit.
    ModelError
        If it is of a controller, which has no criterion subject by subject.
    """
    file = saved_file(path)
    content = _read_saved(file)
    if content["scored"] is None:
        raise ModelError(f"{file} holds a {content['name']}, one for all subjects; compare controllers by fit.bic")
    try:
        return Scored.from_dict(content["scored"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"holds no result of this version: {type(error).__name__}: {error}", str(file)) from error


def saved_file(path: str | os.PathLike[str]) -> Path:
    """Return the JSON file of a result: the path itself if it is called ``.json``, otherwise ``fit.json`` in it."""
    target = Path(path)
    return target if target.suffix == ".json" else target / "fit.json"


def _read_saved(file: Path) -> dict[str, Any]:
    """Return the content of a saved fit, as far as it is JSON.

    Raises
    ------
    FormatError
        If the file cannot be read, is no JSON, no saved fit, or of another version.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", str(file)) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"is no JSON: {error}", str(file)) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError("is no saved fit (vs.save and versant fit --out write them)", str(file))
    if content.get("version") != VERSION:
        raise FormatError(f"is of version {content.get('version')}; this versant reads version {VERSION}", str(file))
    if content.get("kind") not in {kind.__name__ for kind in KINDS}:
        raise FormatError(f"holds a {content.get('kind')}, which is no fit", str(file))
    return content


def _about(fit: Fit | Sample | ControllerFit) -> dict[str, Any]:
    """Return what a saved fit says of its model, and of its account of each subject."""
    if isinstance(fit, ControllerFit):
        return {"name": fit.model.name, "model": None, "scored": None}
    return {"name": fit.learner.name, "model": model_entry(rebind(fit)), "scored": scored(fit).to_dict()}


def _load_controller(content: Mapping[str, Any], file: Path, given: Trials | None) -> ControllerFit:
    """Return a saved fit of a controller, if its trials are as probable under it as they were."""
    trials = find_trials_again(content["data"], file.parent, given)
    require_same_trials(trials, content["data"])
    found = _made(content, file, trials=trials)
    assert isinstance(found, ControllerFit)
    now = controller_log_likelihood(found.model, trials, found.controller)
    require_same_likelihood(found.model.name, now, found.log_likelihood)
    return found


def _made(content: Mapping[str, Any], file: Path, **known: Any) -> Any:
    """Return the result that a file holds, with what it does not hold itself."""
    large = _read_arrays(content, file)
    try:
        fields = {name: decode(value, CLASSES, large) for name, value in content["fields"].items()}
        return CLASSES[content["kind"]](**known, **fields)
    except (KeyError, TypeError, ValueError, IndexError, ProblemError) as error:
        raise FormatError(f"holds no result of this version: {type(error).__name__}: {error}", str(file)) from error


def _as_read(fit: Fit | Sample | ControllerFit) -> Trials:
    """Return the trials of a fit; those that were cut into conditions are no longer those of their file."""
    cut = isinstance(fit, GroupFit | GroupSample) and fit.people != fit.subjects
    return replace(fit.trials, origin=None) if cut else fit.trials


def _digest(arrays: list[NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _write_arrays(arrays: list[NDArray[Any]], path: Path) -> None:
    """Write flat arrays as one row of a Parquet file, a list each."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = {str(k): pa.array([array]) for k, array in enumerate(arrays)}
    with atomic_path(path) as temporary:
        parquet.write_table(pa.table(columns), temporary)


def _read_arrays(content: Mapping[str, Any], file: Path) -> list[NDArray[Any]]:
    entry = content["arrays"]
    if entry is None:
        return []
    import pyarrow as pa
    from pyarrow import parquet

    path = file.parent / entry["file"]
    if not path.is_file():
        raise FormatError(f"is incomplete: {path.name} is not beside it", str(file))
    try:
        table = parquet.read_table(path)
    except pa.ArrowException as error:
        raise FormatError(f"is damaged: {error}", str(path)) from error
    arrays = [column.combine_chunks().values.to_numpy(zero_copy_only=False) for column in table.columns]
    if _digest(arrays) != entry["sha256"]:
        raise FormatError("is damaged, or belongs to another result", str(path))
    return arrays
