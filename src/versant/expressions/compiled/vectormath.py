"""Elementary functions of vectors: exp, log and their kin, to at most 2 units in the last place.

    exp x = 2^n e^r,  n = round(x / ln 2),  |r| ≤ ln(2)/2,  e^r = 1 + r + r² q(r)
    log x = e ln 2 + log m,  m ∈ [√½, √2),  log m = 2 artanh s,  s = (m - 1) / (m + 1)

q is the Chebyshev approximation of degree 9 (absolute error 1.1e-16, so 1.3e-17 in e^r); the series of the logarithm
is that of fdlibm's e_log.c. ln 2 is split in two, the first part with trailing zeros so that n times it is exact.
Integers move between the exponent and the real n by adding 1.5·2^52, which leaves n in the low bits: this is as good
on every machine, where conversions of 64-bit integers are not.
"""

from __future__ import annotations

from collections.abc import Sequence

from versant.expressions.compiled.assembly import Assembly, Value

__all__ = [
    "absolute", "exp", "expm1", "exponent_and_rest", "log", "log1p", "log1p_tail", "polynomial", "positive_part",
    "tanh",
]  # fmt: skip

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INVERSE_LN2 = 1.4426950408889634
_SHIFTER = 6755399441055744.0  # 1.5 * 2^52
_EXP = (
    0.5000000000000001, 0.16666666666666669, 0.04166666666662348, 0.008333333333330011, 0.0013888888917538296,
    0.00019841269863303223, 2.4801520792572694e-05, 2.75572680728901e-06, 2.762032742826824e-07, 2.5100569275813683e-08,
)  # fmt: skip
_LOG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
_ONE_BITS = 1023 << 52


def polynomial(a: Assembly, coefficients: Sequence[float], x: Value) -> Value:
    """Σ c_k x^k by Estrin's scheme: pairs, then pairs of pairs; short chains keep the units busy."""
    terms = [a.constant(c) for c in coefficients]
    while len(terms) > 1:
        paired = [a.muladd(terms[k + 1], x, terms[k]) for k in range(0, len(terms) - 1, 2)]
        terms = paired + terms[len(paired) * 2 :]
        if len(terms) > 1:
            x = a.mul(x, x)
    return terms[0]


def _reduce(a: Assembly, x: Value) -> tuple[Value, Value, Value]:
    """Return n with its shifter still added, n, and r = x - n ln 2."""
    shifted = a.muladd(x, a.constant(_INVERSE_LN2), a.constant(_SHIFTER))
    n = a.sub(shifted, a.constant(_SHIFTER), exact=True)
    r = a.muladd(n, a.constant(-_LN2_HIGH), x)
    return shifted, n, a.muladd(n, a.constant(-_LN2_LOW), r)


def _expm1_near_zero(a: Assembly, r: Value) -> Value:
    """e^r - 1 for |r| ≤ ln(2)/2."""
    return a.muladd(a.mul(r, r), polynomial(a, _EXP, r), r)


def _exponent(a: Assembly, shifted: Value) -> Value:
    """Return n moved to where a double has its exponent."""
    return a.integer("shl", a.as_bits(shifted), a.whole(52))


def exp(a: Assembly, x: Value) -> Value:
    """exp x for every x: denormal below -708.4, 0 below -745.2, infinite above 709.8."""
    x = a.larger(a.constant(-746.0), a.smaller(a.constant(710.0), x))
    _, n, r = _reduce(a, x)
    p = a.add(_expm1_near_zero(a, r), a.constant(1.0))
    first = a.muladd(n, a.constant(0.5), a.constant(_SHIFTER))
    rest = a.add(a.sub(n, a.sub(first, a.constant(_SHIFTER), exact=True), exact=True), a.constant(_SHIFTER), exact=True)
    for half in (first, rest):
        power = a.integer("add", _exponent(a, half), a.whole(_ONE_BITS))
        p = a.mul(p, a.from_bits(power), exact=True)
    return p


def expm1(a: Assembly, x: Value) -> Value:
    """exp(x) - 1, accurate near zero."""
    clipped = a.larger(a.constant(-40.0), a.smaller(a.constant(710.0), x))
    shifted, n, r = _reduce(a, clipped)
    exact_part = a.muladd(n, a.constant(-_LN2_HIGH), clipped)
    lost = a.muladd(n, a.constant(-_LN2_LOW), a.sub(exact_part, r, exact=True))
    half_power = a.from_bits(a.integer("add", _exponent(a, shifted), a.whole(_ONE_BITS - (1 << 52))))
    curved = a.muladd(a.mul(r, r), polynomial(a, _EXP, r), a.muladd(lost, r, lost))
    start = a.muladd(half_power, r, a.sub(half_power, a.constant(0.5), exact=True))
    half = a.muladd(half_power, curved, start)
    return a.select(a.compare("olt", absolute(a, x), a.constant(2.0**-54)), x, a.add(half, half, exact=True))


