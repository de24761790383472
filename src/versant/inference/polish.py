"""Newton's method on the marginal likelihood of a group, whatever approximates it.

A `Surface` gives value, score and observed information at the group's parameters y = (b, L); two are known:

    LaplaceSurface      Σ_n L_n by Laplace, its exact score (`versant.inference.marginal`)
    IntegratedSurface   Σ_n L_n by numerical integration (`versant.inference.integrated`)

A step solves the information, its eigenvalues made positive, against the score, is shortened to a trust radius and
halved until the value rises enough. Where the score vanishes but the surface still bends upwards, as it does at L = 0
in directions that subjects turn out to differ in, a step goes along that bend. What Newton's model promises from
another step, ½ scoreᵀ information⁻¹ score, says in units of log evidence how far away the maximum is.

Sources: Nocedal & Wright 2006; Chung, Gelman, Rabe-Hesketh, Liu & Dorie 2015.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from versant.inference.laplace import Laplace
from versant.inference.marginal import STEP, Marginal

__all__ = [
    "LaplaceSurface",
    "Point",
    "Regularised",
    "Surface",
    "ascend",
    "at_maximum",
    "log_prior",
    "newton_direction",
    "prior_information",
    "prior_score",
    "promised",
]

Array = NDArray[Any]

FLATTEST = 1e-3
"""Smallest absolute eigenvalue of the information that a step is divided by."""

BENT = 1e-4
"""Share of the largest eigenvalue of the information below which a negative one counts as zero."""

RADIUS = 0.5
"""Longest step in any entry of y, relative to it where it is more than 1."""


class Surface(Protocol):
    """A marginal log likelihood as a function of y."""

    @property
    def tolerance(self) -> float:
        """What Newton's model must promise for another step."""

    def value(self, y: Array) -> float:
        """Return the marginal log likelihood."""

    def score(self, y: Array) -> Array:
        """Return its gradient, (len(y),)."""

    def information(self, y: Array) -> Array:
        """Return the negative of its Hessian, (len(y), len(y))."""


@dataclass
class Regularised:
    """A surface with the weak prior ½ log|Σ| - ½ tr(A⁻² Σ) on the covariance, neither singular nor without bounds.

    That of Wishart's distribution with K + 2 degrees of freedom and the scale A² (Chung et al. 2015): standard
    deviations rise by about one standard error where the data say nothing else, and stay below a few times A. Where
    the marginal says so, also with the prior -½ mean_n |D_n b - c|²/A² on the means (`versant.inference.marginal`).
    """

    surface: Surface
    marginal: Marginal

    @property
    def tolerance(self) -> float:
        """As of the surface."""
        return self.surface.tolerance

    def value(self, y: Array) -> float:
        """Return the surface's value and the log prior."""
        return self.surface.value(y) + log_prior(self.marginal, *self.marginal.split(y))

    def score(self, y: Array) -> Array:
        """Return the gradient."""
        return self.surface.score(y) + prior_score(self.marginal, y)

    def information(self, y: Array) -> Array:
        """Return the negative of the Hessian."""
        return self.surface.information(y) + prior_information(self.marginal, y)


def log_prior(marginal: Marginal, effects: Array, covariance: Array) -> float:
    """Return ½ log|Σ| - ½ tr(A⁻² Σ), and -½ bᵀP b + hᵀb of a prior on the means."""
    on_covariance = 0.5 * float(np.linalg.slogdet(covariance)[1] - marginal.precision_of_widest @ np.diag(covariance))
    precision, pull = marginal.held
    return on_covariance - float((0.5 * precision @ effects - pull) @ effects)


def prior_score(marginal: Marginal, y: Array) -> Array:
    """Return the gradient of `log_prior`, (len(y),)."""
    effects, covariance = marginal.split(y)
    precision, pull = marginal.held
    slope = 0.5 * (np.linalg.inv(covariance) - np.diag(marginal.precision_of_widest))
    factor = y[marginal.design.n_effects :]
    return np.concatenate([pull - precision @ effects, marginal.spread.pull_back(factor, slope)])


