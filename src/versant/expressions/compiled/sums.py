"""What is added up over trials, and multiplied.

Gradient and Hessian are sums. The value is a sum and the logarithm of two products, see
`versant.expressions.compiled.products`. Where a product leaves 2^±500 (or is zero, negative or NaN), it is computed
again from the mantissas of what it was and of the trial's factor, and their exponents are added to a sum. This is rare,
and decided lane by lane, so that a subject's sums do not depend on its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce

from versant.expressions.compiled import specialmath
from versant.expressions.compiled.assembly import Assembly, Value
from versant.expressions.compiled.loops import Loop
from versant.expressions.compiled.plan import Plan
from versant.expressions.compiled.vectormath import exponent_and_rest
from versant.expressions.graph import Node

__all__ = ["RARELY", "Sums"]

RARELY = '!0 = !{!"branch_weights", i32 1, i32 1000000}'
_LARGEST_EXPONENT = 500

Compute = Callable[[Node], Value]


class Sums:
    """The sums and products of a group, carried by its loop over trials.

    Parameters
    ----------
    assembly : Assembly
    plan : Plan
    loop : Loop
        Over trials.
    compute : callable
        Emits a scalar.
    """

    def __init__(self, assembly: Assembly, plan: Plan, loop: Loop, compute: Compute) -> None:
        a = assembly
        self._a, self._loop, self._compute = a, loop, compute
        signed = ((plan.numerator, 1), (plan.denominator, -1))
        self._factors = [(n, sign) for n, sign in signed if n is not None]
        self._products = [loop.carry(a.real, a.constant(1.0)) for _ in self._factors]
        self._results = plan.totals
        added = {core.serial: core for total in plan.totals for _, core in total.terms}
        self._added = {serial: (core, loop.carry(a.real, a.constant(0.0))) for serial, core in added.items()}
        self._exponents = loop.carry(a.real, a.constant(0.0)) if self._factors else a.constant(0.0)

    def add_trial(self, running: Value) -> None:
        """Include the trial in lanes that are running."""
        a = self._a
        factors = [a.select(running, self._compute(n), a.constant(1.0)) for n, _ in self._factors]
        for core, total in self._added.values():
            self._loop.advance(total, a.select(running, a.add(total, self._compute(core)), total))
        if factors:
            self._loop.advance(self._exponents, self._multiply(factors, self._exponents))

    def _multiply(self, factors: list[Value], total: Value) -> Value:
        """Multiply the factors into the products; return the exponents, with those that were taken out of products."""
        a = self._a
        new = [a.mul(product, factor) for product, factor in zip(self._products, factors, strict=True)]
        outside = [a.outside(product, _LARGEST_EXPONENT) for product in new]
        some = outside[0] if len(outside) == 1 else a.logic("or", *outside)
        usual, rescale, after = a.block, a.fresh("rescale"), a.fresh("multiplied")
        a.act(f"br i1 {a.any(some)}, label %{rescale}, label %{after}, !prof !0")
        a.start(rescale)
        taken, restarted = total, []
        steps = zip(self._products, factors, new, outside, self._factors, strict=True)
        for product, factor, multiplied, far, (_, sign) in steps:
            (e, m), (f, n) = (exponent_and_rest(a, x) for x in (product, factor))
            moved = a.add(taken, a.add(e, f)) if sign > 0 else a.sub(taken, a.add(e, f))
            taken = a.select(far, moved, taken)
            restarted.append(a.select(far, a.mul(m, n), multiplied))
        a.act(f"br label %{after}")
        a.start(after)
        for product, multiplied, again in zip(self._products, new, restarted, strict=True):
            self._loop.advance(product, a.emit(f"phi {a.real} [{multiplied}, %{usual}], [{again}, %{rescale}]"))
        return a.emit(f"phi {a.real} [{total}, %{usual}], [{taken}, %{rescale}]")

    def results(self, values: Mapping[int, Value]) -> list[Value]:
        """Return value, gradient and Hessian, given the vectors of factors; to be called after the loop."""
        a, results = self._a, []
        for total in self._results:
            terms = [a.mul(values[factor.serial], self._added[core.serial][1]) for factor, core in total.terms]
            results.append(reduce(a.add, terms, a.constant(0.0)))
        for product, (_, sign) in zip(self._products, self._factors, strict=True):
            logarithm = specialmath.log(a, product)
            results[0] = a.add(results[0], logarithm) if sign > 0 else a.sub(results[0], logarithm)
        results[0] = a.muladd(self._exponents, a.constant(math.log(2)), results[0])
        return results
