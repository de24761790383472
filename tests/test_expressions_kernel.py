"""The kernel computes what the interpreter computes: on models, on any machine, for any choice of lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import versant as vs
from tests.kernels import CASES, MACHINES, Case, compare, make_case, random_rows, text_of
from tests.learners import Sizes
from versant.errors import ModelError
from versant.expressions.compiled.kernel import Kernel
from versant.expressions.compiled.machine import Machine
from versant.expressions.compiled.workers import available
from versant.expressions.engine import Interpreter, engine_for
from versant.expressions.recurrence import Column, Flag, differentiate
from versant.expressions.rows import Rows


@pytest.mark.parametrize("unroll", [32, 0])
@pytest.mark.parametrize("name", CASES)
def test_models_of_the_field(name: str, unroll: int) -> None:
    compare(make_case(name, subjects=21, trials=60, unroll=unroll))


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("name", ["q2", "six"])
def test_lower_orders(name: str, order: int) -> None:
    compare(make_case(name, subjects=9, trials=30, order=order))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["q4", "two_step"])
def test_machines(name: str, machine: str) -> None:
    case = make_case(name, subjects=19, trials=40, unroll=8)
    compare(case, Kernel(case.program, case.rows, machine=MACHINES[machine]))


@pytest.mark.parametrize("name", ["six", "q4"])
def test_neon_is_emitted(name: str) -> None:
    """Nothing of the IR belongs to x86: it is valid for another machine."""
    import llvmlite.binding as llvm

    case = make_case(name, subjects=3, trials=5)
    arm = Machine("aarch64-unknown-linux-gnu", "cortex-a76", "+neon", 2, fused=True)
    module = llvm.parse_assembly(text_of(case.program, arm))
    module.verify()
    assert {f.name for f in module.functions if not f.is_declaration} == {"kernel", "pack", "log"}
    assert "x86" not in str(module)


def test_choice_of_lanes() -> None:
    """Any subset, in any order, repeated: several starts stand side by side."""
    case = make_case("q2", subjects=13, trials=25)
    kernel, slow = Kernel(case.program, case.rows), Interpreter(case.program, case.rows)
    rng = np.random.default_rng(0)
    for count in (1, 7, 8, 30):
        subjects = rng.integers(0, 13, count)
        parameters = rng.uniform(0.1, 0.9, (count, 2))
        np.testing.assert_allclose(
            kernel.sums(parameters, subjects), slow.sums(parameters, subjects), rtol=1e-12, atol=1e-12
        )
    assert kernel.sums(np.empty((0, 2)), np.empty(0, dtype=int)).shape == (6, 0)


def test_a_lane_does_not_depend_on_its_neighbours() -> None:
    case = make_case("two_step", subjects=20, trials=30)
    together = Kernel(case.program, case.rows).sums(case.parameters, np.arange(20))
    alone = Kernel(case.program, case.rows)
    for subject in (0, 7, 19):
        here = np.array([subject])
        np.testing.assert_array_equal(alone.sums(case.parameters[here], here)[:, 0], together[:, subject])


def test_threads_change_nothing() -> None:
    case = make_case("six", subjects=300, trials=120)
    subjects = np.arange(300)
    one = Kernel(case.program, case.rows).sums(case.parameters, subjects)
    three = Kernel(case.program, case.rows, threads=3).sums(case.parameters, subjects)
    np.testing.assert_array_equal(one, three)


def test_arrangement_is_remembered() -> None:
    """All subjects stay packed while an optimiser works on fewer and fewer."""
    case = make_case("q2", subjects=10, trials=10)
    kernel = Kernel(case.program, case.rows)

    def packed(subjects: np.ndarray) -> Any:
        kernel.sums(case.parameters[subjects], subjects)
        return kernel._summing._arranged(subjects)

    everybody = packed(np.arange(10))
    for fewer in (8, 5, 2):
        working = packed(np.arange(fewer))
        assert packed(np.arange(fewer)) is working
    assert packed(np.arange(10)) is everybody
    assert len(kernel._summing._arrangements) == 2


EXTREME = [(0.5, 1e4), (1.0, 1e4), (0.0, 5.0), (1.0, 300.0), (1e-12, 1e-12), (1.0 - 1e-16, 50.0), (0.5, 0.0)]


@pytest.mark.parametrize("name", ["q2", "q4"])
def test_extreme_parameters(name: str) -> None:
    case = make_case(name, subjects=len(EXTREME), trials=50, ragged=False)
    case = Case(case.program, case.rows, np.array(EXTREME))
    compare(case)
    assert np.isfinite(Kernel(case.program, case.rows).sums(case.parameters, np.arange(len(EXTREME)))).all()


@pytest.mark.parametrize("lapse", [0.0, 1e-300, 1e-30, 1.0])
def test_unlikely_choices_under_lapse(lapse: float) -> None:
    """Probabilities that are tiny, or 0 where there is no lapse and the logits are far apart."""
    case = make_case("six", subjects=8, trials=60, order=0)
    parameters = case.parameters.copy()
    parameters[:, 3] = [1.0, 10.0, 100.0, 600.0, 700.0, 720.0, 1e3, 1e4]
    parameters[:, 5] = lapse
    compare(Case(case.program, case.rows, parameters))


def logistic_data(x: np.ndarray) -> tuple[Any, Rows]:
    @vs.learner(b=vs.real)
    def logistic(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", vs.array([p.b * t.x, 0.0]))

    recurrence = logistic.trace(Sizes({"choice": 2}))
    columns = {leaf.payload: (x if leaf.kind == "real" else np.zeros(len(x), dtype=int)) for leaf in recurrence.data}
    return recurrence, Rows(columns, np.arange(len(x) + 1))


def test_minus_ten_thousand() -> None:
    """log σ(-10000) is -10000, and log σ(+50) is -exp(-50): nothing is clipped."""
    recurrence, rows = logistic_data(np.array([-1e4, -800.0, 1e4, 0.0]))
    sums = Kernel(differentiate(recurrence, 2), rows).sums(np.ones((4, 1)), np.arange(4))
    np.testing.assert_array_equal(sums[0, [0, 2]], [-1e4, 0.0])
    assert abs(sums[0, 1] + 800.0) <= np.spacing(800.0)
    assert sums[0, 3] == pytest.approx(-np.log(2), rel=1e-15)
    np.testing.assert_array_equal(sums[1], [-1e4, -800.0, 0.0, 0.0])


def test_not_a_number_is_not_lost() -> None:
    recurrence, rows = logistic_data(np.array([np.nan, 1.0]))
    sums = Kernel(differentiate(recurrence, 1), rows).sums(np.ones((2, 1)), np.arange(2))
    assert np.isnan(sums[:, 0]).all()
    assert np.isfinite(sums[:, 1]).all()


def test_long_products_are_rescaled() -> None:
    """2,000 trials of 4 options: the product of 1/p is far outside double range."""
    case = make_case("q4", subjects=3, trials=2000, ragged=False, order=0)
    compare(case)
    case = make_case("six", subjects=3, trials=2000, ragged=False, order=0)
    compare(case)


STIMULI, ACTIONS = 40, 3


@vs.learner(
    alpha=vs.unit, beta=vs.positive, phi=vs.unit, q0=vs.real,
    state=lambda p, n: {"Q": [[p.q0] * ACTIONS] * STIMULI, "N": vs.zeros(STIMULI)},
    reset={"block": "Q"},
)  # fmt: skip
def many_stimuli(p: Any, s: Any, t: Any) -> None:
    """Large arrays: single entries, a row, resets, sums and maxima."""
    stimulus = t.stimulus
    a = t.choose("choice", p.beta * s.Q[stimulus] + 0.01 * s.N[stimulus])
    s.Q[stimulus, a] += p.alpha * (t.reward - s.Q[stimulus, a])
    s.N[stimulus] += 1.0 + p.phi * s.N.max() - 0.1 * s.N.sum() / STIMULI
    s.N = (1.0 - 0.1 * p.phi) * s.N


@vs.learner(alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": vs.zeros(48), "old": vs.zeros(48)})
def one_large_choice(p: Any, s: Any, t: Any) -> None:
    """A softmax over an array in memory, and an array that remembers another."""
    a = t.choose("choice", p.beta * s.Q + 0.2 * s.old)
    s.old = s.Q
    s.Q[a] += p.alpha * (t.reward - s.Q[a])


@pytest.mark.parametrize("machine", ["widest", "four"])
@pytest.mark.parametrize(
    ("model", "sizes", "typical"),
    [
        (many_stimuli, {"stimulus": STIMULI, "choice": ACTIONS}, (0.3, 2.0, 0.2, 0.4)),
        (one_large_choice, {"choice": 48}, (0.3, 2.0)),
    ],
)
def test_arrays_in_memory(model: Any, sizes: dict[str, int], typical: tuple[float, ...], machine: str) -> None:
    recurrence = model.trace(Sizes(sizes))
    rng = np.random.default_rng(2)
    rows = random_rows(recurrence, rng.integers(0, 40, 11))
    parameters = np.array(typical) * rng.uniform(0.7, 1.3, (11, len(typical)))
    case = Case(differentiate(recurrence, 2), rows, parameters)
    compare(case, Kernel(case.program, case.rows, machine=MACHINES[machine]))


def test_records() -> None:
    """Trial by trial quantities, NaN after a lane's last trial."""
    case = make_case("six", subjects=19, trials=30)
    r = case.program.recurrence
    nodes = [r.update[0], r.log_likelihood, r.state[1]]
    kernel = Kernel(case.program, case.rows)
    for subjects in (np.arange(19), np.array([3, 3, 11])):
        parameters = case.parameters[subjects]
        expected = Interpreter(case.program, case.rows).records(nodes, parameters, subjects)
        actual = kernel.records(nodes, parameters, subjects)
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)
    sums = kernel.sums(case.parameters, np.arange(19))
    values = kernel.records(nodes, case.parameters, np.arange(19))[1]
    np.testing.assert_allclose(np.nansum(values, axis=0), sums[0], rtol=1e-12)


