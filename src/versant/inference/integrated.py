"""The marginal likelihood of a group by numerical integration over every subject's parameters.

A rule of integration has nodes u_s and weights ω_s with ∫ f(u) du ≈ Σ_s ω_s f(u_s) (`versant.inference.rules`). Moved
to a subject's posterior, z_s = centre + R u_s with R Rᵀ its covariance, and with the log-likelihoods ℓ_s there,

    L_n(y) = log Σ_s ω_s |R| exp(ℓ_s + log N(z_s; m_n, Σ)),      shares r_s in proportion to the terms

at the group's parameters y = (b, L). With posterior mean z̄ and second moment M around m_n under the shares,

    ∂L_n/∂m = Σ⁻¹ (z̄ - m),      ∂L_n/∂Σ = ½ Σ⁻¹ (M - Σ) Σ⁻¹,      ∂L_n/∂b_f = Σ_s r_s ∂ℓ_s/∂b_f

(Fisher's identity; b_f: fixed effects, `versant.inference.cells`; at other values of them the nodes stay and are
evaluated anew). The observed information follows by differences of the score. Nodes serve only near the y they were
placed for, so they move with y (`IntegratedSurface`): at every y the subjects' modes are found anew, a first rule is
placed there by Laplace's approximation, and the rule itself by the moments that the first one finds. Quasi-random
rules are helped by a control variate (`versant.inference.reference`).

Sources: Naylor & Smith 1982; Pinheiro & Bates 1995.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Engine
from versant.inference.cells import JointLikelihood
from versant.inference.laplace import Laplace
from versant.inference.marginal import STEP, Marginal
from versant.inference.prior import SubjectPriors
from versant.inference.reference import Reference
from versant.inference.rules import ORDERS, Rule

__all__ = ["IntegratedSurface", "Nodes", "reference_for"]

Array = NDArray[Any]

CHUNK = 20_000
"""Lanes that are evaluated side by side, about."""

WRONG = 25.0


def reference_for(marginal: Marginal, y: Array, laplace: Laplace) -> Reference | None:
    """Return the control variate of a quasi-random rule; product rules need none."""
    return None if marginal.spread.size in ORDERS else Reference(laplace, marginal.priors(y))


@dataclass(frozen=True)
class Nodes:
    """Nodes at rest, and the marginal likelihood they give."""

    marginal: Marginal
    points: Array  # (S, N, K), z_s
    measure: Array  # (S, N), log ω_s + log |R|
    fixed: Array  # (F,), b_f
    values: Array  # (S, N), ℓ_s
    slopes: Array  # (S, N, F), ∂ℓ_s/∂b_f
    engine: Engine | None = None  # another than the likelihood's own
    reference: Reference | None = None
    reference_base: Array | None = None  # (S, N), log ω_s + log |R| with the reference's log-density

    @classmethod
    def placed(
        cls,
        marginal: Marginal,
        y: Array,
        centres: Array,
        covariance: Array,
        rule: Rule,
        engine: Engine | None = None,
        reference: Reference | None = None,
    ) -> Nodes:
        """Move a rule to `centres` (N, K) and `covariance` (N, K, K), and evaluate likelihoods there.

        Of y only the fixed effects count.
        """
        roots = np.linalg.cholesky(covariance)
        points = centres + np.einsum("nkl,sl->snk", roots, rule.points)
        measure = rule.log_weights[:, None] + np.log(np.einsum("nkk->nk", roots)).sum(axis=1)
        stand_in = None if reference is None else reference.log_density(points) + measure
        fixed = marginal.fixed(y)
        evaluated = _evaluated(marginal, points, fixed, engine)
        return cls(marginal, points, measure, fixed, *evaluated, engine, reference, stand_in)

    @property
    def base(self) -> Array:
        """ℓ_s + log ω_s + log |R|, (S, N)."""
        return self.values + self.measure

    def with_fixed(self, y: Array) -> Nodes:
        """Return the same nodes at the fixed effects of y."""
        fixed = self.marginal.fixed(y)
        if np.array_equal(fixed, self.fixed):
            return self
        values, slopes = _evaluated(self.marginal, self.points, fixed, self.engine)
        return replace(self, fixed=fixed, values=values, slopes=slopes)

    def evidence(self, y: Array) -> Array:
        """Return L_n of each subject, (N,)."""
        return self.with_fixed(y)._evidence(self.marginal.priors(y))

    def _evidence(self, priors: SubjectPriors) -> Array:
        found = _log_sum(self._log_weights(self.base, priors))
        if self.reference is None or self.reference_base is None:
            return found
        return found + self.reference.exact(priors)[0] - _log_sum(self._log_weights(self.reference_base, priors))

    def score(self, y: Array) -> Array:
        """Return the gradient."""
        return self.with_fixed(y)._score(y, self.marginal.priors(y))

    def _score(self, y: Array, priors: SubjectPriors) -> Array:
        away, second = self._around(priors)
        in_covariance = 0.5 * priors.precision @ (second - priors.covariance).sum(axis=0) @ priors.precision
        in_effects = np.einsum("nkp,kl,nl->p", self.marginal.design.stacked, priors.precision, away)
        if len(self.fixed):
            shares = _shares(self._log_weights(self.base, priors))
            in_effects[self.marginal.design.fixed] = np.einsum("sn,snf->f", shares, self.slopes)
        factor = y[len(in_effects) :]
        return np.concatenate([in_effects, self.marginal.spread.pull_back(factor, in_covariance)])

    def information(self, y: Array) -> Array:
        """Return the negative of the Hessian."""
        moves = STEP * np.eye(len(y))
        second = np.stack([self.score(y + move) - self.score(y - move) for move in moves]) / (2.0 * STEP)
        return np.asarray(-0.5 * (second + second.T))

    def moments(self, y: Array) -> tuple[Array, Array]:
        """Return posterior means (N, K) and covariances (N, K, K) at y, by the nodes alone."""
        here = self.with_fixed(y)
        return here._moments(self._log_weights(here.base, self.marginal.priors(y)))

    def _moments(self, log_weights: Array) -> tuple[Array, Array]:
        shares = _shares(log_weights)
        mean = np.einsum("sn,snk->nk", shares, self.points)
        away = self.points - mean
        return mean, np.einsum("sn,snk,snl->nkl", shares, away, away, optimize=True)

    def _around(self, priors: SubjectPriors) -> tuple[Array, Array]:
        """Return the posterior's first and second moments around the prior means, (N, K) and (N, K, K)."""

        def around(mean: Array, covariance: Array) -> tuple[Array, Array]:
            away = mean - priors.mean
            return away, covariance + away[:, :, None] * away[:, None, :]

        first, second = around(*self._moments(self._log_weights(self.base, priors)))
        if self.reference is None or self.reference_base is None:
            return first, second
        by_rule = around(*self._moments(self._log_weights(self.reference_base, priors)))
        _evidence, mean, covariance = self.reference.exact(priors)
        exact = around(mean, covariance)
        return first + exact[0] - by_rule[0], second + exact[1] - by_rule[1]

    def matched(self, y: Array, laplace: Laplace) -> tuple[Array, Array]:
        """Return the posterior means and covariances at y, (N, K) and (N, K, K).

        Laplace's where the nodes find a variance in some direction that is wrong by more than `WRONG` times.
        """
        mean, covariance = self.moments(y)
        inverse = np.linalg.inv(np.linalg.cholesky(laplace.covariance))
        ratio = np.linalg.eigvalsh(inverse @ covariance @ np.swapaxes(inverse, -1, -2))
        good = ((ratio[:, 0] > 1.0 / WRONG) & (ratio[:, -1] < WRONG))[:, None]
        return np.where(good, mean, laplace.modes), np.where(good[:, :, None], covariance, laplace.covariance)

    def _log_weights(self, base: Array, priors: SubjectPriors) -> Array:
        root = np.linalg.cholesky(priors.precision)
        away = (self.points - priors.mean) @ root
        norm = np.log(np.diag(root)).sum() - 0.5 * root.shape[0] * np.log(2.0 * np.pi)
        return np.asarray(base + norm - 0.5 * np.einsum("snk,snk->sn", away, away))


