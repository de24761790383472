"""The balloon analogue risk task: each pump earns, until the balloon bursts (Lejuez et al. 2002).

On a trial, pump l is made with log-odds x_l until the learner stops, or the balloon bursts. After all pumps n of the
trials so far, of which s did not burst the balloon:

    `bart_par4` (Wallsten, Pleskac & Lejuez 2005; van Ravenzwaaij, Dutilh & Wagenmakers 2011)
        belief that a pump bursts       p = 1 - (phi + eta s)/(1 + eta n)
        pumps aimed at, choice          ω = -gam / log(1 - p),    x_l = tau (ω - l)

    `bart_ewmv` (Park, Yang, Vassileva & Ahn 2021): exponential weights, mean and variance
        belief                          p = phi + (1 - exp(-n eta)) ((n - s)/n - phi), at first phi
        utility of pump l, choice       U = (1 - p) - p L + rho p (1 - p) (1 + L)²,  L = lambda (l - 1);  x_l = tau U

Parameters: `phi` in (0, 1); `eta` > 0 (of `bart_ewmv` in (0, 1)); `gam`, `tau`, `lambda` > 0; `rho` in (-½, ½).
Columns: ``pumps`` (at most 128), with the one that burst the balloon; ``explosion`` (0, 1). Names are those of hBayesDM
(Ahn, Haines & Zhang 2017).

Records: ``belief``, p; of `bart_par4` also ``aim``, ω.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from versant.agents.densities import Steps
from versant.agents.learner import learner
from versant.agents.parameters import interval, positive, unit
from versant.expressions.functions import exp, log, maximum, where

__all__ = ["bart_ewmv", "bart_par4"]

_MOST = 128
_TASK: dict[str, Any] = {
    "state": {"successes": 0.0, "pumps": 0.0, "ladder": np.arange(1.0, _MOST + 1.0)},
    "derived": {"burst_at": lambda t: where(t.explosion > 0, t.pumps, math.inf)},
}
_LAMBDA: dict[str, Any] = {"lambda": positive}


def _pump(s: Any, t: Any, log_odds: Callable[[Any], Any]) -> None:
    pumps = t.observe("pumps", Steps(log_odds, s.ladder, t.burst_at))
    s.pumps = s.pumps + pumps
    s.successes = s.successes + pumps - t.explosion


@learner(phi=unit, eta=positive.with_prior(mean=-2.5, sd=1.5), gam=positive, tau=positive, **_TASK)
def bart_par4(p: Any, s: Any, t: Any) -> None:
    """Belief `phi` updated with weight `eta`; risk taking `gam`; consistency `tau`."""
    holds = (p.phi + p.eta * s.successes) / (1 + p.eta * s.pumps)
    aim = -p.gam / log(holds)
    t.record("belief", 1 - holds)
    t.record("aim", aim)
    _pump(s, t, lambda pump: p.tau * (aim - pump))


@learner(phi=unit, eta=unit, rho=interval(-0.5, 0.5), tau=positive, **_LAMBDA, **_TASK)
def bart_ewmv(p: Any, s: Any, t: Any) -> None:
    """Belief `phi` updated at the rate `eta`; risk preference `rho`; loss aversion `lambda`; consistency `tau`."""
    burst = (s.pumps - s.successes) / maximum(s.pumps, 1.0)
    belief = p.phi + (1 - exp(-s.pumps * p.eta)) * (burst - p.phi)
    t.record("belief", belief)
    spread = p.rho * belief * (1 - belief)

    def log_odds(pump: Any) -> Any:
        loss = p["lambda"] * (pump - 1)
        return p.tau * (1 - belief - belief * loss + spread * (1 + loss) * (1 + loss))

    _pump(s, t, log_odds)
