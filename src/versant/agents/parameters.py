"""Domains of parameters: natural units, where the model speaks, and unconstrained units, where optimisers work.

A parameter θ in its domain and its unconstrained z are tied by a link; with σ the logistic function

    bounded   θ = lo + (hi - lo) σ(z)     θ' = (hi - lo) σ(1 - σ)     θ'' = θ' (1 - 2σ)
    half-line θ = lo + exp z              θ' = exp z                   θ'' = exp z
    line      θ = z                       θ' = 1                       θ'' = 0

The Gaussian prior is on z. The default priors are weak: they cover what is seen in people, and pull an estimate that
the data do not determine to the middle of its domain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.expressions.evaluate import EVALUATE

__all__ = ["Domain", "Links", "interval", "positive", "real", "unit"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Domain:
    """Where a parameter lives, and its default prior.

    Parameters
    ----------
    lower, upper : float
        Edges of the domain, in natural units; may be infinite. The domain is open.
    mean, sd : float
        Gaussian prior of the unconstrained parameter.

    Examples
    --------
    >>> float(unit.natural(0.0))
    0.5
    >>> unit.with_prior(mean=-1.0, sd=1.0).mean
    -1.0
    """

    lower: float
    upper: float
    mean: float = 0.0
    sd: float = 1.0

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise ModelError(f"a domain's lower edge must be below its upper edge, not {self.lower} and {self.upper}")
        if not (math.isfinite(self.mean) and 0 < self.sd < math.inf):
            raise ModelError(f"a prior needs a finite mean and a positive sd, not {self.mean} and {self.sd}")
        if math.isinf(self.lower) and math.isfinite(self.upper):
            raise ModelError("a domain that is bounded only from above is not supported: model minus the parameter")

    def with_prior(self, mean: float, sd: float) -> Domain:
        """Return the same domain with another default prior (of the unconstrained parameter)."""
        return replace(self, mean=float(mean), sd=float(sd))

    @property
    def bounded(self) -> bool:
        """Whether both edges are finite."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)

    def natural(self, z: Any) -> Array:
        """Return θ(z); any shape, real or complex."""
        z = np.asarray(z)
        if self.bounded:
            sigma: Array = EVALUATE["sigmoid"](None, z)
            return np.asarray(self.lower + (self.upper - self.lower) * sigma)
        if math.isfinite(self.lower):
            with np.errstate(over="ignore"):
                return np.asarray(self.lower + np.exp(z))
        return np.asarray(z)

    def slope(self, z: Any) -> Array:
        """Return dθ/dz."""
        z = np.asarray(z)
        if self.bounded:
            sigma: Array = EVALUATE["sigmoid"](None, z)
            return np.asarray((self.upper - self.lower) * sigma * EVALUATE["sigmoid"](None, -z))
        if math.isfinite(self.lower):
            with np.errstate(over="ignore"):
                return np.asarray(np.exp(z))
        return np.ones_like(z)

    def curvature(self, z: Any) -> Array:
        """Return d²θ/dz²."""
        z = np.asarray(z)
        if self.bounded:
            sigma: Array = EVALUATE["sigmoid"](None, z)
            return self.slope(z) * (1.0 - 2.0 * sigma)
        if math.isfinite(self.lower):
            return self.slope(z)
        return np.zeros_like(z)

    def unconstrained(self, theta: Any) -> Array:
        """Return z(θ).

        Raises
        ------
        ModelError
            If a value lies outside the (open) domain or is not finite.
        """
        theta = np.asarray(theta, dtype=np.float64)
        inside = np.isfinite(theta) & (theta > self.lower) & (theta < self.upper)
        if not inside.all():
            bad = np.atleast_1d(theta)[~np.atleast_1d(inside)][0]
            raise ModelError(f"the value {bad:g} lies outside the open interval ({self.lower:g}, {self.upper:g})")
        if self.bounded:
            return np.asarray(np.log(theta - self.lower) - np.log(self.upper - theta))
        return np.asarray(np.log(theta - self.lower)) if math.isfinite(self.lower) else theta

    def distance_to_edge(self, theta: Any) -> Array:
        """Return how far θ is from the nearest edge: as a share of a bounded domain; 1/|θ| from an infinite edge."""
        theta = np.asarray(theta, dtype=np.float64)
        with np.errstate(divide="ignore"):
            far = 1.0 / np.abs(theta)
        if self.bounded:
            width = self.upper - self.lower
            return np.asarray(np.minimum(theta - self.lower, self.upper - theta) / width)
        return np.asarray(np.minimum(theta - self.lower, far) if math.isfinite(self.lower) else far)


class Links:
    """θ and dθ/dz of K parameters for many z at once, written in place: what samplers call at every step.

    The same as `Domain.natural` and `Domain.slope` of each, with neighbours of one kind taken together.

    Parameters
    ----------
    domains : sequence of Domain

    Examples
    --------
    >>> natural, slope = np.empty((2, 1)), np.empty((2, 1))
    >>> Links([unit, real])(np.zeros((2, 1)), natural, slope)
    >>> natural[:, 0], slope[:, 0]
    (array([0.5, 0. ]), array([0.25, 1.  ]))
    """

    def __init__(self, domains: Sequence[Domain]) -> None:
        from scipy.special import expit

        self._sigmoid = expit
        kinds = [(d.bounded, math.isfinite(d.lower)) for d in domains]
        cuts = [0, *(k for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]), len(kinds)]
        self._runs = [(slice(a, b), *kinds[a]) for a, b in pairwise(cuts)]
        self._lower = np.array([[d.lower] for d in domains])
        self._width = np.array([[d.upper - d.lower] for d in domains])

    def __call__(self, z: Array, natural: Array, slope: Array) -> None:
        """Write θ and dθ/dz of z, all (K, M)."""
        for rows, bounded, half in self._runs:
            theta, change = natural[rows], slope[rows]
            if bounded:
                self._sigmoid(z[rows], out=theta)
                np.subtract(1.0, theta, out=change)
                theta *= self._width[rows]
                change *= theta
                theta += self._lower[rows]
            elif half:
                with np.errstate(over="ignore"):
                    np.exp(z[rows], out=change)
                np.add(change, self._lower[rows], out=theta)
            else:
                theta[...] = z[rows]
                change[...] = 1.0


unit = Domain(0.0, 1.0, mean=0.0, sd=1.5)
"""(0, 1): learning rates, weights, lapse rates."""

positive = Domain(0.0, math.inf, mean=1.0, sd=1.0)
"""(0, ∞): inverse temperatures, noise."""

real = Domain(-math.inf, math.inf, mean=0.0, sd=1.0)
"""The whole line: biases, perseveration."""


def interval(lower: float, upper: float) -> Domain:
    """Return the domain (lower, upper).

    Examples
    --------
    >>> float(interval(-1, 3).natural(0.0))
    1.0
    """
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ModelError("interval() needs two finite edges; use positive or real for infinite ones")
    return Domain(float(lower), float(upper), mean=0.0, sd=1.5)
