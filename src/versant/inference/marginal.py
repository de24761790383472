"""The marginal likelihood of a group and its derivatives, with every subject's Laplace approximation inside.

The group's parameters are y = (b, L): effects of the design, m_n = D_n b, and free entries of Σ = s² I + L Lᵀ. With
d = ẑ - m, V and c of `versant.inference.laplace`, and the corrected residual e = d - ½ V c, one subject's score is

    ∂L_n/∂m   = Σ⁻¹ e
    ∂L_n/∂Σ⁻¹ = ½ (Σ - d dᵀ - V) + ¼ (d (V c)ᵀ + (V c) dᵀ)          ∂L_n/∂Σ = -Σ⁻¹ (∂L_n/∂Σ⁻¹) Σ⁻¹

so that the maximum of Σ_n L_n solves mean(e) = 0 and a corrected form of EM's equation for Σ. Fixed effects b_f stand
in the likelihood itself (`versant.inference.cells`). They move ẑ by V ∂²ℓ/∂z∂b_f, and log|H| by c_f of its own,

    ∂L_n/∂b_f = ∂ℓ/∂b_f - ½ c_f - ½ (V ∂²ℓ/∂z∂b_f)ᵀ c

The observed information is the negative second derivative of Σ_n L_n, by central differences of this score, all of them
side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Engine
from versant.inference.cells import JointLikelihood
from versant.inference.design import GroupDesign
from versant.inference.laplace import Laplace, approximate, expand, third_order
from versant.inference.objective import Evaluates
from versant.inference.prior import SubjectPriors
from versant.inference.spread import Spread

__all__ = ["Marginal"]

Array = NDArray[Any]

STEP = 1e-3
"""Of the differences of the score, in the units of y."""


@dataclass(frozen=True)
class Marginal:
    """The Laplace evidence of a group as a function of y = (b, L)."""

    likelihood: Evaluates | JointLikelihood
    design: GroupDesign
    spread: Spread
    widest: Array | None = None  # (R,), a: the scale of the prior that a regularised fit puts on Σ; infinite if none
    centre: Array | None = None  # (R,), c: where its prior on the means is centred; no such prior if none

    @property
    def precision_of_widest(self) -> Array:
        """The diagonal of A⁻², (R,)."""
        return np.zeros(self.spread.size) if self.widest is None else np.asarray(self.widest**-2.0)

    @cached_property
    def held(self) -> tuple[Array, Array]:
        """P (P, P) and h (P,) of the prior -½ bᵀP b + hᵀb on the effects: -½ mean_n |D_n b - c|²/A²."""
        if self.centre is None:
            return np.zeros((self.design.n_effects,) * 2), np.zeros(self.design.n_effects)
        weighted = np.einsum("nkp,k->npk", self.design.stacked, self.precision_of_widest) / self.design.n_subjects
        return np.einsum("npk,nkq->pq", weighted, self.design.stacked), weighted.sum(axis=0) @ self.centre

    @property
    def n_parameters(self) -> int:
        """Length of y."""
        return self.design.n_effects + self.spread.count

    def join(self, effects: Array, covariance: Array) -> Array:
        """Return y of effects b (P,) and a covariance Σ (K, K)."""
        return np.asarray(np.concatenate([effects, self.spread.factor(covariance)]))

    def priors(self, y: Array) -> SubjectPriors:
        """Return the prior of each subject at y; for several y (E, ·), those of E·N lanes."""
        effects, covariance = self.split(y)
        means = self.design.means(effects)
        if y.ndim == 1:
            return SubjectPriors(means, covariance)
        repeated = np.repeat(covariance, self.design.n_subjects, axis=0)
        return SubjectPriors(means.reshape(-1, means.shape[-1]), repeated)

    def given(self, y: Array) -> Evaluates:
        """Return the likelihood of what varies at y (or at E values of y, for E·N lanes): without fixed effects."""
        if isinstance(self.likelihood, JointLikelihood):
            return self.likelihood.at(self.fixed(y))
        return self.likelihood

    def fixed(self, y: Array) -> Array:
        """Return the fixed effects of y, (…, F)."""
        return np.asarray(y[..., : self.design.n_effects][..., self.design.fixed])

    def laplace(self, y: Array, starts: Array) -> Laplace:
        """Return the subjects' approximations at y, their modes looked for from `starts` (N, R)."""
        return approximate(self.given(y), self.priors(y), np.arange(self.design.n_subjects), starts)

    def scores(self, y: Array, laplace: Laplace, engine: Engine | None = None) -> Array:
        """Return each subject's score at one y, (N, len(y))."""
        return np.asarray(self._scores(y[None], laplace, engine)[0])

    def score_at(self, y: Array, z: Array, engine: Engine) -> Array:
        """Return the total score at y, taking z (N, K) for the modes and evaluating with another engine."""
        laplace = expand(self.given(y), self.priors(y), np.arange(self.design.n_subjects), z, engine)
        return np.asarray(self.scores(y, laplace, engine).sum(axis=0))

    def information(self, y: Array, modes: Array) -> Array:
        """Return the observed information, (len(y), len(y))."""
        moved = np.concatenate([y + STEP * np.eye(len(y)), y - STEP * np.eye(len(y))])
        laplace = approximate(
            self.given(moved), self.priors(moved), self._lanes(moved), np.tile(modes, (len(moved), 1))
        )
        totals = self._scores(moved, laplace).sum(axis=1)
        second = (totals[: len(y)] - totals[len(y) :]) / (2.0 * STEP)
        return np.asarray(-0.5 * (second + second.T))

    def split(self, y: Array) -> tuple[Array, Array]:
        """Return the effects (…, P) and the covariance (…, K, K) of y."""
        count = self.design.n_effects
        return y[..., :count], self.spread.covariance(y[..., count:])

    def _lanes(self, y: Array) -> NDArray[np.int64]:
        """Return whose data the E·N lanes of E values of y use, as the likelihood `given` y counts them."""
        subjects = np.arange(self.design.n_subjects * len(y))
        return subjects if isinstance(self.likelihood, JointLikelihood) else subjects % self.design.n_subjects

    def _scores(self, y: Array, laplace: Laplace, engine: Engine | None = None) -> Array:
        """Return scores of all subjects at E values of y, (E, N, len(y)); `laplace` holds E·N lanes."""
        subjects, size = self.design.n_subjects, self.spread.size
        effects, covariance = self.split(y)
        c, in_fixed = self._third_order(y, laplace, engine)
        shift = np.einsum("mkl,ml->mk", laplace.covariance, c).reshape(-1, subjects, size)  # V c
        variance = laplace.covariance.reshape(-1, subjects, size, size)
        away = laplace.modes.reshape(-1, subjects, size) - self.design.means(effects)  # d
        precision = np.linalg.inv(covariance)  # (E, K, K)
        in_mean = np.einsum("ekl,enl->enk", precision, away - 0.5 * shift)
        cross = away[..., :, None] * shift[..., None, :]
        outer = away[..., :, None] * away[..., None, :]
        in_precision = 0.5 * (covariance[:, None] - outer - variance) + 0.25 * (cross + np.swapaxes(cross, -1, -2))
        in_covariance = -np.einsum("eij,enjk,ekl->enil", precision, in_precision, precision)
        factor = np.repeat(y[:, None, self.design.n_effects :], subjects, axis=1)
        in_factor = self.spread.pull_back(factor, in_covariance)
        in_effects = np.einsum("nkp,enk->enp", self.design.stacked, in_mean)
        in_effects[..., self.design.fixed] = in_fixed.reshape(len(y), subjects, -1)
        return np.concatenate([in_effects, in_factor], axis=2)

    def _third_order(self, y: Array, laplace: Laplace, engine: Engine | None) -> tuple[Array, Array]:
        """Return c of E·N lanes (·, R), and the slopes of their evidence along the fixed effects (·, F)."""
        lanes = self._lanes(y)
        if not isinstance(self.likelihood, JointLikelihood):
            return third_order(self.likelihood, lanes, laplace, engine), np.zeros((len(lanes), 0))
        own, whose = self.design.n_varying, lanes % self.design.n_subjects
        fixed = np.repeat(self.fixed(y), self.design.n_subjects, axis=0)
        c = third_order(self.likelihood, whose, laplace, engine, fixed)
        d = self.likelihood.evaluate(np.concatenate([laplace.modes, fixed], axis=1), whose, 2, engine)
        moves = np.einsum("mij,mjf->mif", laplace.covariance, d.hessian[:, :own, own:])  # of the mode
        corrected = d.gradient[:, own:] - 0.5 * c[:, own:] - 0.5 * np.einsum("mif,mi->mf", moves, c[:, :own])
        return c[:, :own], corrected
