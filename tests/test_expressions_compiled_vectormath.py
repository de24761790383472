"""Elementary functions are exact to two units in the last place, special functions to what their docstrings say."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from tests.kernels import MACHINES as ALL_MACHINES
from versant.expressions.compiled import exponentials, specialmath, vectormath
from versant.expressions.compiled.assembly import Assembly
from versant.expressions.compiled.machine import Machine
from versant.expressions.evaluate import EVALUATE

MACHINES = {name: machine for name, machine in ALL_MACHINES.items() if name in ("widest", "two", "old")}
SAMPLES = 400


def compiled(function: Callable[..., str], machine: Machine, *inputs: np.ndarray) -> np.ndarray:
    """Apply a function of vectors to arrays."""
    a = Assembly(machine.width, machine.fused, machine.avx512)
    a.start("entry")
    a.act("br label %loop")
    a.start("loop")
    a.act("%i = phi i64 [0, %entry], [%next, %loop]")
    values = []
    for k in range(len(inputs)):
        place = a.emit(f"getelementptr {a.real}, ptr %x{k}, i64 %i")
        values.append(a.emit(f"load {a.real}, ptr {place}, align 8"))
    result = function(a, *values)
    place = a.emit(f"getelementptr {a.real}, ptr %y, i64 %i")
    a.act(f"store {a.real} {result}, ptr {place}, align 8")
    a.act("%next = add i64 %i, 1")
    a.act("%more = icmp slt i64 %next, %n")
    a.act("br i1 %more, label %loop, label %end")
    a.start("end")
    a.act("ret void")
    arguments = "".join(f", ptr %x{k}" for k in range(len(inputs)))
    head = f"define void @apply(i64 %n, ptr %y{arguments}) #0 {{"
    tail = f"attributes #0 = {{ {machine.attributes} }}"
    text = "\n".join([head, *a.lines, "}", *a.helpers.values(), *a.declared.values(), tail])
    loaded = machine.load(machine.compile(text))
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * (1 + len(inputs)))
    blocks = -(-len(inputs[0]) // machine.width)
    padded = [np.resize(x, blocks * machine.width) for x in inputs]
    y = np.empty(blocks * machine.width)
    prototype(loaded.address("apply"))(blocks, y.ctypes.data, *[x.ctypes.data for x in padded])
    return y[: len(inputs[0])]


def worst_ulp(actual: np.ndarray, exact: Callable[..., Any], *inputs: np.ndarray) -> float:
    """Return the largest error in units in the last place; results that are no finite numbers must be the same."""
    worst = 0.0
    with mpmath.workdps(60):
        for y, *x in zip(actual, *inputs, strict=True):
            true = exact(*(mpmath.mpf(float(v)) for v in x))
            rounded = float(true)
            if rounded == 0.0 or math.isinf(rounded):
                assert y == rounded, x
            else:
                worst = max(worst, float(abs(mpmath.mpf(float(y)) - true)) / float(np.spacing(abs(rounded))))
    return worst


def spread_out(low: float, high: float) -> np.ndarray:
    """Numbers in low..high, and many near zero."""
    rng = np.random.default_rng(3)
    small = rng.normal(0, 1, SAMPLES) * 10.0 ** rng.uniform(-20, 0, SAMPLES)
    return np.concatenate([rng.uniform(low, high, SAMPLES), small[(small > low) & (small < high)]])


def positive_numbers() -> np.ndarray:
    """Positive numbers of every size, denormal ones too, and many near one."""
    rng = np.random.default_rng(4)
    near = [rng.uniform(0.4, 2.2, SAMPLES), 1 + rng.normal(0, 1, SAMPLES) * 1e-7]
    return np.concatenate([10.0 ** rng.uniform(-323, 308, SAMPLES), *near])


ELEMENTARY: dict[str, tuple[Any, np.ndarray, float]] = {
    "exp": (mpmath.exp, spread_out(-750.0, 715.0), 1.5),
    "exp2": (lambda y: mpmath.power(2, y), spread_out(-1019.0, 1019.0), 1.5),
    "exp2_tail": (lambda y: mpmath.power(2, y), -np.abs(spread_out(-1080.0, 1080.0)), 1.5),
    "expm1": (mpmath.expm1, spread_out(-60.0, 715.0), 2.0),
    "log": (mpmath.log, positive_numbers(), 1.0),
    "log1p": (mpmath.log1p, np.concatenate([positive_numbers(), spread_out(-1.0, 1.0)]), 2.0),
    "log1p_tail": (mpmath.log1p, np.abs(spread_out(-1.0, 1.0)), 2.0),
    "tanh": (mpmath.tanh, spread_out(-25.0, 25.0), 3.0),
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary(name: str, machine: str) -> None:
    exact, x, limit = ELEMENTARY[name]
    actual = compiled(getattr(exponentials if name.startswith("exp2") else vectormath, name), MACHINES[machine], x)
    assert worst_ulp(actual, exact, x) <= limit


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_edges(name: str, machine: str) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, -2.0, 5e-324, -5e-324, 1.7e308, -1.7e308, 710.0, -746.0])
    with np.errstate(all="ignore"):
        expected = EVALUATE[name](None, x)
    actual = compiled(getattr(exponentials if name.startswith("exp2") else vectormath, name), MACHINES[machine], x)
    np.testing.assert_allclose(actual, expected, rtol=1e-15, atol=0)
    assert (np.signbit(actual) == np.signbit(expected))[~np.isnan(expected)].all()


def test_exp2_tail_edges() -> None:
    x = np.array([0.0, -1080.0, -1e4, -1e300, -np.inf, np.nan])
    for machine in MACHINES.values():
        np.testing.assert_equal(compiled(exponentials.exp2_tail, machine, x), [1.0, 0.0, 0.0, 0.0, 0.0, np.nan])


SPECIAL: dict[str, tuple[Any, Any, np.ndarray]] = {
    "normal_cdf": (specialmath.normal_cdf, mpmath.ncdf, spread_out(-37.5, 9.0)),
    "normal_log_cdf": (
        specialmath.normal_log_cdf,
        lambda x: mpmath.log1p(-mpmath.ncdf(-x)) if x > -1 else mpmath.log(mpmath.ncdf(x)),
        spread_out(-1000.0, 30.0),
    ),
    "lgamma": (specialmath.lgamma, mpmath.loggamma, 10.0 ** np.random.default_rng(6).uniform(-3, 3, SAMPLES)),
    **{
        f"polygamma{n}": (
            lambda a, x, n=n: specialmath.polygamma(a, n, x),
            lambda x, n=n: mpmath.polygamma(n, x),
            10.0 ** np.random.default_rng(7).uniform(-3, 3, 100),
        )
        for n in range(4)
    },
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", SPECIAL)
def test_special(name: str, machine: str) -> None:
    function, exact, x = SPECIAL[name]
    with mpmath.workdps(40):
        expected = np.array([float(exact(mpmath.mpf(float(v)))) for v in x])
    np.testing.assert_allclose(compiled(function, MACHINES[machine], x), expected, rtol=1e-14, atol=2e-14)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("logs", [0, 1, 2])
def test_power(logs: int, machine: str) -> None:
    rng = np.random.default_rng(8)
    x = np.concatenate([rng.uniform(0, 20, SAMPLES), [0.0, 0.0, 0.0, 1.0, -2.0, -2.0, -2.0, -1.0, -1.0]])
    y = np.concatenate([rng.uniform(-3, 5, SAMPLES), [2.5, 0.0, -1.0, 7.0, 3.0, 2.0, 0.5, 2.0**53, 1e300]])
    with np.errstate(all="ignore"):
        expected = EVALUATE["power"](logs, x, y)
    actual = compiled(lambda a, x, y: specialmath.power(a, x, y, logs), MACHINES[machine], x, y)
    np.testing.assert_allclose(actual, expected, rtol=1e-13, atol=0)
