"""Group means that depend on covariates: designs, estimates against known truth, and mistakes."""

from __future__ import annotations

import builtins
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.inference.formula import structure_of
from versant.inference.prior import SubjectPriors

Q = vs.models.find("q_learning")


def cohort(subjects: int = 40, trials: int = 120, seed: int = 9) -> vs.Trials:
    """Patients learn more slowly; temperature falls with age."""
    rng = np.random.default_rng(seed)
    patient = np.arange(subjects) % 2
    age = rng.uniform(20, 60, subjects)
    alpha = 0.3 - 1.5 * patient + rng.normal(0, 0.5, subjects)
    beta = 1.3 - 0.02 * (age - 40) + rng.normal(0, 0.2, subjects)
    truth = {"alpha": 1 / (1 + np.exp(-alpha)), "beta": np.exp(beta)}
    frame = vs.simulate(Q, vs.Bandit((0.2, 0.8), trials=trials, reversal=30), truth, seed=seed).frame()
    row = frame.subject.to_numpy(dtype=int) - 1
    frame = frame.assign(group=np.where(patient[row], "patient", "control"), age=age[row])
    return vs.read_trials(frame, choices={"choice": 2})


@pytest.fixture(scope="module")
def trials() -> vs.Trials:
    return cohort()


def test_effects_of_a_group_and_of_age(trials: vs.Trials) -> None:
    fit = vs.fit(Q, trials, method="group", formula="alpha ~ group; beta ~ center(age)", starts=2)
    assert isinstance(fit, vs.GroupFit)
    assert {str(v) for v in fit.group.verdicts} == {"converged"}
    table = fit.group_frame().set_index(["parameter", "effect"])
    assert list(table.index) == [
        ("alpha", "Intercept"), ("alpha", "group[T.patient]"), ("beta", "Intercept"), ("beta", "center(age)")
    ]  # fmt: skip
    for place, truth in ((("alpha", "group[T.patient]"), -1.5), (("beta", "center(age)"), -0.02)):
        row = table.loc[place]
        assert row["lower"] < truth < row["upper"]
        assert row["p"] < 0.01
        assert row["df"] == 38
    assert isinstance(fit.prior, SubjectPriors)
    np.testing.assert_allclose(
        fit.prior.mean[1, 0] - fit.prior.mean[0, 0], table.loc[("alpha", "group[T.patient]")].estimate
    )
    assert len(json.loads(json.dumps(fit.to_dict()))["prior"]["mean"]) == 40
    without = vs.fit(Q, trials, method="group", starts=2)
    assert isinstance(without, vs.GroupFit)
    assert fit.group.evidence > without.group.evidence + 5
    assert fit.group.sd[0] < without.group.sd[0]


def test_a_mapping_says_the_same_as_a_text(trials: vs.Trials) -> None:
    names = ["alpha", "beta"]
    text = structure_of(names, trials, "alpha ~ group * age\nbeta ~ 1").design
    mapping = structure_of(names, trials, {"alpha": "group * age"}).design
    terms = ("Intercept", "group[T.patient]", "age", "group[T.patient]:age")
    assert text.names == mapping.names == (*(("alpha", term) for term in terms), ("beta", "mean"))
    np.testing.assert_array_equal(text.stacked, mapping.stacked)
    np.testing.assert_allclose(text.stacked[:, 0, 3], text.stacked[:, 0, 1] * text.stacked[:, 0, 2])
    np.testing.assert_array_equal(text.stacked[:, 1, :4], 0.0)
    assert not text.plain
    assert structure_of(names, trials).design.plain


@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("alpha", vs.ModelError, "must read"),
        ("", vs.ModelError, "must read"),
        ("gamma ~ age", vs.ModelError, "no parameter 'gamma'"),
        ("alpha ~ age; alpha ~ group", vs.ModelError, "given twice"),
        ("alpha ~ age +* group", vs.ModelError, "cannot be read"),
        ("alpha ~ log(group)", vs.ModelError, "cannot be used"),
        ("alpha ~ height", vs.DataError, "needs this column"),
        ("alpha ~ reward", vs.DataError, r"subject 1.*a condition changes here"),
        ("alpha ~ age + I(2 * age)", vs.DataError, "told apart"),
    ],
)
def test_mistaken_formulas_are_named(trials: vs.Trials, formula: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        vs.fit(Q, trials, method="group", formula=formula)


def test_a_missing_covariate_is_named(trials: vs.Trials) -> None:
    frame = trials.frame()
    frame.loc[frame.subject == 3, "age"] = np.nan
    holes = vs.read_trials(frame, choices={"choice": 2}, missing={"age": np.nan})
    with pytest.raises(vs.DataError, match=r"subject 3.*missing"):
        vs.fit(Q, holes, method="group", formula="alpha ~ age")


def test_covariates_that_say_nothing_are_named(trials: vs.Trials) -> None:
    frame = trials.frame().assign(site="here")
    frame["dose"] = np.where(frame.subject == frame.subject.iloc[0], np.inf, 1.0)
    made = vs.read_trials(frame, choices={"choice": 2})
    for column, message in (("site", "'site': this column is the same everywhere"), ("dose", "subject 1.*finite")):
        with pytest.raises(vs.DataError, match=message):
            vs.fit(Q, made, method="group", formula=f"alpha ~ {column}")
    with pytest.raises(vs.ModelError, match="incorrectly used") as told:
        vs.fit(Q, made, method="group", formula="alpha ~ age +* dose")
    assert str(told.value).isprintable()
    assert "⧛" not in str(told.value)


def test_a_formula_belongs_to_a_group(trials: vs.Trials) -> None:
    with pytest.raises(vs.ModelError, match="belongs to method='group'"):
        vs.fit(Q, trials, formula="alpha ~ age")


def test_without_formulaic_the_error_says_what_to_install(monkeypatch: Any, trials: vs.Trials) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name == "formulaic":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(vs.CapabilityError, match=r"versant\[formula\]"):
        structure_of(["alpha", "beta"], trials, "alpha ~ age")


def test_text_and_numbers_of_covariates_survive(trials: vs.Trials) -> None:
    assert pd.api.types.is_numeric_dtype(trials.frame().age)
    assert set(trials.frame().group) == {"patient", "control"}
