"""Fitting a controller to behaviour: the growth transform (expectation maximisation), accelerated, from many starts.

In every block of θ (a distribution), with g the derivative of the log posterior's likelihood and c the concentration of
a symmetric Dirichlet prior (c = 1: maximum likelihood),

    θ ← (θ g + c − 1) / Σ_block (θ g + c − 1)

raises the log posterior or leaves it (Baum & Eagon 1967); θ g are the expected counts. Two such steps give a direction
and its curvature, along which a longer step is tried and kept if it ends no lower than the first of them (squared
extrapolation, Varadhan & Roland 2008). All starts run side by side.

How far the answer is from a maximum is told by what the log posterior, linearised there, promises over all controllers
of its size, Σ_blocks (max g − θᵀg): at a maximum it is 0, at the edges of the simplices too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.agents.controller_model import ControllerModel
from versant.agents.layout import Layout
from versant.errors import ModelError
from versant.inference.controller_result import PROMISED, ControllerFit, ControllerVerdict
from versant.inference.episodes import episodes_of
from versant.inference.hidden_nodes import HiddenNodes
from versant.inference.verdict import AGREEMENT, chance_not_passed
from versant.progress import Progress, silent
from versant.trials import Trials

__all__ = ["controller_log_likelihood", "fit_controller", "under_controller"]

Array = NDArray[np.float64]
Step = tuple[float, float]  # log posterior, promise

ROUNDS = 2000
KEPT = 0.01
"""An extrapolated probability is not less than this share of what the plain steps gave: a zero could not grow again."""


def fit_controller(
    model: ControllerModel,
    trials: Trials,
    *,
    starts: int = 20,
    concentration: float = 1.0,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> ControllerFit:
    """Fit one controller to all subjects.

    Parameters
    ----------
    model : ControllerModel
    trials : Trials
    starts : int
        Random controllers from which the ascent begins.
    concentration : float
        Of the Dirichlet prior of every distribution, 1 or more; 1 is maximum likelihood.
    rng : numpy.random.Generator
    progress : Progress

    Raises
    ------
    DataError
        See `versant.inference.episodes`.
    ModelError
        For fewer than one start, or a concentration below 1 (its posterior has no maximum).
    """
    if starts < 1:
        raise ModelError(f"starts={starts}: one start or more")
    if not (np.isfinite(concentration) and concentration >= 1.0):
        raise ModelError(f"concentration={concentration}: the prior's concentration is a number of 1 or more")
    trials = trials.with_coding(model.action).with_coding(model.observation)
    ascent = _Ascent(HiddenNodes.of(episodes_of(model, trials), model.nodes), concentration - 1.0)
    layout = ascent.likelihood.layout
    first = layout.vector(
        [Controller.random(model.nodes, layout.actions, layout.observations, rng) for _ in range(starts)]
    )
    return _report(model, trials, ascent, *ascent.run(first, progress))


def controller_log_likelihood(model: ControllerModel | Controller, trials: Trials, given: object = None) -> Array:
    """Return each subject's log-likelihood under a controller, (N,); −inf where an action has probability 0.

    Parameters
    ----------
    model : ControllerModel or Controller
        Columns to read, the controller being `given`; or the controller, with the columns' own names.
    trials : Trials
    given : Controller, optional

    Raises
    ------
    ModelError
        If no controller is given, or one with other nodes than the model's.
    """
    if isinstance(model, Controller):
        if given is not None:
            raise ModelError("a Controller has no parameters of its own")
        model, given = ControllerModel(model.n_nodes), model
    if not isinstance(given, Controller) or given.n_nodes != model.nodes:
        raise ModelError(f"the parameters of a {model.name} are a Controller with as many nodes, not {given!r}")
    likelihood, theta = under_controller(model, trials, given)
    value: Array = likelihood.log_likelihood(theta)[0]
    return value


def under_controller(model: ControllerModel, trials: Trials, given: Controller) -> tuple[HiddenNodes, Array]:
    """Return the likelihood of trials as a function of controllers' vectors, and the vector (1, p) of one of them."""
    named = replace(model, actions=given.actions, observations=given.observations)
    likelihood = HiddenNodes.of(episodes_of(named, trials), model.nodes)
    return likelihood, likelihood.layout.vector([given])


