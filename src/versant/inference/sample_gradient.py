"""The log-likelihood of all subjects and its gradient, as a sampler asks for them: the same lanes at every step.

The kernel is bound to its lanes and to memory of its own once, and called without arguments then: parameters are
written where it reads them, sums read where it writes them. The answers are those of `Likelihood.evaluate` and
`JointLikelihood.evaluate` for everyone; each chain needs one of its own, as chains run at the same time.
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

__all__ = ["LikelihoodGradient", "likelihood_gradient"]

Array = NDArray[Any]

LikelihoodGradient = Callable[[Array, Array], tuple[float, Array, Array]]
"""w (N, R) and b_f (F,) → log-likelihood, gradient in w (N, R), gradient in b_f (F,)."""

NONE = np.empty(0)
"""No fixed effects."""


def likelihood_gradient(likelihood: Evaluates | JointLikelihood, subjects: int) -> LikelihoodGradient:
    """Return the fastest way to the gradient that a likelihood of N subjects has."""
    if isinstance(likelihood, JointLikelihood):
        return _OfCells(likelihood)
    if isinstance(likelihood, Likelihood):
        from versant.expressions.compiled.kernel import Kernel  # llvmlite is loaded only where it is used

        engine = likelihood.engine(1)
        if isinstance(engine, Kernel):
            return _OfLanes(likelihood, engine)
    return _Plainly(likelihood, subjects)


class _Plainly:
    """By the likelihood's own `evaluate`."""

    def __init__(self, likelihood: Evaluates, subjects: int) -> None:
        self._likelihood, self._everyone = likelihood, np.arange(subjects)

    def __call__(self, w: Array, fixed: Array) -> tuple[float, Array, Array]:
        found = self._likelihood.evaluate(w, self._everyone, 1)
        return float(found.value.sum()), found.gradient, NONE


class _OfLanes:
    """By a bound kernel, in unconstrained parameters z (N, K)."""

    def __init__(self, likelihood: Likelihood, kernel: Kernel) -> None:
        self._kernel = kernel.bound(np.arange(likelihood.n_subjects))
        self._links = Links(list(likelihood.learner.parameters.values()))
        self._z = np.empty_like(self._kernel.parameters)
        self._slope = np.empty_like(self._kernel.parameters)

    def __call__(self, z: Array, fixed: Array) -> tuple[float, Array, Array]:
        kernel = self._kernel
        z.T.take(kernel.lanes.order, axis=1, out=self._z, mode="clip")
        self._links(self._z, kernel.parameters, self._slope)
        kernel()
        kernel.sums[1:] *= self._slope
        sums = kernel.sums.take(kernel.lanes.places, axis=1)
        return float(sums[0].sum()), sums[1:].T, NONE


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
