"""The Wisconsin card sorting test: cards sorted by colour, form or number (Heaton et al. 1993).

Sequential learning of attention (Bishara et al. 2010), `wcs_sql`. With attention a to the three dimensions (at first ⅓
each), and M_r the deck that the card matches in dimension r:

    first trial      P(k) = Σ_r a_r [M_r = k]
    later            P(k) ∝ .9998 Σ_r a_r^d [M_r = k] + .0001
    signal           s_r ∝ a_r [M_r = k] if "right" was said, a_r [M_r ≠ k] if "wrong" was
    attention        a ← (1 - rate) a + rate s, then a ← .9998 a/Σa + .0001;   rate = r if right, else p

Parameters: `r`, `p` in (0, 1), rates after reward and punishment; `d` in (0, 5), consistency. Columns: ``choice`` (deck
1 to 4), ``reward`` (or ``outcome``: 1 right, 0 wrong); ``colour``, ``form``, ``number``, the deck 1 to 4 that the card
matches. Names are those of hBayesDM (Ahn, Haines & Zhang 2017).

Where the trials do not say what the card matches, as that toolbox's do not, ``trial`` (1 to 128) says which card it
was: the test's 64 cards in the order of the printed deck, gone through twice. `CARDS` is that order as the toolbox's
answer sheet (``wcs_answersheet.txt``) has it; it is a fact of the test, not of the model.

Records: ``attention_colour``, ``attention_form``, ``attention_number``, a before the answer is known.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from versant.agents.learner import learner
from versant.agents.parameters import interval, unit
from versant.expressions.functions import array, lookup, where

__all__ = ["CARDS", "wcs_sql"]

_DECKS = {
    "colour": "2141234123414324131342341341212143234324143213432342124213124312",
    "form": "1314231434213214241423212134234243214243124123413212413431342313",
    "number": "1421414342132134234123234234214134142314134232132413241321324321",
}  # the deck, 1 to 4, that each of the 64 cards matches
CARDS = np.array([[int(deck) - 1.0 for deck in decks * 2] for decks in _DECKS.values()])  # (3, 128)
"""The deck, from 0, that the card of each trial matches in colour, form and number; (3, 128), of hBayesDM."""

CARDS.flags.writeable = False
_MATCHED = dict(zip(_DECKS, CARDS, strict=True))
_FOUR = (1, 2, 3, 4)
_KEPT, _FLOOR = 0.9998, 0.0001


def _standard(decks: Any, t: Any) -> Any:
    """Return the deck that the card of this trial matches, in the standard order."""
    return lookup(decks, t.trial)


@learner(
    r=unit,
    p=unit,
    d=interval(0, 5),
    state={"attention": [1 / 3, 1 / 3, 1 / 3], "begun": 0.0},
    columns={"reward": "outcome"},
    choices={"choice": _FOUR, "trial": tuple(range(1, 129))} | dict.fromkeys(_DECKS, _FOUR),
    derived={name: partial(_standard, decks) for name, decks in _MATCHED.items()},
)
def wcs_sql(p: Any, s: Any, t: Any) -> None:
    """Attention shifts to dimensions that agree with what was said."""
    matched = [t[dimension] for dimension in _DECKS]
    first = s.begun < 1
    weights = [where(first, attention, attention**p.d) for attention in s.attention]
    sums = array([sum(w * (deck == k) for w, deck in zip(weights, matched, strict=True)) for k in range(4)])
    floored = _KEPT * sums + _FLOOR
    k = t.choose("choice", probabilities=where(first, sums, floored / floored.sum()))
    for dimension, attention in zip(_DECKS, s.attention, strict=True):
        t.record(f"attention_{dimension}", attention)
    right = t.reward > 0
    agrees = [where(right, 1.0 * (deck == k), 1.0 * (deck != k)) for deck in matched]
    signal = array([a * agree for a, agree in zip(s.attention, agrees, strict=True)])
    rate = where(right, p.r, p.p)
    attention = (1 - rate) * s.attention + rate * signal / signal.sum()
    s.attention = _KEPT * attention / attention.sum() + _FLOOR
    s.begun = 1.0
