"""The last part of a hierarchical fit: standard errors and verdicts, recomputed where they can be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.design import GroupDesign
from versant.inference.group_result import Group, GroupFit, Polish
from versant.inference.group_subjects import subjects_of
from versant.inference.group_verdict import DOUBTFUL, FEW, GroupVerdict, largest_gain
from versant.inference.hierarchical import EM_TOLERANCE, Climb, changes, maximisation
from versant.inference.integrated import Integral
from versant.inference.laplace import expand
from versant.inference.likelihood import Likelihood
from versant.inference.marginal import Marginal
from versant.inference.polish import LaplaceSurface, prior_information, prior_score, promised
from versant.inference.spread import Spread
from versant.inference.verdict import Verdict

__all__ = ["agreeing", "group_errors", "has_errors", "report"]

Array = NDArray[Any]


def report(
    marginal: Marginal,
    likelihood: Likelihood,
    now: Climb,
    agreement: Array,
    polish: Polish | None,
    integral: Integral | None,
    regularised: bool = False,
) -> GroupFit:
    """Return the fit that a climb ended in."""
    nodes = None if integral is None else integral.nodes
    design = marginal.design
    y = marginal.join(now.effects, now.covariance)
    laplace = LaplaceSurface(marginal, now.laplace.modes)
    information = _information(marginal, now, integral, regularised)
    uncertainty, proper = group_errors(information, design)
    known = uncertainty if proper else np.zeros_like(uncertainty)
    individual = subjects_of(marginal, likelihood, now, agreement, known, nodes)
    again = integral.score(y) if integral else marginal.score_at(y, now.laplace.modes, likelihood.interpreter(2))
    gain = promised(again + prior_score(marginal, y) if regularised else again, information)
    raised = marginal.spread.raised(now.covariance)
    group = Group(
        design=design,
        spread=marginal.spread,
        effects=now.effects,
        effects_covariance=uncertainty[: design.n_effects, : design.n_effects],
        covariance=now.covariance,
        sd_errors=_sd_errors(marginal.spread, y, uncertainty, now.covariance),
        raised=raised,
        evidence=laplace.value(y) if nodes is None else float(nodes.evidence(y).sum()),
        gain=gain,
        evidence_error=integral.gap(y) if integral else None,
        polish=polish,
        history=now.history,
        verdicts=frozenset(),
    )
    still = _stationary(marginal, likelihood, now) if polish is None else gain < largest_gain(len(y))
    settled = all(Verdict.CONVERGED in flags and Verdict.KINK not in flags for flags in individual.fit.verdicts)
    verdicts = _verdicts(group, still, proper, settled, regularised)
    if regularised and marginal.centre is not None:
        verdicts |= {GroupVerdict.MEANS_HELD}
    return individual.with_group(replace(group, verdicts=verdicts))


def _verdicts(group: Group, still: bool, proper: bool, settled: bool, regularised: bool) -> frozenset[GroupVerdict]:
    subjects = group.design.n_subjects
    most = int(group.design.ranks.max())
    full_short = group.spread.kind == "full" and subjects < len(group.covariance) + 2
    doubtful = group.evidence_error is not None and (group.evidence_error > DOUBTFUL or not still)
    flags = {
        GroupVerdict.CONVERGED: still and proper,
        GroupVerdict.COVARIANCE_SINGULAR: len(group.raised) > 0,
        GroupVerdict.REGULARISED: regularised,
        GroupVerdict.NO_MAXIMUM: not proper,
        GroupVerdict.FEW_SUBJECTS: subjects < FEW * most or full_short,
        GroupVerdict.SUBJECTS_UNSETTLED: not settled,
        GroupVerdict.INTEGRATION_DOUBTFUL: doubtful,
    }
    return frozenset(flag for flag, holds in flags.items() if holds)


def _information(marginal: Marginal, now: Climb, integral: Integral | None, regularised: bool) -> Array:
    y = marginal.join(now.effects, now.covariance)
    surface = LaplaceSurface(marginal, now.laplace.modes) if integral is None else integral.nodes
    found = surface.information(y)
    return found + prior_information(marginal, y) if regularised else found


def has_errors(marginal: Marginal, now: Climb, integral: Integral | None, regularised: bool) -> bool:
    """Whether the observed information at the end of a climb is proper."""
    return group_errors(_information(marginal, now, integral, regularised), marginal.design)[1]


def agreeing(marginal: Marginal, now: Climb, integral: Integral, regularised: bool) -> bool:
    """Whether the rules of an integral find the same evidence and the same maximum."""
    y = marginal.join(now.effects, now.covariance)
    score = integral.score(y) + prior_score(marginal, y) if regularised else integral.score(y)
    gain = promised(score, _information(marginal, now, integral, regularised))
    return gain < largest_gain(len(y)) and integral.gap(y) < DOUBTFUL


def group_errors(information: Array, design: GroupDesign) -> tuple[Array, bool]:
    """Return the covariance of the estimates (b, L), that of b corrected, and whether the information is proper.

    Directions in which Σ does not change (L is determined up to a rotation where Σ is singular) carry none.
    """
    count = design.n_effects
    b, cross, factor = information[:count, :count], information[:count, count:], information[count:, count:]
    missing = np.full(information.shape, np.nan), False
    if not np.isfinite(information).all():
        return missing
    scale = max(1.0, float(np.abs(factor).max()))
    inverse = np.linalg.pinv(factor, rcond=1e-6, hermitian=True)
    schur = b - cross @ inverse @ cross.T
    if np.linalg.eigvalsh(factor)[0] < -1e-4 * scale or np.linalg.eigvalsh(schur)[0] <= 0.0:
        return missing
    slopes = inverse @ cross.T
    effects = np.linalg.inv(schur)
    found = np.block([[effects, -effects @ slopes.T], [-slopes @ effects, inverse + slopes @ effects @ slopes.T]])
    correction = np.ones(len(information))
    correction[:count] = np.sqrt(design.n_subjects / np.maximum(design.n_subjects - design.companions, 1))
    return found * np.outer(correction, correction), True


def _sd_errors(spread: Spread, y: Array, uncertainty: Array, covariance: Array) -> Array:
    """Return standard errors of √Σ_kk by the delta method; NaN where it stands at the smallest allowed."""
    size = spread.size
    factor, factor_covariance = y[-spread.count :], uncertainty[-spread.count :, -spread.count :]
    slopes = np.stack([spread.pull_back(factor, np.diag(np.eye(size)[k])) for k in range(size)])  # ∂Σ_kk/∂L
    sd = np.sqrt(np.diag(covariance))
    errors = np.sqrt(np.maximum(np.einsum("ka,ab,kb->k", slopes, factor_covariance, slopes), 0.0)) / (2.0 * sd)
    at_floor = np.diag(covariance) <= 1.05 * spread.minimum_sd**2
    return np.where(at_floor | np.isnan(factor_covariance).any(), np.nan, errors)


def _stationary(marginal: Marginal, likelihood: Likelihood, now: Climb) -> bool:
    """Whether another EM step, recomputed with the slow engine, stays where it is."""
    design, y = marginal.design, marginal.join(now.effects, now.covariance)
    slow = likelihood.interpreter(2)
    again = expand(marginal.given(y), marginal.priors(y), np.arange(design.n_subjects), now.laplace.modes, slow)
    effects, covariance = maximisation(marginal, Climb(now.effects, now.covariance, again, now.history), slow)
    return max(changes(design, now, effects, covariance)) < EM_TOLERANCE
