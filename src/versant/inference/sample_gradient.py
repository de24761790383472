"""The log-likelihood of some subjects and its gradient, as a sampler asks for them: the same lanes at every step.

The kernel is bound to its lanes and to memory of its own once, and called without arguments then: parameters are
written where it reads them, sums read where it writes them. The answers are those of `Likelihood.evaluate` and
`JointLikelihood.evaluate`; each chain needs one of its own, as chains run at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.parameters import Links
from versant.inference.cells import JointLikelihood
from versant.inference.likelihood import Likelihood
from versant.inference.objective import Evaluates

if TYPE_CHECKING:
    from versant.expressions.compiled.kernel import Kernel

__all__ = ["LaneGradient", "LikelihoodGradient", "lane_gradient", "likelihood_gradient", "log_likelihood_of_draws"]

Array = NDArray[Any]

LaneGradient = Callable[[Array], tuple[Array, Array]]
"""z (M, K) → log-likelihoods (M,), gradients (M, K)."""

LikelihoodGradient = Callable[[Array, Array], tuple[float, Array, Array]]
"""w (N, R) and b_f (F,) → log-likelihood, gradient in w (N, R), gradient in b_f (F,)."""

NONE = np.empty(0)
"""No fixed effects."""

LANES = 400_000
"""Unconstrained parameters that are evaluated side by side."""


def lane_gradient(likelihood: Evaluates, subjects: NDArray[np.int64]) -> LaneGradient:
    """Return the fastest way to the log-likelihoods and gradients of lanes, each with the data of one of `subjects`."""
    if isinstance(likelihood, Likelihood):
        from versant.expressions.compiled.kernel import Kernel  # llvmlite is loaded only where it is used

        engine = likelihood.engine(1)
        if isinstance(engine, Kernel):
            return _OfLanes(likelihood, engine, subjects)
    return _Plainly(likelihood, subjects)


def likelihood_gradient(likelihood: Evaluates | JointLikelihood, subjects: int) -> LikelihoodGradient:
    """Return the fastest way to the gradient that a likelihood of N subjects has."""
    if isinstance(likelihood, JointLikelihood):
        return _OfCells(likelihood)
    return _Summed(lane_gradient(likelihood, np.arange(subjects)))


class _Plainly:
    """By the likelihood's own `evaluate`."""

    def __init__(self, likelihood: Evaluates, subjects: NDArray[np.int64]) -> None:
        self._likelihood, self._subjects = likelihood, subjects

    def __call__(self, z: Array) -> tuple[Array, Array]:
        found = self._likelihood.evaluate(z, self._subjects, 1)
        return found.value, found.gradient


class _OfLanes:
    """By a bound kernel."""

    def __init__(self, likelihood: Likelihood, kernel: Kernel, subjects: NDArray[np.int64]) -> None:
        self._kernel = kernel.bound(subjects)
        self._links = Links(list(likelihood.learner.parameters.values()))
        self._z = np.empty_like(self._kernel.parameters)
        self._slope = np.empty_like(self._kernel.parameters)

    def __call__(self, z: Array) -> tuple[Array, Array]:
        kernel = self._kernel
        z.T.take(kernel.lanes.order, axis=1, out=self._z, mode="clip")
        self._links(self._z, kernel.parameters, self._slope)
        kernel()
        kernel.sums[1:] *= self._slope
        sums = kernel.sums.take(kernel.lanes.places, axis=1)
        return sums[0], sums[1:].T


class _Summed:
    """The sum over all subjects."""

    def __init__(self, lanes: LaneGradient) -> None:
        self._lanes = lanes

    def __call__(self, z: Array, fixed: Array) -> tuple[float, Array, Array]:
        value, gradient = self._lanes(z)
        return float(value.sum()), gradient, NONE


class _OfCells:
    """By the gradient of cells, in what varies between subjects and what is fixed; see `versant.inference.cells`."""

    def __init__(self, joint: JointLikelihood) -> None:
        self._cells = likelihood_gradient(joint.likelihood, len(joint.subject))
        self._coefficients, self._subject, self._first = joint.coefficients, joint.subject, joint.offsets[:-1]

    def __call__(self, w: Array, fixed: Array) -> tuple[float, Array, Array]:
        coefficients = self._coefficients
        value, gradient, _ = self._cells(coefficients.unconstrained(w, fixed, self._subject), NONE)
        own = np.add.reduceat(np.einsum("ckr,ck->cr", coefficients.varying, gradient), self._first)
        return value, own, np.einsum("ckf,ck->f", coefficients.fixed, gradient)


def log_likelihood_of_draws(likelihood: Likelihood, z: Array) -> Array:
    """Return the log-likelihood of each subject at many draws, (…, N, K) → (…, N)."""
    subjects, size = z.shape[-2:]
    flat = z.reshape(-1, subjects, size)
    values = [
        likelihood.evaluate(part.reshape(-1, size), np.tile(np.arange(subjects), len(part)), 0).value
        for part in np.array_split(flat, max(1, flat.size // LANES))
    ]
    return np.concatenate(values).reshape(z.shape[:-1])
