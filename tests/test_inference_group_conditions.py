"""Conditions within subjects, shared and known parameters: derivatives, exact marginals, estimates, and mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import versant as vs
from tests.test_inference_group import GaussianData
from versant.inference.cells import Cells, Coefficients, JointLikelihood
from versant.inference.design import GroupDesign
from versant.inference.formula import Structure, structure_of
from versant.inference.group import polish_integrated, polish_laplace
from versant.inference.group_subjects import _moves
from versant.inference.hierarchical import begin, climb
from versant.inference.integrated import IntegratedSurface
from versant.inference.likelihood import bind
from versant.inference.marginal import Marginal
from versant.inference.nodes import Nodes
from versant.inference.posterior import GroupPosteriorDensity
from versant.inference.rules import product_rules
from versant.inference.spread import Spread

Q = vs.models.find("q_learning")
ANEW = Q.variant("q_learning_sessions", reset={"session": ("Q",)})
NAMES = ["alpha", "beta"]


def crossover(subjects: int = 12, trials: int = 60, seed: int = 0, effect: float = -1.2) -> vs.Trials:
    """Two sessions each, the drug in the first or in the second; subject 1 came only once; half are patients."""
    rng = np.random.default_rng(seed)
    alpha, beta = rng.normal(0.2, 0.6, subjects), np.exp(rng.normal(1.3, 0.3, subjects))
    frames = []
    for session in (1, 2):
        drug = (np.arange(subjects) + session) % 2
        truth = {"alpha": 1 / (1 + np.exp(-alpha - effect * drug)), "beta": beta}
        frame = vs.simulate(Q, vs.Bandit((0.2, 0.8), trials=trials, reversal=20), truth, seed=seed + session).frame()
        row = frame.subject.to_numpy(dtype=int) - 1
        frame = frame.assign(session=session, drug=np.where(drug[row] == 1, "verum", "placebo"))
        frames.append(frame.assign(group=np.where(row % 3 == 0, "patient", "control"), dose=2.0 * drug[row]))
    together = pd.concat(frames)
    return vs.read_trials(together[(together.subject != 1) | (together.session == 1)], choices={"choice": 2})


def joint_of(trials: vs.Trials, formula: Any, **options: Any) -> tuple[JointLikelihood, Structure]:
    structure = structure_of(NAMES, trials, formula, **options)
    bound = structure.bound_to(bind(ANEW, trials))
    assert isinstance(bound, JointLikelihood)
    return bound, structure


def test_the_likelihood_of_a_subject_is_the_sum_over_its_conditions() -> None:
    trials = crossover(4, 30)
    joint, structure = joint_of(trials, "alpha ~ drug + (drug | subject); beta ~ drug")
    assert joint.likelihood.trials.subjects[:3] == ("1 drug=verum", "2 drug=placebo", "2 drug=verum")
    rng = np.random.default_rng(0)
    v = rng.normal(0, 0.5, (5, 4))
    subjects = np.array([1, 0, 3, 2, 1])
    d = joint.evaluate(v, subjects, 2)
    frame = trials.frame()
    for m, n in enumerate(subjects):
        own, total = frame[frame.subject == trials.subjects[n]], 0.0
        for drug, part in own.groupby("drug"):
            x = float(drug == "verum")
            alpha, beta = v[m, 0] + v[m, 1] * x, v[m, 2] + v[m, 3] * x
            alone = vs.read_trials(part, choices={"choice": 2})
            total += vs.log_likelihood(Q, alone, {"alpha": 1 / (1 + np.exp(-alpha)), "beta": np.exp(beta)})[0]
        assert d.value[m] == pytest.approx(total, rel=1e-12)
    for i, step in enumerate(1e-5 * np.eye(4)):
        up, down = (joint.evaluate(v + sign * step, subjects, 2) for sign in (1, -1))
        np.testing.assert_allclose(d.gradient[:, i], (up.value - down.value) / 2e-5, atol=1e-6)
        np.testing.assert_allclose(d.hessian[:, i], (up.gradient - down.gradient) / 2e-5, atol=1e-5)
    fixed = rng.normal(size=(2, 1))
    conditional = joint.at(fixed).evaluate(v[:2, :3], np.array([2, 4 + 3]), 2)  # subject 2 at one, 3 at the other
    whole = joint.evaluate(np.concatenate([v[:2, :3], fixed], axis=1), np.array([2, 3]), 2)
    np.testing.assert_allclose(conditional.value, whole.value)
    np.testing.assert_allclose(conditional.hessian, whole.hessian[:, :3, :3])
    assert structure.design.fixed.tolist() == [False, False, False, True]


def gaussian_cells(subjects: int = 9, seed: int = 1) -> tuple[JointLikelihood, GroupDesign, Any]:
    """Two parameters, two or three cells a subject; one coefficient varies, one effect is fixed."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 4, subjects)
    owner = np.repeat(np.arange(subjects), counts)
    cells = len(owner)
    root = rng.normal(0, 0.4, (cells, 2, 2))
    data = GaussianData(rng.normal(0.5, 1.0, (cells, 2)), root @ root.transpose(0, 2, 1) + 0.2 * np.eye(2))
    varying, fixed = np.zeros((cells, 2, 2)), np.zeros((cells, 2, 1))
    varying[:, 0, 0], varying[:, 0, 1], varying[:, 1, 1] = 1.0, rng.normal(size=cells), 1.0
    fixed[:, 1, 0] = rng.normal(size=cells)
    loads = np.zeros((subjects, 2, 3))
    loads[:, 0, 0], loads[:, 1, 1] = 1.0, 1.0
    design = GroupDesign((("a", "mean"), ("b", "mean")), (("a", "mean"), ("b", "mean"), ("b", "x")), loads)
    coefficients = Coefficients(np.array([0.3, 0.0]), varying, fixed)
    likelihood: Any = data
    joint = JointLikelihood(likelihood, Cells(owner, owner, {}), coefficients, tuple(range(subjects)))

    def evidence(b: np.ndarray, covariance: np.ndarray) -> float:
        total = 0.0
        for n in range(subjects):
            of = np.flatnonzero(owner == n)
            a = varying[of].reshape(-1, 2)
            mean = np.tile(coefficients.known, len(of)) + a @ b[:2] + fixed[of].reshape(-1) * b[2]
            noise = np.zeros((2 * len(of), 2 * len(of)))
            for i, c in enumerate(of):
                noise[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = data.noise[c]
            total += multivariate_normal(mean, a @ covariance @ a.T + noise).logpdf(data.data[of].ravel())
        return total

    return joint, design, evidence


def test_with_gaussian_cells_every_method_finds_the_maximum_of_the_exact_marginal() -> None:
    joint, design, evidence = gaussian_cells()
    marginal = Marginal(joint, design, Spread(2, "full", 0.02))
    start = begin(marginal, np.zeros((9, 2)), np.eye(2), np.zeros(1))
    em = climb(marginal, start, iterations=300)
    polished = polish_laplace(marginal, climb(marginal, start, iterations=4))
    integrated, integral = polish_integrated(marginal, None, climb(marginal, start, iterations=4))

    def f(y: np.ndarray) -> float:
        return -evidence(*marginal.split(y))

    y = marginal.join(polished.effects, polished.covariance)
    best = minimize(f, y, method="BFGS", options={"gtol": 1e-5})
    for now in (polished, integrated):
        np.testing.assert_allclose(now.effects, best.x[:3], atol=1e-3)
        assert now.history[-1].evidence == pytest.approx(-best.fun, abs=1e-4)
    np.testing.assert_allclose(em.effects, best.x[:3], atol=0.02)
    step = 1e-4 * np.eye(len(y))
    hessian = [[f(y + a + b) - f(y + a - b) - f(y - a + b) + f(y - a - b) for b in step] for a in step]
    expected = np.array(hessian) / 4e-8
    np.testing.assert_allclose(marginal.information(y, polished.laplace.modes), expected, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(integral.nodes.information(y), expected, rtol=1e-2, atol=0.05)


def test_scores_along_fixed_effects_are_derivatives() -> None:
    joint, structure = joint_of(crossover(5, 30), "alpha ~ drug", shared=("beta",))
    marginal = Marginal(joint, structure.design, Spread(1, "full", 0.02))
    y = np.array([0.1, -0.5, 1.1, 0.6])
    modes = marginal.laplace(y, np.zeros((5, 1))).modes
    at = marginal.laplace(y, modes)
    surface = IntegratedSurface(Nodes.placed(marginal, y, at.modes, at.covariance, product_rules(1, 5)[1]), y)
    scores = marginal.scores(y, marginal.laplace(y, modes)).sum(axis=0)
    step = 1e-4
    for i, d in enumerate(step * np.eye(4)):
        laplace = [marginal.laplace(y + sign * d, modes).evidence.sum() for sign in (1, -1)]
        assert scores[i] == pytest.approx((laplace[0] - laplace[1]) / (2 * step), rel=1e-5, abs=1e-5)
        integral = [surface.value(y + sign * d) for sign in (1, -1)]
        assert surface.score(y)[i] == pytest.approx((integral[0] - integral[1]) / (2 * step), rel=1e-4, abs=1e-4)


def test_subjects_move_with_the_group_as_their_errors_say() -> None:
    joint, structure = joint_of(crossover(5, 30), "alpha ~ drug")
    marginal = Marginal(joint, structure.design, Spread(2, "full", 0.02))
    y = np.array([0.1, -0.5, 1.1, 0.6, 0.1, 0.5])
    at = marginal.laplace(y, np.zeros((5, 2)))
    moves = _moves(marginal, y, at.modes, at.covariance)
    for i, d in enumerate(1e-4 * np.eye(6)):
        up, down = (marginal.laplace(y + sign * d, at.modes).modes for sign in (1, -1))
        np.testing.assert_allclose(moves[:, :, i], (up - down) / 2e-4, atol=1e-5)


def test_columns_are_centred_where_they_are_the_subjects_own() -> None:
    trials = crossover()
    design = structure_of(NAMES, trials, "alpha ~ group * drug + (drug | subject)").design
    assert design.labels == ("alpha", "alpha drug[T.verum]", "beta")
    assert [term for name, term in design.names if name == "alpha"] == [
        "Intercept", "group[T.patient]", "drug[T.verum]", "group[T.patient]:drug[T.verum]"
    ]  # fmt: skip
    patient = 1.0 * (np.arange(12) % 3 == 0)
    np.testing.assert_allclose(design.stacked[:, 0, :2], np.stack([np.ones(12), patient], axis=1), atol=1e-12)
    np.testing.assert_allclose(design.stacked[:, 1, 2:4], np.stack([np.ones(12), patient], axis=1), atol=1e-12)
    assert not design.fixed.any()
    assert design.companions.tolist() == [2, 2, 2, 2, 1]
    only = structure_of(NAMES, trials, "alpha ~ group * drug")
    assert only.design.fixed.tolist() == [False, False, True, True, False]
    assert only.cells is not None
    assert len(only.cells.subject) == 23
    cell_means = structure_of(NAMES, trials, "alpha ~ drug + (0 + drug | subject)").design
    assert cell_means.labels[:2] == ("alpha drug[placebo]", "alpha drug[verum]")
    np.testing.assert_allclose(cell_means.stacked[0, :2, :2], [[1, 0], [1, 1]], atol=1e-12)


def test_a_crossover_is_fitted_and_agrees_whatever_its_coding() -> None:
    trials = crossover(16, 100)
    fit = vs.fit(ANEW, trials, method="group", formula="alpha ~ drug", starts=2)
    assert isinstance(fit, vs.GroupFit)
    assert {str(v) for v in fit.group.verdicts} == {"converged"}
    row = fit.group_frame().set_index("effect").loc["drug[T.verum]"]
    assert row.lower < -1.2 < row.upper < 0.0
    assert row.df == np.inf
    dose = vs.fit(ANEW, trials, method="group", formula={"alpha": "dose"}, starts=2)
    assert dose.group.effects[1] == pytest.approx(0.5 * row.estimate, abs=1e-3)
    assert dose.group.evidence == pytest.approx(fit.group.evidence, abs=1e-3)
    table = fit.frame()
    assert list(table.columns[:3]) == ["subject", "drug", "alpha"]
    assert len(table) == 31
    assert ((table.alpha_lower < table.alpha) & (table.alpha < table.alpha_upper)).all()
    both = table[table.subject == 2].set_index("drug")
    assert both.alpha_z["verum"] - both.alpha_z["placebo"] == pytest.approx(fit.group.effects[1])
    assert both.beta["verum"] == both.beta["placebo"]
    assert list(fit.coefficients_frame().columns) == ["subject", "alpha", "alpha_se", "beta", "beta_se"]
    assert len(fit.coefficients_frame()) == 16
    latent = vs.latents(fit)
    np.testing.assert_allclose(latent.groupby(["subject", "drug"]).log_likelihood.sum(), fit.log_likelihood)


def test_shared_and_fixed_parameters() -> None:
    trials = crossover(10, 60)
    free = vs.fit(ANEW, trials, method="group", starts=2)
    shared = vs.fit(ANEW, trials, method="group", shared=["beta"], starts=2)
    assert isinstance(shared, vs.GroupFit)
    assert np.ptp(shared.natural[:, 1]) == 0.0
    assert shared.errors[0, 1] == pytest.approx(shared.natural[0, 1] * shared.group.errors[1])
    assert shared.n_group_parameters == 3
    assert free.group.evidence > shared.group.evidence
    at = vs.fit(ANEW, trials, method="group", fixed={"beta": float(shared.natural[0, 1])}, starts=2)
    assert at.group.evidence == pytest.approx(shared.group.evidence, abs=1e-4)
    assert at.group.effects[0] == pytest.approx(shared.group.effects[0], abs=1e-3)
    assert (at.errors[:, 1] == 0.0).all()
    other = vs.fit(ANEW, trials, method="group", fixed={"beta": 1.2 * float(shared.natural[0, 1])}, starts=2)
    assert other.group.evidence < at.group.evidence


def test_the_gradient_of_the_joint_posterior_with_conditions() -> None:
    joint, structure = joint_of(crossover(4, 30), "alpha ~ drug", shared=("beta",))
    density = GroupPosteriorDensity(joint, structure.design, np.array([0.1, 0.0, 1.0]), np.array([1.5, 1.5, 1.0]))
    at = np.random.default_rng(0).normal(0, 0.5, density.n_dimensions)
    difference = [(density(at + d)[0] - density(at - d)[0]) / 2e-5 for d in 1e-5 * np.eye(len(at))]
    np.testing.assert_allclose(density(at)[1], difference, atol=1e-6)


def test_a_learner_without_state_may_change_conditions_at_any_trial() -> None:
    @vs.learner(x=vs.real)
    def coin(p: Any, s: Any, t: Any) -> None:
        t.choose("choice", p.x)

    rng = np.random.default_rng(0)
    subject, cue = np.repeat(np.arange(20), 40), np.tile([0.0, 1.0], 400)
    p = 1 / (1 + np.exp(-(np.repeat(rng.normal(0, 0.5, 20), 40) + 1.5 * cue)))
    trials = vs.Trials.from_columns(
        subject=subject, columns={"choice": (rng.random(800) < p).astype(int), "cue": cue}, codings={"choice": 2}
    )
    fit = vs.fit(coin, trials, method="group", formula="x ~ cue", starts=1)
    assert fit.group.effects[1] == pytest.approx(1.5, abs=3 * fit.group.errors[1])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"formula": "alpha ~ drug + (drug | session)"}, vs.ModelError, r"\(terms \| subject\)"),
        ({"formula": "alpha ~ drug + (drug | subject) + (1 | subject)"}, vs.ModelError, "takes one"),
        ({"formula": "alpha ~ drug + (group | subject)"}, vs.ModelError, "group has one value a subject"),
        ({"formula": "alpha ~ drug + (drug + dose | subject)"}, vs.DataError, "cannot be told apart"),
        ({"formula": "alpha ~ drug", "fixed": {"alpha": 0.3}}, vs.ModelError, "fixed to a value"),
        ({"formula": "alpha ~ drug + (drug | subject)", "shared": "alpha"}, vs.ModelError, "alpha is shared"),
        ({"shared": ("alpha", "beta")}, vs.ModelError, "no parameter varies"),
        ({"shared": "gamma"}, vs.ModelError, "no parameter 'gamma'"),
        ({"fixed": {"gamma": 1.0}}, vs.ModelError, "no parameter 'gamma'"),
        ({"fixed": {"alpha": 1.0}}, vs.ModelError, "outside the open interval"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        vs.fit(ANEW, crossover(4, 10), method="group", **options)


def test_state_that_passes_into_another_condition_is_refused() -> None:
    trials = crossover(4, 10)
    with pytest.raises(vs.DataError, match=r"a condition changes here.*reset="):
        vs.fit(Q, trials, method="group", formula="alpha ~ drug")
    blocks = Q.variant("q_learning_blocks", reset={"block": ("Q",)})
    frame = trials.frame()
    order = frame.groupby(["subject", "session"]).cumcount()
    within = frame.assign(block=1 + (order >= 5), cue=1.0 * (order >= 5))
    apart = vs.read_trials(within, choices={"choice": 2})
    assert vs.fit(blocks, apart, method="group", formula="alpha ~ cue", starts=1).natural.shape == (8, 2)
    with pytest.raises(vs.DataError, match="a condition changes here"):
        vs.fit(ANEW, apart, method="group", formula="alpha ~ cue")


def test_conditions_in_words_are_saved_and_give_regressors_for_people(tmp_path: Path) -> None:
    frame = crossover(6, 30).frame()
    frame["onset"], frame["duration"] = 2.0 * frame.trial, 1.0
    trials = vs.read_trials(frame, choices={"choice": 2})
    fit = vs.fit(ANEW, trials, method="group", formula="alpha ~ drug", starts=1, polish=None)
    vs.save(fit, tmp_path)
    pd.testing.assert_frame_equal(vs.load_fit(tmp_path).frame(), fit.frame())
    table = vs.latents(fit)
    whole = trials.frame()
    assert list(table.columns[:4]) == ["subject", "drug", "session", "trial"]
    assert (table[["subject", "drug", "session", "trial"]] == whole[["subject", "drug", "session", "trial"]]).all(
        axis=None
    )
    own = fit.frame().set_index(["subject", "drug"])["log_likelihood"].sort_index()
    np.testing.assert_allclose(table.groupby(["subject", "drug"])["log_likelihood"].sum().sort_index(), own)
    files = vs.write_events(fit, tmp_path / "bids", "bandit")
    assert [file.name for file in files[:2]] == [
        "sub-1_ses-1_task-bandit_events.tsv",
        "sub-2_ses-1_task-bandit_events.tsv",
    ]
    told = pd.read_csv(files[1], sep="\t")
    expected = table[(table.subject.astype(str) == "2") & (table.session.astype(str) == "1")]
    np.testing.assert_allclose(told["prediction_error"], expected["prediction_error"])
    with pytest.raises(vs.ModelError, match="leave trials= out"):
        vs.latents(fit, trials)


def test_the_evidence_of_a_group_with_conditions_is_one_number() -> None:
    trials = crossover(4, 30)
    options: dict[str, Any] = {"method": "group", "starts": 1, "polish": None}
    parted = vs.fit(ANEW, trials, formula="alpha ~ drug", **options)
    assert np.isfinite(parted.integrated_bic)
    assert vs.evidence(parted, 2000).total == pytest.approx(parted.group.evidence, abs=1.0)  # Laplace's, without polish