@pytest.mark.parametrize("unroll", [32, 0])
@pytest.mark.parametrize("name", ["q2", "six", "two_step"])
def test_missing_responses(name: str, unroll: int) -> None:
    """Codes are -1 where a response is missing: the term is left out, and what it would have written stays."""
    model, sizes, typical = CASES[name]
    response = "c1" if name == "two_step" else "choice"
    recurrence = model.trace(Sizes(sizes, missing=frozenset({response})), unroll)
    rng = np.random.default_rng(3)
    rows = random_rows(recurrence, rng.integers(0, 30, 9))
    present = rows.columns[Flag("present", response)]
    code = Column(response, sizes[response])
    rows = Rows({**rows.columns, code: np.where(present, rows.columns[code], -1)}, rows.offsets)
    parameters = np.array(typical) * rng.uniform(0.7, 1.3, (9, len(typical)))
    case = Case(differentiate(recurrence, 2), rows, parameters)
    compare(case)
    silent = Rows({**rows.columns, Flag("present", response): np.zeros_like(present)}, rows.offsets)
    if name != "two_step":
        assert not Kernel(case.program, silent).sums(parameters, np.arange(9)).any()


def test_other_data_same_code() -> None:
    case, other = make_case("q4", subjects=9, trials=20), make_case("q4", subjects=5, trials=33)
    kernel = Kernel(case.program, case.rows)
    compare(Case(case.program, other.rows, other.parameters), kernel.with_rows(other.rows))
    for scale in (0.5, 300.0, 1e6):  # not to be stored as before
        rows = random_rows(case.program.recurrence, case.rows.lengths, scale=scale)
        small = case.parameters / [1.0, scale]
        compare(Case(case.program, rows, small), kernel.with_rows(rows))
    compare(case, kernel)


