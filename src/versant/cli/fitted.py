"""A fit that a command works on: saved by ``versant fit --out``, or made now from TRIALS and ``--model``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import progress_bar, remark
from versant.cli.load import load_model, load_trials
from versant.errors import VersantError

if TYPE_CHECKING:
    from versant.inference.controller_result import ControllerFit
    from versant.inference.result import Fit
    from versant.inference.sample_result import Sample

__all__ = ["AS_SAVED", "fitted", "saved_fit", "saved_learner"]

READING = ("mapped", "choices", "missing")
AS_SAVED: dict[str, Any] = dict.fromkeys((*READING, "on_missing"))
"""No option says how trials are read."""


def fitted(what: str, model: str | None, method: Any, seed: int, options: dict[str, Any]) -> Fit | Sample:
    """Load a saved fit, or fit a model to trials if there is one.

    Parameters
    ----------
    what : str
        The folder (or ``.json``) of a saved fit, or a file of trials.
    model : str, optional
    method : {"map", "group"}
        Of a fit that is made now.
    seed : int
    options : dict
        What `versant.cli.options.trials_options` read.
    """
    if model is None:
        if method is not None:
            raise click.UsageError("--method is of a fit that is made now, and needs --model")
        return saved_learner(what, options)
    from versant.verbs.fit import fit

    learner = load_model(model)
    table = load_trials(what, **{name: options[name] for name in READING})
    remark(*table.report)
    with progress_bar() as progress:
        found: Fit | Sample = fit(
            learner, table, method=method or "map", seed=seed, on_missing=options["on_missing"], progress=progress
        )
    return found


def saved_learner(path: str, options: dict[str, Any]) -> Fit | Sample:
    """Load a saved fit of a learner."""
    from versant.inference.controller_result import ControllerFit

    found = saved_fit(path, options)
    if isinstance(found, ControllerFit):
        raise VersantError(f"{path} holds a {found.model.name}; this command is for learners' parameters")
    return found


def saved_fit(path: str, options: dict[str, Any]) -> Fit | Sample | ControllerFit:
    """Load a saved fit; options that say how trials are read are wrong with it."""
    from versant.formats.results import load_fit

    if Path(path).is_file() and Path(path).suffix != ".json":
        hint = "name the folder of versant fit --out; or, where the command takes TRIALS, give --model"
        raise click.UsageError(f"{path} is no saved fit: {hint}")
    if any(options[name] for name in (*READING, "on_missing")):
        raise click.UsageError("a saved fit says itself how its trials are read; --map and the like need --model")
    return load_fit(path)
