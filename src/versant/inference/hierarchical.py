"""Hierarchical maximum a posteriori estimation: a group's distribution and its subjects' parameters together.

    z_n ~ N(m_n, Σ),   m_n = D_n b,    n = 1..N

*EM with Laplace E-steps.* E: ẑ_n, V_n = H_n⁻¹ under the present prior. M:

    b ← generalised least squares of ẑ on D (without covariates: the mean)
    Σ ← mean[(ẑ_n - m_n)(ẑ_n - m_n)ᵀ + V_n], raised to the smallest variance allowed
    b_f ← a Newton step on Σ_n max_z log p(A_n, z | m_n, Σ, b_f), for fixed effects b_f (`versant.inference.cells`)

This is approximate: the Laplace evidence Σ_n L_n is no lower bound, need not rise at every step, and EM's fixed point
is not its maximum. EM is slow where the data say little about Σ; after every two steps it leaps ahead by squared
extrapolation (SQUAREM), which has the same fixed point. It stops when neither (b, Σ) nor the evidence changes any more,
and both are reported.

*Polish.* Unless told otherwise, Newton's method then maximises the marginal likelihood itself: by numerical
integration over every subject's parameters (`versant.inference.integrated`), or by Laplace
(`versant.inference.marginal`), which may climb towards its own error where a subject's posterior is no Gaussian.

*Standard errors* of b are those of the marginal likelihood: the b block of its inverse observed information over
(b, L). Maximum likelihood takes the variance between subjects too small; the errors of a coefficient with p
effects are therefore multiplied by √(N / (N - p)), and intervals use Student's t with N - p degrees of freedom, both
exact for Gaussian data. Fixed effects are not compared across subjects, and theirs are left as they are.

Sources: Dempster, Laird & Rubin 1977; Varadhan & Roland 2008; Huys et al. 2011; Piray et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Engine
from versant.inference.cells import JointLikelihood
from versant.inference.design import GroupDesign
from versant.inference.laplace import Laplace, approximate
from versant.inference.marginal import Marginal
from versant.inference.polish import log_prior, newton_direction
from versant.inference.prior import SubjectPriors
from versant.inference.verdict import AGREEMENT
from versant.progress import Progress, silent

__all__ = [
    "EM_TOLERANCE",
    "Climb",
    "Middle",
    "Step",
    "begin",
    "better_modes",
    "changes",
    "climb",
    "maximisation",
]

Array = NDArray[Any]

LONGEST = 1.0
"""Of a step of a fixed effect, in unconstrained units."""

EM_TOLERANCE = 1e-3
"""EM has settled when means move by less than this share of the group's standard deviations, Σ by less than this
relative to them, and the evidence by less than a tenth of this a subject."""


@dataclass(frozen=True)
class Step:
    """One step of the iteration: what it changed."""

    kind: str  # "start", "em", "leap", "newton" (on the Laplace evidence) or "integrated" (Newton on the integral)
    evidence: float  # of the group: by Laplace, from the first "integrated" on integrated
    mean_change: float  # largest change of an effect, in standard deviations of its parameter
    covariance_change: float  # largest change of an entry of Σ, relative to √(Σ_ii Σ_jj)


@dataclass(frozen=True)
class Climb:
    """Where the iteration ended."""

    effects: Array  # (P,)
    covariance: Array  # (K, K)
    laplace: Laplace  # of the N subjects, under these
    history: tuple[Step, ...]

    @property
    def evidence(self) -> float:
        """The group's Laplace evidence."""
        return float(self.laplace.evidence.sum())


@dataclass(frozen=True)
class Middle:
    """A climb that is not at its end."""

    done: int  # iterations
    now: Climb
    before: Climb | None  # from where the next leap is taken, if the next iteration is followed by one


def climb(
    marginal: Marginal,
    start: Climb,
    middle: Middle | None = None,
    keep: Callable[[Middle], None] | None = None,
    *,
    iterations: int = 200,
    regularised: bool = False,
    progress: Progress = silent,
) -> Climb:
    """Iterate EM.

    Parameters
    ----------
    marginal : Marginal
    start : Climb
        Effects, covariance and modes to start from.
    middle : Middle, optional
        Where a climb was interrupted, to go on from instead.
    keep : callable, optional
        Is told of every iteration.
    iterations : int
        Limit of EM's; where it is met, the history shows that EM had not settled.
    regularised : bool
        With the prior ½ log|Σ| - ½ tr(A⁻² Σ), and that on the means if there is one.
    progress : Progress
    """
    begun = middle or Middle(0, start, None)
    now, before = begun.now, begun.before
    for done in range(begun.done, iterations):
        progress(done, iterations, f"EM: Laplace evidence {now.evidence:.3f}")
        after = _moved(marginal, now, *maximisation(marginal, now, regularised=regularised), "em")
        if _settled(now, after):
            now = after
            break
        if before is None:
            before, now = now, after
        else:
            now, before = _leap(marginal, before, now, after, regularised), None
        if keep is not None:
            keep(Middle(done + 1, now, before))
    progress(iterations, iterations, f"Laplace evidence {now.evidence:.3f}")
    return now


def _leap(marginal: Marginal, first: Climb, second: Climb, third: Climb, regularised: bool) -> Climb:
    """Extrapolate two steps of EM; return the third point where that brings nothing."""
    one, two, three = (marginal.join(point.effects, point.covariance) for point in (first, second, third))
    step, bend = two - one, three - 2.0 * two + one
    length = np.linalg.norm(step) / max(float(np.linalg.norm(bend)), 1e-300)
    if not 1.0 < length < 1e3:
        return third
    y = one + 2.0 * length * step + length**2 * bend
    leapt = _moved(marginal, third, *marginal.split(y), "leap")
    gained = leapt.evidence - first.evidence
    if regularised:
        gained += log_prior(marginal, leapt.effects, leapt.covariance)
        gained -= log_prior(marginal, first.effects, first.covariance)
    return leapt if gained >= 0.0 else third


