"""Verdicts: what an estimate is worth, recomputed from the estimate itself.

Nothing here comes from the optimiser, except where the other starts ended.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.optimise.status import Word

__all__ = ["AGREEMENT", "CONVERGED_AT", "LIMIT_WITHIN", "Verdict", "chance_not_passed"]

Array = NDArray[Any]

CONVERGED_AT = 1e-6
LIMIT_WITHIN = 1e-4
AGREEMENT = 1e-3
CHANCE_LEVEL = 0.05


class Verdict(Word):
    """Flags of an estimate. ``converged`` alone is what one hopes for; the others say what to look at.

    Examples
    --------
    >>> Verdict.FLAT.advice
    'more trials, a tighter prior, or a model with fewer parameters'
    """

    CONVERGED = (
        "converged",
        "the largest entry of the gradient of the negative log posterior, divided by the size of the latter if that is "
        "more than 1, is below 1e-6, and the Hessian is positive definite",
        "nothing",
    )
    FLAT = (
        "flat",
        "the Hessian of the negative log posterior is not positive definite, so some direction is not determined",
        "more trials, a tighter prior, or a model with fewer parameters",
    )
    UNDEFINED = (
        "undefined",
        "the log posterior is not a finite number at the estimate, nor wherever else the optimiser ended",
        "look for a logarithm, root or division of the model whose argument leaves its domain, or for a recorded "
        "choice that it holds to be impossible",
    )
    AT_LIMIT = (
        "at_limit",
        "a natural parameter lies within 1e-4 of an edge of its domain (as a share of a bounded domain's width; "
        "beyond 1e4 towards an infinite edge)",
        "read the parameter as 'at the edge'; its standard error means nothing; a prior keeps it inside",
    )
    KINK = (
        "kink",
        "a step of 1e-6 in unconstrained units crosses a switch of the model (max, abs, where), where derivatives jump",
        "do not trust the Laplace evidence or standard errors here; compare by cross-validation",
    )
    CHANCE = (
        "chance",
        "a likelihood-ratio test at the 5 % level does not tell the fit from choosing uniformly at random",
        "the subject's parameters say nothing; ask whether the subject did the task",
    )
    STARTS_DISAGREE = (
        "starts_disagree",
        "fewer than half of the starts reached the best optimum found (within 0.001 of its log posterior)",
        "use more starts: a better optimum may exist",
    )
    ENGINES_DISAGREE = (
        "engines_disagree",
        "the compiled likelihood, its gradient or its Hessian is not the interpreter's (to a millionth); what is "
        "reported is the interpreter's, but the optimiser climbed something else",
        "report it, please, with the model and data: it is a mistake in versant",
    )


def chance_not_passed(log_likelihood: Array, chance: Array, n_parameters: int) -> NDArray[np.bool_]:
    """Return where 2 (ℓ - ℓ_chance) stays below the 95 % point of χ² with K degrees of freedom, (N,)."""
    from scipy.special import chdtri  # the χ² point itself: scipy.stats takes a second to load

    return np.asarray(2.0 * (log_likelihood - chance) < chdtri(n_parameters, CHANCE_LEVEL))
