"""Whether draws can be trusted: rank-normalised R̂, effective sample sizes, divergences, and what follows from them.

Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import CapabilityError
from versant.optimise.status import Word

__all__ = ["Quality", "SampleVerdict", "judge", "require_arviz"]

Array = NDArray[Any]

LARGEST_RHAT = 1.01
LEAST_DRAWS = 400


class SampleVerdict(Word):
    """Flags of a sampled posterior. ``converged`` alone is what one hopes for.

    Examples
    --------
    >>> SampleVerdict.FEW_DRAWS.advice
    'sample longer'
    """

    CONVERGED = ("converged", "no R-hat is above 1.01 and no transition after adaptation diverged", "nothing")
    CHAINS_DISAGREE = (
        "chains_disagree",
        "the rank-normalised R-hat of some parameter of the group or of a subject is above 1.01",
        "longer chains, more adaptation, or a model with fewer parameters",
    )
    DIVERGENCES = (
        "divergences",
        "some transition after adaptation diverged, so that a part of the posterior may not have been reached",
        "target_accept=0.95, more adaptation, a diagonal covariance, or tighter priors",
    )
    FEW_DRAWS = (
        "few_draws",
        "the effective sample size, in bulk or tails, of some parameter of the group or of a subject is below 400",
        "sample longer",
    )


@dataclass(frozen=True)
class Quality:
    """R̂ and effective sample sizes of an array of quantities, of its shape without chains and draws."""

    rhat: Array
    ess_bulk: Array
    ess_tail: Array

    @classmethod
    def of(cls, values: Array) -> Quality:
        """Compute them of (chains, draws, …) values, by the package arviz."""
        arviz = require_arviz()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = (
                arviz.rhat({"x": values}),
                arviz.ess({"x": values}, method="bulk"),
                arviz.ess({"x": values}, method="tail"),
            )
            return cls(*(np.asarray(part["x"].to_numpy()) for part in found))

    def __getitem__(self, which: Any) -> Quality:
        """Return that of some of the quantities."""
        return Quality(self.rhat[which], self.ess_bulk[which], self.ess_tail[which])

    @property
    def ess(self) -> Array:
        """The smaller effective sample size, in bulk or tails."""
        return np.minimum(self.ess_bulk, self.ess_tail)


def judge(diverging: NDArray[np.bool_], qualities: Iterable[Quality]) -> frozenset[SampleVerdict]:
    """Return the flags that draws deserve; an R̂ that is no number (of a chain that never moved) is a bad one."""
    found = list(qualities)
    disagree = any((~(q.rhat <= LARGEST_RHAT)).any() for q in found)
    few = any((~(q.ess >= LEAST_DRAWS)).any() for q in found)
    flags = {
        SampleVerdict.CONVERGED: not disagree and not diverging.any(),
        SampleVerdict.CHAINS_DISAGREE: disagree,
        SampleVerdict.DIVERGENCES: bool(diverging.any()),
        SampleVerdict.FEW_DRAWS: few,
    }
    return frozenset(flag for flag, holds in flags.items() if holds)


def require_arviz() -> Any:
    """Return the package arviz; raise CapabilityError if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import arviz
    except ImportError:
        raise CapabilityError("sampling needs the package arviz: pip install 'versant[sample]'") from None
    return arviz
