"""Draws from the prior of a group and its subjects, as `versant.inference.posterior` has it.

    b ~ N(centre, width²),    sd_k ~ half-normal(s),    Ω ~ LKJ(η),    z_n ~ N(D_n b, diag(sd) Ω diag(sd))

Row i of the Cholesky factor of Ω is (a_i, 1) / √(1 + |a_i|²), and its density ∝ (1 + |a_i|²)^(-(K + 2η - 1)/2) over the
d = i - 1 free entries is that of a multivariate Student t with ν = K + 2η - 1 - d degrees of freedom, divided by √ν:
a_i = x / √c with x ~ N(0, I) and c ~ χ²_ν.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.inference.posterior import GroupPosteriorDensity, Unpacked

__all__ = ["draw_group"]

Array = NDArray[Any]


def draw_group(density: GroupPosteriorDensity, rng: np.random.Generator) -> Unpacked:
    """Return a group and its subjects, drawn from their prior."""
    size = density.size
    effects = rng.normal(density.centre, density.width)
    sd = density.scale * np.abs(rng.standard_normal(size))
    free = np.eye(size)
    for i in range(1, 1 if density.diagonal else size):
        degrees = size + 2.0 * density.concentration - 1.0 - i
        free[i, :i] = rng.standard_normal(i) / np.sqrt(rng.chisquare(degrees))
    standard = rng.standard_normal((density.design.n_subjects, size))
    vector = np.concatenate([effects, np.log(sd), free[density.below], standard.ravel()])
    return density.unpack(vector)
