"""Parameter and model recovery: definitions, a design that works, one that cannot, and mistakes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import versant as vs
from versant.verbs.ledger import design_told

Q = vs.models.find("q_learning")
STICKY = vs.models.find("q_learning_perseveration")
DESIGN = vs.Bandit((0.2, 0.8), trials=200, reversal=40)


def uniform(rng: np.random.Generator, n: int) -> dict[str, Any]:
    return {"alpha": rng.uniform(0.1, 0.9, n), "beta": 5.0}


def test_recovery_is_what_its_definitions_say() -> None:
    found = vs.recover(Q, DESIGN, 30, parameters=uniform, level=0.9, seed=3)
    table = found.frame().set_index("parameter")
    z = np.log(found.truth["alpha"] / (1 - found.truth["alpha"]))
    away = found.estimates.z[:, 0] - z
    assert table.bias["alpha"] == pytest.approx(away.mean())
    assert table.rmse["alpha"] == pytest.approx(np.sqrt((away**2).mean()))
    inside = np.abs(away) <= 1.6448536 * found.estimates.errors[:, 0]
    assert table.coverage["alpha"] == pytest.approx(inside.mean())
    expected = np.corrcoef(found.truth["alpha"], found.natural[:, 0])[0, 1]
    assert table.correlation["alpha"] == pytest.approx(expected)
    assert np.isnan(table.correlation["beta"])  # the truth does not vary
    assert json.loads(json.dumps(found.to_dict()))["parameters"][1]["correlation"] is None
    assert list(found.subject_frame().columns[:3]) == ["subject", "alpha_true", "beta_true"]
    assert "30 of 30" in found.summary()


def test_truths_from_the_prior_are_covered_as_the_level_says() -> None:
    found = vs.recover(Q, DESIGN, 300, prior={"alpha": (0.0, 0.7), "beta": (1.2, 0.4)}, starts=1, seed=0)
    table = found.frame()
    assert (np.abs(table.coverage - 0.95) < 4 * table.coverage_mc + 0.01).all()
    assert (np.abs(table.bias) < 4 * table.bias_mc + 0.05).all()
    assert (table.correlation > 0.6).all()
    assert (table.uniform_p > 1e-4).all()
    ranks = found.estimates.ranks
    np.testing.assert_allclose((np.abs(ranks - 0.5) <= 0.475).mean(axis=0), table.coverage)
    shifted = replace(found, estimates=replace(found.estimates, ranks=ranks**0.5))
    assert shifted.frame().uniform_p[0] < 1e-6


def test_a_truth_on_the_edge_is_told_as_infinite() -> None:
    found = vs.recover(Q, DESIGN, 3, parameters={"alpha": [0.0, 0.5, 1.0], "beta": 3.0})
    np.testing.assert_array_equal(found.unconstrained_truth[:, 0], [-np.inf, 0.0, np.inf])
    assert not found.covered[[0, 2], 0].any()


def test_a_group_fit_can_be_recovered_too() -> None:
    found = vs.recover(Q, DESIGN, 12, method="group", starts=1)
    fit = vs.fit(Q, found.trials, method="group", starts=1)
    np.testing.assert_allclose(found.estimates.z, fit.unconstrained, atol=1e-4)
    assert vs.Recovery.of(fit, found.truth).frame().coverage.tolist() == found.frame().coverage.tolist()


def test_draws_of_a_sampled_group_are_summarised_by_their_quantiles_and_kept(tmp_path: Any) -> None:
    pytest.importorskip("nutpie")
    pytest.importorskip("arviz")
    how: Any = {"method": "sample", "level": 0.8, "draws": 20, "tune": 40, "chains": 2, "seed": 5}
    found, again = (vs.recover(Q, vs.Bandit(trials=30), 3, **how, resume=tmp_path / "kept.jsonl") for _ in range(2))
    assert again.subject_frame().equals(found.subject_frame())
    z = found.estimates
    middle, tail = (np.abs(z.ranks - 0.5) < bound for bound in (0.37, 0.43))  # quantiles lie between draws
    assert found.covered[middle].all()
    assert not found.covered[~tail].any()
    assert (z.lower < z.z).all()
    assert (z.z < z.upper).all()
    assert set(found.verdict_counts()) == set(vs.SampleVerdict)
    assert 0 < max(found.verdict_counts().values()) <= 3


def test_the_same_seed_gives_the_same_answer() -> None:
    one, two = (vs.recover(Q, DESIGN, 3, seed=7).estimates for _ in range(2))
    np.testing.assert_array_equal(one.z, two.z)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "two subjects"),
        ({"level": 95}, "between 0 and 1"),
        ({"parameters": {"alpha": 0.3}}, "must give alpha, beta"),
        ({"parameters": {"alpha": [0.3, 0.1], "beta": 1.0}}, "each of the 3 subjects"),
        ({"groups": 1}, "everybody is fitted alone"),
        ({"groups": 2, "method": "group"}, "a group has two or more"),
        ({"method": "group", "shared": ["beta"]}, "takes no shared="),
        ({"chains": 2}, "takes no chains="),
    ],
)
def test_mistaken_recoveries_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.recover(Q, DESIGN, **({"n": 3} | options))


def test_models_that_differ_are_told_apart() -> None:
    priors = {"q_learning_perseveration": {"kappa": (1.5, 0.2)}}
    found = vs.confusion([Q, STICKY], DESIGN, 20, priors=priors, starts=1, seed=2)
    np.testing.assert_array_equal(found.wins.sum(axis=1) + found.undecided, 20)
    assert found.accuracy > 0.8
    assert (np.diag(found.differences) == 0).all()
    assert found.differences[1, 0] < 0  # the wrong model has less evidence
    np.testing.assert_allclose(found.inversion.sum(axis=0), 1.0)
    table = found.frame()
    assert list(table.simulated) == ["q_learning"] * 2 + ["q_learning_perseveration"] * 2
    assert table.confusion.iloc[0] == found.wins[0, 0] / 20
    assert json.loads(json.dumps(found.to_dict()))["accuracy"] == found.accuracy
    assert "own model best" in found.summary()


@pytest.mark.parametrize("criterion", ["importance", "integrated_bic", "loo", "cv"])
def test_models_are_told_apart_by_every_criterion(criterion: Any) -> None:
    priors = {"q_learning_perseveration": {"kappa": (2.0, 0.2)}}
    options: dict[str, Any] = {"over": "trial", "folds": 2, "draws": 100} if criterion == "cv" else {"draws": 100}
    found = vs.confusion([Q, STICKY], DESIGN, 5, criterion=criterion, priors=priors, starts=1, seed=2, **options)
    assert found.wins[1, 1] >= 4
    less_is_better = criterion == "integrated_bic"
    assert (found.differences[1, 0] > 0) == less_is_better


def test_models_that_never_win_have_no_inversion() -> None:
    found = vs.confusion({"one": Q, "two": STICKY}, vs.Bandit(trials=3), 2, criterion="bic", starts=1)
    none = replace(found, wins=np.array([[2, 0], [2, 0]]))
    assert np.isnan(none.inversion[:, 1]).all()
    assert json.loads(json.dumps(none.to_dict()))["inversion"][0][1] is None


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([Q], {}, "two models or more"),
        ([Q, Q], {}, "a name of its own"),
        ([Q, STICKY], {"priors": {"x": "default"}}, "priors="),
        ([Q, STICKY], {"priors": {"q_learning": None}}, "priors="),
        ([Q, STICKY], {"n": 0}, "at least one subject"),
        ([Q, STICKY], {"criterion": "dic"}, "also known as laplace"),
        ([Q, STICKY], {"draws": 100}, "takes no draws="),
    ],
)
def test_mistaken_confusions_are_named(models: Any, options: Any, message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.confusion(models, DESIGN, **options)


def recorded() -> vs.Trials:
    """Two subjects of unequal length, a response missing now and then."""
    return vs.Trials.from_columns(
        subject=["long"] * 160 + ["short"] * 90, columns={"choice": [0, 1, -1, 1, 0] * 50}, codings={"choice": 2}
    )


@pytest.mark.parametrize("policy", ["skip", "learn"])
def test_recovery_in_the_shape_of_recorded_trials(policy: Any) -> None:
    found = vs.recover(Q, DESIGN, 60, like=recorded(), on_missing=policy, starts=1, seed=1)
    scored = np.where(np.arange(60) % 2, 72, 128)  # four fifths of 90 and of 160
    np.testing.assert_array_equal(vs.fit(Q, found.trials, on_missing=policy, starts=1).n_choices, scored)
    assert (found.frame().correlation > 0.5).all()
    assert (found.frame().coverage > 0.88).all()


def test_confusion_goes_on_where_it_was_interrupted(tmp_path: Any) -> None:
    path = tmp_path / "confusion.jsonl"
    options: Any = {"like": recorded(), "on_missing": "skip", "starts": 1, "seed": 4}

    def stop(done: float, total: float, message: str) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vs.confusion([Q, STICKY], DESIGN, 6, resume=path, progress=stop, **options)
    again = vs.confusion([Q, STICKY], DESIGN, 6, resume=path, **options)
    once = vs.confusion([Q, STICKY], DESIGN, 6, **options)
    np.testing.assert_array_equal(again.wins, once.wins)
    np.testing.assert_array_equal(again.differences, once.differences)
    with pytest.raises(vs.VersantError, match="another study"):
        vs.confusion([Q, STICKY], DESIGN, 6, criterion="bic", resume=path, **options)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("map", {"starts": 2}),
        ("group", {"groups": 3, "starts": 1, "polish": None}),
    ],
)
def test_a_recovery_goes_on_where_it_was_interrupted(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, method: Any, options: Any
) -> None:
    monkeypatch.setattr("versant.verbs.recover.SUBJECTS_A_PIECE", 4)
    how = {"like": recorded(), "on_missing": "skip", "method": method, **options}
    path = tmp_path / "recovery.jsonl"

    def stop(done: float, total: float, message: str) -> None:
        if message == "fitting" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vs.recover(Q, DESIGN, 10, **how, seed=4, resume=path, progress=stop)
    assert len(path.read_text().splitlines()) == 3
    again = vs.recover(Q, DESIGN, 10, **how, seed=4, resume=path)
    once = vs.recover(Q, DESIGN, 10, **how, seed=4)
    for name in ("z", "errors", "lower", "upper", "ranks"):
        np.testing.assert_array_equal(getattr(again.estimates, name), getattr(once.estimates, name))
    assert again.estimates.verdicts == once.estimates.verdicts
    assert again.subject_frame().equals(once.subject_frame())
    with pytest.raises(vs.VersantError, match=r"another study \(prior"):
        vs.recover(
            Q,
            DESIGN,
            10,
            **how,
            prior={"alpha": (0.0, 1.0), "beta": (1.0, 1.0)},
            parameters=uniform,
            seed=4,
            resume=path,
        )


def test_a_file_of_another_design_is_refused(tmp_path: Any) -> None:
    """Also where the designs look alike when they are printed."""
    path = tmp_path / "recovery.jsonl"
    problem = vs.problems.tiger()
    other = replace(problem, rewards=problem.rewards * 2.0)
    assert repr(other) == repr(problem)
    one, two = (design_told(task, None) for task in (problem, other))
    assert one != two
    assert one == design_told(vs.problems.tiger(), None)
    vs.recover(Q, DESIGN, 2, parameters={"alpha": 0.3, "beta": 3.0}, seed=4, starts=1, resume=path)
    with pytest.raises(vs.VersantError, match=r"another study \(design"):
        vs.recover(
            Q, vs.Bandit((0.2, 0.7), trials=200, reversal=40), 2, parameters={"alpha": 0.3, "beta": 3.0}, seed=4,
            starts=1, resume=path,
        )  # fmt: skip
