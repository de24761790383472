"""Exploration of two options under uncertainty (Gershman 2018), and bonuses for uncertainty in restless bandits.

Within a block of trials the pay of each option has a fixed mean, normal a priori with mean 0 and variance 100, and is
seen with noise of variance 10. A Kalman filter gives posterior means m and variances v; it has no free parameter:

    gain κ = v_a/(v_a + 10),   m_a ← m_a + κ (r - m_a),   v_a ← (1 - κ) v_a
    V = m_1 - m_2,   RU = √v_1 - √v_2 (relative uncertainty),   TU = √(v_1 + v_2) (total uncertainty)

    `exploration_value`       P(1) = Φ(w1 V)                                     no exploration
    `exploration_ucb`         P(1) = Φ(w1 V + w2 RU)                             directed: upper confidence bound
    `exploration_thompson`    P(1) = Φ(w3 V/TU)                                  random: Thompson sampling
    `exploration_hybrid`      P(1) = Φ(w1 V + w2 RU + w3 V/TU)

Those named ``_safe`` know that option 2 always pays 0 (experiment 1 of the paper): v_2 = 0.

`kalman_ucb` (Speekenbrink & Konstantinidis 2015; Daw et al. 2006) tracks a restless bandit by the filter of
`versant.agents.zoo.bandit_kalman` at the parameters of Daw's task, λ = .9836, θ = 50, σ_D = 2.8, σ_o = 4, m = 50 and
v = 1,000 at first, and chooses by softmax(beta (m + bonus √v)) with v before the trial's outcome.

`kalman_thompson`, on the same filter, samples (Thompson 1933; Speekenbrink & Konstantinidis 2015): it draws from
N(m_k, spread² v_k) for every option and takes the highest draw, or with probability xi any option. A `spread` of one is
Thompson sampling proper, none is greed.

Parameters: `w1`, `w2`, `w3`, `bonus` real; `beta`, `spread` > 0; `xi` in (0, 1). Columns: ``choice``, ``reward`` (or
``outcome``); ``block``, where the filter starts anew, except for `kalman_…`.

Records, of the chosen option before it learns: ``value``, m; ``uncertainty``, √v; ``gain``, κ; ``prediction_error``;
except for `kalman_…` also V, RU and TU as ``value_difference``, ``relative_uncertainty`` and ``total_uncertainty``.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import positive, real, unit
from versant.agents.parts import DRAW_GRID, highest_draw, probit_log_odds
from versant.agents.zoo.bandit_kalman import weigh_outcome
from versant.expressions.functions import sqrt

__all__ = [
    "exploration_hybrid",
    "exploration_hybrid_safe",
    "exploration_thompson",
    "exploration_thompson_safe",
    "exploration_ucb",
    "exploration_ucb_safe",
    "exploration_value",
    "exploration_value_safe",
    "kalman_thompson",
    "kalman_ucb",
]

_NOISE = 10.0
_TASK: dict[str, Any] = {
    "state": {"mean": [0.0, 0.0], "variance": [100.0, 100.0]},
    "reset": {"block": ("mean", "variance")},
    "columns": {"reward": "outcome"},
    "choices": {"choice": (1, 2)},
}
_SAFE: dict[str, Any] = {"state": {"mean": [0.0, 0.0], "variance": [100.0, 0.0]}}


def explore(s: Any, t: Any, value: Any, relative: Any, ratio: Any) -> None:
    """Choose by the weights of V, RU and V/TU, and learn."""
    difference = s.mean[0] - s.mean[1]
    directed = sqrt(s.variance[0]) - sqrt(s.variance[1])
    total = sqrt(s.variance[0] + s.variance[1])
    a = t.choose("choice", -probit_log_odds(value * difference + relative * directed + ratio * difference / total))
    t.record("value_difference", difference)
    t.record("relative_uncertainty", directed)
    t.record("total_uncertainty", total)
    weigh_outcome(s, t, a, t.reward, _NOISE)


@learner(w1=real, **_TASK)
def exploration_value(p: Any, s: Any, t: Any) -> None:
    """Value alone."""
    explore(s, t, p.w1, 0.0, 0.0)


@learner(w1=real, w2=real, **_TASK)
def exploration_ucb(p: Any, s: Any, t: Any) -> None:
    """Value and relative uncertainty."""
    explore(s, t, p.w1, p.w2, 0.0)


@learner(w3=real, **_TASK)
def exploration_thompson(p: Any, s: Any, t: Any) -> None:
    """Value in units of total uncertainty."""
    explore(s, t, 0.0, 0.0, p.w3)


@learner(w1=real, w2=real, w3=real, **_TASK)
def exploration_hybrid(p: Any, s: Any, t: Any) -> None:
    """All three."""
    explore(s, t, p.w1, p.w2, p.w3)


_DECAY, _CENTRE, _DIFFUSION, _WALK_NOISE = 0.9836, 50.0, 2.8**2, 4.0**2  # of Daw's task


def _expectations(n: Any) -> dict[str, Any]:
    return {"mean": [_CENTRE] * n.choice, "variance": [1000.0] * n.choice}


def _track(s: Any, t: Any, a: Any) -> None:
    """Learn the pay of option `a` and let all options walk."""
    weigh_outcome(s, t, a, t.reward, _WALK_NOISE)
    s.mean = _DECAY * s.mean + (1 - _DECAY) * _CENTRE
    s.variance = _DECAY**2 * s.variance + _DIFFUSION


@learner(beta=positive, bonus=real, state=lambda p, n: _expectations(n), columns={"reward": "outcome"})
def kalman_ucb(p: Any, s: Any, t: Any) -> None:
    """A restless bandit with a bonus for uncertainty."""
    a = t.choose("choice", p.beta * (s.mean + p.bonus * sqrt(s.variance)))
    _track(s, t, a)


@learner(
    spread=positive.with_prior(mean=0.0, sd=1.0),
    xi=unit.with_prior(mean=-2.5, sd=1.0),
    state=lambda p, n: {**_expectations(n), "grid": DRAW_GRID},
    columns={"reward": "outcome"},
)
def kalman_thompson(p: Any, s: Any, t: Any) -> None:
    """A restless bandit by Thompson sampling, with lapse `xi`."""
    chances = highest_draw(s.mean, p.spread * sqrt(s.variance), s.grid)
    a = t.choose("choice", probabilities=chances, lapse=p.xi)
    _track(s, t, a)


exploration_value_safe = exploration_value.variant("exploration_value_safe", **_SAFE)
exploration_ucb_safe = exploration_ucb.variant("exploration_ucb_safe", **_SAFE)
exploration_thompson_safe = exploration_thompson.variant("exploration_thompson_safe", **_SAFE)
exploration_hybrid_safe = exploration_hybrid.variant("exploration_hybrid_safe", **_SAFE)
