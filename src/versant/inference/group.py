"""A hierarchical fit from start to verdict: see `versant.inference.hierarchical` for the equations.

The start is robust: every subject is first fitted alone under the weak default prior from several starts; after EM all
subjects are searched again from fresh starts, and where a better mode turns up EM goes on from there. Polish follows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError, ModelError
from versant.inference.cells import JointLikelihood
from versant.inference.design import GroupDesign, intercepts
from versant.inference.formula import Structure
from versant.inference.group_report import agreeing, has_errors, report
from versant.inference.group_result import GroupFit, Polish
from versant.inference.hierarchical import Climb, Step, begin, better_modes, changes, climb
from versant.inference.integrated import Integral, integrated_ascent
from versant.inference.likelihood import Likelihood
from versant.inference.map import best_ends
from versant.inference.marginal import Marginal
from versant.inference.polish import LaplaceSurface, Regularised, ascend
from versant.inference.prior import Prior
from versant.inference.rules import ORDERS, Lattice, Rule, lattices, levels, product_rules
from versant.inference.spread import CovarianceKind, Spread
from versant.inference.stages import Stages, told
from versant.inference.verdict import AGREEMENT
from versant.progress import Progress, silent

__all__ = ["fit_group"]

Array = NDArray[Any]

ROUNDS = 3
"""How often EM goes on after better modes of subjects were found."""

ENOUGH = 60
"""EM's iterations with the prior on the covariance, from where the polish goes on."""

SLOW_LANES = 10_000
"""Subjects × nodes that the slow engine is asked for, to check an integral by."""

WIDEST = 4.0
"""Scale of a regularised fit's standard deviations between subjects, in those of the prior it starts from."""

FIRST_LEVELS = 2
"""Of lattices, before the means are held: what then does not agree is mostly a mean that nothing holds."""

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
    resume: str | os.PathLike[str] | None = None,
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
    resume : path, optional
        A file that keeps what is done, and from which an interrupted fit goes on (`versant.inference.stages`).
    progress : Progress

    Raises
    ------
    DataError
        With fewer than two subjects.
    ModelError
        For options that do not exist.
    VersantError
        If the file to resume from is of another fit.
    """
    if likelihood.n_subjects < 2:
        raise DataError("a group needs two subjects or more", "fit a single subject with method='map'")
    if starts < 1:
        raise ModelError(f"starts={starts}: at least one start is needed")
    if polish not in ("integrated", "laplace", None):
        raise ModelError(f"polish={polish!r} is unknown: choose 'integrated', 'laplace' or None")
    structure = structure or Structure(intercepts(list(likelihood.learner.parameters), likelihood.n_subjects))
    marginal = Marginal(
        structure.bound_to(likelihood),
        structure.design,
        Spread(structure.design.n_varying, covariance, minimum_sd),
        WIDEST * np.sqrt(_variances(structure.design, likelihood, start)),
    )
    if isinstance(marginal.likelihood, JointLikelihood):
        likelihood = marginal.likelihood.likelihood
    made = (marginal.design.stacked, marginal.design.fixed, start.mean, start.covariance)
    asked = {"starts": starts, "minimum_sd": minimum_sd, "covariance": covariance, "polish": str(polish)}
    stages = Stages.at(resume, asked if resume is None else asked | told(likelihood, made, marginal.likelihood), rng)
    alone = stages.alone(lambda: best_ends(likelihood, start, starts, rng, progress)[0])
    begun = _begun(marginal, alone, start)
    now = _climbed(marginal, stages, begun, starts, progress)
    progress(0, 1, "maximising the marginal likelihood")
    now, integral, regularised = _polished(marginal, likelihood, stages, now, polish)
    held = replace(marginal, centre=_centre(structure.design, likelihood, start))
    if regularised and not _sound(marginal, now, integral) and _ran_away(held, now):
        tried = _held(held, likelihood, stages, begun, polish)
        if _sound(held, *tried):
            marginal, (now, integral) = held, tried
    now, agreement = better_modes(marginal, now, starts, rng)
    return report(marginal, likelihood, now, agreement, polish, integral, regularised)


def _climbed(marginal: Marginal, stages: Stages, begun: Climb, starts: int, progress: Progress) -> Climb:
    """Climb by EM, and on where better modes of subjects turn up."""
    go_on = partial(climb, marginal, progress=progress)
    now = stages.climb("first", begun, go_on)
    for again in range(ROUNDS):
        found, _agreement = better_modes(marginal, now, starts, stages.rng)
        if (found.laplace.log_joint <= now.laplace.log_joint + AGREEMENT).all():
            break
        now = stages.climb(f"again {again}", found, go_on)
    return now


def _polished(
    marginal: Marginal, likelihood: Likelihood, stages: Stages, now: Climb, polish: Polish | None
) -> tuple[Climb, Integral | None, bool]:
    """Maximise without the prior on Σ, or with it where that takes it; return also the integral, and which it was."""
    integral, regularised = None, False
    for regularised in _attempts(marginal, now, polish):
        if regularised:
            go_on = partial(climb, marginal, iterations=ENOUGH, regularised=True)
            now = stages.climb("regularised", _away_from_singular(marginal, now), go_on)
        now, integral = _maximised(marginal, likelihood, now, polish, regularised)
        if has_errors(marginal, now, integral, regularised):
            break
    return now, integral, regularised


def _held(
    marginal: Marginal, likelihood: Likelihood, stages: Stages, begun: Climb, polish: Polish | None
) -> tuple[Climb, Integral | None]:
    """Maximise with priors on Σ and the means, from the start: EM without them may have gone where nothing is told."""
    go_on = partial(climb, marginal, iterations=ENOUGH, regularised=True)
    return _maximised(marginal, likelihood, stages.climb("held", begun, go_on), polish, True)


def _sound(marginal: Marginal, now: Climb, integral: Integral | None) -> bool:
    """Whether a regularised fit ends at a proper maximum, and by another rule too."""
    return has_errors(marginal, now, integral, True) and (integral is None or agreeing(marginal, now, integral, True))


def _ran_away(held: Marginal, now: Climb) -> bool:
    """Whether some mean is farther from the centre of the prior than A."""
    away = held.design.means(now.effects) - held.centre
    return bool((np.abs(away) * np.sqrt(held.precision_of_widest) > 1.0).any())


def _maximised(
    marginal: Marginal, likelihood: Likelihood, now: Climb, polish: Polish | None, regularised: bool
) -> tuple[Climb, Integral | None]:
    """Maximise what is asked for; return also the integral there."""
    if polish == "laplace":
        return polish_laplace(marginal, now, regularised), None
    return polish_integrated(marginal, likelihood, now, regularised)


def _attempts(marginal: Marginal, now: Climb, polish: Polish | None) -> tuple[bool, ...]:
    """Return whether the prior on Σ is tried without and with, in order.

    Where Σ is singular, quasi-random rules drown the curvature along it in their error: no attempt is made without.
    """
    if polish is None:
        return ()
    quasi_random = marginal.spread.size not in ORDERS and polish == "integrated"
    return (True,) if quasi_random and _correlated(now.covariance) else (False, True)


def _correlated(covariance: Array) -> bool:
    sd = np.sqrt(np.diag(covariance))
    return bool(np.linalg.eigvalsh(covariance / np.outer(sd, sd))[0] < LEAST_CORRELATION)


def _away_from_singular(marginal: Marginal, now: Climb) -> Climb:
    away = marginal.spread.away_from_singular(now.covariance, LEAST_CORRELATION)
    return replace(now, covariance=away, laplace=marginal.laplace(marginal.join(now.effects, away), now.laplace.modes))


def _variances(design: GroupDesign, likelihood: Likelihood, start: Prior) -> Array:
    """Return the start's variances of what varies, (R,)."""
    names = list(likelihood.learner.parameters)
    return np.diag(start.covariance)[[names.index(name) for name, _term in design.varying]]


