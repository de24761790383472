"""The Cambridge gambling task: a colour, then a stake that is offered in rising or falling order (Rogers et al. 1999).

The cumulative model (Romeu, Haines, Ahn, Busemeyer & Vassileva 2020), with q the share of red boxes, p that of the
colour chosen, m the points in hundreds, and five stakes f offered one after the other, the b-th after (b - 1)/4:

    P(red)   = c q^alpha / (c q^alpha + (1 - c) (1 - q)^alpha)
    U(f)     = p log(1 + m (1 + f)) + (1 - p) log(1 + rho m (1 - f)) - beta (b - 1)/4
    P(f)     = softmax(gamma U)_f

Parameters: `alpha` in (0, 5), distortion of probability; `rho` > 0, weight of losses; `gamma` > 0, consistency; `c` in
(0, 1), bias to red; `beta` > 0, impatience. Columns: ``gamble_type`` (1: stakes rise, 0: they fall),
``percentage_staked`` (5, 25, 50, 75, 95), ``trial_initial_points``, ``red_chosen`` (0, 1), ``n_red_boxes`` (of 10).
Names are those of hBayesDM (Ahn, Haines & Zhang 2017), which counts practice trials too.

Records: ``utility``, U of the stake chosen.
"""

from __future__ import annotations

from typing import Any

from versant.agents.learner import learner
from versant.agents.parameters import interval, positive, unit
from versant.expressions.functions import array, log, log1p, where

__all__ = ["cgt_cm"]

_STAKES = (5, 25, 50, 75, 95)


@learner(
    alpha=interval(0, 5),
    rho=positive,
    gamma=positive,
    c=unit,
    beta=positive,
    columns={"red_chosen": "left_colour_chosen", "n_red_boxes": "n_left_colour_boxes"},
    choices={"red_chosen": (0, 1), "percentage_staked": _STAKES},
)
def cgt_cm(p: Any, s: Any, t: Any) -> None:
    """Colour and stake."""
    share = t.n_red_boxes / 10
    odds = log(p.c) - log(1 - p.c) + p.alpha * (log(share) - log(1 - share))
    red = t.choose("red_chosen", odds)
    chance = where(red == 1, share, 1 - share)
    points = t.trial_initial_points / 100
    utilities = []
    for place, percentage in enumerate(_STAKES):
        win = log1p(points * (1 + percentage / 100))
        lose = log1p(p.rho * points * (1 - percentage / 100))
        delay = where(t.gamble_type == 1, place / 4, 1 - place / 4)
        utilities.append(chance * win + (1 - chance) * lose - p.beta * delay)
    stake = t.choose("percentage_staked", p.gamma * array(utilities))
    t.record("utility", array(utilities)[stake])
