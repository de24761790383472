"""Rules of integration over K dimensions: nodes u_s and weights ω_s with ∫ f(u) du ≈ Σ_s ω_s f(u_s).

Up to three dimensions, products of Gauss–Hermite rules of order q: exact where f is a standard Gaussian times a
polynomial of degree 2q - 1 in each variable. Beyond, or where these do not agree, a lattice of S points, which every
subject has with a random shift Δ_n of its own,

    v_s = |2 {s g / S + Δ_n} - 1|,      u_s = Φ⁻¹(v_s) √(5 / χ²₅⁻¹(v_s,K+1))

turned into a Student t with 5 degrees of freedom, for a proposal to use (`versant.inference.mixture`). The errors of
different subjects are independent, and their sum grows with √N, not with N.

Sources: Golub & Welsch 1969; Cranley & Patterson 1976; Hickernell 2002; Cools, Kuo & Nuyens 2006.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ORDERS", "Lattice", "Rule", "gauss_hermite", "lattice", "lattices", "levels", "product_rules"]

Array = NDArray[Any]

DEGREES = 5.0
ORDERS = {1: 25, 2: 15, 3: 11}
"""Largest order for each number of dimensions that product rules serve."""

LEAST = 5
LANES = 200_000
"""Subjects × nodes, at most, as far as the least order or lattice allows."""

LATTICES = (4096, 8192, 16384)
LEAST_LATTICE = 512

GENERATOR = (
    1, 182667, 469891, 498753, 110745, 446247, 250185, 118627, 245333, 283199, 408519, 391023, 246327, 126539, 399185,
    461527, 300343, 69681, 516695, 436179,
)  # fmt: skip
"""g, for S any power of two up to 2²⁰; further coordinates are drawn at random."""


@dataclass(frozen=True)
class Rule:
    """Nodes and weights."""

    points: Array  # (S, K)
    log_weights: Array  # (S,)


@dataclass(frozen=True)
class Lattice:
    """Draws of every subject, quasi-random."""

    points: Array  # (S, N, K), Student t
    choice: Array  # (S, N), uniform


def gauss_hermite(order: int, size: int) -> Rule:
    """Return the product rule.

    Examples
    --------
    >>> rule = gauss_hermite(3, 2)
    >>> density = np.exp(-0.5 * (rule.points**2).sum(axis=1)) / (2 * np.pi)
    >>> round(float((np.exp(rule.log_weights) * density * rule.points[:, 0] ** 2).sum()), 12)
    1.0
    """
    x, w = np.polynomial.hermite.hermgauss(order)
    one = np.log(w) + x**2 + 0.5 * math.log(2.0)
    places = np.stack(np.meshgrid(*[np.arange(order)] * size, indexing="ij"), axis=-1).reshape(-1, size)
    return Rule(math.sqrt(2.0) * x[places], one[places].sum(axis=1))


def lattice(count: int, size: int, subjects: int, seed: int) -> Lattice:
    """Return the shifted lattices of N subjects; `count`, S, is a power of two.

    Examples
    --------
    >>> found = lattice(1024, 2, 3, 0)
    >>> np.median(np.abs(found.points), axis=(0, 2)).round(2)  # of Student's t with 5 degrees of freedom: 0.727
    array([0.73, 0.73, 0.73])
    """
    from scipy.special import chdtri, ndtri

    rng = np.random.default_rng(seed)
    generator = np.array(GENERATOR[: size + 2])
    even = (np.arange(count)[:, None] * generator % count / count)[:, None] + rng.random((subjects, len(generator)))
    rest = rng.random((count, subjects, size + 2 - len(generator)))
    uniform = np.concatenate([np.abs(2.0 * (even % 1.0) - 1.0), rest], axis=2)
    inside = np.clip(uniform, 1e-12, 1.0 - 1e-12)
    points = ndtri(inside[:, :, :size]) * np.sqrt(DEGREES / chdtri(DEGREES, inside[:, :, size : size + 1]))
    return Lattice(points, uniform[:, :, size + 1])


def product_rules(size: int, subjects: int) -> tuple[Rule, Rule, Rule]:
    """Return a first rule, by which the second is placed, and a third to check the second."""
    order = min(ORDERS[size], max(LEAST, int((LANES / subjects) ** (1.0 / size))))
    return gauss_hermite(max(LEAST, order - 4), size), gauss_hermite(order, size), gauss_hermite(order + 1, size)


def lattices(size: int, subjects: int, level: int) -> tuple[Lattice, Lattice, Lattice]:
    """Return the same of lattices; higher levels, below `levels`, have more points as far as there is room."""
    count, seed = min(LATTICES[level], _room(subjects)), 3 * level
    return (
        lattice(count // 2, size, subjects, seed),
        lattice(count, size, subjects, seed + 1),
        lattice(count, size, subjects, seed + 2),
    )


def levels(subjects: int) -> int:
    """Return how many levels of lattices there are: two, and a third where there is room for it.

    Examples
    --------
    >>> levels(10), levels(20), levels(30)
    (3, 2, 2)
    """
    return 2 + sum(count <= _room(subjects) for count in LATTICES[2:])


def _room(subjects: int) -> int:
    return int(2 ** int(math.log2(max(LANES / subjects, LEAST_LATTICE))))