def _centre(design: GroupDesign, likelihood: Likelihood, start: Prior) -> Array:
    """Return where the start's prior has what varies, (R,): zero for differences between conditions."""
    names = list(likelihood.learner.parameters)
    return np.array([start.mean[names.index(name)] * (term in ("mean", "Intercept")) for name, term in design.varying])


def _begun(marginal: Marginal, z: Array, start: Prior) -> Climb:
    """Return where EM begins, from parameters z (C, K) of subjects or cells fitted alone."""
    joint, design = marginal.likelihood, marginal.design
    if not isinstance(joint, JointLikelihood):
        return begin(marginal, z, start.covariance)
    loadings, reach = joint.coefficients.varying, joint.coefficients.reach(design, joint.subject)
    apart = z - joint.coefficients.known
    effects = np.linalg.lstsq(reach.reshape(z.size, -1), apart.ravel(), rcond=None)[0]
    variance = _variances(design, joint.likelihood, start)
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


def polish_integrated(
    marginal: Marginal, likelihood: Likelihood | None, now: Climb, regularised: bool = False
) -> tuple[Climb, Integral]:
    """Maximise the integrated marginal likelihood; return also the integral there.

    By as many nodes as it takes, but for a maximum that is not proper and will be regularised.
    The slow engine of `likelihood` checks it where that is quick.
    """
    subjects, size = now.laplace.modes.shape
    y = marginal.join(now.effects, now.covariance)
    most = FIRST_LEVELS if marginal.centre is None else levels(subjects)
    for *rules, check in _rules(size, subjects, most):
        way, nodes = integrated_ascent(marginal, y, now.laplace, rules, regularised)
        for point in way:
            y = point.y
            now = _reached(marginal, now, y, "integrated", point.value)
        now = replace(now, laplace=marginal.laplace(y, now.laplace.modes))
        slow = None
        if likelihood is not None and subjects * len(check.points) <= SLOW_LANES:
            slow = likelihood.interpreter(int(marginal.design.fixed.any()))
        integral = Integral.checked(marginal, y, nodes, now.laplace, check, slow)
        proper = regularised or has_errors(marginal, now, integral, regularised)
        if not proper or agreeing(marginal, now, integral, regularised):
            break
    return now, integral


def _rules(size: int, subjects: int, most: int) -> Iterator[Sequence[Rule | Lattice]]:
    """Yield rules with more and more nodes, `most` lattices among them."""
    if size in ORDERS:
        yield product_rules(size, subjects)
    yield from (lattices(size, subjects, level) for level in range(most))


def _reached(marginal: Marginal, old: Climb, y: Array, kind: str, value: float) -> Climb:
    """Return the climb at y; the subjects' approximations are still those of before."""
    effects, covariance = marginal.split(y)
    step = Step(kind, value, *changes(marginal.design, old, effects, covariance))
    return Climb(effects, covariance, old.laplace, (*old.history, step))
