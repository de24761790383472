"""The verb `latents`: what a fitted agent held to be true on every trial.

Of a learner: every quantity that it names with ``t.record`` (values, prediction errors …), the log-likelihood of what
the subject did and its probability, and on request the whole state as it was before the trial, at each subject's
estimate, or as means over draws of the posterior: regressors for imaging and physiology. Of a controller: the
probability of every node, given all the subject did (Baum et al. 1970), and on request given only what was before the
trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import MissingPolicy
from versant.errors import DataError, ModelError
from versant.expressions.graph import Node
from versant.expressions.recurrence import Recurrence
from versant.inference.controller_fit import under_controller
from versant.inference.controller_result import ControllerFit
from versant.inference.group_result import GroupFit
from versant.inference.importance import rebind
from versant.inference.likelihood import Likelihood, bind
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["latents"]

KEYS = ("session", "block", "trial")
MOST_DRAWS = 200
"""Draws of a sample, equally spaced, over which quantities are averaged."""


def latents(
    fit: Fit | Sample | ControllerFit,
    trials: Trials | None = None,
    *,
    states: bool = False,
    on_missing: MissingPolicy | None = None,
) -> pd.DataFrame:
    """Return trial-wise quantities at the subjects' estimates; of a sampled posterior, their means over draws.

    Parameters
    ----------
    fit : Fit, Sample or ControllerFit
    trials : Trials, optional
        Of subjects of the fit (of anybody, under a controller); without them, the trials that were fitted. Not of a fit
        with conditions.
    states : bool
        Also the state before each trial: ``Q`` as columns ``Q_0``, ``Q_1`` … (counted through row by row); of a
        controller the probability of each node before the trial's action is known, ``before_0`` …
    on_missing : {"skip", "learn"}, optional
        As for `versant.fit`, with other trials of a learner.

    Returns
    -------
    pandas.DataFrame
        One row a trial: ``subject``, conditions of the fit's formula, ``session``, ``block`` and ``trial`` (counted
        within the subject if the trials do not say it), ``log_likelihood``, ``choice_probability`` (of all choices of
        the trial together; NaN where none is scored, and with learners that observe more than choices), then what the
        learner records; of a controller ``node``, the most probable one given all of the subject's trials, and its and
        the others' probability, ``node_0`` …

    Raises
    ------
    DataError
        If the trials hold a subject that was not fitted, or an action that a controller never takes.
    ModelError
        If the learner records a name that the table uses itself, or its state is too large for columns.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit(trials=50), {"alpha": 0.3, "beta": 4.0}, subjects=2, seed=1)
    >>> list(latents(vs.fit(model, trials)).columns)
    ['subject', 'trial', 'log_likelihood', 'choice_probability', 'value', 'prediction_error']
    """
    if isinstance(fit, ControllerFit):
        if on_missing is not None:
            raise ModelError("on_missing= is for learners: a controller's trials are never missing")
        return _of_controller(fit, fit.trials if trials is None else trials, states)
    conditions = fit.cells.conditions if isinstance(fit, GroupFit | GroupSample) and fit.cells is not None else {}
    if trials is not None and conditions:
        raise ModelError("a fit with conditions has values for the trials that were fitted: leave trials= out")
    likelihood = rebind(fit) if trials is None else bind(fit.learner, trials, on_missing)
    place = {label: i for i, label in enumerate(fit.subjects)}
    strangers = [label for label in likelihood.trials.subjects if label not in place]
    if strangers:
        raise DataError(
            "this subject was not fitted", "fit it too, or leave it out", likelihood.trials.source, subject=strangers[0]
        )
    rows = [place[label] for label in likelihood.trials.subjects]
    recurrence = likelihood.recurrence
    named = dict(recurrence.records) | (_states(recurrence) if states else {})
    table = _keys(likelihood.trials)
    clash = sorted(set(named) & {*table, "log_likelihood", "choice_probability", "scored"})
    if clash:
        raise ModelError(f"{fit.learner.name} records {clash[0]!r}, which is a column of its own; use another name")
    nodes = {"log_likelihood": recurrence.log_likelihood, "scored": recurrence.scored, **named}
    probability, *averages = _values(fit, likelihood, list(nodes.values()), rows)
    values = dict(zip(nodes, averages, strict=True))
    scored = values.pop("scored") > 0
    table["log_likelihood"] = values.pop("log_likelihood")
    counts = scored if recurrence.choices_only else np.zeros_like(scored)
    table["choice_probability"] = np.where(counts, probability, np.nan)
    for name, column in values.items():
        table[name] = column
    return _together(fit, table) if isinstance(fit, GroupFit | GroupSample) and conditions else table


def _values(fit: Fit | Sample, likelihood: Likelihood, nodes: Sequence[Node], rows: list[int]) -> NDArray[Any]:
    """Return exp of the first node, and all nodes, on every trial of these subjects, (1 + len(nodes), trials)."""
    if isinstance(fit, Sample):
        count = len(fit.pooled)
        draws = fit.pooled[np.linspace(0, count - 1, min(count, MOST_DRAWS)).round().astype(np.int64)][:, rows]
    else:
        draws = fit.unconstrained[None, rows]
    total = np.zeros((1 + len(nodes), len(likelihood.trials)))
    for z in draws:
        found = likelihood.per_trial(nodes, z)
        total[0] += np.exp(found[0])
        total[1:] += found
    return total / len(draws)


def _of_controller(fit: ControllerFit, trials: Trials, states: bool) -> pd.DataFrame:
    """Return the probabilities of the hidden node on every trial."""
    likelihood, theta = under_controller(fit.model, trials, fit.controller)
    if not np.isfinite(likelihood.log_likelihood(theta)).all():
        who = trials.subjects[int(np.argmin(likelihood.log_likelihood(theta)[0]))]
        remedy = "leave the subject out, or fit a controller to it too"
        raise DataError("the controller never does what this subject did", remedy, trials.source, subject=who)
    place = np.argsort(likelihood.episodes.rows)
    before, given_all, scale = (part[0, place] for part in likelihood.occupancies(theta))
    table = _keys(trials)
    table["log_likelihood"], table["choice_probability"] = np.log(scale), scale
    table["node"] = given_all.argmax(axis=1)
    for name, values in {"node": given_all, **({"before": before} if states else {})}.items():
        for x in range(fit.model.nodes):
            table[f"{name}_{x}"] = values[:, x]
    return table


def _together(fit: GroupFit | GroupSample, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of conditions as one of people, in the order of their trials."""
    assert fit.cells is not None
    whole, own = fit.whole_trials, table.iloc[fit.cells.back].reset_index(drop=True)
    own[["subject"]] = whole.frame()[["subject"]]
    if "trial" not in whole.columns:
        own["trial"] = _keys(whole)["trial"]
    for name, values in fit.cells.conditions.items():
        if name not in own:
            own.insert(1, name, values[fit.cells.rows])
    return own


def _keys(trials: Trials) -> pd.DataFrame:
    """Return subject, session, block and trial of each row, as the source spells them."""
    table = trials.frame()
    if "trial" not in table:
        table["trial"] = np.arange(len(trials)) - trials.offsets[trials.subject_index] + 1
    return table[["subject", *(name for name in KEYS if name in table)]].copy()


def _states(recurrence: Recurrence) -> dict[str, Node]:
    """Return the state by name, arrays entry by entry."""
    found = {}
    for node in recurrence.state:
        assert isinstance(node.payload, tuple)
        name = "_".join(str(part) for part in node.payload)
        if node.size:
            raise ModelError(f"states=True: the state {name!r} has {node.size} entries, too many for a table")
        found[name] = node
    return found
