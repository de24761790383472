"""A hierarchical fit from start to verdict: see `versant.inference.hierarchical` for the equations.

The start is robust: every subject is first fitted alone under the weak default prior from several starts; after EM all
subjects are searched again from fresh starts, and where a better mode turns up EM goes on from there. Polish follows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError, ModelError
from versant.inference.cells import JointLikelihood
from versant.inference.design import intercepts
from versant.inference.formula import Structure
from versant.inference.group_report import has_errors, report
from versant.inference.group_result import GroupFit, Polish
from versant.inference.hierarchical import Climb, Step, begin, better_modes, changes, climb
from versant.inference.integrated import IntegratedSurface
from versant.inference.likelihood import Likelihood
from versant.inference.map import fit_subjects
from versant.inference.marginal import Marginal
from versant.inference.nodes import Nodes
from versant.inference.polish import LaplaceSurface, Regularised, ascend
from versant.inference.prior import Prior
from versant.inference.rules import rules_for
from versant.inference.spread import CovarianceKind, Spread
from versant.inference.verdict import AGREEMENT
from versant.progress import Progress, silent

__all__ = ["fit_group"]

Array = NDArray[Any]

ROUNDS = 3
"""How often EM goes on after better modes of subjects were found."""

LIMIT = 25
"""Newton steps of the polish; where they do not do, the verdict is not ``converged``."""

LEAST_CORRELATION = 0.05
"""Least eigenvalue of the correlations from which a regularised fit starts."""


def fit_group(
    likelihood: Likelihood,
    start: Prior,
    *,
    covariance: CovarianceKind = "full",
    structure: Structure | None = None,
    minimum_sd: float = 0.02,
    polish: Polish | None = "integrated",
    starts: int = 5,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> GroupFit:
    """Fit a group.

    Parameters
    ----------
    likelihood : Likelihood
    start : Prior
        Under which the subjects are fitted first, and whose covariance EM starts from. The group's distribution has
        no prior of its own.
    covariance : {"full", "diagonal"}
    structure : Structure, optional
        Covariates, conditions, shared and known parameters; without it, one mean a parameter.
    minimum_sd : float
        Smallest standard deviation of the group in any direction, in unconstrained units.
    polish : {"integrated", "laplace"} or None
        What is maximised after EM.
    starts : int
        Of each subject's optimisation, first and last.
    rng : numpy.random.Generator
    progress : Progress

    Raises
    ------
    DataError
        With fewer than two subjects.
    ModelError
        For options that do not exist.
    """
    if likelihood.n_subjects < 2:
        raise DataError("a group needs two subjects or more", "fit a single subject with method='map'")
    if starts < 1:
        raise ModelError(f"starts={starts}: at least one start is needed")
    if polish not in ("integrated", "laplace", None):
        raise ModelError(f"polish={polish!r} is unknown: choose 'integrated', 'laplace' or None")
    structure = structure or Structure(intercepts(list(likelihood.learner.parameters), likelihood.n_subjects))
    marginal = Marginal(
        structure.bound_to(likelihood), structure.design, Spread(structure.design.n_varying, covariance, minimum_sd)
    )
    if isinstance(marginal.likelihood, JointLikelihood):
        likelihood = marginal.likelihood.likelihood
    alone = fit_subjects(likelihood, start, starts, rng, progress)
    now = climb(marginal, _begun(marginal, alone.unconstrained, start), progress=progress)
    for _ in range(ROUNDS):
        found, _agreement = better_modes(marginal, now, starts, rng)
        if (found.laplace.log_joint <= now.laplace.log_joint + AGREEMENT).all():
            break
        now = climb(marginal, found, progress=progress)
    progress(0, 1, "maximising the marginal likelihood")
    nodes, regularised = None, False
    for regularised in (False, True) if polish else ():
        if regularised:
            away = marginal.spread.away_from_singular(now.covariance, LEAST_CORRELATION)
            laplace = marginal.laplace(marginal.join(now.effects, away), now.laplace.modes)
            now = replace(now, covariance=away, laplace=laplace)
        if polish == "laplace":
            now = polish_laplace(marginal, now, regularised)
        else:
            now, nodes = polish_integrated(marginal, now, regularised)
        if has_errors(marginal, now, nodes):
            break
    now, agreement = better_modes(marginal, now, starts, rng)
    return report(marginal, likelihood, now, agreement, polish, nodes, regularised)


def _begun(marginal: Marginal, z: Array, start: Prior) -> Climb:
    """Return where EM begins, from parameters z (C, K) of subjects or cells fitted alone."""
    joint, design = marginal.likelihood, marginal.design
    if not isinstance(joint, JointLikelihood):
        return begin(marginal, z, start.covariance)
    loadings, reach = joint.coefficients.varying, joint.coefficients.reach(design, joint.subject)
    apart = z - joint.coefficients.known
    effects = np.linalg.lstsq(reach.reshape(z.size, -1), apart.ravel(), rcond=None)[0]
    names = list(joint.likelihood.learner.parameters)
    of = [names.index(name) for name, _term in design.varying]
    variance = np.diag(start.covariance)[of]
    rest = np.einsum("ckr,ck->cr", loadings, apart - reach @ effects)
    squares = np.swapaxes(loadings, 1, 2) @ loadings
    first = joint.offsets[:-1]
    ridge = np.add.reduceat(squares, first) + np.diag(1.0 / variance)
    w = design.means(effects) + np.linalg.solve(ridge, np.add.reduceat(rest, first)[..., None])[..., 0]
    return begin(marginal, w, np.diag(variance), effects[design.fixed])


def polish_laplace(marginal: Marginal, now: Climb, regularised: bool = False) -> Climb:
    """Maximise the Laplace evidence."""
    surface = LaplaceSurface(marginal, now.laplace.modes)
    y = marginal.join(now.effects, now.covariance)
    for point in ascend(Regularised(surface, marginal) if regularised else surface, y):
        y = point.y
        now = _reached(marginal, now, y, "newton", point.value)
    return replace(now, laplace=surface.laplace(y))


def polish_integrated(marginal: Marginal, now: Climb, regularised: bool = False) -> tuple[Climb, Nodes]:
    """Maximise the integrated marginal likelihood; return also the nodes at its maximum."""
    subjects, size = now.laplace.modes.shape
    first, rule, _check = rules_for(size, subjects)
    surface = IntegratedSurface(marginal, now.laplace.modes, first, rule)
    y = marginal.join(now.effects, now.covariance)
    now = _reached(marginal, now, y, "integrated", surface.value(y))
    for point in ascend(Regularised(surface, marginal) if regularised else surface, y, LIMIT):
        y = point.y
        now = _reached(marginal, now, y, "integrated", point.value)
    return replace(now, laplace=surface.laplace(y)), surface.nodes(y)


def _reached(marginal: Marginal, old: Climb, y: Array, kind: str, value: float) -> Climb:
    """Return the climb at y; the subjects' approximations are still those of before."""
    effects, covariance = marginal.split(y)
    step = Step(kind, value, *changes(marginal.design, old, effects, covariance))
    return Climb(effects, covariance, old.laplace, (*old.history, step))
