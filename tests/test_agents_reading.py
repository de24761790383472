"""What learners declare about files: names of columns, codings, derived columns, synonyms; and choices on offer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.agents.learner import learner
from versant.errors import DataError, ModelError
from versant.formats.trials import read_trials
from versant.inference.likelihood import bind


@learner(beta=vs.positive, state={"Q": [0.0, 0.0]}, columns={"reward": "outcome"}, choices={"choice": (1, 2)})
def simple(p: Any, s: Any, t: Any) -> None:
    a = t.choose("choice", p.beta * s.Q)
    s.Q[a] += 0.5 * (t.reward - s.Q[a])


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"subject": [1] * len(next(iter(columns.values())))} | columns)


def test_a_column_is_read_under_its_other_name_and_the_report_says_so() -> None:
    trials = read_trials(frame(choice=[1, 2, 1], outcome=[1.0, 0.0, 1.0]))
    bound = bind(simple, trials)
    assert "outcome read as reward (as simple does)" in bound.trials.report
    named = read_trials(frame(choice=[1, 2, 1], reward=[1.0, 0.0, 1.0], outcome=[9.0, 9.0, 9.0]))
    assert vs.log_likelihood(simple, trials, {"beta": 2.0}) == vs.log_likelihood(simple, named, {"beta": 2.0})


def test_without_either_name_the_error_lists_the_columns() -> None:
    with pytest.raises(DataError, match="reward") as raised:
        vs.log_likelihood(simple, read_trials(frame(choice=[1, 2, 1])), {"beta": 2.0})
    assert "choice" in str(raised.value)


def test_labels_settle_what_the_data_leave_open() -> None:
    only_second = read_trials(frame(choice=[2, 2], reward=[1.0, 1.0]))
    expected = math.log(0.5) - math.log1p(math.exp(-1.0))
    assert vs.log_likelihood(simple, only_second, {"beta": 2.0})[0] == pytest.approx(expected, abs=1e-14)
    counted_from_zero = read_trials(frame(choice=[1, 0], reward=[1.0, 1.0]))
    assert bind(simple, counted_from_zero).trials.coding("choice").labels == (0, 1)
    named = read_trials(frame(choice=["right", "left"], reward=[1.0, 1.0]))
    assert bind(simple, named).trials.coding("choice").labels == ("left", "right")
    with pytest.raises(DataError, match="out of range"):
        bind(simple, read_trials(frame(choice=[1, 5], reward=[1.0, 1.0]), choices=None))


def test_a_code_that_is_no_option_is_told_under_the_name_that_the_file_has() -> None:
    missed = read_trials(frame(choice1=[1, 2], choice2=[2, 1], state2=[0, 3], outcome=[1, 2]))
    with pytest.raises(
        DataError, match=r"column 'state2'.* two_step_model_free knows are 2, 3.*missing=\{'state2': 0\}"
    ):
        bind(vs.models.find("two_step_model_free"), missed)


def test_what_is_no_learner_and_what_are_no_trials() -> None:
    table = frame(choice=[1, 2], reward=[1.0, 0.0])
    with pytest.raises(ModelError, match=r"not a learner but str: a shipped one is vs.models.find\('q_learning'\)"):
        vs.fit("q_learning", read_trials(table))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"not trials but DataFrame. Remedy: .*vs.read_trials"):
        vs.objective(simple, table)  # type: ignore[arg-type]
    for prior in (3, {"beta": 3.0}, {"beta": (0.0, 1.0, 2.0)}):
        with pytest.raises(ModelError, match=r"\(mean, sd\)"):
            vs.fit(simple, read_trials(table), prior=prior)  # type: ignore[arg-type]


def test_fewer_options_shown_than_the_model_has() -> None:
    model = vs.models.find("bandit4arm_4par")
    trials = read_trials(frame(choice=[1, 3, 2], gain=[1.0, 0.0, 1.0], loss=[0.0, 0.0, -1.0]))
    assert trials.coding("choice").n == 3
    assert bind(model, trials).trials.coding("choice").labels == (1, 2, 3, 4)


@learner(
    beta=vs.positive,
    state={"Q": vs.zeros(4)},
    choices={"which": (1, 2, 3, 4), "side": (0, 1)},
    derived={"side": lambda t: vs.where(t.which >= 2, 1, 0)},
)
def on_offer(p: Any, s: Any, t: Any) -> None:
    pair = [2 * t.side, 2 * t.side + 1]
    k = t.choose("which", [p.beta * s.Q[pair[0]], p.beta * s.Q[pair[1]]], among=pair)
    s.Q[k] += 0.5 * (1.0 - s.Q[k])


def test_a_derived_column_is_computed_only_where_it_is_not_recorded() -> None:
    expected = 2 * math.log(0.5) - math.log1p(math.exp(-1.0))  # two first encounters, then 3 over 4 by .5
    found = vs.log_likelihood(on_offer, read_trials(frame(which=[1, 3, 3])), {"beta": 2.0})
    assert found[0] == pytest.approx(expected, abs=1e-14)
    recorded = read_trials(frame(which=[1, 3, 3], side=[0, 1, 1]))
    assert vs.log_likelihood(on_offer, recorded, {"beta": 2.0})[0] == pytest.approx(expected, abs=1e-14)


def test_an_option_that_was_not_on_offer_has_probability_zero() -> None:
    impossible = read_trials(frame(which=[1, 3, 3], side=[0, 1, 0]))
    assert vs.log_likelihood(on_offer, impossible, {"beta": 2.0})[0] == -math.inf


def test_synonyms_name_the_same_parameter() -> None:
    model = vs.models.find("bandit4arm2_kalman_filter")
    trials = read_trials(frame(choice=[1, 2, 4, 3], outcome=[50, 60, 70, 20]))
    given = {"lambda": 0.9, "theta": 50, "beta": 0.1, "mu0": 60, "s0": 6, "sD": 3}
    other = {"sigma0": 6, "sigmaD": 3} | {k: v for k, v in given.items() if k not in ("s0", "sD")}
    assert vs.log_likelihood(model, trials, given) == vs.log_likelihood(model, trials, other)
    with pytest.raises(ModelError, match="synonyms"):
        learner(alpha=vs.unit, synonyms={"a": "beta"})


def test_score_adds_a_term_to_the_likelihood() -> None:
    @learner(beta=vs.positive)
    def constant(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.beta * vs.array([0.0, 1.0]))
        t.score(vs.log(t.weight), when=t.weight > 0)

    trials = read_trials(frame(choice=[0, 1, 1], weight=[2.0, 0.0, 3.0]))
    plain = math.log(1 / (1 + math.e)) + 2 * math.log(math.e / (1 + math.e))
    assert vs.log_likelihood(constant, trials, {"beta": 1.0})[0] == pytest.approx(plain + math.log(6.0), abs=1e-13)


def test_as_many_options_on_offer_as_logits() -> None:
    @learner(beta=vs.positive, choices={"which": (1, 2, 3, 4)})
    def short(p: Any, s: Any, t: Any) -> None:
        t.choose("which", p.beta * vs.array([0.0, 1.0]), among=[0, 1, 2])

    with pytest.raises(ModelError, match="3 options of 'which', and there are 2 logits"):
        bind(short, read_trials(frame(which=[1, 2, 3, 4])))


def test_a_variant_shares_the_function() -> None:
    other = simple.variant("other", columns={})
    assert other.function is simple.function
    assert other.name == "other"
    assert np.array_equal(list(other.parameters), list(simple.parameters))


def test_columns_may_be_called_anything() -> None:
    @learner(beta=vs.positive, state={"Q": [0.0, 0.0]})
    def named(p: Any, s: Any, t: Any) -> None:
        a = t.choose("choice", p.beta * s.Q)
        s.Q[a] += 0.5 * (t.outcome + t.guard + t.made + t["choose"] + t["a.b"] - s.Q[a])

    columns = {"outcome": [1.0, 0.0], "guard": [0.0, 1.0], "made": [0.0, 0.0], "choose": [0.0, 0.0], "a.b": [1.0, 1.0]}
    trials = read_trials(frame(choice=["l", "l"], **columns), choices={"choice": ["l", "r"]})
    found = vs.log_likelihood(named, trials, {"beta": 1.0})
    assert found[0] == pytest.approx(math.log(0.5) - math.log1p(math.exp(-1.0)), abs=1e-14)


def test_plain_numbers_are_looked_up_by_what_is_traced() -> None:
    @learner(beta=vs.positive, choices={"cue": (1, 2, 3)})
    def known(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.beta * vs.lookup([0.5, -0.5, 2.0], t.cue))

    trials = read_trials(frame(choice=[1, 0, 1], cue=[3, 2, 1]))
    logits = [4.0, 1.0, 1.0]  # of what was chosen
    expected = -sum(math.log1p(math.exp(-x)) for x in logits)
    assert vs.log_likelihood(known, trials, {"beta": 2.0})[0] == pytest.approx(expected, abs=1e-14)
    assert vs.lookup([1.0, 2.0], 1) == 2.0
    with pytest.raises(ModelError, match=r"vs\.lookup"):

        @learner(beta=vs.positive, choices={"cue": (1, 2, 3)})
        def listed(p: Any, s: Any, t: Any) -> None:
            t.choose("choice", p.beta * [0.5, -0.5, 2.0][t.cue])

        bind(listed, trials)


def test_synonyms_of_several_parameters_take_arrays() -> None:
    model = vs.models.find("hgf_ibrb")
    rows = {"subjID": [1, 1, 2, 2], "u": [1, 0, 0, 1], "y": [1, 1, 0, 1]}
    trials = read_trials(pd.DataFrame(rows))
    rest = {"kappa": 1.0, "zeta": 1.5}
    one = vs.log_likelihood(model, trials, rest | {"omega": [-4.0, -6.0]})
    np.testing.assert_array_equal(one, vs.log_likelihood(model, trials, rest | {"omega2": -4.0, "omega3": -6.0}))
    each = vs.log_likelihood(model, trials, rest | {"omega": [[-4.0, -6.0], [-3.0, -5.0]]})
    apart = rest | {"omega2": [-4.0, -3.0], "omega3": [-6.0, -5.0]}
    np.testing.assert_array_equal(each, vs.log_likelihood(model, trials, apart))
    with pytest.raises(ModelError, match="omega stands for omega2, omega3"):
        vs.log_likelihood(model, trials, rest | {"omega": -4.0})
    with pytest.raises(ModelError, match="omega2 is given twice"):
        vs.log_likelihood(model, trials, rest | {"omega": [-4.0, -6.0], "omega2": -4.0})
    with pytest.raises(ModelError, match=r"unknown: omega4.*other names: .*omega"):
        vs.log_likelihood(model, trials, rest | {"omega4": -4.0})