def _log_of_normal(a: Assembly, x: Value) -> tuple[Value, Value]:
    """Return e, as a real, and log m where x = 2^e m is a normal number; the sum is done by `_join`."""
    shifted = a.integer("sub", a.as_bits(x), a.whole(_SQRT_HALF_BITS - (1024 << 52)))
    high = a.integer("lshr", shifted, a.whole(52))  # e + 1024
    m = a.integer("sub", a.as_bits(x), a.integer("shl", a.integer("sub", high, a.whole(1024)), a.whole(52)))
    e = a.from_bits(a.integer("or", high, a.whole(0x4330000000000000)))
    return a.sub(e, a.constant(2.0**52 + 1024), exact=True), a.from_bits(m)


def _join(a: Assembly, e: Value, m: Value) -> Value:
    f = a.sub(m, a.constant(1.0), exact=True)
    s = a.div(f, a.add(f, a.constant(2.0)))
    z = a.mul(s, s)
    series = a.mul(z, polynomial(a, _LOG, z))
    half_square = a.mul(a.mul(f, f), a.constant(0.5))
    low = a.muladd(s, a.add(half_square, series), a.mul(e, a.constant(_LN2_LOW)))
    small = a.sub(f, a.sub(half_square, low, exact=True), exact=True)
    return a.muladd(e, a.constant(_LN2_HIGH), small)


def _split(a: Assembly, x: Value) -> tuple[Value, Value]:
    """Return e and m as `_log_of_normal` does, for denormal numbers too."""
    tiny = a.compare("olt", x, a.constant(2.0**-1022))
    e, m = _log_of_normal(a, a.select(tiny, a.mul(x, a.constant(2.0**54)), x))
    return a.select(tiny, a.sub(e, a.constant(54.0)), e), m


def exponent_and_rest(a: Assembly, x: Value) -> tuple[Value, Value]:
    """Return e and m, x = 2^e m, √½ ≤ m < √2; for x = 0 or ∞, 0 and x; for x < 0 or NaN, 0 and NaN."""
    e, m = _split(a, x)
    finite = a.logic("and", a.compare("ogt", x, a.constant(0.0)), a.compare("olt", x, a.constant(float("inf"))))
    other = a.select(a.compare("olt", x, a.constant(0.0)), a.constant(float("nan")), x)
    return a.select(finite, e, a.constant(0.0)), a.select(finite, m, other)


def log(a: Assembly, x: Value) -> Value:
    """log x for every x: denormal numbers too; log 0 = -∞, NaN below."""
    result = _join(a, *_split(a, x))
    result = a.select(a.compare("olt", x, a.constant(float("inf"))), result, x)
    result = a.select(a.compare("oeq", x, a.constant(0.0)), a.constant(float("-inf")), result)
    return a.select(a.compare("ult", x, a.constant(0.0)), a.constant(float("nan")), result)


def log1p_tail(a: Assembly, x: Value) -> Value:
    """log(1 + x) for 0 ≤ x ≤ 1: the rounding error of 1 + x is put back to first order."""
    u = a.add(a.constant(1.0), x, exact=True)
    lost = a.sub(x, a.sub(u, a.constant(1.0), exact=True), exact=True)
    e, m = _log_of_normal(a, u)
    return a.add(_join(a, e, m), a.div(lost, u))


def log1p(a: Assembly, x: Value) -> Value:
    """log(1 + x), accurate near zero."""
    u = a.add(a.constant(1.0), x, exact=True)
    one_less = a.sub(u, a.constant(1.0), exact=True)
    lost = a.sub(x, one_less, exact=True)
    result = a.add(log(a, u), a.div(lost, u))
    plain = a.compare("olt", absolute(a, x), a.constant(2.0**60))
    result = a.select(plain, result, log(a, x))
    moved = a.compare("une", one_less, a.constant(0.0))
    result = a.select(moved, result, x)
    return a.select(a.compare("oeq", x, a.constant(-1.0)), a.constant(float("-inf")), result)


def tanh(a: Assembly, x: Value) -> Value:
    """Hyperbolic tangent of |x|, with the sign of x: -u / (2 + u) with u = expm1(-2|x|), or 1 - 2e / (1 + e) with
    e = exp(-2|x|) where e is small."""
    twice = a.mul(a.constant(-2.0), absolute(a, x))
    u = expm1(a, twice)
    small = a.div(a.neg(u), a.add(a.constant(2.0), u))
    e = exp(a, twice)
    large = a.sub(a.constant(1.0), a.div(a.add(e, e), a.add(a.constant(1.0), e)))
    magnitude = a.select(a.compare("olt", twice, a.constant(-1.1)), large, small)
    return a.intrinsic("copysign", magnitude, x)


def absolute(a: Assembly, x: Value) -> Value:
    """|x|."""
    return a.intrinsic("fabs", x)


def positive_part(a: Assembly, x: Value) -> Value:
    """max(x, 0); NaN stays NaN."""
    return a.larger(a.constant(0.0), x)