def prior_information(marginal: Marginal, y: Array) -> Array:
    """Return the negative Hessian of `log_prior`, (len(y), len(y)), by differences of its gradient."""
    moves = STEP * np.eye(len(y))
    second = np.stack([prior_score(marginal, y + move) - prior_score(marginal, y - move) for move in moves])
    return np.asarray(-(second + second.T) / (4.0 * STEP))


@dataclass(frozen=True)
class Point:
    """A point on the way."""

    y: Array
    value: float


@dataclass
class LaplaceSurface:
    """The Laplace evidence; subjects' modes are found from those found last."""

    marginal: Marginal
    modes: Array  # (N, K)
    tolerance: float = 1e-6
    _last: tuple[bytes, Laplace] | None = field(default=None, repr=False)

    def laplace(self, y: Array) -> Laplace:
        """Return the subjects' approximations at y."""
        key = y.tobytes()
        if self._last is None or self._last[0] != key:
            found = self.marginal.laplace(y, self.modes)
            self.modes, self._last = found.modes, (key, found)
        return self._last[1]

    def value(self, y: Array) -> float:
        """Return Σ_n L_n."""
        return float(self.laplace(y).evidence.sum())

    def score(self, y: Array) -> Array:
        """Return its exact gradient."""
        return np.asarray(self.marginal.scores(y, self.laplace(y)).sum(axis=0))

    def information(self, y: Array) -> Array:
        """Return the negative of its Hessian, by differences of the score."""
        return self.marginal.information(y, self.laplace(y).modes)


def promised(score: Array, information: Array) -> float:
    """Return what Newton's model promises from another step; infinite where the information is not finite."""
    if not np.isfinite(information).all():
        return float("inf")
    return 0.5 * float(newton_direction(score, information) @ score)


def newton_direction(score: Array, information: Array) -> Array:
    """Return |information|⁻¹ score, with absolute eigenvalues of at least `FLATTEST`: always uphill."""
    values, vectors = np.linalg.eigh(information)
    return np.asarray(vectors @ ((vectors.T @ score) / np.maximum(np.abs(values), FLATTEST)))


def ascend(surface: Surface, y: Array, limit: int = 60) -> list[Point]:
    """Climb to a maximum; return the points on the way, the start not among them."""
    way: list[Point] = []
    value = surface.value(y)
    for _ in range(limit):
        score, information = surface.score(y), surface.information(y)
        if not np.isfinite(information).all():
            break
        if promised(score, information) >= surface.tolerance:
            step, least = newton_direction(score, information), 0.0
        else:
            step, least = _upward_bend(information), surface.tolerance
            if not step.any():
                break
        step = step * min(1.0, RADIUS / float((np.abs(step) / np.maximum(np.abs(y), 1.0)).max()))
        after = _along(surface, y, value + least, step, score)
        if after is None:
            break
        way.append(after)
        y, value = after.y, after.value
    return way


def at_maximum(surface: Surface, y: Array) -> bool:
    """Whether another step promises nothing, and the surface bends upwards nowhere."""
    information = surface.information(y)
    return promised(surface.score(y), information) < surface.tolerance and not _upward_bend(information).any()


def _upward_bend(information: Array) -> Array:
    """Return the direction in which a surface bends upwards most; zeros where it does not."""
    values, vectors = np.linalg.eigh(information)
    if values[0] > -BENT * max(1.0, values[-1]):
        return np.zeros(len(values))
    return np.asarray(vectors[:, 0] / np.abs(vectors[:, 0]).max())


def _along(surface: Surface, y: Array, value: float, step: Array, score: Array) -> Point | None:
    """Return the first point on the step, halved and halved again, where the value rises enough; None if nowhere."""
    for halved in range(10):
        shorter = step * 0.5**halved
        trial = surface.value(y + shorter)
        if trial >= value + 1e-4 * float(score @ shorter):
            return Point(y + shorter, trial)
    return None
