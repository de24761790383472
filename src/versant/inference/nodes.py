"""The marginal likelihood of a group by a rule of integration, at rest in every subject's posterior.

A rule has nodes u_s and weights ω_s with ∫ f(u) du ≈ Σ_s ω_s f(u_s) (`versant.inference.rules`). Moved to a subject's
posterior, z_s = centre + R u_s with R Rᵀ its covariance, and with the log-likelihoods ℓ_s there,

    L_n(y) = log Σ_s exp q_s,     q_s = log ω_s |R| + ℓ_s + log N(z_s; m_n, Σ),     shares r_s in proportion to exp q_s

at the group's parameters y = (b, L). Everything follows from averages E and covariances under the shares (Fisher's and
Louis's identities):

    ∂L_n = E[∂q],      ∂²L_n = E[∂²q] + Cov[∂q]
    ∂q/∂m = Σ⁻¹ (z - m),      ∂q/∂Σ = ½ Σ⁻¹ ((z - m)(z - m)ᵀ - Σ) Σ⁻¹,      ∂q/∂b_f = ∂ℓ/∂b_f

with b_f the fixed effects (`versant.inference.cells`): at other values of them the nodes stay and are evaluated anew.
E[∂²q] is the difference of E[∂q] with the shares held. Quasi-random rules are helped by a control variate
(`versant.inference.reference`), whose own integral is exact.

Sources: Naylor & Smith 1982; Louis 1982; Pinheiro & Bates 1995.
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
from versant.inference.mixture import Mixture
from versant.inference.reference import Reference
from versant.inference.rules import Lattice, Rule

__all__ = ["Nodes"]

Array = NDArray[Any]

CHUNK = 20_000
"""Lanes that are evaluated side by side, about."""

WRONG = 25.0

NOTHING = -300.0
"""Log share of a node that does not count: products of denormal numbers would take a hundred times as long."""


@dataclass(frozen=True)
class _Weights:
    """Log-weights, summed up."""

    shares: Array  # (S, N)
    evidence: Array  # (N,)

    @classmethod
    def of(cls, log_weights: Array) -> _Weights:
        highest = log_weights.max(axis=0)
        below = log_weights - np.where(highest > -np.inf, highest, 0.0)
        below[:, highest == -np.inf] = 0.0  # nowhere possible: the shares are even, and the evidence minus infinity
        shares = np.where(below > NOTHING, np.exp(below), 0.0)
        total = shares.sum(axis=0)
        return cls(shares / total, highest + np.log(total))


@dataclass(frozen=True)
class _Average:
    """Averages under the shares of one set of log-weights."""

    shares: Array  # (S, N)
    mean: Array  # (N, K)
    covariance: Array  # (N, K, K)

    def around(self, centres: Array) -> tuple[Array, Array]:
        """Return the first and second moments around centres (N, K)."""
        return _around(self.mean, self.covariance, centres)


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
    reference_values: Array | None = None  # (S, N), the reference's log-density
    proposal: Mixture | None = None  # that they were drawn from
    _last: dict[bytes, tuple[_Weights, _Weights | None]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def placed(
        cls,
        marginal: Marginal,
        y: Array,
        centres: Array,
        covariance: Array,
        rule: Rule,
        engine: Engine | None = None,
    ) -> Nodes:
        """Move a rule to `centres` (N, K) and `covariance` (N, K, K), and evaluate likelihoods there.

        Of y only the fixed effects count.
        """
        roots = np.linalg.cholesky(covariance)
        points = centres + np.einsum("nkl,sl->snk", roots, rule.points)
        measure = rule.log_weights[:, None] + np.log(np.einsum("nkk->nk", roots)).sum(axis=1)
        fixed = marginal.fixed(y)
        return cls(marginal, points, measure, fixed, *_evaluated(marginal, points, fixed, engine), engine)

    @classmethod
    def drawn(
        cls,
        marginal: Marginal,
        y: Array,
        proposal: Mixture,
        lattice: Lattice,
        engine: Engine | None = None,
        reference: Reference | None = None,
    ) -> Nodes:
        """Draw nodes from a proposal, and evaluate likelihoods there; of y only the fixed effects count."""
        points, measure = proposal.draw(lattice)
        fixed = marginal.fixed(y)
        evaluated = _evaluated(marginal, points, fixed, engine)
        stand_in = None if reference is None else reference.log_density(points)
        return cls(marginal, points, measure, fixed, *evaluated, engine, reference, stand_in, proposal)

    def with_fixed(self, y: Array) -> Nodes:
        """Return the same nodes at the fixed effects of y."""
        fixed = self.marginal.fixed(y)
        if np.array_equal(fixed, self.fixed):
            return self
        values, slopes = _evaluated(self.marginal, self.points, fixed, self.engine)
        return replace(self, fixed=fixed, values=values, slopes=slopes, _last={})

    def evidence(self, y: Array) -> Array:
        """Return L_n of each subject, (N,)."""
        own, stand_in = self.with_fixed(y)._weights(y)
        if self.reference is None or stand_in is None:
            return own.evidence
        return own.evidence + self.reference.exact(self.marginal.priors(y))[0] - stand_in.evidence

    def score(self, y: Array) -> Array:
        """Return the gradient."""
        here = self.with_fixed(y)
        own, stand_in = here._averages(y)
        return here._score(y, own, stand_in)

    def information(self, y: Array) -> Array:
        """Return the negative of the Hessian."""
        here = self.with_fixed(y)
        own, stand_in = here._averages(y)

        def moved(move: Array) -> Array:
            return here.with_fixed(y + move)._score(y + move, own, stand_in)

        mean = np.stack([moved(move) - moved(-move) for move in STEP * np.eye(len(y))]) / (2.0 * STEP)
        slopes = here._slopes(y)
        second = 0.5 * (mean + mean.T) + _covariance(slopes, own.shares)
        if stand_in is not None:
            second -= _covariance(slopes, stand_in.shares)
        return np.asarray(-second)

    def carrying(self, y: Array) -> Array:
        """Return how many nodes of each subject carry the weight at y, 1 / Σ r², (N,)."""
        return np.asarray(1.0 / (self.with_fixed(y)._weights(y)[0].shares ** 2).sum(axis=0))

    def moments(self, y: Array) -> tuple[Array, Array]:
        """Return posterior means (N, K) and covariances (N, K, K) at y, by the nodes alone."""
        found = self.with_fixed(y)._averages(y)[0]
        return found.mean, found.covariance

    def adapted(self, y: Array) -> Mixture:
        """Return the proposal adapted to the posteriors at y."""
        if self.proposal is None:
            raise ValueError("nodes of a product rule have no proposal")
        shares = self.with_fixed(y)._weights(y)[0].shares
        return self.proposal.adapted(self.points, shares, self.marginal.priors(y))

    def matched(self, y: Array, laplace: Laplace) -> tuple[Array, Array]:
        """Return the posterior means and covariances at y, (N, K) and (N, K, K).

        Laplace's where the nodes find a variance in some direction that is wrong by more than `WRONG` times; not where
        Laplace's own has none, as at a kink.
        """
        mean, covariance = self.moments(y)
        known = np.isfinite(laplace.covariance).all(axis=(1, 2), keepdims=True)
        inverse = np.linalg.inv(np.linalg.cholesky(np.where(known, laplace.covariance, covariance)))
        ratio = np.linalg.eigvalsh(inverse @ covariance @ np.swapaxes(inverse, -1, -2))
        good = ((ratio[:, 0] > 1.0 / WRONG) & (ratio[:, -1] < WRONG))[:, None]
        return np.where(good, mean, laplace.modes), np.where(good[:, :, None], covariance, laplace.covariance)

    def _score(self, y: Array, own: _Average, stand_in: _Average | None) -> Array:
        """Return E[∂q] at y, under shares that may be those of another y."""
        design, priors = self.marginal.design, self.marginal.priors(y)
        away, second = own.around(priors.mean)
        if self.reference is not None and stand_in is not None:
            _evidence, mean, covariance = self.reference.exact(priors)
            exact, by_rule = _around(mean, covariance, priors.mean), stand_in.around(priors.mean)
            away, second = away + exact[0] - by_rule[0], second + exact[1] - by_rule[1]
        in_covariance = 0.5 * priors.precision @ (second - priors.covariance).sum(axis=0) @ priors.precision
        in_effects = np.einsum("nkp,kl,nl->p", design.stacked, priors.precision, away)
        if len(self.fixed):
            in_effects[design.fixed] = np.einsum("sn,snf->f", own.shares, self.slopes)
        in_factor = self.marginal.spread.pull_back(y[design.n_effects :], in_covariance)
        return np.concatenate([in_effects, in_factor])

    def _slopes(self, y: Array) -> Array:
        """Return ∂q of every node, (S, N, len(y))."""
        design, spread, priors = self.marginal.design, self.marginal.spread, self.marginal.priors(y)
        pulled = (self.points - priors.mean) @ priors.precision
        in_effects = np.einsum("nkp,snk->snp", design.stacked, pulled, optimize=True)
        in_effects[:, :, design.fixed] = self.slopes
        factor = y[design.n_effects :]
        in_factor = spread.quadratic(factor, pulled) - 0.5 * spread.pull_back(factor, priors.precision)
        return np.concatenate([in_effects, in_factor], axis=2)

    def _averages(self, y: Array) -> tuple[_Average, _Average | None]:
        own, stand_in = self._weights(y)
        return self._average(own), None if stand_in is None else self._average(stand_in)

    def _average(self, weights: _Weights) -> _Average:
        shares = weights.shares
        mean = np.einsum("sn,snk->nk", shares, self.points)
        away = (self.points - mean).transpose(1, 2, 0)  # (N, K, S)
        return _Average(shares, mean, (away * shares.T[:, None]) @ away.transpose(0, 2, 1))

    def _weights(self, y: Array) -> tuple[_Weights, _Weights | None]:
        """Return the weights at y (of the fixed effects at rest), and those of the reference; the last are kept."""
        key = y.tobytes()
        if key not in self._last:
            priors = self.marginal.priors(y)
            root = np.linalg.cholesky(priors.precision)
            away = (self.points - priors.mean) @ root
            norm = np.log(np.diag(root)).sum() - 0.5 * root.shape[0] * np.log(2.0 * np.pi)
            common = self.measure + norm - 0.5 * np.einsum("snk,snk->sn", away, away)
            stand_in = None if self.reference_values is None else _Weights.of(self.reference_values + common)
            self._last.clear()
            self._last[key] = _Weights.of(self.values + common), stand_in
        return self._last[key]


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


def _around(mean: Array, covariance: Array, centres: Array) -> tuple[Array, Array]:
    away = mean - centres
    return away, covariance + away[:, :, None] * away[:, None, :]


def _covariance(slopes: Array, shares: Array) -> Array:
    """Return Σ_n Cov of slopes (S, N, Y) under the shares, (Y, Y)."""
    mean = np.einsum("sn,sny->ny", shares, slopes)
    scaled = ((slopes - mean) * np.sqrt(shares)[:, :, None]).reshape(-1, slopes.shape[2])
    return np.asarray(scaled.T @ scaled)
