"""Figures of fits: the numbers drawn, and that what is written is a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import versant as vs
from versant.errors import ModelError, VersantError
from versant.figures.canvas import new_figure, save
from versant.figures.fit import INTERVAL, MARKS, draw_estimates, figure_estimates, table_estimates
from versant.figures.recovery import draw_recovery, figure_recovery, table_recovery
from versant.formats.tables import write_table
from versant.inference.recovery import Recovery

MODEL = vs.models.find("q_learning")
TRUTH = {"alpha": np.array([0.2, 0.4, 0.6]), "beta": np.array([2.0, 3.0, 4.0])}


@pytest.fixture(scope="module")
def fit():
    return vs.fit(MODEL, vs.simulate(MODEL, vs.Bandit((0.3, 0.7), trials=80), TRUTH, seed=3), starts=2)


def flagged(fit, *verdicts):
    return replace(fit, verdicts=tuple(map(frozenset, verdicts)))


def test_intervals_are_symmetric_where_the_prior_is_and_stay_inside_the_domain(fit):
    table = table_estimates(fit)
    assert list(table["parameter"]) == ["alpha"] * 3 + ["beta"] * 3
    alpha = table[table["parameter"] == "alpha"]
    z = np.log(alpha["lower"] / (1 - alpha["lower"]))
    np.testing.assert_allclose(z, fit.unconstrained[:, 0] - INTERVAL * fit.unconstrained_errors[:, 0], rtol=1e-10)
    assert ((alpha["lower"] > 0) & (alpha["lower"] < alpha["estimate"]) & (alpha["upper"] < 1)).all()
    beta = table[table["parameter"] == "beta"]
    np.testing.assert_allclose(beta["estimate"] ** 2, beta["lower"] * beta["upper"], rtol=1e-10)


def test_the_gravest_flag_is_shown(fit):
    v = vs.Verdict
    table = table_estimates(flagged(fit, {v.CONVERGED, v.CHANCE}, {v.CONVERGED, v.AT_LIMIT, v.CHANCE}, set()))
    assert list(table["flag"][:3]) == ["chance", "at_limit", ""]
    assert set(MARKS) == {*v, *vs.SampleVerdict}


def test_every_subject_is_drawn_once_and_every_mark_explained(fit):
    v = vs.Verdict
    table = table_estimates(flagged(fit, {v.CONVERGED}, {v.FLAT}, set()))
    figure = figure_estimates(table, "three subjects")
    alpha, beta = figure.axes
    assert sorted(x for line in alpha.lines for x in line.get_xdata()) == sorted(fit.natural[:, 0])
    assert [label.get_text() for label in alpha.get_yticklabels()] == ["1", "2", "3"]
    assert (alpha.get_xscale(), beta.get_xscale()) == ("linear", "log")
    assert alpha.get_ylim() == (2.5, -0.5)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["converged (1)", "flat (1)", "no flag (1)"]


@pytest.mark.parametrize("scale", [1e-30, 1e6, 1e200])
def test_extreme_estimates_stay_in_the_panel(fit, scale, tmp_path):
    z = fit.unconstrained.copy()
    z[0, 1] = np.log(scale)
    natural = fit.natural.copy()
    natural[0, 1] = scale
    table = table_estimates(replace(fit, unconstrained=z, natural=natural, covariance=1e4 * fit.covariance))
    figure = figure_estimates(table)
    low, high = figure.axes[1].get_xlim()
    assert low < natural[:, 1].min() < natural[:, 1].max() < high
    save(figure, tmp_path / "extreme.png")
    assert (tmp_path / "extreme.png").stat().st_size > 5000


def test_estimates_without_an_interval_are_still_drawn(fit, tmp_path):
    table = table_estimates(replace(fit, covariance=np.full_like(fit.covariance, np.nan)))
    assert table["lower"].isna().all()
    figure = new_figure(4, 3)
    ax = figure.subplots()
    draw_estimates(table[table["parameter"] == "beta"], ax)
    assert sum(len(line.get_xdata()) for line in ax.lines) == 3
    save(figure, tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text()


def test_many_subjects_have_no_labels(fit):
    table = table_estimates(fit)
    many = table.loc[table["parameter"] == "alpha"].sample(100, replace=True, random_state=1)
    figure = figure_estimates(many)
    assert figure.axes[0].get_yticklabels() == []


def test_truth_stands_beside_the_estimates(fit):
    table = table_recovery(Recovery.of(fit, TRUTH))
    np.testing.assert_allclose(table[["lower", "upper"]], table_estimates(fit)[["lower", "upper"]], rtol=1e-12)
    assert list(table["truth"]) == [*TRUTH["alpha"], *TRUTH["beta"]]
    figure = figure_recovery(table, "recovery")
    points = figure.axes[1].lines[0]
    assert points.get_xdata().tolist() == [2.0, 3.0, 4.0]
    assert points.get_ydata().tolist() == fit.natural[:, 1].tolist()
    correlation = np.corrcoef(TRUTH["alpha"], fit.natural[:, 0])[0, 1]
    assert figure.axes[0].get_title(loc="right") == f"r = {correlation:.2f}"
    assert figure.axes[1].get_title(loc="right").endswith("(of logarithms)")


def test_one_subject_has_no_correlation(fit):
    table = table_recovery(Recovery.of(fit, TRUTH))
    ax = new_figure(3, 3).subplots()
    draw_recovery(table[(table["parameter"] == "alpha") & (table["subject"] == 1)], ax)
    assert ax.get_title(loc="right") == ""


@pytest.mark.parametrize("truth", [{"alpha": TRUTH["alpha"]}, {"alpha": 0.3, "beta": TRUTH["beta"]}])
def test_truth_is_needed_for_everybody(fit, truth):
    with pytest.raises(ModelError, match="for each of the 3 subjects"):
        Recovery.of(fit, truth)


def test_figures_leave_no_global_state(fit):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figure_estimates(table_estimates(fit))
    assert dict(matplotlib.rcParams) == before
    import sys

    plotting = sys.modules.get("matplotlib.pyplot")
    assert plotting is None or plotting.get_fignums() == []


def test_a_figure_that_fails_leaves_the_older_one(fit, tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_bytes(b"older")
    figure = figure_estimates(table_estimates(fit))
    monkeypatch.setattr(figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save(figure, path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_tables_are_written_whole_or_not_at_all(fit, tmp_path):
    with pytest.raises(VersantError, match=r"table.xlsx: a table is written as .csv or .parquet"):
        write_table(fit.frame(), tmp_path / "table.xlsx")
    assert list(tmp_path.iterdir()) == []
