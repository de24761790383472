"""Likelihoods that score some of the trials only.

A learner's state runs through every trial, scored or not: a held-out response is not used to estimate anything, but
what was chosen and what followed is still history for the trials after it,

    ℓ_n(z) = Σ_{t scored} ℓ_nt(z),     each ℓ_nt given all trials before t
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from versant.expressions import build
from versant.expressions.recurrence import Flag
from versant.inference.likelihood import Likelihood
from versant.trials import Trials

__all__ = ["scoring_only"]

HELD = "held out"
"""The name under which the trials' record of missing cells says which rows are not scored."""


def scoring_only(likelihood: Likelihood, rows: NDArray[np.bool_]) -> Likelihood:
    """Return a likelihood that scores only some rows of the trials.

    Parameters
    ----------
    likelihood : Likelihood
    rows : (n,) bool array
        In the order of the likelihood's trials.
    """
    r = likelihood.recurrence
    flag = r.graph.leaf("data", Flag("present", HELD), "bool")
    zero = r.graph.constant(0.0)
    recurrence = replace(
        r,
        log_likelihood=build.where(flag, r.log_likelihood, zero),
        chance=build.where(flag, r.chance, zero),
        scored=build.where(flag, r.scored, zero),
        data=(*r.data, flag),
    )
    trials: Trials = replace(likelihood.trials, missing={**likelihood.trials.missing, HELD: ~np.asarray(rows)})
    return Likelihood(likelihood.learner, trials, recurrence, "kernel")