def test_codes_are_checked() -> None:
    case = make_case("q2", subjects=2, trials=4, ragged=False)
    columns = dict(case.rows.columns)
    columns[Column("choice", 2)] = np.full(8, 2)
    with pytest.raises(ModelError, match=r"codes 2\.\.2 do not fit the options 0\.\.1"):
        Kernel(case.program, Rows(columns, case.rows.offsets))
    with pytest.raises(ModelError, match="threads=0"):
        Kernel(case.program, case.rows, threads=0)
    for subjects in ([0, 2], [-1, 0]):
        with pytest.raises(ModelError, match="are not all among the 2 there are"):
            Kernel(case.program, case.rows).sums(case.parameters, np.array(subjects))
    with pytest.raises(ModelError, match=r"shape \(2, 3\), not \(2, 2\)"):
        Kernel(case.program, case.rows).sums(np.ones((2, 3)), np.arange(2))


def test_engines_by_name() -> None:
    case = make_case("q2", subjects=3, trials=5)
    assert isinstance(engine_for(case.program, case.rows, "interpreter"), Interpreter)
    subjects = np.arange(3)
    expected = Interpreter(case.program, case.rows).sums(case.parameters, subjects)
    np.testing.assert_allclose(engine_for(case.program, case.rows).sums(case.parameters, subjects), expected, 1e-12)
    assert vars(engine_for(case.program, case.rows))["threads"] == available()
    assert vars(engine_for(case.program, case.rows, threads=3))["threads"] == 3
    with pytest.raises(ModelError, match="no engine 'fast'"):
        engine_for(case.program, case.rows, "fast")


KINKS = {  # function → on which side of x = 0 its derivative is taken
    "maximum": (lambda x: vs.maximum(x, -2.0 * x), 1),
    "maximum, turned": (lambda x: vs.maximum(-2.0 * x, x), -1),
    "absolute": (abs, 1),
    "where": (lambda x: vs.where(x > 0, 3.0 * x, 0.5 * x), -1),
    "minimum": (lambda x: vs.minimum(x, 2.0 * x), 1),
}


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks_are_one_sided(name: str) -> None:
    """At a kink, both engines give the derivatives of the branch taken, those from one side."""
    bent, side = KINKS[name]

    @vs.learner(x=vs.real, state={"m": 0.0})
    def kinked(p: Any, s: Any, t: Any) -> None:
        s.m += bent(p.x) * t.reward
        t.choose("choice", [s.m, 0.0])

    recurrence = kinked.trace(Sizes({"choice": 2}))
    rows = random_rows(recurrence, np.array([30]))
    program, here = differentiate(recurrence, 2), np.array([0])
    for engine in (Kernel(program, rows), Interpreter(program, rows)):
        value, slope, curvature = engine.sums(np.zeros((1, 1)), here)[:, 0]
        h = side * 1e-5
        near, nearer = (engine.sums(np.array([[x]]), here)[:, 0] for x in (h, h / 2))
        assert slope == pytest.approx((4 * nearer[0] - near[0] - 3 * value) / h, rel=1e-6)
        assert curvature == pytest.approx((4 * nearer[1] - near[1] - 3 * slope) / h, rel=1e-6)
        other = engine.sums(np.array([[-h]]), here)[:, 0]
        assert abs((other[0] - value) / -h - slope) > 0.1
