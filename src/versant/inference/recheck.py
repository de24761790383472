"""The compiled engine checked on the answer itself, by the interpreter.

Verdicts rest on value, gradient and Hessian at the estimates. They are computed afresh by the kernel, and for
`CHECKED` subjects drawn at random (for all, in a group of no more) once more by the interpreter, which shares the graph
with it and nothing else. Where the two differ for anybody, the interpreter recomputes everybody, and its numbers are
the ones reported.
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
    slow = likelihood.interpreter(2)
    sample = np.sort(np.random.default_rng(0).permutation(len(z))[:CHECKED])
    again = slow.sums(natural[sample], sample)
    if not _differ(likelihood, z[sample], kinks[sample], sums[:, sample], again).any():
        return sums, agreed
    exact = slow.sums(natural, everyone)
    return exact, _differ(likelihood, z, kinks, sums, exact)


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