@dataclass(frozen=True, eq=False)
class _Ascent:
    likelihood: HiddenNodes
    extra: float  # c − 1, added to every count

    def height(self, theta: Array) -> Array:
        """Log posterior up to a constant, (B,)."""
        return self._posterior(self.likelihood.log_likelihood(theta), theta)

    def grow(self, theta: Array) -> tuple[Array, Array, Array]:
        """One step: log posterior (B,), promise (B,) and the next θ (B, p)."""
        value, slope = self.likelihood.gradient(theta)
        counts = theta * slope + self.extra
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = slope + (self.extra / theta if self.extra else 0.0)
        promise = np.zeros(len(theta))
        blocks = self.likelihood.layout.blocks
        grown = []
        for count, g, old in zip(blocks.views(counts), blocks.views(slope), blocks.views(theta), strict=True):
            promise += (g.max(axis=-1) - (g * old).sum(axis=-1)).sum(axis=-1)
            total = count.sum(axis=-1, keepdims=True)
            grown.append(np.where(total > 0.0, count / np.where(total > 0.0, total, 1.0), old).reshape(len(theta), -1))
        return self._posterior(value, theta), promise, np.concatenate(grown, axis=1)

    def run(self, theta: Array, progress: Progress) -> tuple[Array, Array, list[list[Step]]]:
        """Climb from every θ (B, p) until the promise is kept; return where they end, how high, and every step."""
        theta, heights = theta.copy(), np.full(len(theta), -np.inf)
        climbing = np.arange(len(theta))
        steps: list[list[Step]] = [[] for _ in theta]
        for done in range(ROUNDS):
            now, promise, once = self.grow(theta[climbing])
            heights[climbing] = now
            for start, height, left in zip(climbing, now, promise, strict=True):
                steps[start].append((float(height), float(left)))
            far = promise > PROMISED / 10.0
            climbing, once = climbing[far], once[far]
            if not len(climbing):
                break
            theta[climbing] = self._leap(theta[climbing], once)
            progress(done + 1, ROUNDS, f"log-likelihood {heights.max():.3f}, {len(climbing)} starts climbing")
        return theta, self.height(theta), steps

    def _leap(self, theta: Array, once: Array) -> Array:
        """A second step, or the longer one that both point to where it ends no lower than the first."""
        reached, _, twice = self.grow(once)
        step = once - theta
        bend = twice - once - step
        size = np.linalg.norm(step, axis=1) / np.maximum(np.linalg.norm(bend, axis=1), 1e-300)
        length = np.maximum(size, 1.0)[:, None]
        leapt = np.maximum(theta + 2.0 * length * step + length**2 * bend, KEPT * twice)
        blocks = self.likelihood.layout.blocks
        sums = np.concatenate([view.sum(axis=-1) for view in blocks.views(leapt)], axis=-1)
        leapt /= blocks.spread(sums)
        return np.where((self.height(leapt) >= reached)[:, None], leapt, twice)

    def _posterior(self, value: Array, theta: Array) -> Array:
        total: Array = value.sum(axis=1)
        if self.extra:
            with np.errstate(divide="ignore"):
                total = total + self.extra * np.log(theta).sum(axis=1)
        return total


def _report(
    model: ControllerModel, trials: Trials, ascent: _Ascent, ends: Array, heights: Array, steps: list[list[Step]]
) -> ControllerFit:
    """Everything said of the answer is computed from the answer."""
    best = int(np.argmax(heights))
    likelihood = ascent.likelihood
    layout, episodes = likelihood.layout, likelihood.episodes
    controller = layout.controller(ends[best])
    held = layout.vector([controller])
    value, slope = likelihood.gradient(held)
    promise = float(ascent.grow(held)[1][0])
    counts = held * slope
    size, actions = model.nodes, len(episodes.actions)
    free = size - 1 + size * (actions - 1) + size * layout.n_pairs * (size - 1)
    chance = -np.bincount(episodes.subject, minlength=trials.n_subjects) * np.log(actions)
    agree = heights > heights[best] - AGREEMENT * max(1.0, abs(heights[best]))
    flags = {
        ControllerVerdict.STATIONARY: promise <= PROMISED,
        ControllerVerdict.NOT_STATIONARY: not promise <= PROMISED,
        ControllerVerdict.CHANCE: bool(chance_not_passed(value.sum(), chance.sum(), free)) if free else True,
        ControllerVerdict.RARELY_USED: any((view.sum(axis=-1) < 1.0).any() for view in layout.blocks.views(counts)),
        ControllerVerdict.STARTS_DISAGREE: 2 * int(agree.sum()) < len(heights),
    }
    return ControllerFit(
        model=model,
        controller=controller,
        trials=trials,
        subjects=trials.subjects,
        concentration=1.0 + ascent.extra,
        log_likelihood=value[0],
        chance=np.asarray(chance, dtype=np.float64),
        n_choices=np.asarray(trials.n_trials),
        n_parameters=free,
        promise=promise,
        nodes=likelihood.occupancies(held)[1][0][np.argsort(episodes.rows)],
        moves=_moves(layout, counts),
        heights=heights,
        history=np.array(steps[best]),
        verdicts=frozenset(flag for flag, holds in flags.items() if holds),
    )


def _moves(layout: Layout, counts: Array) -> Array:
    """Return the expected counts (1, p) of transitions as an array (X, A, O, X')."""
    moves = np.zeros((layout.nodes, len(layout.actions), len(layout.observations), layout.nodes))
    actions, observations = layout.pairs.T
    moves[:, actions, observations] = layout.split(counts)[1][0].transpose(1, 0, 2)
    return moves
