"""Simulation-based calibration: where the truth ranks among draws of the posterior, over many simulated data sets.

With truths θ* from the prior and data from θ*, the rank of θ* among L draws of the posterior is uniform on 0..L, in
every quantity, if and only if the posterior is computed rightly (for that quantity). Two tests of n ranks:

    χ²      of B equal bins, with its power: the chance to see a posterior whose centre is wrong by δ standard
            deviations, or whose standard deviation is wrong by the factor κ (both for a Gaussian), where bin b has
            the probability Φ(κ q_b + δ) - Φ(κ q_(b-1) + δ), q_b = Φ⁻¹(b / B), and χ² is noncentral
    ECDF    a band that holds the whole distribution function of n uniform ranks with probability 1 - a: pointwise
            binomial quantiles at the level γ, γ being the a-quantile, over simulated uniform samples, of the smallest
            pointwise tail probability

Source: Talts et al. 2018; Säilynoja, Bürkner & Vehtari 2022; Modrák et al. 2023 (the likelihood as a quantity).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.shown import Shown
from versant.readonly import make_read_only

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Calibration", "band", "detectable", "power"]

Array = NDArray[Any]

BAND_SAMPLES = 4000
POWER = 0.8


@dataclass(frozen=True, repr=False)
class Calibration(Shown):
    """Ranks of truths among draws of their posteriors."""

    model: str
    method: str
    quantities: tuple[str, ...]  # Q
    ranks: NDArray[np.int64]  # (n, Q), 0..L; -1 where there was no posterior to draw from
    draws: int  # L
    verdicts: dict[str, int]  # flags of all fits

    def __post_init__(self) -> None:
        make_read_only(self)

    @cached_property
    def bins(self) -> int:
        """Bins of the χ² test: a divisor of L + 1, at most 20, with ten ranks or more expected in each if possible."""
        known = int((self.ranks >= 0).all(axis=1).sum())
        fitting = [b for b in range(2, 21) if (self.draws + 1) % b == 0]
        return max([b for b in fitting if known >= 10 * b], default=min(fitting, default=2))

    def counts(self, quantity: str) -> NDArray[np.int64]:
        """Return how many ranks fall into each bin, (B,)."""
        known = self._known(quantity)
        return np.bincount(known * self.bins // (self.draws + 1), minlength=self.bins)

    def _known(self, quantity: str) -> NDArray[np.int64]:
        column = self.ranks[:, self.quantities.index(quantity)]
        return column[column >= 0]

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row a quantity.

        ``n`` ranks; ``chi2_p``; ``detectable_shift`` and ``detectable_scale``: the smallest error of the posterior's
        centre (in its standard deviations) and the mildest factor (below one) on its standard deviation that the test
        finds with probability 0.8 at level 0.05; ``outside``: whether the distribution function leaves the band of
        this `level`; ``mean`` and ``spread``: mean of the ranks and their standard deviation, scaled so that uniform
        ranks have 0.5 and 1 (a spread above 1: the posterior is too narrow).
        """
        import pandas as pd
        from scipy.stats import chisquare

        rows = []
        for name in self.quantities:
            known, counts = self._known(name), self.counts(name)
            shift, scale = detectable(len(known), self.bins)
            scaled = (known + 0.5) / (self.draws + 1)
            at, low, high = band(len(known), self.draws, level)
            share = _distribution(known, at)
            rows.append(
                {
                    "quantity": name,
                    "n": len(known),
                    "chi2_p": float(chisquare(counts).pvalue) if len(known) else np.nan,
                    "detectable_shift": shift,
                    "detectable_scale": scale,
                    "outside": bool(((share < low - 1e-12) | (share > high + 1e-12)).any()),
                    "mean": scaled.mean() if len(known) else np.nan,
                    "spread": scaled.std() * np.sqrt(12.0) if len(known) else np.nan,
                }
            )
        return pd.DataFrame(rows)

    def ecdf_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row a quantity and point: ``at``, ``difference`` of distribution function and ``at``, its band."""
        import pandas as pd

        parts = []
        for name in self.quantities:
            known = self._known(name)
            at, low, high = band(len(known), self.draws, level)
            difference = _distribution(known, at) - at
            columns = {"at": at, "difference": difference, "lower": low - at, "upper": high - at}
            parts.append(pd.DataFrame({"quantity": name, **columns}))
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        rows = self.frame().to_dict(orient="records")
        plain = [
            {str(k): v if isinstance(v, str | bool) or np.isfinite(v) else None for k, v in row.items()} for row in rows
        ]
        told = {"model": self.model, "method": self.method, "draws": self.draws, "bins": self.bins}
        return {**told, "quantities": plain, "verdicts": self.verdicts, "ranks": self.ranks.tolist()}

    def summary(self) -> str:
        """Return a few lines for a person."""
        table = self.frame().to_string(index=False, float_format=lambda v: f"{v:.3f}")
        flags = ", ".join(f"{name} {number}" for name, number in self.verdicts.items() if number)
        head = f"{self.model}, {self.method}: ranks among {self.draws} draws, {self.bins} bins"
        return f"{head}\nverdicts: {flags}\n{table}"


def _distribution(ranks: NDArray[np.int64], at: Array) -> Array:
    """Return the share of ranks below each of the L + 1 equally spaced points, (L + 1,)."""
    counts = np.bincount(ranks, minlength=len(at))
    return np.asarray(np.cumsum(counts) / max(len(ranks), 1))


def band(n: int, draws: int, level: float = 0.95, seed: int = 0) -> tuple[Array, Array, Array]:
    """Return points (L + 1,), and the ends of the simultaneous band of the distribution function of n ranks there.

    Examples
    --------
    >>> at, low, high = band(100, 9)
    >>> bool((low <= at).all() and (at <= high).all() and high[4] - low[4] < 0.32)
    True
    """
    from scipy.stats import binom

    at = np.arange(1, draws + 2) / (draws + 1)
    if n == 0:
        return at, np.zeros_like(at), np.ones_like(at)
    inner = at[:-1]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(draws + 1, 1.0 / (draws + 1)), BAND_SAMPLES).cumsum(axis=1)[:, :-1]
    grid = np.arange(n + 1)[:, None]
    below, above = binom.cdf(grid, n, inner), binom.sf(grid - 1, n, inner)
    tails = np.minimum(below, above)  # (n + 1, L)
    smallest = 2.0 * tails[counts, np.arange(draws)].min(axis=1)
    gamma = float(np.quantile(smallest, 1.0 - level))
    low = np.append(binom.ppf(gamma / 2.0, n, inner) / n, 1.0)
    high = np.append(binom.isf(gamma / 2.0, n, inner) / n, 1.0)
    return at, low, high


def power(n: int, bins: int, shift: float = 0.0, scale: float = 1.0, level: float = 0.05) -> float:
    """Return the power of the χ² test of n ranks against a Gaussian posterior that is wrong in centre or width.

    Parameters
    ----------
    n, bins : int
    shift : float
        Of the centre, in true standard deviations.
    scale : float
        Standard deviation used, in true ones.
    level : float
        Of the test.

    Examples
    --------
    >>> round(power(1000, 20), 3), power(1000, 20, scale=0.8) > 0.9
    (0.05, True)
    """
    from scipy.stats import chi2, ncx2, norm

    edges = norm.ppf(np.linspace(0.0, 1.0, bins + 1))
    probability = np.diff(norm.cdf(scale * edges + shift))
    excess = float(n * bins * ((probability - 1.0 / bins) ** 2).sum())
    critical = float(chi2.isf(level, bins - 1))
    return float(ncx2.sf(critical, bins - 1, excess)) if excess > 1e-12 else level


def detectable(n: int, bins: int) -> tuple[float, float]:
    """Return the smallest shift, and the mildest scale below one, found with probability 0.8; NaN if none is."""
    from scipy.optimize import brentq

    def missed(wrong: dict[str, float]) -> float:
        return power(n, bins, **wrong) - POWER

    if n == 0 or missed({"shift": 3.0}) < 0 or missed({"scale": 0.05}) < 0:
        return float("nan"), float("nan")
    shift = brentq(lambda x: missed({"shift": x}), 0.0, 3.0, xtol=1e-4)
    scale = brentq(lambda x: missed({"scale": x}), 0.05, 1.0, xtol=1e-4)
    return float(shift), float(scale)
