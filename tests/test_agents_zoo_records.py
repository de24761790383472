"""What learners name on each trial: values or prediction errors wherever they learn, as plain loops have them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from tests.test_agents_zoo import CASES
from tests.zoo import Case, Rows
from versant.expressions.graph import topological
from versant.expressions.recurrence import Recurrence, differentiate
from versant.formats.trials import read_trials
from versant.inference.likelihood import bind

TRIALS = 25
BANDIT = next(case for case in CASES if case.model == "bandit2arm_delta")
STATED = {case.model for case in CASES}
ALL = [*CASES, *(replace(BANDIT, model=name) for name in vs.models.names() if name not in STATED)]
WITHOUT_VALUES = {  # models that learn, but neither a value nor from prediction errors
    "bart_ewmv": "counts balloons: a belief",
    "bart_par4": "counts balloons: a belief",
    "wcs_sql": "shifts attention",
}
COUNTS = "counts answers for binomial coefficients"
NOT_LEARNING = {"task2AFC_sdt": COUNTS}  # have state, but learn nothing
Records = dict[str, list[float]]


def traced(case: Case) -> Recurrence:
    frame = pd.DataFrame(case.draw(np.random.default_rng(3), TRIALS)).assign(subjID=1)
    return bind(vs.models.find(case.model), read_trials(frame)).recurrence


def names_learning(name: str) -> bool:
    return "value" in name.split("_") or name.endswith("prediction_error")


@pytest.mark.parametrize("case", ALL, ids=repr)
def test_what_learns_names_values_or_prediction_errors(case: Case) -> None:
    recurrence = traced(case)
    if not recurrence.state or case.model in NOT_LEARNING:
        assert not any(name.endswith("prediction_error") for name in recurrence.records)
        return
    found = any(names_learning(name) for name in recurrence.records)
    assert found != (case.model in WITHOUT_VALUES)
    assert recurrence.records, "not even a belief"


@pytest.mark.parametrize("case", ALL, ids=repr)
def test_records_read_no_data_of_their_own(case: Case) -> None:
    """A column that only a record needs would be loaded in every fit."""
    recurrence = traced(case)
    fitted = topological([*recurrence.update, recurrence.log_likelihood, recurrence.chance, recurrence.scored])
    assert {node.serial for node in recurrence.data} <= {node.serial for node in fitted}


@pytest.mark.parametrize("case", ALL, ids=repr)
def test_records_cost_nothing_in_a_fit(case: Case) -> None:
    """A model that has lost its records is the same program."""
    model = vs.models.find(case.model)
    frame = pd.DataFrame(case.draw(np.random.default_rng(3), TRIALS)).assign(subjID=1)
    spoken, silent = (bind(m, read_trials(frame)).recurrence for m in (model, _silenced(model)))
    assert not silent.records
    assert _operations(spoken) == _operations(silent)


def _operations(recurrence: Recurrence) -> list[str]:
    """Return the operations of a fit's program, with its first derivatives."""
    program = differentiate(recurrence, 1)
    slots = [node for slot in program.slots for node in (slot.initial, slot.update)]
    return sorted(node.op for node in topological([*program.summed, *slots]))


def _silenced(model: vs.Learner) -> vs.Learner:
    def function(p: Any, s: Any, t: Any) -> None:
        object.__setattr__(t, "record", lambda name, value: None)
        model.function(p, s, t)

    return model.variant(model.name, function=function)


def delta_loop(theta: dict[str, float], rows: Rows) -> Records:
    values, found = [0.0, 0.0], Records(value=[], prediction_error=[])
    for choice, outcome in zip(rows["choice"], rows["outcome"], strict=True):
        a = choice - 1
        found["value"].append(values[a])
        found["prediction_error"].append(outcome - values[a])
        values[a] += theta["A"] * (outcome - values[a])
    return found


