"""A kernel that is wrong is found out by the interpreter, whatever of it is wrong; programs are kept, not mixed up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import versant as vs
from tests.kernels import make_case
from versant.expressions.compiled import runner
from versant.expressions.engine import Interpreter
from versant.expressions.recurrence import directional
from versant.inference import recheck
from versant.inference.likelihood import Likelihood, bind
from versant.inference.programs import programs_of
from versant.inference.verdict import Verdict

Q = vs.models.find("q_learning")
TRIALS = vs.simulate(Q, vs.Bandit((0.25, 0.75), trials=60), {"alpha": 0.3, "beta": 4.0}, subjects=6, seed=5)


class Wrong:
    """An engine that adds `error` to one sum of one subject."""

    def __init__(self, engine: Any, row: int, error: float, subject: int) -> None:
        self.program, self.rows = engine.program, engine.rows
        self._engine, self._row, self._error, self._subject = engine, row, error, subject

    def sums(self, parameters: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        sums = self._engine.sums(parameters, subjects)
        sums[self._row, subjects == self._subject] += self._error
        return sums


@pytest.mark.parametrize("row", range(6), ids=["value", "alpha", "beta", "alpha alpha", "beta alpha", "beta beta"])
@pytest.mark.parametrize("error", [0.3, np.nan])
def test_each_wrong_number_is_found_and_replaced(row: int, error: float, monkeypatch: Any) -> None:
    z, nobody = np.zeros((6, 2)), np.zeros(6, dtype=bool)
    likelihood = bind(Q, TRIALS)
    right = likelihood.interpreter(2).sums(likelihood.natural(z), np.arange(6))
    sums, disagree = recheck.checked_sums(likelihood, z, nobody)
    assert not disagree.any()
    np.testing.assert_allclose(sums, right, rtol=1e-11)
    engine = Wrong(likelihood.engine(2), row, error, subject=4)
    monkeypatch.setattr(likelihood, "engine", lambda order: engine)
    sums, disagree = recheck.checked_sums(likelihood, z, nobody)
    assert disagree.tolist() == [False, False, False, False, True, False]
    np.testing.assert_array_equal(sums, right)


@pytest.mark.parametrize("name", ["six", "two_step"])
def test_derivatives_along_a_direction_are_those_of_gradient_and_hessian(name: str) -> None:
    case = make_case(name, 5, 12)
    full = Interpreter(case.program, case.rows).sums(case.parameters, np.arange(5))
    d = np.random.default_rng(0).normal(size=case.parameters.shape)
    size, program = d.shape[1], directional(case.program.recurrence)
    found = Interpreter(program, case.rows).sums(np.concatenate([case.parameters, d], axis=1), np.arange(5))
    hessians = np.zeros((5, size, size))
    rows, columns = np.tril_indices(size)
    hessians[:, rows, columns] = hessians[:, columns, rows] = full[1 + size :].T
    np.testing.assert_allclose(found[0], full[0], rtol=1e-13)
    np.testing.assert_allclose(found[1], (full[1 : 1 + size].T * d).sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(found[2], np.einsum("ni,nij,nj->n", d, hessians, d), rtol=1e-10)


def test_the_fit_says_so_and_reports_the_interpreters_numbers(monkeypatch: Any) -> None:
    good, engine_of = vs.fit(Q, TRIALS, starts=1), Likelihood.engine

    def wrong_engine(likelihood: Likelihood, order: int) -> Any:
        return Wrong(engine_of(likelihood, order), 0, 2.0, subject=2)  # a value that is always two too high

    monkeypatch.setattr(Likelihood, "engine", wrong_engine)
    fit = vs.fit(Q, TRIALS, starts=1)
    assert [Verdict.ENGINES_DISAGREE in flags for flags in fit.verdicts] == [False, False, True, False, False, False]
    np.testing.assert_allclose(fit.log_likelihood, good.log_likelihood, rtol=1e-9)


def test_on_a_kink_sides_may_differ_but_values_not() -> None:
    likelihood, z = bind(Q, TRIALS), np.zeros((6, 2))
    kinks = np.arange(6) < 3
    right = likelihood.interpreter(2).sums(likelihood.natural(z), np.arange(6))
    for row, differ in ((1, [False] * 3 + [True] * 3), (0, [True] * 6)):
        sums = right.copy()
        sums[row] += 0.1
        assert recheck._differ(likelihood, z, kinks, sums, right).tolist() == differ


def test_large_groups_are_checked_on_a_sample(monkeypatch: Any) -> None:
    monkeypatch.setattr(recheck, "CHECKED", 2)
    likelihood, asked = bind(Q, TRIALS), []
    along = likelihood.along

    def counted(natural: np.ndarray, directions: np.ndarray, subjects: np.ndarray) -> np.ndarray:
        asked.append(len(subjects))
        return along(natural, directions, subjects)

    monkeypatch.setattr(likelihood, "along", counted)
    recheck.checked_sums(likelihood, np.zeros((6, 2)), np.zeros(6, dtype=bool))
    assert asked == [2]


def test_the_second_fit_of_a_learner_compiles_nothing(monkeypatch: Any) -> None:
    first = vs.fit(Q, TRIALS, starts=1)
    made: list[Any] = []
    monkeypatch.setattr(runner, "Code", lambda *args: made.append(args))
    again = vs.fit(Q, TRIALS, starts=1)
    np.testing.assert_array_equal(again.unconstrained, first.unconstrained)
    assert not made


def test_a_learner_whose_surroundings_changed_is_another_one() -> None:
    bonus = 0.0

    @vs.learner(beta=vs.positive)
    def biased(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.beta * (vs.array([0.0, 1.0]) + bonus * vs.array([1.0, 0.0])))

    one = bind(biased, TRIALS)
    assert bind(biased, TRIALS).programs is one.programs
    bonus = 3.0
    other = bind(biased, TRIALS)
    assert other.programs is not one.programs
    z = np.zeros((6, 1))
    assert not np.allclose(one.evaluate(z, np.arange(6), 0).value, other.evaluate(z, np.arange(6), 0).value)


def test_the_last_recurrences_are_kept_and_no_more(monkeypatch: Any) -> None:
    from versant.inference import programs

    monkeypatch.setattr(programs, "KEPT", 1)
    kept = programs_of(bind(Q, TRIALS).recurrence)
    assert programs_of(bind(Q, TRIALS).recurrence) is kept
    bind(vs.models.find("q_learning_dual"), TRIALS)
    assert programs_of(kept.recurrence) is not kept
