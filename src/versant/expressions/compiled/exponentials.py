"""2^y, of which softmax and the logistic function are made, to at most 2 units in the last place.

    2^y = 2^k 2^(j/16) 2^r,   16 k + j = floor(16 y),   0 ≤ r < 1/16           AVX-512
    2^y = 2^n 2^r,            n = round(y),             |r| ≤ 1/2              other machines
    2^r = 1 + r p(r)                                    p by Remez' algorithm, relative error below 1e-17

What is raised is a logit times 1/ln 2, a factor that the learner's own parameters take (`scaled` in
`versant.expressions.compiled.rewrite`), so that r needs no multiplication. AVX-512 has instructions that find r, look
2^(j/16) up in a table of two registers, and multiply by 2^floor(y), denormal results and overflow included.
"""

from __future__ import annotations

from versant.expressions.compiled.assembly import Assembly, Value
from versant.expressions.compiled.vectormath import polynomial

__all__ = ["exp2", "exp2_tail"]

_OF_SIXTEENTH = (
    0.6931471805599377, 0.2402265069614632, 0.0555041084195458, 0.009618140802973749, 0.0013330742260419946,
    0.00015736282079853038,
)  # fmt: skip
_OF_HALF = (
    0.6931471805599453, 0.2402265069591013, 0.055504108664820084, 0.00961812910759412, 0.0013333558146774477,
    0.0001540353045711039, 1.52527334932666e-05, 1.3215435283180269e-06, 1.0178199511814777e-07, 7.073783096705495e-09,
    4.434780772105855e-10,
)  # fmt: skip
_SHIFTER = 1.5 * 2.0**52  # added, it leaves a rounded number in the low bits
_ROOM = 2.0**64
_ROOTS = tuple(2.0 ** (j / 16) for j in range(16))
_LARGEST = 1020.0  # of the machines without an instruction that scales
_DOWN = 9  # AVX-512's number for rounding towards minus infinity, without exceptions
_SIXTEENTHS_DOWN = 0x41


def exp2(a: Assembly, y: Value) -> Value:
    """2^y for |y| < 1020; beyond, 0 and infinity, or, on machines without AVX-512, 2^±1020."""
    if a.avx512:
        return _by_table(a, y)
    return _by_exponent(a, a.larger(a.constant(-_LARGEST), a.smaller(a.constant(_LARGEST), y)), 1.0)


def exp2_tail(a: Assembly, y: Value) -> Value:
    """2^y for y ≤ 0, denormal results included."""
    if a.avx512:
        return _by_table(a, y)
    scaled = _by_exponent(a, a.larger(a.constant(-1082.0), y), _ROOM)
    return a.mul(scaled, a.constant(1 / _ROOM), exact=True)


def _by_exponent(a: Assembly, y: Value, factor: float) -> Value:
    """2^y times a power of two that keeps it a normal number."""
    shifted = a.add(y, a.constant(_SHIFTER), exact=True)
    r = a.sub(y, a.sub(shifted, a.constant(_SHIFTER), exact=True), exact=True)
    growth = a.mul(r, polynomial(a, _OF_HALF, r))
    p = a.muladd(growth, a.constant(factor), a.constant(factor))
    exponent = a.integer("shl", a.as_bits(shifted), a.whole(52))
    return a.from_bits(a.integer("add", a.as_bits(p), exponent))


def _by_table(a: Assembly, y: Value) -> Value:
    unmasked = ((a.real, "zeroinitializer"), ("i8", "-1"), ("i32", "4"))
    shifter = a.constant(_SHIFTER / 16)
    shifted = a.call("x86.avx512.add.pd.512", (a.real, y), (a.real, shifter), ("i32", str(_DOWN)))
    r = a.call("x86.avx512.mask.reduce.pd.512", (a.real, y), ("i32", str(_SIXTEENTHS_DOWN)), *unmasked)
    p = a.constant(_OF_SIXTEENTH[-1])
    for coefficient in _OF_SIXTEENTH[-2::-1]:
        p = a.muladd(p, r, a.constant(coefficient))
    low, high = ((a.real, f"<{', '.join(f'double {a.number(v)}' for v in half)}>") for half in (_ROOTS[:8], _ROOTS[8:]))
    root = a.call("x86.avx512.vpermi2var.pd.512", low, (a.bits, a.as_bits(shifted)), high)
    grown = a.muladd(root, a.mul(p, r), root)
    return a.call("x86.avx512.mask.scalef.pd.512", (a.real, grown), (a.real, y), *unmasked)
