"""Everybody's posterior in what varies between people: given the group, or under a fixed prior.

What a person n has of their own are R coefficients w_n; their parameters in condition c are z_c = o + A_c w_n + B_c b_f
(`versant.inference.cells`). With the group's effects and covariance at their estimates,

    p(w | A_n) ∝ p(A_n | w, b_f) N(w; D_n b, Σ),        p(A_n | group) = ∫ p(A_n | w, b_f) N(w; D_n b, Σ) dw

so that evidence, draws and predictions are of people, whatever conditions they were in. Without conditions, shared and
known parameters w is z, and a person is a subject of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.cells import Cells, Coefficients, JointLikelihood
from versant.inference.group_result import GroupFit
from versant.inference.importance import Draws, draw_matched, rebind
from versant.inference.laplace import approximate
from versant.inference.likelihood import Likelihood
from versant.inference.objective import Evaluates
from versant.inference.prior import Gaussians, SubjectPriors
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.progress import Progress, silent

__all__ = ["Persons", "bound_again", "laplace_evidence", "persons_of"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Persons:
    """The posteriors of N people in their R coefficients, with C cells between them."""

    labels: tuple[object, ...]  # N
    likelihood: Likelihood  # of the cells
    given: Evaluates  # of w, at the fixed effects
    prior: Gaussians | None  # of w; None for maximum likelihood
    centre: Array  # (N, R), the mode or near it
    covariance: Array  # (N, R, R); the prior's where the fit has none
    whose: NDArray[np.int64]  # (C,), whom each cell is of
    cells: Cells | None
    loadings: Coefficients | None
    fixed: Array  # (F,), b_f

    def parameters(self, w: Array) -> Array:
        """Return the unconstrained parameters of all cells, (…, C, K), of w (…, N, R)."""
        return w if self.loadings is None else self.loadings.unconstrained(w, self.fixed, self.whose)

    def draw(self, draws: int, rng: np.random.Generator, progress: Progress = silent) -> Draws:
        """Return weighted draws of the cells' parameters: those of a person belong together, and weigh the same."""
        assert self.prior is not None
        found = draw_matched(self.given, self.prior, self.centre, self.covariance, draws, rng, progress)
        return Draws(self.parameters(found.points), found.log_weights[:, self.whose])

    @property
    def order(self) -> NDArray[np.int64]:
        """The rows of whole trials in the order in which the likelihood of the cells has them, (n,)."""
        return np.arange(len(self.likelihood.trials)) if self.cells is None else self.cells.order


def bound_again(fit: Fit | Sample) -> Likelihood | JointLikelihood:
    """Return the likelihood that was fitted, as a function of what varies and what is fixed.

    Raises
    ------
    ModelError
        If it is no fit of a learner.
    """
    likelihood = rebind(fit)
    if not isinstance(fit, GroupFit | GroupSample) or fit.cells is None or fit.loadings is None:
        return likelihood
    return JointLikelihood(likelihood, fit.cells, fit.loadings, fit.people)


def persons_of(fit: Fit, bound: Likelihood | JointLikelihood | None = None) -> Persons:
    """Return the people of a fit.

    Parameters
    ----------
    fit : Fit
    bound : Likelihood or JointLikelihood, optional
        In place of the likelihood that was fitted: of the same people and cells.
    """
    bound = bound_again(fit) if bound is None else bound
    if isinstance(fit, GroupFit) and isinstance(bound, JointLikelihood):
        g, loadings = fit.group, bound.coefficients
        fixed, prior = g.effects[g.design.fixed], SubjectPriors(g.design.means(g.effects), g.covariance)
        covariance = _known(fit.coefficients_covariance, g.covariance)
        return Persons(
            fit.people, bound.likelihood, bound.at(fixed), prior, fit.coefficients, covariance, bound.subject,
            bound.cells, loadings, fixed,
        )  # fmt: skip
    assert isinstance(bound, Likelihood)
    covariance = fit.covariance if fit.prior is None else _known(fit.covariance, fit.prior.covariance)
    everyone = np.arange(len(fit.subjects))
    return Persons(
        fit.subjects, bound, bound, fit.prior, fit.unconstrained, covariance, everyone, None, None, np.empty(0)
    )  # fmt: skip


def laplace_evidence(fit: Fit) -> Array | None:
    """Return everybody's log evidence by Laplace, (N,): NaN where a Hessian is not positive definite.

    None for maximum likelihood, which has none.
    """
    if not isinstance(fit, GroupFit) or fit.cells is None:
        return fit.evidence
    people = persons_of(fit)
    assert isinstance(people.prior, SubjectPriors)
    found = approximate(people.given, people.prior, np.arange(len(people.labels)), people.centre)
    return np.where(found.definite, found.evidence, np.nan)


def _known(covariance: Array, instead: Array) -> Array:
    """Return covariances, with those of the prior where there is none: k says whether draws by them are enough."""
    finite = np.isfinite(covariance).all(axis=(1, 2), keepdims=True)
    return np.where(finite, covariance, instead)
