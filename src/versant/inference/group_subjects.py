"""The subjects of a hierarchical fit: their estimates, with errors that count the group's uncertainty.

Given the group's parameters y = (b, L), a subject's coefficients have a posterior of mean w̄ and covariance V (by the
nodes of the integral; by Laplace, the mode ŵ and the inverse Hessian). But y is estimated, with covariance C, and w̄
moves with it:

    Var(w_n) ≈ V_n + J_n C J_nᵀ,      J_n = ∂w̄_n/∂y
    ∂w̄/∂b = V Σ⁻¹ D_n,   ∂w̄/∂L = V Σ⁻¹ (∂Σ/∂L) Σ⁻¹ (w̄ - m),   ∂w̄/∂b_f = V ∂²ℓ/∂w∂b_f

The parameters of a cell are z_c = o + A_c w_n + B_c b_f (`versant.inference.cells`), so that

    Var(z_c) ≈ A_c V_n A_cᵀ + G_c C G_cᵀ,      G_c = A_c J_n + (B_c at the columns of b_f)

Source: Kass & Steffey 1989.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.cells import Cells, Coefficients, JointLikelihood
from versant.inference.group_result import Group, GroupFit
from versant.inference.hierarchical import Climb
from versant.inference.laplace import expand
from versant.inference.likelihood import Likelihood
from versant.inference.map import examine
from versant.inference.marginal import Marginal
from versant.inference.nodes import Nodes
from versant.inference.prior import Prior, SubjectPriors
from versant.inference.result import Fit
from versant.inference.verdict import CONVERGED_AT, Verdict
from versant.optimise.newton import scaled_gradient

__all__ = ["Individuals", "subjects_of"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Individuals:
    """The subjects' part of a `GroupFit`."""

    fit: Fit
    people: tuple[object, ...]
    cells: Cells | None
    loadings: Coefficients | None
    centre: Array  # (C, K)
    coefficients: Array  # (N, R)
    coefficients_covariance: Array  # (N, R, R)
    coefficients_with_fixed: Array  # (N, R, F)

    def with_group(self, group: Group) -> GroupFit:
        """Return the whole."""
        subjects = {name: getattr(self.fit, name) for name in self.fit.__dataclass_fields__}
        own = {name: value for name, value in vars(self).items() if name != "fit"}
        return GroupFit(**subjects, **own, group=group)


def subjects_of(
    marginal: Marginal,
    likelihood: Likelihood,
    now: Climb,
    agreement: Array,
    uncertainty: Array,
    nodes: Nodes | None,
) -> Individuals:
    """Return the subjects' estimates at the end of a climb.

    Parameters
    ----------
    marginal : Marginal
    likelihood : Likelihood
        Of the subjects, or of their cells.
    now : Climb
    agreement : (N,) array
        Share of starts that reached the same mode.
    uncertainty : (Y, Y) array
        C, the covariance of the group's parameters; zeros where it is not known.
    nodes : Nodes, optional
        Of the integral, at the end of the climb.
    """
    y, modes, joint = marginal.join(now.effects, now.covariance), now.laplace.modes, marginal.likelihood
    if isinstance(joint, JointLikelihood):
        fit, within = _of_cells(marginal, joint, likelihood, now, agreement)
    else:
        fit = examine(likelihood, _prior(marginal, now), modes, agreement)
        within = fit.covariance
    centre = modes
    if nodes is not None:
        centre, within = nodes.matched(y, replace(now.laplace, covariance=within))
    moves = _moves(marginal, y, centre, within)
    own = within + moves @ uncertainty @ np.swapaxes(moves, 1, 2)
    with_fixed = (moves @ uncertainty)[:, :, np.flatnonzero(marginal.design.fixed)]
    if not isinstance(joint, JointLikelihood):
        return Individuals(replace(fit, covariance=own), fit.subjects, None, None, centre, centre, own, with_fixed)
    loadings, whose = joint.coefficients, joint.subject
    reach = loadings.varying @ moves[whose]
    reach[:, :, np.flatnonzero(marginal.design.fixed)] += loadings.fixed
    covariance = loadings.varying @ within[whose] @ np.swapaxes(loadings.varying, 1, 2)
    covariance = covariance + reach @ uncertainty @ np.swapaxes(reach, 1, 2)
    centre_z = loadings.unconstrained(centre, marginal.fixed(y), whose)
    fit = replace(fit, covariance=covariance)
    return Individuals(fit, joint.people, joint.cells, loadings, centre_z, centre, own, with_fixed)


def _prior(marginal: Marginal, now: Climb) -> Prior | SubjectPriors:
    if marginal.design.plain:
        return Prior(now.effects, now.covariance)
    return SubjectPriors(marginal.design.means(now.effects), now.covariance)


def _moves(marginal: Marginal, y: Array, modes: Array, within: Array) -> Array:
    """Return J of every subject, (N, R, Y)."""
    design, priors = marginal.design, marginal.priors(y)
    pull = within @ priors.precision  # V Σ⁻¹
    in_effects = pull @ design.stacked
    if isinstance(marginal.likelihood, JointLikelihood) and design.fixed.any():
        own = design.n_varying
        v = np.concatenate([modes, np.tile(marginal.fixed(y), (len(modes), 1))], axis=1)
        cross = marginal.likelihood.evaluate(v, np.arange(len(modes)), 2).hessian[:, :own, own:]
        in_effects[:, :, design.fixed] = within @ cross
    away = (modes - priors.mean) @ priors.precision  # Σ⁻¹ (ŵ - m)
    in_factor = pull @ marginal.spread.slopes(y[design.n_effects :], away)
    return np.concatenate([in_effects, in_factor], axis=2)


def _of_cells(
    marginal: Marginal, joint: JointLikelihood, likelihood: Likelihood, now: Climb, agreement: Array
) -> tuple[Fit, Array]:
    """Return the fit of the cells (its covariance is not yet theirs), and V of every subject, by the slow engine.

    A cell is converged where its subject is.
    """
    y, modes = marginal.join(now.effects, now.covariance), now.laplace.modes
    everyone, slow, priors = np.arange(len(modes)), likelihood.interpreter(2), marginal.priors(y)
    found = expand(marginal.given(y), priors, everyone, modes, slow)
    slope = marginal.given(y).evaluate(modes, everyone, 2, slow).gradient + priors.gradient(modes)
    with np.errstate(invalid="ignore"):
        size = scaled_gradient(found.log_joint, slope)
    z = joint.coefficients.unconstrained(modes, marginal.fixed(y), joint.subject)
    fit = examine(likelihood, None, z, agreement[joint.subject])
    own = {
        Verdict.CONVERGED: (size <= CONVERGED_AT) & found.definite,
        Verdict.FLAT: ~found.definite & np.isfinite(found.log_joint),
    }
    verdicts = tuple(
        (flags - set(own)) | {flag for flag, holds in own.items() if holds[n]}
        for flags, n in zip(fit.verdicts, joint.subject, strict=True)
    )
    within = np.where(found.definite[:, None, None], found.covariance, np.nan)
    return replace(fit, verdicts=verdicts, gradient_size=size[joint.subject]), within
