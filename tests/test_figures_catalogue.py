"""Figures of fits: what is drawn is what the table holds, labels say what it is, same numbers give same bytes."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as t_distribution

import versant as vs
from tests.test_inference_group_conditions import ANEW, crossover
from versant.figures.canvas import save
from versant.figures.catalogue import CATALOGUE, figure, figure_table, kinds
from versant.figures.pairs import table_ellipses
from versant.inference.design import intercepts
from versant.inference.sample_quality import Quality

Q, STICKY = vs.models.find("q_learning"), vs.models.find("q_learning_perseveration")
DESIGN = vs.Bandit((0.3, 0.7), trials=60, reversal=20)


@pytest.fixture(scope="module")
def trials() -> vs.Trials:
    rng = np.random.default_rng(1)
    z = rng.normal([-0.3, 1.2], [0.7, 0.4], (8, 2))
    truth = {"alpha": 1 / (1 + np.exp(-z[:, 0])), "beta": np.exp(z[:, 1])}
    return vs.simulate(Q, DESIGN, truth, seed=2)


@pytest.fixture(scope="module")
def alone(trials: vs.Trials) -> vs.Fit:
    return vs.fit(Q, trials, starts=1)


@pytest.fixture(scope="module")
def group(trials: vs.Trials) -> Any:
    return vs.fit(Q, trials, method="group", starts=1)


@pytest.fixture(scope="module")
def sample(group: vs.GroupFit) -> vs.GroupSample:
    rng = np.random.default_rng(0)
    effects = group.group.effects + 0.1 * rng.standard_normal((2, 30, 2))
    sd = group.group.sd * np.exp(0.1 * rng.standard_normal((2, 30, 2)))
    z = np.tile(group.unconstrained, (2, 30, 1, 1))
    design = intercepts(list(Q.parameters), len(group.subjects))
    known = {"learner": Q, "trials": group.trials, "subjects": group.subjects, "design": design}
    others: dict[str, Any] = {field.name: None for field in fields(vs.GroupSample)}
    drawn = {"effects": effects, "sd": sd, "unconstrained": z, "correlation": np.tile(np.eye(2), (2, 30, 1, 1))}
    drawn["natural"] = np.stack([d.natural(z[..., k]) for k, d in enumerate(Q.parameters.values())], axis=-1)
    good = {name: Quality(np.ones((8, 2)), np.full((8, 2), 900.0), np.full((8, 2), 900.0)) for name in ("z",)}
    others |= {"diverging": np.zeros((2, 30), dtype=bool), "quality": good}
    return vs.GroupSample(**{**others, **known, **drawn})


def drawn(ax: Any, marker: str) -> int:
    """How many marks of a kind a panel holds."""
    return sum(len(line.get_xdata()) for line in ax.lines if line.get_marker() == marker)


def test_the_group_is_a_density_over_each_parameter(group: vs.GroupFit) -> None:
    table = figure_table(group, "group")
    for k, name in enumerate(("alpha", "beta")):
        mine = table[table["parameter"] == name]
        curve = mine[mine["kind"] == "density"]
        assert np.trapezoid(curve["density"], curve["z"]) == pytest.approx(1.0, abs=5e-3)
        centre = mine[mine["kind"] == "mean"].iloc[0]
        assert centre["z"] == pytest.approx(group.group.effects[k])
        assert centre["lower"] == pytest.approx(group.group.interval()[0][k])
    panels = figure(group).axes
    assert [ax.get_xlabel() for ax in panels] == ["logit alpha", "log beta"]
    assert [drawn(ax, "|") for ax in panels] == [8, 8]


def test_a_sampled_group_has_a_band(sample: vs.GroupSample) -> None:
    table = figure_table(sample)
    curve = table[table["kind"] == "density"]
    assert (curve["lower"] <= curve["density"]).all()
    assert (curve["density"] <= curve["upper"]).all()
    assert kinds(sample) == ("group", "estimates", "shrinkage", "pairs", "ranks", "trajectory")
    assert len(figure(sample).axes) == 2


def test_draws_of_a_group_and_of_a_subject(sample: vs.GroupSample, alone: vs.Fit) -> None:
    pytest.importorskip("arviz")
    table = figure_table(sample, "pairs")
    assert list(table.columns) == ["alpha mean", "beta mean", "alpha sd", "beta sd"]
    np.testing.assert_array_equal(table["beta mean"], sample.effects[..., 1].ravel())
    assert len(figure(sample, "pairs").axes) == 10
    own = figure_table(sample, "pairs", subject=3)
    np.testing.assert_array_equal(own["log beta"], sample.unconstrained[:, :, 2, 1].ravel())
    ranks = figure_table(sample, "ranks")
    assert (ranks.groupby("quantity")["count"].sum() == 60).all()
    panel = figure(sample, "ranks").axes[0]
    assert panel.get_title(loc="right").startswith("R-hat")
    assert len(panel.patches) == 2  # a line a chain
    with pytest.raises(vs.DataError, match="no such subject"):
        figure(sample, "ranks", subject="nobody")
    with pytest.raises(vs.ModelError, match="is for sampled posteriors"):
        figure(alone, "pairs", subject=3)


def test_a_chain_that_is_elsewhere_has_other_ranks(sample: vs.GroupSample) -> None:
    pytest.importorskip("arviz")
    moved = replace(sample, effects=sample.effects + np.array([3.0, 0.0])[:, None, None])
    table = figure_table(moved, "ranks").set_index(["quantity", "chain", "bin"])["count"].sort_index()
    assert table.loc["alpha mean", 1, 1:10].sum() == 0
    assert table.loc["alpha mean", 2, 11:20].sum() == 0


def test_estimates_and_shrinkage_of_a_sample(sample: vs.GroupSample, alone: vs.Fit) -> None:
    table = figure_table(sample, "estimates")
    np.testing.assert_allclose(table["estimate"][:8], sample.natural[..., 0].mean(axis=(0, 1)))
    assert (table["lower"] <= table["upper"]).all()
    towards = figure_table(sample, "shrinkage", alone=alone)
    np.testing.assert_allclose(towards["group"][8:], sample.means[:, 1])
    assert towards["mean"].nunique() == 2
    assert len(figure(sample, "shrinkage", alone=alone).axes) == 2


def test_shrinkage_goes_towards_the_mean(alone: vs.Fit, group: vs.GroupFit) -> None:
    table = figure_table(group, "shrinkage", alone=alone)
    assert len(table) == 16
    beta = table[table["parameter"] == "beta"]
    assert np.abs(np.log(beta["group"] / beta["mean"])).sum() < np.abs(np.log(beta["alone"] / beta["mean"])).sum()
    panel = figure(group, "shrinkage", alone=alone).axes[1]
    assert panel.get_title(loc="left") == "beta"
    assert drawn(panel, "o") == 16
    other = replace(alone, subjects=tuple("abcdefgh"))
    with pytest.raises(vs.ModelError, match="same model to the same subjects"):
        figure(group, "shrinkage", alone=other)
    with pytest.raises(vs.ModelError, match="needs alone="):
        figure(group, "shrinkage")


def test_pairs_and_the_ellipse_that_holds_most_people(group: vs.GroupFit, alone: vs.Fit) -> None:
    table = figure_table(group, "pairs")
    assert list(table.columns) == ["subject", "logit alpha", "log beta"]
    np.testing.assert_array_equal(table["log beta"], group.unconstrained[:, 1])
    ellipse = table_ellipses(group)
    away = ellipse[["at_x", "at_y"]].to_numpy() - group.group.effects
    squares = np.einsum("ij,jk,ik->i", away, np.linalg.inv(group.group.covariance), away)
    np.testing.assert_allclose(squares, 5.991464547107979)
    axes = figure(group, "pairs").axes
    assert len(axes) == 3
    assert drawn(axes[1], "o") == 8
    assert len(axes[1].lines) == 2
    assert len(table_ellipses(alone)) == 0
    assert len(figure(alone, "pairs").axes[1].lines) == 1


def test_convergence_shows_every_step(group: vs.GroupFit) -> None:
    table = figure_table(group, "convergence")
    assert len(table) == len(group.group.history)
    panel = figure(group, "convergence").axes[0]
    told = [text.get_text() for text in panel.get_legend().get_texts()]
    assert told[0] == "start (1)"
    assert sum(int(text.split("(")[1][:-1]) for text in told) == len(table)


def test_a_trajectory_is_that_of_the_subject(alone: vs.Fit) -> None:
    table = figure_table(alone, "trajectory", subject=3)
    latents = vs.latents(alone, states=True)
    mine = latents[latents["subject"] == 3]
    np.testing.assert_array_equal(table["Q_1"], mine["Q_1"])
    np.testing.assert_array_equal(table["choice choice"], alone.trials.codes("choice")[120:180])
    axes = figure(alone, "trajectory", subject=3).axes
    assert [ax.get_title(loc="left") for ax in axes] == [
        "choice",
        "choice_probability",
        "value",
        "prediction_error",
        "Q",
    ]
    assert drawn(axes[0], "o") == 60
    assert [text.get_text() for text in axes[-1].get_legend().get_texts()] == ["Q_0", "Q_1"]
    with pytest.raises(vs.DataError, match="no such subject"):
        figure(alone, "trajectory", subject="nobody")


def test_a_trajectory_with_conditions_is_in_the_order_of_the_trials() -> None:
    trials = crossover(4, 20)
    fit = vs.fit(ANEW, trials, method="group", formula="alpha ~ drug", starts=1)
    table = figure_table(fit, "trajectory", subject=4)
    mine = vs.latents(fit).query("subject == 4")
    np.testing.assert_array_equal(table["value"], mine["value"])
    np.testing.assert_array_equal(table["choice choice"], trials.only(4).codes("choice"))
    np.testing.assert_array_equal(table["drug"], trials.only(4).frame()["drug"])


def test_a_trajectory_of_a_learner_with_grids_goes_without_them() -> None:
    model, task = vs.models.find("kalman_thompson"), vs.Bandit(trials=10)
    truth = {name: float(domain.natural(domain.mean)) for name, domain in model.parameters.items()}
    fit = vs.fit(model, vs.simulate(model, task, truth, seed=1), starts=1)
    table = figure_table(fit, "trajectory")
    assert len(table) == 10
    assert not any(name.startswith("grid") for name in table.columns)


def test_models_side_by_side(alone: vs.Fit, trials: vs.Trials) -> None:
    fits = [alone, vs.fit(STICKY, trials, starts=1)]
    table = figure_table(vs.compare(fits))
    assert (table.groupby("subject")["loss"].min() == 0).all()
    assert figure(vs.compare(fits)).axes[1].get_xlabel() == "evidence worse than the best"
    selection = vs.compare(fits, method="bms")
    shown = figure_table(selection)
    assert shown["frequency"].sum() == pytest.approx(1.0)
    assert shown["evidence"].max() == 0.0
    bars = figure(selection).axes[1].patches
    assert [bar.get_width() for bar in bars] == pytest.approx(list(selection.frequencies))
    both = vs.compare({"one": Q, "two": STICKY}, trials, method="hbi", starts=1)
    assert kinds(both) == ("selection", "convergence")
    assert len(figure(both).axes) == 2
    assert figure_table(both, "convergence")["bound"].tolist() == [bound for bound, _ in both.history]


def test_matrices_carry_their_numbers() -> None:
    found = vs.Confusion(("one", "two"), "bic", 4, np.array([[3, 1], [4, 0]]), np.zeros((2, 2)))
    axes = figure(replace(found, wins=np.array([[4, 0], [4, 0]]))).axes
    assert [text.get_text() for text in axes[0].texts] == ["1.00", "0.00", "1.00", "0.00"]
    assert [text.get_text() for text in axes[1].texts] == ["0.50", "–", "0.50", "–"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["one", "two"]


def test_checks_mark_what_lies_outside() -> None:
    replicated = np.random.default_rng(0).uniform(0.4, 0.6, (50, 5))
    names, at = ("curve",) * 4 + ("one",), (5.0, 15.0, 25.0, 35.0, None)
    found = vs.Predictive("m", names, at, np.array([0.5, 0.5, 0.9, 0.5, 0.1]), replicated)
    curve, one = figure(found).axes
    assert (drawn(curve, "o"), drawn(curve, "D"), drawn(one, "D")) == (3, 1, 1)
    assert curve.get_xlabel() == "trial"
    assert one.get_title(loc="right") == "p = 1.00"


def test_ranks_outside_their_band_are_red() -> None:
    ranks = np.stack([np.random.default_rng(0).integers(0, 20, 300), np.zeros(300, dtype=np.int64)], axis=1)
    found = vs.Calibration("m", "laplace", ("good", "bad"), ranks, 19, {})
    good, bad = figure(found).axes
    assert good.get_title(loc="right") == ""
    assert bad.get_title(loc="right") == "outside the band"
    assert figure_table(found)["difference"].max() == pytest.approx(0.95)


def test_profiles_are_coloured_by_their_flag(trials: vs.Trials) -> None:
    found = vs.identify(vs.fit(Q, trials.only(1, 2), starts=1), points=7)
    table = figure_table(found)
    assert len(table) == 2 * 2 * 7
    axes = figure(found).axes
    assert len(axes[0].lines) == 3  # two subjects and the bound
    assert axes[0].lines[-1].get_ydata()[0] == pytest.approx(-1.9207, abs=1e-4)
    assert axes[0].get_ylabel() == "profile log-likelihood - maximum"


@pytest.mark.parametrize("suffix", ["svg", "pdf", "png"])
def test_the_same_numbers_give_the_same_bytes(group: vs.GroupFit, tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        save(figure(group), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def test_what_there_is_no_figure_of(alone: vs.Fit) -> None:
    with pytest.raises(vs.ModelError, match="no figure of a int"):
        figure(3)
    with pytest.raises(vs.ModelError, match="choose estimates, pairs, trajectory"):
        figure(alone, "recovery")
    with pytest.raises(vs.ModelError, match="takes no subject="):
        figure(alone, "estimates", subject=1)
    assert set(CATALOGUE) >= {"estimates", "recovery", "frontier"}
    assert figure(alone, title="mine").get_suptitle() == "mine"


def test_a_group_with_conditions_is_drawn_condition_by_condition(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    subject, cue = np.repeat(np.arange(6), 20), np.tile(["off", "on"], 60)
    choice = (rng.random(120) < 1 / (1 + np.exp(-np.repeat(rng.normal(0, 0.5, 6), 20) - (cue == "on")))).astype(int)
    trials = vs.read_trials(pd.DataFrame({"subject": subject, "choice": choice, "cue": cue}), choices={"choice": 2})

    @vs.learner(x=vs.real, lapse=vs.unit)
    def coin(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.x * (1.0 - p.lapse))

    fit = vs.fit(coin, trials, method="group", formula="x ~ cue", fixed={"lapse": 0.1}, starts=1)
    table = figure_table(fit)
    means = table[table["kind"] == "mean"].set_index(["parameter", "condition"])
    assert list(means.index) == [("x", "cue=off"), ("x", "cue=on"), ("lapse", "")]
    level, effect = fit.group.effects
    assert means["z"].tolist() == pytest.approx([level, level + effect, np.log(0.1 / 0.9)])
    assert means["value"]["lapse", ""] == pytest.approx(0.1)
    assert means["lower"]["lapse", ""] == means["upper"]["lapse", ""]
    half = means["upper"]["x", "cue=on"] - means["z"]["x", "cue=on"]
    spread = t_distribution(5).ppf(0.975) * np.sqrt(fit.group.effects_covariance.sum())
    assert half == pytest.approx(spread)
    for condition, place in (("cue=off", level), ("cue=on", level + effect)):
        curve = table[(table["kind"] == "density") & (table["condition"] == condition)]
        assert np.trapezoid(curve["density"], curve["z"]) == pytest.approx(1.0, abs=5e-3)
        assert np.trapezoid(curve["density"] * curve["z"], curve["z"]) == pytest.approx(place, abs=0.01)
    assert "lapse" not in set(table["parameter"][table["kind"] == "density"])
    panel = figure(fit).axes[0]
    assert drawn(panel, "|") == 12
    save(figure(fit), tmp_path / "conditions.png")
    assert figure(fit, "pairs").axes[1].get_title(loc="right") == ""  # what is known does not vary
    assert len(table_ellipses(fit)) == 0
    alone = vs.fit(coin, fit.trials, starts=1)
    shrunk = figure_table(fit, "shrinkage", alone=alone)
    assert shrunk["condition"].tolist() == ["cue=off", "cue=on"] * 12
    own = shrunk[shrunk["parameter"] == "x"]
    np.testing.assert_allclose(own["mean"], [level, level + effect] * 6)
    assert drawn(figure(fit, "shrinkage", alone=alone).axes[0], "o") == 24
    with pytest.raises(vs.ModelError, match=r"in the same conditions: fit group\.trials"):
        figure(fit, "shrinkage", alone=vs.fit(coin, trials, starts=1))


def test_every_condition_has_an_ellipse_of_its_own() -> None:
    trials = crossover(6, 40)
    fit = vs.fit(ANEW, trials, method="group", formula="alpha ~ drug + (drug | subject)", starts=1)
    table = table_ellipses(fit)
    assert list(dict.fromkeys(table["condition"])) == ["drug=placebo", "drug=verum"]
    for condition, loads in (("drug=placebo", [[1, 0, 0], [0, 0, 1]]), ("drug=verum", [[1, 1, 0], [0, 0, 1]])):
        a = np.array(loads)
        away = table.loc[table["condition"] == condition, ["at_x", "at_y"]].to_numpy() - a @ fit.group.effects
        squares = np.einsum("ij,jk,ik->i", away, np.linalg.inv(a @ fit.group.covariance @ a.T), away)
        np.testing.assert_allclose(squares, 5.991464547107979)
    assert len(figure(fit, "pairs").axes[1].lines) == 3
