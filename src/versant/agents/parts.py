"""Parts of learners: update rules and traces as plain functions, for models to be composed of.

With Q a vector of values, a the option chosen, r what it brought, and δ = r - Q_a:

    delta rule          Q_a ← Q_a + α δ                            (Rescorla & Wagner 1972)
    two rates           α = α₊ if δ ≥ 0, else α₋                   (Frank et al. 2007)
    forgetting          Q_k ← κ Q_k for every option not chosen    (Niv et al. 2015)
    counterfactual      Q_k ← Q_k + α (r_k - Q_k), k not chosen    (Gläscher, Hampton & O'Doherty 2009)
    trace of choices    C ← C + τ (1[k = a] - C)                   (Lau & Glimcher 2005)
    ε-greedy            P(k) = (1 - ε) [k best] + ε/n              (Sutton & Barto 2018)
    power               x^y = exp(y log x) for x > 0, 0 at 0
    probit              P = Φ(x), as log-odds
    Thompson sampling   P(k) = P(x_k is the highest), x_j ~ N(m_j, s_j²)                     (Thompson 1933)
                             = ∫ φ((t - m_k)/s_k)/s_k Π_{j≠k} Φ((t - m_j)/s_j) dt

They work on what a learner holds while it is traced or simulated, and on NumPy arrays at the prompt. A lapse belongs to
the choice: ``t.choose(..., lapse=p.eps)``.

Examples
--------
>>> import numpy as np
>>> Q = np.array([0.0, 0.5])
>>> float(delta_rule(Q, 0, 1.0, 0.2)), Q.tolist()
(1.0, [0.2, 0.5])
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from versant.expressions.functions import array, exp, log, normal_cdf, normal_log_cdf, one_hot, where

__all__ = [
    "DRAW_GRID",
    "by_sign",
    "choice_trace",
    "delta_rule",
    "epsilon_greedy",
    "highest_draw",
    "keep_only",
    "power",
    "probit_log_odds",
    "sign",
    "update_other",
]


def delta_rule(values: Any, place: Any, target: Any, rate: Any) -> Any:
    """Move ``values[place]`` towards `target` by `rate`; return the prediction error δ.

    Parameters
    ----------
    values : array of state
        Changed in place.
    place : option or tuple of options
    target : scalar
    rate : scalar, or function of δ
    """
    delta = target - values[place]
    values[place] += (rate(delta) if callable(rate) else rate) * delta
    return delta


def by_sign(positive: Any, negative: Any) -> Any:
    """Return a rate that depends on the prediction error: `positive` where δ ≥ 0, else `negative`."""
    return lambda delta: where(delta >= 0, positive, negative)


def keep_only(values: Any, place: Any, kept: Any) -> Any:
    """Return `values` with every entry shrunk to the share `kept`, except the one at `place`, which stays."""
    stays = values[place]
    shrunk = kept * values
    shrunk[place] = stays
    return shrunk


def update_other(values: Any, chosen: Any, target: Any, rate: Any) -> Any:
    """Move the value of the option not chosen, of two, towards `target` by `rate`; return its prediction error."""
    return delta_rule(values, 1 - chosen, target, rate)


def choice_trace(trace: Any, chosen: Any, rate: Any = 1.0) -> Any:
    """Return a trace of past choices after one more; with rate 1 it marks the last choice only."""
    return trace + rate * (one_hot(chosen, len(trace)) - trace)


def epsilon_greedy(values: Any, epsilon: Any) -> Any:
    """Return the probabilities of choosing the best option, or with probability `epsilon` any; equals share.

    They are flat in the values: only `epsilon` and ties are seen by derivatives.

    Parameters
    ----------
    values : array of n options
    epsilon : scalar in [0, 1]
    """
    best = where(values >= values.max(), 1.0, 0.0)
    return (1 - epsilon) * best / best.sum() + epsilon / len(values)


def probit_log_odds(x: Any) -> Any:
    """Return the log-odds of what has the probability Φ(x), finite for any x that is."""
    return normal_log_cdf(x) - normal_log_cdf(-x)


def power(base: Any, exponent: Any) -> Any:
    """Return base^exponent for base ≥ 0 and exponent > 0; no number for base < 0.

    The same as ``base**exponent`` there, but where the base is data, its logarithm is taken once and for all, which
    makes derivatives several times faster.

    Examples
    --------
    >>> power(np.array([0.0, 4.0]), 0.5).tolist()
    [0.0, 2.0]
    """
    nothing = base == 0
    return where(nothing, 0.0, exp(exponent * log(where(nothing, 1.0, base))))


DRAW_GRID = np.linspace(0.0, 1.0, 129)
"""Where `highest_draw` evaluates its integrand, from the lowest to the highest place that matters, (129,)."""

DRAW_GRID.flags.writeable = False
_REACH = 7.5  # deviations: Φ(-7.5) is 3e-14


def highest_draw(means: Any, deviations: Any, grid: Any = DRAW_GRID) -> Any:
    """Return the probability that each option's draw, N(mean, deviation²), is the highest.

    By the trapezoidal rule, which converges geometrically here: with 129 places the error is below 1e-10 while no
    deviation is more than ten times another.

    Parameters
    ----------
    means, deviations : arrays of n options
    grid : array
        Places in [0, 1]; in a learner, `DRAW_GRID` kept as state, so that it lives in memory.

    Examples
    --------
    >>> highest_draw(np.zeros(3), np.ones(3)).round(10).tolist()
    [0.3333333333, 0.3333333333, 0.3333333333]
    """
    low, high = (means - _REACH * deviations).max(), (means + _REACH * deviations).max()
    places = low + (high - low) * grid
    precise = [1 / deviations[k] for k in range(len(means))]
    away = [(places - means[k]) * precise[k] for k in range(len(means))]
    below = [normal_cdf(x) for x in away]
    chances = []
    for k, x in enumerate(away):
        density = exp(-0.5 * x * x)
        for other in below[:k] + below[k + 1 :]:
            density = density * other
        width = (high - low) * precise[k] / ((len(grid) - 1) * math.sqrt(2 * math.pi))
        chances.append(width * density.sum())
    return array(chances)


def sign(x: Any) -> Any:
    """Return 1, 0 or -1."""
    return where(x > 0, 1.0, where(x < 0, -1.0, 0.0))