def _evaluated(marginal: Marginal, points: Array, fixed: Array, engine: Engine | None) -> tuple[Array, Array]:
    """Return the log-likelihoods (S, N) of points (S, N, K), and their slopes along the fixed effects (S, N, F)."""
    count, subjects, size = points.shape
    lanes, whose = points.reshape(-1, size), np.tile(np.arange(subjects), count)
    if isinstance(marginal.likelihood, JointLikelihood):
        lanes = np.concatenate([lanes, np.tile(fixed, (len(lanes), 1))], axis=1)
    together = max(1, CHUNK // subjects) * subjects
    parts = [slice(at, at + together) for at in range(0, len(lanes), together)]
    found = [marginal.likelihood.evaluate(lanes[part], whose[part], int(len(fixed) > 0), engine) for part in parts]
    values = np.concatenate([d.value for d in found]).reshape(count, subjects)
    finite = np.isfinite(values)
    slopes = np.zeros((count, subjects, len(fixed)))
    if len(fixed):
        slopes[:] = np.concatenate([d.gradient[:, size:] for d in found]).reshape(slopes.shape)
    return np.where(finite, values, -np.inf), np.where(finite[:, :, None], slopes, 0.0)


def _shares(log_weights: Array) -> Array:
    shares: Array = np.exp(log_weights - log_weights.max(axis=0))
    shares /= shares.sum(axis=0)
    return shares


def _log_sum(log_weights: Array) -> Array:
    highest = log_weights.max(axis=0)
    return np.asarray(highest + np.log(np.exp(log_weights - highest).sum(axis=0)))


@dataclass
class IntegratedSurface:
    """The integrated marginal likelihood with nodes that move: a `versant.inference.polish.Surface`."""

    marginal: Marginal
    modes: Array  # (N, K), where the search for the subjects' modes begins
    first: Rule
    rule: Rule
    tolerance: float = 1e-4
    _last: tuple[bytes, Nodes, Laplace] | None = field(default=None, repr=False)

    def nodes(self, y: Array) -> Nodes:
        """Return the nodes that belong to y."""
        return self._at(y)[1]

    def laplace(self, y: Array) -> Laplace:
        """Return the subjects' Laplace approximations at y."""
        return self._at(y)[2]

    def value(self, y: Array) -> float:
        """Return Σ_n L_n."""
        return float(self.nodes(y).evidence(y).sum())

    def score(self, y: Array) -> Array:
        """Return the gradient."""
        return self.nodes(y).score(y)

    def information(self, y: Array) -> Array:
        """Return the negative of the Hessian."""
        return self.nodes(y).information(y)

    def _at(self, y: Array) -> tuple[bytes, Nodes, Laplace]:
        key = y.tobytes()
        if self._last is None or self._last[0] != key:
            found = self.marginal.laplace(y, self.modes)
            first = Nodes.placed(self.marginal, y, found.modes, found.covariance, self.first)
            known = reference_for(self.marginal, y, found)
            nodes = Nodes.placed(self.marginal, y, *first.matched(y, found), self.rule, None, known)
            self.modes, self._last = found.modes, (key, nodes, found)
        return self._last