def gain_loss_loop(theta: dict[str, float], rows: Rows) -> Records:
    gains, losses = [0.0] * 4, [0.0] * 4
    found = Records(value=[], prediction_error=[], gain_prediction_error=[], loss_prediction_error=[])
    for choice, gain, loss in zip(rows["choice"], rows["gain"], rows["loss"], strict=True):
        a = choice - 1
        of_gain, of_loss = theta["R"] * gain - gains[a], -theta["P"] * abs(loss) - losses[a]
        found["value"].append(gains[a] + losses[a])
        found["prediction_error"].append(of_gain + of_loss)
        found["gain_prediction_error"].append(of_gain)
        found["loss_prediction_error"].append(of_loss)
        for k in range(4):
            gains[k] += theta["Arew"] * (of_gain if k == a else -gains[k])
            losses[k] += theta["Apun"] * (of_loss if k == a else -losses[k])
    return found


def representation_loop(theta: dict[str, float], rows: Rows) -> Records:
    values, often, habit = [0.0] * 4, [0.0] * 4, [0.0] * 4
    found = Records(value=[], prediction_error=[], frequency=[], frequency_prediction_error=[], perseverance=[])
    for choice, gain, loss in zip(rows["choice"], rows["gain"], rows["loss"], strict=True):
        a, x = choice - 1, (gain - abs(loss)) / 100
        won = float(np.sign(x))
        rate, other = (theta["Arew"], theta["Apun"]) if x >= 0 else (theta["Apun"], theta["Arew"])
        found["value"].append(values[a])
        found["prediction_error"].append(x - values[a])
        found["frequency"].append(often[a])
        found["frequency_prediction_error"].append(won - often[a])
        found["perseverance"].append(habit[a])
        values[a] += rate * (x - values[a])
        often = [f + (rate * (won - f) if k == a else other * (-won / 3 - f)) for k, f in enumerate(often)]
        habit = [(1.0 if k == a else h) / 3 ** theta["K"] for k, h in enumerate(habit)]
    return found


def kalman_loop(theta: dict[str, float], rows: Rows) -> Records:
    mean, variance = [theta["mu0"]] * 4, [theta["s0"] ** 2] * 4
    found = Records(value=[], prediction_error=[], uncertainty=[], gain=[])
    for choice, outcome in zip(rows["choice"], rows["outcome"], strict=True):
        a = choice - 1
        gain = variance[a] / (variance[a] + 16)
        found["value"].append(mean[a])
        found["prediction_error"].append(outcome - mean[a])
        found["uncertainty"].append(math.sqrt(variance[a]))
        found["gain"].append(gain)
        mean[a] += gain * (outcome - mean[a])
        variance[a] *= 1 - gain
        mean = [theta["lambda"] * m + (1 - theta["lambda"]) * theta["theta"] for m in mean]
        variance = [theta["lambda"] ** 2 * v + theta["sD"] ** 2 for v in variance]
    return found


LOOPS: dict[str, Callable[[dict[str, float], Rows], Records]] = {
    "bandit2arm_delta": delta_loop,
    "bandit4arm_4par": gain_loss_loop,
    "igt_orl": representation_loop,
    "bandit4arm2_kalman_filter": kalman_loop,
}


@pytest.mark.parametrize("name", LOOPS)
def test_records_against_a_plain_loop(name: str) -> None:
    case = next(case for case in CASES if case.model == name)
    columns = case.draw(np.random.default_rng(5), TRIALS)
    bound = bind(vs.models.find(name), read_trials(pd.DataFrame(columns).assign(subjID=1)))
    z = np.random.default_rng(6).normal(0.0, 0.5, (1, bound.learner.n_parameters))
    theta = dict(zip(bound.learner.parameters, map(float, bound.natural(z)[0]), strict=True))
    stated = LOOPS[name](theta, {key: list(values) for key, values in columns.items()})
    records = bound.recurrence.records
    assert set(records) == set(stated)
    found = dict(zip(records, bound.per_trial(list(records.values()), z), strict=True))
    for key, values in stated.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-12, atol=1e-12, err_msg=key)
        assert np.ptp(values) > 0