def begin(marginal: Marginal, modes: Array, covariance: Array, fixed: Array | None = None) -> Climb:
    """Return the state from which to climb.

    Effects by least squares of `modes` (N, R), but for fixed ones, which are given (F,); a given covariance.
    """
    design = marginal.design
    broad = marginal.spread.nearest(covariance)
    old = np.zeros(design.n_effects)
    old[design.fixed] = 0.0 if fixed is None else fixed
    effects = design.effects(modes, np.linalg.inv(broad), old)
    laplace = marginal.laplace(marginal.join(effects, broad), modes)
    return Climb(effects, broad, laplace, (Step("start", float(laplace.evidence.sum()), np.nan, np.nan),))


def maximisation(
    marginal: Marginal, now: Climb, engine: Engine | None = None, regularised: bool = False
) -> tuple[Array, Array]:
    """EM's M-step: return (b, Σ) given the subjects' approximations."""
    modes, design = now.laplace.modes, marginal.design
    held = marginal.held if regularised else None
    effects = design.effects(modes, np.linalg.inv(now.covariance), now.effects, held)
    if isinstance(marginal.likelihood, JointLikelihood) and design.fixed.any():
        effects[design.fixed] += _fixed_step(marginal.likelihood, now.effects[design.fixed], now.laplace, engine)
    away = modes - design.means(effects)
    moments = (away[:, :, None] * away[:, None, :] + now.laplace.covariance).sum(axis=0)
    if regularised:
        return effects, marginal.spread.nearest(_penalised(moments, len(modes) - 1, marginal.precision_of_widest))
    return effects, marginal.spread.nearest(moments / len(modes))


def _penalised(moments: Array, degrees: int, precision: Array) -> Array:
    """Return the Σ that maximises -½ d log|Σ| - ½ tr(Σ⁻¹ S) - ½ tr(A⁻² Σ): the root of Σ A⁻² Σ + d Σ = S."""
    scale = np.sqrt(np.maximum(precision, 1e-12))
    values, vectors = np.linalg.eigh(moments * np.outer(scale, scale))
    roots = 2.0 * values / (degrees + np.sqrt(degrees**2 + 4.0 * values))
    return np.asarray((vectors * roots) @ vectors.T / np.outer(scale, scale))


def _fixed_step(joint: JointLikelihood, fixed: Array, laplace: Laplace, engine: Engine | None) -> Array:
    """Return Newton's step of the fixed effects (F,), with the subjects' modes moving along."""
    own, subjects = joint.n_varying, len(laplace.modes)
    v = np.concatenate([laplace.modes, np.tile(fixed, (subjects, 1))], axis=1)
    d = joint.evaluate(v, np.arange(subjects), 2, engine)
    cross = d.hessian[:, :own, own:]
    information = -d.hessian[:, own:, own:] - np.swapaxes(cross, 1, 2) @ laplace.covariance @ cross
    step = newton_direction(d.gradient[:, own:].sum(axis=0), information.sum(axis=0))
    return step * min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-300))


def changes(design: GroupDesign, old: Climb, effects: Array, covariance: Array) -> tuple[float, float]:
    """Return how far (b, Σ) moved, as `Step` records it."""
    sd = np.sqrt(np.diag(old.covariance))
    mean = np.abs(effects - old.effects) / design.scale(sd)
    spread = np.abs(covariance - old.covariance) / np.outer(sd, sd)
    return float(mean.max()), float(spread.max())


def _moved(marginal: Marginal, old: Climb, effects: Array, covariance: Array, kind: str) -> Climb:
    laplace = marginal.laplace(marginal.join(effects, covariance), old.laplace.modes)
    step = Step(kind, float(laplace.evidence.sum()), *changes(marginal.design, old, effects, covariance))
    return Climb(effects, covariance, laplace, (*old.history, step))


def _settled(old: Climb, new: Climb) -> bool:
    step = new.history[-1]
    gained = 10.0 * abs(new.evidence - old.evidence) / len(new.laplace.modes)
    return max(step.mean_change, step.covariance_change, gained) < EM_TOLERANCE


def better_modes(marginal: Marginal, now: Climb, starts: int, rng: np.random.Generator) -> tuple[Climb, Array]:
    """Look for better modes of the subjects from fresh starts drawn from their priors.

    Returns
    -------
    now : Climb
        With every mode that is better by more than `AGREEMENT` taken over.
    agreement : (N,) array
        Share of all starts, the mode known before among them, that reached the best one.
    """
    means = marginal.design.means(now.effects)
    subjects = len(means)
    draws = rng.standard_normal((starts - 1, *means.shape)) @ np.linalg.cholesky(now.covariance).T + means
    points = np.concatenate([now.laplace.modes[None], draws]).reshape(-1, means.shape[1])
    whose = np.tile(np.arange(subjects), starts)
    likelihood = marginal.given(marginal.join(now.effects, now.covariance))
    found = approximate(likelihood, SubjectPriors(means[whose], now.covariance), whose, points)
    joint = np.where(np.isfinite(found.log_joint), found.log_joint, -np.inf).reshape(starts, subjects)
    agreement = (joint >= joint.max(axis=0) - AGREEMENT).mean(axis=0)
    best = np.where(joint.max(axis=0) > joint[0] + AGREEMENT, joint.argmax(axis=0), 0)
    chosen = best * subjects + np.arange(subjects)
    taken = {name: getattr(found, name)[chosen] for name in ("modes", "covariance", "log_joint", "evidence")}
    return replace(now, laplace=Laplace(**taken, definite=found.definite[chosen])), agreement
