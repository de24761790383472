"""The compiled engine checked on the answer itself, by the interpreter.

Verdicts rest on value, gradient g and Hessian H at the estimates. They are computed afresh by the kernel. For `CHECKED`
subjects drawn at random (for all, in a group of no more) the interpreter, which shares the graph with it and nothing
else, computes the value, gᵀd and dᵀHd once more, d being a random direction of each subject's own: a wrong entry shows
unless d is one of the few directions that hide it. Where the two differ for anybody, the interpreter recomputes
everybody in full, and its numbers are the ones reported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.engine import Interpreter
from versant.inference.likelihood import Likelihood

__all__ = ["CHECKED", "checked_sums"]

Array = NDArray[Any]

CHECKED = 128
AGREED = 1e-6
"""Largest difference between engines, relative to the size of what is compared; 1e-12 is usual."""


def checked_sums(likelihood: Likelihood, z: Array, kinks: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """Evaluate the likelihood with gradient and Hessian at unconstrained estimates.

    Parameters
    ----------
    likelihood : Likelihood
    z : (N, K) array
    kinks : (N,) bool array
        Whose derivatives jump: which side of a switch an engine is on is a matter of rounding there.

    Returns
    -------
    sums : (1 + K + K(K+1)/2, N) array
        See `versant.expressions.engine.Engine.sums`.
    disagree : (N,) bool array
        For whom the engines differ.
    """
    everyone, natural, engine = np.arange(len(z)), likelihood.natural(z), likelihood.engine(2)
    sums, agreed = engine.sums(natural, everyone), np.zeros(len(z), dtype=bool)
    if isinstance(engine, Interpreter):
        return sums, agreed
    rng = np.random.default_rng(0)
    sample = np.sort(rng.permutation(len(z))[:CHECKED])
    shape = (len(sample), z.shape[1])
    d = likelihood.slopes(z[sample]) * rng.uniform(0.5, 1.0, shape) * rng.choice([-1.0, 1.0], shape)
    again = likelihood.along(natural[sample], d, sample)
    if not _differ_along(d, kinks[sample], sums[:, sample], again).any():
        return sums, agreed
    exact = likelihood.interpreter(2).sums(natural, everyone)
    return exact, _differ(likelihood, z, kinks, sums, exact)


def _differ_along(d: Array, kinks: NDArray[np.bool_], sums: Array, again: Array) -> NDArray[np.bool_]:
    """Return for which subjects value, slope or curvature along d are not the same, (M,); in natural units."""
    size = d.shape[1]
    rows, columns = np.tril_indices(size)
    products = d.T[rows] * d.T[columns] * np.where(rows == columns, 1.0, 2.0)[:, None]  # of each entry, in dᵀHd
    slopes, curvatures = sums[1 : 1 + size] * d.T, sums[1 + size :] * products
    scale = np.maximum(1.0, np.abs(again[0]))
    differ = _apart(sums[0][:, None], again[0][:, None], scale)
    defined = np.isfinite(again[0]) & ~kinks
    for parts, whole in ((slopes, again[1]), (curvatures, again[2])):
        scale = np.fmax(scale, np.abs(parts).sum(axis=0))
        differ |= defined & _apart(parts.sum(axis=0)[:, None], whole[:, None], scale)
    return differ


def _differ(likelihood: Likelihood, z: Array, kinks: NDArray[np.bool_], sums: Array, again: Array) -> NDArray[np.bool_]:
    """Return for which subjects the sums are not the same, (M,); each derivative as large as those before it counts."""
    ours, theirs = (likelihood.unconstrain(s, z, 2) for s in (sums, again))
    scale = np.maximum(1.0, np.abs(theirs.value))
    differ = _apart(ours.value[:, None], theirs.value[:, None], scale)
    defined = np.isfinite(theirs.value) & ~kinks
    for a, b in ((ours.gradient, theirs.gradient), (ours.hessian, theirs.hessian)):
        a, b = a.reshape(len(z), -1), b.reshape(len(z), -1)
        scale = np.fmax(scale, np.abs(b).max(axis=1))
        differ |= defined & _apart(a, b, scale)
    return differ


def _apart(a: Array, b: Array, scale: Array) -> NDArray[np.bool_]:
    """Return in which rows numbers differ, or one is finite where the other is not."""
    with np.errstate(invalid="ignore"):
        close = np.abs(a - b) <= AGREED * scale[:, None]
    undefined = ~np.isfinite(a) & ~np.isfinite(b)
    return np.asarray(~(close | undefined).all(axis=1))
