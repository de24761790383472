"""What differences between values are compared with.

A difference is small where it is a small share of |value|; of a share of how much values can differ, where the value is
next to zero; and of how much they can differ, where a constant in every reward takes values far from zero. Such a
constant, which no policy earns or loses, then hides nothing.
"""

from __future__ import annotations

__all__ = ["magnitude"]

LEAST, ROUNDED = 1e-3, 1e-6
"""Smallest share of the spread; share of |value| below which rounding comes near."""


def magnitude(value: float, spread: float, least: float = LEAST) -> float:
    """Return |value|, but at least a share `least` of the spread of values, and at most the spread.

    Examples
    --------
    >>> magnitude(-20.0, 2200.0), magnitude(0.1, 2200.0), magnitude(20_015.0, 2200.0)
    (20.0, 2.2, 2200.0)
    """
    return max(min(max(abs(value), least * spread), spread), ROUNDED * abs(value))
