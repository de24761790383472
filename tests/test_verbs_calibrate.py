"""Calibration: its tests against simulation, posteriors that are right and wrong, resuming, shapes of real data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta, chisquare, kstest, norm

import versant as vs
from versant.errors import DataError, VersantError
from versant.inference.calibration import Calibration, band, detectable, power
from versant.inference.design import intercepts
from versant.inference.hyperprior import draw_group
from versant.inference.likelihood import bind
from versant.inference.posterior import GroupPosteriorDensity
from versant.verbs.ledger import fingerprint, run_pieces
from versant.verbs.shape import shaped_like

Q = vs.models.find("q_learning")
DESIGN = vs.Bandit((0.2, 0.8), trials=250, reversal=40)
PRIOR: Any = {"alpha": (0.0, 0.5), "beta": (1.3, 0.3)}


def ranked(scale: float, shift: float = 0.0, n: int = 1000, draws: int = 99) -> Calibration:
    """Ranks among draws of a Gaussian posterior with a wrong width or centre."""
    rng = np.random.default_rng(0)
    truth = rng.standard_normal(n)
    drawn = shift + scale * rng.standard_normal((draws, n))
    return Calibration("gaussian", "laplace", ("x",), (drawn < truth).sum(axis=0)[:, None], draws, {"converged": n})


def test_right_posteriors_pass_and_wrong_ones_do_not() -> None:
    right, narrow, moved = (ranked(*wrong).frame().iloc[0] for wrong in ((1.0,), (0.7,), (1.0, 0.3)))
    assert right.chi2_p > 0.01
    assert not right.outside
    assert narrow.chi2_p < 1e-6
    assert narrow.outside
    assert narrow.spread > 1.1
    assert moved.chi2_p < 1e-6
    assert moved["mean"] < 0.45
    assert right.detectable_scale == pytest.approx(narrow.detectable_scale)
    assert json.loads(json.dumps(ranked(1.0).to_dict()))["bins"] == 20
    assert "99 draws, 20 bins" in ranked(1.0).summary()


@pytest.mark.parametrize("wrong", [{"scale": 0.85}, {"shift": 0.15}])
def test_the_power_is_that_of_simulated_tests(wrong: dict[str, float]) -> None:
    rng, n, bins = np.random.default_rng(1), 500, 10
    u = norm.cdf((rng.standard_normal((2000, n)) - wrong.get("shift", 0.0)) / wrong.get("scale", 1.0))
    counts = np.stack([np.bincount((row * bins).astype(int), minlength=bins) for row in u])
    found = (chisquare(counts, axis=1).pvalue < 0.05).mean()
    assert power(n, bins, **wrong) == pytest.approx(found, abs=0.045)


def test_what_is_detectable_has_the_power_that_is_said() -> None:
    shift, scale = detectable(400, 10)
    assert power(400, 10, shift=shift) == pytest.approx(0.8, abs=1e-3)
    assert power(400, 10, scale=scale) == pytest.approx(0.8, abs=1e-3)
    assert detectable(2000, 10)[1] > scale
    assert np.isnan(detectable(3, 2)).all()


def test_the_band_holds_whole_functions_as_often_as_it_says() -> None:
    n, draws = 200, 49
    at, low, high = band(n, draws, 0.9)
    ranks = np.random.default_rng(2).integers(0, draws + 1, (2000, n))
    share = np.stack([np.bincount(row, minlength=draws + 1).cumsum() for row in ranks]) / n
    inside = ((share >= low - 1e-12) & (share <= high + 1e-12)).all(axis=1).mean()
    assert inside == pytest.approx(0.9, abs=0.025)
    np.testing.assert_allclose(at, np.arange(1, 51) / 50)


def test_laplace_is_calibrated_where_the_data_are_many() -> None:
    found = vs.calibrate(Q, DESIGN, 400, prior=PRIOR, starts=1, seed=1)
    table = found.frame().set_index("quantity")
    assert (table.chi2_p > 1e-3).all()
    assert (table.n == 400).all()
    assert (np.abs(table.spread - 1.0) < 0.15).all()
    assert found.counts("alpha").sum() == 400
    curve = found.ecdf_frame()
    assert ((curve.lower <= 0) & (curve.upper >= 0)).all()


def test_where_laplace_fails_importance_sampling_holds() -> None:
    design = vs.Bandit((0.2, 0.8), trials=40, reversal=20)
    laplace, exact = (
        vs.calibrate(Q, design, 400, method=m, starts=1, seed=2).frame() for m in ("laplace", "importance")
    )
    assert laplace.chi2_p[0] < 1e-4
    assert laplace.outside[0]
    assert (exact.chi2_p > 1e-3).all()
    assert not exact.outside.any()


def test_a_group_is_ranked() -> None:
    found = vs.calibrate(Q, DESIGN, 2, method="group", prior=PRIOR, subjects=6, starts=1)
    assert found.quantities[:2] == ("mean alpha", "mean beta")
    assert found.ranks.shape == (2, 6)
    assert sum(found.verdicts.values()) >= 2


def test_a_sampled_posterior_is_ranked() -> None:
    pytest.importorskip("nutpie")
    options: Any = {"subjects": 2, "tune": 20, "posterior_draws": 10, "draws": 19}
    found = vs.calibrate(Q, vs.Bandit(trials=20), 2, method="sample", prior=PRIOR, **options)
    assert found.quantities[-2:] == ("correlation alpha, beta", "log_likelihood")
    assert ((found.ranks >= 0) & (found.ranks <= 19)).all()
    with pytest.raises(vs.ModelError, match="sample longer"):
        vs.calibrate(Q, vs.Bandit(trials=20), 2, method="sample", prior=PRIOR, **{**options, "draws": 99})


def test_draws_from_the_prior_of_a_group() -> None:
    names = ["a", "b", "c"]
    density = GroupPosteriorDensity(object(), intercepts(names, 2), np.array([1.0, 0.0, 0.0]), np.full(3, 0.5), 1.5)  # type: ignore[arg-type]
    rng = np.random.default_rng(5)
    drawn = [draw_group(density, rng) for _ in range(1500)]
    a = 1.5 - 1.0 + 3 / 2
    for pair in ((1, 0), (2, 0), (2, 1)):
        rho = np.array([one.correlation[pair] for one in drawn])
        assert kstest((rho + 1.0) / 2.0, beta(a, a).cdf).pvalue > 0.01
    assert kstest([one.effects[0] for one in drawn], norm(1.0, 0.5).cdf).pvalue > 0.01
    assert kstest([one.sd[2] for one in drawn], lambda x: 2 * norm.cdf(x) - 1).pvalue > 0.01


def test_an_interrupted_calibration_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("versant.verbs.calibrate.SUBJECTS_A_PIECE", 10)
    path, task = tmp_path / "study.jsonl", vs.Bandit(trials=40)
    options: Any = {"prior": PRIOR, "starts": 1, "seed": 3}

    def stop(done: float, total: float, message: str) -> None:
        if message == "calibrating" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vs.calibrate(Q, task, 30, resume=path, progress=stop, **options)
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    path.write_text("\n".join(lines[:2]) + "\n" + lines[2][:20])  # the last line was cut off
    found = vs.calibrate(Q, task, 30, resume=path, **options)
    np.testing.assert_array_equal(found.ranks, vs.calibrate(Q, task, 30, **options).ranks)
    with pytest.raises(VersantError, match=r"another study \(n, pieces differ\)"):
        vs.calibrate(Q, task, 40, resume=path, **options)
    with pytest.raises(VersantError, match="whole number"):
        vs.calibrate(Q, task, 30, resume=path, **{**options, "seed": None})


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("subject,choice\n1,0\n")
    with pytest.raises(VersantError, match="no file of a study"):
        run_pieces(2, lambda i, rng: {}, seed=0, settings={}, path=path)


def test_models_are_told_apart_by_what_they_compute() -> None:
    def make(rate: float, start: float) -> vs.Learner:
        scope: dict[str, Any] = {"vs": vs}
        text = (
            "@vs.learner(beta=vs.positive, state=lambda p, n: {'Q': vs.zeros(n.choice)})\n"
            "def same(p, s, t):\n    a = t.choose('choice', p.beta * s.Q)\n"
            f"    s.Q[a] += {rate} * (t.reward - {start})\n"
        )
        exec(text, scope)
        found: vs.Learner = scope["same"]
        return found

    assert fingerprint(make(0.1, 0.5)) == fingerprint(make(0.1, 0.5))
    assert fingerprint(make(0.1, 0.5)) != fingerprint(make(0.2, 0.5))


def test_simulated_trials_take_the_shape_of_recorded_ones() -> None:
    simulated = vs.simulate(Q, vs.Bandit(trials=6), {"alpha": 0.5, "beta": 1.0}, subjects=3, seed=0)
    recorded = vs.Trials.from_columns(
        subject=["a", "a", "b", "b", "b"],
        trial=[2, 5, 1, 2, 3],
        columns={"choice": [0, -1, 1, 1, 0], "reward": [1.0, 0.0, 1.0, 1.0, 1.0]},
        codings={"choice": 2},
    )
    cut = shaped_like(simulated, recorded)
    np.testing.assert_array_equal(cut.n_trials, [2, 3, 2])
    np.testing.assert_array_equal(cut.numbers("trial"), [2, 5, 1, 2, 3, 2, 5])
    whole = simulated.codes("choice").reshape(3, 6)
    np.testing.assert_array_equal(cut.codes("choice"), [whole[0, 1], -1, *whole[1, :3], whole[2, 1], -1])
    unnumbered = vs.Trials.from_columns(subject=["a"] * 7, columns={"choice": [0] * 7}, codings={"choice": 2})
    with pytest.raises(DataError, match="only 6 were simulated"):
        shaped_like(simulated, unnumbered)


def test_nothing_is_learned_on_trials_without_a_response() -> None:
    recorded = vs.Trials.from_columns(
        subject=["a"] * 3 + ["b"] * 3,
        columns={"choice": [0, -1, 1, 0, 1, 1], "reward": [1.0] * 6},
        codings={"choice": 2},
    )
    truth = {"alpha": [0.5, 0.5], "beta": 1.0}
    gapped = vs.simulate(Q, vs.Bandit((1.0, 1.0), trials=4), truth, like=recorded, seed=0)
    np.testing.assert_array_equal(gapped.n_trials, [3, 3])
    for policy in ("skip", "learn"):
        bound = bind(Q, gapped, policy)  # type: ignore[arg-type]
        value = bound.per_trial([bound.recurrence.state[0], bound.recurrence.state[1]], np.zeros((2, 2)))
        one, other = gapped.codes("choice")[[0, 2]]
        last = [0.0, 0.0]
        last[one] = 0.5  # learned on the first trial alone
        np.testing.assert_allclose(value[:, 1 if policy == "skip" else 2], last)
        assert other in (0, 1)
    tiger = vs.problems.tiger()
    with pytest.raises(vs.ModelError, match="for learners"):
        vs.simulate(vs.Controller.random(1, tiger.actions, tiger.observations, seed=1), tiger, like=recorded)


def test_a_gap_changes_what_is_simulated_afterwards() -> None:
    # with a certain win, a learner that answers first chooses the same again; one that did not has learned nothing
    sure: Any = {"alpha": 0.9, "beta": 50.0}
    columns: Any = {"choice": [-1, 0, 0] * 200}
    subject = np.repeat(np.arange(200), 3)
    recorded = vs.Trials.from_columns(subject=subject, columns=columns, codings={"choice": 2})
    task = vs.Bandit((1.0, 1.0), trials=3)
    gapped = vs.simulate(Q, task, sure, subjects=200, like=recorded, seed=1).codes("choice").reshape(200, 3)
    assert (gapped[:, 0] == -1).all()
    assert (gapped[:, 1] == gapped[:, 2]).all()
    whole = vs.simulate(Q, task, sure, subjects=200, seed=1).codes("choice").reshape(200, 3)
    assert (whole[:, 0] == whole[:, 1]).all()
    assert 0.3 < (whole[:, 0] == gapped[:, 1]).mean() < 0.7


def test_calibration_in_the_shape_of_recorded_trials() -> None:
    recorded = vs.Trials.from_columns(
        subject=[1] * 120 + [2] * 80, columns={"choice": [0, 1, -1, 1] * 50}, codings={"choice": 2}
    )
    found = vs.calibrate(Q, DESIGN, 20, prior=PRIOR, like=recorded, on_missing="skip", starts=1)
    assert (found.ranks >= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "mcmc"}, "unknown"),
        ({"chains": 3}, "takes no chains="),
        ({"prior": None}, "needs a prior"),
        ({"draws": 0}, "one draw"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.ModelError, match=message):
        vs.calibrate(Q, DESIGN, 10, **options)
