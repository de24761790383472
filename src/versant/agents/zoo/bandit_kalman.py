"""Restless bandits tracked by a Kalman filter (Daw, O'Doherty, Dayan, Seymour & Dolan 2006).

The learner takes the mean pay m of each option for a random walk that decays towards θ, seen with noise of standard
deviation σ_o = 4. With prior mean and variance m, v of option k, and outcome r of the option a chosen:

    p(k) = softmax(β m)_k
    gain          κ = v_a / (v_a + σ_o²)
    learning      m_a ← m_a + κ (r - m_a)            v_a ← (1 - κ) v_a
    diffusion     m_k ← λ m_k + (1 - λ) θ            v_k ← λ² v_k + σ_D²        for every option k

At first m = mu0 and v = s0².

Parameters: `lambda` in (0, 1), decay; `theta` in (0, 100), centre; `beta` in (0, 1), inverse temperature; `mu0` in
(0, 100), expected pay; `s0`, `sD` in (0, 15), standard deviations of the first expectation and of the walk. They may
also be given as `sigma0` and `sigmaD`.

Columns: ``choice`` and ``reward`` (or ``outcome``) for `bandit4arm2_kalman_filter`; ``choice``, ``gain`` and ``loss``
for `banditNarm_kalman_filter`, whose outcome is gain minus the loss's magnitude. Names are those of hBayesDM (Ahn,
Haines & Zhang 2017).

Records, of the chosen option before it learns: ``value``, m; ``uncertainty``, √v; ``gain``, κ; ``prediction_error``.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.expressions.functions import sqrt

__all__ = ["bandit4arm2_kalman_filter", "banditNarm_kalman_filter"]

_NOISE = 4.0
_DOMAINS: dict[str, Any] = {
    "lambda": unit,
    "theta": interval(0, 100),
    "beta": unit,
    "mu0": interval(0, 100),
    "s0": interval(0, 15),
    "sD": interval(0, 15),
}
_SYNONYMS = {"sigma0": "s0", "sigmaD": "sD"}


def _expectations(p: Any, options: int) -> dict[str, Any]:
    return {"mean": [p.mu0 for _ in range(options)], "variance": [p.s0**2 for _ in range(options)]}


def weigh_outcome(s: Any, t: Any, a: Any, outcome: Any, noise: float) -> None:
    """Update mean and variance of option `a` by its outcome, seen with the variance `noise`."""
    gain = s.variance[a] / (s.variance[a] + noise)
    t.record("value", s.mean[a])
    t.record("uncertainty", sqrt(s.variance[a]))
    t.record("gain", gain)
    t.record("prediction_error", outcome - s.mean[a])
    s.mean[a] += gain * (outcome - s.mean[a])
    s.variance[a] *= 1 - gain


def _filter(p: Any, s: Any, t: Any, a: Any, outcome: Any) -> None:
    weigh_outcome(s, t, a, outcome, _NOISE**2)
    s.mean = p["lambda"] * s.mean + (1 - p["lambda"]) * p.theta
    s.variance = p["lambda"] ** 2 * s.variance + p.sD**2


@learner(
    state=lambda p, n: _expectations(p, 4),
    columns={"reward": "outcome"},
    choices={"choice": (1, 2, 3, 4)},
    synonyms=_SYNONYMS,
    **_DOMAINS,
)
def bandit4arm2_kalman_filter(p: Any, s: Any, t: Any) -> None:
    """Kalman filter on four options."""
    a = t.choose("choice", p.beta * s.mean)
    _filter(p, s, t, a, t.reward)


@learner(state=lambda p, n: _expectations(p, n.choice), synonyms=_SYNONYMS, **_DOMAINS)
def banditNarm_kalman_filter(p: Any, s: Any, t: Any) -> None:
    """Kalman filter on any number of options that bring gains and losses."""
    a = t.choose("choice", p.beta * s.mean)
    _filter(p, s, t, a, t.gain - abs(t.loss))
