"""Draws in ArviZ's schema: a tree of data sets of the package xarray, which ``to_netcdf`` saves.

    posterior               every parameter in natural units; of a group, effects, sd, correlation  (chain, draw, …)
    log_likelihood          of every subject; of every trial, if asked for
    posterior_predictive    columns simulated anew, if given
    observed_data           the columns that the learner reads
    sample_stats            lp, energy, tree_depth, n_steps, step_size, diverging

Subjects that were sampled one by one have chains of their own, and ``sample_stats`` then has the dimension ``subject``.
ArviZ 1 works on such trees; ``arviz.from_dict`` of earlier versions makes one group after the other of them.

Source: the InferenceData schema of ArviZ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import CapabilityError, ModelError
from versant.inference.importance import rebind
from versant.inference.likelihood import Likelihood
from versant.inference.sample_result import GroupSample, Sample

if TYPE_CHECKING:
    from xarray import Dataset, DataTree

__all__ = ["tree_of"]

Array = NDArray[Any]


def tree_of(sample: Sample, *, trials: bool = False, predictive: Mapping[str, Array] | None = None) -> DataTree:
    """Return draws as a tree of data sets.

    Parameters
    ----------
    sample : Sample
    trials : bool
        Also the log-likelihood of every trial: (chain, draw, trial), as ``log_likelihood/trials``.
    predictive : mapping, optional
        Column → values simulated anew from draws, (chain, draw, trial).

    Raises
    ------
    CapabilityError
        If xarray is not installed.
    ModelError
        If `predictive` has not the shape of the draws.
    """
    try:
        from xarray import DataTree
    except ImportError:
        raise CapabilityError("this needs the package xarray: pip install 'versant[sample]'") from None
    likelihood = rebind(sample)
    whose: tuple[str, ...] = () if isinstance(sample, GroupSample) else ("subject",)
    stats = {name: (whose, values) for name, values in {**sample.stats, "diverging": sample.diverging}.items()}
    groups = {
        "posterior": _posterior(sample),
        "log_likelihood": _dataset({"subjects": (("subject",), sample.log_likelihood)}, sample),
        "sample_stats": _dataset(stats, sample),
        "observed_data": _observed(likelihood),
    }
    if trials:
        own = _trial_by_trial(sample, likelihood)
        groups["log_likelihood"] = groups["log_likelihood"].assign(trials=(("chain", "draw", "trial"), own))
    if predictive is not None:
        shape = (sample.chains, sample.draws, len(sample.trials))
        wrong = [name for name, values in predictive.items() if np.shape(values) != shape]
        if wrong:
            raise ModelError(f"predictive={{{wrong[0]!r}: …}} must be of shape {shape} (chain, draw, trial)")
        groups["posterior_predictive"] = _dataset(
            {name: (("trial",), np.asarray(values)) for name, values in predictive.items()}, sample
        )
    return DataTree.from_dict(groups)


def _posterior(sample: Sample) -> Dataset:
    own = {name: (("subject",), sample.natural[..., k]) for k, name in enumerate(sample.learner.parameters)}
    group: dict[str, tuple[tuple[str, ...], Array]] = {}
    labels: dict[str, list[str]] = {}
    if isinstance(sample, GroupSample):
        design = sample.design
        group = {
            "effects": (("effect",), sample.effects),
            "sd": (("coefficient",), sample.sd),
            "correlation": (("coefficient", "other"), sample.correlation),
        }
        labels = {
            "effect": [f"{name}:{term}" for name, term in design.names],
            "coefficient": list(design.labels),
            "other": list(design.labels),
        }
    return _dataset({**group, **own}, sample).assign_coords(labels)


def _dataset(variables: Mapping[str, tuple[tuple[str, ...], Array]], sample: Sample) -> Dataset:
    """Return a data set of variables whose first dimensions are chain and draw."""
    from xarray import Dataset

    found = Dataset({name: (("chain", "draw", *dims), values) for name, (dims, values) in variables.items()})
    if "subject" in found.dims:
        found = found.assign_coords(subject=[str(subject) for subject in sample.subjects])
    return found.assign_coords(chain=np.arange(sample.chains), draw=np.arange(sample.draws))


def _observed(likelihood: Likelihood) -> Dataset:
    """Return the columns that the learner reads, and whose trials they are."""
    from xarray import Dataset

    trials = likelihood.trials
    read = {str(node.payload.name) for node in likelihood.recurrence.data if hasattr(node.payload, "name")}
    columns = {name: ("trial", trials.columns[name]) for name in sorted(read) if name in trials.columns}
    numbers = {name: column for name, column in columns.items() if column[1].dtype != object}
    return Dataset(numbers).assign_coords(owner=("trial", [str(trials.subjects[n]) for n in trials.subject_index]))


def _trial_by_trial(sample: Sample, likelihood: Likelihood) -> Array:
    """Return the log-likelihood of every trial at every draw, (chain, draw, trial)."""
    node = [likelihood.recurrence.log_likelihood]
    found = np.stack([likelihood.per_trial(node, z)[0] for z in sample.pooled])
    return found.reshape(sample.chains, sample.draws, -1)
