"""Comparison of fits: sums, winners, and the refusal of fits that are not of the same trials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.verbs.compare import Comparison, compare

ONE, TWO = vs.models.find("q_learning"), vs.models.find("q_learning_dual")


@pytest.fixture(scope="module")
def trials():
    return vs.simulate(ONE, vs.Bandit((0.3, 0.7), trials=60), {"alpha": 0.3, "beta": 3.0}, subjects=6, seed=2)


@pytest.fixture(scope="module")
def fits(trials):
    return [vs.fit(ONE, trials, starts=2), vs.fit(TWO, trials, starts=2)]


def test_the_table_adds_up(fits):
    found = compare(fits)
    table = found.frame().set_index("model")
    for fit in fits:
        row = table.loc[fit.learner.name]
        assert row["log_likelihood"] == fit.log_likelihood.sum()
        assert row["evidence"] == fit.evidence.sum()
        assert row["aic"] == pytest.approx(2 * fit.n_parameters * 6 - 2 * fit.log_likelihood.sum(), abs=1e-9)
        assert row["bic"] == pytest.approx(fit.n_parameters * 6 * np.log(60) - 2 * fit.log_likelihood.sum(), abs=1e-9)
    better = fits[0] if fits[0].evidence.sum() > fits[1].evidence.sum() else fits[1]
    assert found.best == better.learner.name
    assert found.frame()["difference"].tolist() == pytest.approx(
        [0.0, abs(fits[0].evidence.sum() - fits[1].evidence.sum())], abs=1e-9
    )
    first_wins = int((fits[0].evidence > fits[1].evidence).sum())
    assert found.wins.tolist() == [first_wins, 6 - first_wins]


@pytest.mark.parametrize(("criterion", "sign"), [("evidence", -1.0), ("aic", 1.0), ("bic", 1.0)])
def test_every_criterion_ranks_by_its_own_direction(fits, criterion, sign):
    found = compare({"one": fits[0], "two": fits[1]}, criterion=criterion)
    sums = {name: sign * getattr(fit, criterion).sum() for name, fit in zip(("one", "two"), fits, strict=True)}
    assert found.best == min(sums, key=sums.get)
    assert f"best by {criterion}: {found.best}" in found.summary()


def made(losses, flagged=None):
    evidence = -np.asarray(losses, dtype=float)
    shape = evidence.shape
    return Comparison(
        models=tuple("abc"[: shape[0]]),
        subjects=tuple(range(shape[1])),
        criterion="evidence",
        less_is_better=False,
        estimated=("maximum a posteriori",) * shape[0],
        n_parameters=(1,) * shape[0],
        log_likelihood=np.zeros(shape),
        aic=np.zeros(shape),
        bic=np.zeros(shape),
        evidence=evidence,
        score=evidence,
        score_errors=np.zeros(shape),
        doubtful=np.zeros(shape, dtype=bool),
        flagged=np.zeros(shape, dtype=bool) if flagged is None else np.asarray(flagged),
    )


def test_ties_and_missing_criteria_decide_nothing():
    found = made([[1.0, 5.0, 3.0, np.nan], [2.0, 5.0, 1.0, 1.0]])
    assert found.winners.tolist() == [0, -1, 1, -1]
    assert found.wins.tolist() == [1, 1]
    assert found.best == "b"
    assert "undecided subjects: 2" in found.summary()
    assert "a: no evidence for 1 subjects" in found.summary()
    assert found.to_dict()["models"][1] == {
        "model": "a",
        "estimated": "maximum a posteriori",
        "n_parameters": 1,
        "log_likelihood": 0.0,
        "aic": 0.0,
        "bic": 0.0,
        "evidence": None,
        "difference": None,
        "difference_se": None,
        "wins": 1,
        "flagged": 0,
    }


def test_no_model_has_the_criterion():
    found = made([[np.nan], [np.nan]])
    assert found.best is None
    assert found.summary().startswith("no model has a summed evidence")


def test_subjects_with_any_flag_but_converged_are_counted(fits):
    flags = (frozenset({vs.Verdict.CONVERGED, vs.Verdict.CHANCE}), frozenset(), *fits[0].verdicts[2:])
    found = compare([replace(fits[0], verdicts=flags), fits[1]])
    assert found.flagged[0].tolist() == [True, True] + [v != {vs.Verdict.CONVERGED} for v in fits[0].verdicts[2:]]


def test_arrays_cannot_be_changed(fits):
    with pytest.raises(ValueError, match="read-only"):
        compare(fits).evidence[0, 0] = 1.0


def other(trials, change):
    frame = trials.frame()
    change(frame)
    return vs.fit(TWO, vs.read_trials(frame), starts=1)


def flip(frame):
    frame.loc[5, "choice"] = 1 - frame.loc[5, "choice"]


def rename(frame):
    frame["subject"] = frame["subject"] + 1


def test_fits_of_other_trials_are_refused(fits, trials):
    same = other(trials, lambda frame: None)
    assert compare([fits[0], same]).models == ("q_learning", "q_learning_dual")
    with pytest.raises(vs.DataError, match="different trials") as caught:
        compare([fits[0], other(trials, flip)])
    assert caught.value.column == "choice"
    with pytest.raises(vs.DataError, match="different subjects"):
        compare([fits[0], other(trials, rename)])
    shorter = vs.fit(TWO, trials.select(np.arange(len(trials)) != 3), starts=1)
    with pytest.raises(vs.DataError, match=r"different numbers of choices \(60 and 59\)") as caught:
        compare([fits[0], shorter])
    assert caught.value.subject == 1


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (lambda fits: fits[:1], {}, "two fits or more, not 1"),
        (lambda fits: [fits[0], fits[0]], {}, "two fits are called 'q_learning'"),
        (lambda fits: fits, {"criterion": "wAIC"}, "criterion='wAIC' is unknown"),
        (lambda fits: [fits[0], replace(fits[1], evidence=None, prior=None)], {}, "no evidence: q_learning_dual"),
    ],
)
def test_what_cannot_be_compared(fits, given, options, message):
    with pytest.raises(vs.ModelError, match=message):
        compare(given(fits), **options)


def test_maximum_likelihood_fits_are_compared_by_bic(trials):
    found = compare([vs.fit(ONE, trials, None, starts=2), vs.fit(TWO, trials, None, starts=2)], criterion="bic")
    assert isinstance(found.frame(), pd.DataFrame)
    assert np.isnan(found.evidence).all()
    assert found.to_dict()["models"][0]["evidence"] is None


def test_differences_carry_standard_errors_and_notes(fits):
    found = compare(fits, criterion="bic")
    apart = fits[1].bic - fits[0].bic
    worse = found.frame().iloc[1]
    assert abs(worse.difference) == pytest.approx(abs(apart.sum()))
    assert worse.difference_se == pytest.approx(np.sqrt(6 * apart.var(ddof=1)))
    assert found.frame().difference_se[0] == 0.0
    assert any("AIC and BIC presume maximum likelihood" in note for note in found.notes)
    assert found.to_dict()["notes"] == list(found.notes)
    assert not compare(fits).notes
    assert found.subject_frame()["q_learning"].tolist() == fits[0].bic.tolist()
    assert set(found.subject_frame()["best"]) <= {"q_learning", "q_learning_dual"}


def test_sampled_criteria_agree_with_their_verbs(fits, trials):
    by_loo = compare(fits, criterion="loo", draws=200, seed=3)
    expected = [vs.loo(fit, draws=200, seed=3).total for fit in fits]
    assert by_loo.score.sum(axis=1).tolist() == pytest.approx(expected)
    leaving = [vs.loo(fit, draws=200, seed=3) for fit in fits]
    assert compare(leaving).criterion == "loo"
    assert compare(leaving).frame().equals(by_loo.frame())
    importance = compare(fits, criterion="importance", draws=200, seed=3)
    assert importance.score[0].tolist() == vs.evidence(fits[0], 200, seed=3).sampled.tolist()
    assert (importance.frame()["importance_mc"] > 0).all()
    by_cv = compare(fits, criterion="cv", over="trial", folds=3, starts=1, draws=100)
    apart = vs.crossvalidate(TWO, trials, over="trial", folds=3, starts=1, draws=100)
    assert by_cv.score[1].sum() == pytest.approx(apart.total)
    assert compare({"one": apart, "two": apart}).best == "one"


def test_groups_are_compared_by_the_integrated_bic(trials):
    groups = {model.name: vs.fit(model, trials, method="group", starts=1) for model in (ONE, TWO)}
    found = compare(groups, criterion="integrated_bic")
    for k, fit in enumerate(groups.values()):
        assert found.score[k].sum() == pytest.approx(vs.evidence(fit).integrated_bic)
    first = groups["q_learning"]
    assert found.score[0].sum() == pytest.approx(first.integrated_bic, abs=6 * found.score_errors[0].max())
    assert any("does not count" in note for note in compare(groups).notes)
    with pytest.raises(vs.ModelError, match="that of a group"):
        compare([vs.fit(ONE, trials, starts=1), groups["q_learning_dual"]], criterion="integrated_bic")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "bic", "draws": 200}, "criterion='bic' takes no draws="),
        ({"criterion": "loo", "over": "block"}, "criterion='loo' takes no over="),
        ({"families": {}}, "takes no families="),
    ],
)
def test_options_belong_to_their_criterion(fits, options, message):
    with pytest.raises(vs.ModelError, match=message):
        compare(fits, **options)


def test_groups_of_subjects_have_frequencies_of_their_own(fits, trials):
    labels = ["a", "a", "a", "b", "b", "b"]
    found = compare(fits, method="bms", groups=labels)
    evidence = np.stack([fit.evidence for fit in fits])
    assert found.difference == pytest.approx(vs.groups_differ([evidence[:, :3], evidence[:, 3:]]))
    assert found.groups["a"].subjects == fits[0].subjects[:3]
    by_name = compare(fits, method="bms", groups=dict(zip(fits[0].subjects, labels, strict=True)))
    assert by_name.difference == found.difference
    assert "groups differ" in found.summary()
    frame = trials.frame()
    frame["site"] = np.where(frame.subject > 3, "b", "a")
    told = [vs.fit(model, vs.read_trials(frame), starts=2) for model in (ONE, TWO)]
    assert compare(told, method="bms", groups="site").difference == pytest.approx(found.difference)
    assert compare([fits[0], told[1]], method="bms", groups="site").groups.keys() == {"a", "b"}
    frame.loc[frame.subject == 2, "site"] = "b"
    apart = vs.fit(TWO, vs.read_trials(frame), starts=1)
    with pytest.raises(vs.DataError, match="different trials") as caught:
        compare([told[0], apart], method="bms", groups="site")
    assert caught.value.column == "site"
    with pytest.raises(vs.DataError, match="no such column"):
        compare(fits, method="bms", groups="site")
    with pytest.raises(vs.DataError, match="changes within a subject"):
        compare(told, method="bms", groups="choice")
    with pytest.raises(vs.ModelError, match="one label for each of the 6"):
        compare(fits, method="bms", groups=labels[:2])
    with pytest.raises(vs.ModelError, match="all subjects are of one group"):
        compare(fits, method="bms", groups=["a"] * 6)


def test_mistaken_criteria_and_methods_are_named(trials, fits):
    assert compare(fits, criterion="Laplace").criterion == "evidence"
    assert compare(fits, criterion="PSIS-LOO", draws=100).criterion == "loo"
    with pytest.raises(vs.ModelError, match=r"choose 'evidence', 'importance', 'aic', .* also known as laplace"):
        compare(fits, criterion="dic")
    with pytest.raises(vs.ModelError, match=r"formula=.* are for fit\(method='group'\)"):
        compare([ONE, TWO], trials, method="hbi", formula="alpha ~ 1")


@pytest.mark.parametrize("verb", ["evidence", "identify", "loo"])
def test_what_is_for_learners_refuses_controllers(verb):
    trials = vs.read_trials(
        pd.DataFrame({"subject": 1, "choice": [0, 1] * 5, "reward": [1, 0] * 5}), choices={"choice": 2, "reward": 2}
    )
    fit = vs.fit(vs.ControllerModel(1, action="choice", observation="reward"), trials, starts=1)
    with pytest.raises(vs.ModelError, match="not a ControllerFit"):
        getattr(vs, verb)(fit)
