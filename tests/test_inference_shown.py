"""What results show of themselves at a prompt: one line, without arrays."""

from __future__ import annotations

import pytest

import versant as vs

Q, DUAL = vs.models.find("q_learning"), vs.models.find("q_learning_dual")
DESIGN = vs.Bandit(trials=30)


@pytest.fixture(scope="module")
def fits() -> list[vs.Fit]:
    trials = vs.simulate(Q, DESIGN, {"alpha": 0.3, "beta": 4.0}, subjects=4, seed=1)
    return [vs.fit(model, trials, starts=1) for model in (Q, DUAL)]


def test_a_learner_names_its_parameters() -> None:
    assert repr(Q) == "Learner(q_learning: alpha in (0, 1), beta in (0, inf))"


def test_results_show_themselves_in_one_line(fits: list[vs.Fit]) -> None:
    results = [
        vs.evidence(fits[0], draws=100),
        vs.loo(fits[0], draws=100),
        vs.compare(fits),
        vs.compare(fits, method="bms"),
        vs.predictive(fits[0], DESIGN, n=2),
        vs.recover(Q, DESIGN, 3, starts=1),
        vs.calibrate(Q, DESIGN, 3, starts=1, draws=9),
    ]
    for result in results:
        shown = repr(result)
        assert shown.startswith(f"{type(result).__name__}(")
        assert shown.endswith(")")
        assert "\n" not in shown
        assert "array" not in shown
        assert len(shown) < 200
    assert repr(results[0]).startswith("Evidence(q_learning: Laplace evidence ")
